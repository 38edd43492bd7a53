"""Between two simulated nights people decide about plans, pin order lines, remove old plans. Some are killed."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from optimizer.nightly import overrides
from optimizer.nightly.approval import Decision, approve, reject, release
from optimizer.nightly.config import NightlyConfig, read_config
from optimizer.nightly.prune import prune
from optimizer.nightly.store import Store
from tests.nightly.invariants import Site, processes_of
from tests.nightly.nights import DOWN, command, environment

PRUNE_EVERY, KEEP_DAYS = 15, 12
DEATH_S = 10
"""How long what a killed command started may take to die: the kernel kills it, one process after the other."""


def die(process: subprocess.Popen[bytes], home: Path) -> int:
    """SIGKILL, and wait until nothing works for ``home`` any more; the exit code."""
    process.send_signal(signal.SIGKILL)
    code = process.wait()
    until = time.monotonic() + DEATH_S
    while processes_of(home) and time.monotonic() < until:
        time.sleep(0.02)
    return code


@dataclass
class People:
    """The day after each night, by one configuration."""

    config: Path
    site: Site
    dice: random.Random
    done: Counter[str] = field(default_factory=Counter)

    def day(self, number: int, when: date, *, last: bool) -> None:
        """Look at what waits, and now and then at old plans; ``when`` is the date to be planned. The receiver of events
        may be down, but for the ``last`` day."""
        down = self.config.parent / DOWN
        if not last and self.dice.random() < 0.3:
            down.touch()
        else:
            down.unlink(missing_ok=True)
        for plan in self._waiting():
            self._decide(plan)
        if number % PRUNE_EVERY == PRUNE_EVERY - 1:
            days = (datetime.now(UTC).date() - when).days + KEEP_DAYS
            if not self._killed("runs", "prune", self.config, "--keep-days", days):
                self.done["pruned"] += len(prune(self.config, days, dry_run=False).plans)

    def pin(self, when: date) -> None:
        """Carl withdraws what he wanted before, and sometimes wants a unit of the evening's first order from N."""
        config = read_config(self.config)
        store = Store(config.store_url(), config.folder, must_exist=True)
        try:
            self._pin(store, config, when)
        finally:
            store.close()

    def _pin(self, store: Store, config: NightlyConfig, when: date) -> None:
        known = [row["override_id"] for row in overrides.of_scenario(store, config.name, "scenario")]
        if known:
            overrides.withdraw(store, config.name, known, "carl", "a new day")
        if self.dice.random() < 0.25:
            wanted = overrides.Override("scenario", f"{when:%m%d}-0", "1", "N", "at_least", 1, "promised", "carl")
            overrides.make(store, config, wanted)
            self.done["pinned"] += 1

    def _waiting(self) -> list[str]:
        states = "SELECT plan_id FROM plan_states WHERE state IN ('draft', 'approved') ORDER BY number"
        return [plan for (plan,) in self.site.read(states)]

    def _decide(self, plan: str) -> None:
        """Leave it, reject it, or approve and release it; a command that is killed may have done it or not."""
        chosen = self.dice.choice(("leave", "reject", "release", "release", "release"))
        if chosen == "leave":
            return
        if chosen == "reject":
            reject(Decision(plan, "ben", "too far from yesterday"), self.config)
        else:
            for step in ("approve", "release"):
                self._killed(step, plan, "--config", self.config, "--by", "anna")
            if self._state(plan) == "draft":
                approve(Decision(plan, "anna"), self.config)
            if self._state(plan) == "approved":
                release(Decision(plan, "anna"), self.config)
        self.done[chosen] += 1

    def _state(self, plan: str) -> str:
        [(state,)] = self.site.read(f"SELECT state FROM plan_states WHERE plan_id = '{plan}'")
        return str(state)

    def _killed(self, *words: object) -> bool:
        """In one of four cases the command runs and is killed at a random moment; whether it was."""
        if self.dice.random() >= 0.25:
            return False
        process = subprocess.Popen(
            command(*words), env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(self.dice.uniform(0.2, 2))
        self.done["killed" if die(process, self.site.home) else "too late to kill"] += 1
        return True
