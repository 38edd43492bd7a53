"""Published problems as scenarios: a folder with tables and a scenario file, everything exact.

A cost to be minimized becomes a value to be maximized: margins are 0, every order must be served in full by a hard
contract, so the plan's value is minus the cost.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from optimizer.exact import decimal_text

DATA = Path(__file__).parents[2] / "data"
GOODS = "GOODS"


def write_scenario(folder: Path, name: str, tables: Mapping[str, Iterable[Mapping[str, object]]]) -> Path:
    """Tables beside a scenario file; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    for table, rows in tables.items():
        records = list(rows)
        with (folder / f"{table}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(records[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(records)
    data = "".join(f'{table} = "{table}.csv"\n' for table in tables)
    path = folder / f"{name}.toml"
    path.write_text(
        f'name = "{name}"\nas_of = 2026-01-01\ncurrency = "USD"\n[data]\n{data}[solve]\ngap = 0\ntime_limit_s = 20\n',
        encoding="utf-8",
    )
    return path


def transport_tables(
    supply: Mapping[str, int],
    demand: Mapping[str, int],
    unit_cost: Mapping[tuple[str, str], Fraction],
    *,
    order: Mapping[str, object] | None = None,
    warehouse: Mapping[str, Mapping[str, object]] | None = None,
) -> dict[str, list[dict[str, object]]]:
    """A transport problem: each market is an order in a zone of its own, contractually full."""
    return {
        "orders": [{"order_id": m, "customer_id": m, "zone_id": m, **(order or {})} for m in demand],
        "order_lines": [
            {"order_id": m, "line_id": "1", "product_id": GOODS, "qty": qty, "unit_margin": 0}
            for m, qty in demand.items()
        ],
        "warehouses": [{"warehouse_id": w, **(warehouse or {}).get(w, {})} for w in supply],
        "stock": [{"warehouse_id": w, "product_id": GOODS, "on_hand_qty": qty} for w, qty in supply.items()],
        "lanes": [
            {"warehouse_id": w, "zone_id": m, "cost_per_unit": ending_decimal(cost)}
            for (w, m), cost in unit_cost.items()
        ],
        "contracts": [{"contract_id": m, "order_id": m, "min_fill_rate": 1} for m in demand],
    }


def ending_decimal(cost: Fraction) -> str:
    """The cost written in full; a quotient that no decimal can write would lose the published optimum."""
    text = decimal_text(cost)
    if Fraction(text) != cost:
        raise ValueError(f"{cost} has no finite decimal")
    return text


def read_json(name: str) -> dict:
    return json.loads((DATA / "textbook" / name).read_text(encoding="utf-8"), parse_float=Decimal)


def gams_transport(folder: Path) -> Path:
    """Costs in thousand dollars per case: freight per case and thousand miles × distance / 1000."""
    problem = read_json("gams_trnsport.json")
    freight = Fraction(problem["freight_per_case_per_kmile"]) / 1000
    cost = {(p, m): freight * Fraction(km) for p, row in problem["distance_kmiles"].items() for m, km in row.items()}
    return write_scenario(folder, "gams-transport", transport_tables(problem["plants"], problem["markets"], cost))


def beer_distribution(folder: Path) -> Path:
    problem = read_json("pulp_beer_distribution.json")
    cost = {(w, b): Fraction(c) for w, row in problem["cost"].items() for b, c in row.items()}
    return write_scenario(folder, "beer", transport_tables(problem["warehouses"], problem["bars"], cost))


def warehouse_location(name: str, folder: Path, *, capacity_factor: int = 1, one_warehouse: bool = False) -> Path:
    """An OR-Library file; ``one_warehouse``: every order leaves complete from a single warehouse."""
    numbers = iter((DATA / "orlib" / f"{name}.txt").read_text(encoding="ascii").split())
    places, customers = int(next(numbers)), int(next(numbers))
    facts = [(int(next(numbers)), Fraction(next(numbers))) for _ in range(places)]
    demand, cost = {}, {}
    for customer in range(1, customers + 1):
        demand[f"C{customer:02d}"] = asked = int(next(numbers))
        for place in range(1, places + 1):
            cost[f"W{place:02d}", f"C{customer:02d}"] = Fraction(next(numbers)) / asked
    warehouse = {
        f"W{place:02d}": {
            "capacity_units": capacity * capacity_factor,
            "fixed_open_cost": ending_decimal(opening),
        }
        for place, (capacity, opening) in enumerate(facts, start=1)
    }
    plenty = dict.fromkeys(warehouse, sum(demand.values()))
    order = {"delivery_policy": "order_complete", "max_shipments": 1} if one_warehouse else {}
    return write_scenario(folder, name, transport_tables(plenty, demand, cost, order=order, warehouse=warehouse))
