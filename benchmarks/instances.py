"""Seeded batches of any size, made straight in memory: what a reader would have returned."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.scenario.schema import Scenario
from optimizer.tables.schema import TABLES
from optimizer.tables.tables import Table, Tables

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Texts = NDArray[np.object_]

AS_OF = datetime.date(2026, 11, 20)
MARGIN = 10.0
"""Mean margin of a unit, money."""
SERVICE = "standard"
LINES_OF_A_CUSTOMER = 36
LAST_RECEIPT = 5
"""Days after which nothing arrives any more."""
PROMISED = Decimal("0.95")
"""Share of what it ordered that a contract promises."""


@dataclass(frozen=True)
class Size:
    """A batch in which every warehouse stocks every product and reaches every zone: arcs = lines × warehouses.

    Batches that differ only in ``charge``, ``minimum``, ``contract_share`` or ``capacity`` have the same orders, stock
    and margins; with ``receipts`` some of that stock comes later.
    """

    lines: int
    warehouses: int = 10
    products: int = 2_000
    """the fewer, the deeper: a stock row has qty · scarcity · lines / (products · warehouses) units in the mean"""
    zones: int = 50
    lines_per_order: float = 1.8
    scarcity: float = 0.85
    """Stock over demand, for all warehouses together."""
    charge: float = 0.5
    """Mean fixed cost of a shipment over the mean margin of a unit."""
    contract_share: float = 0.0
    """Share of the customers that soft contracts are about: half of them by their tier, the others each by itself."""
    least_row: int = 0
    """Units that every stock row holds at least: a product lies at only as many warehouses as leave each that many."""
    capacity: float | None = None
    """What each warehouse may ship, over the smaller of its stock and its share of the demand; None: no limit."""
    minimum: float | None = None
    """Least freight of a shipment over its fixed cost; None: its costs alone."""
    receipts: float = 0.0
    """Share of the stock that only arrives on one of the next days; orders then have due dates, and delay a price."""


def make_batch(size: Size, seed: int = 0) -> tuple[Tables, Scenario]:
    """Orders of geometric length, quantities of mean 2.8, Zipf demand, stock spread unevenly, lognormal margins.

    Warehouses and zones lie at random in a unit square: fixed cost and freight by unit and kg grow with the distance.
    """
    rng = np.random.default_rng(seed)
    starts = rng.random(size.lines) < 1 / size.lines_per_order
    starts[0] = True
    line_order = np.cumsum(starts) - 1
    n_orders = int(line_order[-1]) + 1
    line_product = rng.choice(size.products, size.lines, p=zipf(size.products))
    qty = rng.geometric(0.35, size.lines)
    demand = np.bincount(line_product, qty, size.products) * size.scarcity
    spread = rng.dirichlet(np.ones(size.warehouses), size.products).T
    held = _deep_rows(spread, demand, size.least_row) if size.least_row else np.rint(spread * demand)
    on_hand = held.astype(np.int64).ravel()
    order_zone = rng.integers(0, size.zones, n_orders)
    product_margin = MARGIN * _around_one(rng, 0.6, size.products)
    margin = product_margin[line_product] * _around_one(rng, 0.2, size.lines)
    house, product = _grid(size.warehouses, size.products)
    order_ids, product_ids = make_ids("O", n_orders), make_ids("P", size.products)
    house_ids, zone_ids = make_ids("W", size.warehouses), make_ids("Z", size.zones)
    nothing = np.zeros(0, dtype=np.int64)
    customers, order_customer, contracts = _customers(size, n_orders, np.random.default_rng([seed, 1]))
    lanes, lane_house, lane_zone = _lanes(size, house_ids, zone_ids, rng)
    tables = Tables(
        orders=make_table("orders", n_orders, order_id=order_ids,
                          customer_id=customers["customer_id"][order_customer], zone_id=zone_ids[order_zone],
                          priority=_priorities(margin * qty, qty, line_order)),
        order_lines=make_table("order_lines", size.lines, order_id=order_ids[line_order],
                               line_id=make_ids("", size.lines), product_id=product_ids[line_product], qty=qty,
                               unit_margin=cents(margin)),
        products=make_table("products", size.products, product_id=product_ids,
                            unit_weight_kg=Exact(rng.integers(100, 5000, size.products), 3)),
        customers=customers,
        warehouses=_warehouses(size, house_ids, on_hand),
        stock=make_table("stock", len(house), warehouse_id=house_ids[house], product_id=product_ids[product],
                         on_hand_qty=on_hand),
        lanes=lanes,
        eligibility=make_table("eligibility", 0), contracts=contracts, pins=make_table("pins", 0),
        zones=zone_ids, services=repeated(SERVICE, 1),
        order_customer=order_customer, order_zone=order_zone, line_order=line_order, line_product=line_product,
        stock_warehouse=house, stock_product=product,
        lane_warehouse=lane_house, lane_zone=lane_zone, lane_service=np.zeros(len(lanes), dtype=np.int64),
        eligibility_warehouse=nothing, pin_line=nothing, pin_warehouse=nothing,
    )  # fmt: skip
    dated = _with_receipts(tables, size.receipts, np.random.default_rng([seed, 2])) if size.receipts else tables
    return dated, Scenario(name="generated", as_of=AS_OF, data={})


def _with_receipts(tables: Tables, share: float, rng: np.random.Generator) -> Tables:
    """Some units of each row of stock arrive within `LAST_RECEIPT` days; orders are due at random days until then."""
    stock, lines = tables.stock, tables.order_lines
    later = rng.binomial(stock["on_hand_qty"], share)
    row = np.flatnonzero(later)
    today = np.datetime64(AS_OF, "D")
    receipts = make_table(
        "inbound",
        len(row),
        receipt_id=make_ids("R", len(row)),
        warehouse_id=stock["warehouse_id"][row],
        product_id=stock["product_id"][row],
        qty=later[row],
        available_date=today + rng.integers(1, LAST_RECEIPT + 1, len(row)),
    )
    due = today + rng.integers(0, LAST_RECEIPT + 1, len(tables.orders))
    penalty = cents(MARGIN * rng.uniform(0.01, 0.05, len(lines)))
    return replace(
        tables,
        stock=_with(stock, on_hand_qty=stock["on_hand_qty"] - later),
        orders=_with(tables.orders, due_date=due),
        order_lines=_with(lines, late_penalty_per_unit_day=penalty),
        inbound=receipts,
        inbound_warehouse=tables.stock_warehouse[row],
        inbound_product=tables.stock_product[row],
    )


def _with(table: Table, **given: Any) -> Table:
    """The table with other values in some columns, every cell of them filled."""
    filled = {name: flags for name, flags in table.filled.items() if name not in given}
    return replace(table, columns={**table.columns, **given}, filled=filled)


def _deep_rows(spread: Floats, units: Floats, least: int) -> Floats:
    """The units (products) at the warehouses with the largest shares (warehouses × products), ``least`` each or more.

    Beyond ``least`` they are spread like the shares. A product of fewer units lies at one warehouse.
    """
    houses = np.clip(units // least, 1, len(spread))
    rank = np.argsort(np.argsort(-spread, axis=0, kind="stable"), axis=0)
    stocked = rank < houses
    shares = np.where(stocked, spread, 0.0)
    floor = np.minimum(least, units / houses)
    return np.where(stocked, np.floor(floor + shares / shares.sum(axis=0) * (units - floor * houses)), 0.0)


def _lanes(size: Size, house_ids: Texts, zone_ids: Texts, rng: np.random.Generator) -> tuple[Table, Ints, Ints]:
    """Every warehouse to every zone, with the positions of both. The mean distance of two points is 0.52."""
    house, zone = _grid(size.warehouses, size.zones)
    here, there = rng.random((size.warehouses, 2))[house], rng.random((size.zones, 2))[zone]
    distance = np.hypot(*(here - there).T)
    fixed = size.charge * MARGIN * (0.75 + 0.48 * distance)
    least = {} if size.minimum is None else {"min_charge": cents(size.minimum * fixed)}
    table = make_table(
        "lanes",
        len(house),
        warehouse_id=house_ids[house],
        zone_id=zone_ids[zone],
        service_id=repeated(SERVICE, len(house)),
        fixed_cost=cents(fixed),
        cost_per_unit=cents(MARGIN * (0.02 + 0.1 * distance)),
        cost_per_kg=cents(MARGIN * (0.005 + 0.03 * distance)),
        **least,
    )
    return table, house, zone


def _customers(size: Size, n_orders: int, rng: np.random.Generator) -> tuple[Table, Ints, Table]:
    """Customers (tier A and B have contracts), the customer of each order, and the contracts."""
    number = max(size.lines // LINES_OF_A_CUSTOMER, 4)
    of_order = rng.integers(0, number, n_orders)
    rank = rng.permutation(number)
    in_tier_a, promised = round(number * size.contract_share / 2), round(number * size.contract_share)
    tier = np.array(["A", "B", "C"], dtype=object)[(rank >= in_tier_a) * 1 + (rank >= promised)]
    ids = make_ids("C", number)
    ordered = np.zeros(number, dtype=bool)
    ordered[of_order] = True
    single = np.flatnonzero((tier == "B") & ordered)
    by_tier = 1 if (tier[ordered] == "A").any() else 0
    count = by_tier + len(single)
    penalty = rng.uniform(0.3, 0.8, number + 1) * MARGIN
    contracts = make_table(
        "contracts",
        count,
        contract_id=make_ids("K", count),
        tier=np.concatenate([repeated("A", by_tier), repeated("", len(single))]),
        customer_id=np.concatenate([repeated("", by_tier), ids[single]]),
        min_fill_rate=Exact.full(count, PROMISED) if count else Exact.zeros(0),
        shortfall_penalty=cents(np.concatenate([penalty[number:][:by_tier], penalty[single]])),
    )
    return make_table("customers", number, customer_id=ids, tier=tier), of_order, contracts


def _warehouses(size: Size, house_ids: Texts, on_hand: Ints) -> Table:
    given = {}
    if size.capacity is not None:
        stock = on_hand.reshape(size.warehouses, size.products).sum(axis=1)
        given["capacity_units"] = np.ceil(stock * min(1.0, 1 / size.scarcity) * size.capacity).astype(np.int64)
    return make_table("warehouses", size.warehouses, warehouse_id=house_ids, **given)


def _priorities(worth: Floats, qty: Ints, line_order: Ints) -> Ints:
    """1 (first) to 5 by what a unit of the order earns: what rule-based policies go by; no part of the objective."""
    by_unit = np.bincount(line_order, worth) / np.bincount(line_order, qty)
    rank = np.argsort(np.argsort(-by_unit, kind="stable"))
    priorities: Ints = 1 + 5 * rank // len(rank)
    return priorities


def _around_one(rng: np.random.Generator, sigma: float, size: int) -> Floats:
    """Lognormal factors of mean 1."""
    return rng.lognormal(-(sigma**2) / 2, sigma, size)


def _grid(rows: int, columns: int) -> tuple[Ints, Ints]:
    """All pairs of positions, sorted."""
    return np.repeat(np.arange(rows), columns), np.tile(np.arange(columns), rows)


def zipf(size: int, exponent: float = 0.8) -> Floats:
    weight = np.arange(1, size + 1, dtype=np.float64) ** -exponent
    shares: Floats = weight / weight.sum()
    return shares


def make_ids(prefix: str, size: int) -> Texts:
    """Numbered ids of one length, in sorted order."""
    width = len(str(max(size - 1, 0)))
    return np.array([f"{prefix}{number:0{width}}" for number in range(size)], dtype=object)


def repeated(text: str, size: int) -> Texts:
    return np.full(size, text, dtype=object)


def cents(amount: Floats) -> Exact:
    """Money rounded to cents, at least one."""
    return Exact(np.maximum(np.rint(amount * 100), 1).astype(np.int64), 2)


def make_table(name: str, size: int, **given: Any) -> Table:
    """A table of the contract's columns: those given, and the defaults of a blank cell for the rest."""
    columns: dict[str, Any] = {}
    filled: dict[str, NDArray[np.bool_]] = {}
    for column in TABLES[name].columns:
        if column.name in given:
            columns[column.name] = given[column.name]
            continue
        filled[column.name] = np.zeros(size, dtype=bool)
        columns[column.name] = _defaults(column.kind, column.default, size)
    return Table(name, columns, filled)


def _defaults(kind: str, default: Any, size: int) -> Any:
    if kind == "decimal":
        return Exact.full(size, default or Decimal(0)) if size else Exact.zeros(0)
    if kind == "date":
        return np.full(size, np.datetime64("NaT"), dtype="datetime64[D]")
    if kind == "flag":
        return np.full(size, True if default is None else default, dtype=bool)
    return np.full(size, default or 0, dtype=np.int64) if kind == "int" else repeated(default or "", size)
