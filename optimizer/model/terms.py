"""What the tables imply for each line, order and stock row: the numbers that the model is made of, exact."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact, taken
from optimizer.tables.tables import Table, Tables

if TYPE_CHECKING:
    from optimizer.scenario.schema import Scenario

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
FLOAT_EXACT = 2**53
"""Whole numbers below this are doubles without rounding."""

ROUNDING = 1e-9
"""Relative room for the rounding of a sum of weights, far above what a million doubles can lose."""

NEVER = 10**15
"""A multiple beyond any quantity."""


@dataclass(frozen=True)
class Ratio:
    """A vector of quotients ``top / bottom`` that need not end as decimals, such as kg of a line over its units."""

    top: Exact
    bottom: Ints

    @classmethod
    def of(cls, whole: Exact) -> Ratio:
        """Decimals as they are."""
        return cls(whole, np.broadcast_to(np.int64(1), (len(whole),)))  # which takes no memory

    def take(self, positions: Ints) -> Ratio:
        if self.decimal:
            return Ratio.of(self.top.take(positions))
        return Ratio(self.top.take(positions), taken(self.bottom, positions))

    @property
    def decimal(self) -> bool:
        """Whether it was made of decimals as they are."""
        return self.bottom.strides == (0,)

    def times(self, factor: Exact | Ints) -> Ratio:
        return Ratio(self.top * factor, self.bottom)

    def floats(self) -> Floats:
        """Nearest doubles, each by one correctly rounded division."""
        num, scale = self.top.num, 10**self.top.scale
        if num.dtype == np.int64 and self.bottom.max(initial=1) * scale < FLOAT_EXACT and below(num, FLOAT_EXACT):
            return cast("Floats", num / np.multiply(self.bottom, scale, dtype=np.float64))
        # Python divides whole numbers of any size with one correct rounding
        return cast("Floats", (num.astype(object) / (self.bottom.astype(object) * scale)).astype(np.float64))


def below(num: Ints, limit: int) -> bool:
    """Whether every absolute value stays below the limit."""
    return bool(num.size == 0 or (num.max() < limit and num.min() > -limit))


def multiple(tables: Tables) -> Ints:
    """Units in which each line may leave one warehouse: lcm(case pack of its product, its lot multiple)."""
    pack, lot = tables.products["case_pack"][tables.line_product], tables.order_lines["lot_multiple"]
    rest = lot // np.gcd(pack, lot)
    return np.where(pack.astype(np.float64) * rest > NEVER, NEVER, pack * rest)  # nothing ships in such multiples


def unit_margin(tables: Tables) -> Exact:
    """Money per unit of each line: unit_margin if given, else unit_price − unit_cost, else 0."""
    lines, products = tables.order_lines, tables.products
    given = lines.given("unit_margin")
    if given.all():
        return cast("Exact", lines["unit_margin"])
    known = lines.given("unit_price") & products.given("unit_cost")[tables.line_product]
    derived = (lines["unit_price"] - products["unit_cost"].take(tables.line_product)).where(known, 0)
    return cast("Exact", lines["unit_margin"].where(given, derived))


def scope_orders(tables: Tables, scope: str) -> NDArray[np.bool_]:
    """Orders in a scope of the service floor: ``overall``, or ``tier.X`` and its like."""
    kind, _, member = scope.partition(".")
    if scope == "overall":
        return np.ones(len(tables.orders), dtype=bool)
    if kind in ("tier", "segment"):
        return cast("NDArray[np.bool_]", (tables.customers[kind] == member)[tables.order_customer])
    column = {"channel": "channel", "customer": "customer_id", "zone": "zone_id"}[kind]
    return cast("NDArray[np.bool_]", tables.orders[column] == member)


def order_weight(tables: Tables, scenario: Scenario) -> Exact:
    """Service weight of each order: its own if given, else customer's × tier's × priority's."""
    orders, customers, service = tables.orders, tables.customers, scenario.service
    by_customer = customers["service_weight"] * _looked_up(service.tier_weight, customers["tier"])
    by_priority = _looked_up(service.priority_weight, orders["priority"])
    derived = by_customer.take(tables.order_customer) * by_priority
    return cast("Exact", orders["service_weight"].where(orders.given("service_weight"), derived))


def _looked_up(weights: Mapping[Any, Decimal], keys: NDArray[Any]) -> Exact:
    """The weight of each key, 1 where none is named."""
    codes = np.zeros(len(keys), dtype=np.int64)
    for place, key in enumerate(weights, start=1):
        codes[keys == key] = place
    return Exact.of([1, *weights.values()]).take(codes)


def contract_required(contracts: Table, ordered: Ints) -> Ints:
    """Units each contract asks for: min(max(min_qty, ⌈min_fill_rate · ordered⌉), ordered), blanks as 0."""
    rate = contracts["min_fill_rate"] * ordered
    share = np.array([-(-value.numerator // value.denominator) for value in rate.fractions()], dtype=np.int64)
    stated: Ints = contracts["min_qty"]
    return np.minimum(np.maximum(stated, share), ordered)


def codes_of(ids: NDArray[np.object_], values: Iterable[str]) -> Ints:
    """Position of each value in the list of ids, -1 where it does not occur."""
    place = {name: position for position, name in enumerate(ids)}
    return np.array([place.get(value, -1) for value in values], dtype=np.int64)
