"""What people decide about plans: approve, reject, release. The store decides, links and status follow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optimizer.errors import AllotError, UsageError, VerificationError
from optimizer.nightly import plan_states
from optimizer.nightly.audit import PLAN, Transition, append, head
from optimizer.nightly.config import NightlyConfig, read_config
from optimizer.nightly.hooks.deliver import deliver
from optimizer.nightly.hooks.outbox import emit
from optimizer.nightly.lock import NightLock
from optimizer.nightly.plan_states import APPROVED, DRAFT, REJECTED, RELEASED, WAITING, demand_state
from optimizer.nightly.publish import current
from optimizer.nightly.recovery import follow_store
from optimizer.nightly.shelf import PLANS, STATUS, Shelf
from optimizer.nightly.store import WRITE, Row, Store, select

if TYPE_CHECKING:
    from sqlalchemy import Connection

MOST_TOLD = 3
"""Failures of a plan that are told; `allot certify` tells all."""


@dataclass(frozen=True)
class Decision:
    """What somebody wants: ``wanted`` is a plan's id, a scenario's name, or a published run folder."""

    wanted: str
    who: str
    reason: str = ""


def approve(decision: Decision, config: Path | None = None) -> list[str]:
    """Approve a draft, and release it at once where the policy says so. Returns what happened, in words.

    Raises `UsageError` (exit 2) where the policy or the state of the plan forbids it, `LockedError` during a night.
    """
    with _desk(decision, config) as desk:
        plan = desk.find((DRAFT,))
        said = desk.take(plan, APPROVED)
        if desk.config.release.approval_releases:
            return [said, *desk.release(plan)]
        return [said, "allot release makes it count"]


def reject(decision: Decision, config: Path | None = None) -> list[str]:
    """Reject a plan that waits: it never counts. A reason is needed."""
    if not decision.reason.strip():
        raise UsageError("a rejection needs a reason: --reason TEXT")
    with _desk(decision, config) as desk:
        plan = desk.find(WAITING)
        return [desk.take(plan, REJECTED), *desk.follow(plan["scenario"])]


def release(decision: Decision, config: Path | None = None) -> list[str]:
    """Let an approved plan count from now on, after its folder was judged once more.

    Raises `VerificationError` (exit 6) if the folder is gone, changed, or does not hold against its inputs.
    """
    with _desk(decision, config) as desk:
        return desk.release(desk.find((APPROVED,)))


@contextmanager
def _desk(decision: Decision, config: Path | None) -> Iterator[Desk]:
    """Where one decision is taken: the configuration's store and folder, locked against a night at work."""
    settings = read_config(config or _config_of(Path(decision.wanted)))
    approvers = settings.release.approvers
    if approvers and decision.who.casefold() not in {name.casefold() for name in approvers}:
        raise UsageError(f"{decision.who} may not decide about plans of {settings.name}: {', '.join(approvers)} may")
    store = Store(settings.store_url(), settings.folder, must_exist=True)
    try:
        with NightLock(settings.publish_folder, datetime.now(UTC)), store.exclusive(settings.name):
            yield Desk(settings, store, decision)
            with suppress(AllotError):  # decided is decided: the next night tells of it again
                deliver(store, settings)
    finally:
        store.close()


def _config_of(folder: Path) -> Path:
    """The configuration that a published run folder belongs to, as the status beside it says."""
    plan = folder.resolve()
    status = read_status(plan.parent.parent) if plan.parent.name == PLANS else {}
    if not isinstance(status.get("config"), str):
        raise UsageError(f"{folder} is no published run folder: name one (plans/ID), or say --config CONFIG")
    return Path(status["config"])


