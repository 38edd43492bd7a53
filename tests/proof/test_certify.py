"""`allot certify` on real run folders: accepted as written, rejected after any change of any file or input."""

from __future__ import annotations

import json
import re
import shutil
from copy import deepcopy
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from optimizer.errors import BAD_INPUT, OK, VERIFICATION_FAILED, InputError, UsageError
from optimizer.proof import bound as proof_bound
from optimizer.proof import certify, checker, reckon
from optimizer.proof.bound import bound_of
from optimizer.proof.checker import check_folder
from optimizer.proof.verdict import read_inputs
from optimizer.run import run
from tests.builders import write_case

TABLES = {
    "orders": [
        {"order_id": "A", "customer_id": "C1", "zone_id": "N", "channel": "web", "due_date": "2026-11-21"},
        {"order_id": "B", "customer_id": "C2", "zone_id": "N", "channel": "shop", "delivery_policy": "line_complete"},
        {"order_id": "-1+1", "customer_id": "C2", "zone_id": "S", "channel": "shop", "max_shipments": 1},
    ],
    "order_lines": [
        {"order_id": "A", "line_id": "1", "product_id": "P", "qty": 10, "unit_price": "9.5", "x_note": "=1+1"},
        {"order_id": "A", "line_id": "2", "product_id": "Q", "qty": 3, "unit_price": 20, "weight_kg": 1},
        {"order_id": "B", "line_id": "1", "product_id": "P", "qty": 6, "unit_price": "8.25"},
        {"order_id": "-1+1", "line_id": "1", "product_id": "P", "qty": 7, "unit_price": 11},
    ],
    "products": [
        {"product_id": "P", "unit_cost": 4, "unit_weight_kg": "0.4"},
        {"product_id": "Q", "unit_cost": 12, "unit_weight_kg": 2},
    ],
    "customers": [{"customer_id": "C1", "tier": "A"}, {"customer_id": "C2", "tier": "B"}],
    "warehouses": [
        {"warehouse_id": "V", "capacity_units": 12, "fixed_open_cost": 3, "handling_cost_per_unit": "0.1"},
        {"warehouse_id": "W", "capacity_kg": 9},
    ],
    "stock": [
        {"warehouse_id": "V", "product_id": "P", "on_hand_qty": 12, "safety_stock_qty": 2},
        {"warehouse_id": "W", "product_id": "P", "on_hand_qty": 7},
        {"warehouse_id": "W", "product_id": "Q", "on_hand_qty": 2},
    ],
    "lanes": [
        {"warehouse_id": w, "zone_id": z, "fixed_cost": f, "cost_per_kg": "0.3", "min_charge": 4, "transit_days": d}
        for w, z, f, d in (("V", "N", 2, 1), ("V", "S", "3.5", 2), ("W", "N", "4.2", 2), ("W", "S", 1, 1))
    ],
    "contracts": [{"contract_id": "K", "customer_id": "C1", "min_fill_rate": "0.8", "shortfall_penalty": 2}],
}
SETTINGS = {"service": {"value": Decimal("1.5"), "tier_weight": {"A": Decimal("2")}}}


