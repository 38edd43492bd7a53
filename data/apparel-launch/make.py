"""Make the tables of the apparel launch. Invented and seeded: ``python data/apparel-launch/make.py [OUT]``."""

from __future__ import annotations

import random
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

HERE = Path(__file__).parent
SEED = 20260903
AS_OF = date(2026, 9, 3)
Row = dict[str, Any]

STYLES = {  # family, cost, web price, store margin per unit, weight, demand weight, sizes
    "RUNNER-ECRU": ("SNEAKER", 41, 129, "30.00", "0.95", 5, ("38", "40", "42", "44")),
    "RUNNER-NIGHT": ("SNEAKER", 41, 129, "30.00", "0.95", 3, ("38", "40", "42", "44")),
    "COURT-WHITE": ("SNEAKER", 33, 99, "22.00", "0.85", 2, ("38", "40", "42", "44")),
    "PARKA-STORM": ("OUTERWEAR", 88, 279, "74.00", "1.60", 4, ("S", "M", "L", "XL")),
    "SHELL-LIGHT": ("OUTERWEAR", 52, 169, "42.00", "0.70", 2, ("S", "M", "L", "XL")),
    "KNIT-RIB": ("KNIT", 19, 69, "17.00", "0.45", 3, ("S", "M", "L")),
    "BEANIE": ("KNIT", 6, 29, "8.00", "0.12", 2, ("ONE",)),
}
ZONES = {"LONDON": 9, "SOUTH": 5, "MIDLANDS": 5, "NORTH-WEST": 6, "NORTH-EAST": 3, "SCOTLAND": 4, "WALES": 2, "NI": 1}
HUBS = {"HUB-LON": "LONDON", "HUB-MAN": "NORTH-WEST", "POPUP-EDI": "SCOTLAND"}  # warehouse: zone it serves the same day
WEB_ORDERS = 320
TIERS = (("GOLD", 2), ("SILVER", 3), ("MEMBER", 5))
STORES = 18
SIZE_CURVE = {"38": 2, "40": 4, "42": 4, "44": 2, "S": 2, "M": 4, "L": 4, "XL": 2, "ONE": 1}
COVER = {"SNEAKER": 0.72, "OUTERWEAR": 0.85, "KNIT": 1.15}  # stock over demand
DC_SHARE = 0.68


def weighted(rng: random.Random, weights: dict[str, int]) -> str:
    return rng.choices(list(weights), list(weights.values()))[0]


def sku(style: str, size: str) -> str:
    return f"{style}-{size}"


def pick_service(rng: random.Random, tier: str, zone: str) -> str:
    """What the shopper paid for: the service level of the order; blank means whatever is cheapest."""
    if tier == "GOLD" and zone in HUBS.values() and rng.random() < 0.55:
        return "same-day"
    if rng.random() < {"GOLD": 0.6, "SILVER": 0.35, "MEMBER": 0.12}[tier]:
        return "next-day"
    return ""


def web_orders(rng: random.Random) -> tuple[list[Row], list[Row], list[Row]]:
    orders, lines, customers = [], [], []
    demand = {style: facts[5] for style, facts in STYLES.items()}
    for number in range(1, WEB_ORDERS + 1):
        tier = weighted(rng, dict(TIERS))
        zone = weighted(rng, ZONES)
        level = pick_service(rng, tier, zone)
        order_id, customer = f"WEB-{number:04d}", f"SHOPPER-{number:04d}"
        customers.append({"customer_id": customer, "tier": tier, "segment": "web"})
        count = rng.choice([1, 1, 1, 2, 2, 3])
        orders.append(
            {
                "order_id": order_id,
                "customer_id": customer,
                "zone_id": zone,
                "channel": "web",
                "order_date": AS_OF - timedelta(days=rng.choice([0, 0, 0, 1])),
                "due_date": AS_OF + timedelta(days={"same-day": 0, "next-day": 1}.get(level, 4)),
                "priority": {"same-day": 1, "next-day": 2}.get(level, 3),
                "delivery_policy": "order_complete" if count > 1 and rng.random() < 0.4 else "partial",
                "max_shipments": 2 if tier == "GOLD" else 1,
                "service_level": level,
            }
        )
        styles: list[str] = []
        while len(styles) < count:
            style = weighted(rng, demand)
            if style not in styles:
                styles.append(style)
        for line, style in enumerate(styles, start=1):
            family, _, price, *_, sizes = STYLES[style]
            size = weighted(rng, {size: SIZE_CURVE[size] for size in sizes})
            lines.append(
                {
                    "order_id": order_id,
                    "line_id": line,
                    "product_id": sku(style, size),
                    "qty": 2 if family == "KNIT" and rng.random() < 0.3 else 1,
                    "unit_price": f"{price * (0.9 if tier == 'GOLD' else 1):.2f}",
                }
            )
    return orders, lines, customers


