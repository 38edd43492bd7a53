"""Convert the published tables in raw/ into the tables that a scenario reads.

Run ``python data/brunel/convert.py [OUT]``; without OUT the committed files are written again. Every step that leaves
something out, or adds something, is counted and printed; README.md says why.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent
CUSTOMER_PAYS = "CRF"  # the customer's own carrier: no rates, no freight


def read_raw(name: str) -> pd.DataFrame:
    """One published table, every cell as the text it is: ``1447296446.7`` is an id, not a number."""
    return pd.read_csv(HERE / "raw" / name, dtype=str, keep_default_na=False)


def convert() -> tuple[dict[str, pd.DataFrame], dict[str, object]]:
    """The contract's tables, and the counts that README.md quotes."""
    raw_orders = read_raw("OrderList.csv.gz")
    supported = read_raw("ProductsPerPlant.csv")
    reserved = read_raw("VmiCustomers.csv")
    ports = read_raw("PlantPorts.csv")
    rates = read_raw("FreightRates.csv")
    plants = read_raw("WhCapacities.csv").merge(
        read_raw("WhCosts.csv"), left_on="Plant ID", right_on="WH", how="inner", validate="one_to_one"
    )
    orders, order_lines = order_tables(raw_orders)
    reachable = plants["Plant ID"].isin(ports["Plant Code"])
    ordered = order_lines.assign(qty=order_lines["qty"].astype(int)).groupby("product_id", as_index=False)["qty"].sum()
    stock = supported.rename(columns={"Plant Code": "warehouse_id", "Product ID": "product_id"})
    known = stock["warehouse_id"].isin(plants["Plant ID"])
    stock = stock[known].merge(ordered, on="product_id", how="inner").rename(columns={"qty": "on_hand_qty"})
    bands = rate_band_table(ports, rates.drop_duplicates())
    tables = {
        "orders": orders.sort_values("order_id"),
        "order_lines": order_lines.sort_values("order_id"),
        "customers": pd.DataFrame({"customer_id": sorted(set(raw_orders["Customer"]) | set(reserved["Customers"]))}),
        "warehouses": pd.DataFrame(
            {
                "warehouse_id": plants["Plant ID"],
                "capacity_shipments": plants["Daily Capacity"],
                "handling_cost_per_unit": plants["Cost/unit"],
            }
        ).sort_values("warehouse_id"),
        "stock": stock[["warehouse_id", "product_id", "on_hand_qty"]].sort_values(["warehouse_id", "product_id"]),
        "lanes": lane_table(bands, orders),
        "rate_bands": bands,
        "eligibility": eligibility_table(reserved),
    }
    allowed = allowed_plants(order_lines.merge(orders[["order_id", "customer_id"]]), stock, reserved)
    counts: dict[str, object] = {
        "orders": len(orders),
        "orders of carrier V44_3, service CRF (no rates exist)": int((raw_orders["Service Level"] == "CRF").sum()),
        "orders of weight 0": int((raw_orders["Weight"].astype(float) == 0).sum()),
        "rate rows that repeat another exactly": int(rates.duplicated().sum()),
        "plants without a port": int((~reachable).sum()),
        "plants without a rate to the destination": int((~plants["Plant ID"].isin(bands["warehouse_id"])).sum()),
        "weight bands, by plant and port of origin": len(bands),
        "supported products of plants without capacity and cost": int((~known).sum()),
        "plants without any product": sorted(set(plants["Plant ID"]) - set(supported["Plant Code"])),
        "orders by number of allowed plants": allowed.groupby("order_id").size().value_counts().sort_index().to_dict(),
    }
    return tables, counts


