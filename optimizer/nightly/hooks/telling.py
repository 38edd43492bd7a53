"""What a night tells its hooks of, and when: each event in the transaction of its change, deliveries at the end."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from optimizer.errors import AllotError
from optimizer.nightly.exception_queue import OPEN, REOPENED
from optimizer.nightly.hooks.deliver import Deliveries, deliver
from optimizer.nightly.hooks.outbox import emit
from optimizer.nightly.plan_states import POLICY
from optimizer.nightly.store import Store

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from optimizer.nightly.audit import Transition
    from optimizer.nightly.config import NightlyConfig
    from optimizer.nightly.ladder import Climbed
    from optimizer.nightly.publish import Ready
    from optimizer.nightly.store import Row

MOST_NAMED = 20
"""Exceptions that one event names; `allot exceptions list` names all."""


class Teller:
    """The events of one night; the methods named after a kind are called within the transaction of the change."""

    def __init__(self, config: NightlyConfig, business_date: date) -> None:
        self.config, self.business_date = config, business_date.isoformat()

    def crashed(self, connection: Connection, run_id: str) -> None:
        """An earlier run ended without a word."""
        emit(connection, self.config, "crashed", {"run_id": run_id})

    def published(
        self, connection: Connection, run_id: str, plan: Ready, moves: Sequence[Transition], *, released: bool
    ) -> None:
        """A plan is published, maybe released by the policy, and exceptions changed their states with it."""
        which = {**self._of_night(run_id), "scenario": plan.pulled.name, "plan_id": plan.pulled.plan_id}
        told = {"step": plan.step, "exit_code": plan.exit_code, "folder": str(plan.folder)}
        emit(connection, self.config, "published", which | told)
        if released:
            emit(connection, self.config, "released", which | {"by": POLICY, "reason": ""})
        counted = Counter(move.state for move in moves)
        if counted:
            new = [move.subject for move in moves if move.state in (OPEN, REOPENED)]
            emit(connection, self.config, "exceptions", which | {"changes": counted, "opened": new[:MOST_NAMED]})

    def kept(self, connection: Connection, run_id: str, name: str, climbed: Climbed, plan: Row | None) -> None:
        """A scenario got no new plan: the last one, if there is any, goes on to count."""
        told = {"scenario": name, "plan_id": plan and plan["plan_id"], "exit_code": climbed.exit_code,
                "reason": climbed.reason}  # fmt: skip
        emit(connection, self.config, "kept", self._of_night(run_id) | told)

    def failed(self, connection: Connection, run_id: str, exit_code: int, reason: str) -> None:
        """The night as a whole could not go on."""
        emit(connection, self.config, "failed", self._of_night(run_id) | {"exit_code": exit_code, "reason": reason})

    def deliver(self, store: Store, stop: threading.Event, say: Callable[[str], None]) -> Deliveries:
        """Whatever is pending, that of earlier nights too. Nothing that goes wrong here is an error of the night."""
        try:
            return deliver(store, self.config, stop, say)
        except AllotError as error:
            say(f"hook    {error}")
            return Deliveries(problems=[str(error)])

    def _of_night(self, run_id: str) -> dict[str, Any]:
        return {"business_date": self.business_date, "run_id": run_id}
