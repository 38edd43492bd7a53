"""Deliver what is in the outbox: at least once, each hook's events in order, and never in the way of the night."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from optimizer.nightly.hooks.outbox import DELIVERED, DROPPED, FAILED, note_attempt, pending
from optimizer.nightly.hooks.send import Attempt, send
from optimizer.nightly.hooks.settings import Hook
from optimizer.nightly.store import Row, Store

if TYPE_CHECKING:
    from optimizer.nightly.config import NightlyConfig


@dataclass
class Deliveries:
    """What became of pending events: how many were ``delivered``, ``given_up`` for good, or are still ``pending``."""

    delivered: int = 0
    given_up: int = 0
    pending: int = 0
    problems: list[str] = field(default_factory=list)
    """In words, at most one for each hook and outcome"""

    def __bool__(self) -> bool:
        return bool(self.delivered or self.given_up or self.pending or self.problems)

    def as_json(self) -> dict[str, Any]:
        return vars(self)


def deliver(store: Store, config: NightlyConfig, stop: threading.Event | None = None,
            say: Callable[[str], None] = lambda line: None) -> Deliveries:  # fmt: skip
    """Try all pending events of a configuration once more. A hook that fails is left alone until the next call.

    Raises `StoreError` only: what goes wrong with a receiver is noted and told. ``stop`` ends it between attempts.
    """
    found, stop = Deliveries(), stop or threading.Event()
    hooks = {hook.name: hook for hook in config.hook}
    failing: set[str] = set()
    for event in pending(store, config.name):
        hook = hooks.get(event["hook"])
        if event["hook"] in failing or stop.is_set():
            found.pending += 1
            continue
        too_late = _too_late(hook, event)
        ended = Attempt(DROPPED, too_late) if hook is None or too_late else _attempts(store, config, hook, event, stop)
        if ended.outcome == DROPPED:
            note_attempt(store, event, DROPPED, too_late)
        if ended.outcome == DELIVERED:
            found.delivered += 1
            say(f"hook    {event['hook']} {event['kind']} delivered")
            continue
        found.pending += ended.outcome == FAILED
        found.given_up += ended.outcome != FAILED
        if ended.outcome == FAILED:
            failing.add(event["hook"])
        words = f"{event['hook']}: {event['kind']} {ended.outcome}: {ended.reason}"
        say(f"hook    {words}")
        found.problems += [] if words in found.problems else [words]
    return found


def _too_late(hook: Hook | None, event: Row) -> str:
    """Why an event is not delivered any more; empty if it is."""
    if hook is None:
        return "there is no hook of this name any more"
    age = datetime.now(UTC) - datetime.fromisoformat(event["at"])
    return f"older than {hook.keep_days} days" if age > timedelta(days=hook.keep_days) else ""


def _attempts(store: Store, config: NightlyConfig, hook: Hook, event: Row, stop: threading.Event) -> Attempt:
    """Up to ``attempts`` of them, each noted."""
    wait = float(hook.backoff_s)
    for left in reversed(range(hook.attempts)):
        ended = send(hook, event, config.folder)
        note_attempt(store, event, ended.outcome, ended.reason)
        if ended.outcome != FAILED or not ended.again or not left or stop.wait(max(wait, ended.wait_s)):
            break
        wait *= 2
    return ended
