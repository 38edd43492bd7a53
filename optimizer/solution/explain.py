"""The whole story of one order line: what it got, every way that could have served it, and why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.model.build import Model
from optimizer.solution.least_change import LeastEffort, least_changes
from optimizer.solution.least_words import as_data
from optimizer.solution.ledger import Ledger
from optimizer.solution.plan import Plan
from optimizer.solution.reason_text import BARRIER_WORDS
from optimizer.solution.reasons import shorts
from optimizer.solution.survey import GAIN_SLIP
from optimizer.solution.takers import Takers
from optimizer.solution.ways import BARRIERS, LIMITS, Ways, unit_earning

Ints = NDArray[np.int64]
StockPrices = Mapping[tuple[str, str, str], float]
"""Price of a unit of stock by (warehouse_id, product_id, date)."""

FULL, SHIPS = "the line is full", "ships"
PLACES = 6
EVERY_CHANGE = 1_000
"""Changes of one line that are tried again: all that there can be."""


class Explainer:
    """Tells the stories of lines of one plan; what all of them need is made once."""

    def __init__(self, model: Model, plan: Plan, prices: StockPrices, time_limit_s: float) -> None:
        self.model, self.plan, self.prices, self.time_limit_s = model, plan, prices, time_limit_s
        self.ledger = Ledger(model.tables, model.scenario, plan)
        self.tables, self.takers = model.tables, Takers(self.ledger)
        table = shorts(model, plan)
        ids = zip(table["order_id"].tolist(), table["line_id"].tolist(), strict=True)
        self.short = {key: row for row, key in enumerate(ids)}
        self.table = table

    def story(self, line: int) -> dict[str, Any]:
        """Everything about a line, in plain values; money per unit and in all as floats rounded to `PLACES`."""
        lines, order = self.tables.order_lines, int(self.tables.line_order[line])
        key = str(lines["order_id"][line]), str(lines["line_id"][line])
        told: dict[str, Any] = {
            "order_id": key[0],
            "line_id": key[1],
            "product_id": str(self.tables.products["product_id"][self.tables.line_product[line]]),
            "customer_id": str(self.tables.orders["customer_id"][order]),
            "zone_id": str(self.tables.orders["zone_id"][order]),
            "hold": str(self.tables.orders["hold"][order]),
            "ordered_qty": int(self.ledger.ordered[line]),
            "allocated_qty": int(self.ledger.allocated[line]),
            "earns_per_unit_before_costs": _rounded(unit_earning(self.ledger, np.array([line]))[0]),
            "got": self._got(line),
            "ways": _Ways(self, line).told(),
        }
        row = self.short.get(key)
        if row is not None:
            told |= {name: str(self.table[name][row]) for name in ("reason", "detail", "taken_by")}
            told["estimate"] = str(self.table["least_change"][row])
            told["least_change"] = self._least(line)
        return told

    def _got(self, line: int) -> list[dict[str, Any]]:
        """The rows of the plan that serve the line."""
        plan, tables = self.ledger.plan, self.tables
        worth = self.takers.worth
        return [
            {
                "warehouse_id": str(tables.lanes["warehouse_id"][plan.lane[row]]),
                "service_id": str(tables.lanes["service_id"][plan.lane[row]]),
                "ship_date": str(self.ledger.date(plan.day[[row]])[0]),
                "arrive_date": str(self.ledger.arrival(plan.lane[[row]], plan.day[[row]])[0]),
                "ship_product_id": str(tables.products["product_id"][plan.product[row]]),
                "units": int(plan.qty[row]),
                "days_late": int(self.ledger.row_days_late[row]),
                "earns_per_unit": _rounded(worth[row]),
            }
            for row in np.flatnonzero(plan.line == line).tolist()
        ]

    def _least(self, line: int) -> dict[str, Any] | None:
        """Proved changes that would fill the line; None if nothing could be proved."""
        effort = LeastEffort(self.time_limit_s, changes=EVERY_CHANGE, columns=80, most_each=20_000)
        found = least_changes(self.model, self.plan, effort, only=np.array([line]))
        return as_data(found.values(), self.tables.order_lines)[0] if line in found else None


@dataclass(frozen=True)
class _Ways:
    """The ways of one line, told one by one."""

    teller: Explainer
    line: int

    def told(self) -> list[dict[str, Any]]:
        """Ways that are in use first, then those that would earn most."""
        ledger, tables = self.teller.ledger, self.teller.tables
        ways = Ways.of(ledger, np.array([self.line]))
        gained = ways.gain(np.maximum(np.minimum(ways.room, ways.short), np.minimum(ways.need, ways.short)))
        opening, products = ways.opening(), tables.products["product_id"]
        found = []
        for at in range(len(ways)):
            product = int(ledger.batch.offers.product[ways.offer[at]])
            units = self._units(ways, at, product)
            price = self._price(ways, at, str(products[product]))
            found.append(
                {
                    "warehouse_id": str(tables.lanes["warehouse_id"][ways.lane[at]]),
                    "service_id": str(tables.lanes["service_id"][ways.lane[at]]),
                    "ship_date": str(ledger.date(ways.day[[at]])[0]),
                    "arrive_date": str(ledger.arrival(ways.lane[[at]], ways.day[[at]])[0]),
                    "ship_product_id": str(products[product]),
                    "units": units,
                    "earns_per_unit": _rounded(ways.unit_worth[at]),
                    "before_first_unit": _rounded(opening[at]),
                    "stock_price": price,
                    "in_stock": int(ways.atp[at]),
                    "room": int(ways.room[at]),
                    "why": self._why(ways, at, units, float(gained[at])),
                }
            )
        return sorted(found, key=lambda way: (way["units"] == 0, -way["earns_per_unit"], way["warehouse_id"]))

    def _units(self, ways: Ways, at: int, product: int) -> int:
        plan = self.teller.ledger.plan
        mine = (plan.line == self.line) & (plan.lane == ways.lane[at]) & (plan.day == ways.day[at])
        return int(plan.qty[mine & (plan.product == product)].sum())

    def _price(self, ways: Ways, at: int, product: str) -> float:
        """Price of a unit of the stock from the day on: it counts in every later limit of the pool, too."""
        house, day = str(self.teller.tables.warehouses["warehouse_id"][ways.warehouse[at]]), ways.day[[at]]
        first = str(self.teller.ledger.date(day)[0])
        priced = self.teller.prices.items()
        own = [(date, price) for (warehouse, name, date), price in priced if (warehouse, name) == (house, product)]
        begun = max((date for date, _ in own if date <= first), default="")
        return _rounded(sum(price for date, price in own if date >= begun))

    def _why(self, ways: Ways, at: int, units: int, gain: float) -> str:
        """Why no more comes this way."""
        barrier = BARRIERS[ways.barrier[at]]
        held = self.teller.tables.orders["hold"][ways.order[at]]
        if units:
            return f"{SHIPS} {units}"
        if held:
            return f"the order is on hold: {held}"
        if ways.short[at] == 0:
            return FULL
        if barrier:
            return BARRIER_WORDS[barrier]
        if ways.atp[at] < ways.step[at]:
            return (
                "no stock" if ways.atp[at] == 0 else f"{ways.atp[at]} in stock, less than a multiple of {ways.step[at]}"
            )
        tightest = LIMITS[int(np.argmin(ways.rooms[:, at]))]
        if ways.room[at] < min(ways.need[at], ways.short[at]) or ways.room[at] == 0:
            return self._full(ways, at, tightest)
        if gain <= GAIN_SLIP:
            return f"not worth its cost: {ways.room[at]} more would lose {-gain:.2f}"
        return f"{ways.room[at]} more would gain {gain:.2f} alone"

    def _full(self, ways: Ways, at: int, tightest: str) -> str:
        """What leaves too little room."""
        room = int(ways.room[at])
        left = "no room" if room == 0 else f"room for {room} only"
        if tightest != "warehouse_stock":
            return f"{left}: {tightest}"
        pool, takers = int(ways.stock[at]), self.teller.takers
        if takers.start[pool + 1] == takers.start[pool]:
            return f"{left}: stock"
        return f"{left}: stock is held by {takers.of(pool).text}"


def _rounded(value: float) -> float:
    return round(float(value), PLACES)
