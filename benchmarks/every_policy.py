"""A seeded batch in which every table has rows and every family of rows stands; as text, so that reading checks it.

Goods, orders and lanes of one number are alike: what is special about them follows from the number, so that policies
meet each other in every combination. Rules that must hold (pins, frozen orders, hard minimums) keep to goods and orders
that nothing else restricts, so that the batch has a plan whatever its size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks.drawn import (
    AS_OF,
    CASES,
    CHANNELS,
    CLOSED,
    FAMILIES,
    KITS,
    TIERS,
    Draw,
    calm_goods,
    day,
    decimals,
    family,
    frozen_orders,
    where,
)
from benchmarks.instances import Size, make_ids
from optimizer.model.goals import StageRow, floor_rows
from optimizer.scenario.schema import Scenario, share_kpi
from optimizer.tables.assemble import assemble
from optimizer.tables.raw import RawTable
from optimizer.tables.schema import PREVIOUS
from optimizer.tables.tables import Tables

Ints = NDArray[np.int64]
Texts = NDArray[np.object_]

SCENARIO: dict[str, Any] = {
    "name": "every policy",
    "as_of": AS_OF,
    "service": {
        "measure": "line",
        "value": Decimal(2),
        "min_level": {"overall": Decimal("0.05"), "tier.A": Decimal("0.02")},
        "tier_weight": {"A": Decimal("1.5")},
        "priority_weight": {1: Decimal(2)},
    },
    "objective": {
        "mode": "floor",
        "floors": [
            {"kpi": "weighted_service_level[tier.A]", "min": Decimal("0.02")},
            {"kpi": "transfer_cost", "max": Decimal(1_000_000)},
        ],
    },
    "stability": {"previous_plan": "before", "cost_per_unit": Decimal("0.3")},
}


@dataclass(frozen=True)
class TextBatch:
    """Tables as text, the plan to stay near to, and the settings of the scenario without where the tables are."""

    raws: Mapping[str, RawTable]
    previous: RawTable
    settings: Mapping[str, Any]

    def read(self) -> tuple[Tables, Scenario]:
        """Typed, linked and checked as files are; a warning is a fault of the batch, but one of size is no surprise."""
        scenario = Scenario.model_validate({**self.settings, "data": {}})
        tables, warnings = assemble(self.raws, scenario, previous=self.previous)
        faults = [str(warning) for warning in warnings if warning.code != "order_of_magnitude"]
        if faults:
            raise ValueError(f"the batch is not sound: {faults[:5]}")
        return tables, scenario


def kept_stages(scenario: Scenario) -> tuple[StageRow, ...]:
    """The floors, and two levels of max-min as if both had been raised."""
    return (
        *floor_rows(scenario),
        StageRow(share_kpi(1, "customers"), "max", Fraction(0)),
        StageRow(share_kpi(2, "customers"), "max", Fraction(0)),
    )


def make_batch_of_all(size: Size, seed: int = 0) -> TextBatch:
    """See the module."""
    draw = Draw(size, np.random.default_rng(seed))
    parts = (_demand, _goods, _network, _rules, _limits)
    raws = {name: _raw(name, columns) for part in parts for name, columns in part(draw).items()}
    return TextBatch(raws, _raw(PREVIOUS.name, _previous(draw)), SCENARIO)


def _raw(name: str, columns: Mapping[str, Any]) -> RawTable:
    """Columns of any numbers, dates or texts; a single value stands in every row."""
    size = max(len(values) for values in columns.values() if not isinstance(values, str | int))
    written = {key: pa.array(_texts(values, size), pa.string()) for key, values in columns.items()}
    return RawTable(name, f"{name}.csv", written, np.arange(2, size + 2))


def _texts(values: Any, size: int) -> list[str]:
    if isinstance(values, str | int):
        return [str(values)] * size
    return [str(value) for value in np.asarray(values).tolist()]


def _demand(d: Draw) -> dict[str, dict[str, Any]]:
    """Orders, their lines, customers, and past demand."""
    size, rng, n = d.size, d.rng, d.n_orders
    wild, number = ~d.calm_orders, np.arange(d.n_customers)
    line_wild, lines = wild[d.line_order], size.lines
    policy = where(rng.random(n) < 0.2, d.pick(["line_complete", "order_complete"], n))
    return {
        "orders": {
            "order_id": d.order,
            "customer_id": d.customer[d.order_customer],
            "zone_id": d.zone[d.order_zone],
            "channel": d.pick(CHANNELS, n),
            "due_date": day(rng.integers(2, 6, n)),
            "cancel_date": where(wild, d.some(0.3, day(rng.integers(3, 8, n)), n)),
            "priority": rng.integers(1, 4, n),
            "delivery_policy": where(wild, policy),
            "max_shipments": where(wild, d.some(0.1, rng.integers(1, 3, n), n)),
            "service_level": where(wild, d.some(0.03, "express", n)),
            "hold": where(wild, d.some(0.02, "credit", n)),
            "frozen": np.where(frozen_orders(d), "true", "false"),
        },
        "order_lines": {
            "order_id": d.order[d.line_order],
            "line_id": d.line,
            "product_id": d.product[d.line_product],
            "qty": d.qty,
            "unit_price": d.cents(800, 6000, lines),
            "unit_margin": d.cents(200, 3000, lines),
            "min_fill_qty": where(line_wild, d.some(0.1, np.minimum(d.qty, 3), lines)),
            "lot_multiple": where(d.paired, 2),
            "weight_kg": d.some(0.05, decimals(d.grams[d.line_product] * d.qty, 3), lines),
            "late_penalty_per_unit_day": d.some(0.7, "0.2", lines),
        },
        "customers": {
            "customer_id": d.customer,
            "tier": np.array(TIERS, dtype=object)[number % 3],
            "segment": np.array(["retail", "trade"], dtype=object)[number % 2],
            "service_weight": d.pick(["1", "1.2", "0.8"], d.n_customers),
            "credit_limit": where(number % 4 == 1, d.cents(2000, 20000, d.n_customers)),
            "min_remaining_life_days": where(number % 4 == 2, 3),
        },
        "history": {
            "date": day(-rng.integers(1, 60, size.products)),
            "product_id": d.product,
            "qty": rng.integers(1, 50, size.products),
        },
    }


def _goods(d: Draw) -> dict[str, dict[str, Any]]:
    """Products, substitutes, kits; stock by lot, receipts and moves."""
    size, rng = d.size, d.rng
    number = np.arange(size.products)
    kit, swapped = number[number % FAMILIES == KITS], number[number % 10 == 3]
    part = np.concatenate([kit + 1, kit + 2])
    receipts = size.warehouses * size.products // 10
    stocked = number[number % FAMILIES != KITS]
    return {
        "products": {
            "product_id": d.product,
            "family": family(number % FAMILIES),
            "unit_cost": d.cents(300, 2500, size.products),
            "unit_weight_kg": decimals(d.grams, 3),
            "unit_volume_m3": decimals(rng.integers(1, 50, size.products), 3),
            "case_pack": where(number % FAMILIES == CASES, 2),
        },
        "substitutions": {
            "product_id": d.product[swapped],
            "substitute_id": d.product[swapped + 1],
            "ratio": d.pick(["1", "2", "0.5"], len(swapped)),
            "penalty_per_unit": "0.1",
            "customer_id": d.some(0.1, d.customer[0], len(swapped)),
        },
        "kits": {
            "product_id": d.product[np.tile(kit, 2)],
            "component_id": d.product[part],
            "qty": rng.integers(1, 3, len(part)),
        },
        "stock": _stock(d, stocked),
        "inbound": {
            "receipt_id": make_ids("R", receipts),
            "warehouse_id": d.house[rng.integers(0, size.warehouses, receipts)],
            "product_id": d.product[stocked[rng.integers(0, len(stocked), receipts)]],
            "qty": rng.integers(1, 20, receipts),
            "available_date": day(rng.integers(0, 5, receipts)),
        },
        "transfers": _transfers(d, number),
    }


def _stock(d: Draw, products: Ints) -> dict[str, Any]:
    """Every product at every warehouse; every third in two lots, the same everywhere, one of them to expire."""
    size, rng = d.size, d.rng
    demand = np.bincount(d.line_product, d.qty, size.products) * size.scarcity
    row = np.repeat(products, np.where(products % 3 == 0, 2, 1))
    by_lot, second = row % 3 == 0, np.diff(row, prepend=-1) == 0
    expiry = np.where(second, 3 + row % 9, 90 + row % 9)
    house = np.repeat(np.arange(size.warehouses), len(row))
    share = rng.dirichlet(np.ones(size.warehouses), size.products)
    row, by_lot, second, expiry = (np.tile(part, size.warehouses) for part in (row, by_lot, second, expiry))
    on_hand = np.rint(share[row, house] * demand[row]).astype(np.int64)
    return {
        "warehouse_id": d.house[house],
        "product_id": d.product[row],
        "lot_id": where(by_lot, np.where(second, "L2", "L1")),
        "on_hand_qty": np.where(by_lot, on_hand // 2, on_hand) + 2 * calm_goods(row) + 1,
        "safety_stock_qty": where(calm_goods(row), 1),
        "expiry_date": where(by_lot, day(expiry)),
        "holding_value_per_unit": where(second, "0.25"),
    }


def _transfers(d: Draw, number: Ints) -> dict[str, Any]:
    """A chain of three routes for everything, and single products between the ends of two of them."""
    single = number[number % FAMILIES == 4]
    chain, whole = np.arange(3), np.zeros(3, dtype=bool)
    one = np.append(whole, np.ones(len(single), dtype=bool))
    return {
        "from_warehouse_id": d.house[np.append(chain, 0 * single)],
        "to_warehouse_id": d.house[np.append(chain + 1, 2 + 0 * single)],
        "product_id": np.append(["", "", ""], d.product[single]).astype(object),
        "cost_per_unit": np.where(one, "0", "0.4"),
        "cost_per_kg": np.where(one, "0.3", "0"),
        "fixed_cost": np.where(one, "0", "25"),
        "transit_days": 1,
        "capacity_units": np.where(one, 5, d.size.lines // 50 + 2),
    }


def _network(d: Draw) -> dict[str, dict[str, Any]]:
    """Warehouses, their calendar, lanes and tariffs."""
    size, rng = d.size, d.rng
    number = np.arange(size.warehouses)
    units, kg = int(d.qty.sum()), int(d.qty @ d.grams[d.line_product]) // 1000
    most = {"units": units, "lines": size.lines, "shipments": d.n_orders, "kg": kg}
    days = np.tile([0, CLOSED, CLOSED + 1], size.warehouses)
    works = days != CLOSED
    return {
        "warehouses": {
            "warehouse_id": d.house,
            "handling_cost_per_unit": d.cents(10, 60, size.warehouses),
            "fixed_open_cost": where(number % 3 == 1, 40),
            **_capacities(most, number, 2),
        },
        "calendar": {
            "warehouse_id": d.house[np.repeat(number, 3)],
            "date": day(days),
            "is_working": np.where(works, "true", "false"),
            **{unit: where(works, limit) for unit, limit in _capacities(most, days + np.repeat(number, 3), 1).items()},
        },
        **_lanes(d, rng),
    }


def _capacities(most: Mapping[str, int], number: Ints, fifths: int) -> dict[str, Texts]:
    """So much of all that is ordered; in units, lines, shipments or kg, by turns."""
    return {
        f"capacity_{unit}": where(number % 4 == turn, amount * fifths // 5 + 5)
        for turn, (unit, amount) in enumerate(most.items())
    }


def _lanes(d: Draw, rng: np.random.Generator) -> dict[str, dict[str, Any]]:
    """A standard lane from everywhere to everywhere and express on every fourth; one of six with a tariff by weight."""
    size, pairs = d.size, np.arange(d.size.warehouses * d.size.zones)
    express = pairs[pairs % size.zones % 4 == pairs // size.zones % 4]
    pair, fast = np.append(pairs, express), np.arange(len(pairs) + len(express)) >= len(pairs)
    n, kind, zone = len(pair), (pair + fast) % 6, pair % size.zones
    own, narrow = kind > 0, pair % 12
    units = np.bincount(d.order_zone[d.line_order], d.qty, size.zones).astype(np.int64)[zone]
    banded = np.flatnonzero(~own)
    names = {
        "warehouse_id": d.house[pair // size.zones],
        "zone_id": d.zone[zone],
        "service_id": np.where(fast, "express", "standard"),
    }
    costs = {
        "fixed_cost": where(own, d.cents(200, 900, n)),
        "cost_per_unit": where(own & (kind % 2 == 0), d.cents(5, 40, n)),
        "cost_per_kg": where(own, d.cents(5, 60, n)),
        "min_charge": where(kind == 1, d.cents(1000, 1500, n)),
    }
    capacities = {
        "capacity_units": where(narrow == 1, units // 3 + 2),
        "capacity_kg": where(narrow == 2, units + 2),
        "capacity_shipments": where(narrow == 3, np.bincount(d.order_zone, minlength=size.zones)[zone] // 3 + 2),
    }
    start = np.array(["0", "2", "10"], dtype=object)
    bands = {name: np.repeat(values[banded], 3) for name, values in names.items()} | {
        "rate_id": np.tile(["light", "middle", "heavy"], len(banded)),
        "from_kg": np.tile(start, len(banded)),
        "flat_cost": np.tile(["2.5", "3", "6"], len(banded)),
        "cost_per_kg": d.cents(20, 60, 3 * len(banded)),
        "min_charge": np.tile(["3", "4.5", "9"], len(banded)),
    }
    lanes = {
        **names,
        "service_level": np.where(fast, "express", "ground"),
        **costs,
        "kg_per_m3": where(pair // size.zones % 3 == 0, 200),
        "transit_days": np.where(fast, 1, 2),
        **capacities,
    }
    return {"lanes": lanes, "rate_bands": bands}


def _rules(d: Draw) -> dict[str, dict[str, Any]]:
    """Who may serve what, what is promised, held back, pinned and shared."""
    calm = d.calm_lines
    pinned = calm[~frozen_orders(d)[d.line_order[calm]]][::2]
    anyone = np.delete(d.house, 1)  # that one is for some tiers only
    modes = np.resize(["exactly", "at_least", "at_most", "forbid"], len(pinned))
    quotas = family(np.arange(16, 20))
    by_family = np.bincount(d.line_product % FAMILIES, d.qty, FAMILIES).astype(np.int64)
    soft = np.arange(1, d.n_customers, 20)
    return {
        "eligibility": {
            "rule_id": ["forbidden", "only A", "only B"],
            "warehouse_id": d.house[[0, 1, 1]],
            "family": [family(8), "", ""],
            "tier": ["", "A", "B"],
            "mode": ["forbid", "only", "only"],
        },
        "contracts": {
            "contract_id": make_ids("K", len(soft) + 5),
            "customer_id": np.append(d.customer[soft], [""] * 5),
            "family": np.append([""] * (len(soft) + 1), quotas),
            "channel": np.append([""] * len(soft), ["web", "", "", "", ""]),
            "min_fill_rate": np.append(["0.8"] * len(soft), ["0.02", "", "", "", ""]),
            "max_qty": np.append([""] * (len(soft) + 1), by_family[16:20] // 2),
            "shortfall_penalty": np.append(["3"] * len(soft), [""] * 5),
        },
        "reserves": _reserves(d),
        "pins": {
            "order_id": d.order[d.line_order[pinned]],
            "line_id": d.line[pinned],
            "warehouse_id": anyone[pinned % len(anyone)],
            "mode": modes,
            "qty": where(modes != "forbid", 1),
        },
        "fair_share": {
            "group_id": ["customers", "zones"],
            "tier": ["A", ""],
            "channel": ["store", "partner"],
            "between": ["customer", "zone"],
            "rule": ["max_min", "proportional"],
            "tolerance": int(d.qty.sum()) // d.size.zones + 1,
        },
    }


def _reserves(d: Draw) -> dict[str, Any]:
    """By rank: for a tier of one family at each warehouse, for a channel of the family, for a customer of a product."""
    product = np.flatnonzero(np.arange(d.size.products) % FAMILIES == 12)
    houses, n = d.size.warehouses, d.size.warehouses + 4 + len(product)
    rank = np.repeat([1, 2, 3], [houses, 4, len(product)])
    blank = np.full(n, "", dtype=object)
    what, who, where_, customer = (blank.copy() for _ in range(4))
    where_[:houses], what[: houses + 4] = d.house, np.append([family(12)] * houses, family(np.arange(12, 16)))
    who[: houses + 4], customer[houses + 4 :] = np.append(["A"] * houses, [""] * 4), d.customer[1]
    blank[houses + 4 :] = d.product[product]
    return {
        "reserve_id": make_ids("V", n),
        "tier": who,
        "channel": where(rank == 2, "store"),
        "customer_id": customer,
        "warehouse_id": where_,
        "product_id": blank,
        "family": what,
        "qty": np.where(rank == 3, 2, d.size.lines // 400 + 2),
        "rank": rank,
    }


def _limits(d: Draw) -> dict[str, dict[str, Any]]:
    """Budgets of the three kinds."""
    lines = d.size.lines
    return {
        "budgets": {
            "budget_id": make_ids("B", 6),
            "kind": ["stock_value"] * 4 + ["shipping_cost", "transfer_cost"],
            "family": [*family(np.arange(4, 8)), "", ""],
            "channel": [""] * 4 + ["partner", ""],
            "limit": [lines] * 4 + [2 * lines, lines // 20 + 30],
        }
    }


def _previous(d: Draw) -> dict[str, Any]:
    """One unit of each frozen line, and half of the quantity for a fifth of the lines of other orders."""
    frozen = frozen_orders(d)[d.line_order]
    kept = d.calm_lines[::4]
    other = np.flatnonzero(~frozen & (np.arange(d.size.lines) % 5 == 0) & (d.line_product % FAMILIES != KITS))
    line = np.append(kept, other)
    qty = np.append(np.ones(len(kept), dtype=np.int64), (d.qty[other] + 1) // 2)
    return {
        "order_id": d.order[d.line_order[line]],
        "line_id": d.line[line],
        "warehouse_id": d.house[2 + line % (d.size.warehouses - 2)],
        "service_id": "standard",
        "ship_date": day(0),
        "product_id": d.product[d.line_product[line]],
        "lot_id": where(d.line_product[line] % 3 == 0, "L1"),
        "qty": qty,
        "shipped_qty": qty,
    }
