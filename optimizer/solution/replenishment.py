"""What to buy or move next: the stock that short lines lacked, where it would have served them best.

Columns and formulas are explained in `docs/exceptions.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.model.terms import unit_margin
from optimizer.solution.demand import YEAR, Past
from optimizer.solution.exceptions import texts
from optimizer.solution.home import shipment_cost, usable_lanes
from optimizer.solution.ledger import Ledger
from optimizer.solution.stock_use import left_in_pools
from optimizer.tables.resolve import position
from optimizer.tables.tables import Table

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

LACKS_STOCK = ("no_stock", "stock_taken", "reserve", "remaining_life", "minimum_or_lot", "delivery_policy")
"""Reasons of `shorts` that more stock would have answered."""
STOCK = "warehouse_stock"


@dataclass(frozen=True)
class Missing:
    """Stock that lines lacked: ``units`` of ``product`` at ``warehouse`` for ``line``, to leave by ``day``."""

    line: Ints
    product: Ints
    warehouse: Ints
    units: Ints
    day: Ints


def replenishment(ledger: Ledger, shorts: Table, shadow_prices: Table) -> Table:
    """The table `replenishment` of a plan; the other two are the run's tables of those names."""
    tables, found = ledger.tables, missing(ledger, shorts)
    size = len(tables.products)
    pool, of_row = np.unique(found.warehouse * size + found.product, return_inverse=True)
    warehouse, product, count = pool // max(size, 1), pool % max(size, 1), len(pool)
    units = np.bincount(of_row, found.units, minlength=count).astype(np.int64)
    day = np.full(count, np.iinfo(np.int64).max)
    np.minimum.at(day, of_row, found.day)
    short = ledger.ordered - ledger.allocated
    _, first = np.unique(of_row * len(tables.order_lines) + found.line, return_index=True)
    margin = (unit_margin(tables) * short).take(found.line[first]).sum_by(of_row[first], count)
    worth, priced = _unit_worth(ledger, shadow_prices, warehouse, product, day)
    annual, basis = _annual_demand(ledger, found, warehouse, product)
    economic, has_economic = _economic_quantity(ledger, product, annual)
    pack: Ints = tables.products["case_pack"][product]
    suggested = -(-np.maximum(units, economic) // pack) * pack
    columns = {
        "product_id": tables.products["product_id"][product],
        "warehouse_id": tables.warehouses["warehouse_id"][warehouse],
        "short_qty": units,
        "short_lines": np.bincount(of_row[first], minlength=count).astype(np.int64),
        "date_needed": np.datetime64(ledger.scenario.as_of, "D") + day.astype("timedelta64[D]"),
        "margin_at_stake": margin,
        "unit_worth": worth,
        "left_elsewhere_qty": _left_elsewhere(ledger, warehouse, product),
        "annual_demand": annual,
        "demand_basis": texts(basis),
        "economic_order_qty": economic,
        "suggested_qty": suggested,
    }
    at_stake = (worth * units).where(priced, 0).floats()
    order = np.lexsort((warehouse, product, -margin.floats(), -at_stake))
    return Table(
        "replenishment",
        {name: column[order] for name, column in columns.items()},
        filled={"unit_worth": priced[order], "economic_order_qty": has_economic[order]},
    )


def missing(ledger: Ledger, shorts: Table) -> Missing:
    """What lines that are short for lack of stock lacked, each at the warehouse that would serve it at least cost."""
    batch, tables = ledger.batch, ledger.tables
    lines = np.flatnonzero(~ledger.line_full)  # one row of `shorts` each, in the same order
    lines = lines[np.isin(shorts["reason"].astype(str), LACKS_STOCK)]
    short = ledger.ordered - ledger.allocated
    line, lane = usable_lanes(batch, lines)
    cost = shipment_cost(batch, line, lane, short[line], np.arange(len(line)), lane)
    order = np.lexsort((tables.lane_warehouse[lane], np.rint(cost * 100), line))
    order = order[np.isfinite(cost[order])]
    best = order[np.flatnonzero(np.diff(line[order], prepend=-1))]
    line, lane = line[best], lane[best]
    at, component, need = batch.offers.recipes.parts(tables.line_product[line])
    due = np.maximum(batch.due_day[tables.line_order[line]] - tables.lanes["transit_days"][lane], 0)
    due = np.where(np.isnat(tables.orders["due_date"])[tables.line_order[line]], 0, due)
    units = short[line][at] * need
    return Missing(line[at], component, tables.lane_warehouse[lane][at], units, due[at])


def _unit_worth(ledger: Ledger, prices: Table, warehouse: Ints, product: Ints, day: Ints) -> tuple[Exact, Flags]:
    """Prices of each pool from the period that holds ``day`` on, added up; and where any is known."""
    tables = ledger.tables
    rows = np.flatnonzero(prices["family"] == STOCK)
    size = len(tables.products)
    code = position(tables.warehouses["warehouse_id"], prices["warehouse_id"][rows]) * size
    code += position(tables.products["product_id"], prices["product_id"][rows])
    start = _days(ledger, prices, rows)
    order = np.lexsort((start, code))
    rows, code, start = rows[order], code[order], start[order]
    total = Exact.concat([Exact.zeros(1), _running(prices["price"].take(rows))])
    wanted = warehouse * size + product
    first, last = np.searchsorted(code, wanted), np.searchsorted(code, wanted, side="right")
    span = int(max(start.max(initial=0), day.max(initial=0))) + 1
    begin = np.searchsorted(code * span + start, wanted * span + day, side="right") - 1
    begin = np.maximum(begin, first)
    return total.take(last) - total.take(np.minimum(begin, last)), first < last


def _days(ledger: Ledger, prices: Table, rows: Ints) -> Ints:
    """Days since `as_of` on which the periods of these stock rows begin."""
    dates = prices["date"][rows].astype("datetime64[D]")
    return np.asarray((dates - np.datetime64(ledger.scenario.as_of, "D")).astype(np.int64))


def _running(values: Exact) -> Exact:
    """Running totals."""
    num = values.num.astype(object) if len(values) and abs(values.floats()).sum() > 2**40 else values.num
    return Exact(np.cumsum(num), values.scale)


def _left_elsewhere(ledger: Ledger, warehouse: Ints, product: Ints) -> Ints:
    """Units of the product that the plan leaves unused at all other warehouses."""
    supply, left = ledger.batch.supply, left_in_pools(ledger)
    total = np.bincount(supply.pool_product, left, minlength=len(ledger.tables.products)).astype(np.int64)
    own = supply.find_pool(warehouse, product)
    return np.asarray(total[product] - np.append(left, 0)[own], dtype=np.int64)


def _annual_demand(ledger: Ledger, found: Missing, warehouse: Ints, product: Ints) -> tuple[Exact, list[str]]:
    """Units a year of each product at each warehouse, and where the number comes from."""
    tables, past = ledger.tables, Past.of(ledger.tables, ledger.scenario)
    size, houses = len(tables.products), len(tables.warehouses)
    here, everywhere = _batch_demand(ledger, found, warehouse, product)
    history = tables.history
    place = position(tables.warehouses["warehouse_id"], history["warehouse_id"])
    known = (tables.history_product >= 0) & (place >= 0)
    code = tables.history_product * houses + place
    cells, at = np.unique(code[known], return_inverse=True)
    stated = np.append(np.bincount(at, history["qty"][known], minlength=len(cells)), 0.0).astype(np.int64)
    free = (tables.history_product >= 0) & (history["warehouse_id"] == "")
    unplaced = np.bincount(tables.history_product[free], history["qty"][free], minlength=size).astype(np.int64)
    recorded = np.bincount(tables.history_product[tables.history_product >= 0], minlength=size) > 0
    wanted = product * houses + warehouse
    cell = np.minimum(np.searchsorted(cells, wanted), max(len(cells) - 1, 0))
    hit = (cells[cell] == wanted) if len(cells) else np.zeros(len(wanted), dtype=bool)
    placed = stated[np.where(hit, cell, len(cells))]
    annual, basis = [], []
    for row, item in enumerate(product.tolist()):
        share = Fraction(int(here[row]), int(everywhere[row]))
        if recorded[item]:
            annual.append((int(placed[row]) + int(unplaced[item]) * share) * YEAR / past.days)
            basis.append("history")
        else:
            annual.append(Fraction(int(here[row]) * YEAR, past.batch_days))
            basis.append("batch")
    return Exact.of(annual), basis


def _batch_demand(ledger: Ledger, found: Missing, warehouse: Ints, product: Ints) -> tuple[Ints, Ints]:
    """Units of the batch that each product has at each warehouse, shipped or short there; and everywhere."""
    supply, draws, houses = ledger.batch.supply, ledger.plan.draws, len(ledger.tables.warehouses)
    source = draws.source
    code = np.concatenate(
        [supply.product[source] * houses + supply.warehouse[source], found.product * houses + found.warehouse]
    )
    cells, at = np.unique(code, return_inverse=True)
    units = np.bincount(at, np.concatenate([draws.units, found.units]), minlength=len(cells)).astype(np.int64)
    total = np.bincount(cells // max(houses, 1), units, minlength=len(ledger.tables.products)).astype(np.int64)
    return units[np.searchsorted(cells, product * houses + warehouse)], total[product]


def _economic_quantity(ledger: Ledger, product: Ints, annual: Exact) -> tuple[Ints, Flags]:
    """√(2 · annual demand · order cost / holding cost), rounded up; and where the product has both costs."""
    table = ledger.tables.products
    order, hold = table["order_cost"].take(product), table["holding_cost_per_unit_year"].take(product)
    given = table.given("order_cost")[product] & table.given("holding_cost_per_unit_year")[product] & (hold > 0)
    quantity = np.zeros(len(product), dtype=np.int64)
    for row in np.flatnonzero(given).tolist():
        square = 2 * annual.item(row) * order.item(row) / hold.item(row)
        whole = -(-square.numerator // square.denominator)
        root = isqrt(whole)
        quantity[row] = root if root * root == whole else root + 1
    return quantity, given
