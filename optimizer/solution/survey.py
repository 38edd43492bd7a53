"""What is asked about short lines and their ways before a reason is given: what could come, and what it would earn."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.model import terms
from optimizer.model.ragged import ranks_of
from optimizer.solution.ledger import Ledger
from optimizer.solution.takers import pool_used
from optimizer.solution.ways import BARRIERS, LIMITS, Ways, line_needs, service_money, whole_only

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

REASONS = (
    "hold", "no_lane", "no_stock", "stock_taken", "not_worth_freight", "capacity", "split_limit", "delivery_policy",
    "minimum_or_lot", "contract_quota", "pin", "within_gap", "frozen", "cancel_date", "remaining_life", "tariff",
    "reserve", "credit_limit", "budget", "fair_share",
)  # fmt: skip
CODE = {name: code for code, name in enumerate(REASONS)}
OF_LIMIT = np.array(
    [CODE[name if name in REASONS else {"max_shipments": "split_limit"}.get(name, "capacity")] for name in LIMITS]
)
STOCK = LIMITS.index("warehouse_stock")
SPLITS = LIMITS.index("max_shipments")
OWN_RULES = ("pin", "contract_quota", "fair_share", "split_limit", "credit_limit")
GAIN_SLIP = 1e-6
"""Money below which a gain counts as none: far above the rounding of doubles, far below a minor unit."""


@dataclass(frozen=True)
class Survey:
    """What the classification asks about ways (arrays of their length) and short lines (arrays of ``lines``)."""

    ledger: Ledger
    ways: Ways
    some: Ints | None = None
    """the short lines in question, where not all are"""

    @cached_property
    def is_plain(self) -> bool:
        """No dates, lots, substitutes or tariffs: a line and a lane are one way."""
        batch = self.ledger.batch
        single = batch.supply.single and batch.offers.plain and batch.ship_days.none
        return single and not batch.banded.any()

    # -- lines --------------------------------------------------------------------------------------------------
    @cached_property
    def lines(self) -> Ints:
        return np.flatnonzero(~self.ledger.line_full) if self.some is None else self.some

    @cached_property
    def place(self) -> Ints:
        """Position in ``lines`` of each way's line."""
        return np.searchsorted(self.lines, self.ways.line)

    @cached_property
    def order(self) -> Ints:
        return self.ledger.tables.line_order[self.lines]

    @cached_property
    def held(self) -> Flags:
        return np.asarray(self.ledger.tables.orders["hold"] != "", dtype=bool)[self.order]

    def barred_by(self, barrier: str) -> Flags:
        """Lines of which some way is kept off by this barrier and by none before it."""
        return np.asarray(self.max_by(self.ways.barrier == BARRIERS.index(barrier), 0) > 0)

    @cached_property
    def stocked_later(self) -> Flags:
        """Lines for which there is stock, but only so late that it would arrive after the cancel date."""
        late = self.ways.barrier == BARRIERS.index("cancel_date")
        return np.asarray(self.max_by(late & (self.ways.atp > 0), 0) > 0)

    @cached_property
    def whole_only(self) -> Flags:
        return whole_only(self.ledger)[self.lines]

    @cached_property
    def by_order(self) -> Flags:
        """Lines of orders that ship complete or not at all."""
        return np.asarray(self.ledger.tables.orders["delivery_policy"] == "order_complete", dtype=bool)[self.order]

    @cached_property
    def step(self) -> Ints:
        return terms.multiple(self.ledger.tables)[self.lines]

    @cached_property
    def need(self) -> Ints:
        return line_needs(self.ledger)[self.lines]

    @cached_property
    def whole_steps(self) -> Ints:
        """The short units that make whole steps."""
        short = (self.ledger.ordered - self.ledger.allocated)[self.lines]
        return short // self.step * self.step

    @cached_property
    def atp(self) -> Ints:
        """The most that one warehouse has."""
        return self.max_by(np.where(self.ways.usable, self.ways.atp, 0), 0)

    def max_by(self, values: NDArray[Any], least: float) -> NDArray[Any]:
        """The largest value over the ways of each line, ``least`` without ways."""
        largest = np.full(len(self.lines), least, dtype=np.int64 if values.dtype == bool else values.dtype)
        np.maximum.at(largest, self.place, values)
        return largest

    # -- how much a line could get ------------------------------------------------------------------------------
    @cached_property
    def reach(self) -> Ints:
        """Units that the line could have if all stock within reach were its own."""
        ways = self.ways
        units = np.minimum(ways.atp, ways.short) // ways.step * ways.step
        return self._line_total(np.where(ways.usable, units, 0), ways.atp)

    @cached_property
    def line_room(self) -> Ints:
        """Units that the line could get more over all lanes, with everything else as it is."""
        return self._line_total(self._within_splits(self.ways.room), self.ways.rooms[STOCK])

    @cached_property
    def servable(self) -> Flags:
        return (self.line_room >= self.need) & (self.line_room > 0)

    @cached_property
    def fits_without_split_limit(self) -> Flags:
        return self._line_total(self._room_without_split_limit(), self.ways.rooms[STOCK]) >= self.need

    def _room_without_split_limit(self) -> Ints:
        ways = self.ways
        others = np.delete(ways.rooms, SPLITS, axis=0)
        room = np.minimum(others.min(axis=0), ways.short) // ways.step * ways.step
        return np.where(ways.usable, room, 0)

    def _line_total(self, room: Ints, pool: Ints) -> Ints:
        """Sum over warehouses; the services of one warehouse share its stock ``pool``."""
        ways = self.ways
        size = len(self.ledger.batch.supply.pool_warehouse) + 1  # days and services of a pool share what it has
        pair, of_way = np.unique(self.place * size + ways.stock % size, return_inverse=True)
        total, cap = np.zeros(len(pair), dtype=np.int64), np.zeros(len(pair), dtype=np.int64)
        np.add.at(total, of_way, room)
        np.maximum.at(cap, of_way, pool)
        line_total = np.zeros(len(self.lines), dtype=np.int64)
        np.add.at(line_total, pair // max(size, 1), np.minimum(total, cap))
        return line_total

    def _within_splits(self, room: Ints) -> Ints:
        """Room kept only on open shipments and on as many of the roomiest new ones as max_shipments still allows."""
        orders, ways = self.ledger.tables.orders, self.ways
        made = np.bincount(self.ledger.shipments.order, minlength=len(orders))
        left = np.where(orders.given("max_shipments"), orders["max_shipments"] - made, len(ways))[ways.order]
        by_room = np.lexsort((-room, ways.shipment >= 0, self.place))
        rank = np.empty(len(ways), dtype=np.int64)
        rank[by_room] = np.arange(len(ways)) - np.searchsorted(self.place, self.place)[by_room]
        return np.where((ways.shipment >= 0) | (rank < left), room, 0)

    # -- what each way would bring ------------------------------------------------------------------------------
    @cached_property
    def stocked(self) -> Flags:
        """Ways that lead to at least one step of stock, whoever has it now."""
        return self.ways.usable & (self.ways.atp >= self.ways.step)

    @cached_property
    def open(self) -> Flags:
        """Ways on which enough could ship right now."""
        return self.ways.usable & (self.ways.room >= self.ways.need)

    @cached_property
    def units_free(self) -> Ints:
        """The quantity that would earn most if nothing else had claims here, 0 where there is no stock."""
        ways = self.ways
        most = np.minimum(ways.atp - ways.own, ways.short) // ways.step * ways.step
        return self._best_units(np.maximum(most, ways.need), self.stocked)

    @cached_property
    def gain_free(self) -> Floats:
        return self.ways.gain(self.units_free)

    @cached_property
    def units_now(self) -> Ints:
        """The quantity that would earn most of what could ship right now, 0 where not enough could."""
        return self._best_units(np.maximum(self.ways.room, self.ways.need), self.open)

    @cached_property
    def best_now(self) -> Floats:
        """The most that a line could gain right now on one lane."""
        gain = np.where(self.open, self.gain_now, -np.inf)
        return np.asarray(self.max_by(gain, -np.inf), dtype=np.float64)

    @cached_property
    def gain_now(self) -> Floats:
        return self.ways.gain(self.units_now)

    @cached_property
    def units_fill(self) -> Ints:
        """Units that would fill the line, in whole steps."""
        ways = self.ways
        return np.asarray(np.maximum(ways.short // ways.step * ways.step, ways.need), dtype=np.int64)

    @cached_property
    def gain_fill(self) -> Floats:
        """What filling the line on each way would gain if nothing stood in the way."""
        return self.ways.gain(self.units_fill)

    def _best_units(self, most: Ints, asked: Flags) -> Ints:
        """Of the least, all that rides within the minimum charge, and the most: the quantity of highest gain.

        In between the gain is a straight line. Only for the ways ``asked``, else 0.
        """
        ways = self.ways
        kink = np.clip(ways.free_units() // ways.step * ways.step, ways.need, most)
        choices = np.where(asked, np.stack([most, kink, ways.need]), 0)
        gains = np.stack([ways.gain(units) for units in choices])
        best = np.take_along_axis(choices, np.argmax(gains, axis=0)[None], axis=0)[0]
        return np.asarray(best, dtype=np.int64)

    @cached_property
    def worthwhile(self) -> Flags:
        """Ways that would have been used had nothing stood in the way.

        They gain alone, or together with the other short lines of the order on the same lane, or as one part of an
        order that must ship complete.
        """
        ways = self.ways
        complete = np.asarray(self.ledger.tables.orders["delivery_policy"] == "order_complete", dtype=bool)[ways.order]
        pays = (self.gain_free > GAIN_SLIP) | self._pays_together() | complete
        return np.asarray(self.stocked & pays, dtype=bool)

    def _pays_together(self) -> Flags:
        """Ways whose lane would be worth a shipment of all that the order still lacks; an upper estimate."""
        ways = self.ways
        by_order = self.ledger.scenario.service.measure == "order"
        units = np.minimum(ways.atp - ways.own, ways.short)
        brings = units * ways.unit_worth + (0.0 if by_order else ways.bonus(units))
        adds: Flags = self.stocked & ((brings > 0) | by_order)
        of_way, size = ranks_of(ways.order, ways.lane, ways.day)
        total = np.bincount(of_way, weights=np.where(adds, brings, 0.0), minlength=size)[of_way]
        once = service_money(self.ledger)[ways.order] if by_order else 0.0
        return np.logical_and(adds, total + once - ways.opening() > GAIN_SLIP)

    # -- what stops each way ------------------------------------------------------------------------------------
    @cached_property
    def blocked(self) -> Flags:
        return self.stocked & ~self.open

    @cached_property
    def tightest(self) -> Ints:
        """Position in `LIMITS` of what leaves least room."""
        return np.asarray(np.argmin(self.ways.rooms, axis=0), dtype=np.int64)

    @cached_property
    def one_change_fills(self) -> Flags:
        """Ways where the tightest limit alone keeps the line from being filled, and filling it would gain.

        Never for orders of several lines that ship complete: one line alone would not ship.
        """
        ways, orders = self.ways, self.ledger.tables.orders
        second = np.partition(ways.rooms, 1, axis=0)[1]
        together = (orders["delivery_policy"] == "order_complete") & (self.ledger.order_lines > 1)
        alone = (second >= self.units_fill) & ~np.asarray(together, dtype=bool)[ways.order]
        return np.asarray(alone & (self.gain_fill > GAIN_SLIP), dtype=bool)

    @cached_property
    def others_hold_stock(self) -> Flags:
        """Ways whose stock row other lines draw from."""
        return np.asarray(np.append(pool_used(self.ledger), 0)[self.ways.stock] > self.ways.own_units)

    @cached_property
    def blocked_reason(self) -> Ints:
        """Code of what stops each way."""
        by_stock = np.where(
            self.ways.rooms[STOCK] > 0,
            CODE["minimum_or_lot"],
            np.where(self.others_hold_stock, CODE["stock_taken"], CODE["no_stock"]),
        )
        return np.where(self.tightest == STOCK, by_stock, OF_LIMIT[self.tightest])

    @cached_property
    def blocked_rank(self) -> Ints:
        """Rules of the order itself come first, stock that the line has used up itself last."""
        own_rule = np.isin(self.blocked_reason, [CODE[name] for name in OWN_RULES])
        return np.where(own_rule, 0, np.where(self.blocked_reason == CODE["no_stock"], 2, 1))
