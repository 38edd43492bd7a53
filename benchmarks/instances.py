"""Seeded batches of any size, made straight in memory: what a reader would have returned."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.scenario.schema import Scenario
from optimizer.tables.schema import TABLES
from optimizer.tables.tables import Table, Tables

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Size:
    """A batch in which every warehouse stocks every product and reaches every zone: arcs = lines × warehouses."""

    lines: int
    warehouses: int = 10
    products: int = 2_000
    zones: int = 50
    lines_per_order: float = 1.8
    scarcity: float = 0.85
    """Stock over demand, for all warehouses together."""


def make_batch(size: Size, seed: int = 0) -> tuple[Tables, Scenario]:
    """Orders of geometric length, quantities of mean 2.8, Zipf demand, stock spread unevenly, freight by kg."""
    rng = np.random.default_rng(seed)
    starts = rng.random(size.lines) < 1 / size.lines_per_order
    starts[0] = True
    line_order = np.cumsum(starts) - 1
    n_orders = int(line_order[-1]) + 1
    line_product = rng.choice(size.products, size.lines, p=zipf(size.products))
    qty = rng.geometric(0.35, size.lines)
    demand = np.bincount(line_product, qty, size.products) * size.scarcity
    on_hand = np.rint(rng.dirichlet(np.ones(size.warehouses), size.products).T * demand).astype(np.int64).ravel()
    house, product = (
        np.repeat(np.arange(size.warehouses), size.products),
        np.tile(np.arange(size.products), size.warehouses),
    )
    lane_house, lane_zone = (
        np.repeat(np.arange(size.warehouses), size.zones),
        np.tile(np.arange(size.zones), size.warehouses),
    )
    n_lanes = len(lane_house)
    nothing = np.zeros(0, dtype=np.int64)
    order_ids, product_ids = make_ids("O", n_orders), make_ids("P", size.products)
    house_ids, zone_ids = make_ids("W", size.warehouses), make_ids("Z", size.zones)
    order_zone = rng.integers(0, size.zones, n_orders)
    tables = Tables(
        orders=make_table("orders", n_orders, order_id=order_ids, customer_id=_repeated("C", n_orders),
                      zone_id=zone_ids[order_zone]),
        order_lines=make_table("order_lines", size.lines, order_id=order_ids[line_order],
                           line_id=make_ids("", size.lines),
                           product_id=product_ids[line_product], qty=qty,
                           unit_margin=_cents(rng, 200, 3000, size.lines)),
        products=make_table("products", size.products, product_id=product_ids,
                        unit_weight_kg=Exact(rng.integers(100, 5000, size.products), 3)),
        customers=make_table("customers", 1, customer_id=_repeated("C", 1)),
        warehouses=make_table("warehouses", size.warehouses, warehouse_id=house_ids),
        stock=make_table("stock", len(house), warehouse_id=house_ids[house], product_id=product_ids[product],
                     on_hand_qty=on_hand),
        lanes=make_table("lanes", n_lanes, warehouse_id=house_ids[lane_house], zone_id=zone_ids[lane_zone],
                     service_id=_repeated("standard", n_lanes), fixed_cost=_cents(rng, 200, 900, n_lanes),
                     cost_per_kg=_cents(rng, 5, 60, n_lanes)),
        eligibility=make_table("eligibility", 0), contracts=make_table("contracts", 0), pins=make_table("pins", 0),
        zones=zone_ids, services=_repeated("standard", 1),
        order_customer=np.zeros(n_orders, dtype=np.int64), order_zone=order_zone,
        line_order=line_order, line_product=line_product,
        stock_warehouse=house, stock_product=product,
        lane_warehouse=lane_house, lane_zone=lane_zone, lane_service=np.zeros(n_lanes, dtype=np.int64),
        eligibility_warehouse=nothing, pin_line=nothing, pin_warehouse=nothing,
    )  # fmt: skip
    return tables, Scenario(name="generated", as_of=datetime.date(2026, 11, 20), data={})


def zipf(size: int, exponent: float = 0.8) -> NDArray[np.float64]:
    weight = np.arange(1, size + 1) ** -exponent
    return weight / weight.sum()


def make_ids(prefix: str, size: int) -> NDArray[np.object_]:
    """Numbered ids of one length, in sorted order."""
    width = len(str(max(size - 1, 0)))
    return np.array([f"{prefix}{number:0{width}}" for number in range(size)], dtype=object)


def _repeated(text: str, size: int) -> NDArray[np.object_]:
    return np.full(size, text, dtype=object)


def _cents(rng: np.random.Generator, low: int, high: int, size: int) -> Exact:
    return Exact(rng.integers(low, high, size), 2)


def make_table(name: str, size: int, **given: Any) -> Table:
    """A table of the contract's columns: those given, and the defaults of a blank cell for the rest."""
    columns: dict[str, Any] = {}
    filled: dict[str, NDArray[np.bool_]] = {}
    for column in TABLES[name].columns:
        if column.name in given:
            columns[column.name] = given[column.name]
            continue
        filled[column.name] = np.zeros(size, dtype=bool)
        default = column.default
        columns[column.name] = {
            "int": lambda d=default: np.full(size, d or 0, dtype=np.int64),
            "decimal": lambda d=default: Exact.full(size, d or Decimal(0)) if size else Exact.zeros(0),
            "flag": lambda d=default: np.full(size, True if d is None else d, dtype=bool),
            "date": lambda: np.full(size, np.datetime64("NaT"), dtype="datetime64[D]"),
            "text": lambda d=default: np.full(size, d or "", dtype=object),
            "enum": lambda d=default: np.full(size, d or "", dtype=object),
        }[column.kind]()
    return Table(name, columns, filled)
