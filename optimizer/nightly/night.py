"""The night in stages: pull, check, solve, verify, publish, record. Read `Night.run` first."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    VerificationError,
)
from optimizer.nightly import governance, night_figures, overrides
from optimizer.nightly import publish as plans
from optimizer.nightly.approval import plan_words
from optimizer.nightly.audit import head
from optimizer.nightly.config import NightlyConfig, read_config
from optimizer.nightly.databases import find_database
from optimizer.nightly.hooks.telling import Teller
from optimizer.nightly.ladder import DECOMPOSE, FULL, KEPT, RULES, SOFTENED, Climbed, Ladder, attempt_folder
from optimizer.nightly.lock import NightLock
from optimizer.nightly.outbound.shelf import OutboundShelf
from optimizer.nightly.plan_states import NIGHT, WAITING, waiting
from optimizer.nightly.pull import Pulled, pull
from optimizer.nightly.recovery import follow_store, recover
from optimizer.nightly.registry import RECORD, Entry, RunRecord
from optimizer.nightly.shelf import Shelf
from optimizer.nightly.store import WRITE, Row, Store
from optimizer.nightly.watch import Listener, Watch, watching

if TYPE_CHECKING:
    from sqlalchemy import Connection

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
    author: str = NIGHT,
    observe: Observer | None = None,
    stop: threading.Event | None = None,
    listeners: Sequence[Listener] = (),
) -> NightOutcome:
    """Plan and publish one business date. Call from the main thread. ``author``: who makes the plans.

    ``listeners`` hear of it beside those that the configuration names.

    Raises `InputError` or `UsageError` for a wrong configuration, `LockedError` while another run is at work, and
    `StoreError` or `OutputError` where nothing can be recorded or written; the last plan stays what counts.
    """
    config, now = read_config(config_file), datetime.now(UTC)
    try:
        url = config.store_url()
        find_database(url, config.folder)  # a wrong address is refused before anything is written
    except UsageError as error:
        raise UsageError(f"{config_file.name}: {error}") from None
    say = observe or (lambda line: None)
    with NightLock(config.publish_folder, now), watching(config, listeners, say, now) as watch:
        store = Store(url, config.folder)
        try:
            when = business_date or config.business_date(now)
            night = Night(config, store, when, now, say, stop or threading.Event(), watch,
                          author=author, config_file=config_file.resolve())  # fmt: skip
            with store.exclusive(config.name):
                return night.run()
        finally:
            store.close()


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
        watch: Watch,
        *,
        author: str,
        config_file: Path,
    ) -> None:
        self.config, self.store, self.business_date, self.now = config, store, business_date, now
        self.watch = watch
        self.observe, self.stop = say, stop
        self.author, self.config_file = author, config_file
        self.shelf = Shelf(config.publish_folder)
        self.outbound, self.teller = OutboundShelf(self.shelf), Teller(config, business_date)
        self.ended: dict[str, Climbed] = {}
        """Scenarios that are through, with a plan of this key or without."""
        self.plan_ids: dict[str, str] = {}
        """The plans of this key, published by this run or before it."""
        self.fresh: set[str] = set()
        """Scenarios that this run published."""
        self.status: dict[str, Any] = {}
        """What `status.json` says, once the night came to its end."""

    def run(self) -> NightOutcome:
        """Everything, in order; what goes wrong with one scenario does not touch the others."""
        crashed = recover(self.config, self.store, self.shelf, self.teller.crashed)
        told = self.config.model_dump(mode="json", exclude={"store"})
        self.record = RunRecord(self.store, self.config.name, self.business_date, told)
        self.watch.begin(self.record.run_id, self.business_date)
        self._say(Entry("start", "done", f"after a crash of {', '.join(crashed)}" if crashed else ""))
        with self._recorded():
            pulled = self._pull()
            fresh = self._check(pulled)
            climbed = self._solve(fresh)
            ready = self._verify(climbed)
            self._publish(self._count(ready))
            outcome = self._record()
        self._tell()
        return outcome

    @contextmanager
    def _recorded(self) -> Iterator[None]:
        """Whatever stops the night is on record before it is told, as far as the store still takes it."""
        try:
            yield
        except BaseException as error:
            code = error.exit_code if isinstance(error, AllotError) else DEFECT
            try:
                reason = f"{type(error).__name__}: {error}"
                self._say(
                    Entry(RECORD, "failed", reason, exit_code=code),
                    lambda connection: self.teller.failed(connection, self.record.run_id, code, reason),
                )
                self._tell()
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
                kept = overrides.of_scenario(self.store, self.config.name, name)
                pulled = pull(self.config, name, self.business_date, self.now, rows, self.shelf.work, kept)
            except AllotError as error:
                self._give_up("pull", name, error.exit_code, _words(error))
                continue
            self.record.inputs(pulled)
            self.watch.pulled(pulled)
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
            failures = []
            try:
                if plans.inputs_of(found.folder) != pulled.table_digests():
                    failures.append("the inputs changed while they were planned with")
                verdict = certify(found.folder)
                failures += verdict.all_failures
            except AllotError as error:
                failures.append(_words(error))
            if failures:
                self._give_up("verify", pulled.name, VERIFICATION_FAILED, "; ".join(failures[:TOLD_FINDINGS]))
                continue
            self._say(Entry("verify", "done", f"{len(verdict.report.rules)} rules kept", pulled.name, found.step))
            ready.append(plans.Ready(pulled, found.step, found.exit_code, found.folder))
            self.ended[pulled.name] = found
        return ready

    def _count(self, ready: list[plans.Ready]) -> list[plans.Ready]:
        """Outbound files where the configuration asks for them; a plan whose files do not add up is not published."""
        if self.config.outbound is None:
            return ready
        counted = []
        for each in ready:
            try:
                self.outbound.make(each.folder, each.pulled.plan_id, self.config.outbound.format)
            except (InputError, VerificationError) as error:
                self._give_up("outbound", each.pulled.name, VERIFICATION_FAILED, _words(error))
                continue
            self._say(Entry("outbound", "done", "the files add up", each.pulled.name, each.step))
            counted.append(each)
        return counted

    def _publish(self, ready: list[plans.Ready]) -> None:
        """Folders first, then the one transaction that decides, then the links that follow from it."""
        if not ready:
            return
        placed = [
            plans.Ready(each.pulled, each.step, each.exit_code, self.shelf.place(each.folder, each.pulled.plan_id))
            for each in ready
        ]
        for plan_id in self.outbound.made:
            self.outbound.place_made(plan_id)
        date_text = self.business_date.isoformat()
        plans.publish(self.store, self.record, self.config.name, date_text, placed, self._with_plan)
        follow_store(self.config, self.store, self.shelf)
        for each in placed:
            self.shelf.forget_failed(each.pulled.name)
            self.plan_ids[each.pulled.name] = each.pulled.plan_id
            self.fresh.add(each.pulled.name)
            self.observe(f"publish {each.pulled.name}: {each.folder}")

    def _with_plan(self, connection: Connection, plan: plans.Ready) -> None:
        """What becomes visible with a plan, in the transaction that publishes it."""
        if plan.pulled.plan_id in self.outbound.made:
            self.outbound.store(connection, plan.pulled.plan_id, lines=plans.rows_in_store(plan))
        released, moves = governance.settle(connection, self.config, self.business_date, self.author, plan)
        self.teller.published(connection, self.record.run_id, plan, moves, released=released)

    def _record(self) -> NightOutcome:
        """What the night came to: the last event, the status, the words."""
        current = plans.current(self.store, self.config.name)
        self.states = governance.states(self.store, self.config.name)
        code = min((climbed.exit_code for climbed in self.ended.values()), key=WORST_FIRST.index)
        state = self._state()
        lines = tuple(self._line(name, climbed, current.get(name)) for name, climbed in self.ended.items())
        self._record_figures()
        self.status = self._status(state, code, current)
        self.shelf.say(self.status)
        self.watch.concluded(state, code, "; ".join(lines), current)

        def tell_kept(connection: Connection) -> None:
            for name, climbed in self.ended.items():
                if climbed.step == KEPT:
                    self.teller.kept(connection, self.record.run_id, name, climbed, current.get(name))

        self._say(Entry(RECORD, state, "; ".join(lines), exit_code=code), tell_kept)
        return NightOutcome(code, (f"run       {self.record.run_id}: {state}", *lines))

    def _record_figures(self) -> None:
        with self.store.transaction(WRITE) as connection:
            run_id, seconds = self.record.run_id, self.record.seconds
            night_figures.record_night(connection, self.config.name, run_id, self.business_date, seconds)

    def _tell(self) -> None:
        """Deliver events, once everything is on record. Whatever goes wrong here is told, and fails nothing."""
        try:
            told = self.teller.deliver(self.store, self.stop, self.observe)
            if told and self.status:
                self.shelf.say({**self.status, "hooks": told.as_json()})
            self.shelf.clear()
        except AllotError as error:
            self.observe(str(error))

    def _state(self) -> str:
        """What the night came to, in one word."""
        if any(climbed.exit_code == INTERRUPTED_INT for climbed in self.ended.values()):
            return "interrupted"
        if any(climbed.step == KEPT for climbed in self.ended.values()):
            return "partial" if self.fresh else "kept"
        waits = any(self.states[self.plan_ids[name]]["state"] in WAITING for name in self.fresh)
        return "waiting" if waits else "published" if self.fresh else "unchanged"

    # -- words -------------------------------------------------------------------------------------------------------
    def _line(self, name: str, climbed: Climbed, plan: Row | None) -> str:
        if name in self.plan_ids:
            told = f"{name}: plan {self.plan_ids[name]}, {climbed.step}, {climbed.reason}"
            return told + governance.state_words(self.states[self.plan_ids[name]], plan)
        if plan is None:
            return f"{name}: there is no plan at all: {climbed.reason}"
        return f"{name}: kept the plan of {plan['business_date']} ({plan['plan_id']}): {climbed.reason}"

    def _status(self, state: str, code: int, current: dict[str, Row]) -> dict[str, Any]:
        named, waits = {}, waiting(self.store, self.config.name)
        for name, climbed in self.ended.items():
            named[name] = {
                **plan_words(current.get(name), waits.get(name)),
                "kept": climbed.step == KEPT,
                "step": climbed.step,
                "reason": climbed.reason,
            }
        with self.store.transaction() as connection:
            audit_head = head(connection)
        return {
            "run_id": self.record.run_id,
            "business_date": self.business_date.isoformat(),
            "state": state,
            "exit_code": code,
            "scenarios": named,
            "config": str(self.config_file),
            "audit": audit_head,
        }

    def _give_up(self, stage: str, name: str, code: int, reason: str) -> None:
        """A scenario keeps its last plan; the reason is on record."""
        self.ended[name] = Climbed(code, KEPT, reason)
        self._say(Entry(stage, "failed", reason, name, exit_code=code))

    def _keep_failed(self, name: str) -> None:
        """What the last attempt left, for whoever looks in the morning."""
        left = [attempt_folder(self.shelf.work, name, step) for step in (DECOMPOSE, SOFTENED, FULL, RULES)]
        written = [folder for folder in left if (folder / "run.json").is_file()]
        if written:
            self.shelf.keep_failed(written[0], name)

    def _say(self, entry: Entry, also: Callable[[Connection], None] = lambda connection: None) -> None:
        """Record an event, and ``also`` what goes with it, in one transaction; then show it."""
        with self.store.transaction(WRITE) as connection:
            self.record.say_within(connection, entry)
            also(connection)
        self.watch.hear(entry)
        told = " ".join(part for part in (entry.scenario, entry.step, entry.state) if part)
        self.observe(f"{entry.stage:<8}{told}" + (f": {entry.reason}" if entry.reason else ""))


def _words(error: AllotError) -> str:
    """An error in one line: of many findings the first few."""
    if not isinstance(error, InputError):
        return str(error)
    more = len(error.issues) - TOLD_FINDINGS
    told = "; ".join(issue.text() for issue in error.issues[:TOLD_FINDINGS])
    return told + (f"; and {more} more" if more > 0 else "")