def store_orders(rng: random.Random) -> tuple[list[Row], list[Row], list[Row]]:
    """The launch assortment of each store: a size run per style, in packs of four, nothing below two packs."""
    orders, lines, customers = [], [], []
    for number in range(1, STORES + 1):
        order_id, customer = f"STORE-{number:02d}", f"SHOP-{number:02d}"
        flagship = number <= 4
        customers.append(
            {"customer_id": customer, "tier": "FLAGSHIP" if flagship else "HIGH-STREET", "segment": "store"}
        )
        orders.append(
            {
                "order_id": order_id,
                "customer_id": customer,
                "zone_id": weighted(rng, ZONES),
                "channel": "store",
                "order_date": AS_OF - timedelta(days=7),
                "due_date": AS_OF + timedelta(days=2),
                "priority": 2 if flagship else 3,
                "delivery_policy": "line_complete" if flagship else "partial",
                "max_shipments": 1,
                "service_level": "van",
            }
        )
        line = 0
        for style in rng.sample(list(STYLES), 5 if flagship else 3):
            _, cost, _, margin, *_, sizes = STYLES[style]
            for size in sizes:
                line += 1
                lines.append(
                    {
                        "order_id": order_id,
                        "line_id": line,
                        "product_id": sku(style, size),
                        "qty": 4 * rng.choice([2, 3, 4] if SIZE_CURVE[size] > 2 else [2, 2, 3]),
                        "unit_price": f"{cost + float(margin):.2f}",
                        "unit_margin": margin,
                        "lot_multiple": 4,
                        "min_fill_qty": 8,
                    }
                )
    return orders, lines, customers


def stock_rows(rng: random.Random, lines: list[Row]) -> list[Row]:
    """The centre holds two thirds; the same-day hubs share the rest of what the web sells."""
    demand: dict[str, int] = {}
    for line in lines:
        demand[line["product_id"]] = demand.get(line["product_id"], 0) + line["qty"]
    rows = []
    for style, (family, *_, sizes) in STYLES.items():
        for size in sizes:
            product = sku(style, size)
            total = round(demand.get(product, 4) * COVER[family] * rng.uniform(0.8, 1.2))
            centre = round(total * DC_SHARE / 4) * 4
            shares = {
                "DC-DAV": centre,
                "HUB-LON": round((total - centre) * 0.5),
                "HUB-MAN": round((total - centre) * 0.3),
            }
            shares["POPUP-EDI"] = max(0, total - sum(shares.values()))
            for warehouse, qty in shares.items():
                safety = 2 if warehouse == "DC-DAV" else None
                rows.append(
                    {
                        "warehouse_id": warehouse,
                        "product_id": product,
                        "on_hand_qty": qty + (safety or 0),
                        "safety_stock_qty": safety,
                    }
                )
    return rows


def lane_rows() -> list[Row]:
    def lane(warehouse: str, zone: str, service: str, fixed: str, per_kg: str, days: int) -> Row:
        return {
            "warehouse_id": warehouse,
            "zone_id": zone,
            "service_id": service,
            "service_level": service,
            "fixed_cost": fixed,
            "cost_per_kg": per_kg,
            "transit_days": days,
        }

    rows = []
    for zone in ZONES:
        far = zone in ("SCOTLAND", "NI")
        rows.append(lane("DC-DAV", zone, "parcel", "3.90" if far else "2.95", "0.25", 3 if far else 2))
        rows.append(lane("DC-DAV", zone, "van", "85.00" if far else "48.00", "0.18", 2 if far else 1))
        if zone != "NI":
            rows.append(lane("DC-DAV", zone, "next-day", "6.40" if far else "5.20", "0.40", 1))
    for hub, home in HUBS.items():
        for zone in ZONES:
            if zone == home:
                rows.append(lane(hub, zone, "same-day", "7.50", "0.60", 0))
            if zone != "NI":
                rows.append(lane(hub, zone, "next-day", "4.60" if zone == home else "6.90", "0.45", 1))
    return rows


def tables() -> dict[str, pd.DataFrame]:
    rng = random.Random(SEED)
    web, store = web_orders(rng), store_orders(rng)
    orders, lines, customers = ([*left, *right] for left, right in zip(web, store, strict=True))
    return {
        "orders": pd.DataFrame(orders),
        "order_lines": pd.DataFrame(lines).astype({"lot_multiple": "Int64", "min_fill_qty": "Int64"}),
        "products": pd.DataFrame(
            [
                {"product_id": sku(style, size), "family": family, "unit_cost": cost, "unit_weight_kg": weight}
                for style, (family, cost, _, _, weight, _, sizes) in STYLES.items()
                for size in sizes
            ]
        ),
        "customers": pd.DataFrame(customers),
        "warehouses": pd.DataFrame(
            [
                ("DC-DAV", "52.26", "-1.16", 1900, 330, None, "0.35", None),
                ("HUB-LON", "51.53", "-0.07", 220, None, 60, "0.90", None),
                ("HUB-MAN", "53.48", "-2.24", 140, None, 34, "0.80", None),
                ("POPUP-EDI", "55.95", "-3.19", 90, None, 22, "1.10", "380.00"),
            ],
            columns=["warehouse_id", "latitude", "longitude", "capacity_units", "capacity_lines", "capacity_shipments",
                     "handling_cost_per_unit", "fixed_open_cost"],
        ).astype({"capacity_lines": "Int64", "capacity_shipments": "Int64"}),
        "stock": pd.DataFrame(stock_rows(rng, lines)).astype({"safety_stock_qty": "Int64"}),
        "lanes": pd.DataFrame(lane_rows()),
        "contracts": pd.DataFrame(
            [
                {"contract_id": "FLAGSHIP-SNEAKER", "tier": "FLAGSHIP", "family": "SNEAKER", "min_fill_rate": "0.95"},
                {"contract_id": "WEB-PARKA-QUOTA", "channel": "web", "product_id": "PARKA-STORM-M", "max_qty": 18},
            ]
        ).astype({"max_qty": "Int64"}),
    }  # fmt: skip


def main(out: Path = HERE) -> None:
    for name, table in tables().items():
        table.to_csv(out / f"{name}.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