@pytest.fixture(scope="module")
def solved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``case`` (the inputs), ``run`` (as CSV, inputs bundled) and ``parquet``."""
    home = tmp_path_factory.mktemp("certify")
    scenario = write_case(home / "case", TABLES, SETTINGS)
    assert run(scenario, out=home / "run", bundle_inputs=True).exit_code == OK
    assert run(scenario, out=home / "parquet", fmt="parquet").exit_code == OK
    return home


@pytest.fixture
def home(solved: Path, tmp_path: Path) -> Path:
    """A copy to spoil; the scenario is where the run expects it, unless a test moves it."""
    shutil.copytree(solved, tmp_path / "home")
    for name in ("run", "parquet"):
        timing = tmp_path / "home" / name / "timing.json"
        timing.write_text(timing.read_text().replace(str(solved), str(tmp_path / "home")))
    return tmp_path / "home"


@pytest.mark.parametrize("name", ["run", "parquet"])
def test_accepts_what_was_written(home: Path, name: str) -> None:
    verdict = certify(home / name)
    assert verdict.all_failures == []
    assert verdict.exit_code == OK
    assert verdict.value is not None
    assert verdict.certified_bound is not None
    assert verdict.certified_bound >= verdict.value
    assert "verified" in verdict.text()
    told = json.loads(verdict.to_json(), parse_float=Decimal)
    assert Fraction(told["gap_attribution"]["total"]) == verdict.certified_bound - verdict.value


def files_of(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("name", ["run", "parquet"])
def test_any_changed_file_is_found(home: Path, name: str) -> None:
    for file in files_of(home / name):
        path = home / name / file
        content = path.read_bytes()
        if file == "timing.json":
            digest = re.search(rb'"run.json": "([0-9a-f])', content)
            assert digest is not None
            at = digest.start(1)
            path.write_bytes(content[:at] + (b"1" if content[at : at + 1] == b"0" else b"0") + content[at + 1 :])
        else:
            path.write_bytes(content + b"\n")
        assert certify(home / name).exit_code == VERIFICATION_FAILED, file
        path.unlink()
        if file != "run.json":
            assert certify(home / name).exit_code == VERIFICATION_FAILED, file
        path.write_bytes(content)
    (home / name / "note.txt").write_text("mine")
    assert certify(home / name).exit_code == VERIFICATION_FAILED


def test_forging_the_digests_as_well_does_not_help(home: Path) -> None:
    """A cent in a table and its digest renewed: the arithmetic finds it, file, row and column."""
    from optimizer.proof.run_files import file_digests

    folder = home / "run"
    path = folder / "allocations.csv"
    header, first, *rest = path.read_text().splitlines()
    cells, at = first.split(","), header.split(",").index("margin")
    before = cells[at]
    cells[at] = format(Decimal(before) + Decimal("0.01"), "f")
    path.write_text("\n".join([header, ",".join(cells), *rest]) + "\n")
    timing = json.loads((folder / "timing.json").read_text(), parse_float=str)
    (folder / "timing.json").write_text(json.dumps({**timing, "files": file_digests(folder)}))
    verdict = certify(folder)
    assert verdict.exit_code == VERIFICATION_FAILED
    assert f"allocations.csv row 2 margin: found '{cells[at]}', expected '{before}'" in verdict.all_failures


def test_an_edited_input_is_found(home: Path) -> None:
    for path in sorted((home / "case").glob("*.csv")):
        content = path.read_text()
        lines = content.splitlines()
        path.write_text(
            "\n".join([*lines[:-1], re.sub(r"\d(?=[^\d]*$)", lambda d: str((int(d[0]) + 1) % 10), lines[-1])])
        )
        assert path.read_text() != content
        assert certify(home / "run").exit_code == VERIFICATION_FAILED, path.name
        path.write_text(content)
    assert certify(home / "run").exit_code == OK


def test_an_edited_setting_is_found(home: Path) -> None:
    scenario = home / "case" / "scenario.toml"
    scenario.write_text(re.sub(r"\nvalue = .*", "\nvalue = 77.5", scenario.read_text()))
    verdict = certify(home / "run")
    assert verdict.exit_code == VERIFICATION_FAILED
    assert "inputs: setting service changed since the run" in verdict.all_failures


@pytest.mark.parametrize("spoil", ["\n[weights]\nmargin = -1\n", "\nno toml", "\n[no_such_section]\n"])
def test_a_scenario_that_is_no_longer_valid_was_changed(home: Path, spoil: str) -> None:
    scenario = home / "case" / "scenario.toml"
    scenario.write_text(scenario.read_text() + spoil)
    assert certify(home / "run").exit_code == VERIFICATION_FAILED


def test_a_plan_cannot_hide_behind_a_missing_value(home: Path) -> None:
    from optimizer.proof.run_files import file_digests

    path, timing = home / "run" / "run.json", home / "run" / "timing.json"
    path.write_text(re.sub(r'"objective_value": [^,]*', '"objective_value": null', path.read_text()))
    stated = json.loads(timing.read_text(), parse_float=str)
    timing.write_text(json.dumps({**stated, "files": file_digests(home / "run")}))
    assert certify(home / "run").exit_code == VERIFICATION_FAILED


def test_reordered_rows_are_the_same_input(home: Path) -> None:
    path = home / "case" / "order_lines.csv"
    header, *rows = path.read_text().splitlines()
    path.write_text("\n".join([header, *reversed(rows)]) + "\n")
    assert certify(home / "run").exit_code == OK


def test_a_missing_input_is_bad_input_and_inputs_says_where_it_moved(home: Path) -> None:
    (home / "case").rename(home / "moved")
    with pytest.raises(InputError) as missing:
        certify(home / "parquet")
    assert missing.value.exit_code == BAD_INPUT
    assert certify(home / "parquet", home / "moved").exit_code == OK
    (home / "moved" / "stock.csv").unlink()
    with pytest.raises(InputError):
        certify(home / "parquet", home / "moved")


def test_bundled_inputs_are_enough(home: Path) -> None:
    shutil.rmtree(home / "case")
    assert certify(home / "run").all_failures == []
    assert certify(home / "parquet", home / "run" / "inputs").all_failures == []


def test_not_a_run_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        certify(tmp_path)


def test_a_run_reckons_its_bound_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands in the folder says the same as what was reckoned before it was written."""
    calls = []

    def counted(*books: Any) -> Any:
        calls.append(books)
        return bound_of(*books)

    for module in (proof_bound, checker):
        monkeypatch.setattr(module, "bound_of", counted)
    outcome = run(write_case(tmp_path / "case", TABLES, SETTINGS), out=tmp_path / "run")
    assert outcome.exit_code == OK
    assert len(calls) == 1
    assert certify(tmp_path / "run").passed
    assert len(calls) == 2


def test_a_bound_reckoned_before_counts_for_the_same_certificate_alone(solved: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(solved / "run", folder)
    _, tables, scenario = read_inputs(folder)
    stated = json.loads((folder / "certificate.json").read_text())
    said = stated.pop("certified_bound")
    known = reckon(tables, scenario, deepcopy(stated))
    assert check_folder(folder, tables, scenario, known).bound is known.bound
    family = next(iter(stated["prices"].values()))
    family["rows"][0][-1] = str(Decimal(family["rows"][0][-1]) + 1)
    (folder / "certificate.json").write_text(json.dumps({**stated, "certified_bound": said}))
    report = check_folder(folder, tables, scenario, known)
    assert report.bound is not known.bound
    assert report.bound.value == reckon(tables, scenario, stated).value != known.value
    assert not report.passed
