"""Outbound files add up, to the unit, by counts that share nothing with ours; what does not add up is not published."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from optimizer.nightly.config import read_config
from optimizer.nightly.night import run_night
from optimizer.nightly.outbound.count import Counted, Outbound, outbound_of
from optimizer.nightly.outbound.files import file_name, place_outbound, read_outbound
from optimizer.nightly.outbound.reconcile import failures
from optimizer.nightly.prune import prune
from optimizer.nightly.store import Store
from optimizer.run import run
from optimizer.tables.tables import Table
from tests.builders import write_case
from tests.nightly.nights import ROOT, allot, assert_tidy, assert_whole, configure, make, published, query

DATA = ROOT / "data" / "chilled-food"
ALL = """
base = [{bases}]
[data]
orders = "{data}/orders_frozen.csv"
[solve]
gap = 0.1
time_limit_s = 120
price_rows = 0
explain_rows = 0
"""
MONDAY, TUESDAY = date(2026, 1, 5), date(2026, 1, 6)
SOURCE = ["warehouse_id", "product_id", "lot_id"]


@pytest.fixture(scope="module")
def chilled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plan with lots, receipts, kits, substitutes, transfers and frozen orders, all at once."""
    place = tmp_path_factory.mktemp("chilled")
    bases = (ROOT / "scenarios" / f"chilled-{name}.toml" for name in ("transfers", "substitutes", "boxes", "replan"))
    text = ALL.format(bases=", ".join(f'"{base}"' for base in bases), data=DATA)
    (place / "chilled.toml").write_text(text)
    assert run(place / "chilled.toml", out=place / "run", allow_outside=True).exit_code in (0, 4)
    return place / "run"


@pytest.fixture(scope="module")
def counted(chilled: Path) -> Counted:
    return outbound_of(chilled)


def read_csv(path: Path) -> pd.DataFrame:
    """A file of the input or of ours, by pandas; no id of these tables has a guard."""
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def read_file(path: Path) -> pd.DataFrame:
    """A file of ours in any format, whole numbers as text."""
    if path.suffix == ".jsonl":
        return pd.DataFrame([json.loads(line) for line in path.read_text().splitlines()]).fillna("").astype(str)
    return read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path).astype(object).fillna("").astype(str)


def units(rows: pd.DataFrame, *key: str, column: str = "qty") -> Counter[tuple[str, ...]]:
    """Units by key, counted one row after the other."""
    found: Counter[tuple[str, ...]] = Counter()
    for row in rows.to_dict("records"):
        found[tuple(row[name] for name in key)] += int(row[column])
    return +found


@pytest.mark.parametrize("fmt", ["csv", "jsonl", "parquet"])
def test_files_against_the_raw_tables(chilled: Path, counted: Counted, tmp_path: Path, fmt: Any) -> None:
    out = place_outbound({"": counted}, tmp_path / "out", fmt)
    picks = pd.concat([read_file(path) for path in (out / "instructions").iterdir()], ignore_index=True)
    reserved, balances = read_file(out / f"reservations.{fmt}"), read_file(out / f"balances.{fmt}")
    planned, moved = read_csv(chilled / "allocations.csv"), read_csv(chilled / "transfers.csv")
    stock, inbound = read_csv(DATA / "stock.csv"), read_csv(DATA / "inbound.csv").assign(lot_id="")
    of_orders, of_moves = picks[picks["kind"] == "order"], picks[picks["kind"] == "transfer"]
    pick = (
        "order_id",
        "line_id",
        "warehouse_id",
        "ship_product_id",
        "lot_id",
        "service_id",
        "ship_date",
        "arrive_date",
    )
    assert units(of_orders, *pick) == units(planned, *pick)
    assert units(of_orders, "shipment_id") == units(read_csv(chilled / "shipments.csv"), "shipment_id", column="units")
    lines = ("order_id", "line_id", "warehouse_id", "product_id", "lot_id", "ship_date")
    shipped = planned.assign(product_id=planned["ship_product_id"])
    assert units(reserved[reserved["kind"] == "order"], *lines) == units(shipped, *lines)
    giving = moved.assign(warehouse_id=moved["from_warehouse_id"])
    arriving = moved.assign(warehouse_id=moved["to_warehouse_id"])
    assert units(of_moves, *SOURCE, "to_warehouse_id") == units(giving, *SOURCE, "to_warehouse_id")
    columns = {
        "on_hand_qty": units(stock, *SOURCE, column="on_hand_qty"),
        "safety_stock_qty": units(stock, *SOURCE, column="safety_stock_qty"),
        "inbound_qty": units(inbound, *SOURCE),
        "transferred_in_qty": units(arriving, *SOURCE),
        "transferred_out_qty": units(giving, *SOURCE),
        "allocated_qty": units(shipped, *SOURCE),
    }
    for name, expected in columns.items():
        assert units(balances, *SOURCE, column=name) == expected, name
    after = Counter(columns["on_hand_qty"])
    after.update(columns["inbound_qty"])
    after.update(columns["transferred_in_qty"])
    after.subtract(columns["transferred_out_qty"])
    after.subtract(columns["allocated_qty"])
    assert min(after.values()) >= 0
    assert units(balances, *SOURCE, column="on_hand_after_qty") == +after


