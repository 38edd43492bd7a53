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
from optimizer.solution.outputs import allocations, transfers
from optimizer.solution.plan import Plan
from optimizer.warm_start import read_plan
from tests.instances import random_case
from tests.solution.solving import Solver
from tests.solution.test_extract import broken
from tests.typed_cases import typed

FIELDS = ("line", "lane", "qty", "day", "product")


def written(folder: Path, ledger: Ledger, form: str) -> Path:
    for table in (allocations(ledger), transfers(ledger)):
        parts = csv_out.table_bytes(table) if form == "csv" else parquet_out.table_bytes(table, "test")
        (folder / f"{table.name}.{form}").write_bytes(b"".join(parts))
    return folder


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize(
    "policies",
    [
        ["lots", "inbound"],
        ["substitution", "calendar"],
        ["substitution", "life"],
        ["kits", "lots"],
        ["kits", "substitution"],
        ["transfers", "inbound"],
        ["transfers", "kits", "lots"],
    ],
)
def test_a_plan_of_any_policy_comes_back(policies: list[str], form: str, engine: Solver, tmp_path: Path) -> None:
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
        for name in ("transfer", "source", "day", "units", "product"):
            assert np.array_equal(getattr(again.moves, name), getattr(plan.moves, name))
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


KIT: dict[str, Any] = {
    "products": [{"product_id": name} for name in ("K", "P", "Q")],
    "kits": [{"product_id": "K", "component_id": "P", "qty": 2}, {"product_id": "K", "component_id": "Q", "qty": 1}],
    "substitutions": [{"product_id": "P", "substitute_id": "K", "ratio": 1}],
    "stock": [{"warehouse_id": "W", "product_id": name, "on_hand_qty": 6} for name in ("P", "Q")],
}


def test_a_kit_is_cut_to_what_the_line_still_wants(engine: Solver, tmp_path: Path) -> None:
    line = {"order_id": "A", "product_id": "K", "qty": 3}
    model, plan = engine.solved(order_lines=[line], **KIT)
    folder = written(tmp_path, Ledger(model.tables, model.scenario, plan), "csv")
    smaller, _ = engine.solved(order_lines=[line | {"qty": 2}], **KIT)
    again = read_plan(smaller, folder)
    assert again.qty.tolist() == [2]
    assert not broken(smaller.linear, values_from_plan(smaller, again))


def test_a_kit_and_its_component_beside_it_are_told_apart(engine: Solver, tmp_path: Path) -> None:
    """Of the 6 units of P, 4 go out in 2 kits and 2 alone."""
    line = {"order_id": "A", "product_id": "P", "qty": 4}
    model, _ = engine.solved(order_lines=[line], **KIT)
    products = model.tables.products["product_id"].tolist()
    mixed = Plan.of(
        np.array([0, 0]), np.array([0, 0]), np.array([2, 2]), product=np.array([products.index(name) for name in "KP"])
    )
    again = read_plan(model, written(tmp_path, Ledger(model.tables, model.scenario, mixed), "csv"))
    assert dict(zip(again.product.tolist(), again.qty.tolist(), strict=True)) == {
        products.index("K"): 2,
        products.index("P"): 2,
    }
    assert not broken(model.linear, values_from_plan(model, again))
