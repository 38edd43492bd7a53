"""Runs that stay near a previous plan: certified where it lay, from bundled copies, and refused once it is another."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from optimizer.errors import OK
from optimizer.proof.verdict import certify
from optimizer.run import run
from tests.builders import everything_available, write_case

__all__ = ["everything_available"]

TABLES = {
    "order_lines": [{"order_id": "O1", "product_id": "P", "qty": 4}, {"order_id": "O2", "product_id": "P", "qty": 3}],
    "stock": [{"warehouse_id": house, "product_id": "P", "on_hand_qty": 5} for house in ("V", "W")],
}
NEAR = {"stability": {"previous_plan": "last", "cost_per_unit": 1}}


def changed_plan_is_told(run_folder: Path) -> bool:
    return any("table previous changed since the run" in failure for failure in certify(run_folder).all_failures)


@pytest.mark.usefixtures("everything_available")
def test_the_previous_plan_is_an_input_like_any_other(tmp_path: Path) -> None:
    case = tmp_path / "case"
    assert run(write_case(case, TABLES), out=case / "last").exit_code == OK
    assert run(write_case(case, TABLES, NEAR), out=tmp_path / "run", bundle_inputs=True).exit_code == OK
    assert certify(tmp_path / "run").all_failures == []

    allocations = case / "last" / "allocations.csv"
    rows = allocations.read_text().splitlines()
    allocations.write_text("\n".join(rows[:-1]) + "\n")
    assert changed_plan_is_told(tmp_path / "run")

    shutil.rmtree(case)
    assert certify(tmp_path / "run").all_failures == []
    copy = tmp_path / "run" / "inputs" / "previous.csv"
    copy.write_text("\n".join(copy.read_text().splitlines()[:-1]) + "\n")
    assert changed_plan_is_told(tmp_path / "run")