def test_every_family_is_in_the_plan_and_counted_in_what_ships(chilled: Path, counted: Counted) -> None:
    rows = read_csv(chilled / "allocations.csv")
    other = rows[rows["product_id"] != rows["ship_product_id"]]
    assert "BRUNCH-BOX" in set(other["product_id"])
    assert "BRUNCH-BOX" not in set(counted.outbound.balances["product_id"])
    recipe = {row["component_id"]: int(row["qty"]) for row in read_csv(DATA / "kits.csv").to_dict("records")}
    boxes = rows[rows["product_id"] == "BRUNCH-BOX"]
    packed = boxes["ordered_qty_served"].astype(int).sum()
    assert units(boxes, "ship_product_id") == {(name,): qty * packed for name, qty in recipe.items()}
    assert {"on_hand", "inbound"} <= set(counted.outbound.reservations["supply"])
    orders = read_csv(DATA / "orders_frozen.csv")
    frozen = set(orders[orders["frozen"] == "true"]["order_id"])
    last = read_csv(DATA / "last-night" / "allocations.csv")
    kept = last[last["order_id"].isin(frozen)]
    found = counted.outbound.reservations
    mine = pd.DataFrame({name: found[name].astype(str) for name in found.columns})
    mine = mine[mine["order_id"].isin(frozen)]
    key = ("order_id", "line_id", "warehouse_id", "product_id", "lot_id", "ship_date")
    assert len(kept)
    assert units(mine, *key) == units(kept.assign(product_id=kept["ship_product_id"]), *key)


def test_picked_in_the_order_of_the_shelves(counted: Counted) -> None:
    found = counted.outbound.instructions
    shelves = ("warehouse_id", "ship_date", "kind", "service_id", "ship_product_id", "lot_id")
    keys = list(zip(*(found[name].astype(str).tolist() for name in shelves), strict=True))
    assert keys == sorted(keys)


def changed(found: Outbound, table: str, column: str, row: int, value: Any) -> Outbound:
    """One cell of one table altered."""
    old: Table = getattr(found, table)
    cells = old[column].copy()
    cells[row] = value
    return replace(found, **{table: replace(old, columns={**old.columns, column: cells})})


def test_any_altered_cell_is_found(counted: Counted) -> None:
    assert failures(counted.outbound, counted.plan, counted.tables) == []
    dice = np.random.default_rng(6)
    told = {
        "instructions": ("warehouse_id", "ship_date", "lot_id", "qty"),
        "reservations": ("supply", "receipt_id", "order_id", "qty"),
        "balances": ("lot_id", "on_hand_qty", "inbound_qty", "left_qty"),
    }
    for table, columns in told.items():
        rows: Table = getattr(counted.outbound, table)
        for column in columns:
            row = int(dice.integers(len(rows)))
            if column == "receipt_id":
                row = int(np.flatnonzero(rows["supply"] == "inbound")[0])
            old = rows[column][row]
            value = old + np.timedelta64(1, "D") if column.endswith("date") else old + 1 if column == "qty" else "other"
            if column.endswith("_qty"):
                value = old + 1
            assert failures(changed(counted.outbound, table, column, row, value), counted.plan, counted.tables), column
        less = replace(rows, columns={name: cells[1:] for name, cells in rows.columns.items()})
        assert failures(replace(counted.outbound, **{table: less}), counted.plan, counted.tables), table


