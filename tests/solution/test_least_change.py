"""What least changes claim, tried out: the batch is built anew from changed tables and solved by another engine."""

from __future__ import annotations

import copy
import datetime
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from optimizer.engines.base import SolveServer
from optimizer.engines.result import SolveOptions
from optimizer.model.build import Model, build_model
from optimizer.model.linear_model import LinearModel
from optimizer.solution.edits import Edit
from optimizer.solution.least_change import Change, LeastChange, LeastEffort, least_changes
from optimizer.solution.least_words import said
from optimizer.solution.ledger import Ledger
from optimizer.solution.plan import Plan
from tests.builders import make_scenario, make_tables
from tests.instances import Case, Row
from tests.policy_instances import POLICIES
from tests.policy_rows import iso
from tests.solution.solving import Solver
from tests.typed_cases import random_cases, typed

CENT = Fraction(1, 100)
EARLIER, LATER = ("available_date",), ("cancel_date", "due_date")
PARTED = ("transfers", "inbound")
SLIP = 1e-5
"""Money within which two engines' values are the same."""


def matches(row: Row, key: dict[str, str]) -> bool:
    return all(str(row.get(name, "standard" if name == "service_id" else "")) == wanted for name, wanted in key.items())


def edited(case: Case, edits: tuple[Edit, ...]) -> Case:
    """The case with the edits made in its plain rows."""
    case = copy.deepcopy(case)
    for edit in edits:
        rows = case["tables"].setdefault(edit.table, [])
        chosen = [row for row in rows if matches(row, dict(edit.key))]
        if edit.action == "drop":
            assert chosen
            case["tables"][edit.table] = [row for row in rows if row not in chosen]
            continue
        if not chosen and edit.table == "stock":
            rows.append({**edit.key, "on_hand_qty": 0})
            chosen = rows[-1:]
        assert len(chosen) == 1, edit
        if edit.action == "set":
            chosen[0][edit.column] = edit.value
        else:
            chosen[0][edit.column] = Fraction(chosen[0][edit.column]) + Fraction(str(edit.value))
    return case


def with_fills(model: Model, least: np.ndarray, line: int, low: float, high: float) -> LinearModel:
    """The model where every line gets at least so many units, and ``line`` between low and high."""
    linear, arcs = model.linear, model.arcs
    lower, upper = least.astype(float), np.full(len(least), np.inf)
    lower[line], upper[line] = low, high
    entry = np.argsort(arcs.line, kind="stable")
    counts = np.bincount(arcs.line, minlength=len(least))
    return replace(
        linear,
        indptr=np.concatenate([linear.indptr, linear.indptr[-1] + np.cumsum(counts)]),
        indices=np.concatenate([linear.indices, entry]).astype(np.int32),
        data=np.concatenate([linear.data, arcs.step[entry]]).astype(float),
        row_lower=np.concatenate([linear.row_lower, lower]),
        row_upper=np.concatenate([linear.row_upper, upper]),
    )


class Judge:
    """Solves whole batches with an engine that the product does not use for this."""

    def __init__(self, server: SolveServer) -> None:
        self.server = server

    def best(self, linear: LinearModel) -> float:
        if linear.n_cols == 0:
            possible = (linear.row_lower <= 0).all() and (linear.row_upper >= 0).all()
            return linear.offset if possible else -np.inf
        result = self.server.solve(linear, SolveOptions(gap=0.0))
        assert result.termination.reason in ("OPTIMAL", "INFEASIBLE"), result.termination
        if result.values is None:
            return -np.inf
        values = np.where(linear.integral, np.rint(result.values), result.values)
        return float(linear.objective @ values) + linear.offset

    def fills(self, case: Case, least: np.ndarray, line: int) -> tuple[float, float]:
        """Best value with the line filled, and with it not filled, all others as well served as ``least``."""
        model = build_model(*typed(case))
        ordered = int(model.tables.order_lines["qty"][line])
        full = self.best(with_fills(model, least, line, ordered, np.inf))
        return full, self.best(with_fills(model, least, line, -np.inf, ordered - 1))


