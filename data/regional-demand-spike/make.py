"""Make the tables of the demand spike. Invented and seeded: ``python data/regional-demand-spike/make.py [OUT]``."""

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
AS_OF = date(2026, 11, 20)
Row = dict[str, Any]

WAREHOUSES = {  # latitude, longitude, units (and lines, at POZ) that a shift can pick, handling cost
    "ROT": (51.92, 4.48, 2200, None, "0.80"),
    "LYS": (45.76, 4.84, 1900, None, "0.70"),
    "POZ": (52.41, 16.93, 1600, 135, "0.55"),
}
ZONES = {  # latitude, longitude; the cold comes from the north east
    "SCANDINAVIA": (59.3, 18.1), "BALTICS": (56.9, 24.1), "POLAND": (52.2, 21.0), "GERMANY-N": (53.1, 10.0),
    "GERMANY-S": (48.8, 10.5), "BENELUX": (51.0, 4.6), "FRANCE-N": (49.0, 2.5), "FRANCE-S": (44.0, 4.0),
    "ALPS": (46.9, 9.5), "IBERIA": (40.4, -3.7), "ITALY": (44.5, 10.5), "CZECHIA": (49.8, 15.5),
}  # fmt: skip
COLD = ("SCANDINAVIA", "BALTICS", "POLAND", "GERMANY-N", "CZECHIA")
ISLAND = "ICELAND"  # orders come in, but no carrier serves it this week: no lane
EXPRESS = {
    "ROT": ("BENELUX", "GERMANY-N", "FRANCE-N"),
    "LYS": ("FRANCE-S", "ALPS", "FRANCE-N"),
    "POZ": ("POLAND", "GERMANY-N", "CZECHIA", "BALTICS"),
}
FAMILIES = {  # number of products, cheapest and dearest unit cost, weight, share of the demand in stock
    "HEATER": (6, 38, 190, (3.5, 11.0), 0.62),
    "DEHUMIDIFIER": (5, 55, 160, (6.0, 12.0), 1.15),
    "THERMOSTAT": (6, 12, 60, (0.2, 0.6), 1.30),
    "ACCESSORY": (7, 2, 14, (0.1, 0.9), 1.40),
}
STOCK_SHARE = {"HEATER": (0.45, 0.30, 0.25), "other": (0.40, 0.33, 0.27)}  # ROT, LYS, POZ
MARGIN = {"strategic": 1.34, "dealer": 1.42, "web": 1.68}  # price over cost
STRATEGIC = ("NORDVARME", "BAUHOF", "THERMOPOL", "ALPINA", "MAISONCLIM", "HOTELGROUP", "CASACALDA", "DEFENSAS")
HELD_DEALERS = ("D-04", "D-09", "D-13", "D-17", "D-22")
WEB_ORDERS_A_DAY = (7, 14, 28, 56, 112)  # doubling: the last five days
DEALERS = 24
LATE_PENALTY = {"strategic": "0.90", "dealer": "0.40", "web": "0.60"}  # money per unit and day
PATIENCE = 2  # days after its due date that a web order is cancelled
RECEIPTS = {  # heaters on the road: the carrier lost two to three days in the snow
    "RCV-POZ-1": ("POZ", "HEA-01", 60, 3), "RCV-POZ-2": ("POZ", "HEA-03", 90, 3),
    "RCV-ROT-1": ("ROT", "HEA-02", 80, 4), "RCV-ROT-2": ("ROT", "HEA-05", 50, 4),
}  # fmt: skip


def products(rng: random.Random) -> list[Row]:
    rows = []
    for family, (count, low, high, (light, heavy), _) in FAMILIES.items():
        for number in range(count):
            share = number / (count - 1)
            rows.append(
                {
                    "product_id": f"{family[:3]}-{number + 1:02d}",
                    "family": family,
                    "unit_cost": f"{low + (high - low) * share + rng.uniform(0, 3):.2f}",
                    "unit_weight_kg": f"{light + (heavy - light) * share:.2f}",
                }
            )
    return rows


