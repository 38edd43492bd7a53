"""Make the tables of the promotion. Invented and seeded: ``python data/electronics-promotion/make.py [OUT]``.

The totals are the story and are fixed here; only their split over orders, zones and shops is drawn.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent
SEED = 20261123

PRODUCTS = {  # cost, weight, and the price that each channel pays
    "ARIA-MINI": {"cost": 31, "kg": "0.18", "online": 64, "retail": 46, "enterprise": 45},
    "ARIA-ONE": {"cost": 58, "kg": "0.35", "online": 99, "retail": 79, "enterprise": 76},
    "ARIA-PRO": {"cost": 96, "kg": "0.42", "online": 159, "retail": 128, "enterprise": 124},
}
DEMAND = {  # units asked for: 9,000 + 6,500 + 4,000 = 19,500
    "online": {"ARIA-MINI": 2700, "ARIA-ONE": 4000, "ARIA-PRO": 2300},
    "retail": {"ARIA-MINI": 1900, "ARIA-ONE": 3000, "ARIA-PRO": 1600},
    "enterprise": {"ARIA-MINI": 1100, "ARIA-ONE": 1900, "ARIA-PRO": 1000},
}
STOCK = {  # on hand, reserved, safety stock; what can be promised is 6,000 + 5,000 + 4,000 = 15,000
    ("HAM", "ARIA-MINI"): (1700, 60, 40), ("HAM", "ARIA-ONE"): (3000, 120, 80), ("HAM", "ARIA-PRO"): (1700, 60, 40),
    ("DUI", "ARIA-MINI"): (1580, 50, 30), ("DUI", "ARIA-ONE"): (2450, 90, 60), ("DUI", "ARIA-PRO"): (1270, 40, 30),
    ("NUE", "ARIA-MINI"): (1250, 30, 20), ("NUE", "ARIA-ONE"): (1900, 60, 40), ("NUE", "ARIA-PRO"): (1050, 30, 20),
}  # fmt: skip
ORDERS = {"online": 60, "retail": 30, "enterprise": 12}
LOT = {"online": 1, "retail": 1, "enterprise": 1}
ZONES = {  # share of the orders, and the distance in km from Hamburg, Duisburg, Nürnberg
    "DE-NORTH": (5, (60, 330, 540)),
    "DE-WEST": (6, (380, 50, 420)),
    "DE-EAST": (4, (290, 520, 380)),
    "DE-SOUTH": (5, (700, 560, 160)),
    "AT": (3, (980, 870, 430)),
    "CH": (2, (870, 600, 400)),
    "NL": (3, (470, 200, 620)),
    "DK": (2, (320, 650, 850)),
}
WAREHOUSES = ("HAM", "DUI", "NUE")
CUSTOMERS = {  # id, tier, and the discount on the channel's price in percent
    "online": [("WEBSHOP", "A", 0), ("MARKTPLATZ", "B", 3)],
    "retail": [("FILIAL-NORD", "A", 0), ("FILIAL-SUED", "B", 4), ("FACHHANDEL", "B", 0)],
    "enterprise": [("KLINIKVERBUND", "A", 5), ("STADTWERKE", "B", 0), ("SCHULTRAEGER", "B", 2)],
}


def split(rng: random.Random, total: int, parts: int) -> list[int]:
    """``total`` in ``parts`` uneven positive whole numbers."""
    weights = [rng.uniform(0.5, 1.5) for _ in range(parts)]
    shares = [1 + int((total - parts) * weight / sum(weights)) for weight in weights]
    for position in range(total - sum(shares)):
        shares[position % parts] += 1
    return shares


def order_tables(rng: random.Random) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One online order is a parcel wave: the web orders of one zone and cut-off, handed to the carrier together."""
    orders, lines = [], []
    zones = [zone for zone, (share, _) in ZONES.items() for _ in range(share)]
    for channel, count in ORDERS.items():
        quantities = {product: split(rng, total, count) for product, total in DEMAND[channel].items()}
        for number in range(count):
            order_id = f"{channel[:2].upper()}-{number + 1:03d}"
            customer, tier, discount = CUSTOMERS[channel][number % len(CUSTOMERS[channel])]
            level = {"online": "express" if number % 7 == 3 else "parcel"}.get(channel, "pallet")
            orders.append(
                {
                    "order_id": order_id,
                    "customer_id": customer,
                    "zone_id": zones[rng.randrange(len(zones))],
                    "channel": channel,
                    "order_date": f"2026-11-{rng.randrange(16, 24)}",
                    "due_date": "2026-11-27" if level == "pallet" else "2026-11-25",
                    "priority": 2 if tier == "A" else 3,
                    "max_shipments": {"online": None, "retail": 1, "enterprise": 2}[channel],
                    "service_level": level,
                }
            )
            for line, (product, parts) in enumerate(quantities.items(), start=1):
                price = f"{PRODUCTS[product][channel] * (100 - discount) / 100:.2f}"
                lines.append(
                    {
                        "order_id": order_id,
                        "line_id": line,
                        "product_id": product,
                        "qty": parts[number],
                        "unit_price": price,
                    }
                )
    return pd.DataFrame(orders).astype({"max_shipments": "Int64"}), pd.DataFrame(lines)


