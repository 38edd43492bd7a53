"""Orders that ship complete or not at all, and whose lines could each be had: why they still get nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from optimizer.model.limits import ENDLESS
from optimizer.solution.survey import GAIN_SLIP, Survey
from optimizer.solution.ways import LIMITS, service_money

Ints = NDArray[np.int64]

MOST_SETS = 2_000
"""Sets of lanes tried for an order whose max_shipments allows several; beyond, the limit is taken to allow enough."""
STOCK, QUOTA = LIMITS.index("warehouse_stock"), LIMITS.index("contract_quota")
UNITS = [LIMITS.index(f"{owner}_capacity_units") for owner in ("warehouse", "lane")]
KG = [LIMITS.index(f"{owner}_capacity_kg") for owner in ("warehouse", "lane")]


@dataclass(frozen=True)
class WholeOrder:
    """What shipping all of an order would bring: objective money ``earned`` and ``cost``, over the ways ``by``.

    ``fits``: all lines go on one lane and surely fit there together.
    """

    reason: str
    by: Ints
    earned: float
    cost: float
    fits: bool = False

    @property
    def gain(self) -> float:
        return self.earned - self.cost


def whole_orders(survey: Survey, positions: Ints) -> dict[int, WholeOrder]:
    """The orders all of whose lines stand in ``positions`` (of ``survey.lines``), judged one by one.

    `split_limit`: no allowed number of shipments holds all lines. `not_worth_freight`: shipping all would gain nothing.
    `within_gap`: it would gain and could be done. Else `delivery_policy`: the lines together ask for more than is left.
    """
    if len(positions) == 0 or not survey.is_plain:
        return {}
    order = survey.order[positions]
    complete = np.bincount(order, minlength=len(survey.ledger.order_lines)) == survey.ledger.order_lines
    usable = np.flatnonzero(survey.ways.room > 0)
    usable = usable[np.isin(survey.place[usable], positions)]
    usable = usable[np.argsort(survey.ways.order[usable], kind="stable")]
    way_order, judge = survey.ways.order[usable], _Judge(survey)
    return {
        int(one): judge.judge(int(one), usable[slice(*np.searchsorted(way_order, [one, one + 1]))])
        for one in np.unique(order[complete[order]])
    }


class _Judge:
    """The figures that every order asks for, made once; then one order at a time."""

    def __init__(self, survey: Survey) -> None:
        tables, ledger = survey.ledger.tables, survey.ledger
        self.survey, self.ways = survey, survey.ways
        self.shipping = float(ledger.scenario.weights.shipping)
        self.saved = self.ways.saved_penalty(self.ways.need)
        self.measure, self.service = ledger.scenario.service.measure, service_money(ledger)
        self.fixed, self.charge = tables.lanes["fixed_cost"].floats(), tables.lanes["min_charge"].floats()
        self.open_cost = np.where(ledger.warehouse_opened, 0.0, tables.warehouses["fixed_open_cost"].floats())

    def judge(self, order: int, ways: Ints) -> WholeOrder:
        cases = [replace(self._shipped(order, by), fits=self._fits(by)) for by in self._single_lanes(ways)]
        if not cases and not self._covered(order, ways):
            return WholeOrder("split_limit", ways, 0.0, 0.0)
        best = max(cases or [self._shipped(order, self._each_best(ways))], key=lambda case: case.gain)
        if best.gain <= GAIN_SLIP:
            return best
        possible = [case for case in cases if case.gain > GAIN_SLIP and case.fits]
        return replace(possible[0], reason="within_gap") if possible else replace(best, reason="delivery_policy")

    def _single_lanes(self, ways: Ints) -> list[Ints]:
        """The ways of each lane that could hold every line of the order whole."""
        whole = ways[self.survey.open[ways]]
        lanes, count = np.unique(self.ways.lane[whole], return_counts=True)
        every = lanes[count == len(np.unique(self.ways.line[ways]))]
        return [whole[self.ways.lane[whole] == lane] for lane in every]

    def _covered(self, order: int, ways: Ints) -> bool:
        """Whether as many lanes as max_shipments allows can hold every line, the rooms of a line added up."""
        orders, lanes = self.survey.ledger.tables.orders, np.unique(self.ways.lane[ways])
        most = int(orders["max_shipments"][order]) if orders.given("max_shipments")[order] else len(lanes)
        if most >= len(lanes) or comb(len(lanes), most) > MOST_SETS:
            return True
        lines, of_way = np.unique(self.ways.line[ways], return_inverse=True)
        need = np.zeros(len(lines), dtype=np.int64)
        need[of_way] = self.ways.need[ways]
        for chosen in combinations(lanes.tolist(), most):
            room = np.zeros(len(lines), dtype=np.int64)
            np.add.at(room, of_way, np.where(np.isin(self.ways.lane[ways], chosen), self.ways.room[ways], 0))
            if (room >= need).all():
                return True
        return False

    def _each_best(self, ways: Ints) -> Ints:
        """Of each line the way that earns most alone."""
        ranked = ways[np.lexsort((-self.survey.gain_free[ways], self.ways.line[ways]))]
        return np.asarray(ranked[np.diff(self.ways.line[ranked], prepend=-1) != 0], dtype=np.int64)

    def _shipped(self, order: int, by: Ints) -> WholeOrder:
        """Every line whole on its way in ``by``; lines on one lane share its fixed cost and minimum charge."""
        ways, need = self.ways, self.ways.need[by]
        bonus = {"unit": 0.0, "line": len(by) * self.service[order], "order": self.service[order]}[self.measure]
        earned = float((need * ways.unit_earning[by]).sum() + self.saved[by].sum() + bonus)
        by_unit = float((need * (ways.unit_earning[by] - ways.unit_worth[by])).sum())
        lanes, of_lane = np.unique(ways.lane[by], return_inverse=True)
        freight = np.bincount(of_lane, weights=need * ways.unit_freight[by])
        fixed = self.fixed[lanes] + np.maximum(self.charge[lanes] - self.fixed[lanes] - freight, 0.0)
        opening = self.open_cost[np.unique(ways.warehouse[by])]
        cost = by_unit + self.shipping * float(fixed.sum() + opening.sum())
        return WholeOrder("not_worth_freight", by, earned, cost)

    def _fits(self, by: Ints) -> bool:
        """Whether the lines, all on one lane, fit together into what is left there (in doubt: no)."""
        ways, need, rooms = self.ways, self.ways.need[by], self.ways.rooms[:, by]
        if len(by) == 1:
            return True
        _, first, of_way = np.unique(ways.stock[by], return_index=True, return_inverse=True)
        if (np.bincount(of_way, weights=need) > rooms[STOCK][first]).any():
            return False
        lines = self.survey.ledger.tables.warehouses.given("capacity_lines")[ways.warehouse[by[0]]]
        doubtful = lines or bool((rooms[[QUOTA, *KG]] < ENDLESS).any()) or bool((self.saved[by] > 0).any())
        return not doubtful and bool((need.sum() <= rooms[UNITS]).all())
