"""Lays out the supply of a batch: sources and pools from stock, receipts and moves, and the periods of each pool."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.model.calendar import FOREVER, SPAN, Calendar, days_since
from optimizer.model.limits import Index
from optimizer.model.moves import Moves, Stocked, find_moves
from optimizer.model.ragged import distinct_codes, expand, starts_of
from optimizer.model.supply import Supply
from optimizer.tables.tables import Tables

if TYPE_CHECKING:
    from optimizer.scenario.schema import Scenario

Ints = NDArray[np.int64]
Texts = NDArray[np.object_]


class _Codes(NamedTuple):
    """A source as one number: ``(warehouse · products + product) · lots + lot``."""

    n_products: int
    lots: Texts

    def pool(self, code: Ints) -> Ints:
        return code // len(self.lots)

    def warehouse(self, code: Ints) -> Ints:
        return self.pool(code) // max(self.n_products, 1)

    def product(self, code: Ints) -> Ints:
        return self.pool(code) % max(self.n_products, 1)

    def elsewhere(self, code: Ints, warehouse: Ints) -> Ints:
        """The same lot of the same product at another warehouse."""
        return (warehouse * self.n_products + self.product(code)) * len(self.lots) + code % len(self.lots)


class _Receipts(NamedTuple):
    """Inbound goods sorted by (pool code, day); what was due before `as_of` counts on day 0."""

    pool: Ints
    day: Ints
    qty: Ints


def lay_out(tables: Tables, scenario: Scenario) -> Supply:
    """See `Supply`."""
    lots = np.array(sorted({"", *tables.stock["lot_id"].tolist()}), dtype=object)
    codes, receipts = _Codes(len(tables.products), lots), _receipts(tables, scenario)
    stocked = _stock_codes(tables, codes)
    coming = np.unique(receipts.pool) * len(lots)
    own = stocked if not len(coming) else distinct_codes(np.concatenate([stocked, coming]))
    expiry = _of_stock(days_since(scenario, tables.stock["expiry_date"], FOREVER), stocked, own, FOREVER)
    moves = _moves(tables, scenario, codes, own, expiry, receipts)
    arriving = codes.elsewhere(own[moves.source], moves.to_warehouse)
    every = own if not len(moves) else distinct_codes(np.concatenate([own, arriving]))
    place = np.searchsorted(every, own)
    all_expiry = np.full(len(every), FOREVER, dtype=np.int64)
    to_source = np.searchsorted(every, arriving)
    if len(moves):  # a lot that only moves bring is good as long as the shortest-lived of those
        np.minimum.at(all_expiry, to_source, expiry[moves.source])
    all_expiry[place] = expiry
    moves = replace(moves, source=place[moves.source], to_source=to_source)
    return _supply(tables, codes, every, stocked, all_expiry, receipts, moves)


def _stock_codes(tables: Tables, codes: _Codes) -> Ints:
    """The source of each stock row; ascending, as the rows are sorted by warehouse, product and lot."""
    rank = {lot: place for place, lot in enumerate(codes.lots.tolist())}
    pool = tables.stock_warehouse * len(tables.products) + tables.stock_product
    if len(rank) == 1:
        return cast("Ints", pool)
    lot = np.array([rank[name] for name in tables.stock["lot_id"].tolist()], dtype=np.int64)
    return cast("Ints", pool * len(rank) + lot)


def _receipts(tables: Tables, scenario: Scenario) -> _Receipts:
    table = tables.inbound
    pool = tables.inbound_warehouse * len(tables.products) + tables.inbound_product
    day = np.maximum(days_since(scenario, table["available_date"], 0), 0)
    order = np.lexsort((day, pool))
    return _Receipts(pool[order], day[order], np.asarray(table["qty"], dtype=np.int64)[order])


def _moves(tables: Tables, scenario: Scenario, codes: _Codes, own: Ints, expiry: Ints, receipts: _Receipts) -> Moves:
    if not len(tables.transfers):
        return Moves.none()
    size = max(codes.n_products, 1)
    stocked = Stocked(
        codes.warehouse(own), codes.product(own), expiry, receipts.pool // size, receipts.pool % size, receipts.day
    )
    return find_moves(tables, Calendar.of(tables, scenario), stocked)


def _rows(stocked: Ints, every: Ints) -> Ints:
    """The stock row of each source, -1 where it has none."""
    by_code = np.argsort(stocked, kind="stable")
    place = np.minimum(np.searchsorted(stocked[by_code], every), max(len(stocked) - 1, 0))
    if not len(stocked):
        return np.full(len(every), -1, dtype=np.int64)
    row = by_code[place]
    return np.where(stocked[row] == every, row, -1)


def _of_stock(values: Ints, stocked: Ints, every: Ints, other: int) -> Ints:
    """A column of the stock rows by source, ``other`` for sources without one."""
    return cast("Ints", np.append(values, other)[_rows(stocked, every)])


def _supply(
    tables: Tables, codes: _Codes, every: Ints, stocked: Ints, expiry: Ints, receipts: _Receipts, moves: Moves
) -> Supply:
    row, stock = _rows(stocked, every), tables.stock
    pool_code, pool = np.unique(codes.pool(every), return_inverse=True)
    pool = pool.reshape(-1).astype(np.int64)
    receipt_pool = np.searchsorted(pool_code, receipts.pool)
    arrival_pool = pool[moves.to_source]
    events = (
        (np.arange(len(pool_code)), np.zeros(len(pool_code), dtype=np.int64)),
        (receipt_pool, receipts.day),
        (arrival_pool, moves.arrive),
        (pool[expiry < FOREVER], expiry[expiry < FOREVER] + 1),
    )
    event_pool, event_day = (np.concatenate(part) for part in zip(*events, strict=True))
    periods = distinct_codes(event_pool * SPAN + np.maximum(event_day, 0))
    size = max(codes.n_products, 1)
    supply = Supply(
        warehouse=codes.warehouse(every),
        product=codes.product(every),
        lot=codes.lots[every % len(codes.lots)],
        stock_row=row,
        on_hand=_of_stock(stock["on_hand_qty"], stocked, every, 0),
        expiry=expiry,
        holding=Exact.concat([stock["holding_value_per_unit"], Exact.zeros(1)])[row],
        pool=pool,
        pool_warehouse=pool_code // size,
        pool_product=pool_code % size,
        source_start=starts_of(pool, len(pool_code)),
        period_start=starts_of(periods // SPAN, len(pool_code)),
        period_pool=periods // SPAN,
        period_day=periods % SPAN,
        period_atp=np.zeros(len(periods), dtype=np.int64),
        receipt_pool=receipt_pool,
        receipt_day=receipts.day,
        receipt_qty=receipts.qty,
        moves=moves,
        pool_index=Index(pool_code, len(tables.warehouses) * codes.n_products),
        n_products=codes.n_products,
    )
    return replace(supply, period_atp=_atp(tables, supply))


def _atp(tables: Tables, supply: Supply) -> Ints:
    """Units available to promise in each period: what rows alive have beyond what is kept, and receipts by then."""
    stock = tables.stock
    free = stock["on_hand_qty"] - stock["reserved_qty"] - stock["safety_stock_qty"]
    free = np.append(free, 0)[supply.stock_row]
    if len(supply) == len(supply.pool_warehouse) == len(supply.period_day) and not len(supply.receipt_qty):
        return cast("Ints", np.maximum(np.where(supply.expiry >= 0, free, 0), 0))
    start = supply.source_start[supply.period_pool]
    period, source = expand(start, supply.source_start[supply.period_pool + 1])
    living = supply.expiry[source] >= supply.period_day[period]
    atp = np.zeros(len(supply.period_day), dtype=np.int64)
    np.add.at(atp, period[living], free[source[living]])
    total = np.concatenate([[0], np.cumsum(supply.receipt_qty)])
    codes = supply.receipt_pool * SPAN + supply.receipt_day
    by_then = np.searchsorted(codes, supply.period_pool * SPAN + supply.period_day, side="right")
    before = np.searchsorted(supply.receipt_pool, supply.period_pool)
    return cast("Ints", np.maximum(atp + total[by_then] - total[before], 0))
