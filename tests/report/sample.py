"""A run to report on: real tables, a greedy plan, its real figures; reasons and prices written by hand."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from optimizer.exact import Exact
from optimizer.report.bundle import RunBundle
from optimizer.scenario.schema import Scenario
from optimizer.solution.exceptions import exceptions
from optimizer.solution.ledger import Ledger
from optimizer.solution.metrics import kpis, objective_value
from optimizer.solution.outputs import tables_of
from optimizer.solution.plan import Plan
from optimizer.solution.replenishment import replenishment
from optimizer.tables.tables import Table, Tables
from tests.builders import make_scenario, make_tables

REASONS = ("no_stock", "stock_taken", "not_worth_freight", "no_lane", "capacity", "split_limit", "hold")
OTHER_FAMILIES = ("warehouse_capacity_lines", "contract_minimum", "service_floor")


def atp(tables: Tables) -> Any:
    """What is available to promise of each stock row, where every pool is one."""
    stock = tables.stock
    return np.maximum(stock["on_hand_qty"] - stock["reserved_qty"] - stock["safety_stock_qty"], 0)


def sample(
    orders: int = 60,
    seed: int = 1,
    prefix: str = "SO-",
    name: str = "Regional demand spike",
    short_text: str = "",
    **changes: Any,
) -> RunBundle:
    """A run with a plan. ``prefix`` starts every id, ``short_text`` every explanation."""
    scenario = make_scenario(name=name, service={"value": 2, "tier_weight": {"A": 3}}, weights={"service": 0.5})
    tables = _inputs(orders, seed, prefix, scenario)
    plan = greedy(tables)
    return bundle_of(tables, scenario, plan, short_text).replace(**changes)


def bundle_of(tables: Tables, scenario: Scenario, plan: Plan, short_text: str = "") -> RunBundle:
    """What `solve` would hand over for this plan."""
    ledger = Ledger(tables, scenario, plan)
    made = tables_of(ledger)
    made["shorts"] = shorts(tables, plan, short_text)
    made["shadow_prices"] = shadow_prices(tables)
    made["exceptions"] = exceptions(ledger, made["shorts"])
    made["replenishment"] = replenishment(ledger, made["shorts"], made["shadow_prices"])
    value = objective_value(tables, scenario, plan)
    run = {
        "schema_version": 1,
        "run_id": "5f3c9e0d7a61b2c48890aa11",
        "scenario": {
            "name": scenario.name,
            "settings": ["solve.seed=0"],
            "resolved": json.loads(scenario.model_dump_json(exclude={"data"})),
            "changes": [
                {"table": "stock", "where": {"warehouse_id": "W2"}, "old": 120, "new": Decimal("96.0"), "rows": 1}
            ],
        },
        "termination": {"reason": "OPTIMAL", "limit": "", "detail": ""},
        "objective_value": value,
        "best_bound": value + Fraction(1, 3),
        "rel_gap": Fraction(1, 3) / value if value else None,
        "certified_bound": value + abs(value) / 800,
        "certified_gap": Fraction(1, 800),
        "engine": {"name": "highs", "version": "1.13.1", "why": "small enough for one branch and cut"},
        "versions": {"allot": "0.1.0", "numpy": np.__version__},
        "seed": 0,
        "model": {"rows": 812, "columns": 1204, "nonzeros": 3391, "integers": 1204},
        "kpis": kpis(tables, scenario, plan),
        "inputs": [
            {"table": source, "source": f"{source}.csv", "rows": len(getattr(tables, source)), "digest": "ab" * 32}
            for source in ("orders", "order_lines", "stock", "lanes")
        ],
        "pruned": {"held_orders": 3, "no_stock": 17},
        "warnings": [],
    }
    return RunBundle(
        run=run,
        timing={"started": "2026-11-21T02:00:00Z", "phases": {"read": 0.1, "solve": 1.25}, "peak_memory_mb": 210},
        inputs=tables,
        scenario=scenario,
        plan=plan,
        tables=made,
        verification=verification(),
        certificate={"schema_version": 1, "sense": "max", "prices": {}, "certified_bound": "1"},
    )


def verification(broken: int = 0) -> dict[str, Any]:
    names = (
        "line_demand",
        "warehouse_stock",
        "delivery_policy",
        "lot_multiple",
        "contract_minimum",
        "pins",
        "objective",
    )
    rules = [
        {"rule": name, "rows_checked": 10 * at, "worst_violation": int(at < broken), "passed": at >= broken}
        for at, name in enumerate(names)
    ]
    return {"schema_version": 1, "passed": broken == 0, "rules": rules}


def _inputs(orders: int, seed: int, prefix: str, scenario: Scenario) -> Tables:
    rng = random.Random(seed)
    houses = ["W-Hamburg", "W-Lyon", "W-Milano"]
    products = [f"{prefix}P{at:02d}" for at in range(1, 13)]
    zones = ["DE-North", "DE-South", "FR", "IT", "ES"]
    made: dict[str, list[dict[str, Any]]] = {
        "products": [
            {"product_id": p, "family": rng.choice(["phones", "audio"]),
             "unit_cost": Decimal(rng.randint(500, 20000)) / 100, "unit_weight_kg": Decimal("0.35")} for p in products
        ],
        "customers": [
            {"customer_id": f"{prefix}C{at}", "tier": "ABC"[at % 3], "segment": rng.choice(["retail", "web"])}
            for at in range(max(orders // 4, 3))
        ],
        "warehouses": [
            {"warehouse_id": "W-Hamburg", "capacity_units": 10 * orders, "handling_cost_per_unit": Decimal("0.2")},
            {"warehouse_id": "W-Lyon", "capacity_units": 8 * orders, "capacity_lines": 9 * orders},
            {"warehouse_id": "W-Milano", "fixed_open_cost": 50},
        ],
        "stock": [
            {"warehouse_id": w, "product_id": p, "on_hand_qty": rng.randint(0, orders // 2), "safety_stock_qty": 1}
            for w in houses for p in products
        ],
        "lanes": [
            {"warehouse_id": w, "zone_id": z, "fixed_cost": Decimal(rng.randint(200, 900)) / 100,
             "cost_per_kg": Decimal("0.15"), "transit_days": rng.randint(1, 4)} for w in houses for z in zones
        ],
        "contracts": [
            {"contract_id": "K-1", "tier": "A", "min_fill_rate": Decimal("0.9"), "shortfall_penalty": 3},
            {"contract_id": "K-2", "segment": "web", "product_id": products[0], "min_qty": 10, "shortfall_penalty": 5},
            {"contract_id": "K-3", "channel": "store", "max_qty": 100_000, "min_qty": 1},
        ],
        "orders": [
            {"order_id": f"{prefix}{10_000 + at}", "customer_id": f"{prefix}C{rng.randrange(max(orders // 4, 3))}",
             "zone_id": rng.choice(zones), "channel": rng.choice(["web", "store", "enterprise"]),
             "due_date": "2026-11-24", "hold": "credit" if rng.random() < 0.05 else None} for at in range(orders)
        ],
    }  # fmt: skip
    made["order_lines"] = [
        {"order_id": order["order_id"], "line_id": line, "product_id": rng.choice(products), "qty": rng.randint(1, 12),
         "unit_price": Decimal(rng.randint(2000, 40000)) / 100}
        for order in made["orders"] for line in range(1, rng.randint(1, 3) + 1)
    ]  # fmt: skip
    return make_tables(scenario, **made)


def greedy(tables: Tables) -> Plan:
    """First come, first served, from the first warehouse that has stock."""
    left = {
        (int(w), int(p)): int(units)
        for w, p, units in zip(tables.stock_warehouse, tables.stock_product, atp(tables), strict=True)
    }
    lanes: dict[int, list[int]] = {}
    for lane, zone in enumerate(tables.lane_zone.tolist()):
        lanes.setdefault(zone, []).append(lane)
    rows: list[tuple[int, int, int]] = []
    for line, order in enumerate(tables.line_order.tolist()):
        wanted = int(tables.order_lines["qty"][line])
        if tables.orders["hold"][order]:
            continue
        for lane in lanes[int(tables.order_zone[order])]:
            place = (int(tables.lane_warehouse[lane]), int(tables.line_product[line]))
            units = min(wanted, left.get(place, 0))
            if units:
                left[place] -= units
                wanted -= units
                rows.append((line, lane, units))
    table = np.array(rows, dtype=np.int64).reshape(-1, 3)
    return Plan.of(table[:, 0], table[:, 1], table[:, 2])


def shorts(tables: Tables, plan: Plan, text: str = "") -> Table:
    """Every short line, with explanations about as long as real ones."""
    got = np.zeros(len(tables.order_lines), dtype=np.int64)
    np.add.at(got, plan.line, plan.qty)
    at = np.flatnonzero(got < tables.order_lines["qty"])
    rng = random.Random(7)
    keys = [
        f"{order}/{line}"
        for order, line in zip(tables.order_lines["order_id"], tables.order_lines["line_id"], strict=True)
    ]

    def takers() -> str:
        return ", ".join(rng.choice(keys) for _ in range(10)) + f" and {rng.randint(1, 90)} more"

    return Table(
        "shorts",
        {
            "order_id": tables.order_lines["order_id"][at],
            "line_id": tables.order_lines["line_id"][at],
            "product_id": tables.order_lines["product_id"][at],
            "ordered_qty": tables.order_lines["qty"][at],
            "allocated_qty": got[at],
            "short_qty": tables.order_lines["qty"][at] - got[at],
            "reason": _texts(rng.choice(REASONS) for _ in at),
            "detail": _texts(
                f"{text}all {rng.randint(1, 99)} available units at W-Lyon went to orders worth at least "
                f"{rng.randint(100, 9999) / 100} more per unit" for _ in at
            ),
            "taken_by": _texts(text + takers() for _ in at),
            "least_change": _texts(
                f"{text}{rng.randint(1, 9)} more units at W-Hamburg would fill it, worth {rng.randint(1, 999)} EUR"
                for _ in at
            ),
        },
    )  # fmt: skip


def _texts(values: Any) -> np.ndarray:
    found = list(values)
    made = np.empty(len(found), dtype=object)
    made[:] = found
    return made


def shadow_prices(tables: Tables) -> Table:
    """A price for every stock row and for two other limits; some not re-solved, some blank keys."""
    rng = random.Random(3)
    stock = len(tables.stock)
    size = stock + 3
    blank = [""] * 3
    prices = [Decimal(max(rng.randint(-600, 900), 0)) / 100 for _ in range(stock)] + [
        Decimal("1.25"), Decimal("-3.5"), Decimal("-0.125")]  # fmt: skip
    resolved = np.array([at % 5 != 4 for at in range(size)])
    dear = np.array([price != 0 for price in prices])
    gains = [price * Decimal("0.8") for price in prices]
    losses = [price * Decimal("1.1") for price in prices]
    return Table(
        "shadow_prices",
        {
            "family": _texts(
                ["warehouse_stock"] * stock + ["warehouse_capacity_lines", "contract_minimum", "service_floor"]
            ),
            "warehouse_id": _texts([*tables.stock["warehouse_id"], "W-Lyon", "", ""]),
            "product_id": _texts([*tables.stock["product_id"], *blank]),
            "zone_id": _texts([""] * size),
            "service_id": _texts([""] * size),
            "order_id": _texts([""] * size),
            "contract_id": _texts([""] * stock + ["", "K-1", ""]),
            "scope": _texts([""] * stock + ["", "", "tier.A"]),
            "date": _texts(["2026-11-20"] * stock + blank),
            "unit": _texts(["units"] * stock + ["lines", "units", "weighted units"]),
            "rhs": Exact.of([*atp(tables).tolist(), 480, 55, Decimal("99.5")]),
            "used": Exact.of([*atp(tables).tolist(), 480, 55, Decimal("99.5")]),
            "slack": Exact.zeros(size),
            "price": Exact.of(prices),
            "price_basis": _texts(["lp_relaxation"] * size),
            "gain_plus_one": Exact.of(gains),
            "loss_minus_one": Exact.of(losses),
            "value_basis": _texts("fixed_shipments" if flag else "" for flag in resolved),
            "verified": _texts("yes" if flag else "no" for flag in resolved),
            "valid_from": Exact.zeros(size),
            "valid_to": Exact.of([9] * size),
        },
        filled={"gain_plus_one": resolved, "loss_minus_one": resolved, "valid_from": dear, "valid_to": dear},
    )
