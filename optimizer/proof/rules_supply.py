"""Rules on days, stock, lots, reserves and transfers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.proof.days import DAYS, FOREVER
from optimizer.proof.rule_result import RuleResult, date_of, flagged, judge, namer, row_name
from optimizer.proof.tally import Tally

Ints = NDArray[np.int64]


def days(tally: Tally) -> Iterator[RuleResult]:
    """Shipments leave on working days, where something changes, and arrive before an order is cancelled [days late].

    A frozen order keeps the days that it had, if the warehouse works on them.
    """
    facts, rows = tally.facts, tally.rows
    free = ~facts.previous.frozen[tally.order]
    idle = ~facts.calendar.works(tally.warehouse, rows.day)
    yield flagged("working_days", idle, lambda row: row_name(tally, row))
    wrong = free & ~facts.events.is_event(tally.order, rows.lane, rows.day)
    yield flagged("event_days", wrong, lambda row: row_name(tally, row))
    late = Exact.ints(np.maximum(0, tally.arrive - facts.events.cancel[tally.order]))
    yield judge("cancel_date", late, lambda row: row_name(tally, row))


def remaining_life(tally: Tally) -> Iterator[RuleResult]:
    """A lot leaves alive, and arrives with the remaining life that the customer asks for [days short]."""
    facts, rows = tally.facts, tally.rows
    expiry = np.append(facts.supply.expiry, FOREVER)[rows.draw_source]
    customers = facts.tables.customers
    asked = np.where(customers.given("min_remaining_life_days"), customers["min_remaining_life_days"], 0)
    row = rows.draw_row
    needed = np.maximum(rows.day[row], tally.arrive[row] + asked[facts.tables.order_customer[tally.order[row]]])
    short = np.where(expiry < FOREVER, needed - expiry, 0)
    yield judge("remaining_life", Exact.ints(np.maximum(0, short)), lambda at: row_name(tally, int(row[at])))


def warehouse_stock(tally: Tally) -> Iterator[RuleResult]:
    """No pool gives more until any day than is available by then, and nothing ships that is not stocked [units]."""
    facts, rows = tally.facts, tally.rows
    supply = facts.supply
    excess = Exact.ints(tally.stock.pool_used - supply.period_atp)
    unstocked = np.flatnonzero(rows.draw_source < 0)
    missing = Exact.ints(rows.draw_units[unstocked])

    def where(at: int) -> str:
        if at < len(excess):
            pool = int(supply.period_pool[at])
            return f"{pool_name(tally, pool)} until {_until(tally, int(supply.period_end[at]))}"
        return row_name(tally, int(rows.draw_row[unstocked[at - len(excess)]]))

    yield judge("warehouse_stock", Exact.concat([excess, missing]), where)
    lots = facts.lots

    def lot(at: int) -> str:
        source = int(lots.source[at])
        named = supply.lot_texts[int(supply.lot[source])] or "(none)"
        return f"{pool_name(tally, int(supply.pool[source]))}, lot {named}"

    yield judge("lot_stock", Exact.ints(tally.stock.lot_used - lots.rhs), lot)


def pool_name(tally: Tally, pool: int) -> str:
    """A product at a warehouse."""
    tables, supply = tally.facts.tables, tally.facts.supply
    house = tables.warehouses["warehouse_id"][supply.pool_warehouse[pool]]
    return f"{house}, product {tables.products['product_id'][supply.pool_product[pool]]}"


def _until(tally: Tally, day: int) -> str:
    return "the end" if day >= FOREVER else date_of(tally, day)


def transfers(tally: Tally) -> Iterator[RuleResult]:
    """Moves leave on event days of the warehouse, move its own stock only, and stay within each row's capacity."""
    facts, rows, supply = tally.facts, tally.rows, tally.facts.supply
    moves, table = supply.moves, facts.tables.transfers
    wrong = ~np.isin(rows.move_row * DAYS + rows.move_day, moves.leave_row * DAYS + moves.leave_day)
    wrong |= rows.move_day > moves.last[rows.move]
    named = namer(table, ["from_warehouse_id", "to_warehouse_id", "product_id"], rows.move_row)
    yield flagged("transfer_days", wrong, named)
    left = Exact.ints(tally.stock.moved_out - supply.period_atp) if len(moves.row) else Exact.zeros(0)
    yield judge("transfer_source", left, lambda at: pool_name(tally, int(supply.period_pool[at])))
    limited = np.flatnonzero(table.given("capacity_units")) if len(table) else rows.move_row[:0]
    beyond = (tally.stock.moved_by_row - table["capacity_units"])[limited] if len(table) else limited
    where = namer(table, ["from_warehouse_id", "to_warehouse_id", "product_id"], limited)
    yield judge("transfer_capacity", Exact.ints(beyond), where)


def reserve(tally: Tally) -> Iterator[RuleResult]:
    """What others take of the stock behind a reserve leaves its quantity, at every date [units]."""
    reserves = tally.facts.reserves
    table = tally.facts.tables.reserves
    excess = Exact.ints(tally.stock.reserve_used - reserves.row_rhs)
    yield judge("reserve", excess, namer(table, ["reserve_id"], reserves.row_reserve))


def frozen_orders(tally: Tally) -> Iterator[RuleResult]:
    """A frozen order keeps its rows of the previous plan exactly, and gets no others [rows that differ]."""
    previous, rows, stock = tally.facts.previous, tally.rows, tally.stock
    frozen = np.flatnonzero(previous.frozen[tally.order[rows.draw_row]])
    lot = np.append(tally.facts.supply.lot, -1)[rows.draw_source[frozen]]
    row = rows.draw_row[frozen]
    now = (stock.draw_line[frozen], rows.lane[row], rows.day[row], rows.draw_component[frozen], lot,
           rows.draw_units[frozen], stock.draw_ordered[frozen])  # fmt: skip
    kept = previous.kept
    then = (kept.line, kept.lane, kept.day, kept.product, kept.lot, kept.units, kept.ordered)
    found = set(zip(*(column.tolist() for column in now), strict=True))
    wanted = set(zip(*(column.tolist() for column in then), strict=True))
    different = sorted(found ^ wanted)
    name = tally.facts.tables.order_lines["order_id"][different[0][0]] if different else ""
    checked = int(previous.frozen.sum())
    yield RuleResult("frozen_orders", checked, Fraction(len(different)), f"order {name}")


SUPPLY_RULES: tuple[Callable[[Tally], Iterator[RuleResult]], ...] = (
    days,
    remaining_life,
    warehouse_stock,
    transfers,
    reserve,
    frozen_orders,
)