def lesser(change: Change) -> Iterator[tuple[str, tuple[Edit, ...]]]:
    """The change with slightly less of one thing at a time."""
    for place, edit in enumerate(change.edits):
        rest = change.edits[:place] + change.edits[place + 1 :]
        if edit.column in EARLIER + LATER:
            day = datetime.timedelta(days=1 if edit.column in EARLIER else -1)
            yield edit.column, (*rest, replace(edit, value=str(datetime.date.fromisoformat(edit.value) + day)))
        if edit.action != "add":
            continue
        if edit.column == "unit_margin":
            yield "pay", (*rest, replace(edit, value=str(Fraction(edit.value) - CENT)))
        else:
            yield "limit", (*rest, replace(edit, value=int(edit.value) - (1 if edit.value > 0 else -1)))
    if change.rule:
        yield "rule", tuple(edit for edit in change.edits if edit.action == "add")


def check(judge: Judge, case: Case, model: Model, plan: Plan, tried: Counter[str], most: int) -> None:
    ledger = Ledger(model.tables, model.scenario, plan)
    for line, found in least_changes(model, plan, LeastEffort(60)).items():
        tried["lines"] += 1
        tried["complete"] += found.complete
        for change in found.changes:
            about = (model.tables.order_lines["order_id"][line], model.tables.order_lines["line_id"][line], change)
            full, rest = judge.fills(edited(case, change.edits), ledger.allocated, line)
            assert full >= rest - SLIP, about
            for what, edits in lesser(change) if found.everything else ():
                full, rest = judge.fills(edited(case, edits), ledger.allocated, line)
                assert full < rest or full == -np.inf, (what, full, rest, about)
                tried[what] += 1
            tried["changes"] += 1
        if tried["lines"] >= most:
            return


def run(engine: Solver, first: int, lines: int) -> Counter[str]:
    tried: Counter[str] = Counter()
    with SolveServer("cbc") as server:
        for seed, case in batches(first):
            model = build_model(*typed(case))
            plan = engine.plan(model)
            if plan is not None:
                try:
                    check(Judge(server), case, model, plan, tried, lines)
                except AssertionError as error:
                    raise AssertionError(f"seed {seed}: {error}") from error
            if tried["lines"] >= lines:
                return tried
    raise AssertionError("too few batches")


def batches(first: int) -> Iterator[tuple[int, Case]]:
    """In turn one without any dates and one, of few other rules, whose goods are mostly still to come."""
    for seed in range(first, first + 10_000):
        for _, case in random_cases(1, 0.1 if seed % 2 else 0.25, seed):
            if seed % 2:
                put_off(random.Random(seed), case["tables"])
            yield seed, case


def put_off(rng: random.Random, tables: dict[str, list[Row]]) -> None:
    """Goods enough for most lines, but late; orders have cancel dates or pay for lateness."""
    tables["inbound"] = [
        {"receipt_id": f"I{number}", **{name: stock[name] for name in ("warehouse_id", "product_id")}}
        | {"qty": rng.randint(2, 9), "available_date": iso(rng.randint(1, 12))}
        for number, stock in enumerate(tables["stock"] * 2)
        if rng.random() < 0.6
    ]
    for stock in tables["stock"]:
        stock["on_hand_qty"] = rng.choice([0, 0, 1, 2])
    for order in tables["orders"]:
        order["cancel_date"] = iso(rng.randint(0, 8)) if rng.random() < 0.5 else None
        order["due_date"] = iso(rng.randint(0, 4)) if rng.random() < 0.8 else None
    for line in tables["order_lines"]:
        line["late_penalty_per_unit_day"] = rng.choice([1, 2, 4])
    for lane in tables["lanes"]:
        lane["transit_days"] = rng.randint(0, 2)


def test_each_stated_change_fills_its_line_and_slightly_less_does_not(engine: Solver) -> None:
    tried = run(engine, 0, 20)
    assert min(tried[what] for what in ("pay", "limit", "rule")) >= 3, tried
    assert sum(tried[what] for what in EARLIER + LATER) >= 3, tried


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_each_stated_change_of_many_lines(engine: Solver) -> None:
    tried = run(engine, 5000, 200)
    assert min(tried[what] for what in ("pay", "limit", "rule")) >= 30, tried
    assert min(tried[what] for what in EARLIER + LATER) >= 3, tried


