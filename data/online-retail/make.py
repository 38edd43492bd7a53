"""Make a batch of real orders from the published transactions: ``python data/online-retail/make.py [OUT]``.

Real: customers, countries, times, products, quantities, prices. Ours, seeded and documented in README.md: warehouses,
stock, lanes, unit costs, unit weights. What is left out of the three days is counted and printed.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent
SEED = 20111208
FIRST, AFTER = pd.Timestamp("2011-12-05"), pd.Timestamp("2011-12-08")  # Monday to Wednesday, 5 to 7 December 2011
NOT_GOODS = ("POSTAGE", "DOTCOM POSTAGE", "CARRIAGE", "Next Day Carriage", "Manual", "Bank Charges", "Discount")
LARGEST_LINE = 1000  # units; the year's wildest rows (up to 80,995) are typing errors that were returned

WAREHOUSES = {  # latitude, longitude, handling cost, capacity in units, share of the stock
    "COVENTRY": ("52.41", "-1.51", "0.06", 56000, 0.60),
    "ENFIELD": ("51.65", "-0.08", "0.08", 26000, 0.30),
    "VENLO": ("51.37", "6.17", "0.05", None, 0.10),
}
REGIONS = {
    "HOME": ("United Kingdom",),
    "NEAR": ("EIRE", "Channel Islands"),
    "EU": ("Austria", "Belgium", "Denmark", "Finland", "France", "Germany", "Greece", "Italy", "Netherlands", "Poland",
           "Portugal", "Spain", "Sweden"),
}  # fmt: skip
TARIFF = {  # fixed per parcel, per kg, days; anything not listed does not ship there
    ("COVENTRY", "HOME"): ("3.90", "0.28", 1), ("COVENTRY", "NEAR"): ("7.50", "0.60", 2),
    ("COVENTRY", "EU"): ("12.50", "1.10", 4), ("COVENTRY", "REST"): ("18.00", "2.10", 7),
    ("ENFIELD", "HOME"): ("4.20", "0.30", 1), ("ENFIELD", "NEAR"): ("8.20", "0.65", 2),
    ("ENFIELD", "EU"): ("11.80", "1.05", 4),
    ("VENLO", "NEAR"): ("12.00", "0.95", 4), ("VENLO", "EU"): ("6.40", "0.45", 2),
}  # fmt: skip


def clean(rows: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
    """The three days without what nobody can ship; each kind of dirt is counted once, in this order."""
    counts = {"rows of 5 to 7 December 2011": len(batch := rows[rows["InvoiceDate"].between(FIRST, AFTER, "left")])}
    returned = rows[(rows["Quantity"] < 0) & (rows["InvoiceDate"] >= FIRST)]
    undone = set(zip(returned["CustomerID"], returned["Description"], -returned["Quantity"], strict=True))
    faults = {
        "no customer": lambda t: t["CustomerID"].isna(),
        "returned goods (negative quantity)": lambda t: t["Quantity"] <= 0,
        "price of zero or less": lambda t: t["UnitPrice"] <= 0,
        "postage, charges and manual entries": lambda t: t["Description"].str.strip().isin(NOT_GOODS),
        f"more than {LARGEST_LINE} units on a line": lambda t: t["Quantity"] > LARGEST_LINE,
        "taken back by a later return of the same quantity": lambda t: pd.Series(
            [key in undone for key in zip(t["CustomerID"], t["Description"], t["Quantity"], strict=True)], index=t.index
        ),
        "exact repetition of another row": lambda t: t.duplicated(),
    }
    for name, is_fault in faults.items():
        bad = is_fault(batch)
        counts[name] = int(bad.sum())
        batch = batch[~bad]
    counts["lines kept"] = len(batch)
    return batch, counts


def number_text(value: float, places: int) -> str:
    """A price or weight as the shortest decimal."""
    return f"{value:.{places}f}".rstrip("0").rstrip(".")


def order_tables(batch: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """An order is a customer at a minute; its lines keep the order in which they were booked."""
    customer = batch["CustomerID"].astype(int).astype(str)
    facts = batch.assign(
        customer_id=customer,
        order_id=customer + "-" + batch["InvoiceDate"].dt.strftime("%Y%m%d-%H%M%S"),
        product_id=batch["Description"].str.split().str.join(" "),
        order_date=batch["InvoiceDate"].dt.strftime("%Y-%m-%d"),
    )
    lines = facts.assign(
        line_id=facts.groupby("order_id").cumcount() + 1,
        qty=facts["Quantity"],
        unit_price=[number_text(price, 4) for price in facts["UnitPrice"]],
    )[["order_id", "line_id", "product_id", "qty", "unit_price"]]
    orders = facts.groupby("order_id", as_index=False).first()
    orders = orders.assign(zone_id=orders["Country"], max_shipments=2)
    return orders[["order_id", "customer_id", "zone_id", "order_date", "max_shipments"]], lines


def customer_table(rows: pd.DataFrame, orders: pd.DataFrame) -> pd.DataFrame:
    """Tier by what a customer bought in the year before the batch: A the best tenth, B the next three, C the rest."""
    before = rows[(rows["InvoiceDate"] < FIRST) & rows["CustomerID"].notna()]
    bought = (before["Quantity"] * before["UnitPrice"]).groupby(before["CustomerID"].astype(int).astype(str)).sum()
    rank = bought.rank(pct=True)
    customers = pd.DataFrame({"customer_id": sorted(set(orders["customer_id"]))})
    place = customers["customer_id"].map(rank).fillna(0)
    return customers.assign(tier=["A" if share > 0.9 else "B" if share > 0.6 else "C" for share in place])


def product_table(rows: pd.DataFrame, lines: pd.DataFrame) -> pd.DataFrame:
    """Ours: a product costs half its median price to known customers and weighs 80 g plus 90 g per pound of price."""
    sold = rows[(rows["Quantity"] > 0) & (rows["UnitPrice"] > 0) & rows["CustomerID"].notna()]
    price = sold["UnitPrice"].groupby(sold["Description"].str.split().str.join(" ")).median()
    names = sorted(set(lines["product_id"]))
    return pd.DataFrame(
        {
            "product_id": names,
            "unit_cost": [number_text(0.50 * price[name], 2) for name in names],
            "unit_weight_kg": [number_text(min(2.5, 0.08 + 0.09 * price[name]), 2) for name in names],
        }
    )


def stock_table(lines: pd.DataFrame) -> pd.DataFrame:
    """Ours: most products are in good supply, a third runs short, one in ten is nearly sold out."""
    rng = random.Random(SEED)
    demand = lines.groupby("product_id")["qty"].sum()
    rows = []
    for product, asked in sorted(demand.items()):
        low, high = rng.choices([(1.1, 1.6), (0.6, 1.0), (0.2, 0.6)], [6, 3, 1])[0]
        total = round(asked * rng.uniform(low, high))
        weights = {name: facts[4] * rng.uniform(0.5, 1.5) for name, facts in WAREHOUSES.items()}
        shares = {name: int(total * weight / sum(weights.values())) for name, weight in weights.items()}
        shares["COVENTRY"] += total - sum(shares.values())
        rows += [(name, product, qty) for name, qty in shares.items() if qty]
    return pd.DataFrame(rows, columns=["warehouse_id", "product_id", "on_hand_qty"])


def lane_table(orders: pd.DataFrame) -> pd.DataFrame:
    region = {country: name for name, countries in REGIONS.items() for country in countries}
    rows = [
        (warehouse, country, *TARIFF[warehouse, region.get(country, "REST")])
        for country in sorted(set(orders["zone_id"]))
        for warehouse in WAREHOUSES
        if (warehouse, region.get(country, "REST")) in TARIFF
    ]
    return pd.DataFrame(rows, columns=["warehouse_id", "zone_id", "fixed_cost", "cost_per_kg", "transit_days"])


def main(out: Path = HERE) -> dict[str, int]:
    rows = pd.read_parquet(HERE / "raw" / "online_retail.parquet")
    batch, counts = clean(rows)
    orders, lines = order_tables(batch)
    tables = {
        "orders": orders,
        "order_lines": lines,
        "customers": customer_table(rows, orders),
        "products": product_table(rows, lines),
        "warehouses": pd.DataFrame(
            [(name, *facts[:4]) for name, facts in WAREHOUSES.items()],
            columns=["warehouse_id", "latitude", "longitude", "handling_cost_per_unit", "capacity_units"],
        ).astype({"capacity_units": "Int64"}),
        "stock": stock_table(lines),
        "lanes": lane_table(orders),
    }
    for name, table in tables.items():
        table.to_csv(out / f"{name}.csv", index=False, lineterminator="\n")
    return {**counts, "orders": len(orders), "products": len(tables["products"]), "units": int(lines["qty"].sum())}


if __name__ == "__main__":
    for what, count in main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE).items():
        print(f"{what}: {count}")
