"""Keys, references and emptiness: what every other check takes for granted."""

from __future__ import annotations

import numpy as np

from optimizer.scenario.schema import Scenario
from optimizer.tables.findings import Findings, Flags, cached_nearest
from optimizer.tables.resolve import POLICY_LINKS, Draft
from optimizer.tables.schema import TABLES, TableSchema
from optimizer.tables.tables import Table
from optimizer.tables.typed import TypedTable

MAY_LEAD_NOWHERE = ("substitution_customer", "history_product")
"""A substitution may be stated for a customer who did not order now; demand may be of products long gone."""

LINKS = {
    "order_customer": ("orders", "customer_id", "customers"),
    "line_order": ("order_lines", "order_id", "orders"),
    "line_product": ("order_lines", "product_id", "products"),
    "stock_warehouse": ("stock", "warehouse_id", "warehouses"),
    "stock_product": ("stock", "product_id", "products"),
    "lane_warehouse": ("lanes", "warehouse_id", "warehouses"),
    "eligibility_warehouse": ("eligibility", "warehouse_id", "warehouses"),
    "pin_warehouse": ("pins", "warehouse_id", "warehouses"),
    **{link: place for link, place in POLICY_LINKS.items() if link not in MAY_LEAD_NOWHERE},
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
        if typed.complete and len(typed) > 1 and not schema.adds_up:
            _duplicates(typed, schema, found)


def _duplicates(typed: TypedTable, schema: TableSchema, found: Findings) -> None:
    """Rows are sorted by key: equal keys stand next to each other. Blanks that may not be are told elsewhere."""
    keys = [key for key in schema.keys if typed.table.given(key).any()]
    same = np.ones(len(typed) - 1, dtype=bool)
    for codes in typed.key_codes:
        same &= codes[1:] == codes[:-1]
    blank = np.zeros(len(typed), dtype=bool)
    for column in schema.columns:
        if column.key and column.required:
            blank |= ~_key_given(typed, column.name)
    again = np.concatenate(([False], same)) & ~blank
    if not again.any():
        return
    first = np.maximum.accumulate(np.where(again, 0, np.arange(len(typed))))
    words = np.full(len(typed), "", dtype=object)
    for row in np.flatnonzero(again).tolist():
        words[row] = ", ".join(str(typed.table[key][row]) for key in keys)

    def remedy(row: int) -> str:
        return f"row {typed.place.rows[first[row]]} has the same key; keep one of them"

    found.at(typed.place, keys[-1], again, f"one row for each {', '.join(keys)}", remedy, "duplicate_key", value=words)


def _key_given(typed: TypedTable, column: str) -> Flags:
    """Where a required key is there: not blank, and of its type."""
    values = typed.table[column]
    missing = np.isnat(values) if values.dtype.kind == "M" else values == ""
    return np.asarray(~missing & ~typed.wrong.get(column, np.zeros(len(values), dtype=bool)))


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
