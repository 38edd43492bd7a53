"""Limits on stock and money that name whom and what they cover: reserves, credit and budgets."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.proof.days import FOREVER
from optimizer.proof.scope import scope_pairs
from optimizer.tables.tables import Table

if TYPE_CHECKING:
    from optimizer.proof.facts import Facts

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

WHO = ("channel", "segment", "tier", "customer_id")


@dataclass(frozen=True)
class Reserves:
    """What each reserve holds back: whose lines it is for, of which pools, and from which day on how much."""

    members: Flags
    """reserves × lines"""
    pools: Flags
    """reserves × pools"""
    rank: Ints
    row_reserve: Ints
    """per row (reserve, period), sorted"""
    row_day: Ints
    row_end: Ints
    """last day of the period"""
    row_rhs: Ints

    @classmethod
    def of(cls, facts: Facts) -> Reserves:
        table, supply = facts.tables.reserves, facts.supply
        size = len(table)
        rules = Table("reserves", {name: table[name] for name in WHO} | _blank(size))
        members = np.zeros((size, facts.n_lines), dtype=bool)
        rule, line = scope_pairs(facts.tables, rules)
        members[rule, line] = True
        house, product = supply.pool_warehouse, supply.pool_product
        of_house = facts.tables.reserve_warehouse
        pools = (of_house[:, None] < 0) | (of_house[:, None] == house)
        for name in ("product_id", "family"):
            wanted, has = table[name], facts.tables.products[name][product]
            pools &= np.array([[w in ("", h) for h in has] for w in wanted], dtype=bool).reshape(size, len(product))
        rows = [cls._rows(facts, pools[at], int(table["qty"][at])) for at in range(size)]
        reserve = np.repeat(np.arange(size), [len(days) for days, _ in rows])
        day = np.concatenate([days for days, _ in rows]) if rows else np.zeros(0, dtype=np.int64)
        rhs = np.concatenate([side for _, side in rows]) if rows else np.zeros(0, dtype=np.int64)
        last = np.append(reserve[1:] != reserve[:-1], True)[: len(reserve)]
        end = np.where(last, FOREVER, np.append(day, 0)[1:] - 1)
        return cls(members, pools, np.asarray(table["rank"], dtype=np.int64), reserve, day, end, rhs)

    @staticmethod
    def _rows(facts: Facts, pools: Flags, qty: int) -> tuple[Ints, Ints]:
        """The days on which the stock of a reserve changes, and what is left for others from then on."""
        supply = facts.supply
        which = np.flatnonzero(pools)
        days = np.unique(supply.period_day[pools[supply.period_pool]])
        left = [int(supply.atp(which, np.full(len(which), day)).sum()) - qty for day in days.tolist()]
        return days, np.maximum(0, np.array(left, dtype=np.int64))

    def takes(self, reserve: int, line: Ints, pool: Ints) -> Flags:
        """Whether each draw (a line's, from a pool) counts as taking from the stock behind a reserve."""
        safe = np.maximum(pool, 0)
        taking = (pool >= 0) & self.pools[reserve, safe] & ~self.members[reserve, line]
        for higher in np.flatnonzero(self.rank < self.rank[reserve]).tolist():
            taking &= ~(self.pools[higher, safe] & self.members[higher, line])
        return np.asarray(taking, dtype=bool)


def _blank(size: int) -> dict[str, NDArray[np.object_]]:
    return {name: np.full(size, "", dtype=object) for name in ("zone_id", "order_id", "product_id", "family")}


class MoneyLimits:
    """Credit limits of customers and budgets on freight, stock value and transfers."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts

    @cached_property
    def credit(self) -> Ints:
        """Customers with a credit limit."""
        customers = self.facts.tables.customers
        return np.flatnonzero(customers.given("credit_limit"))

    @cached_property
    def line_customer(self) -> Ints:
        """The customer of each line."""
        tables = self.facts.tables
        return tables.order_customer[tables.line_order]

    @cached_property
    def kind(self) -> list[str]:
        """The kind of each budget."""
        return [str(kind) for kind in self.facts.tables.budgets["kind"]]

    @cached_property
    def lines(self) -> Flags:
        """Budgets × lines: the lines in scope."""
        tables = self.facts.tables
        covered = np.zeros((len(tables.budgets), self.facts.n_lines), dtype=bool)
        rule, line = scope_pairs(tables, tables.budgets)
        covered[rule, line] = True
        return covered

    @cached_property
    def orders(self) -> Flags:
        """Budgets × orders: the orders in scope (of budgets that name no product)."""
        tables = self.facts.tables
        covered = np.zeros((len(tables.budgets), self.facts.n_orders), dtype=bool)
        for at in range(len(covered)):
            covered[at, tables.line_order[self.lines[at]]] = True
        return covered

    def names_product(self, budget: int) -> bool:
        """Whether a budget is for some products only."""
        table = self.facts.tables.budgets
        return bool(table["product_id"][budget] != "" or table["family"][budget] != "")

    def moved(self, budget: int, product: Ints) -> Flags:
        """Whether the transfer of each product counts in a budget on transfers."""
        table, products = self.facts.tables.budgets, self.facts.tables.products
        counted = np.ones(len(product), dtype=bool)
        for name in ("product_id", "family"):
            wanted = table[name][budget]
            if wanted != "":
                counted &= np.asarray(products[name][product] == wanted, dtype=bool)
        return counted

    @cached_property
    def unit_cost(self) -> Exact:
        """unit_cost of each product, 0 where it is blank [money]."""
        products = self.facts.tables.products
        cost: Exact = products["unit_cost"]
        return cost.where(products.given("unit_cost"), 0)
