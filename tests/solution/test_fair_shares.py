"""Fair shares in a plan: stages of max-min, room and reasons under proportional shares, prices, what sharing costs."""

from __future__ import annotations

import threading
from dataclasses import replace
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest

from optimizer.engines.base import ENGINES
from optimizer.engines.result import Termination
from optimizer.model.build import Model, build_model
from optimizer.model.limits import ENDLESS
from optimizer.solution import stages
from optimizer.solution.extract import plan_from_values, values_from_plan
from optimizer.solution.ledger import Ledger
from optimizer.solution.optimize import Answer, optimize
from optimizer.solution.policies import common_fill, share_room, share_used
from optimizer.solution.reasons import shorts
from optimizer.solution.share_costs import share_costs
from optimizer.solution.stages import optimize_in_stages
from tests.builders import make_scenario, make_tables
from tests.model.cases import line, stock
from tests.model.solving import plan_of
from tests.solution.priced import priced

STOP = threading.Event()
GROUP = {"group_id": "G", "between": "order", "rule": "max_min", "tolerance": 0}
LINES = [line("A", 3, unit_margin=9), line("B", 4, unit_margin=5), line("C", 10, unit_margin=1)]


def model_of(rule: dict[str, Any], engine: str = "highs", units: int = 9, **more: Any) -> Model:
    scenario = make_scenario(solve={"engine": engine, "time_limit_s": 30, "gap": 0})
    given = {"order_lines": LINES, "stock": [stock("W1", units)], "fair_share": [GROUP | rule]} | more
    return build_model(make_tables(scenario, **given), scenario)


def answered(model: Model) -> Answer:
    return optimize_in_stages(model, None, None, STOP)


def allocated(model: Model, answer: Answer) -> list[int]:
    assert answer.plan is not None
    return Ledger(model.tables, model.scenario, answer.plan).allocated.tolist()


def fairest(units: int, asked: tuple[int, ...]) -> list[Fraction]:
    """The lexicographically largest sorted fills that so many units allow."""
    ways = (way for way in product(*(range(qty + 1) for qty in asked)) if sum(way) <= units)
    return max(sorted(Fraction(got, qty) for got, qty in zip(way, asked, strict=True)) for way in ways)


@pytest.mark.parametrize("engine", ENGINES)
def test_max_min_is_lexicographic_for_whole_units(engine: str) -> None:
    model = model_of({}, engine)
    got = allocated(model, answered(model))
    assert sorted(Fraction(has, asked) for has, asked in zip(got, (3, 4, 10), strict=True)) == fairest(9, (3, 4, 10))
    assert got == [2, 2, 5]


def test_cases_make_it_lexicographic_beyond_the_first_level() -> None:
    products = [{"product_id": "P"}, {"product_id": "Q", "case_pack": 4}]
    lines = [line("A", 4, product="Q"), line("B", 3), line("C", 5, unit_margin=0.5)]
    model = model_of({}, order_lines=lines, products=products, stock=[stock("W1", 3, "Q"), stock("W1", 5)])
    assert allocated(model, answered(model)) == [0, 2, 3]


def test_a_level_may_give_way_by_what_the_tolerance_is_to_the_largest_party() -> None:
    model = model_of({"tolerance": 1})
    answer = answered(model)
    assert [stage["tolerance"] for stage in answer.stages] == [Fraction(1, 10)] * 3
    kept = [stage["kept"] for stage in answer.stages]
    assert kept[0] == Fraction(2, 5)
    assert all(stage["reached"] >= stage["kept"] for stage in answer.stages)
    assert tuple(allocated(model, answer)) == by_levels(9, (3, 4, 10), (9, 5, 1), Fraction(1, 10))