def read_status(publish_folder: Path) -> dict[str, Any]:
    """`status.json` of a publish folder; empty if there is none that can be read."""
    try:
        found = json.loads((publish_folder / STATUS).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


class Desk:
    """One decision, held against the state of a plan and the policy. Only for who holds the lock."""

    def __init__(self, config: NightlyConfig, store: Store, decision: Decision) -> None:
        self.config, self.store, self.decision = config, store, decision

    def find(self, expected: tuple[str, ...]) -> Row:
        """The plan that is meant. A scenario's name means its last plan in one of the ``expected`` states."""
        wanted, name = self.decision.wanted, Path(self.decision.wanted).resolve().name
        with self.store.transaction() as connection:
            query = "SELECT * FROM plans WHERE config = :config AND (plan_id = :wanted OR plan_id = :name)"
            found = select(connection, query, config=self.config.name, wanted=wanted, name=name)
            if found:
                return found[0]
            if wanted not in self.config.scenario_paths():
                raise UsageError(f"{wanted} is no plan, no published run folder and no scenario of {self.config.name}")
            known = select(
                connection,
                "SELECT p.*, s.state FROM plans AS p JOIN plan_states AS s ON s.plan_id = p.plan_id "
                "WHERE p.config = :config AND p.scenario = :scenario ORDER BY p.number DESC",
                config=self.config.name, scenario=wanted,
            )  # fmt: skip
        meant = [row for row in known if row["state"] in expected]
        if not meant:
            last = f"; its last plan {known[0]['plan_id']} is {known[0]['state']}" if known else ""
            raise UsageError(f"no plan of {wanted} is {' or '.join(expected)}{last}")
        return meant[0]

    def take(self, plan: Row, state: str) -> str:
        """Take a plan to a state, as far as that is allowed; says so in words."""
        who, reason = self.decision.who, self.decision.reason
        with self.store.transaction(WRITE) as connection:
            self._demand(connection, plan, state)
            if state == RELEASED:
                plan_states.release(connection, plan, who, reason)
            else:
                append(connection, Transition(self.config.name, PLAN, plan["plan_id"], state, who, reason))
            which = {name: plan[name] for name in ("scenario", "plan_id", "business_date", "run_id")}
            emit(connection, self.config, state, which | {"by": who, "reason": reason})
        return f"plan {plan['plan_id']}: {state} by {who}"

    def _demand(self, connection: Connection, plan: Row, state: str) -> None:
        query = "SELECT * FROM plan_states WHERE plan_id = :plan_id"
        demand_state(select(connection, query, plan_id=plan["plan_id"])[0], state)
        query = "SELECT at FROM pruned_plans WHERE plan_id = :plan_id"
        for pruned in select(connection, query, plan_id=plan["plan_id"]):
            raise UsageError(f"plan {plan['plan_id']} cannot be {state}: it was pruned at {pruned['at'][:19]}")
        if state != APPROVED:
            return
        drafted = plan_states.draft_of(connection, plan["plan_id"])
        makers = set(drafted["authors"]) if self.config.release.four_eyes else set[str]()
        makers |= set(drafted["planners"]) if self.config.release.overrides_wait else set()
        if self.decision.who.casefold() in {name.casefold() for name in makers}:
            raise UsageError(f"{self.decision.who} made plan {plan['plan_id']}: somebody else must approve it")

    def release(self, plan: Row) -> list[str]:
        """Judge the folder, release the plan, let links and status follow."""
        with self.store.transaction() as connection:
            self._demand(connection, plan, RELEASED)
            drafted = plan_states.draft_of(connection, plan["plan_id"])
        self._judge(Path(plan["folder"]), drafted.get("folder"))
        said = self.take(plan, RELEASED)
        return [said, *self.follow(plan["scenario"])]

    def _judge(self, recorded: Path, digest: str | None) -> None:
        """The folder must be the one that was published, and hold against its inputs: the copies that it keeps, or
        the tables as they are now.
        """
        from optimizer.proof import certify

        folder = Shelf(self.config.publish_folder).plan_folder(recorded.name)
        if not folder.is_dir():
            raise VerificationError(f"its folder {folder} is gone: restore it, then release the plan")
        if digest is not None and plan_states.folder_digest(folder) != digest:
            raise VerificationError(f"{folder} is not as it was published; allot certify says what was changed")
        try:
            copies = folder / "inputs"
            failures = certify(folder, copies if copies.is_dir() else None).all_failures
        except AllotError as error:
            failures = [str(error)]
        if failures:
            told = "; ".join(failures[:MOST_TOLD])
            raise VerificationError(f"{folder} does not hold any more, so it is not released: {told}")

    def follow(self, scenario: str) -> list[str]:
        """Let the links and the status say what the store says."""
        shelf = Shelf(self.config.publish_folder)
        counts = current(self.store, self.config.name)
        waits = plan_states.waiting(self.store, self.config.name)
        shelf.prepare()
        follow_store(self.config, self.store, shelf)
        status = read_status(self.config.publish_folder)
        for name, told in (status.get("scenarios") or {}).items():
            told |= plan_words(counts.get(name), waits.get(name))
        with self.store.transaction() as connection:
            status["audit"] = head(connection)
        shelf.say(status)
        shelf.clear()
        plan = counts.get(scenario)
        return [f"{scenario}: plan {plan['plan_id']} counts" if plan else f"{scenario}: no plan counts"]


def plan_words(counts: Row | None, waits: Row | None) -> dict[str, Any]:
    """What `status.json` says of a scenario's plans: the one that counts, and the one that waits."""
    return {
        "plan_id": counts and counts["plan_id"],
        "business_date": counts and counts["business_date"],
        "waiting": waits and {"plan_id": waits["plan_id"], "state": waits["state"], "reason": waits["waits"]},
    }


def folder_of(store: Store, config: NightlyConfig, wanted: str) -> Path:
    """The run folder of a plan by its id, or of the plan that counts of a scenario. Raises `UsageError`."""
    counts = current(store, config.name)
    plan_id = counts[wanted]["plan_id"] if wanted in counts else wanted
    found = store.rows("SELECT plan_id FROM plans WHERE config = :config AND plan_id = :plan_id",
                       config=config.name, plan_id=plan_id)  # fmt: skip
    folder = Shelf(config.publish_folder).plan_folder(plan_id)
    if not found:
        raise UsageError(f"{wanted} is no published plan of {config.name}, and no scenario of which a plan counts")
    if not folder.is_dir():
        raise UsageError(f"the folder {folder} is gone: restore it")
    return folder
