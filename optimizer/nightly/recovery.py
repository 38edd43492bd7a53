"""The folders follow the store: after a crash, after a publication, after a decision about a plan."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from optimizer.nightly import publish as plans
from optimizer.nightly.config import NightlyConfig
from optimizer.nightly.outbound.shelf import OutboundShelf
from optimizer.nightly.registry import close_crashed
from optimizer.nightly.shelf import Shelf
from optimizer.nightly.store import Store

if TYPE_CHECKING:
    from sqlalchemy import Connection


def recover(
    config: NightlyConfig,
    store: Store,
    shelf: Shelf,
    also: Callable[[Connection, str], None] = lambda connection, run_id: None,
) -> list[str]:
    """After a crash: record it, remove what it left, let the links say what the store says. Returns the crashed runs.

    Only for who holds the lock of the publish folder; harmless where nothing crashed. ``also``: what goes with the
    record of each crashed run, in its transaction.
    """
    crashed = close_crashed(store, config.name, also)
    shelf.prepare()
    follow_store(config, store, shelf, plans.abandoned(store, config.name))
    return crashed


def follow_store(config: NightlyConfig, store: Store, shelf: Shelf, abandoned: Collection[str] = ()) -> None:
    """Let the links of plans and of outbound files say what the store says; ``abandoned`` plans are removed."""
    known = config.scenario_paths()
    counts = {name: row["plan_id"] for name, row in plans.current(store, config.name).items() if name in known}
    for each in (shelf, OutboundShelf(shelf)):
        each.recover(counts, abandoned)
