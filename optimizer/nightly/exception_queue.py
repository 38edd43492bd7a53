"""The queue of exceptions over nights: what the plans find, who looks at it, and what became of it.

An exception is the same one on another night if scenario, code and subject are the same. Each night's plan feeds the
queue in the transaction that publishes it; every change of state is a transition in the audit log.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from optimizer.errors import UsageError
from optimizer.nightly.audit import EXCEPTION, Transition, append, canonical
from optimizer.nightly.release_policy import SEVERITIES
from optimizer.nightly.store import WRITE, Row, Store, insert, select
from optimizer.proof.run_files import read_rows, table_path, unguard

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from optimizer.nightly.publish import Ready

OPEN, ASSIGNED, RESOLVED, CLOSED, REOPENED = "open", "assigned", "resolved", "closed", "reopened"
LOOKED_FOR = (OPEN, ASSIGNED, REOPENED)
"""The states in which somebody must still do something."""
WAITS = "x.state IN ('open', 'assigned', 'reopened')"
"""The same of a row ``x`` of `exception_states`."""
LISTED = 500
"""So many findings of one code at most are in `exceptions.csv`: one that is missing there may still exist."""
COLUMNS = ("code", "severity", "subject", "explanation", "suggested_action", "money_at_stake")


@dataclass(frozen=True)
class Waiting:
    """An exception as it stands. ``nights_open``: business dates on which it was found since it was last opened."""

    exception_id: str
    scenario: str
    code: str
    subject: str
    severity: str
    state: str
    owner: str
    money_at_stake: Decimal
    first_seen: str
    last_seen: str
    nights_open: int
    explanation: str
    suggested_action: str
    reason: str


def identity(config: str, scenario: str, code: str, subject: str) -> str:
    """What an exception is called on all nights."""
    return "E-" + hashlib.sha256(canonical([config, scenario, code, subject]).encode()).hexdigest()[:10]


# -- what the nights say -----------------------------------------------------------------------------------------------
def feed(connection: Connection, config: str, business_date: str, plan: Ready, who: str) -> list[Transition]:
    """Let a plan that was published just now open, reopen and close exceptions: the transitions.

    One of an older date changes none.
    """
    scenario, plan_id = plan.pulled.name, plan.pulled.plan_id
    newer = select(
        connection,
        "SELECT 1 FROM plans WHERE config = :config AND scenario = :scenario AND business_date > :business_date",
        config=config, scenario=scenario, business_date=business_date,
    )  # fmt: skip
    if newer:
        return []
    found = {identity(config, scenario, row["code"], row["subject"]): row for row in _findings(plan)}
    place = {"plan_id": plan_id, "config": config, "scenario": scenario, "business_date": business_date}
    insert(connection, "exception_sightings", [{"exception_id": key, **place, **row} for key, row in found.items()])
    states = _states(connection, config, plan_id=plan_id)
    known = {key: row for key, row in states.items() if row["details"]["scenario"] == scenario}
    moves = list(_moves(config, scenario, business_date, found, known, plan_id, who))
    append(connection, *moves)
    return moves


def _findings(plan: Ready) -> Iterator[dict[str, str]]:
    path = table_path(plan.folder, "exceptions")
    for _, columns in read_rows(path):
        cells = [
            columns[name] if name == "money_at_stake" else unguard(columns[name], path.suffix == ".csv")
            for name in COLUMNS
        ]
        yield from (dict(zip(COLUMNS, row, strict=True)) for row in zip(*cells, strict=True))


def _moves(
    config: str,
    scenario: str,
    business_date: str,
    found: Mapping[str, Mapping[str, str]],
    known: Mapping[str, Row],
    plan_id: str,
    who: str,
) -> Iterator[Transition]:
    """The transitions to which a night's findings lead."""
    for key, row in found.items():
        before = known.get(key)
        if before is not None and before["state"] in LOOKED_FOR:
            continue
        details = {"scenario": scenario, "code": row["code"], "subject": row["subject"], "business_date": business_date,
                   "owner": before["details"]["owner"] if before else ""}  # fmt: skip
        state, words = (REOPENED, f"found again by {plan_id}") if before else (OPEN, f"found by {plan_id}")
        yield Transition(config, EXCEPTION, key, state, who, words, details)
    cut = {code for code, many in Counter(row["code"] for row in found.values()).items() if many >= LISTED}
    for key, before in known.items():
        if before["state"] in LOOKED_FOR and key not in found and before["details"]["code"] not in cut:
            details = {**before["details"], "business_date": business_date}
            yield Transition(config, EXCEPTION, key, CLOSED, who, f"not found by {plan_id}", details)


