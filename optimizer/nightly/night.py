"""The night in stages: pull, check, solve, verify, publish, record. Read `Night.run` first."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from optimizer.errors import (
    BAD_INPUT,
    DEFECT,
    INFEASIBLE,
    INTERRUPTED_INT,
    LIMIT_NO_PLAN,
    LIMIT_WITH_PLAN,
    OK,
    VERIFICATION_FAILED,
    AllotError,
    InputError,
    UsageError,
)
from optimizer.nightly import publish as plans
from optimizer.nightly.config import NightlyConfig, read_config
from optimizer.nightly.databases import find_database
from optimizer.nightly.ladder import DECOMPOSE, FULL, KEPT, SOFTENED, Climbed, Ladder, attempt_folder
from optimizer.nightly.lock import NightLock
from optimizer.nightly.pull import Pulled, pull
from optimizer.nightly.registry import RECORD, Entry, RunRecord, close_crashed
from optimizer.nightly.shelf import Shelf
from optimizer.nightly.store import Row, Store

Observer = Callable[[str], None]

WORST_FIRST = (INTERRUPTED_INT, DEFECT, VERIFICATION_FAILED, INFEASIBLE, LIMIT_NO_PLAN, BAD_INPUT, LIMIT_WITH_PLAN, OK)
TOLD_FINDINGS = 3
"""Findings about the input that are told in a reason; `allot check` tells all."""


@dataclass(frozen=True)
class NightOutcome:
    """How a night ended: the exit code, and in words what counts from now on."""

    exit_code: int
    summary: tuple[str, ...]


def run_night(
    config_file: Path,
    business_date: date | None = None,
    *,
    observe: Observer | None = None,
    stop: threading.Event | None = None,
) -> NightOutcome:
    """Plan and publish one business date. Call from the main thread.

    Raises `InputError` or `UsageError` for a wrong configuration, `LockedError` while another run is at work, and
    `StoreError` or `OutputError` where nothing can be recorded or written; the last plan stays what counts.
    """
    config, now = read_config(config_file), datetime.now(UTC)
    try:
        url = config.store_url()
        find_database(url, config.folder)  # a wrong address is refused before anything is written
    except UsageError as error:
        raise UsageError(f"{config_file.name}: {error}") from None
    with NightLock(config.publish_folder, now):
        store = Store(url, config.folder)
        try:
            when = business_date or config.business_date(now)
            night = Night(config, store, when, now, observe or (lambda line: None), stop or threading.Event())
            with store.exclusive(config.name):
                return night.run()
        finally:
            store.close()


def recover(config: NightlyConfig, store: Store, shelf: Shelf) -> list[str]:
    """After a crash: record it, remove what it left, let the links say what the store says. Returns the crashed runs.

    Only for who holds the lock of the publish folder; harmless where nothing crashed.
    """
    crashed = close_crashed(store, config.name)
    shelf.prepare()
    shelf.recover(current_ids(config, store), plans.abandoned(store, config.name))
    return crashed


def current_ids(config: NightlyConfig, store: Store) -> dict[str, str]:
    """The plan that counts of each scenario that the configuration still names."""
    found = plans.current(store, config.name)
    return {name: row["plan_id"] for name, row in found.items() if name in config.scenario_paths()}


class Night:
    """One run over all scenarios of a configuration. Each scenario ends with a plan of its own or keeps its last."""

    def __init__(
        self,
        config: NightlyConfig,
        store: Store,
        business_date: date,
        now: datetime,
        say: Observer,
        stop: threading.Event,
    ) -> None:
        self.config, self.store, self.business_date, self.now = config, store, business_date, now
        self.observe, self.stop = say, stop
        self.shelf = Shelf(config.publish_folder)
        self.ended: dict[str, Climbed] = {}
        """Scenarios that are through, with a plan of this key or without."""
        self.plan_ids: dict[str, str] = {}
        """The plans of this key, published by this run or before it."""
        self.fresh: set[str] = set()
        """Scenarios that this run published."""

    def run(self) -> NightOutcome:
        """Everything, in order; what goes wrong with one scenario does not touch the others."""
        crashed = recover(self.config, self.store, self.shelf)
        told = self.config.model_dump(mode="json", exclude={"store"})
        self.record = RunRecord(self.store, self.config.name, self.business_date, told)
        self._say(Entry("start", "done", f"after a crash of {', '.join(crashed)}" if crashed else ""))
        with self._recorded():
            pulled = self._pull()
            fresh = self._check(pulled)
            climbed = self._solve(fresh)
            ready = self._verify(climbed)
            self._publish(ready)
            return self._record()

    @contextmanager
    def _recorded(self) -> Iterator[None]:
        """Whatever stops the night is on record before it is told, as far as the store still takes it."""
        try:
            yield
        except BaseException as error:
            code = error.exit_code if isinstance(error, AllotError) else DEFECT
            try:
                self._say(Entry(RECORD, "failed", f"{type(error).__name__}: {error}", exit_code=code))
                self.shelf.clear()
            except AllotError:
                pass  # the first error is the one to tell; the next start notices and cleans up
            raise

    # -- stages ------------------------------------------------------------------------------------------------------
    def _pull(self) -> list[Pulled]:
        """Read every scenario; those that were published from the same inputs are through."""
        found, before = [], plans.current(self.store, self.config.name)
        for name in self.config.scenario_paths():
            try:
                rows = plans.last_rows(self.store, before.get(name))
                pulled = pull(self.config, name, self.business_date, self.now, rows, self.shelf.work)
            except AllotError as error:
                self._give_up("pull", name, error.exit_code, _words(error))
                continue
            self.record.inputs(pulled)
            known = plans.published(self.store, self.config.name, self.business_date.isoformat(), pulled)
            if known and not known["pruned_at"] and not self.shelf.plan_folder(known["plan_id"]).is_dir():
                self._give_up(
                    "pull", name, DEFECT, f"its published plan is not at {known['folder']} any more: restore it"
                )
                continue
            if known:
                self.ended[name] = Climbed(OK, known["step"], "published before from the same inputs")
                self.plan_ids[name] = known["plan_id"]
            else:
                found.append(pulled)
            state = "unchanged" if known else "done"
            self._say(Entry("pull", state, f"{len(pulled.tables)} tables, inputs {pulled.digest[:12]}", name))
        return found

    def _check(self, pulled: list[Pulled]) -> list[Pulled]:
        """Those whose tables are fresh and whole, as far as the configuration asks."""
        passed = []
        for each in pulled:
            words = "; ".join(finding.words for finding in each.findings)
            if any(finding.stops for finding in each.findings):
                self._give_up("check", each.name, BAD_INPUT, words)
            else:
                self._say(Entry("check", "warned" if words else "done", words, each.name))
                passed.append(each)
        return passed

    def _solve(self, pulled: list[Pulled]) -> list[tuple[Pulled, Climbed]]:
        """Climb the ladder for each scenario."""
        settings = self.config.attempt_settings(self.business_date)
        ladder = Ladder(self.config, settings, self.shelf.work, self.stop, self._say)
        found = []
        for each in pulled:
            if self.stop.is_set():
                self._give_up("solve", each.name, INTERRUPTED_INT, "interrupted")
                continue
            climbed = ladder.climb(each)
            if climbed.folder:
                found.append((each, climbed))
            else:
                self.ended[each.name] = climbed
                self._keep_failed(each.name)
        return found

    def _verify(self, climbed: list[tuple[Pulled, Climbed]]) -> list[plans.Ready]:
        """Judge each folder once more, against the inputs as they are now: they must be those that were pulled."""
        from optimizer.proof import certify

        ready = []
        for pulled, found in climbed:
            assert found.folder is not None
            try:
                verdict = certify(found.folder)
                failures = verdict.all_failures
            except AllotError as error:
                failures = [_words(error)]
            if plans.inputs_of(found.folder) != pulled.table_digests():
                failures = ["the inputs changed while they were planned with", *failures]
            if failures:
                self._give_up("verify", pulled.name, VERIFICATION_FAILED, "; ".join(failures[:TOLD_FINDINGS]))
                continue
            self._say(Entry("verify", "done", f"{len(verdict.report.rules)} rules kept", pulled.name, found.step))
            ready.append(plans.Ready(pulled, found.step, found.exit_code, found.folder))
            self.ended[pulled.name] = found
        return ready

    def _publish(self, ready: list[plans.Ready]) -> None:
        """Folders first, then the one transaction that decides, then the links that follow from it."""
        if not ready:
            return
        placed = [
            plans.Ready(each.pulled, each.step, each.exit_code, self.shelf.place(each.folder, each.pulled.plan_id))
            for each in ready
        ]
        plans.publish(self.store, self.record, self.config.name, self.business_date.isoformat(), placed)
        self.shelf.recover(current_ids(self.config, self.store), ())
        for each in placed:
            self.shelf.forget_failed(each.pulled.name)
            self.plan_ids[each.pulled.name] = each.pulled.plan_id
            self.fresh.add(each.pulled.name)
            self.observe(f"publish {each.pulled.name}: {each.folder}")

    def _record(self) -> NightOutcome:
        """What the night came to: the last event, the status, the words."""
        current = plans.current(self.store, self.config.name)
        code = min((climbed.exit_code for climbed in self.ended.values()), key=WORST_FIRST.index)
        state = self._state()
        lines = tuple(self._line(name, climbed, current.get(name)) for name, climbed in self.ended.items())
        self.shelf.say(self._status(state, code, current))
        self._say(Entry(RECORD, state, "; ".join(lines), exit_code=code))
        self.shelf.clear()
        return NightOutcome(code, (f"run       {self.record.run_id}: {state}", *lines))

    def _state(self) -> str:
        """What the night came to, in one word."""
        if any(climbed.exit_code == INTERRUPTED_INT for climbed in self.ended.values()):
            return "interrupted"
        if any(climbed.step == KEPT for climbed in self.ended.values()):
            return "partial" if self.fresh else "kept"
        return "published" if self.fresh else "unchanged"

    # -- words -------------------------------------------------------------------------------------------------------
    def _line(self, name: str, climbed: Climbed, plan: Row | None) -> str:
        if name in self.plan_ids:
            told = f"{name}: plan {self.plan_ids[name]}, {climbed.step}, {climbed.reason}"
            newer = plan is not None and plan["plan_id"] != self.plan_ids[name]
            return told + (f"; a newer plan goes on to count: {plan['plan_id']}" if plan and newer else "")
        if plan is None:
            return f"{name}: there is no plan at all: {climbed.reason}"
        return f"{name}: kept the plan of {plan['business_date']} ({plan['plan_id']}): {climbed.reason}"

    def _status(self, state: str, code: int, current: dict[str, Row]) -> dict[str, Any]:
        named = {}
        for name, climbed in self.ended.items():
            plan = current.get(name)
            named[name] = {
                "plan_id": plan and plan["plan_id"],
                "business_date": plan and plan["business_date"],
                "kept": climbed.step == KEPT,
                "step": climbed.step,
                "reason": climbed.reason,
            }
        return {
            "run_id": self.record.run_id,
            "business_date": self.business_date.isoformat(),
            "state": state,
            "exit_code": code,
            "scenarios": named,
        }

    def _give_up(self, stage: str, name: str, code: int, reason: str) -> None:
        """A scenario keeps its last plan; the reason is on record."""
        self.ended[name] = Climbed(code, KEPT, reason)
        self._say(Entry(stage, "failed", reason, name, exit_code=code))

    def _keep_failed(self, name: str) -> None:
        """What the last attempt left, for whoever looks in the morning."""
        left = [attempt_folder(self.shelf.work, name, step) for step in (DECOMPOSE, SOFTENED, FULL)]
        written = [folder for folder in left if (folder / "run.json").is_file()]
        if written:
            self.shelf.keep_failed(written[0], name)

    def _say(self, entry: Entry) -> None:
        self.record.say(entry)
        told = " ".join(part for part in (entry.scenario, entry.step, entry.state) if part)
        self.observe(f"{entry.stage:<8}{told}" + (f": {entry.reason}" if entry.reason else ""))


def _words(error: AllotError) -> str:
    """An error in one line: of many findings the first few."""
    if not isinstance(error, InputError):
        return str(error)
    more = len(error.issues) - TOLD_FINDINGS
    told = "; ".join(issue.text() for issue in error.issues[:TOLD_FINDINGS])
    return told + (f"; and {more} more" if more > 0 else "")
