"""Tiny batches that mix every policy: plans by exhaustive search as positions, and random prices for every row."""

from __future__ import annotations

import random
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from optimizer.errors import InputError
from optimizer.exact import decimal_text
from optimizer.proof.decode import Picks, rows_of, ways_of
from optimizer.proof.facts import Facts
from optimizer.proof.plan import Rows
from optimizer.proof.priced_rows import AT_LEAST, KEYS, SIDES
from tests.instances import Case
from tests.oracle.book import Book
from tests.oracle.moves import Move
from tests.oracle.orders import OrderPlan
from tests.policy_instances import POLICIES, mixed_case
from tests.typed_cases import typed


def mixed(count: int, first: int = 0, policies: list[str] | None = None) -> Iterator[tuple[int, Case, Facts]]:
    """Seeded batches that are valid input."""
    for seed in range(first, first + count):
        case = mixed_case(seed, policies)
        try:
            yield seed, case, Facts(*typed(case))
        except InputError:
            continue


def as_rows(facts: Facts, book: Book, plans: dict[str, OrderPlan], moves: tuple[Move, ...] = ()) -> Rows:
    """A plan of the search as the judge reads it."""
    tables, lots = facts.tables, facts.supply.lot_texts
    lines = list(zip(tables.order_lines["order_id"], tables.order_lines["line_id"], strict=True))
    lane_columns = ("warehouse_id", "zone_id", "service_id")
    lanes = list(zip(*(tables.lanes[name] for name in lane_columns), strict=True))
    products = tables.products["product_id"].tolist()
    picked = []
    for order, plan in plans.items():
        for line, piece in plan.pieces:
            row = book.lanes_all[piece.lane]
            lane = lanes.index((row["warehouse_id"], row["zone_id"], row.get("service_id") or "standard"))
            place = (lines.index((order, line)), lane, piece.day)
            draws = sorted((products.index(source[1]), lots.index(source[2]), units) for source, units in piece.draws)
            for at, (product, lot, units) in enumerate(draws):
                served = products.index(piece.product)
                picked.append((*place, served, product, lot, units, 0 if at else piece.ordered))
    columns = np.array(sorted(picked), dtype=np.int64).reshape(-1, 8).T
    picks = Picks(columns[0], columns[1], columns[2], columns[4], columns[5], columns[6], columns[7])
    way = ways_of(facts, picks)
    assert np.all(way >= 0)
    rows, disorder = rows_of(facts, picks, way, moved(facts, book, moves))
    assert not disorder.any()
    return rows


def moved(facts: Facts, book: Book, moves: tuple[Move, ...]) -> Any:
    tables, supply = facts.tables, facts.supply
    keys = list(zip(tables.transfers["from_warehouse_id"], tables.transfers["to_warehouse_id"],
                    tables.transfers["product_id"], strict=True))  # fmt: skip
    products = tables.products["product_id"][supply.pool_product[supply.pool[supply.moves.source]]].tolist()
    lots = [supply.lot_texts[lot] for lot in supply.lot[supply.moves.source]]
    possible = list(zip(supply.moves.row.tolist(), products, lots, strict=True))
    found = []
    for move in moves:
        row = book.routes[move.route][0]
        at = keys.index((row["from_warehouse_id"], row["to_warehouse_id"], row.get("product_id") or ""))
        found.append((at, possible.index((at, move.source[1], move.source[2])), move.day, move.units))
    columns = np.array(found, dtype=np.int64).reshape(-1, 4).T
    return tuple(columns)