class Book:
    """The order book while it is being drawn."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.products = products(rng)
        self.orders: list[Row] = []
        self.lines: list[Row] = []
        self.customers: list[Row] = []

    def customer(self, name: str, tier: str, segment: str) -> None:
        self.customers.append({"customer_id": name, "tier": tier, "segment": segment})

    def order(self, prefix: str, customer: str, zone: str, channel: str, day: date, **facts: Any) -> str:
        order_id = f"{prefix}-{len(self.orders) + 1:04d}"
        self.orders.append(
            {
                "order_id": order_id,
                "customer_id": customer,
                "zone_id": zone,
                "channel": channel,
                "order_date": day,
                **facts,
            }
        )
        return order_id

    def fill(self, order_id: str, channel: str, count: int, heater_share: float, quantities: dict[str, tuple[int, int]],
             lot: dict[str, int], min_share: float = 0.0) -> None:  # fmt: skip
        """``count`` different products; heaters with the given chance; quantities and lots by family."""
        chosen: list[Row] = []
        while len(chosen) < count:
            heater = self.rng.random() < heater_share
            product = self.rng.choice([row for row in self.products if (row["family"] == "HEATER") == heater])
            if product not in chosen:
                chosen.append(product)
        for number, product in enumerate(chosen, start=1):
            low, high = quantities.get(product["family"], quantities["other"])
            step = lot.get(product["family"], 1)
            qty = max(step, self.rng.randint(low, high) // step * step)
            self.lines.append(
                {
                    "order_id": order_id,
                    "line_id": number,
                    "product_id": product["product_id"],
                    "qty": qty,
                    "unit_price": f"{float(product['unit_cost']) * MARGIN[channel] + self.rng.uniform(0, 1):.2f}",
                    "lot_multiple": step if step > 1 else None,
                    "min_fill_qty": math.ceil(qty * min_share) if min_share and qty > 4 else None,
                    "late_penalty_per_unit_day": LATE_PENALTY[channel],
                }
            )


def draw() -> Book:
    book = Book(random.Random(SEED))
    rng = book.rng
    warm = [zone for zone in ZONES if zone not in COLD]
    for place, name in enumerate(STRATEGIC):
        book.customer(name, "A", "strategic")
        for _ in range(3):
            zone = rng.choice(COLD if place < 4 else warm)
            order_id = book.order(
                "S", name, zone, "strategic", AS_OF - timedelta(days=rng.randint(1, 9)),
                due_date=AS_OF + timedelta(days=rng.randint(2, 6)), priority=1,
                delivery_policy="line_complete" if rng.random() < 0.2 else "partial", max_shipments=2,
                hold="credit" if name == "DEFENSAS" else None,
            )  # fmt: skip
            book.fill(order_id, "strategic", rng.randint(3, 6), 0.6, {"HEATER": (15, 50), "other": (10, 60)},
                      {"HEATER": 5, "ACCESSORY": 10})  # fmt: skip
    for number in range(1, DEALERS + 1):
        name = f"D-{number:02d}"
        book.customer(name, "B", "dealer")
        zone = rng.choice(list(ZONES))
        for _ in range(2):
            order_id = book.order(
                "D", name, zone, "dealer", AS_OF - timedelta(days=rng.randint(1, 6)),
                due_date=AS_OF + timedelta(days=rng.randint(3, 8)), priority=3,
                delivery_policy=rng.choice(["partial", "partial", "line_complete", "order_complete"]), max_shipments=2,
                hold="credit" if name in HELD_DEALERS else None,
            )  # fmt: skip
            book.fill(order_id, "dealer", rng.randint(2, 4), 0.5, {"HEATER": (6, 24), "other": (6, 36)},
                      {"HEATER": 2, "ACCESSORY": 6}, min_share=0.25)  # fmt: skip
    for age, count in zip(range(len(WEB_ORDERS_A_DAY) - 1, -1, -1), WEB_ORDERS_A_DAY, strict=True):
        for _ in range(count):
            cold = rng.random() < 0.75
            zone = rng.choice(COLD if cold else warm)
            name = f"WEB-{len(book.orders) + 1:04d}"
            book.customer(name, "C", "web")
            express = zone in {zone for zones in EXPRESS.values() for zone in zones} and rng.random() < 0.2
            order_id = book.order(
                "W", name, ISLAND if rng.random() < 0.015 else zone, "web", AS_OF - timedelta(days=age),
                due_date=AS_OF + timedelta(days=2 if express else 4),
                cancel_date=AS_OF + timedelta(days=PATIENCE + (2 if express else 4)), priority=2 if express else 4,
                delivery_policy=rng.choice(["order_complete", "partial"]), max_shipments=1,
                service_level="express" if express else None,
            )  # fmt: skip
            book.fill(order_id, "web", rng.choice([1, 1, 2]), 0.8 if cold else 0.4,
                      {"HEATER": (2, 9), "other": (1, 5)}, {})  # fmt: skip
    return book


def stock_rows(book: Book) -> list[Row]:
    """A share of the demand by family, spread over the warehouses; heaters lie far from where it is cold."""
    demand = pd.DataFrame(book.lines).groupby("product_id")["qty"].sum()
    rows = []
    for product in book.products:
        family = product["family"]
        cover = FAMILIES[family][4] * book.rng.uniform(0.85, 1.15)
        total = int(demand.get(product["product_id"], 20) * cover)
        for share, warehouse in zip(STOCK_SHARE.get(family, STOCK_SHARE["other"]), WAREHOUSES, strict=True):
            available = round(total * share)
            reserved = book.rng.randint(0, 6) if available > 30 else 0
            safety = 5 if family == "HEATER" else 2
            rows.append(
                {
                    "warehouse_id": warehouse,
                    "product_id": product["product_id"],
                    "on_hand_qty": available + reserved + safety,
                    "reserved_qty": reserved,
                    "safety_stock_qty": safety,
                }
            )
    return rows


def lane_rows() -> list[Row]:
    rows = []
    for warehouse, (lat, lon, *_) in WAREHOUSES.items():
        for zone, (zone_lat, zone_lon) in ZONES.items():
            km = 111 * math.hypot(lat - zone_lat, (lon - zone_lon) * math.cos(math.radians((lat + zone_lat) / 2)))
            rows.append(
                {
                    "warehouse_id": warehouse,
                    "zone_id": zone,
                    "service_id": "standard",
                    "service_level": "standard",
                    "fixed_cost": f"{4.5 + km * 0.003:.2f}",
                    "cost_per_unit": f"{0.2 + km * 0.0004:.3f}",
                    "cost_per_kg": f"{0.06 + km * 0.00018:.4f}",
                    "min_charge": None,
                    "transit_days": 1 + math.ceil(km / 650),
                    "capacity_shipments": None,
                }
            )
            if zone in EXPRESS[warehouse]:
                rows.append(
                    {
                        **rows[-1],
                        "service_id": "express",
                        "service_level": "express",
                        "fixed_cost": f"{9.5 + km * 0.004:.2f}",
                        "cost_per_kg": f"{0.18 + km * 0.0003:.4f}",
                        "min_charge": "14.00",
                        "transit_days": 1,
                        "capacity_shipments": 8,
                    }
                )
    return rows


def contract_rows() -> list[Row]:
    """Four hard commitments on heaters, three with a penalty, one that a credit hold makes impossible, two quotas."""
    hard = [
        {"contract_id": f"{name}-HEAT", "customer_id": name, "family": "HEATER", "min_fill_rate": rate}
        for name, rate in (("NORDVARME", "0.95"), ("BAUHOF", "0.9"), ("THERMOPOL", "0.9"), ("HOTELGROUP", "0.8"))
    ]
    soft = [
        {
            "contract_id": f"{name}-HEAT",
            "customer_id": name,
            "family": "HEATER",
            "min_fill_rate": "0.9",
            "shortfall_penalty": penalty,
        }
        for name, penalty in (
            ("ALPINA", "25.00"),
            ("MAISONCLIM", "12.00"),
            ("CASACALDA", "6.00"),
            ("DEFENSAS", "15.00"),
        )
    ]
    quotas = [{"contract_id": "WEB-HEAT-QUOTA", "channel": "web", "product_id": "HEA-06", "max_qty": 90}]
    return [*hard, *soft, *quotas]


def tables() -> dict[str, pd.DataFrame]:
    book = draw()
    orders, lines = pd.DataFrame(book.orders), pd.DataFrame(book.lines)
    dealer = next(line for line in book.lines if line["order_id"].startswith("D-") and line["product_id"] == "HEA-02")
    return {
        "orders": orders,
        "order_lines": lines.astype({"lot_multiple": "Int64", "min_fill_qty": "Int64"}),
        "products": pd.DataFrame(book.products),
        "customers": pd.DataFrame(book.customers),
        "warehouses": pd.DataFrame(
            [(name, *facts) for name, facts in WAREHOUSES.items()],
            columns=["warehouse_id", "latitude", "longitude", "capacity_units", "capacity_lines",
                     "handling_cost_per_unit"],
        ).astype({"capacity_lines": "Int64"}),
        "stock": pd.DataFrame(stock_rows(book)),
        "lanes": pd.DataFrame(lane_rows()).astype({"capacity_shipments": "Int64"}),
        "eligibility": pd.DataFrame(
            [
                {"rule_id": "POZ-NO-DEHUMIDIFIER-EXPORT", "warehouse_id": "POZ", "zone_id": "SCANDINAVIA",
                 "family": "DEHUMIDIFIER", "mode": "forbid"},
            ]
        ),
        "contracts": pd.DataFrame(contract_rows()).astype({"max_qty": "Int64"}),
        "inbound": pd.DataFrame(
            [
                {"receipt_id": receipt, "warehouse_id": warehouse, "product_id": product, "qty": qty,
                 "available_date": AS_OF + timedelta(days=days)}
                for receipt, (warehouse, product, qty, days) in RECEIPTS.items()
            ]
        ),
        "substitutions": pd.DataFrame(
            [{"product_id": "HEA-02", "substitute_id": "HEA-03", "penalty_per_unit": "4.00"}]
        ),
        "reserves": pd.DataFrame(
            [
                {"reserve_id": "ACCOUNTS-POZ", "segment": "strategic", "warehouse_id": "POZ", "family": "HEATER",
                 "qty": 90, "rank": 1},
            ]
        ),
        "pins": pd.DataFrame(
            [
                {"order_id": dealer["order_id"], "line_id": dealer["line_id"], "warehouse_id": "ROT", "mode": "forbid",
                 "qty": 0, "reason": "dealer refuses goods repacked at ROT"},
            ]
        ),
    }  # fmt: skip


def main(out: Path = HERE) -> None:
    for name, table in tables().items():
        table.to_csv(out / f"{name}.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
