"""Who orders what in the batch of `benchmarks.every_policy`, and short ways to draw its columns."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.instances import Size, make_ids, zipf

Ints = NDArray[np.int64]
Texts = NDArray[np.object_]

AS_OF = datetime.date(2026, 11, 20)
CLOSED = 1
"""The day from `AS_OF` on which no warehouse works."""
CHANNELS, TIERS, FAMILIES = ("web", "store", "partner"), ("A", "B", "C"), 20
CASES, KITS = 5, 7
"""The families that come in cases of two, and that are put together when they ship."""


class Draw:
    """Who orders what, drawn first because everything else depends on it; and short ways to draw columns."""

    def __init__(self, size: Size, rng: np.random.Generator) -> None:
        self.size, self.rng = size, rng
        starts = rng.random(size.lines) < 1 / size.lines_per_order
        starts[0] = True
        self.line_order = np.cumsum(starts) - 1
        self.n_orders = int(self.line_order[-1]) + 1
        self.n_customers = max(self.n_orders // 2, 8)
        self.line_product = rng.permutation(size.products)[rng.choice(size.products, size.lines, p=zipf(size.products))]
        self.paired = (rng.random(size.lines) < 0.1) & ~calm_goods(self.line_product)
        in_twos = self.paired | (self.line_product % FAMILIES == CASES)
        self.qty = rng.geometric(0.35, size.lines) * np.where(in_twos, 2, 1)
        self.order_zone = rng.integers(0, size.zones, self.n_orders)
        self.grams = rng.integers(1, 50, size.products) * 100
        self.order, self.product = make_ids("O", self.n_orders), make_ids("P", size.products)
        self.customer, self.house = make_ids("C", self.n_customers), make_ids("W", size.warehouses)
        self.zone, self.line = make_ids("Z", size.zones), make_ids("", size.lines)
        self.order_customer = np.arange(self.n_orders) % self.n_customers

    def cents(self, low: int, high: int, size: int) -> Texts:
        """Money, drawn evenly."""
        return decimals(self.rng.integers(low, high, size), 2)

    def pick(self, choices: Iterable[Any], size: int) -> Texts:
        """One of the choices for each."""
        choices = np.array([*choices], dtype=object)
        return choices[self.rng.integers(0, len(choices), size)]

    def some(self, share: float, values: Any, size: int) -> Texts:
        """The values for a share of the rows, blanks for the others."""
        return where(self.rng.random(size) < share, values)

    @property
    def calm_orders(self) -> NDArray[np.bool_]:
        """Orders without rules of their own, by customers (every second) without any."""
        return np.arange(self.n_orders) % self.n_customers % 4 == 0

    @property
    def calm_lines(self) -> Ints:
        """Lines of calm orders for goods without rules of their own, one for each product: see `calm_goods`."""
        line = np.flatnonzero(self.calm_orders[self.line_order] & calm_goods(self.line_product))
        return line[np.unique(self.line_product[line], return_index=True)[1]]


def calm_goods(product: Ints) -> NDArray[np.bool_]:
    """Products without cases, lots, substitutes, reserves, quotas or rules on who serves them."""
    return np.isin(product % FAMILIES, (0, 1, 2)) & (product % 3 > 0)


def day(number: int | Ints) -> Any:
    """Dates so many days from `AS_OF`, as text."""
    return np.datetime_as_string(np.datetime64(AS_OF, "D") + np.asarray(number).astype("timedelta64[D]")).astype(object)


def decimals(whole: Ints, places: int) -> Texts:
    """Whole numbers of the last place as decimals."""
    return np.array([f"{value / 10**places:.{places}f}" for value in whole.tolist()], dtype=object)


def where(chosen: NDArray[np.bool_], values: Any) -> Texts:
    """The values where they are chosen, blanks elsewhere."""
    return np.where(chosen, np.asarray(values, dtype=object), "")


def frozen_orders(d: Draw) -> NDArray[np.bool_]:
    """Orders of every fourth calm line."""
    frozen = np.zeros(d.n_orders, dtype=bool)
    frozen[d.line_order[d.calm_lines[::4]]] = True
    return frozen


def family(number: Ints | int) -> Any:
    """Names of families."""
    return make_ids("F", FAMILIES)[number]