def by_levels(units: int, asked: tuple[int, ...], margins: tuple[int, ...], tolerance: Fraction) -> tuple[int, ...]:
    """The best plan that keeps every sum of lowest fills to within the tolerance, by trying all."""
    plans = [way for way in product(*(range(qty + 1) for qty in asked)) if sum(way) <= units]
    for level in range(1, len(asked) + 1):
        sums = [sum(sorted(map(Fraction, way, asked))[:level]) for way in plans]
        plans = [way for way, reached in zip(plans, sums, strict=True) if reached >= max(sums) - tolerance]
    return max(plans, key=lambda way: sum(a * b for a, b in zip(way, margins, strict=True)))


def test_levels_end_where_everybody_is_full() -> None:
    assert len(answered(model_of({}, units=99)).stages) == 1


def test_the_stages_of_the_objective_come_after_shares() -> None:
    scenario = make_scenario(
        objective={"mode": "lexicographic", "stages": [{"kpi": "units_allocated"}]}, solve={"engine": "highs"}
    )
    model = build_model(make_tables(scenario, order_lines=LINES, stock=[stock("W1", 9)], fair_share=[GROUP]), scenario)
    kpis = [stage["kpi"] for stage in answered(model).stages]
    assert kpis == ["fair_share[1:G]", "fair_share[2:G]", "fair_share[3:G]", "units_allocated"]


@pytest.mark.parametrize("engine", ENGINES)
def test_proportional_shares_are_within_the_tolerance_of_one_fill(engine: str) -> None:
    model = model_of({"rule": "proportional", "tolerance": 1}, engine)
    answer = answered(model)
    assert allocated(model, answer) == [2, 3, 4]
    assert answer.value == 2 * 9 + 3 * 5 + 4


def test_columns_say_what_the_plan_says() -> None:
    for rule in ("max_min", "proportional"):
        model = model_of({"rule": rule, "tolerance": 1})
        answer = answered(model)
        assert answer.model is not None
        assert answer.plan is not None
        linear, values = answer.model.linear, values_from_plan(answer.model, answer.plan)
        activity = np.add.reduceat(linear.data * values[linear.indices], linear.indptr[:-1])
        assert (activity <= linear.row_upper + 1e-9).all()
        assert (activity >= linear.row_lower - 1e-9).all()
        again = Ledger(model.tables, model.scenario, plan_from_values(answer.model, values)).allocated
        assert again.tolist() == allocated(model, answer)


def test_room_is_what_a_party_could_get_more_with_the_others_as_they_are() -> None:
    model = model_of({"rule": "proportional", "tolerance": 1})
    rng = np.random.default_rng(3)
    for _ in range(40):
        got = [int(rng.integers(0, most + 1)) for most in (3, 4, 10)]
        if not _shares(got):
            continue
        plan = plan_of(model, {(name, "1", "W1"): units for name, units in zip("ABC", got, strict=True) if units})
        room = share_room(Ledger(model.tables, model.scenario, plan)).tolist()
        for party in range(3):
            more = room[party]
            assert _shares([units + (more if at == party else 0) for at, units in enumerate(got)])
            assert not _shares([units + (more + 1 if at == party else 0) for at, units in enumerate(got)])


def _shares(got: list[int]) -> bool:
    """Whether one fill is within a unit of all parties, by trying every candidate."""
    asked = (3, 4, 10)
    fills = [Fraction(units + off, all_) for units, all_ in zip(got, asked, strict=True) for off in (-1, 1)]
    candidates = [min(max(fill, Fraction(0)), Fraction(1)) for fill in fills]
    return any(
        all(abs(units - fill * all_) <= 1 for units, all_ in zip(got, asked, strict=True)) for fill in candidates
    )


def test_lines_outside_have_endless_room() -> None:
    model = model_of({"rule": "proportional", "order_id": "", "product_id": "P"})
    other = model_of({"rule": "max_min"})
    plan = plan_of(other, {("A", "1", "W1"): 1})
    assert share_room(Ledger(other.tables, other.scenario, plan)).tolist() == [ENDLESS] * 3
    assert max(share_room(Ledger(model.tables, model.scenario, plan_of(model, {}))).tolist()) < ENDLESS


