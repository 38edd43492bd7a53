"""The store's schema as numbered steps: each is applied once, in one transaction, and stays as it was released."""

from __future__ import annotations

from typing import NamedTuple

from optimizer.nightly.dialect import Statements
from optimizer.nightly.hooks.step import outbox_tables
from optimizer.nightly.outbound.step import outbound_tables
from optimizer.nightly.step_governance import governance
from optimizer.nightly.step_pruning import rows_and_pruning
from optimizer.nightly.step_registry import registry_and_plans


class Step(NamedTuple):
    """What a step is called, and its statements in a given dialect. Each has a module of its own."""

    name: str
    statements: Statements


MIGRATIONS: tuple[Step, ...] = (
    Step("registry and plans", registry_and_plans),
    Step("rows and pruning", rows_and_pruning),
    Step("governance", governance),
    Step("outbound", outbound_tables),
    Step("outbox", outbox_tables),
)
"""In the order in which they are applied; the first is number 1. New ones are added at the end."""
