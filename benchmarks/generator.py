"""The instances that engines are measured on, by name and seed; and any batch as a folder of files.

``python -m benchmarks.generator NAME [--seed N] [--folder DIR]`` prints what an instance holds, and writes it as a
scenario that ``allot solve`` reads.

All are the recipe of `benchmarks.instances`: stock for 85 % of the demand spread by Dirichlet(1) over all warehouses,
joint shipments. In fragmented ones a stock row that has any has about 4 units in the mean; in deep ones 40 or more, and
half of the rows fewer than 20; in deeper ones every row has at least 40, and in the mean 40 times the quantity of a
line. `FACTORS` are the levels at which one property at a time is varied.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from benchmarks.instances import Size, make_batch
from optimizer.exact import Exact
from optimizer.scenario.schema import Scenario
from optimizer.tables.schema import TABLES
from optimizer.tables.tables import Table, Tables

INSTANCES: dict[str, Size] = {
    "300-fragmented": Size(300, warehouses=5, products=54, zones=20),
    "300-deep": Size(300, warehouses=5, products=3),
    "1k-deep": Size(1_000, warehouses=10, products=5),
    "1k-fragmented": Size(1_000, warehouses=5, products=180, zones=20),
    "10k-fragmented": Size(10_000, warehouses=10, products=1_000),
    "10k-deep": Size(10_000, warehouses=10, products=55),
    "10k-deeper": Size(10_000, warehouses=10, products=21, least_row=40),
    "100k-fragmented": Size(100_000, warehouses=20, products=5_000, zones=100),
    "100k-deep": Size(100_000, warehouses=20, products=290, zones=100),
    "100k-deeper": Size(100_000, warehouses=20, products=115, zones=100, least_row=40),
    "1m-fragmented": Size(1_000_000, warehouses=50, products=20_000, zones=200),
    "1m-deep": Size(1_000_000, warehouses=50, products=1_150, zones=200),
    "1m-deeper": Size(1_000_000, warehouses=50, products=480, zones=200, least_row=40),
}

FACTORS: dict[str, tuple[float, ...]] = {
    "lines_per_order": (1.0, 1.8, 4.0),
    "charge": (0.2, 1.0, 3.0),
    "contract_share": (0.0, 0.25, 0.5),
    "capacity": (0.8, 1.0),
    "scarcity": (0.7, 0.85, 1.0, 1.2),
    "minimum": (1.3, 2.0),
    "receipts": (0.2, 0.4),
}
"""Properties of `Size` and the levels to try."""


def sized(name: str, **changes: float | None) -> Size:
    """A named instance, with some of its properties changed: ``sized("10k-deep", charge=3.0)``."""
    known: dict[str, Any] = dict(changes)
    return replace(INSTANCES[name], **known)


def instance(name: str, seed: int = 0, **changes: float | None) -> tuple[Tables, Scenario]:
    """The batch of a named instance."""
    tables, scenario = make_batch(sized(name, **changes), seed)
    return tables, scenario.model_copy(update={"name": f"{name} seed {seed}"})


def figures(tables: Tables) -> dict[str, float]:
    """What a batch holds, measured. ``units_per_row``: mean stock of the (warehouse, product) that have any."""
    on_hand, qty = tables.stock["on_hand_qty"], tables.order_lines["qty"]
    held, received = on_hand[on_hand > 0], int(tables.inbound["qty"].sum())
    promised = np.isin(tables.customers["tier"], tables.contracts["tier"][tables.contracts["tier"] != ""])
    promised |= np.isin(tables.customers["customer_id"], tables.contracts["customer_id"])
    return {
        "lines": len(qty),
        "orders": len(tables.orders),
        "warehouses": len(tables.warehouses),
        "products": len(tables.products),
        "stock_rows": len(held),
        "units_per_row": float(held.mean()) if len(held) else 0.0,
        "least_units_per_row": float(held.min()) if len(held) else 0.0,
        "median_units_per_row": float(np.median(held)) if len(held) else 0.0,
        "units_per_line": float(qty.mean()),
        "scarcity": float((on_hand.sum() + received) / qty.sum()),
        "received": float(received / max(on_hand.sum() + received, 1)),
        "charge_over_margin": float(tables.lanes["fixed_cost"].floats().mean() / _mean_margin(tables)),
        "contract_share": float(qty[promised[tables.order_customer][tables.line_order]].sum() / qty.sum()),
    }


def _mean_margin(tables: Tables) -> float:
    """Of a unit ordered."""
    qty = tables.order_lines["qty"]
    return float(tables.order_lines["unit_margin"].floats() @ qty / qty.sum())


def write_folder(
    tables: Tables, scenario: Scenario, folder: Path, form: Literal["parquet", "csv"] = "parquet", **solve: float | str
) -> Path:
    """The batch as files with ``scenario.toml`` beside them, whose path is returned; ``solve`` are its settings.

    For scenarios without settings of their own, as generators make them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = [name for name in TABLES if len(getattr(tables, name))]
    for name in written:
        table = _arrow(getattr(tables, name))
        if form == "csv":
            pyarrow.csv.write_csv(table, folder / f"{name}.csv")
        else:
            pyarrow.parquet.write_table(table, folder / f"{name}.parquet")
    settings = [f'name = "{scenario.name}"', f"as_of = {scenario.as_of.isoformat()}", "", "[data]"]
    settings += [f'{name} = "{name}.{form}"' for name in written]
    settings += _section("solve", solve) if solve else []
    path = folder / "scenario.toml"
    path.write_text("\n".join(settings) + "\n", encoding="utf-8")
    return path


def _section(name: str, settings: Mapping[str, float | str]) -> list[str]:
    words = {key: f'"{value}"' if isinstance(value, str) else repr(value) for key, value in settings.items()}
    return ["", f"[{name}]", *(f"{key} = {value}" for key, value in words.items())]


def _arrow(table: Table) -> pa.Table:
    """The columns in which any cell is filled; exact decimals as text."""
    filled = {name: table.given(name) for name in table.columns}
    used = {name: given for name, given in filled.items() if given.any()}
    return pa.table({name: _cells(table.columns[name], given) for name, given in used.items()})


def _cells(values: Any, given: Any) -> pa.Array:
    cells = pa.array(values.texts() if isinstance(values, Exact) else values)
    return cells if given.all() else pa.compute.if_else(pa.array(given), cells, pa.scalar(None, cells.type))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=INSTANCES)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="write the batch there")
    parser.add_argument("--form", choices=("parquet", "csv"), default="parquet")
    for factor, levels in FACTORS.items():
        parser.add_argument(f"--{factor.replace('_', '-')}", type=float, help=f"such as {levels}")
    given = parser.parse_args()
    changes = {factor: getattr(given, factor) for factor in FACTORS if getattr(given, factor) is not None}
    tables, scenario = instance(given.name, given.seed, **changes)
    for what, figure in figures(tables).items():
        print(f"{what:>22}: {figure:,.10g}" if figure == int(figure) else f"{what:>22}: {figure:,.4f}")
    if given.folder:
        print(write_folder(tables, scenario, given.folder, given.form))


if __name__ == "__main__":
    main()
