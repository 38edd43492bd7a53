"""The rows that may carry a price: their families, what names a row of each, and their right-hand sides."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.proof.days import DAYS, DayTexts
from optimizer.proof.events import find_keys
from optimizer.proof.facts import Facts
from optimizer.proof.stages import StageRow
from optimizer.tables.tables import Table

Ints = NDArray[np.int64]
Keys = list[tuple[str, ...]]

WAREHOUSE_UNITS = ("units", "lines", "shipments", "kg")
LANE_UNITS = ("units", "kg", "shipments")
LANE_KEY = ["warehouse_id", "zone_id", "service_id"]
KEYS: dict[str, list[str]] = {
    "warehouse_stock": ["warehouse_id", "product_id", "date"],
    "lot_stock": ["warehouse_id", "product_id", "lot_id", "date"],
    **{f"warehouse_capacity_{unit}": ["warehouse_id"] for unit in WAREHOUSE_UNITS},
    **{f"lane_capacity_{unit}": LANE_KEY for unit in LANE_UNITS},
    **{f"day_capacity_{unit}": ["warehouse_id", "date"] for unit in WAREHOUSE_UNITS},
    "contract_minimum": ["contract_id"],
    "contract_quota": ["contract_id"],
    "service_floor": ["scope"],
    "warehouse_opening": ["order_id", "warehouse_id", "service_id", "ship_date"],
    "reserve": ["reserve_id", "date"],
    "credit_limit": ["customer_id"],
    "budget": ["budget_id"],
    "transfer_capacity": ["from_warehouse_id", "to_warehouse_id", "product_id"],
    "transfer_source": ["from_warehouse_id", "product_id", "date"],
    "fair_share": ["group_id", "party", "side"],
    "fair_level": ["group_id", "level", "party"],
    "objective_stage": ["stage"],
}
"""The coupling rows, and the columns that name one row of each family."""

DATES = ("date", "ship_date")
"""The last column of a family of dated rows; where a certificate leaves it out, all its rows are of `as_of`."""

AT_LEAST = frozenset({"contract_minimum", "service_floor", "fair_level", "objective_stage"})
"""The ≥ rows: their prices are at most 0; all others are ≤ rows with prices of at least 0."""

LINKS = frozenset({"warehouse_opening", "fair_level"})
"""Rows without a right-hand side of their own: priced in the certificate, not listed in shadow_prices."""

SIDES = ("above", "below")
"""A party may be above and below its part of the common fill by the tolerance."""


class PricedRows:
    """Finds the rows that prices name, with their right-hand sides."""

    def __init__(self, facts: Facts, stages: tuple[StageRow, ...]) -> None:
        self.facts, self.stages = facts, stages
        self._places: dict[str, dict[tuple[str, ...], int]] = {}
        self._day = DayTexts(facts.as_of)
        self._other: dict[str, Callable[[Keys], tuple[Ints, Exact]]] = {
            "warehouse_stock": self._stock,
            "transfer_source": self._stock,
            "lot_stock": self._lots,
            "contract_minimum": self._minimums,
            "service_floor": self._floors,
            "reserve": self._reserves,
            "fair_share": self._shares,
            "fair_level": self._levels,
            "objective_stage": self._stages,
        }

    def find(self, family: str, keys: Keys) -> tuple[Ints, Exact, Ints]:
        """Position (−1: unknown), right-hand side and order (−1 but for openings) of each key."""
        if family == "warehouse_opening":
            return self._openings(keys)
        nobody = np.full(len(keys), -1, dtype=np.int64)
        other = self._other.get(family)
        return (*(other(keys) if other is not None else self._limits(family, keys)), nobody)

    def look(self, name: str, table: Table, columns: list[str], keys: Keys) -> Ints:
        """The row of a table that each key names, −1 where there is none; ``name`` tells the tables apart."""
        place = self._places.get(name)
        if place is None:
            texts = zip(*(table[column] for column in columns), strict=True)
            place = self._places[name] = {key: position for position, key in enumerate(texts)}
        return np.array([place.get(key, -1) for key in keys], dtype=np.int64)

    def lanes(self, order: Ints, ways: Iterable[tuple[str, str]]) -> tuple[Ints, Keys]:
        """The lane of each way (warehouse, service) to the zone of its order, −1 where there is none, and its key."""
        tables = self.facts.tables
        zones = tables.orders["zone_id"][order]
        keys: Keys = [(house, str(zone), service) for (house, service), zone in zip(ways, zones, strict=True)]
        return self.look("lanes", tables.lanes, LANE_KEY, keys), keys

    def days(self, keys: Keys, at: int) -> Ints:
        """The day that each key names in its column ``at``; day 0 where it has none."""
        return np.array([self._day(key[at]) if len(key) > at and key[at] else 0 for key in keys], dtype=np.int64)

    # -- rows of a table with a limit -----------------------------------------------------------------------------
    def _limits(self, family: str, keys: Keys) -> tuple[Ints, Exact]:
        """Rows that exist only where the limit is given."""
        tables, unit = self.facts.tables, "capacity_" + family.rpartition("_")[2]
        if family.startswith("day_capacity_"):
            house = self.look("warehouses", tables.warehouses, ["warehouse_id"], [(key[0],) for key in keys])
            day = self.days(keys, 1)
            row = self.facts.calendar.row(np.maximum(house, 0), np.maximum(day, 0))
            return self._limited(tables.calendar, np.where((house >= 0) & (day >= 0), row, -1), unit)
        table, column = {
            "contract_quota": (tables.contracts, "max_qty"),
            "credit_limit": (tables.customers, "credit_limit"),
            "budget": (tables.budgets, "limit"),
            "transfer_capacity": (tables.transfers, "capacity_units"),
        }.get(family, (tables.warehouses if family.startswith("warehouse") else tables.lanes, unit))
        return self._limited(table, self.look(table.name, table, KEYS[family], keys), column)

    @staticmethod
    def _limited(table: Table, row: Ints, column: str) -> tuple[Ints, Exact]:
        row = np.where((row >= 0) & np.append(table.given(column), False)[row], row, -1)
        limit = table[column] if isinstance(table[column], Exact) else Exact.ints(table[column])
        return row, Exact.concat([limit, Exact.zeros(1)]).take(row)

    # -- stock ----------------------------------------------------------------------------------------------------
    def _pool(self, keys: Keys) -> Ints:
        tables = self.facts.tables
        house = self.look("warehouses", tables.warehouses, ["warehouse_id"], [(key[0],) for key in keys])
        product = self.look("products", tables.products, ["product_id"], [(key[1],) for key in keys])
        pool = self.facts.supply.find_pool(np.maximum(house, 0), np.maximum(product, 0))
        return np.where((house >= 0) & (product >= 0), pool, -1)

    def _stock(self, keys: Keys) -> tuple[Ints, Exact]:
        """The period of a pool that begins on the day named, and what is available from then on."""
        supply = self.facts.supply
        pool, day = self._pool(keys), self.days(keys, 2)
        period = find_keys(supply.period_key, pool * DAYS + day)
        row = np.where((pool >= 0) & (day >= 0), period, -1)
        return row, Exact.ints(np.append(supply.period_atp, 0)[row])

    def _lots(self, keys: Keys) -> tuple[Ints, Exact]:
        """The limit of a lot from a day on."""
        supply, lots = self.facts.supply, self.facts.lots
        pool, day = self._pool(keys), self.days(keys, 3)
        code = {text: at for at, text in enumerate(supply.lot_texts)}
        lot = np.array([code.get(key[2], -1) for key in keys], dtype=np.int64)
        place = np.maximum(pool, 0)
        if not len(supply.pool_key):
            return np.full(len(keys), -1, dtype=np.int64), Exact.zeros(len(keys))
        source = supply.find_source(supply.pool_warehouse[place], supply.pool_product[place], lot)
        period = find_keys(supply.period_key, pool * DAYS + day)
        wanted = source * (len(supply.period_key) + 1) + period
        row = find_keys(lots.source * (len(supply.period_key) + 1) + lots.period, wanted)
        row = np.where((pool >= 0) & (source >= 0) & (period >= 0), row, -1)
        return row, Exact.ints(np.append(lots.rhs, 0)[row])

    def _reserves(self, keys: Keys) -> tuple[Ints, Exact]:
        """What a reserve leaves for others from a day on."""
        reserves = self.facts.reserves
        table = self.facts.tables.reserves
        which = self.look("reserves", table, ["reserve_id"], [(key[0],) for key in keys])
        day = self.days(keys, 1)
        row = find_keys(reserves.row_reserve * DAYS + reserves.row_day, which * DAYS + day)
        row = np.where((which >= 0) & (day >= 0), row, -1)
        return row, Exact.ints(np.append(reserves.row_rhs, 0)[row])

    # -- contracts and floors -------------------------------------------------------------------------------------
    def _minimums(self, keys: Keys) -> tuple[Ints, Exact]:
        row = self.look("contracts", self.facts.tables.contracts, ["contract_id"], keys)
        return row, Exact.ints(np.append(self.facts.contract_required, 0)[row])

    def _floors(self, keys: Keys) -> tuple[Ints, Exact]:
        facts = self.facts
        place: dict[tuple[str, ...], int] = {(scope,): at for at, (scope, _, _) in enumerate(facts.floors)}
        row = np.array([place.get(key, -1) for key in keys], dtype=np.int64)
        sides = [facts.floor_rhs(members, level) for _, members, level in facts.floors]
        return row, Exact.of([*sides, 0]).take(row)

    def _stages(self, keys: Keys) -> tuple[Ints, Exact]:
        place = {str(number): number - 1 for number in range(1, len(self.stages) + 1)}
        row = np.array([place.get(key[0], -1) for key in keys], dtype=np.int64)
        return row, Exact.of([*(stage.sign * stage.kept for stage in self.stages), 0]).take(row)

    # -- fair shares ----------------------------------------------------------------------------------------------
    def _party(self, keys: Keys) -> Ints:
        names = self.facts.shares.names
        return self.look("parties", names, ["group_id", "party"], keys)

    def _shares(self, keys: Keys) -> tuple[Ints, Exact]:
        """Two rows for each party of a group that shares in proportion; right-hand side its tolerance."""
        table, shares = self.facts.tables.fair_share, self.facts.shares
        party = self._party([key[:2] for key in keys])
        side = np.array([SIDES.index(key[2]) if key[2] in SIDES else -1 for key in keys], dtype=np.int64)
        group = np.append(shares.group, -1)[party]
        known = (side >= 0) & np.isin(group, shares.even)
        return np.where(known, 2 * party + side, -1), Exact.ints(np.append(table["tolerance"], 0)[group])

    def _levels(self, keys: Keys) -> tuple[Ints, Exact]:
        """One row for each level and party of a group that lifts the worst first; right-hand side 0."""
        ids, shares = self.facts.tables.fair_share["group_id"], self.facts.shares
        party = self._party([(key[0], key[2]) for key in keys])
        goals = shares.goals.values()
        place: dict[tuple[str, ...], int] = {(str(ids[group]), str(level)): level for group, level in goals}
        level = np.array([place.get(key[:2], -1) for key in keys], dtype=np.int64)
        return np.where((party >= 0) & (level > 0), level * len(shares) + party, -1), Exact.zeros(len(keys))

    # -- openings -------------------------------------------------------------------------------------------------
    def _openings(self, keys: Keys) -> tuple[Ints, Exact, Ints]:
        """The (order, slot) pairs of warehouses whose opening costs something; right-hand side 0."""
        tables, slots = self.facts.tables, self.facts.events.slots
        order = self.look("orders", tables.orders, ["order_id"], [(key[0],) for key in keys])
        if not len(tables.orders) or not len(tables.lanes):
            return np.full(len(keys), -1, dtype=np.int64), Exact.zeros(len(keys)), order
        lane, _ = self.lanes(order, ((key[1], key[2]) for key in keys))
        day = self.days(keys, 3)
        slot = slots.find(np.maximum(lane, 0), np.maximum(day, 0))
        costly = tables.warehouses["fixed_open_cost"][tables.lane_warehouse[lane]] > 0
        right = (order >= 0) & (lane >= 0) & (day >= 0) & costly
        return np.where(right, slot, -1), Exact.zeros(len(keys)), order
