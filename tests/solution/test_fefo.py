"""First expired, first out: older lots leave first where that changes nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np

from optimizer.model.build import Model, build_model
from optimizer.solution.extract import values_from_plan
from optimizer.solution.fefo import first_expired_first_out
from optimizer.solution.metrics import kpis
from optimizer.solution.plan import Draws, Plan
from tests.builders import make_scenario, make_tables
from tests.solution.test_extract import broken


def lot(name: str, qty: int, expiry: str = "", **more: Any) -> dict[str, Any]:
    row = {"warehouse_id": "W", "product_id": "P", "lot_id": name, "on_hand_qty": qty} | more
    return row | ({"expiry_date": expiry} if expiry else {})


def build(lots: list[dict[str, Any]], qty: int = 4, **tables: Any) -> Model:
    scenario = make_scenario()
    lines = tables.pop("order_lines", [{"order_id": "A", "product_id": "P", "qty": qty, "unit_margin": 5}])
    return build_model(make_tables(scenario, order_lines=lines, stock=lots, **tables), scenario)


def drawn(model: Model, **units: int) -> Plan:
    """One row that takes so many units of each lot."""
    source = [model.batch.supply.lot.tolist().index(name) for name in units]
    nothing, total = np.zeros(len(source), dtype=np.int64), np.array([sum(units.values())])
    draws = Draws.of(nothing, np.array(source), np.array(list(units.values())))
    zero = np.zeros(1, dtype=np.int64)
    return Plan(zero, zero, total, product=zero, draws=draws)


def after(model: Model, plan: Plan) -> dict[str, int]:
    better = first_expired_first_out(model, plan)
    figures = [kpis(model.tables, model.scenario, each) for each in (plan, better)]
    assert figures[0] == figures[1]
    assert not broken(model.linear, values_from_plan(model, better))
    lots = model.batch.supply.lot[better.draws.source]
    return dict(zip(lots.tolist(), better.draws.units.tolist(), strict=True))


def test_the_lot_that_expires_first_leaves_first() -> None:
    model = build([lot("L1", 9, "2026-12-31"), lot("L2", 3, "2026-11-30"), lot("L3", 9)])
    assert after(model, drawn(model, L3=4)) == {"L2": 3, "L1": 1}
    assert after(model, drawn(model, L1=2, L3=2)) == {"L2": 3, "L1": 1}


def test_a_lot_that_is_too_old_for_the_customer_stays() -> None:
    customers = [{"customer_id": "C", "min_remaining_life_days": 20}]
    model = build([lot("L1", 9, "2026-12-31"), lot("L2", 9, "2026-11-30")], customers=customers)
    assert after(model, drawn(model, L1=4)) == {"L1": 4}


def test_a_lot_that_is_worth_more_to_move_stays() -> None:
    model = build([lot("L1", 9, "2026-12-31", holding_value_per_unit=2), lot("L2", 9, "2026-11-30")])
    assert after(model, drawn(model, L1=4)) == {"L1": 4}


def test_whole_cases_change_their_lot() -> None:
    lots = [lot("L1", 9, "2026-12-31"), lot("L2", 3, "2026-11-30")]
    model = build(lots, products=[{"product_id": "P", "case_pack": 2}])
    assert after(model, drawn(model, L1=4)) == {"L1": 2, "L2": 2}


def test_a_pinned_lot_stays() -> None:
    lots = [lot("L1", 9, "2026-12-31"), lot("L2", 9, "2026-11-30")]
    pin = {"order_id": "A", "line_id": "1", "warehouse_id": "W", "mode": "exactly", "qty": 4, "lot_id": "L1"}
    model = build(lots, pins=[pin])
    assert after(model, drawn(model, L1=4)) == {"L1": 4}


def test_freed_units_serve_the_next_younger_draw() -> None:
    """Two lines: the first leaves the second lot for the first, and the other may then take it."""
    lots = [lot("L1", 2, "2026-11-25"), lot("L2", 2, "2026-11-30"), lot("L3", 2, "2026-12-31")]
    lines = [{"order_id": o, "product_id": "P", "qty": 2, "unit_margin": 5} for o in ("A", "B")]
    model = build(lots, order_lines=lines)
    two = np.array([0, 1])
    plan = Plan(two, np.zeros(2, dtype=np.int64), np.array([2, 2]), product=np.zeros(2, dtype=np.int64))
    plan = Plan(
        plan.line, plan.lane, plan.qty, plan.day, plan.product, Draws.of(two, np.array([1, 2]), np.array([2, 2]))
    )
    better = first_expired_first_out(model, plan)
    assert better.draws.source.tolist() == [0, 1]
