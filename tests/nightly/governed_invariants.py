"""What must hold of the audit log, of outbound files and of events for hooks, as `tests.nightly.invariants` of plans.

The hash chain is reckoned again here, and the store is read through a driver of its own.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

if TYPE_CHECKING:
    from pathlib import Path

    from tests.nightly.invariants import Site

CHAIN = "seq, at, config, kind, subject, state, who, reason, details, previous, hash"
FOLLOWS = {
    "draft": {"approved", "released", "superseded", "rejected"},
    "approved": {"released", "superseded", "rejected"},
    "released": {"superseded"},
    "superseded": {"approved"},
    "rejected": set[str](),
}
"""What a plan in a state may become next."""
TOLD_STATES = ("approved", "released", "rejected")


def governed_violations(site: Site, *, settled: bool) -> list[str]:
    """Everything that is wrong beyond the plans themselves."""
    return [*_chain(site, settled), *_states(site), *_events(site), *_outbound(site, settled)]


def undelivered(site: Site, received: Path) -> list[str]:
    """Events of the outbox that the receiver has not written into its file, byte by byte, each hook's in order."""
    everything = received.read_text().split("\n")[:-1] if received.exists() else []
    others = {body for (body,) in site.read(f"SELECT body FROM hook_outbox WHERE config <> '{site.config}'")}
    lines = [line for line in everything if line not in others]
    first: dict[str, int] = {}
    for number, line in enumerate(lines):
        first.setdefault(line, number)
    sent = site.read(f"SELECT event_id, body FROM hook_outbox WHERE config = '{site.config}' ORDER BY number")
    lost = [f"event {event_id} was not received" for event_id, body in sent if body not in first]
    order = [first[body] for _, body in sent if body in first]
    unsaid = set(lines) - {body for _, body in sent}
    return [
        *lost,
        *(["events were received in another order"] if order != sorted(order) else []),
        *(f"received, but never sent: {line[:200]}" for line in sorted(unsaid)),
    ]


def _chain(site: Site, settled: bool) -> Iterator[str]:
    """Each row of the log seals the one before it; the end that the status names is in it."""
    previous, hashes = "0" * 64, ["0" * 64]
    for number, (seq, *sealed, stated, seal) in enumerate(
        site.read(f"SELECT {CHAIN} FROM audit_log ORDER BY seq"), start=1
    ):
        text = stated + json.dumps([seq, *sealed], ensure_ascii=False, separators=(",", ":"))
        if seq != number or stated != previous or seal != hashlib.sha256(text.encode()).hexdigest():
            yield f"row {seq} of the audit log does not follow the one before it"
        previous = seal
        hashes.append(seal)
    status = site.shelf / "status.json"
    if settled and status.exists():
        noted = json.loads(status.read_text())["audit"]
        if noted["rows"] >= len(hashes) or hashes[noted["rows"]] != noted["hash"]:
            yield f"the status names {noted}, which is not in the audit log"


def _states(site: Site) -> Iterator[str]:
    """Each published plan was a draft once, goes from state to state as is allowed, and one counts at most."""
    passed: dict[str, list[str]] = defaultdict(list)
    ours = f"SELECT subject, state FROM audit_log WHERE kind = 'plan' AND config = '{site.config}' ORDER BY seq"
    for plan_id, state in site.read(ours):
        passed[plan_id].append(state)
    if sorted(passed) != sorted(site.plans()):
        yield f"published and in the audit log are not the same: {sorted(set(passed) ^ set(site.plans()))}"
    for plan_id, states in passed.items():
        if states[0] != "draft" or any(after not in FOLLOWS[before] for before, after in pairwise(states)):
            yield f"{plan_id} went through {states}"
    released = {plan_id for plan_id, states in passed.items() if states[-1] == "released"}
    counts = {plan_id for (plan_id,) in site.read(f"SELECT plan_id FROM current_plans WHERE config = '{site.config}'")}
    if released != counts:
        yield f"{sorted(released)} are released, {sorted(counts)} count"


def _events(site: Site) -> Iterator[str]:
    """Where hooks are told of everything: one event for each plan published and for each decision about one."""
    told: Counter[tuple[str, Any]] = Counter()
    for hook, body in site.read(f"SELECT hook, body FROM hook_outbox WHERE config = '{site.config}'"):
        event = json.loads(body)
        if hook == "all" and event["kind"] in ("published", *TOLD_STATES):
            told[event["kind"], event["plan_id"]] += 1
    if not told:
        return
    moves = f"SELECT state, subject FROM audit_log WHERE kind = 'plan' AND config = '{site.config}'"
    happened = Counter(("published" if state == "draft" else state, plan) for state, plan in site.read(moves)
                       if state in ("draft", *TOLD_STATES))  # fmt: skip
    if told != happened:
        yield f"happened and not told: {dict(happened - told)}; told and not happened: {dict(told - happened)}"


def _outbound(site: Site, settled: bool) -> Iterator[str]:
    """The files of each plan are as they were written and as the store has them; links lead to what counts."""
    shelf = site.shelf / "outbound"
    if not shelf.is_dir():
        return
    stored = Counter(plan for (plan,) in site.read("SELECT plan_id FROM plan_reservations"))
    balanced = {plan for (plan,) in site.read("SELECT DISTINCT plan_id FROM plan_balances")}
    handed = [plan for plan in site.kept() if plan in balanced]  # the others were planned without outbound files
    for plan_id in handed:
        folder = shelf / "plans" / plan_id
        try:
            about = json.loads((folder / "outbound.json").read_text())
            stated, fmt = about["files"], about["format"]
            found = {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
                     for path in folder.rglob(f"*.{fmt}")}  # fmt: skip
            rows = _count(folder / f"reservations.{fmt}")
        except (OSError, ValueError, KeyError) as error:
            yield f"outbound files of {plan_id} are torn: {error}"
            continue
        if found != stated:
            yield f"outbound files of {plan_id} differ from their digests"
        if rows != stored[plan_id]:
            yield f"{rows} reservations of {plan_id} in its file, {stored[plan_id]} in the store"
    if not settled:
        return
    left = {path.name for path in (shelf / "plans").iterdir()} ^ set(handed)
    yield from (f"left over or lost: outbound/plans/{name}" for name in sorted(left))
    links = {link.name: link.resolve().name for link in (shelf / "current").iterdir()}
    current = site.read(f"SELECT scenario, plan_id FROM current_plans WHERE config = '{site.config}'")
    if links != (counts := {scenario: plan for scenario, plan in current if plan in handed}):
        yield f"outbound links {links} differ from the store {counts}"


def _count(table: Path) -> int:
    """Rows of an outbound file."""
    if table.suffix == ".parquet":
        return int(pq.read_metadata(table).num_rows)
    with table.open(newline="") as file:
        return len(list(csv.DictReader(file))) if table.suffix == ".csv" else sum(1 for _ in file)
