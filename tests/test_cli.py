"""The command as its user meets it: exit codes, folders, messages, interrupts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.builders import write_case

ROOT = Path(__file__).parent.parent
SCENARIOS = ROOT / "scenarios"


def allot(*words: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "optimizer", *map(str, words)]
    return subprocess.run(command, cwd=cwd or ROOT, capture_output=True, text=True, timeout=250)


def tiny(folder: Path, **scenario: object) -> Path:
    """Two orders that want the same three units."""
    tables = {
        "order_lines": [
            {"order_id": "O1", "product_id": "P", "qty": 3, "unit_margin": 5},
            {"order_id": "O2", "product_id": "P", "qty": 2, "unit_margin": 4},
        ],
        "stock": [{"warehouse_id": "W", "product_id": "P", "on_hand_qty": 4}],
    }
    return write_case(folder, tables, scenario)


@pytest.fixture(scope="module")
def solved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("solved")
    done = allot("solve", tiny(place / "case"), "--out", place / "run", "--quiet")
    assert done.returncode == 0, done.stderr
    return place


def test_0_a_plan_within_the_gap(solved: Path) -> None:
    run = json.loads((solved / "run" / "run.json").read_text())
    assert run["termination"]["reason"] == "OPTIMAL"
    assert run["objective_value"] == 19
    assert run["best_bound"] == 19
    assert run["certified_bound"] == 19
    assert run["tie_break"] == "canonical"


def test_every_file_of_the_contract_is_there(solved: Path) -> None:
    names = {path.name for path in (solved / "run").iterdir()}
    assert names == {
        "run.json", "timing.json", "allocations.csv", "orders.csv", "shipments.csv", "transfers.csv", "shorts.csv",
        "exceptions.csv", "replenishment.csv", "warehouses.csv", "contracts.csv", "shadow_prices.csv",
        "verification.json", "certificate.json", "report.html", "plan.xlsx",
    }  # fmt: skip


def test_1_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    done = allot("solve", tiny(tmp_path / "case"), "--out", blocked / "run", "--quiet")
    assert done.returncode == 1
    assert str(blocked) in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["solve", "nowhere.toml"], "nowhere.toml"),
        (["solve"], "Missing argument"),
        (["frobnicate"], "No such command"),
        (["solve", str(SCENARIOS / "regional-demand-spike.toml"), "--set", "solve.gpa=1"], "gap"),
        (["frontier", str(SCENARIOS / "brunel-day.toml"), "--x", "otif_rate", "--y", "margin"], "not linear"),
        (["certify", "nowhere"], "nowhere"),
    ],
)
def test_2_bad_input_or_usage(words: list[str], message: str, tmp_path: Path) -> None:
    done = allot(*words, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_2_findings_come_all_at_once_and_as_json(tmp_path: Path) -> None:
    scenario = tiny(tmp_path / "case")
    lines = tmp_path / "case" / "order_lines.csv"
    lines.write_text(lines.read_text().replace("O1,P,3", "O1,Q,-3"))
    done = allot("check", scenario, "--json")
    assert done.returncode == 2
    findings = json.loads(done.stdout)
    assert {finding["column"] for finding in findings} >= {"qty", "product_id"} or len(findings) >= 1
    assert all(finding["remedy"] and finding["file"] for finding in findings)


def test_3_hard_rules_that_cannot_hold(tmp_path: Path) -> None:
    tables = {
        "order_lines": [{"order_id": "O1", "product_id": "P", "qty": 5}],
        "stock": [{"warehouse_id": "W", "product_id": "P", "on_hand_qty": 3}],
        "contracts": [{"contract_id": "K", "min_qty": 4}],
    }
    done = allot("solve", write_case(tmp_path / "case", tables), "--out", tmp_path / "run", "--quiet")
    assert done.returncode == 3, done.stderr
    assert "K" in done.stdout
    conflict = json.loads((tmp_path / "run" / "conflict.json").read_text())
    assert conflict["rules"][0]["contract_id"] == "K"
    assert not (tmp_path / "run" / "allocations.csv").exists()
    assert json.loads((tmp_path / "run" / "run.json").read_text())["termination"]["reason"] == "INFEASIBLE"


def test_4_a_limit_with_a_plan_and_5_without(tmp_path: Path) -> None:
    scenario = SCENARIOS / "online-retail.toml"  # 7,927 lines: far from proven at any such limit
    settings = ["--gap", "0", "--quiet"]
    some = allot("solve", scenario, "--out", tmp_path / "some", "--time-limit", "3", *settings)
    assert some.returncode == 4, some.stderr
    run = json.loads((tmp_path / "some" / "run.json").read_text())
    assert run["termination"] == {"reason": "FEASIBLE", "limit": "time", "detail": run["termination"]["detail"]}
    assert run["rel_gap"] > 0
    assert allot("certify", tmp_path / "some").returncode == 0
    hard = SCENARIOS / "regional-demand-spike.toml"  # shipping nothing would break its contracts
    none = allot("solve", hard, "--out", tmp_path / "none", "--time-limit", "0.01", *settings)
    assert none.returncode == 5, none.stderr
    assert not (tmp_path / "none" / "allocations.csv").exists()


def test_6_a_tampered_folder(solved: Path, tmp_path: Path) -> None:
    assert allot("certify", solved / "run").returncode == 0
    copy = tmp_path / "run"
    subprocess.run(["cp", "-r", solved / "run", copy], check=True)
    table = copy / "allocations.csv"
    rows = table.read_text().splitlines()
    table.write_text("\n".join([*rows[:-1], ""]))
    done = allot("certify", copy)
    assert done.returncode == 6
    assert "allocations" in done.stdout


def test_an_input_that_changed_is_6_and_one_that_moved_is_2(tmp_path: Path) -> None:
    scenario = tiny(tmp_path / "case")
    assert allot("solve", scenario, "--out", tmp_path / "run", "--quiet").returncode == 0
    moved = (tmp_path / "case").rename(tmp_path / "moved")
    assert allot("certify", tmp_path / "run").returncode == 2
    assert allot("certify", tmp_path / "run", "--inputs", moved).returncode == 0
    stock = moved / "stock.csv"
    stock.write_text(stock.read_text().replace("4", "5"))
    assert allot("certify", tmp_path / "run", "--inputs", moved).returncode == 6


def test_a_bundle_certifies_itself_anywhere(tmp_path: Path) -> None:
    scenario = tiny(tmp_path / "case")
    assert allot("solve", scenario, "--out", tmp_path / "run", "--bundle", "--quiet").returncode == 0
    assert (tmp_path / "run" / "inputs" / "stock.csv").exists()
    assert allot("certify", tmp_path / "run").returncode == 0


def test_export_and_check_and_doctor(tmp_path: Path) -> None:
    scenario = tiny(tmp_path / "case")
    assert allot("check", scenario).returncode == 0
    for fmt in ("mps", "lp"):
        assert allot("export", scenario, tmp_path / f"model.{fmt}", "--format", fmt).returncode == 0
        assert (tmp_path / f"model.{fmt}").stat().st_size > 0
    doctor = allot("doctor")
    assert doctor.returncode == 0, doctor.stdout
    assert all(engine in doctor.stdout for engine in ("highs", "scip", "cpsat", "cbc"))


def test_help_imports_nothing_heavy() -> None:
    heavy = ("numpy", "pandas", "pyarrow", "highspy", "pydantic")
    code = f"import sys, optimizer.cli; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


MOMENTS = (0.3, 1.2, 2.0, 2.6, 3.4, 4.1, 5.0, 6.2, 7.5, 9.0)
SIGNALS = ((signal.SIGINT, 130), (signal.SIGTERM, 143))
INTERRUPTS = [
    pytest.param(*SIGNALS[(at + turn) % 2], moment, marks=[pytest.mark.slow] if turn or at % 4 > 1 else [])
    for turn in (0, 1)
    for at, moment in enumerate(MOMENTS)
]
"""Signals by turns at six of the moments; all else is for the long suite."""


@pytest.mark.parametrize(("number", "code", "moment"), INTERRUPTS)
def test_interrupts_leave_a_whole_folder_or_none(number: int, code: int, moment: float, tmp_path: Path) -> None:
    """At ten moments each: never a torn folder, never an orphan, the best verified plan where there is one."""
    scenario = SCENARIOS / "electronics-promotion.toml"
    command = [sys.executable, "-m", "optimizer", "solve", str(scenario), "--out", str(tmp_path / "run"), "--gap", "0"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(moment)
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode in (code, -number, 0), said  # killed before any handler was set, or done already
    assert [child.pid for child in family if child.is_running() and child.status() != psutil.STATUS_ZOMBIE] == []
    assert [path.name for path in tmp_path.iterdir() if path.name != "run"] == []
    if (tmp_path / "run").exists():
        run = json.loads((tmp_path / "run" / "run.json").read_text())
        assert run["termination"]["limit"] in ("interrupted", "")
        if (tmp_path / "run" / "allocations.csv").exists():
            assert allot("certify", tmp_path / "run").returncode == 0


def folder_bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "timing.json"}


def test_equal_inputs_give_equal_bytes(tmp_path: Path) -> None:
    """Five hash seeds and shuffled rows: the same folder to the last byte, clock times aside."""
    import random

    tables = {
        "order_lines": [
            {"order_id": f"O{i}", "line_id": str(j), "product_id": f"P{(i + j) % 4}", "qty": 1 + (i * j) % 5,
             "unit_margin": 2 + (7 * i + 3 * j) % 9}
            for i in range(12) for j in range(1, 4)
        ],
        "stock": [
            {"warehouse_id": w, "product_id": f"P{p}", "on_hand_qty": 6 + p} for w in ("W1", "W2") for p in range(4)
        ],
        "lanes": [
            {"warehouse_id": w, "zone_id": "Z", "fixed_cost": 3, "cost_per_unit": c}
            for w, c in (("W1", "0.5"), ("W2", "0.6"))
        ],
        "contracts": [{"contract_id": "K", "product_id": "P1", "min_fill_rate": "0.5", "shortfall_penalty": 2}],
    }  # fmt: skip
    seen = []
    for seed in range(5):
        for rows in tables.values():
            random.Random(seed).shuffle(rows)
        scenario = write_case(tmp_path / f"case{seed}", tables, {"solve": {"gap": 0}})
        out = tmp_path / f"run{seed}"
        command = [sys.executable, "-m", "optimizer", "solve", str(scenario), "--out", str(out), "--quiet"]
        environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
        subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
        seen.append(folder_bytes(out))
    assert all(folder == seen[0] for folder in seen[1:])