def order_tables(raw: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One order with one line for each published row; what has no meaning here yet is carried in x_ columns."""
    orders = pd.DataFrame(
        {
            "order_id": raw["Order ID"],
            "customer_id": raw["Customer"],
            "zone_id": raw["Destination Port"],
            "order_date": raw["Order Date"],
            "delivery_policy": "order_complete",
            "max_shipments": 1,
            "service_level": raw["Service Level"],
            "x_carrier": raw["Carrier"],
            "x_plant_in_history": raw["Plant Code"],
        }
    )
    lines = pd.DataFrame(
        {
            "order_id": raw["Order ID"],
            "line_id": "1",
            "product_id": raw["Product ID"],
            "qty": raw["Unit quantity"],
            "weight_kg": raw["Weight"],
        }
    )
    return orders, lines


def rate_band_table(ports: pd.DataFrame, rates: pd.DataFrame) -> pd.DataFrame:
    """The published rates from each port of a plant, a lane for each service; every rate keeps its own identity."""
    bands = ports.merge(rates, left_on="Port", right_on="orig_port_cd")
    parts = ["Carrier", "orig_port_cd", "mode_dsc", "tpt_day_cnt", "Carrier type"]
    name = bands[parts].apply(lambda column: column.str.strip()).agg("/".join, axis=1)
    table = pd.DataFrame(
        {
            "warehouse_id": bands["Plant Code"],
            "zone_id": bands["dest_port_cd"],
            "service_id": bands["svc_cd"],
            "rate_id": name + "/" + bands["minm_wgh_qty"],
            "from_kg": bands["minm_wgh_qty"],
            "to_kg": bands["max_wgh_qty"],
            "cost_per_kg": bands["rate"],
            "min_charge": bands["minimum cost"],
        }
    )
    keys = ["warehouse_id", "zone_id", "service_id", "rate_id"]
    repeats = table.groupby(keys).cumcount()
    table["rate_id"] = table["rate_id"].where(repeats == 0, table["rate_id"] + "/" + (repeats + 1).astype(str))
    return table.sort_values(keys)


def lane_table(bands: pd.DataFrame, orders: pd.DataFrame) -> pd.DataFrame:
    """A lane for each service with a rate, and one by the customer's own carrier from every plant with a way there."""
    priced = bands[["warehouse_id", "zone_id", "service_id"]].drop_duplicates()
    own = priced[["warehouse_id", "zone_id"]].drop_duplicates().assign(service_id=CUSTOMER_PAYS)
    lanes = pd.concat([priced, own]).sort_values(["warehouse_id", "zone_id", "service_id"])
    return lanes.assign(service_level=lanes["service_id"])


def eligibility_table(reserved: pd.DataFrame) -> pd.DataFrame:
    """`only` rows: a listed plant serves its listed customers and nobody else."""
    rows = reserved.sort_values(["Plant Code", "Customers"]).reset_index(drop=True)
    return pd.DataFrame(
        {
            "rule_id": [f"VMI-{number:02d}" for number in range(1, len(rows) + 1)],
            "warehouse_id": rows["Plant Code"],
            "customer_id": rows["Customers"],
            "mode": "only",
        }
    )


def allowed_plants(lines: pd.DataFrame, stock: pd.DataFrame, reserved: pd.DataFrame) -> pd.DataFrame:
    """The pairs order, plant that product and customer permit."""
    pairs = lines.merge(stock[["warehouse_id", "product_id"]], on="product_id")
    listed = set(zip(reserved["Plant Code"], reserved["Customers"], strict=True))
    closed = pairs["warehouse_id"].isin(reserved["Plant Code"])
    welcome = [pair in listed for pair in zip(pairs["warehouse_id"], pairs["customer_id"], strict=True)]
    return pairs[~closed | pd.Series(welcome, index=pairs.index)]


def main(out: Path = HERE) -> dict[str, object]:
    tables, counts = convert()
    for name, table in tables.items():
        table.to_csv(out / f"{name}.csv", index=False, lineterminator="\n")
    return counts


if __name__ == "__main__":
    for what, count in main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE).items():
        print(f"{what}: {count}")
