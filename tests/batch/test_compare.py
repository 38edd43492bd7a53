"""What differs between runs: figures, lines, parties, prices, inputs; as text, tables, workbook and page."""

from __future__ import annotations

import csv
import json
import shutil
from fractions import Fraction
from pathlib import Path

import openpyxl
import pytest

from optimizer.batch.compare import compare, headline
from optimizer.batch.compare_run import VALUE, read_runs
from optimizer.cli import app
from optimizer.errors import UsageError
from optimizer.report.compare import Comparison
from optimizer.report.compare_words import apportioned, better, unit_of
from optimizer.run import run
from tests.batch.pairs import QUICK, solved_what_ifs
from tests.builders import toml_text
from tests.report.browser import needs_browser, visit

TABLES = {
    "order_lines": [
        {"order_id": "O1", "product_id": "P", "qty": 6, "unit_margin": 5, "unit_price": 9},
        {"order_id": "O2", "product_id": "P", "qty": 6, "unit_margin": 4, "unit_price": 9},
        {"order_id": "O3", "product_id": "Q", "qty": 2, "unit_margin": 3, "unit_price": 9},
        {"order_id": "O4", "product_id": "Q", "qty": 1, "unit_margin": 3, "unit_price": 9},
    ],
    "orders": [
        {"order_id": "O1", "customer_id": "A"}, {"order_id": "O2", "customer_id": "=B"},
        {"order_id": "O3", "customer_id": "C"}, {"order_id": "O4", "customer_id": "A"},
    ],
    "stock": [
        {"warehouse_id": "W1", "product_id": "P", "on_hand_qty": 8},
        {"warehouse_id": "W2", "product_id": "Q", "on_hand_qty": 3},
        {"warehouse_id": "W1", "product_id": "Q", "on_hand_qty": 3},
    ],
    "lanes": [
        {"warehouse_id": "W1", "zone_id": "Z", "cost_per_unit": "0.5"},
        {"warehouse_id": "W2", "zone_id": "Z", "cost_per_unit": "0.25"},
    ],
    "contracts": [{"contract_id": "K", "customer_id": "=B", "min_qty": 4, "shortfall_penalty": "0.125"}],
}  # fmt: skip
WHAT_IFS = {
    "dearer": {
        "change": [
            {"table": "order_lines", "where": {"order_id": "O2"}, "set": {"unit_margin": 7}},
            {"table": "lanes", "where": {"warehouse_id": "W2"}, "set": {"cost_per_unit": 1}},
        ]
    },
    "served": {"service": {"value": 2}, "change": [{"table": "order_lines", "append": [
        {"order_id": "O3", "line_id": "2", "product_id": "P", "qty": 1, "unit_margin": 1, "unit_price": 9}]}]},
}  # fmt: skip


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    settings = ("solve.gap=0", "solve.threads=1", "solve.explain_rows=0")
    return solved_what_ifs(tmp_path_factory.mktemp("compared"), TABLES, WHAT_IFS, settings)


@pytest.fixture(scope="module")
def found(folders: dict[str, Path]) -> Comparison:
    return compare(list(folders.values()))


def rows(found: Comparison, table: str, run_label: str) -> list[dict[str, object]]:
    data = found.tables[table]
    columns = {
        name: values.fractions() if hasattr(values, "fractions") else values.tolist()
        for name, values in data.columns.items()
    }
    made = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return [row for row in made if row["run"] == run_label]


def test_moved_lines_add_up_to_the_figures(found: Comparison) -> None:
    for each in found.runs[1:]:
        moved = rows(found, "moved", each.label)
        for column, kpi in (("margin", "margin"), ("service_value", "service_value")):
            assert sum(row[column] for row in moved) == found.difference(each, kpi)
        units = sum(row["units_after"] - row["units_before"] for row in moved)
        assert units == found.difference(each, "units_allocated")
        came = sum(row["units"] for row in rows(found, "flows", each.label) if row["to_warehouse_id"])
        assert came == sum(row["units_moved"] + max(0, row["units_after"] - row["units_before"]) for row in moved)


def test_lines_that_moved(found: Comparison) -> None:
    told = {
        row["order_id"]: (row["what"], row["from"], row["to"], row["money"]) for row in rows(found, "moved", "dearer")
    }
    day = "by standard on 2026-11-20"
    assert told == {
        "O1": ("lost", f"4 W1 {day}", "", -18),
        "O2": ("gained", "", f"4 W1 {day}", 6 * Fraction("6.5") - 2 * Fraction("3.5")),
        "O3": ("moved", f"2 W2 {day}", f"2 W1 {day}", Fraction(-1, 2)),
        "O4": ("moved", f"1 W2 {day}", f"1 W1 {day}", Fraction(-1, 4)),
    }
    flows = {(row["from_warehouse_id"], row["to_warehouse_id"]): row["units"] for row in rows(found, "flows", "dearer")}
    assert flows == {("W1", ""): 4, ("", "W1"): 4, ("W2", "W1"): 3}