def every_row(facts: Facts) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every row that may carry a price, by its names."""
    tables, supply = facts.tables, facts.supply
    houses, products = tables.warehouses["warehouse_id"], tables.products["product_id"]

    def date(day: int) -> str:
        return str(np.datetime64(facts.as_of, "D") + np.timedelta64(int(day), "D"))

    def pool(period: int) -> tuple[str, str]:
        at = supply.period_pool[period]
        return houses[supply.pool_warehouse[at]], products[supply.pool_product[at]]

    for period, day in enumerate(supply.period_day):
        yield "warehouse_stock", (*pool(period), date(day))
        if len(tables.transfers):
            yield "transfer_source", (*pool(period), date(day))
    for source, period in zip(facts.lots.source, facts.lots.period, strict=True):
        lot = supply.lot_texts[supply.lot[source]]
        yield "lot_stock", (*pool(period), lot, date(supply.period_day[period]))
    for reserve, day in zip(facts.reserves.row_reserve, facts.reserves.row_day, strict=True):
        yield "reserve", (tables.reserves["reserve_id"][reserve], date(day))
    for family, names in KEYS.items():
        if "_capacity_" in family or family in ("credit_limit", "budget", "contract_quota", "transfer_capacity"):
            yield from limited(facts, family, names)
    for at in range(len(tables.contracts)):
        if tables.contracts.given("min_qty")[at] or tables.contracts.given("min_fill_rate")[at]:
            yield "contract_minimum", (tables.contracts["contract_id"][at],)
    for scope, _, _ in facts.floors:
        yield "service_floor", (scope,)
    yield from fair_rows(facts)
    yield from openings(facts)


def fair_rows(facts: Facts) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The rows of fair shares: two for each party of some groups, one for each level and party of the others."""
    shares = facts.shares
    for group in shares.even:
        for name in shares.names["party"][shares.parties(group)]:
            for side in SIDES:
                yield "fair_share", (facts.tables.fair_share["group_id"][group], name, side)
    for group, level in shares.goals.values():
        for name in shares.names["party"][shares.parties(group)]:
            yield "fair_level", (facts.tables.fair_share["group_id"][group], str(level), name)


def limited(facts: Facts, family: str, names: list[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    tables = facts.tables
    table = {"warehouse": tables.warehouses, "lane": tables.lanes, "day": tables.calendar, "credit": tables.customers,
             "budget": tables.budgets, "contract": tables.contracts,
             "transfer": tables.transfers}[family.partition("_")[0]]  # fmt: skip
    unit = "capacity_" + family.rpartition("_")[2]
    column = {"credit_limit": "credit_limit", "budget": "limit", "contract_quota": "max_qty",
              "transfer_capacity": "capacity_units"}.get(family, unit)  # fmt: skip
    for at in np.flatnonzero(table.given(column)).tolist():
        if family.startswith("day") and facts.calendar.day[at] < 0:
            continue
        yield family, tuple(str(table[name][at]) for name in names)


def openings(facts: Facts) -> Iterator[tuple[str, tuple[str, ...]]]:
    """One slot for each order and costly warehouse that has one lane: there the link is a row of the model."""
    tables, slots = facts.tables, facts.events.slots
    owner, slot = slots.of_orders(np.arange(facts.n_orders))
    for order, at in zip(owner.tolist(), slot.tolist(), strict=True):
        lane = int(slots.lane[at])
        if facts.tables.warehouses["fixed_open_cost"].item(int(tables.lane_warehouse[lane])) and facts.rates.opening:
            day = str(np.datetime64(facts.as_of, "D") + np.timedelta64(int(slots.day[at]), "D"))
            names = tables.lanes["warehouse_id"][lane], tables.lanes["service_id"][lane], day
            yield "warehouse_opening", (tables.orders["order_id"][order], *names)


def random_certificate(facts: Facts, rng: random.Random, density: float = 0.5) -> dict[str, Any]:
    """A certificate with prices of the right sign on some of all rows."""
    prices: dict[str, Any] = {}
    for family, key in every_row(facts):
        if rng.random() < density:
            size = Fraction(rng.randint(1, 400), rng.choice([100, 1, 1000]) * 100)
            text = decimal_text(-size if family in AT_LEAST else size)
            prices.setdefault(family, {"keys": KEYS[family], "rows": []})["rows"].append([*key, text])
    return {"schema_version": 1, "sense": "max", "prices": prices}


__all__ = ["POLICIES", "as_rows", "every_row", "mixed", "random_certificate"]
