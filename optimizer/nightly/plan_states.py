"""The states of a plan: a draft when it is published, and one transition in the audit log for each state after that.

Which plan counts follows from the log alone: the one whose last transition is `RELEASED`. A release supersedes what
counted before it, in the same transaction, so there is one at most of each scenario.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optimizer.errors import UsageError
from optimizer.nightly.audit import PLAN, Transition, append, canonical, history, row_digest
from optimizer.nightly.ladder import proven_gap, read_run
from optimizer.nightly.release_policy import Release, facts_of, reasons_to_wait
from optimizer.nightly.store import Row, Store, select
from optimizer.proof.run_files import file_digests

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from optimizer.nightly.publish import Ready

DRAFT, APPROVED, RELEASED, SUPERSEDED, REJECTED = "draft", "approved", "released", "superseded", "rejected"
WAITING = (DRAFT, APPROVED)
"""Published, and somebody must still say something."""
ALLOWED: Mapping[str, tuple[str, ...]] = {
    APPROVED: (DRAFT, SUPERSEDED),
    RELEASED: (APPROVED,),
    REJECTED: (DRAFT, APPROVED),
}
"""From which states a person may take a plan to a state. A superseded plan comes back by an approval of its own."""
POLICY = "release policy"
"""Who releases a plan that breaks no rule."""
NIGHT = "nightly"
"""Who makes a plan, unless a person is named."""


@dataclass(frozen=True)
class Governed:
    """What publishes by rules: the policy of a configuration, and who makes its plans."""

    config: str
    policy: Release
    author: str = NIGHT

    def settle(self, connection: Connection, plan: Ready, overrides: Sequence[Row] = ()) -> bool:
        """Record a plan that was published just now as a draft, and release it if the policy allows; whether it did."""
        plan_id = plan.pulled.plan_id
        row = select(connection, "SELECT * FROM plans WHERE plan_id = :plan_id", plan_id=plan_id)[0]
        before = counting(connection, self.config, row["scenario"])
        run = read_run(plan.folder)
        value_before = Decimal(before["objective_value"]) if before else None
        facts = facts_of(plan.folder, run, proven_gap(run), plan.step, value_before, len(overrides))
        reasons = reasons_to_wait(self.policy, facts)
        planners = sorted({each["who"] for each in overrides})
        details = {
            "row": row_digest(row),
            "folder": folder_digest(plan.folder),
            "authors": list(dict.fromkeys([self.author, *planners])),
            "planners": planners,
            "overrides": [each["override_id"] for each in overrides],
        }
        told = "waits: " + "; ".join(reasons) if reasons else ""
        append(connection, Transition(self.config, PLAN, plan_id, DRAFT, self.author, told, details))
        if before and before["business_date"] > row["business_date"]:
            words = f"the plan of {before['business_date']} counts already"
            append(connection, Transition(self.config, PLAN, plan_id, SUPERSEDED, POLICY, words))
            return False
        if not reasons:
            release(connection, row, POLICY, "breaks no rule")
        return not reasons


def folder_digest(folder: Path) -> str:
    """One hash for all files of a run folder."""
    timing = folder / "timing.json"
    stated = timing.read_text(encoding="utf-8") if timing.is_file() else ""
    return hashlib.sha256(canonical([file_digests(folder), stated]).encode()).hexdigest()


def release(connection: Connection, plan: Row, who: str, reason: str) -> None:
    """From now on this plan counts. What counted, and what waited from before it, is superseded."""
    config, plan_id = plan["config"], plan["plan_id"]
    append(connection, Transition(config, PLAN, plan_id, RELEASED, who, reason))
    older = select(
        connection,
        "SELECT plan_id, state, business_date, number FROM plan_states WHERE config = :config AND scenario = :scenario "
        "AND plan_id <> :plan_id AND state IN ('draft', 'approved', 'released') ORDER BY number",
        config=config, scenario=plan["scenario"], plan_id=plan_id,
    )  # fmt: skip
    here = plan["business_date"], plan["number"]
    append(
        connection,
        *(
            Transition(config, PLAN, each["plan_id"], SUPERSEDED, who, f"by {plan_id}")
            for each in older
            if each["state"] == RELEASED or (each["business_date"], each["number"]) < here
        ),
    )


def counting(connection: Connection, config: str, scenario: str) -> Row | None:
    """The plan that counts."""
    query = "SELECT * FROM current_plans WHERE config = :config AND scenario = :scenario"
    found = select(connection, query, config=config, scenario=scenario)
    return found[0] if found else None


def waiting(store: Store, config: str) -> dict[str, Row]:
    """The last plan that waits, of each scenario, with what it waits for as ``reason``."""
    found = store.rows(
        "SELECT s.*, a.reason AS waits FROM plan_states AS s JOIN audit_log AS a "
        "ON a.kind = 'plan' AND a.subject = s.plan_id AND a.state = 'draft' "
        "WHERE s.config = :config AND s.state IN ('draft', 'approved') ORDER BY s.number",
        config=config,
    )
    return {row["scenario"]: row for row in found}


def draft_of(connection: Connection, plan_id: str) -> dict[str, Any]:
    """What was recorded of a plan when it was published: ``authors`` (the night, or who started it, and ``planners``
    whose overrides it keeps) and the digest of its ``folder``. A plan of before there were states has no digest.
    """
    drafted = [row["details"] for row in history(connection, PLAN, plan_id) if row["state"] == DRAFT]
    return drafted[0] if drafted else {"authors": [NIGHT], "planners": []}


def demand_state(state: Row, wanted: str) -> None:
    """Refuse a transition that there is not, and say what there is."""
    if state["state"] in ALLOWED[wanted]:
        return
    cures = {
        (DRAFT, RELEASED): "approve it first (allot approve)",
        (SUPERSEDED, RELEASED): "approve it first (allot approve): it does not count any more",
        (RELEASED, REJECTED): "release another plan in its place: it counts",
        (RELEASED, APPROVED): "it counts already",
        (RELEASED, RELEASED): "it counts already",
        (APPROVED, APPROVED): "release it (allot release)",
    }
    known = f"it is {state['state']} since {state['at'][:19]} by {state['who'] or NIGHT}"
    if state["reason"]:
        known += f" ({state['reason']})"
    cure = cures.get((state["state"], wanted), f"only a plan that is {' or '.join(ALLOWED[wanted])} can be {wanted}")
    raise UsageError(f"plan {state['plan_id']} cannot be {wanted}: {known}; {cure}")
