"""The plan of a run folder, read back as positions in today's tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optimizer.engines.result import SolveOptions
from optimizer.errors import UsageError
from optimizer.model.build import build_model
from optimizer.report import csv_out, parquet_out
from optimizer.solution.extract import values_from_plan
from optimizer.solution.ledger import Ledger
from optimizer.solution.outputs import allocations
from optimizer.solution.plan import Plan
from optimizer.warm_start import read_plan
from tests.instances import random_case
from tests.solution.solving import Solver
from tests.solution.test_extract import broken
from tests.typed_cases import typed

FIELDS = ("line", "lane", "qty", "day", "product")


def written(folder: Path, ledger: Ledger, form: str) -> Path:
    table = allocations(ledger)
    parts = csv_out.table_bytes(table) if form == "csv" else parquet_out.table_bytes(table, "test")
    (folder / f"allocations.{form}").write_bytes(b"".join(parts))
    return folder


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize("policies", [["lots", "inbound"], ["substitution", "calendar"], ["substitution", "life"]])
def test_a_plan_with_days_lots_and_substitutes_comes_back(
    policies: list[str], form: str, engine: Solver, tmp_path: Path
) -> None:
    shipped = 0
    for seed in range(8):
        model = build_model(*typed(random_case(seed + 600, policies)))
        plan = engine.plan(model)
        if plan is None:
            continue
        folder = tmp_path / str(seed)
        folder.mkdir()
        again = read_plan(model, written(folder, Ledger(model.tables, model.scenario, plan), form))
        assert all(np.array_equal(getattr(again, name), getattr(plan, name)) for name in FIELDS)
        for name in ("row", "source", "units"):
            assert np.array_equal(getattr(again.draws, name), getattr(plan.draws, name))
        assert not broken(model.linear, values_from_plan(model, again))
        shipped += len(plan)
    assert shipped > 5


def test_what_is_no_longer_there_is_left_out(engine: Solver, tmp_path: Path) -> None:
    """The lot is gone, and the line has shrunk: what an arc carries is carried."""
    lots: list[dict[str, Any]] = [
        {"warehouse_id": "W", "product_id": "P", "lot_id": lot, "on_hand_qty": 3} for lot in ("L1", "L2")
    ]
    line = {"order_id": "A", "product_id": "P", "qty": 6}
    model, plan = engine.solved(order_lines=[line], stock=lots)
    folder = written(tmp_path, Ledger(model.tables, model.scenario, plan), "csv")
    smaller, _ = engine.solved(order_lines=[line | {"qty": 2}], stock=lots[1:])
    again: Plan = read_plan(smaller, folder)
    assert again.qty.tolist() == [2]
    assert SolveOptions(start=values_from_plan(smaller, again)).start is not None


def test_a_folder_without_a_plan_is_refused(engine: Solver, tmp_path: Path) -> None:
    model, _ = engine.solved(
        order_lines=[{"order_id": "A", "product_id": "P", "qty": 1}],
        stock=[{"warehouse_id": "W", "product_id": "P", "on_hand_qty": 3}],
    )
    with pytest.raises(UsageError, match="no readable plan"):
        read_plan(model, tmp_path)
