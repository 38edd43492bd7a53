"""The fallback ladder: what is tried in which order until there is a plan that may be published."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
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
    VerificationError,
)
from optimizer.nightly.attempt import Attempt, Order, attempt
from optimizer.nightly.config import NightlyConfig
from optimizer.nightly.pull import Pulled
from optimizer.nightly.registry import Entry

FULL, AT_LIMIT, DECOMPOSE, SOFTENED = "full", "limit", "decompose", "softened"
RULES, KEPT = "rules", "kept"
"""The steps, as the record names them: planned to the wanted gap, the best verified plan at the limit, planned by our
own engine, planned with rules lowered by the cheapest repair, planned by rules without any engine, and the last plan
kept."""
ENGINE_OF = {DECOMPOSE: "decompose", RULES: "rules"}
"""The engine of steps that replace the scenario's."""

Say = Callable[[Entry], None]


@dataclass(frozen=True)
class Climbed:
    """Where a scenario came to rest: a folder with a plan and the step that made it, or why there is none."""

    exit_code: int
    step: str
    reason: str
    folder: Path | None = None


class Ladder:
    """Tries the steps for one scenario; every attempt is told to ``say`` when it begins and when it ends."""

    def __init__(
        self, config: NightlyConfig, settings: tuple[str, ...], work: Path, stop: threading.Event, say: Say
    ) -> None:
        self.config, self.settings, self.work, self.stop, self.say = config, settings, work, stop, say

    def climb(self, pulled: Pulled) -> Climbed:
        """The first step that brings a plan within the largest gap; else the reason of the last attempt.

        What an attempt wrote may be beyond reading: no step is taken on a guess about it.
        """
        try:
            return self._climb(pulled)
        except VerificationError as error:
            self.say(Entry("solve", "failed", str(error), pulled.name, KEPT, error.exit_code))
            return Climbed(error.exit_code, KEPT, str(error))

    def _climb(self, pulled: Pulled) -> Climbed:
        first = self._try(pulled, FULL)
        if first.folder or first.exit_code in (BAD_INPUT, INTERRUPTED_INT):
            return first
        if first.exit_code == INFEASIBLE:
            return self._try(pulled, SOFTENED) if self.config.failure.infeasible == "soften" else first
        if self.config.failure.no_plan == "keep":
            return first
        if self._engine(pulled, FULL) == DECOMPOSE:
            self.say(Entry("solve", "skipped", "decompose was the engine already", pulled.name, DECOMPOSE))
            second = first
        else:
            second = self._try(pulled, DECOMPOSE)
            if second.folder or second.exit_code == INTERRUPTED_INT:
                return second
            second = Climbed(second.exit_code, KEPT, f"{first.reason}; then decompose: {second.reason}")
        return self._by_rules(pulled, second) if self.config.failure.no_plan == "rules" else second

    def _by_rules(self, pulled: Pulled, before: Climbed) -> Climbed:
        """The last attempt, without any engine; a plan whose gap is too large it cannot better."""
        if any(self._has_plan(pulled, step) for step in (FULL, DECOMPOSE)):
            self.say(Entry("solve", "skipped", "an engine's plan has a smaller gap", pulled.name, RULES))
            return before
        last = self._try(pulled, RULES)
        if last.folder or last.exit_code == INTERRUPTED_INT:
            return last
        return Climbed(before.exit_code, KEPT, f"{before.reason}; then rules: {last.reason}")

    def _has_plan(self, pulled: Pulled, step: str) -> bool:
        """Whether an attempt left a verified plan, published or not."""
        return read_run(attempt_folder(self.work, pulled.name, step)).get("objective_value") is not None

    def _try(self, pulled: Pulled, step: str) -> Climbed:
        """One attempt, recorded."""
        out = attempt_folder(self.work, pulled.name, step)
        self.say(Entry("solve", "started", "", pulled.name, step))
        engine = (f"solve.engine={ENGINE_OF[step]}",) if step in ENGINE_OF else ()
        frozen = bool(pulled.frozen)
        outside = self.config.allow_outside or frozen or bool(pulled.overrides)  # where the others lie was judged
        order = Order(
            scenario=str(pulled.path),
            out=str(out),
            settings=(*self.settings, *pulled.frozen, *engine),
            soften=step == SOFTENED,
            allow_outside=outside,
            fmt=self.config.rows.file_format(pulled.rows("order_lines")),
            bundle=frozen or self.config.release.keep_inputs,
        )
        wall = float(self.config.limits.wall_limit_s)
        ended = attempt(order, out.with_suffix(".log"), self.work, wall, self.stop)
        found = self._judge(ended, out, step)
        state, reached = ("done", found.step) if found.folder else ("failed", step)
        self.say(Entry("solve", state, found.reason, pulled.name, reached, found.exit_code))
        return found

    def _engine(self, pulled: Pulled, step: str) -> str:
        run = read_run(attempt_folder(self.work, pulled.name, step))
        return str(run.get("engine", {}).get("name", ""))

    def _judge(self, ended: Attempt, out: Path, step: str) -> Climbed:
        """What an attempt's end means for the night."""
        limit = f"{self.config.limits.wall_limit_s:f}"
        if self.stop.is_set():
            return Climbed(INTERRUPTED_INT, KEPT, "interrupted")
        if ended.timed_out:
            return Climbed(LIMIT_NO_PLAN, KEPT, f"killed at the wall limit of {limit} s")
        if ended.exit_code not in (OK, LIMIT_WITH_PLAN):
            return _without_plan(ended)
        run = read_run(out)
        gap, detail = proven_gap(run), run.get("termination", {}).get("detail", "")
        said = f"; the engine: {detail}" if detail else ""
        if gap is None or gap > self.config.limits.max_gap:
            shown = "no bound" if gap is None else f"a gap of {gap * 100:.4f} %"
            most = f"at most {self.config.limits.max_gap * 100:f} % is published"
            return Climbed(LIMIT_NO_PLAN, KEPT, f"a verified plan, but {shown}: {most}{said}")
        reached = step if step != FULL or ended.exit_code == OK else AT_LIMIT
        return Climbed(ended.exit_code, reached, f"verified, gap {gap * 100:.4f} %{said}", out)