def lane_table() -> pd.DataFrame:
    """Parcels cost by the piece, pallets by shipment and kg; express only where the truck arrives overnight."""
    rows = []
    for place, warehouse in enumerate(WAREHOUSES):
        for zone, (_, distances) in ZONES.items():
            km = distances[place]
            rows.append(
                {
                    "warehouse_id": warehouse,
                    "zone_id": zone,
                    "service_id": "pallet",
                    "service_level": "pallet",
                    "fixed_cost": f"{30 + km * 0.05:.2f}",
                    "cost_per_kg": f"{0.08 + km * 0.0004:.4f}",
                    "transit_days": 2 if km < 500 else 3,
                }
            )
            rows.append(
                {
                    "warehouse_id": warehouse,
                    "zone_id": zone,
                    "service_id": "parcel",
                    "service_level": "parcel",
                    "cost_per_unit": f"{2.6 + km * 0.0025:.2f}",
                    "transit_days": 1 if km < 350 else 2,
                }
            )
            if km <= 400:
                rows.append(
                    {
                        "warehouse_id": warehouse,
                        "zone_id": zone,
                        "service_id": "express",
                        "service_level": "express",
                        "cost_per_unit": f"{4.9 + km * 0.004:.2f}",
                        "transit_days": 1,
                        "capacity_units": 140,
                    }
                )
    return pd.DataFrame(rows).astype({"capacity_units": "Int64"})


def tables() -> dict[str, pd.DataFrame]:
    orders, lines = order_tables(random.Random(SEED))
    return {
        "orders": orders,
        "order_lines": lines,
        "products": pd.DataFrame(
            [
                {"product_id": name, "family": "ARIA", "unit_cost": facts["cost"], "unit_weight_kg": facts["kg"]}
                for name, facts in PRODUCTS.items()
            ]
        ),
        "customers": pd.DataFrame(
            [
                {"customer_id": name, "tier": tier, "segment": channel}
                for channel, members in CUSTOMERS.items()
                for name, tier, _ in members
            ]
        ),
        "warehouses": pd.DataFrame(
            {
                "warehouse_id": WAREHOUSES,
                "latitude": ["53.55", "51.43", "49.45"],
                "longitude": ["9.99", "6.76", "11.08"],
                "capacity_units": [6500, 5500, 4500],
                "handling_cost_per_unit": ["0.45", "0.40", "0.50"],
            }
        ),
        "stock": pd.DataFrame(
            [
                {
                    "warehouse_id": warehouse,
                    "product_id": product,
                    "on_hand_qty": on_hand,
                    "reserved_qty": reserved,
                    "safety_stock_qty": safety,
                }
                for (warehouse, product), (on_hand, reserved, safety) in STOCK.items()
            ]
        ),
        "lanes": lane_table(),
        "contracts": pd.DataFrame(
            [
                {"contract_id": "RETAIL-MIN", "channel": "retail", "family": "ARIA", "min_qty": 5000},
                {"contract_id": "ENTERPRISE-MIN", "channel": "enterprise", "family": "ARIA", "min_qty": 3000},
                {"contract_id": "KLINIK-90", "customer_id": "KLINIKVERBUND", "family": "ARIA", "min_fill_rate": "0.9"},
                {
                    "contract_id": "MARKTPLATZ-PRO",
                    "customer_id": "MARKTPLATZ",
                    "product_id": "ARIA-PRO",
                    "max_qty": 400,
                },
                {
                    "contract_id": "FILIAL-SUED-85",
                    "customer_id": "FILIAL-SUED",
                    "family": "ARIA",
                    "min_fill_rate": "0.85",
                    "shortfall_penalty": "2.50",
                },
            ]
        ).astype({"min_qty": "Int64", "max_qty": "Int64"}),
    }


def main(out: Path = HERE) -> None:
    for name, table in tables().items():
        table.to_csv(out / f"{name}.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
