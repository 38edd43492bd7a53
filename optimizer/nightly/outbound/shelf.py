"""Outbound files of published plans, beside the plans: `PUBLISH/outbound/`.

    plans/PLAN_ID/      outbound files of a plan, put in place by one rename and never changed
    current/SCENARIO    a link to those of the plan that counts; none where that plan has none

They follow the store as the plans do: placed before the commit that publishes, linked after it, removed if it never
came.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from optimizer.nightly.outbound.count import Outbound, outbound_of
from optimizer.nightly.outbound.files import Format, is_ours, read_outbound, write_reconciled
from optimizer.nightly.outbound.step import TABLES
from optimizer.nightly.shelf import CURRENT, PLANS, Shelf
from optimizer.nightly.store import insert
from optimizer.report.csv_out import CHUNK_ROWS, column_texts
from optimizer.report.place import naming

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from optimizer.tables.tables import Table

FOLDER = "outbound"


class OutboundShelf(Shelf):
    """Outbound files within a publish folder; only for who holds its lock. Work is done in the work folder there."""

    def __init__(self, publish: Shelf) -> None:
        super().__init__(publish.folder / FOLDER)
        self.work = publish.work
        self.made: dict[str, Outbound] = {}
        """By plan, what was written and is about to be published."""

    def make(self, run_folder: Path, plan_id: str, fmt: Format) -> None:
        """Write and reconcile the files of a verified plan, aside. Raises `VerificationError` if they do not add up."""
        aside = self._aside(plan_id)
        with naming("create", aside):
            aside.mkdir(parents=True)
        counted = outbound_of(run_folder)
        write_reconciled(counted, aside, fmt)
        self.made[plan_id] = counted.outbound

    def place_made(self, plan_id: str) -> None:
        """Put what was made among the plans' files; nothing points to it yet."""
        for name in (PLANS, CURRENT):
            with naming("create", self.folder / name):
                (self.folder / name).mkdir(parents=True, exist_ok=True)
        self.place(self._aside(plan_id), plan_id)

    def store(self, connection: Connection, plan_id: str, *, lines: bool) -> None:
        """The rows of what was made, within the transaction that publishes the plan.

        ``lines``: whether the plan's own rows go into the store; if not, neither do reservations, which are as many.
        """
        found = self.made[plan_id]
        for table in (found.reservations, found.balances) if lines else (found.balances,):
            _insert(connection, plan_id, table)

    def recover(self, current: Mapping[str, str], abandoned: Collection[str]) -> None:
        """As for plans; a link is removed where the plan that counts has no outbound files."""
        if not self.folder.is_dir():
            return
        super().recover(current, abandoned)
        for scenario, plan_id in current.items():
            link = self.folder / CURRENT / scenario
            if link.is_symlink() and not self.plan_folder(plan_id).is_dir():
                with naming("remove", link):
                    link.unlink()

    def is_ours(self, folder: Path) -> bool:
        return is_ours(folder)

    def known(self, plan_id: str) -> Outbound | None:
        """What the files of a published plan say, or None if it has none."""
        folder = self.plan_folder(plan_id)
        return read_outbound(folder) if folder.is_dir() else None

    def _aside(self, plan_id: str) -> Path:
        return self.work / f"{FOLDER}-{plan_id}"


def _insert(connection: Connection, plan_id: str, table: Table) -> None:
    """The rows of a table in pieces; text as it is, blank is NULL."""
    kinds = TABLES[table.name]
    for start in range(0, len(table), CHUNK_ROWS):
        part = slice(start, start + CHUNK_ROWS)
        columns = [
            table[name][part].tolist()
            if kind == "int"
            else [
                text or None
                for text in (table[name][part].tolist() if kind == "text" else column_texts(table[name], part))
            ]
            for name, kind in kinds.items()
        ]
        rows = zip(*columns, strict=True)
        insert(
            connection,
            f"plan_{table.name}",
            [{"plan_id": plan_id, **dict(zip(kinds, row, strict=True))} for row in rows],
        )