def test_who_gains_and_who_loses(found: Comparison) -> None:
    outcome = {row["customer_id"]: row["outcome"] for row in rows(found, "customers", "dearer")}
    assert outcome == {"A": "loses", "=B": "gains", "C": "same"}
    (contract,) = rows(found, "contracts", "dearer")
    assert (contract["outcome"], contract["shortfall_before"], contract["shortfall_after"]) == ("gains", 2, 0)
    prices = {row["subject"]: (row["price_before"], row["price_after"]) for row in rows(found, "prices", "dearer")}
    assert prices["P at W1 from 2026-11-20"][1] == Fraction("4.5")


def test_inputs_old_to_new(found: Comparison) -> None:
    told = [(row["kind"], row["what"], row["row"], row["column"], row["old"], row["new"])
            for row in rows(found, "inputs", "dearer")]  # fmt: skip
    assert ("change", "order_lines.unit_margin", "order_id O2, 1 row", "set", "4", "7") in told
    assert ("cell", "order_lines", "O2, 1", "unit_margin", "4", "7") in told
    assert ("cell", "lanes", "W2, Z, standard", "cost_per_unit", "0.25", "1") in told
    assert {kind for kind, *_ in told} == {"change", "table", "cell"}
    other = [(row["kind"], row["what"], row["row"], row["old"], row["new"]) for row in rows(found, "inputs", "served")]
    assert ("setting", "service.value", "", "0", "2") in other
    assert ("row added", "order_lines", "O3, 2", "", "") in other


def test_figures_and_the_winner(found: Comparison) -> None:
    assert found.winner == "dearer"
    assert headline(found).startswith("dearer wins: worth ")
    served = found.runs[2]
    assert served.value == served.kpis[VALUE]
    assert served.baseline_value == served.value - served.kpis["service_value"]
    assert any("measure of its own (service differ)" in note for note in found.notes)
    table = {row["kpi"]: row for row in rows(found, "kpis", "dearer")}
    assert table["margin"]["outcome"] == "better"
    assert table["shipping_cost"]["outcome"] == "worse"
    assert table["unit_fill_rate"]["outcome"] == "same"
    told = {row["kpi"]: row["outcome"] for row in rows(found, "kpis", "served")}
    assert (told[VALUE], told["service_value"], told["units_allocated"]) == ("changed", "changed", "same")
    assert table["margin"]["percent"] == table["margin"]["difference"] / table["margin"]["baseline"] * 100


def test_the_baseline_may_win(folders: dict[str, Path]) -> None:
    turned = compare([folders["dearer"], folders["base"]])
    assert turned.winner == "dearer"
    assert "The baseline dearer wins" in headline(turned)


def test_every_kpi_has_a_unit_and_a_direction(folders: dict[str, Path]) -> None:
    """Counts are whole, and a KPI that is neither better up nor down is one of the few that say so."""
    (told,) = read_runs([folders["base"]])
    for kpi, value in told.kpis.items():
        assert unit_of(kpi) != "count" or value is None or value.denominator == 1, kpi
    neither = {kpi for kpi in told.kpis if not better(kpi)}
    assert neither == {
        "orders", "order_lines", "units_ordered", "transferred_units", "shipments", "backorder_lines_without_price",
        "warehouse_utilization", "stock_value_before", "stock_value_received", "stock_value_allocated",
        "stock_value_left", "contracts",
    }  # fmt: skip


def test_labels_tell_folders_apart(folders: dict[str, Path], tmp_path: Path) -> None:
    copied = tmp_path / "other" / "base"
    shutil.copytree(folders["base"], copied)
    assert [each.label for each in read_runs([folders["base"], copied])] == ["runs/base", "other/base"]
    again = [each.label for each in read_runs([folders["base"], folders["base"]])]
    assert len(set(again)) == 2


def test_what_cannot_be_compared_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="it has no run"):
        compare([folders["base"], tmp_path])
    changed = tmp_path / "dollars"
    shutil.copytree(folders["base"], changed)
    told = json.loads((changed / "run.json").read_text())
    told["scenario"]["currency"] = "USD"
    (changed / "run.json").write_text(json.dumps(told))
    with pytest.raises(UsageError, match="EUR and USD"):
        compare([folders["base"], changed])


