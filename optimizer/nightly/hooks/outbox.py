"""The outbox: an event is written with the change that it tells of, in one transaction.

Whoever makes a change calls `emit` within its transaction, and `optimizer.nightly.hooks.deliver.deliver` after it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from optimizer.nightly.store import WRITE, Row, Store, insert, utc_now

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from optimizer.nightly.config import NightlyConfig

DELIVERED, FAILED, REFUSED, DROPPED = "delivered", "failed", "refused", "dropped"
"""What became of an attempt: only after ``failed`` there is another one. ``refused``: the receiver wants no more of
this event; ``dropped``: it became too old, or its hook is not configured any more."""


def emit(connection: Connection, config: NightlyConfig, kind: str, payload: Mapping[str, Any]) -> None:
    """Leave an event for every hook that asks for its kind (`settings.Kind`). ``payload``: JSON values, nothing secret.

    What is delivered is ``payload`` with the event's id, kind and time in front, the same bytes at every attempt.
    """
    wanting = [hook.name for hook in config.hook if kind in hook.on]
    if not wanting:
        return
    event_id, at = f"evt_{secrets.token_hex(12)}", utc_now()
    told = {"event_id": event_id, "kind": kind, "at": at, "config": config.name, **payload}
    event = {"event_id": event_id, "config": config.name, "kind": kind, "at": at,
             "body": json.dumps(told, ensure_ascii=False)}  # fmt: skip
    insert(connection, "hook_outbox", [{**event, "hook": name} for name in wanting])


def pending(store: Store, config: str) -> list[Row]:
    """Events that nobody took yet, oldest first."""
    return store.rows("SELECT * FROM hook_pending WHERE config = :config ORDER BY number", config=config)


def note_attempt(store: Store, event: Row, outcome: str, reason: str) -> None:
    """What became of an attempt to deliver an event."""
    row = {"event_id": event["event_id"], "hook": event["hook"], "at": utc_now(), "outcome": outcome, "reason": reason}
    with store.transaction(WRITE) as connection:
        insert(connection, "hook_attempts", [row])
