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
from itertools import islice
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
ROWS_AT_ONCE, BEFORE_ALL = 10_000, -(2**62)
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
    """The verdict about the log: ``rows``, the ``hash`` of the last one, and what is ``broken``, in words.

    ``noted``: a `head` of earlier days. ``known_hash``: one that must still be in the log.
    """
    with store.transaction() as connection:
        found = head(connection)
        broken = list(broken_links(connection, noted))
        if known_hash is not None and not select(connection, "SELECT 1 FROM audit_log WHERE hash = :h", h=known_hash):
            broken.append(f"no row has the hash {known_hash}: the log was written anew, or its end was cut off")
    return {**found, "broken": broken}


def broken_links(connection: Connection, noted: Mapping[str, Any] | None = None) -> Iterator[str]:
    """What is wrong with the log, in words, the first broken link first."""
    yield from islice(_chain(connection), 1)
    if noted and noted.get("rows"):
        at = select(connection, "SELECT hash FROM audit_log WHERE seq = :seq", seq=noted["rows"])
        if not at:
            yield f"row {noted['rows']}, whose hash was noted, is not there: the end of the log was cut off"
        elif at[0]["hash"] != noted.get("hash"):
            yield f"row {noted['rows']} is not the row whose hash was noted: the log was written anew"
    yield from _plans(connection)


def _chain(connection: Connection) -> Iterator[str]:
    """Every row that does not follow the one before it."""
    previous = START
    for number, row in enumerate(_rows(connection), start=1):
        what = f"row {row['seq']} ({row['kind']} {row['subject']}: {row['state']} by {row['who']}, {row['at']})"
        if row["seq"] != number:
            yield f"row {number} is missing: {what} follows row {number - 1}"
        elif row["previous"] != previous:
            yield f"{what} does not follow row {number - 1}: one of them was replaced"
        elif row["hash"] != seal(row):
            yield f"{what} was changed after it was written"
        previous = row["hash"]


def _rows(connection: Connection) -> Iterator[Row]:
    """The whole log in order, some rows at a time."""
    last = BEFORE_ALL
    while rows := select(
        connection, f"SELECT * FROM audit_log WHERE seq > :last ORDER BY seq LIMIT {ROWS_AT_ONCE}", last=last
    ):
        yield from rows
        last = rows[-1]["seq"]


def _plans(connection: Connection) -> Iterator[str]:
    """Plans whose row is not the one that was published."""
    plans = {row["plan_id"]: row for row in select(connection, "SELECT * FROM plans")}
    drafts = select(connection, "SELECT * FROM audit_log WHERE kind = 'plan' AND state = 'draft' ORDER BY seq")
    for row in drafts:
        if row["subject"] not in plans:
            yield f"plan {row['subject']} is in the log (row {row['seq']}) and not among the plans"
        elif row_digest(plans[row["subject"]]) != json.loads(row["details"]).get("row"):
            yield f"plan {row['subject']} was changed among the plans after it was published (row {row['seq']})"


def row_digest(plan: Mapping[str, Any]) -> str:
    """A published plan's row by its content; columns that later schemas add do not count."""
    return hashlib.sha256(canonical({name: plan[name] for name in PLAN_ROW}).encode()).hexdigest()