def _without_plan(ended: Attempt) -> Climbed:
    """What an exit code says, or the signal that ended a process; libraries that give up have codes of their own."""
    known = {INFEASIBLE: "the hard rules cannot all hold", LIMIT_NO_PLAN: "no plan within the limit",
             VERIFICATION_FAILED: "the checker rejected the plan", DEFECT: "planning failed",
             BAD_INPUT: "planning failed"}  # fmt: skip
    code = ended.exit_code
    killed = f"the planning process was killed by signal {-code}"
    reason = known.get(code, killed if code < 0 else f"the planning process ended with exit code {code}")
    return Climbed(code if code in known else DEFECT, KEPT, reason + (f": {ended.words}" if ended.words else ""))


def attempt_folder(work: Path, scenario: str, step: str) -> Path:
    """Where an attempt writes its run folder."""
    return work / f"{scenario}-{step}"


def read_run(folder: Path) -> dict[str, Any]:
    """`run.json` of a folder with exact numbers, empty if there is none; `VerificationError` if it is unreadable."""
    path = folder / "run.json"
    try:
        found = json.loads(path.read_bytes(), parse_float=Decimal, parse_int=Decimal)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise VerificationError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if not isinstance(found, dict):
        raise VerificationError(f"{path} is not of a run")
    return found


def proven_gap(run: dict[str, Any]) -> Decimal | None:
    """The gap that counts: the engine's; the certified one for our own engine, for rules, and where it is asked for."""
    engine = run.get("engine", {}).get("name")
    certified = run.get("certified_gap")
    claimed = certified if engine in ENGINE_OF.values() or run.get("require_certified") else run.get("rel_gap")
    return claimed if isinstance(claimed, Decimal) else None
