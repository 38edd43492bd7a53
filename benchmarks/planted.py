"""Instances of any size whose optimum is known: planted prices, and stock that is exactly what they call for.

``python -m benchmarks.planted LINES WAREHOUSES PRODUCTS [--seed N] [--capacity] [--contracts] [--folder DIR]`` prints
the optimum; ``--folder`` writes the scenario and ``certificate.json``, the optimum and the prices that prove it.

Orders, margins and freight are those of `benchmarks.instances`. Then, the other way round than usual:

1. Every stock row gets a price λ ≥ 0, and, if asked for, every warehouse a price μ of its capacity and every contract a
   price π of at most its penalty.
2. Every order takes the best plan that it has at these prices, whatever the stock. A unit of a line from a warehouse
   is worth margin − freight − λ − μ + π; each shipment costs its fixed charge. Without limits a line is served whole by
   the best of its open warehouses, so that a plan is a set of warehouses: all sets of one and two are tried, and orders
   that three might serve better are cut into orders of at most two lines, for which two are enough.
3. Stock and capacity become what these plans use, and a contract asks for what they deliver; only rows without a price
   get stock to spare.

So the plans keep all rules, use up every row that has a price, and each is the best of its order: by weak duality their
value Σ λ·stock + Σ μ·capacity − Σ π·required + Σ (best of each order) is the optimum, and the prices prove it. All of
this is computed in whole numbers of `SCALE` decimals.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.generator import write_folder
from benchmarks.instances import Size, make_batch, make_ids
from optimizer.exact import Exact, decimal_text
from optimizer.scenario.schema import Scenario
from optimizer.solution.plan import Plan
from optimizer.tables.scope import scope_members
from optimizer.tables.tables import Tables

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

SCALE = 5
"""Decimals of money: cents times grams."""
CENT = 10 ** (SCALE - 2)
CELLS = 4_000_000
"""Most (line, warehouse) cells worked on at once."""
PRICED = 0.95
"""Share of the products whose stock has a price; of the others there is more than anybody wants."""
NEVER = np.iinfo(np.int64).min // 4


@dataclass(frozen=True)
class Planted:
    """An instance with its optimum: the plan, its exact value, and the prices that prove it."""

    tables: Tables
    scenario: Scenario
    plan: Plan
    value: Fraction
    stock_price: Exact
    """per row of `stock`"""
    capacity_price: Exact
    """per warehouse; zeros where capacities are not asked for"""
    contract_price: Exact
    """per contract, π ≥ 0: what one required unit costs"""

    @property
    def certificate(self) -> dict[str, Any]:
        """The prices as in certificate.json, rows without a price left out."""
        stock, houses = self.tables.stock, self.tables.warehouses["warehouse_id"]
        families = {
            "warehouse_stock": (["warehouse_id", "product_id"], self.stock_price),
            "warehouse_capacity_units": (["warehouse_id"], self.capacity_price),
            "contract_minimum": (["contract_id"], -self.contract_price),
        }
        names = {
            "warehouse_stock": [stock["warehouse_id"], stock["product_id"]],
            "warehouse_capacity_units": [houses],
            "contract_minimum": [self.tables.contracts["contract_id"]],
        }
        prices = {}
        for family, (keys, price) in families.items():
            some = np.flatnonzero(price.num)
            columns = [column[some].tolist() for column in names[family]]
            rows = [list(row) for row in zip(*columns, price[some].texts(), strict=True)]
            prices[family] = {"keys": keys, "rows": rows}
        return {"prices": prices}


def plant(size: Size, seed: int = 0, *, capacity: bool = False, contracts: bool = False) -> Planted:
    """See the module. ``size.scarcity`` and ``size.capacity`` are ignored: stock follows from the prices."""
    share = (size.contract_share or 0.5) if contracts else 0.0
    tables, scenario = make_batch(replace(size, capacity=None, contract_share=share), seed)
    prices = _Prices(tables, np.random.default_rng([seed, 2]), capacity=capacity)
    orders = _Orders(tables, prices)
    uncertain = orders.best()[2]
    if uncertain.any():
        tables = _cut(tables, uncertain)
        orders = _Orders(tables, prices)
    line, house, uncertain = orders.best()
    assert not uncertain.any()
    qty = tables.order_lines["qty"][line]
    lane = house * len(tables.zones) + tables.order_zone[tables.line_order[line]]
    tables = _stocked(tables, prices, line, house, qty)
    return Planted(
        tables=tables,
        scenario=scenario,
        plan=Plan.of(line, lane, qty),
        value=_value(tables, orders, line, house, lane),
        stock_price=Exact(prices.stock.ravel(), 2),
        capacity_price=Exact(prices.capacity, 2),
        contract_price=Exact(prices.contract, 2),
    )


class _Prices:
    """Prices in cents. Those of stock lie around what the product earns, so that some demand stays unserved."""

    def __init__(self, tables: Tables, rng: np.random.Generator, *, capacity: bool) -> None:
        houses, products = len(tables.warehouses), len(tables.products)
        earned, count = np.zeros(products), np.bincount(tables.line_product, minlength=products)
        np.add.at(earned, tables.line_product, tables.order_lines["unit_margin"].floats())
        level = 100 * earned / np.maximum(count, 1) * rng.uniform(0.5, 1.0, products)
        price = np.rint(level * rng.lognormal(0.0, 0.15, (houses, products))).astype(np.int64)
        self.stock: Ints = np.where(rng.random(products) < PRICED, price, 0)
        """by warehouse and product"""
        self.spare: Ints = np.where(self.stock > 0, 0, rng.geometric(0.3, (houses, products)) - 1)
        """units beyond what the plan uses, where there is no price"""
        self.limited = capacity
        self.capacity: Ints = rng.integers(10, 150, houses) * capacity
        penalty = tables.contracts["shortfall_penalty"].floats()
        self.contract: Ints = np.rint(100 * penalty * rng.uniform(0.2, 0.9, len(penalty))).astype(np.int64)


class _Orders:
    """What each order can do at the prices; money in whole numbers of `SCALE` decimals."""

    def __init__(self, tables: Tables, prices: _Prices) -> None:
        self.tables, self.prices = tables, prices
        houses, zones = len(tables.warehouses), len(tables.zones)
        lanes = tables.lanes  # sorted by warehouse and zone, each pair once
        self.fixed: Ints = lanes["fixed_cost"].rescaled(SCALE).num.reshape(houses, zones).T
        self.by_unit: Ints = lanes["cost_per_unit"].rescaled(SCALE).num.reshape(houses, zones).T
        self.by_kg: Ints = lanes["cost_per_kg"].rescaled(2).num.reshape(houses, zones).T
        self.grams: Ints = tables.products["unit_weight_kg"].rescaled(3).num
        lines = tables.order_lines
        self.margin: Ints = lines["unit_margin"].rescaled(SCALE).num
        self.qty: Ints = lines["qty"]
        self.lift: Ints = np.zeros(len(lines), dtype=np.int64)
        """π of the contracts of each line"""
        rule, line = scope_members(tables, tables.contracts)
        np.add.at(self.lift, line, prices.contract[rule] * CENT)
        self.start: Ints = np.searchsorted(tables.line_order, np.arange(len(tables.orders) + 1))

    def costs(self, line: Ints) -> Ints:
        """Freight of a unit of each line from every warehouse."""
        zone, product = self.tables.order_zone[self.tables.line_order[line]], self.tables.line_product[line]
        costs: Ints = self.by_unit[zone] + self.by_kg[zone] * self.grams[product][:, None]
        return costs

    def reduced(self, line: Ints) -> Ints:
        """What each line, served whole, earns from every warehouse at the prices; at least 0."""
        paid = self.prices.stock.T[self.tables.line_product[line]] + self.prices.capacity
        unit = (self.margin + self.lift)[line][:, None] - self.costs(line) - paid * CENT
        whole: Ints = np.maximum(unit, 0) * self.qty[line][:, None]
        return whole

    def best(self) -> tuple[Ints, Ints, Flags]:
        """Who is served from where (line, warehouse), and which orders three shipments might serve better."""
        per_chunk = max(CELLS // len(self.tables.warehouses), 1)
        edges = np.searchsorted(self.start, np.arange(0, len(self.qty) + per_chunk, per_chunk))
        edges = np.unique(np.append(edges, len(self.start) - 1))
        parts = [self._chunk(first, last) for first, last in pairwise(edges.tolist())]
        line, house, uncertain = (np.concatenate(part) for part in zip(*parts, strict=True))
        return line, house, uncertain

    def _chunk(self, first: int, last: int) -> tuple[Ints, Ints, Flags]:
        """The orders first..last−1; every order has lines."""
        start = self.start[first : last + 1]
        line = np.arange(start[0], start[-1])
        worth, fixed = self.reduced(line), self.fixed[self.tables.order_zone[first:last]]
        begin, size = start[:-1] - start[0], np.diff(start)
        single = np.add.reduceat(worth, begin, axis=0) - fixed
        one = single.argmax(axis=1)
        value, two = single[np.arange(len(one)), one], one.copy()
        for house in range(worth.shape[1] - 1):
            both = np.maximum(worth[:, house : house + 1], worth[:, house + 1 :])
            pair = np.add.reduceat(both, begin, axis=0) - fixed[:, house : house + 1] - fixed[:, house + 1 :]
            other = pair.argmax(axis=1)
            found = pair[np.arange(len(other)), other]
            better = found > value
            value, one = np.where(better, found, value), np.where(better, house, one)
            two = np.where(better, other + house + 1, two)
        uncertain = _three_may_be_better(worth, fixed, begin, np.maximum(value, 0)) & (size > 2)
        owner = np.repeat(np.arange(len(size)), size)
        here, at = np.arange(len(line)), np.stack([one, two])[:, owner]
        chosen = np.where(worth[here, at[0]] >= worth[here, at[1]], at[0], at[1])
        served = (value[owner] > 0) & (worth[here, chosen] > 0)
        return line[served], chosen[served], uncertain


def _three_may_be_better(worth: Ints, fixed: Ints, begin: Ints, value: Ints) -> Flags:
    """Whether every line from its best warehouse, less the three smallest charges, would earn more than ``value``."""
    if worth.shape[1] < 3:
        return np.zeros(len(value), dtype=bool)
    most = np.add.reduceat(worth.max(axis=1), begin)
    least = np.partition(fixed, 2, axis=1)[:, :3].sum(axis=1)
    return np.asarray(most - least > value)


def _cut(tables: Tables, cut: Flags) -> Tables:
    """The orders of ``cut`` as orders of at most two lines, all for the same customer and zone."""
    place = np.arange(len(tables.line_order)) - np.searchsorted(tables.line_order, tables.line_order)
    begins = (place == 0) | (cut[tables.line_order] & (place % 2 == 0))
    line_order = np.cumsum(begins) - 1
    origin = tables.line_order[begins]
    ids = make_ids("O", len(origin))
    orders = tables.orders
    columns = {name: values.take(origin) for name, values in orders.columns.items()} | {"order_id": ids}
    filled = {name: given[origin] for name, given in orders.filled.items()}
    lines = replace(tables.order_lines, columns={**tables.order_lines.columns, "order_id": ids[line_order]})
    return tables.replace(
        orders=replace(orders, columns=columns, filled=filled),
        order_lines=lines,
        line_order=line_order,
        order_customer=tables.order_customer[origin],
        order_zone=tables.order_zone[origin],
    )


def _stocked(tables: Tables, prices: _Prices, line: Ints, house: Ints, qty: Ints) -> Tables:
    """Stock, capacities and contracts as the plan asks for them."""
    used = np.zeros_like(prices.stock)
    np.add.at(used, (house, tables.line_product[line]), qty)
    stock, houses, contracts = tables.stock, tables.warehouses, tables.contracts
    tables = tables.replace(
        stock=replace(stock, columns={**stock.columns, "on_hand_qty": (used + prices.spare).ravel()})
    )
    if prices.limited:
        filled = {name: given for name, given in houses.filled.items() if name != "capacity_units"}
        columns = {**houses.columns, "capacity_units": used.sum(axis=1)}
        tables = tables.replace(warehouses=replace(houses, columns=columns, filled=filled))
    if len(contracts):
        served = np.zeros(len(tables.line_order), dtype=np.int64)
        served[line] = qty
        rule, member = scope_members(tables, contracts)
        required = np.zeros(len(contracts), dtype=np.int64)
        np.add.at(required, rule, served[member])
        none = {"min_qty": np.ones(len(contracts), dtype=bool), "min_fill_rate": np.zeros(len(contracts), dtype=bool)}
        columns = {**contracts.columns, "min_qty": required, "min_fill_rate": Exact.zeros(len(contracts))}
        filled = {**contracts.filled, **none}
        tables = tables.replace(contracts=replace(contracts, columns=columns, filled=filled))
    return tables


def _value(tables: Tables, orders: _Orders, line: Ints, house: Ints, lane: Ints) -> Fraction:
    """What the plan is worth: margins less freight; it falls short of no contract."""
    costs = np.empty(len(line), dtype=np.int64)
    step = max(CELLS // len(tables.warehouses), 1)
    for first in range(0, len(line), step):
        part = slice(first, first + step)
        costs[part] = orders.costs(line[part])[np.arange(len(line[part])), house[part]]
    units = Exact((orders.margin[line] - costs) * orders.qty[line], SCALE).sum()
    shipments = np.unique(tables.line_order[line] * len(tables.lanes) + lane)
    fixed: Exact = tables.lanes["fixed_cost"][shipments % len(tables.lanes)]
    return units - fixed.sum()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for what in ("lines", "warehouses", "products"):
        parser.add_argument(what, type=int)
    parser.add_argument("--zones", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--capacity", action="store_true", help="price the capacity of every warehouse")
    parser.add_argument("--contracts", action="store_true", help="price contracts of half of the customers")
    parser.add_argument("--folder", type=Path, help="write the scenario and its certificate there")
    given = parser.parse_args()
    size = Size(given.lines, warehouses=given.warehouses, products=given.products, zones=given.zones)
    planted = plant(size, given.seed, capacity=given.capacity, contracts=given.contracts)
    stock, qty = planted.tables.stock["on_hand_qty"], planted.tables.order_lines["qty"]
    parcels = planted.tables.line_order[planted.plan.line] * len(planted.tables.lanes) + planted.plan.lane
    print(f"orders        {len(planted.tables.orders):,}")
    print(f"stock         {stock.sum() / qty.sum():.3f} of the demand, {stock[stock > 0].mean():.2f} units per row")
    print(f"served        {planted.plan.qty.sum() / qty.sum():.3f} of the demand")
    print(f"shipments     {len(np.unique(parcels)):,}")
    print(f"optimum       {decimal_text(planted.value)}")
    if given.folder:
        path = write_folder(planted.tables, planted.scenario, given.folder)
        certificate = {"optimum": decimal_text(planted.value), **planted.certificate}
        (given.folder / "certificate.json").write_text(json.dumps(certificate))
        print(path)


if __name__ == "__main__":
    main()
