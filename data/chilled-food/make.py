"""Make the tables of the chilled food wholesaler. Invented and seeded: ``python data/chilled-food/make.py [OUT]``."""

from __future__ import annotations

import math
import random
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

HERE = Path(__file__).parent
SEED = 20261120
AS_OF = date(2026, 11, 20)  # a Friday
Row = dict[str, Any]

WAREHOUSES = {"NORD": (53.6, 10.0, "0.12"), "MITTE": (50.1, 8.7, "0.10"), "SUED": (48.1, 11.6, "0.11")}
ZONES = {"HAMBURG": (53.6, 10.0), "BERLIN": (52.5, 13.4), "RUHR": (51.5, 7.2), "RHEIN-MAIN": (50.1, 8.7),
         "STUTTGART": (48.8, 9.2), "MUENCHEN": (48.1, 11.6)}  # fmt: skip
PRODUCTS = {  # family, unit cost, kg, m3, case pack, share of the demand in stock
    "BUTTER": ("DAIRY", "1.60", "0.25", "0.0004", 10, 1.10),
    "YOGURT": ("DAIRY", "0.55", "0.50", "0.0007", 6, 0.75),
    "BRIE": ("CHEESE", "2.80", "0.20", "0.0006", 1, 0.70),
    "GOUDA": ("CHEESE", "3.10", "0.45", "0.0006", 1, 0.95),
    "HAM": ("DELI", "2.40", "0.20", "0.0005", 1, 0.65),
    "SALMON": ("DELI", "4.90", "0.20", "0.0006", 1, 0.60),
    "ORANGE": ("JUICE", "1.20", "1.00", "0.0011", 1, 0.90),
    "SALAD": ("FRESH", "0.90", "0.15", "0.0030", 4, 0.80),
}
ON_THE_TRUCK = ("CHAIN-1/001", "BISTRO-1/013")  # frozen in orders_frozen.csv
BOX = "BRUNCH-BOX"
RECIPE = {"BRIE": 1, "HAM": 2, "ORANGE": 1}
CUSTOMERS = {  # tier, segment, days of life that must be left on arrival, credit limit, mark-up
    **{f"CHAIN-{number}": ("A", "retail", 7, None, 1.30) for number in range(1, 5)},
    **{f"BISTRO-{number}": ("B", "restaurant", 2, 700, 1.70) for number in range(1, 9)},
    **{f"OUTLET-{number}": ("C", "outlet", 0, None, 1.12) for number in range(1, 4)},
}
LIVES = (4, 12)  # days left on the older and on the newer lot
BANDS = ((0, 10, "2.50", "0.00"), (10, 50, "1.50", "0.10"), (50, 1000, "0.00", "0.13"))


def order_book(rng: random.Random) -> tuple[list[Row], list[Row]]:
    """Two or three orders a customer; lines in whole cases; restaurants buy boxes too."""
    orders: list[Row] = []
    lines: list[Row] = []
    for customer, (tier, segment, _, _, markup) in CUSTOMERS.items():
        zone = rng.choice(list(ZONES))
        for _ in range(3 if tier != "C" else 2):
            order_id = f"{customer}/{len(orders) + 1:03d}"
            due = AS_OF + timedelta(days=rng.randint(1, 5))
            orders.append(
                {
                    "order_id": order_id,
                    "customer_id": customer,
                    "zone_id": zone,
                    "channel": segment,
                    "order_date": AS_OF - timedelta(days=rng.randint(0, 2)),
                    "due_date": due,
                    "cancel_date": due + timedelta(days=3),
                    "priority": 2 if tier == "A" else 3,
                    "delivery_policy": "line_complete" if rng.random() < 0.15 else "partial",
                }
            )
            chosen = rng.sample(list(PRODUCTS), 3)
            if segment == "restaurant" and rng.random() < 0.5:
                chosen.append(BOX)
            for number, product in enumerate(chosen, start=1):
                lines.append(order_line(rng, order_id, number, product, tier, markup))
    return orders, lines


