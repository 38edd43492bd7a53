"""What shared limits are worth: their prices, which certify a bound, and one unit more or fewer on the plan.

`docs/prices.md` says what each number means. The price of a row is its dual in the linear relaxation, in money per unit
of the right-hand side, at least 0 for limits and at most 0 for minimums. What one unit is worth on the plan itself is
found by re-solving (`optimizer.engines.resolve`).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.engines.resolve import RowEffort, RowQuestion, RowValues, price_rows
from optimizer.exact import Exact, decimal_text
from optimizer.model.build import Model, build_model
from optimizer.model.linear_model import Block, LinearModel
from optimizer.model.parted import PartedModel
from optimizer.model.ragged import ranks_of
from optimizer.solution.extract import values_from_plan
from optimizer.solution.ledger import Ledger
from optimizer.solution.plan import Plan
from optimizer.solution.prices_rows import AT_LEAST, KEYS, LINKS, Limit, cannot_bind, key_texts, limit_of
from optimizer.solution.prices_stages import STAGES, stage_limit
from optimizer.solution.prices_table import DECIMALS, idle_rows, priced_rows, rounded, shadow_price_table
from optimizer.tables.tables import Table

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Texts = NDArray[np.object_]

HEADROOM = 1
"""Bounds inside the model are reckoned with one unit more than there is, so that one more unit can be asked for."""
QUANTITIES = frozenset(
    {
        "ship_qty",
        "lots",
        "kit_draw",
        "contract_shortfall",
        "charge_topup",
        "band_weight",
        "band_topup",
        "moved",
        "transfer_qty",
        "common_fill",
        "level_fill",
        "level_gap",
    }
)
"""Columns that a re-solve at fixed shipments may change; all others are its switches."""
PLAUSIBLE = 0.1
"""Share of a right-hand side that might plausibly be added: ranks the rows by money at stake."""


@dataclass(frozen=True)
class PricedRows:
    """The rows of one family with a price other than 0, sorted by their keys."""

    keys: Mapping[str, Texts]
    price: Exact


@dataclass(frozen=True)
class CoverRow:
    """A priced flow cover of a stock row: (order, line, service) that do not all fit, and others lifted into it.

    In a batch with dates the row has the ``date`` from which on it holds, and entries have a ship date, too.
    """

    warehouse: str
    product: str
    price: str
    cover: list[list[str]]
    lifted: list[list[str]]
    date: str = ""

    def as_json(self) -> dict[str, Any]:
        """As `certificate.json` lists it."""
        row = {"warehouse_id": self.warehouse, "product_id": self.product}
        row |= {"date": self.date} if self.date else {}
        return {**row, "price": self.price, "cover": self.cover, "lifted": self.lifted}


@dataclass(frozen=True)
class Covered:
    """Prices of rows that give a lower bound together with flow covers."""

    certificate: Mapping[str, PricedRows]
    rows: Sequence[CoverRow]


@dataclass(frozen=True)
class Prices:
    """``certificate``: by family, what anyone needs to recompute a bound. ``shadow_prices``: the table of that name.

    ``lp_bound`` is the value of the relaxation, +inf if it was not finished; ``notes`` say what was cut short and why.
    ``branches`` are rows of `optimizer.solution.branches`, and go with the prices of ``covers``.
    """

    certificate: Mapping[str, PricedRows]
    shadow_prices: Table
    lp_bound: float
    notes: tuple[str, ...]
    covers: Covered | None = None
    branches: Sequence[Mapping[str, Any]] = ()

    def certificate_json(self) -> dict[str, Any]:
        """As in `certificate.json`, without the bound that the proof computes from it."""
        found = {"schema_version": 1, "sense": "max", "prices": prices_json(self.certificate)}
        if self.covers is None:
            return found
        rows = [cover.as_json() for cover in self.covers.rows]
        found["covers"] = {"prices": prices_json(self.covers.certificate), "rows": rows}
        return {**found, "branches": list(self.branches)} if self.branches else found


def prices_json(certificate: Mapping[str, PricedRows]) -> dict[str, Any]:
    """Prices by family, as `certificate.json` lists them."""
    return {
        family: {
            "keys": list(rows.keys),
            "rows": [list(row) for row in zip(*rows.keys.values(), rows.price.texts(DECIMALS), strict=True)],
        }
        for family, rows in certificate.items()
    }


def price_plan(
    model: Model,
    plan: Plan,
    *,
    time_limit_s: float,
    top_rows: int = 200,
    threads: int = 1,
    memory_limit_mb: int | None = None,
    stop: threading.Event | None = None,
    effort: RowEffort | None = None,
    row_prices: Floats | None = None,
) -> Prices:
    """Price every shared row of the model, and re-solve the ``top_rows`` with most money at stake.

    Rows are priced in a model with `HEADROOM`, where the plan is written anew. Always answers within the time; what it
    did not get to is marked so. ``row_prices``: those of the model's rows from the engine that solved it, in place of
    the linear relaxation's.
    """
    asked = pricing_of(model, plan)
    roomy, ledger, blocks, limits, question = asked.model, asked.ledger, asked.blocks, asked.limits, asked.question
    if row_prices is not None:
        question = replace(question, known=known_prices(model.linear, blocks, row_prices))
    effort = replace(effort or RowEffort(time_limit_s), time_limit_s=time_limit_s, top_rows=top_rows)
    found = price_rows(asked.linear, question, effort, threads=threads, memory_limit_mb=memory_limit_mb, stop=stop)
    priced = [PricedBlock(roomy, block, found, start) for block, start in zip(blocks, _starts(blocks), strict=True)]
    idle, left_out = cannot_bind(ledger, roomy)
    rows = [each.rows(limits[each.block.family]) for each in priced if each.block.family in limits]
    return Prices(
        certificate=certified(priced),
        shadow_prices=shadow_price_table([*rows, idle_rows(model.batch, idle)]),
        lp_bound=found.relaxation,
        notes=_notes(found, left_out),
    )


_NONE = PricedRows({}, Exact.zeros(0))


def certified(priced: Sequence[PricedBlock]) -> dict[str, PricedRows]:
    """By family, the rows that have a price."""
    certificate = {each.block.family: each.certificate() for each in priced}
    return {family: certificate[family] for family in KEYS if len(certificate.get(family, _NONE).price)}


@dataclass(frozen=True)
class Pricing:
    """A plan written anew in a ``model`` with room for more, and the question about all its shared rows.

    ``linear`` is the matrix that the question is about, ``blocks`` its shared rows, ``limits`` their right-hand sides.
    """

    model: Model
    ledger: Ledger
    linear: LinearModel
    blocks: list[Block]
    limits: Mapping[str, Limit]
    question: RowQuestion


def pricing_of(model: Model, plan: Plan, headroom: int = HEADROOM) -> Pricing:
    """The question of what one unit of each shared row is worth, where ``headroom`` units more may be asked for."""
    roomy = build_model(model.tables, model.scenario, headroom, model.stages)
    linear = pricing_matrix(roomy.linear, headroom)
    ledger = Ledger(model.tables, model.scenario, plan)
    blocks = [block for block in linear.row_blocks if block.coupling]
    limits = {block.family: limit_of(ledger, block) for block in blocks if block.family not in LINKS | STAGES}
    limits |= {family: stage_limit(ledger, model.stages) for family in STAGES if model.stages}
    question = _question(roomy, linear, blocks, limits, values_from_plan(roomy, plan))
    return Pricing(roomy, ledger, linear, blocks, limits, question)


def pricing_matrix(linear: LinearModel, headroom: int = HEADROOM) -> LinearModel:
    """The model without strengthening rows, whose coefficients hold capacities; with room for more units owed."""
    keep = np.ones(linear.n_rows, dtype=bool)
    blocks, start = [], 0
    for block in linear.row_blocks:
        if block.redundant:
            keep[block.start : block.stop] = False
            continue
        blocks.append(replace(block, start=start, stop=start + len(block)))
        start += len(block)
    upper = linear.col_upper.copy()
    upper[linear.columns("contract_shortfall").positions] += headroom
    count = np.diff(linear.indptr)
    entries = np.repeat(keep, count)
    return replace(
        linear,
        col_upper=upper,
        indptr=np.concatenate([[0], np.cumsum(count[keep])]),
        indices=linear.indices[entries],
        data=linear.data[entries],
        row_lower=linear.row_lower[keep],
        row_upper=linear.row_upper[keep],
        row_blocks=tuple(blocks),
    )


def known_prices(linear: LinearModel, blocks: list[Block], row_prices: Floats) -> Floats:
    """Prices per unit of all rows of ``blocks``, found by keys among the rows of ``linear``; 0 where it has none."""
    found = [np.zeros(0)]
    for block in blocks:
        priced = linear.rows(block.family)
        price = np.zeros(len(block))
        if len(priced):
            label, size = ranks_of(*(np.concatenate([priced.keys[name], block.keys[name]]) for name in block.keys))
            by_label = np.zeros(size)
            by_label[label[: len(priced)]] = row_prices[priced.start : priced.stop] * _scale(priced)
            price = by_label[label[len(priced) :]]
        found.append(price)
    return np.concatenate(found)


def _starts(blocks: list[Block]) -> list[int]:
    """Where the rows of each block begin among those asked."""
    return [sum(len(before) for before in blocks[:place]) for place in range(len(blocks))]


def _scale(block: Block) -> Floats:
    return np.ones(len(block)) if block.scale is None else block.scale


def _question(
    model: Model, linear: LinearModel, blocks: list[Block], limits: Mapping[str, Limit], values: Floats
) -> RowQuestion:
    """All shared rows; those without a right-hand side of their own have no plausible change."""
    switch, group = np.ones(linear.n_cols, dtype=bool), np.full(linear.n_cols, -1, dtype=np.int64)
    for block in linear.column_blocks:
        switch[block.start : block.stop] = block.family not in QUANTITIES
        if "order" in block.keys:
            group[block.start : block.stop] = block.keys["order"]
        elif "line" in block.keys:
            group[block.start : block.stop] = model.tables.line_order[block.keys["line"]]
    change = [
        np.maximum(1.0, PLAUSIBLE * np.abs(limits[block.family].rhs.floats()))
        if block.family in limits
        else np.zeros(len(block))
        for block in blocks
    ]
    return RowQuestion(
        row=np.concatenate([np.zeros(0, dtype=np.int64), *(block.positions for block in blocks)]),
        unit=np.concatenate([np.zeros(0), *(_scale(block) for block in blocks)]),
        change=np.concatenate([np.zeros(0), *change]),
        is_upper=np.repeat(
            np.array([block.family not in AT_LEAST for block in blocks], dtype=bool), [len(block) for block in blocks]
        ),
        can_fall=np.concatenate([np.zeros(0, dtype=bool), *(_can_fall(block, limits) for block in blocks)]),
        switch=switch,
        group=group,
        values=values,
    )


def _can_fall(block: Block, limits: Mapping[str, Limit]) -> Flags:
    """A minimum may always be lowered, a limit as long as one unit is left of it."""
    if block.family in LINKS or block.family in AT_LEAST:
        return np.full(len(block), block.family in AT_LEAST)
    return limits[block.family].rhs >= 1


class PricedBlock:
    """One block of rows with what was found about it."""

    def __init__(self, model: Model | PartedModel, block: Block, found: RowValues, start: int) -> None:
        self.model, self.block = model, block
        self.found = found
        self.mine = slice(start, start + len(block))
        self.keys = key_texts(model.batch, block)
        self.price = self._right(rounded(found.price[self.mine]))

    def _right(self, price: Exact) -> Exact:
        """The price with the sign of its family; a soft minimum is worth no more than the penalty that buys it off."""
        if self.block.family not in AT_LEAST:
            return price.maximum(0)
        if self.block.family == "contract_minimum":
            contract = self.block.keys["contract"]
            contracts = self.model.tables.contracts
            penalty = contracts["shortfall_penalty"][contract] * self.model.scenario.weights.penalties
            price = price.where(~contracts.given("shortfall_penalty")[contract] | (price >= -penalty), -penalty)
        return price.minimum(0)

    def certificate(self) -> PricedRows:
        """Rows with a price, sorted by their keys."""
        names = KEYS[self.block.family]
        order = np.lexsort([self.keys[name].astype(str) for name in reversed(names)])
        order = order[(self.price.num != 0)[order]]
        return PricedRows({name: self.keys[name][order] for name in names}, self.price[order])

    def rows(self, limit: Limit) -> dict[str, Any]:
        """The part of `shadow_prices` that is about the block."""
        return priced_rows(self.block.family, self.keys, limit, self.price, self.found, self.mine)


def _notes(found: RowValues, left_out: int) -> tuple[str, ...]:
    notes = []
    if found.ended != "finished":
        notes.append(f"pricing ended early: {found.ended}")
    if "relaxation" in found.cut:
        notes.append(
            "the relaxation was not finished in time: prices are those of the plan's own shipments, the bound is wider"
        )
    if "re-solves" in found.cut:
        done = int(np.count_nonzero(found.basis))
        notes.append(f"the clock ended the re-solves: {done} rows were done, the rest are not verified")
    if found.plan_gain > 10.0**-DECIMALS:
        worth = decimal_text(rounded(np.array([found.plan_gain])).item(0))
        notes.append(f"the plan is not the best at its own shipments: {worth} more is possible, and no gain counts it")
    if left_out:
        notes.append(f"{left_out} stock rows that cannot bind and ship nothing are not listed")
    return tuple(notes)
