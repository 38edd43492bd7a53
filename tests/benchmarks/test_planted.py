"""Planted optima: the plan keeps every rule, an engine finds its value and no more, and the prices prove it exactly."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from benchmarks.instances import Size
from benchmarks.planted import CELLS, Planted, plant
from optimizer.engines.base import solve
from optimizer.engines.result import SolveOptions
from optimizer.model.build import build_model
from optimizer.proof.attribution import attribute
from optimizer.proof.bound import bound
from optimizer.proof.facts import Facts
from optimizer.proof.plan import Rows
from optimizer.proof.rules import check_rules
from optimizer.proof.tally import Tally
from optimizer.solution.extract import plan_from_values
from optimizer.solution.metrics import objective_value

SMALL = Size(150, warehouses=4, products=30, zones=6, lines_per_order=2.5, charge=1.0)
KINDS = [{}, {"capacity": True}, {"contracts": True}, {"capacity": True, "contracts": True}]


def tally_of(planted: Planted) -> Tally:
    facts = Facts(planted.tables, planted.scenario)
    return Tally(facts, Rows.of(facts, planted.plan.line, planted.plan.lane, planted.plan.qty))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_prices_prove_the_plan(kind: dict[str, bool], seed: int) -> None:
    planted = plant(SMALL, seed, **kind)
    tally = tally_of(planted)
    assert [rule.words() for rule in check_rules(tally) if not rule.passed] == []
    assert tally.objective == planted.value == objective_value(planted.tables, planted.scenario, planted.plan)
    found = bound(planted.tables, planted.scenario, json.loads(json.dumps(planted.certificate)))
    assert found.searched.all()
    assert found.value == planted.value
    parts = attribute(tally, found)
    assert parts.total == 0
    assert parts.least == 0


@pytest.mark.parametrize("kind", KINDS)
def test_highs_finds_the_planted_value(kind: dict[str, bool]) -> None:
    planted = plant(SMALL, 5, **kind)
    model = build_model(planted.tables, planted.scenario)
    result = solve(model.linear, "highs", SolveOptions(time_limit_s=60, gap=0.0))
    assert result.termination.reason == "OPTIMAL"
    assert result.values is not None
    plan = plan_from_values(model, result.values)
    assert objective_value(planted.tables, planted.scenario, plan) == planted.value


def test_it_is_no_trifle() -> None:
    """Some demand is refused, some orders are split, and nearly all stock is used up at a price."""
    planted = plant(Size(5_000, warehouses=10, products=500), 1)
    tables, plan = planted.tables, planted.plan
    ordered, stock = tables.order_lines["qty"].sum(), tables.stock["on_hand_qty"]
    parcels = np.unique(tables.line_order[plan.line] * len(tables.lanes) + plan.lane) // len(tables.lanes)
    assert 0.6 < plan.qty.sum() / ordered < 0.95
    assert len(parcels) > 1.04 * len(np.unique(parcels))
    assert stock[planted.stock_price.num > 0].sum() > 0.85 * stock.sum()


def test_pieces_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = plant(SMALL, 2)
    assert SMALL.lines * SMALL.warehouses < CELLS
    monkeypatch.setattr("benchmarks.planted.CELLS", 50)
    assert plant(SMALL, 2).value == whole.value


def test_other_prices_prove_less() -> None:
    planted = plant(SMALL, 3)
    half = replace(planted, stock_price=type(planted.stock_price)(planted.stock_price.num // 2, 2))
    found = bound(planted.tables, planted.scenario, half.certificate).value
    assert found is not None
    assert found > planted.value + Fraction(1)
