"""The audit log: every transition of a plan, an override or an exception is a row, and each row seals the one before.

The hash of a row is sha256 over the hash of the row before it and a canonical form of its own columns. Whoever changes,
drops or slips in a row behind the triggers' back breaks the chain at that place, and `broken_links` names it. What is
cut off at the end leaves a whole chain: that is found by a hash that was noted elsewhere (`status.json` notes one).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from optimizer.nightly.store import Row, Store, insert, select, utc_now

if TYPE_CHECKING:
    from sqlalchemy import Connection

PLAN, OVERRIDE, EXCEPTION = "plan", "override", "exception"
"""What a row may be about."""
START = "0" * 64
"""What stands for the hash before the first row."""
SEALED = ("seq", "at", "config", "kind", "subject", "state", "who", "reason", "details")
"""The columns that a hash covers, in this order."""
PLAN_ROW = (
    "plan_id", "run_id", "config", "business_date", "scenario", "input_digest", "step", "exit_code", "solve_run_id",
    "engine", "objective_value", "gap", "folder", "published_at",
)  # fmt: skip
"""The columns of a published plan that the log vouches for."""


@dataclass(frozen=True)
class Transition:
    """From now on ``subject`` is in ``state``: who says so, and why. ``details`` is what else must not be forgotten."""

    config: str
    kind: str
    subject: str
    state: str
    who: str
    reason: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


def append(connection: Connection, *transitions: Transition) -> None:
    """Add rows to the end of the chain, in the transaction that makes them true.

    Call in a transaction of kind `WRITE`: it is alone from its beginning, so two at once cannot follow the same row;
    and the store refuses a second row with the same predecessor.
    """
    last = select(connection, "SELECT seq, hash FROM audit_log ORDER BY seq DESC LIMIT 1")
    seq, previous = (last[0]["seq"], last[0]["hash"]) if last else (0, START)
    rows = []
    for each in transitions:
        seq += 1
        row = {"seq": seq, "at": utc_now(), **vars(each), "details": canonical(each.details), "previous": previous}
        previous = row["hash"] = seal(row)
        rows.append(row)
    insert(connection, "audit_log", rows)


def seal(row: Mapping[str, Any]) -> str:
    """The hash that a row must have after the one before it."""
    text = row["previous"] + canonical([row[name] for name in SEALED])
    return hashlib.sha256(text.encode()).hexdigest()


def canonical(value: Any) -> str:
    """One text for equal values, as JSON."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def head(connection: Connection) -> dict[str, Any]:
    """How long the chain is, and the hash that stands for all of it: to be noted outside of the store."""
    last = select(connection, "SELECT seq, hash FROM audit_log ORDER BY seq DESC LIMIT 1")
    return {"rows": last[0]["seq"], "hash": last[0]["hash"]} if last else {"rows": 0, "hash": START}


def history(connection: Connection, kind: str, subject: str) -> list[Row]:
    """All transitions of one thing, oldest first."""
    query = "SELECT * FROM audit_log WHERE kind = :kind AND subject = :subject ORDER BY seq"
    return [_read(row) for row in select(connection, query, kind=kind, subject=subject)]


def _read(row: Row) -> Row:
    row["details"] = json.loads(row["details"])
    return row


# -- is it whole -------------------------------------------------------------------------------------------------------
def examine(store: Store, noted: Mapping[str, Any] | None = None, known_hash: str | None = None) -> dict[str, Any]:
    """The verdict about the log: ``rows``, the ``hash`` of the last one, and what is ``broken``, in words."""
    with store.transaction() as connection:
        found = head(connection)
        known = select(connection, "SELECT seq FROM audit_log WHERE hash = :hash", hash=known_hash or "")
    broken = list(broken_links(store, noted))
    if known_hash is not None and not known:
        broken.append(f"no row has the hash {known_hash}: the log was written anew, or its end was cut off")
    return {**found, "broken": broken}


def broken_links(store: Store, noted: Mapping[str, Any] | None = None) -> Iterator[str]:
    """What is wrong with the log, in words, the first broken link first. ``noted``: a `head` of earlier days."""
    with store.transaction() as connection:
        rows = select(connection, "SELECT * FROM audit_log ORDER BY seq")
        plans = select(connection, "SELECT * FROM plans ORDER BY number")
    yield from _chain(rows)
    if noted and noted.get("rows"):
        at = next((row for row in rows if row["seq"] == noted["rows"]), None)
        if at is None:
            yield f"row {noted['rows']}, whose hash was noted, is not there: the end of the log was cut off"
        elif at["hash"] != noted.get("hash"):
            yield f"row {noted['rows']} is not the row whose hash was noted: the log was written anew"
    yield from _plans(rows, {row["plan_id"]: row for row in plans})


def _chain(rows: list[Row]) -> Iterator[str]:
    previous = START
    for number, row in enumerate(rows, start=1):
        what = f"row {row['seq']} ({row['kind']} {row['subject']}: {row['state']} by {row['who']}, {row['at']})"
        if row["seq"] != number:
            yield f"row {number} is missing: {what} follows row {number - 1}"
            return
        if row["previous"] != previous:
            yield f"{what} does not follow row {number - 1}: one of them was replaced"
            return
        if row["hash"] != seal(row):
            yield f"{what} was changed after it was written"
            return
        previous = row["hash"]


def _plans(rows: list[Row], plans: Mapping[str, Row]) -> Iterator[str]:
    """Plans whose row is not the one that was published."""
    for row in rows:
        digest = json.loads(row["details"]).get("row") if row["kind"] == PLAN else None
        if digest is None:
            continue
        if row["subject"] not in plans:
            yield f"plan {row['subject']} is in the log (row {row['seq']}) and not among the plans"
        elif row_digest(plans[row["subject"]]) != digest:
            yield f"plan {row['subject']} was changed among the plans after it was published (row {row['seq']})"


def row_digest(plan: Mapping[str, Any]) -> str:
    """A published plan's row by its content; columns that later schemas add do not count."""
    return hashlib.sha256(canonical({name: plan[name] for name in PLAN_ROW}).encode()).hexdigest()
