"""The shared limits that a line runs into, as bounds that might rise: stock, capacities, quotas and their like."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimizer.engines.resolve_least import Rises
from optimizer.model.batch import Batch
from optimizer.model.limits import ENDLESS
from optimizer.model.linear_model import Block, LinearModel
from optimizer.model.supply import Supply
from optimizer.solution.edits import Edit, with_stock_rows
from optimizer.solution.least_stock import reserve_rise, stock_rise
from optimizer.solution.ledger import Ledger
from optimizer.solution.part import Part
from optimizer.solution.plan import Draws, Plan
from optimizer.solution.prices_rows import AT_LEAST, KEYS, LINKS, key_texts
from optimizer.solution.ways import Ways

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

MOST_RISES = 12
"""Limits tried for one line, those with least room first."""
MOST_MONEY = 10**7
"""Money by which a credit limit or a budget may rise."""
DATED = frozenset({"date", "day", "period"})
"""Keys that only tell apart the dates of one limit."""
STATED = {
    "contract_quota": ("contracts", "max_qty", "max_qty of {contract_id} raised by {steps}"),
    "credit_limit": ("customers", "credit_limit", "credit_limit of {customer_id} raised by {steps}"),
    "budget": ("budgets", "limit", "limit of budget {budget_id} raised by {steps}"),
    "reserve": ("reserves", "qty", "qty of reserve {reserve_id} lowered by {steps}"),
}
"""Limits that are a cell of a table: the table, the column, and how a rise is said."""
MONEY = frozenset({"credit_limit", "budget"})
LOWERED = frozenset({"reserves"})
"""Tables whose number is lowered to give more."""


class Rise(NamedTuple):
    """A limit that might rise: how it is said, and the cell that states it.

    ``first``: how much the cell must rise before the limit does: units that are promised beyond what there is.
    ``most``: the most by which the limit can rise at all.
    """

    words: str
    unit: str
    edit: Edit
    first: int = 0
    most: int = ENDLESS

    def by(self, steps: int) -> tuple[str, Edit]:
        """The rise by so many steps, in words and as an edit."""
        steps += self.first
        return self.words.format(steps=steps, units=f"unit{'' if steps == 1 else 's'}"), replace(
            self.edit, value=-steps if self.edit.table in LOWERED else steps
        )


class RisesOf(NamedTuple):
    """The limits of one line: named for people, and as the engine is asked about them.

    ``known``: none was left out because its rise is more than a number.
    """

    named: tuple[Rise, ...]
    asked: Rises
    known: bool


def with_empty_stock(ledger: Ledger, lines: Ints) -> Ledger:
    """The same plan where every warehouse with a lane to one of the lines has a stock row, maybe of 0."""
    tables, ways = ledger.tables, Ways.of(ledger, np.sort(lines))
    chosen = np.flatnonzero(ways.stock < 0)
    size = len(tables.products)
    pair = np.unique(ways.warehouse[chosen] * size + tables.line_product[ways.line[chosen]])
    own = ledger.batch.supply.find_pool(pair // size, pair % size) < 0
    pair = pair[own & ~ledger.batch.offers.recipes.is_kit[pair % size]]
    if not len(pair):
        return ledger
    changed = with_stock_rows(tables, pair // size, pair % size)
    return Ledger(changed, ledger.scenario, _renumbered(ledger, Batch.of(changed, ledger.scenario).supply))


def _renumbered(ledger: Ledger, supply: Supply) -> Plan:
    """The plan with its lots as they are numbered in another supply that has them all."""
    plan, old = ledger.plan, ledger.batch.supply
    place = supply.find_source(old.warehouse, old.product, old.lot)
    draws = Draws.of(plan.draws.row, place[plan.draws.source], plan.draws.units)
    return replace(plan, draws=draws, moves=replace(plan.moves, source=place[plan.moves.source]))


def rises_of(part: Part, linear: LinearModel, line: int, most: int) -> RisesOf:
    """The limits that arcs and shipments of the line (of the part) count in and that have too little room for it."""
    used = _used(linear, part.values)
    found: list[tuple[float, Rise, Ints, Floats, int]] = []
    known = True
    for name, rows, scale in _limits(part, linear, line):
        known = known and len(rows) > 0
        if not len(rows) or not name.most:
            continue
        room = float(((linear.row_upper[rows] - used[rows]) / scale).min())
        steps = MOST_MONEY if name.unit == "money" else most
        if room < steps:
            found.append((room, name, rows, scale, min(steps, name.most)))
    found = sorted(found, key=lambda one: one[0])[:MOST_RISES]
    asked = Rises(
        row=_flat([rows for _, _, rows, _, _ in found], np.int64),
        unit=_flat([scale for _, _, _, scale, _ in found], np.float64),
        of_row=np.repeat(np.arange(len(found)), [len(rows) for _, _, rows, _, _ in found]).astype(np.int64),
        most=np.array([steps for *_, steps in found], dtype=np.int64),
        kind=np.array([-1 if one[1].edit.table == "stock" else at for at, one in enumerate(found)], dtype=np.int64),
    )
    return RisesOf(tuple(name for _, name, *_ in found), asked, known)


def _flat(parts: list[NDArray[Any]], dtype: type) -> NDArray[Any]:
    return np.concatenate([np.zeros(0, dtype=dtype), *parts]).astype(dtype)


def _used(linear: LinearModel, values: Floats) -> Floats:
    row = np.repeat(np.arange(linear.n_rows), np.diff(linear.indptr))
    used: Floats = np.bincount(row, linear.data * values[linear.indices], minlength=linear.n_rows).astype(np.float64)
    return used


def _limits(part: Part, linear: LinearModel, line: int) -> Iterator[tuple[Rise, Ints, Floats]]:
    """Each shared upper limit that the line counts in, its rows (none: not known), and what one step adds to each."""
    batch = part.model.batch
    for block, rows in _touched(part, linear, line):
        if block.family == "lot_stock":
            continue  # rises with its pool
        for group in _groups(block, rows):
            rise, at = _named(batch, block, int(group[0])), block.start + group
            scale = np.ones(len(group)) if block.scale is None else block.scale[group]
            if block.family == "warehouse_stock":
                found = stock_rise(part, linear, int(block.keys["period"][group[0]]), rise)
                rise, at = found if found is not None else (rise, at[:0])
                scale = np.ones(len(at))
            if block.family == "reserve":
                lowered = reserve_rise(part, block, group, rise)
                rise, at = (rise, at[:0]) if lowered is None else (lowered, at)
            yield rise, at, scale


def _touched(part: Part, linear: LinearModel, line: int) -> Iterator[tuple[Block, Ints]]:
    """Shared upper limits with the rows (positions in the block) that columns of the line, or its shipments, are in."""
    order = int(part.ledger.tables.line_order[line])
    mine = np.zeros(linear.n_cols, dtype=bool)
    for block in linear.column_blocks:
        for key, wanted in (("line", line), ("order", order)):
            if key in block.keys:
                mine[block.start : block.stop] = block.keys[key] == wanted
                break
    row = np.repeat(np.arange(linear.n_rows), np.diff(linear.indptr))
    touched = np.unique(row[mine[linear.indices]])
    for block in linear.row_blocks:
        rows = touched[(touched >= block.start) & (touched < block.stop)] - block.start
        if block.coupling and block.family not in AT_LEAST | LINKS and len(rows):
            yield block, rows


def _groups(block: Block, rows: Ints) -> list[Ints]:
    """The rows by what they are about: the rows of one limit on several dates rise together."""
    keys = [values for name, values in block.keys.items() if name not in DATED]
    if len(keys) == len(block.keys):
        return [rows[[place]] for place in range(len(rows))]
    _, group = np.unique(np.stack(keys), axis=1, return_inverse=True)
    group = group.reshape(-1)
    return [np.flatnonzero(group == one) for one in np.unique(group[rows]).tolist()]


def _named(batch: Batch, block: Block, row: int) -> Rise:
    """The limit of a row in words, with the cell that states it."""
    one = replace(block, keys={name: values[[row]] for name, values in block.keys.items()})
    ids = {name: str(texts[0]) for name, texts in key_texts(batch, one).items()}
    name = {column: _safe(text) for column, text in ids.items()}
    if block.family == "warehouse_stock":
        key = {column: ids[column] for column in ("warehouse_id", "product_id")}
        words = f"{{steps}} more {{units}} of {name['product_id']} at {name['warehouse_id']}"
        return Rise(words, "units", Edit("stock", key, "add", "on_hand_qty"))
    for family, (table, column, words) in STATED.items():
        if block.family == family:
            key = {key: ids[key] for key in KEYS[family] if key != "date"}
            unit = "money" if family in MONEY else "units"
            return Rise(words.format(**name, steps="{steps}"), unit, Edit(table, key, "add", column))
    place, _, unit = block.family.partition("_capacity_")
    where = {
        "warehouse": "{warehouse_id}",
        "lane": "lane {warehouse_id} by {service_id}",
        "day": "{warehouse_id} on {date}",
    }[place].format(**name)
    table = {"warehouse": "warehouses", "lane": "lanes", "day": "calendar"}[place]
    key = {key: ids[key] for key in KEYS[block.family]}
    return Rise(f"capacity_{unit} of {where} raised by {{steps}}", unit, Edit(table, key, "add", f"capacity_{unit}"))


def _safe(name: str) -> str:
    """An id inside a pattern for ``str.format``."""
    return name.replace("{", "{{").replace("}", "}}")