def test_a_run_without_a_plan_is_told_of(folders: dict[str, Path], tmp_path: Path) -> None:
    owed = {"table": "contracts", "append": [{"contract_id": "hard", "min_qty": 15}]}
    path = folders["base"].parent.parent / "owed.toml"
    path.write_text(toml_text({"base": "scenario.toml", "name": "owed", "change": [owed]}), encoding="utf-8")
    outcome = run(path, out=tmp_path / "owed", settings=QUICK)
    assert outcome.exit_code == 3
    found = compare([folders["base"], outcome.folder])
    assert found.winner == "base"
    assert "owed: holds no plan; nothing is compared but its inputs" in found.notes
    with pytest.raises(UsageError, match="a baseline must have one"):
        compare([outcome.folder, folders["base"]])


def command(*words: str | Path) -> int:
    """The exit code of a command, within this process."""
    from optimizer.cli import main

    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return int(ended.value.code or 0)


@pytest.fixture(scope="module")
def written(folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("written") / "compared"
    assert command("compare", folders["base"], folders["dearer"], folders["served"], "--out", out, "--attribute") == 0
    return out


def test_the_command_says_it_and_writes_it(
    written: Path, folders: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("compare", folders["base"], folders["dearer"]) == 0
    said = capsys.readouterr().out
    for line in ("dearer wins", "Margin", "change order_lines.unit_margin", "O2/1: nothing -> 4 W1", "loses: A"):
        assert line in said
    assert {path.name for path in written.iterdir()} == {
        "runs.csv", "kpis.csv", "attribution.csv", "inputs.csv", "moved.csv", "flows.csv", "customers.csv",
        "contracts.csv", "prices.csv", "compare.html", "compare.xlsx", "compare.json",
    }  # fmt: skip
    told = json.loads((written / "compare.json").read_text())
    assert told["winner"] == "dearer"
    assert len(told["attribution"][0]["changes"]) == 2
    with (written / "customers.csv").open(newline="") as file:
        assert "'=B" in {row["customer_id"] for row in csv.DictReader(file)}


def test_printed_shares_add_up(written: Path) -> None:
    """The rows of attribution.csv, read back as decimals, add up to those of kpis.csv."""
    tables = {}
    for name in ("attribution", "kpis"):
        with (written / f"{name}.csv").open(newline="") as file:
            tables[name] = list(csv.DictReader(file))
    shared = set()
    for row in tables["kpis"]:
        key = (row["run"], row["kpi"])
        shares = [Fraction(each["share"]) for each in tables["attribution"] if (each["run"], each["kpi"]) == key]
        assert not shares or sum(shares) == Fraction(row["difference"]), key
        shared |= {key} if shares else set()
    assert len(shared) > 40


def test_only_its_own_folder_is_replaced(written: Path, folders: dict[str, Path], tmp_path: Path) -> None:
    assert command("compare", folders["base"], folders["dearer"], "--out", written.parent) == 2
    assert command("compare", folders["base"], folders["dearer"], "--out", folders["base"]) == 2
    again = tmp_path / "again"
    shutil.copytree(written, again)
    assert command("compare", folders["base"], folders["dearer"], "--out", again) == 0
    assert len(json.loads((again / "compare.json").read_text())["runs"]) == 2
    assert command("compare", folders["base"]) == 2


def test_the_workbook_has_the_tables(written: Path) -> None:
    book = openpyxl.load_workbook(written / "compare.xlsx")
    assert book.sheetnames == [
        "Summary", "Runs", "Kpis", "Attribution", "Inputs", "Moved", "Flows", "Customers", "Contracts", "Prices",
    ]  # fmt: skip
    assert "dearer wins" in str(book["Summary"]["A2"].value)
    assert book["Customers"]["B2"].value in ("=B", "A")
    assert all(cell.data_type != "f" for sheet in book for row in sheet.iter_rows() for cell in row)


@needs_browser
@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_shows_the_page_without_errors_or_requests(written: Path, tmp_path: Path, width: int) -> None:
    seen = visit(written / "compare.html", tmp_path, width)
    assert seen.console == []
    assert seen.requests == []
    assert "stock.on_hand" not in seen.document
    assert "order_lines.unit_margin = 7 where order_id O2" in seen.document
    act = "document.title = JSON.stringify([document.documentElement.scrollWidth, window.innerWidth])"
    from tests.report.browser import result

    content, window = result(visit(written / "compare.html", tmp_path, width, act))
    assert content <= window


def test_parts_are_rounded_so_that_they_add_up() -> None:
    thirds = [Fraction(1, 3)] * 3
    assert apportioned(thirds, 2) == [Fraction(34, 100), Fraction(33, 100), Fraction(33, 100)]
    assert sum(apportioned([Fraction(-1, 3), Fraction(2, 3), Fraction(1, 7)], 2)) == Fraction(48, 100)
    assert app.commands["compare"].help