def order_line(rng: random.Random, order_id: str, number: int, product: str, tier: str, markup: float) -> Row:
    pack = 1 if product == BOX else PRODUCTS[product][4]
    low, high = {"A": (24, 90), "B": (6, 30), "C": (20, 60)}[tier]
    qty = max(pack, rng.randint(low, high) // pack * pack) if product != BOX else rng.randint(2, 8)
    cost = float(PRODUCTS[product][1]) if product != BOX else box_cost()
    return {
        "order_id": order_id,
        "line_id": number,
        "product_id": product,
        "qty": qty,
        "unit_price": f"{cost * markup + rng.uniform(0, 0.4):.2f}",
        "late_penalty_per_unit_day": {"A": "0.15", "B": "0.25", "C": "0.02"}[tier],
    }


def box_cost() -> float:
    return sum(float(PRODUCTS[product][1]) * count for product, count in RECIPE.items())


def demand_of(lines: list[Row]) -> dict[str, int]:
    """Units asked for of each product, those inside boxes with them."""
    total = dict.fromkeys(PRODUCTS, 0)
    for line in lines:
        parts = RECIPE if line["product_id"] == BOX else {line["product_id"]: 1}
        for product, count in parts.items():
            total[product] += count * line["qty"]
    return total


def stock_rows(rng: random.Random, demand: dict[str, int]) -> list[Row]:
    """An older and a newer lot of each product; the older one costs a write-off unless it moves now."""
    rows = []
    for product, (*_, pack, cover) in PRODUCTS.items():
        for warehouse, share in zip(WAREHOUSES, rng.sample((0.5, 0.3, 0.2), 3), strict=True):
            total = demand[product] * cover * share
            for age, life in enumerate(LIVES):
                days = life + rng.randint(0, 2)
                rows.append(
                    {
                        "warehouse_id": warehouse,
                        "product_id": product,
                        "lot_id": f"{product[:3]}-{warehouse[:1]}{age + 1}",
                        "on_hand_qty": math.ceil(total * (0.35 if age == 0 else 0.65) / pack) * pack,
                        "safety_stock_qty": 2 if age else 0,
                        "expiry_date": AS_OF + timedelta(days=days),
                        "holding_value_per_unit": "0.20" if age == 0 else None,
                    }
                )
    return rows


def inbound_rows(demand: dict[str, int]) -> list[Row]:
    """What the dairies bring on Monday and on Wednesday."""
    plan = {"YOGURT": (3, "MITTE"), "HAM": (3, "SUED"), "SALMON": (5, "NORD"), "BRIE": (5, "MITTE")}
    return [
        {
            "receipt_id": f"PO-{number}",
            "warehouse_id": warehouse,
            "product_id": product,
            "qty": max(6, demand[product] // 6 // 6 * 6),
            "available_date": AS_OF + timedelta(days=days),
        }
        for number, (product, (days, warehouse)) in enumerate(plan.items(), start=1)
    ]


def lane_rows() -> list[Row]:
    rows = []
    for warehouse, (lat, lon, _) in WAREHOUSES.items():
        for zone, (zone_lat, zone_lon) in ZONES.items():
            km = 111 * math.hypot(lat - zone_lat, (lon - zone_lon) * math.cos(math.radians(lat)))
            rows.append(
                {
                    "warehouse_id": warehouse,
                    "zone_id": zone,
                    "service_id": "chilled",
                    "fixed_cost": f"{1 + km * 0.002:.2f}",
                    "cost_per_kg": f"{0.05 + km * 0.0003:.4f}",
                    "transit_days": 1 if km < 350 else 2,
                    "kg_per_m3": 250,
                }
            )
    return rows


def band_rows(lanes: list[Row]) -> list[Row]:
    """A parcel, pallet and truck rate on every lane, in place of the lane's own costs; dearer with the distance."""
    return [
        {
            "warehouse_id": lane["warehouse_id"],
            "zone_id": lane["zone_id"],
            "service_id": lane["service_id"],
            "rate_id": f"from-{low}",
            "from_kg": low,
            "to_kg": high,
            "flat_cost": flat,
            "cost_per_kg": f"{float(per_kg) + float(lane['cost_per_kg']) / 2:.4f}",
            "min_charge": f"{float(lane['fixed_cost']):.2f}",
        }
        for lane in lanes
        for low, high, flat, per_kg in BANDS
    ]


def rule_tables(demand: dict[str, int]) -> dict[str, pd.DataFrame]:
    """A small table for each policy; a scenario of its own switches each of them on."""
    sunday = AS_OF + timedelta(days=2)
    return {
        "calendar": pd.DataFrame(
            [{"warehouse_id": name, "date": sunday, "is_working": "false"} for name in WAREHOUSES]
            + [{"warehouse_id": "MITTE", "date": AS_OF, "is_working": "true", "capacity_lines": 12}]
        ).astype({"capacity_lines": "Int64"}),
        "substitutions": pd.DataFrame(
            [
                {"product_id": "BRIE", "substitute_id": "GOUDA", "ratio": "0.5", "penalty_per_unit": "0.30"},
                {"product_id": "SALMON", "substitute_id": "HAM", "ratio": "2", "penalty_per_unit": "0.80"},
            ]
        ),
        "kits": pd.DataFrame(
            [{"product_id": BOX, "component_id": name, "qty": count} for name, count in RECIPE.items()]
        ),
        "transfers": pd.DataFrame(
            [
                {"from_warehouse_id": start, "to_warehouse_id": end, "cost_per_unit": "0.04", "cost_per_kg": "0.02",
                 "fixed_cost": "18.00", "transit_days": 1, "capacity_units": 150}
                for start, end in (("SUED", "MITTE"), ("NORD", "MITTE"), ("MITTE", "SUED"))
            ]
        ),
        "reserves": pd.DataFrame(
            [
                {"reserve_id": "HAM-CHAINS", "tier": "A", "product_id": "HAM", "qty": demand["HAM"] // 4, "rank": 1},
                {"reserve_id": "HAM-BISTROS", "tier": "B", "product_id": "HAM", "qty": demand["HAM"] // 3, "rank": 2},
                {"reserve_id": "SALMON-BISTROS", "segment": "restaurant", "warehouse_id": "MITTE",
                 "product_id": "SALMON", "qty": 15, "rank": 1},
            ]
        ),
        "fair_share": pd.DataFrame(
            [
                {"group_id": "HAM", "product_id": "HAM", "between": "tier", "rule": "max_min", "tolerance": 1},
                {"group_id": "SALMON", "product_id": "SALMON", "between": "customer", "rule": "proportional",
                 "tolerance": 3},
            ]
        ),
        "budgets": pd.DataFrame(
            [
                {"budget_id": "FREIGHT-CHAINS", "kind": "shipping_cost", "tier": "A", "limit": 260},
                {"budget_id": "CHEESE-OUT", "kind": "stock_value", "family": "CHEESE", "limit": 1500},
            ]
        ),
    }  # fmt: skip


def history_rows(rng: random.Random, demand: dict[str, int]) -> list[Row]:
    """Eight ordinary Fridays; salmon was never asked for as much as now."""
    return [
        {
            "date": AS_OF - timedelta(days=7 * week),
            "product_id": product,
            "qty": round(units * rng.uniform(0.9, 1.1) * (0.4 if product == "SALMON" else 1)),
        }
        for week in range(8, 0, -1)
        for product, units in demand.items()
    ]


def tables() -> dict[str, pd.DataFrame]:
    rng = random.Random(SEED)
    orders, lines = order_book(rng)
    demand = demand_of(lines)
    lanes = lane_rows()
    product_rows = [
        {"product_id": name, "family": family, "unit_cost": cost, "unit_weight_kg": kg, "unit_volume_m3": m3,
         "case_pack": pack, "order_cost": "25.00", "holding_cost_per_unit_year": f"{float(cost) * 0.3:.2f}"}
        for name, (family, cost, kg, m3, pack, _) in PRODUCTS.items()
    ]  # fmt: skip
    box = {"product_id": BOX, "family": "BOX", "unit_cost": f"{box_cost():.2f}", "unit_weight_kg": "1.60",
           "unit_volume_m3": "0.0027", "case_pack": 1}  # fmt: skip
    return {
        "orders": pd.DataFrame(orders),
        "orders_frozen": pd.DataFrame(
            [{**order, "frozen": str(order["order_id"] in ON_THE_TRUCK).lower()} for order in orders]
        ),
        "order_lines": pd.DataFrame(lines),
        "products": pd.DataFrame([*product_rows, box]).astype({"case_pack": "Int64"}),
        "customers": pd.DataFrame(
            [
                {
                    "customer_id": name,
                    "tier": tier,
                    "segment": segment,
                    "min_remaining_life_days": life,
                    "credit_limit": credit,
                }
                for name, (tier, segment, life, credit, _) in CUSTOMERS.items()
            ]
        ).astype({"credit_limit": "Int64"}),
        "warehouses": pd.DataFrame(
            [(name, *facts) for name, facts in WAREHOUSES.items()],
            columns=["warehouse_id", "latitude", "longitude", "handling_cost_per_unit"],
        ),
        "stock": pd.DataFrame(stock_rows(rng, demand)),
        "lanes": pd.DataFrame(lanes),
        "rate_bands": pd.DataFrame(band_rows(lanes)),
        "inbound": pd.DataFrame(inbound_rows(demand)),
        "history": pd.DataFrame(history_rows(rng, demand)),
        **rule_tables(demand),
    }


def main(out: Path = HERE) -> None:
    for name, table in tables().items():
        table.to_csv(out / f"{name}.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
