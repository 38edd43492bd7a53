"""Keys, references and emptiness: what every other check takes for granted."""

from __future__ import annotations

import numpy as np

from optimizer.scenario.schema import Scenario
from optimizer.tables.findings import Findings, Flags, cached_nearest
from optimizer.tables.resolve import Draft
from optimizer.tables.schema import TABLES
from optimizer.tables.tables import Table
from optimizer.tables.typed import TypedTable

LINKS = {
    "order_customer": ("orders", "customer_id", "customers"),
    "line_order": ("order_lines", "order_id", "orders"),
    "line_product": ("order_lines", "product_id", "products"),
    "stock_warehouse": ("stock", "warehouse_id", "warehouses"),
    "stock_product": ("stock", "product_id", "products"),
    "lane_warehouse": ("lanes", "warehouse_id", "warehouses"),
    "eligibility_warehouse": ("eligibility", "warehouse_id", "warehouses"),
    "pin_warehouse": ("pins", "warehouse_id", "warehouses"),
}
"""References that were looked up: link -> (table, column, table it points to)."""


def required_tables(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """The tables without which there is nothing to plan must be there and have rows."""
    for name, schema in TABLES.items():
        typed = draft.typed[name]
        named = bool(typed.place.source)
        if schema.required and not named and name not in scenario.data and name not in draft.unread_files:
            remedy = f'name it in [data]: {name} = "{name}.csv"'
            found.say_setting(
                ("data", name), f"a table {name!r}: {schema.meaning}", remedy, "missing_table", table=name
            )
        elif named and typed.complete and len(typed) == 0:
            words = f"at least one row in {name}" if schema.required else f"rows in {name}, since the scenario names it"
            found.say(typed.place.source, words, "check that the right file or sheet is named", "empty_table",
                      table=name, severity="error" if schema.required else "warning")  # fmt: skip


def duplicate_keys(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """No two rows of a table may have the same key."""
    for name, schema in TABLES.items():
        typed = draft.typed[name]
        if typed.complete and len(typed) > 1:
            _duplicates(typed, schema.keys, found)


def _duplicates(typed: TypedTable, keys: tuple[str, ...], found: Findings) -> None:
    """Rows are sorted by key: equal keys stand next to each other. Blank keys are told elsewhere."""
    same = np.ones(len(typed) - 1, dtype=bool)
    for codes in typed.key_codes:
        same &= codes[1:] == codes[:-1]
    blank = np.zeros(len(typed), dtype=bool)
    for key in keys:
        blank |= typed.table[key] == ""
    again = np.concatenate(([False], same)) & ~blank
    if not again.any():
        return
    first = np.maximum.accumulate(np.where(again, 0, np.arange(len(typed))))
    words = np.full(len(typed), "", dtype=object)
    for row in np.flatnonzero(again).tolist():
        words[row] = ", ".join(typed.table[key][row] for key in keys)

    def remedy(row: int) -> str:
        return f"row {typed.place.rows[first[row]]} has the same key; keep one of them"

    found.at(typed.place, keys[-1], again, f"one row for each {', '.join(keys)}", remedy, "duplicate_key", value=words)


def unknown_references(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """Every id that points to another table must be there."""
    for link, (name, column, target) in LINKS.items():
        if not draft.unread.intersection((name, target)):
            _unknown(draft.typed[name], column, draft.links[link] < 0, draft[target], found)


def _unknown(typed: TypedTable, column: str, lost: Flags, target: Table, found: Findings) -> None:
    values = typed.table[column]
    lost = lost & (values != "")
    if not lost.any():
        return
    key = TABLES[target.name].keys[0]
    nearest_to = cached_nearest(target[key].tolist())

    def remedy(row: int) -> str:
        return nearest_to(values[row], f"add it to {target.name}, or correct it")

    found.at(typed.place, column, lost, f"a {key} of {target.name}", remedy, "unknown_reference", value=values)


KEY_CHECKS = (required_tables, duplicate_keys, unknown_references)
