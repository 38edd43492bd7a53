"""A batch as the model sees it: the tables and the scenario, with what they say about supply, offers and days."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.model.budgets import orders_in_scope
from optimizer.model.calendar import FOREVER, Calendar, days_since
from optimizer.model.offers import Offers
from optimizer.model.shares import Shares
from optimizer.model.ship_days import ShipDays
from optimizer.model.supply import Supply
from optimizer.tables.part import of_orders
from optimizer.tables.tables import Tables

if TYPE_CHECKING:
    from optimizer.scenario.schema import Scenario

Ints = NDArray[np.int64]


_LAST: dict[str, Batch] = {}
OF_NO_ORDER = ("supply", "calendar", "banded", "lane_density")
"""What of a batch is the same whichever orders are there."""


@dataclass(frozen=True)
class Batch:
    """Everything here follows from the tables and the scenario alone, and is worked out when first asked for."""

    tables: Tables
    scenario: Scenario

    @classmethod
    def of(cls, tables: Tables, scenario: Scenario) -> Batch:
        """The batch of these very tables; the last one asked for is kept, as much is asked of the same."""
        last = _LAST.get("batch")
        if last is None or last.tables is not tables or last.scenario is not scenario:
            last = _LAST["batch"] = cls(tables, scenario)
        return last

    def of_orders(self, orders: Ints) -> Batch:
        """The batch of some orders; what depends on no order is not worked out anew. It is the last one asked for."""
        part = Batch(of_orders(self.tables, orders), self.scenario)
        part.__dict__.update({name: getattr(self, name) for name in OF_NO_ORDER})
        _LAST["batch"] = part
        return part

    def again(self) -> None:
        """Makes this batch the last one asked for."""
        _LAST["batch"] = self

    @cached_property
    def supply(self) -> Supply:
        return Supply.of(self.tables, self.scenario)

    @cached_property
    def offers(self) -> Offers:
        return Offers.of(self.tables)

    @cached_property
    def calendar(self) -> Calendar:
        return Calendar.of(self.tables, self.scenario)

    @cached_property
    def ship_days(self) -> ShipDays:
        return ShipDays.of(self.tables, self.scenario, self.calendar, self.supply, self.offers)

    @cached_property
    def shares(self) -> Shares:
        return Shares.of(self.tables)

    @cached_property
    def cancel_day(self) -> Ints:
        """Last day of arrival of each order, `FOREVER` if it has none."""
        return days_since(self.scenario, self.tables.orders["cancel_date"], FOREVER)

    @cached_property
    def due_day(self) -> Ints:
        """Day on which each order is due, `FOREVER` if it has none."""
        return days_since(self.scenario, self.tables.orders["due_date"], FOREVER)

    @cached_property
    def least_life(self) -> Ints:
        """Days for which goods must still be good when they reach each order."""
        life: Ints = self.tables.customers["min_remaining_life_days"]
        return np.asarray(life[self.tables.order_customer], dtype=np.int64)

    @cached_property
    def banded(self) -> NDArray[np.bool_]:
        """Lanes with a weight-break tariff, which stands in place of their own costs."""
        return np.bincount(self.tables.band_lane, minlength=len(self.tables.lanes)) > 0

    @cached_property
    def freight_budgets(self) -> tuple[Ints, Ints]:
        """Pairs (budget on freight, order in its scope), sorted by order."""
        return orders_in_scope(self.tables)

    @cached_property
    def freight_counts(self) -> NDArray[np.bool_]:
        """Orders whose freight is money that counts: in the objective, or in a budget."""
        counts = np.full(len(self.tables.orders), self.scenario.weights.shipping > 0)
        counts[self.freight_budgets[1]] = True
        return counts

    @cached_property
    def lane_density(self) -> tuple[Ints, Exact]:
        """The kind of each lane by its kg_per_m3, and the kg_per_m3 of each kind: there are few."""
        stated: Exact = self.tables.lanes["kg_per_m3"]
        kinds, kind = np.unique(stated.num, return_inverse=True)
        return kind.reshape(-1), Exact(kinds, stated.scale)

    def lane_cost(self, column: str) -> Exact:
        """A cost of each lane (fixed_cost, cost_per_unit, cost_per_kg, min_charge); 0 where a tariff replaces it."""
        cost: Exact = self.tables.lanes[column]
        return cost if not len(self.tables.rate_bands) else cost.where(~self.banded, 0)

    def arrival(self, lane: Ints, day: Ints) -> Ints:
        """The day on which what leaves on a lane arrives."""
        return np.asarray(day + self.tables.lanes["transit_days"][lane], dtype=np.int64)

    def days_late(self, order: Ints, lane: Ints, day: Ints) -> Ints:
        """Days by which a shipment misses the due date of its order, 0 if it does not."""
        return np.asarray(np.maximum(self.arrival(lane, day) - self.due_day[order], 0), dtype=np.int64)

    def good_for(self, source: Ints, order: Ints, lane: Ints, day: Ints) -> NDArray[np.bool_]:
        """Whether goods of a source may leave on a day for the order: long enough good on arrival."""
        last = self.arrival(lane, day) + self.least_life[order]
        return self.supply.expiry[source] >= last