# -- where the part is not the whole batch -----------------------------------------------------------------------------
def near(engine: Solver, fit: int, **tables: Any) -> dict[str, LeastChange]:
    """By order (of one line each) what is found where so many orders fit in a part."""
    scenario = make_scenario()
    model = build_model(make_tables(scenario, **tables), scenario)
    plan = engine.plan(model)
    assert plan is not None
    names = model.tables.orders["order_id"][model.tables.line_order].tolist()
    found = least_changes(model, plan, LeastEffort(60, columns=fit))
    assert not any(one.everything for one in found.values())
    return {names[line]: one for line, one in found.items()}


def one_each(**margins: Any) -> dict[str, Any]:
    """An order of one unit for each margin; of a line of which the margin is None it follows from price and cost: 1."""
    lines = [{"order_id": name, "product_id": "P", "qty": 1} for name in margins]
    for line, margin in zip(lines, margins.values(), strict=True):
        line |= {"unit_price": 3} if margin is None else {"unit_margin": margin}
    products = [{"product_id": "P", "unit_cost": 2}, {"product_id": "Q"}]
    return {"products": products, "orders": [{"order_id": name} for name in margins], "order_lines": lines}


def test_an_order_beyond_the_nearest_would_take_it(engine: Solver) -> None:
    stock = [{"warehouse_id": "W", "product_id": "P", "on_hand_qty": 1}]
    found = near(engine, 2, stock=stock, **one_each(A=1, B=9, C=5))
    assert [one.words for one in found["C"].changes] == ["1 more unit of P at W"]
    assert found["C"].complete
    assert not found["A"].changes  # among A and B, who has the first unit, another would do
    assert not found["A"].complete
    assert "no change" not in said(found["A"])


def test_goods_without_a_row_of_stock_and_a_margin_from_the_price(engine: Solver) -> None:
    """The change is tried again in tables that have no cell yet for it."""
    receipt = {"receipt_id": "R", "warehouse_id": "W", "product_id": "P", "qty": 2, "available_date": iso(3)}
    stock = [{"warehouse_id": "W", "product_id": "Q", "on_hand_qty": 0}]
    found = near(engine, 4, stock=stock, inbound=[receipt], **one_each(A=None, B=2, C=3, D=4, E=0))
    assert "1 more unit of P at W and a unit margin higher by 1" in [one.words for one in found["A"].changes]


# -- where policies mix ----------------------------------------------------------------------------------------------
def run_mixed(engine: Solver, first: int, lines: int) -> Counter[str]:
    """The same for batches with days, lots, substitutes, kits, moves, reserves, money limits and tariffs."""
    tried: Counter[str] = Counter()
    with SolveServer("cbc") as server:
        for seed in range(first, first + 10_000):
            policies = random.Random(seed).sample(sorted(POLICIES), 2)
            for _, case in random_cases(1, tuple(policies), seed):
                model = build_model(*typed(case))
                plan = engine.plan(model)
                if plan is not None:
                    try:
                        check(Judge(server), case, model, plan, tried, lines)
                    except AssertionError as error:
                        raise AssertionError(f"seed {seed}, {policies}: {error}") from error
            if tried["lines"] >= lines:
                return tried
    raise AssertionError("too few batches")


def test_changes_among_the_nearest_orders_that_others_would_take(engine: Solver) -> None:
    """Batches a little larger than a part, in which the orders left out would rather have what is moved to them."""
    tried: Counter[str] = Counter()
    with SolveServer("cbc") as server:
        for _, case in (drawn for seed in (40010, 40012, 40024) for drawn in random_cases(1, PARTED, seed)):
            model = build_model(*typed(case))
            plan = engine.plan(model)
            assert plan is not None
            check(Judge(server), case, model, plan, tried, 1000)
    assert tried["changes"] >= 10, tried


def test_changes_of_lines_under_policies(engine: Solver) -> None:
    tried = run_mixed(engine, 0, 12)
    assert tried["limit"] >= 3, tried


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_changes_of_many_lines_under_policies(engine: Solver) -> None:
    tried = run_mixed(engine, 700, 150)
    assert min(tried[what] for what in ("pay", "limit", "rule")) >= 10, tried