def test_a_short_line_says_that_its_party_has_its_share() -> None:
    model = model_of({"rule": "proportional", "tolerance": 1}, units=99, stock=[stock("W1", 99)], order_lines=[
        line("A", 3), line("B", 4, product="Q")])  # fmt: skip
    answer = answered(model)
    assert answer.plan is not None
    table = shorts(model, answer.plan, None, None)
    told = dict(zip(table["order_id"].tolist(), zip(table["reason"], table["detail"], strict=True), strict=True))
    assert told["A"][0] == "fair_share"
    assert told["A"][1] == "A has 1 of 3 units in fair share G; the others' shares leave room for no more"


def test_what_a_share_costs_is_what_the_batch_without_it_is_worth_more() -> None:
    model = model_of({})
    answer = answered(model)
    cost = share_costs(model, answer, STOP, 20.0)[0]
    without = 3 * 9 + 4 * 5 + 2 * 1
    assert answer.value == 2 * 9 + 2 * 5 + 5
    assert cost["cost"] == cost["margin_cost"] == without - answer.value
    assert cost["at_least"] <= cost["cost"] <= cost["at_most"]
    assert cost["at_most"] - cost["at_least"] < Fraction(1, 1000)


def test_without_time_no_cost_is_claimed() -> None:
    model = model_of({})
    assert share_costs(model, answered(model), STOP, 0.1) == {}


def test_a_unit_of_tolerance_has_its_price() -> None:
    model = model_of({"rule": "proportional", "tolerance": 1})
    solved = priced(model.tables, model.scenario)
    ledger = Ledger(model.tables, model.scenario, solved.plan)
    low, high = common_fill(ledger, 0)
    assert low <= high
    _, used = share_used(ledger, np.array([0, 1, 2]), np.array([0, 0, 0]))
    assert max(used.fractions()) <= 1
    for party, side in product("ABC", ("above", "below")):
        row = solved.row("fair_share", "G", party, side)
        assert row["rhs"] == 1
        for change in (1, -1):
            truth = _best(model, party, side, 1 + change) - solved.value
            assert (row["gain_plus_one"] if change > 0 else -row["loss_minus_one"]) == pytest.approx(
                float(truth), abs=1e-6
            ), (party, side)


def _best(model: Model, party: str, side: str, off: int) -> Fraction:
    """The best value by trying every plan, where one party may be ``off`` units off its share on one side."""
    asked, margins = (3, 4, 10), (9, 5, 1)
    worth = Fraction(0)
    for got in product(*(range(most + 1) for most in asked)):
        if sum(got) > 9:
            continue
        above = [off if (name, side) == (party, "above") else 1 for name in "ABC"]
        below = [off if (name, side) == (party, "below") else 1 for name in "ABC"]
        low = max([Fraction(0), *(Fraction(a - u, d) for a, u, d in zip(got, above, asked, strict=True))])
        high = min([Fraction(1), *(Fraction(a + u, d) for a, u, d in zip(got, below, asked, strict=True))])
        if low <= high:
            worth = max(worth, Fraction(sum(a * b for a, b in zip(got, margins, strict=True))))
    return worth


def test_a_start_that_breaks_the_rules_is_never_the_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when inputs have changed since the plan to start from, and the clock ends before the last stage finds any."""
    model, impossible = model_of({}), {("A", "1", "W1"): 3, ("B", "1", "W1"): 4, ("C", "1", "W1"): 10}

    def finds_nothing(last: Model, start: Any, *rest: Any, **more: Any) -> Answer:
        answer = optimize(last, None, None, STOP)
        ended = Termination("NO_SOLUTION", "time")
        return Answer(replace(answer.result, termination=ended, values=None, best_bound=np.inf), "highs", "as asked")

    monkeypatch.setattr(stages, "optimize", finds_nothing)
    answer = optimize_in_stages(model, plan_of(model, impossible), None, STOP)
    assert sum(allocated(model, answer)) <= 9
