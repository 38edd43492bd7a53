"""What governance adds to a night: the state of what it publishes, the queue of exceptions, the figures, the words."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from optimizer.nightly import exception_queue, night_figures
from optimizer.nightly.config import NightlyConfig
from optimizer.nightly.plan_states import NIGHT, RELEASED, SUPERSEDED, WAITING, Governed
from optimizer.nightly.store import Row, Store

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from optimizer.nightly.audit import Transition
    from optimizer.nightly.publish import Ready


def settle(
    connection: Connection, config: NightlyConfig, business_date: date, author: str, plan: Ready
) -> tuple[bool, list[Transition]]:
    """What happens to a plan within the transaction that publishes it.

    Returns whether it was released, and what became of exceptions.
    """
    released = Governed(config.name, config.release, author).settle(connection, plan, plan.pulled.overrides)
    moves = exception_queue.feed(connection, config.name, business_date.isoformat(), plan, NIGHT)
    night_figures.record_plan(connection, plan)
    return released, moves


def states(store: Store, config: str) -> dict[str, Row]:
    """The state of every plan of a configuration, by its id."""
    found = store.rows("SELECT * FROM plan_states WHERE config = :config", config=config)
    return {row["plan_id"]: row for row in found}


def state_words(state: Row, counts: Row | None) -> str:
    """What a reader must know of a plan that does not count; empty if it does."""
    goes_on = f"; {counts['plan_id']} goes on to count" if counts else "; no plan counts"
    if state["state"] == RELEASED:
        return ""
    if state["state"] == SUPERSEDED and counts:
        return f"; a newer plan goes on to count: {counts['plan_id']}"
    if state["state"] in WAITING:
        return f"; {state['state']}, not released{goes_on}" + (f" ({state['reason']})" if state["reason"] else "")
    return f"; {state['state']} by {state['who']}: {state['reason']}{goes_on}"
