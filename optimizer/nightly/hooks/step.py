"""The step of the store's schema that brings the outbox: events to be delivered, and what became of each attempt."""

from __future__ import annotations

from collections.abc import Iterator

from optimizer.nightly.dialect import Dialect


def outbox_tables(dialect: Dialect) -> Iterator[str]:
    """Both only grow: an event is pending until an attempt ended otherwise than failed."""
    yield f"""CREATE TABLE hook_outbox (
        number {dialect.serial}, event_id TEXT NOT NULL, hook TEXT NOT NULL, config TEXT NOT NULL, kind TEXT NOT NULL,
        at TEXT NOT NULL, body TEXT NOT NULL, UNIQUE (event_id, hook))"""
    yield f"""CREATE TABLE hook_attempts (
        number {dialect.serial}, event_id TEXT NOT NULL, hook TEXT NOT NULL, at TEXT NOT NULL, outcome TEXT NOT NULL,
        reason TEXT NOT NULL, FOREIGN KEY (event_id, hook) REFERENCES hook_outbox (event_id, hook))"""
    yield "CREATE INDEX hook_attempts_by_event ON hook_attempts (event_id, hook)"
    yield """CREATE VIEW hook_pending AS SELECT * FROM hook_outbox AS o WHERE NOT EXISTS (
        SELECT 1 FROM hook_attempts AS a WHERE a.event_id = o.event_id AND a.hook = o.hook AND a.outcome <> 'failed')"""
    yield from dialect.append_only("hook_outbox", "hook_attempts")