def _states(connection: Connection, config: str, *, plan_id: str = "", whole: bool = False) -> dict[str, Row]:
    """The last transition, by id, of the exceptions that wait and of those that a plan found; ``whole``: of all."""
    rows = select(
        connection,
        f"SELECT x.* FROM exception_states AS x WHERE x.config = :config AND ({WAITS} OR :whole = 1 OR x.subject IN "
        "(SELECT exception_id FROM exception_sightings WHERE plan_id = :plan_id)) ORDER BY x.seq",
        config=config, plan_id=plan_id, whole=int(whole),
    )  # fmt: skip
    return {row["subject"]: Row({**row, "details": json.loads(row["details"])}) for row in rows}


# -- what people say ---------------------------------------------------------------------------------------------------
def assign(store: Store, config: str, ids: Sequence[str], owner: str, who: str, note: str = "") -> list[str]:
    """Give exceptions an owner, who has seen them from now on. Raises `UsageError` if one is not open."""
    return _decide(store, config, ids, ASSIGNED, who, note, {"owner": owner})


def resolve(store: Store, config: str, ids: Sequence[str], who: str, reason: str) -> list[str]:
    """Say that exceptions need nobody's attention any more, and why; those that are found again are reopened."""
    if not reason.strip():
        raise UsageError("to resolve an exception needs a reason: --reason TEXT")
    return _decide(store, config, ids, RESOLVED, who, reason, {})


def _decide(
    store: Store, config: str, ids: Sequence[str], state: str, who: str, reason: str, more: Mapping[str, Any]
) -> list[str]:
    """All of them, or none."""
    with store.transaction(WRITE) as connection:
        known = _states(connection, config, whole=True)
        for key in ids:
            if key not in known:
                raise UsageError(f"there is no exception {key} of {config}; allot exceptions list names them")
            if known[key]["state"] not in LOOKED_FOR:
                at = known[key]["at"][:19]
                raise UsageError(f"exception {key} is {known[key]['state']} since {at} by {known[key]['who']}")
        append(
            connection,
            *(Transition(config, EXCEPTION, key, state, who, reason, {**known[key]["details"], **more}) for key in ids),
        )
    return [f"{key} ({known[key]['details']['code']}, {known[key]['details']['subject']}): {state}" for key in ids]


# -- how it stands -----------------------------------------------------------------------------------------------------
def queue(connection: Connection, config: str, *, whole: bool = False) -> list[Waiting]:
    """What waits for somebody, the most severe and then the most money first; ``whole``: what is over as well."""
    given = {"config": config, "whole": int(whole)}
    seen: dict[str, list[Row]] = {}
    sightings = (
        "SELECT s.* FROM exception_sightings AS s JOIN exception_states AS x ON x.subject = s.exception_id "
        f"WHERE s.config = :config AND ({WAITS} OR :whole = 1) ORDER BY s.business_date"
    )
    for row in select(connection, sightings, **given):
        seen.setdefault(row["exception_id"], []).append(row)
    openings = (
        "SELECT a.subject, a.details FROM audit_log AS a JOIN exception_states AS x ON x.subject = a.subject "
        f"WHERE a.kind = 'exception' AND a.config = :config AND a.state IN ('open', 'reopened') AND ({WAITS} "
        "OR :whole = 1) ORDER BY a.seq"
    )
    opened = {
        row["subject"]: json.loads(row["details"])["business_date"] for row in select(connection, openings, **given)
    }
    found = [_waiting(row, seen[key], opened[key]) for key, row in _states(connection, config, whole=whole).items()]
    return sorted(found, key=lambda each: (-SEVERITIES.index(each.severity), -each.money_at_stake, each.exception_id))


def _waiting(state: Row, seen: Sequence[Row], opened: str) -> Waiting:
    last = seen[-1]
    return Waiting(
        exception_id=state["subject"],
        scenario=last["scenario"],
        code=last["code"],
        subject=last["subject"],
        severity=last["severity"],
        state=state["state"],
        owner=state["details"]["owner"],
        money_at_stake=Decimal(last["money_at_stake"]),
        first_seen=seen[0]["business_date"],
        last_seen=last["business_date"],
        nights_open=len({row["business_date"] for row in seen if row["business_date"] >= opened}),
        explanation=last["explanation"],
        suggested_action=last["suggested_action"],
        reason=state["reason"],
    )