def test_a_file_that_was_touched_is_not_read(counted: Counted, tmp_path: Path) -> None:
    out = place_outbound({"": counted}, tmp_path / "out", "csv")
    read_outbound(out)
    with (out / "balances.csv").open("a") as file:
        file.write("\n")
    done = allot("outbound", out, "--out", tmp_path / "again")
    assert done.returncode == 2
    assert "not a run folder" in done.stderr
    with pytest.raises(Exception, match=r"missing, changed or strange"):
        read_outbound(out)


def test_a_plan_beyond_its_stock_is_not_handed_over(chilled: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(chilled, folder)
    rows = (folder / "allocations.csv").read_text().splitlines()
    cells = rows[1].split(",")
    cells[9] = str(int(cells[9]) + 5000)
    (folder / "allocations.csv").write_text("\n".join([rows[0], ",".join(cells), *rows[2:]]) + "\n")
    done = allot("outbound", folder, "--out", tmp_path / "out")
    assert done.returncode == 6, done.stderr
    assert "has too little of" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run"]


def test_whatever_else_is_at_the_target_stays(chilled: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/note").write_text("mine")
    done = allot("outbound", chilled, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "holds other things" in done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["note"]


def test_by_hand(tmp_path: Path) -> None:
    """All that A needs is at B or yet to come; the plan is forced, and every figure can be worked out by hand."""
    tables = {
        "orders": [{"order_id": name, "customer_id": "C", "zone_id": "Z"} for name in ("O1", "O2", "O3", "O4")],
        "order_lines": [
            {"order_id": "O1", "line_id": "1", "product_id": "P", "qty": 9, "unit_margin": 50},  # 3 here, 6 moved
            {"order_id": "O2", "line_id": "1", "product_id": "Q", "qty": 4, "unit_margin": 50},  # 8 of its substitute
            {"order_id": "O3", "line_id": "1", "product_id": "BOX", "qty": 2, "unit_margin": 50},  # 2 K1 and 6 K2
            {"order_id": "O4", "line_id": "1", "product_id": "R", "qty": 5, "unit_margin": 50},  # from a receipt
        ],
        "products": [{"product_id": name} for name in ("P", "Q", "S", "BOX", "K1", "K2", "R")],
        "stock": [
            {"warehouse_id": "A", "product_id": "P", "lot_id": "L1", "on_hand_qty": 3},
            {"warehouse_id": "B", "product_id": "P", "lot_id": "L2", "on_hand_qty": 7, "safety_stock_qty": 1},
            {"warehouse_id": "A", "product_id": "S", "on_hand_qty": 10, "reserved_qty": 1},
            {"warehouse_id": "A", "product_id": "K1", "on_hand_qty": 2},
            {"warehouse_id": "A", "product_id": "K2", "lot_id": "L3", "on_hand_qty": 6},
            {"warehouse_id": "A", "product_id": "R", "on_hand_qty": 3, "reserved_qty": 4},
        ],
        "inbound": [
            {"receipt_id": "N1", "warehouse_id": "A", "product_id": "R", "qty": 6, "available_date": "2026-11-23"}
        ],
        "lanes": [{"warehouse_id": "A", "zone_id": "Z", "service_id": "truck", "transit_days": 1}],
        "transfers": [{"from_warehouse_id": "B", "to_warehouse_id": "A", "cost_per_unit": 1, "transit_days": 2}],
        "substitutions": [{"product_id": "Q", "substitute_id": "S", "ratio": 2}],
        "kits": [
            {"product_id": "BOX", "component_id": "K1", "qty": 1},
            {"product_id": "BOX", "component_id": "K2", "qty": 3},
        ],
    }
    run(write_case(tmp_path / "case", tables, {}), out=tmp_path / "run")
    found = outbound_of(tmp_path / "run").outbound
    assert rows_of(found.balances, "warehouse_id", "product_id", "lot_id", "on_hand_qty", "inbound_qty",
                   "transferred_in_qty", "transferred_out_qty", "allocated_qty", "on_hand_after_qty", "left_qty") == [
        ("A", "K1", "", 2, 0, 0, 0, 2, 0, 0),
        ("A", "K2", "L3", 6, 0, 0, 0, 6, 0, 0),
        ("A", "P", "L1", 3, 0, 0, 0, 3, 0, 0),
        ("A", "P", "L2", 0, 0, 6, 0, 6, 0, 0),
        ("A", "R", "", 3, 6, 0, 0, 5, 4, 0),
        ("A", "S", "", 10, 0, 0, 0, 8, 2, 1),
        ("B", "P", "L2", 7, 0, 0, 6, 0, 1, 0),
    ]  # fmt: skip
    assert rows_of(found.reservations, "warehouse_id", "product_id", "lot_id", "supply", "receipt_id",
                   "from_warehouse_id", "available_date", "kind", "order_id", "to_warehouse_id", "qty") == [
        ("A", "K1", "", "on_hand", "", "", "2026-11-20", "order", "O3", "", 2),
        ("A", "K2", "L3", "on_hand", "", "", "2026-11-20", "order", "O3", "", 6),
        ("A", "P", "L1", "on_hand", "", "", "2026-11-20", "order", "O1", "", 3),
        ("A", "P", "L2", "transfer", "", "B", "2026-11-22", "order", "O1", "", 6),
        ("A", "R", "", "inbound", "N1", "", "2026-11-23", "order", "O4", "", 5),
        ("A", "S", "", "on_hand", "", "", "2026-11-20", "order", "O2", "", 8),
        ("B", "P", "L2", "on_hand", "", "", "2026-11-20", "transfer", "", "A", 6),
    ]  # fmt: skip
    assert rows_of(found.instructions, "warehouse_id", "kind", "ship_product_id", "qty", "product_id")[-1] == (
        "B", "transfer", "P", 6, "P",
    )  # fmt: skip


def rows_of(table: Table, *columns: str) -> list[tuple[Any, ...]]:
    """Some columns of a table, days as text."""
    cells = (table[name].astype(str) if name.endswith("date") else table[name] for name in columns)
    return list(zip(*(column.tolist() for column in cells), strict=True))


ODD = ("=1+1", "'quoted", "-2", "@x", 'ä,"b"')  # fmt: skip
PLACES = ("../up", "..", ".hidden", "a/b", "A", "a", "=W", "ü" * 300, "W " * 150)


def test_odd_ids_survive_and_no_cell_is_a_formula(tmp_path: Path) -> None:
    tables = {
        "order_lines": [
            {"order_id": name, "line_id": name, "product_id": "P", "qty": 1, "unit_margin": 1} for name in ODD
        ],
        "stock": [{"warehouse_id": "=W", "product_id": "P", "lot_id": "+lot", "on_hand_qty": 9, "reserved_qty": 1}],
    }
    run(write_case(tmp_path / "case", tables, {}), out=tmp_path / "run")
    counted = outbound_of(tmp_path / "run")
    for fmt in ("csv", "jsonl", "parquet"):
        out = place_outbound({"": counted}, tmp_path / fmt, fmt)  # type: ignore[arg-type]
        assert sorted(read_outbound(out).reservations["order_id"]) == sorted(counted.plan.allocations["order_id"])
        assert set(read_outbound(out).reservations["order_id"]) <= set(ODD)
    cells = read_csv(tmp_path / "csv/reservations.csv")
    assert len(cells) == len(counted.plan.allocations) >= 4
    assert not {text[:1] for name in cells for text in cells[name]} & set("=+-@\t")
    assert counted.outbound.balances["left_qty"].tolist() == [9 - 1 - len(cells)]


def test_file_names_stay_in_the_folder_and_apart() -> None:
    names = [file_name(place) for place in PLACES]
    assert len({name.lower() if name not in ("A", "a") else name for name in names}) == len(PLACES)
    for name in names:
        assert "/" not in name
        assert not name.startswith(".")
        assert len(f"{name}.parquet".encode()) < 256


OUTBOUND = '[outbound]\nformat = "jsonl"\n'


@pytest.mark.parametrize("kind", [pytest.param("sqlite", marks=pytest.mark.slow), "postgresql"])
def test_a_night_publishes_them_with_the_plan(tmp_path: Path, kind: str, request: pytest.FixtureRequest) -> None:
    run_night(make(tmp_path, OUTBOUND, request.getfixturevalue("postgres") if kind == "postgresql" else None), MONDAY)
    [plan_id] = published(tmp_path)
    folder = tmp_path / "night/published/outbound/current/scenario"
    found = read_outbound(folder)
    assert folder.resolve().name == plan_id
    [(before, allocated, after)] = query(tmp_path, "SELECT on_hand_qty, allocated_qty, on_hand_after_qty FROM "
                                                   "current_balances")  # fmt: skip
    assert (before, allocated, after) == (4, 4, 0)
    stored = query(tmp_path, "SELECT order_id, qty FROM current_reservations ORDER BY order_id")
    assert stored == list(zip(found.reservations["order_id"], found.reservations["qty"], strict=True))
    picked = query(tmp_path, "SELECT shipment_id, qty FROM current_instructions ORDER BY order_id")
    assert picked == list(zip(found.instructions["shipment_id"], found.instructions["qty"].tolist(), strict=True))
    assert_whole(tmp_path)
    assert_tidy(tmp_path)
    (tmp_path / "case/stock.csv").write_text("warehouse_id,product_id,on_hand_qty\nW,P,5\n")
    done = allot("outbound", tmp_path / "night.toml", "--out", tmp_path / "out", "--format", "csv")
    assert done.returncode == 0, done.stderr
    assert read_outbound(tmp_path / "out/scenario").balances["on_hand_qty"].tolist() == [4]
    run_night(configure(tmp_path, ""), TUESDAY)
    shelf = tmp_path / "night/published/outbound"
    assert list((shelf / "current").iterdir()) == []
    assert_tidy(tmp_path)
    assert [plan["plan_id"] for plan in prune(tmp_path / "night.toml", 0, dry_run=False).plans] == [plan_id]
    assert list((shelf / "plans").iterdir()) == []
    assert query(tmp_path, "SELECT plan_id FROM plan_balances UNION SELECT plan_id FROM plan_reservations") == []


def test_what_a_crash_left_is_removed(tmp_path: Path) -> None:
    """The store refuses the rows in mid-transaction: the files are in place already, and no plan points to them."""
    config = read_config(make(tmp_path, OUTBOUND))
    Store(config.store_url(), tmp_path).close()
    query(tmp_path, "CREATE TRIGGER broken BEFORE INSERT ON plan_balances BEGIN SELECT RAISE(ABORT, 'broken'); END")
    done = allot("nightly", tmp_path / "night.toml", "--business-date", TUESDAY)
    assert done.returncode == 1
    assert "broken" in done.stderr
    shelf = tmp_path / "night/published/outbound"
    assert len(list((shelf / "plans").iterdir())) == 1
    assert published(tmp_path) == []
    assert query(tmp_path, "SELECT * FROM plan_reservations") == []
    query(tmp_path, "DROP TRIGGER broken")
    run_night(tmp_path / "night.toml", MONDAY)
    assert [path.name for path in (shelf / "plans").iterdir()] == published(tmp_path)
    assert published(tmp_path)[0].startswith(MONDAY.isoformat())
    assert_tidy(tmp_path)


def test_a_plan_whose_files_cannot_be_made_is_not_published(tmp_path: Path) -> None:
    """Between the verdict and the count somebody replaces a table."""
    config = make(tmp_path, OUTBOUND)

    def spoil(line: str) -> None:
        if line.startswith("verify"):
            (tmp_path / "case/stock.csv").write_text("warehouse_id,product_id,on_hand_qty\nW,P,3\n")

    outcome = run_night(config, MONDAY, observe=spoil)
    assert outcome.exit_code == 6
    assert "table stock changed since the run" in outcome.summary[1]
    assert published(tmp_path) == []
    assert_tidy(tmp_path)
