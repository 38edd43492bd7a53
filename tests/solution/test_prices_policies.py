"""What limits of policies are worth, on batches small enough to know the answer, and by re-solving changed batches."""

from __future__ import annotations

import copy
from collections import Counter
from typing import Any

import pytest

from optimizer.errors import InputError
from tests.builders import make_tables
from tests.instances import Case
from tests.model.cases import lane, stock
from tests.model.settings import case_scenario
from tests.oracle.search import best_plan
from tests.policy_instances import mixed_case
from tests.solution.priced import Row, priced, priced_case

NOISE = 1e-6


def lines(*rows: tuple[str, int, Any], **more: Any) -> list[dict[str, Any]]:
    """(order, qty, margin): one line each."""
    return [{"order_id": o, "product_id": "P", "qty": q, "unit_margin": m} | more for o, q, m in rows]


PLENTY = {"stock": [stock("W", 20)], "lanes": [lane("W")]}
HOUSES = [{"warehouse_id": name} for name in ("W1", "W2", "W3")]
ROUTE = {"from_warehouse_id": "W1", "to_warehouse_id": "W2", "cost_per_unit": 1}
ONWARD = {"from_warehouse_id": "W2", "to_warehouse_id": "W3", "cost_per_unit": 1}
CASES: dict[str, tuple[dict[str, Any], str, tuple[str, ...], tuple[float, float, float, float]]] = {
    "credit: four units at 2 fit into 9, a fifth into 10": (
        PLENTY
        | {
            "order_lines": lines(("A", 10, 5), unit_price=2),
            "customers": [{"customer_id": "C", "credit_limit": 9}],
        },
        "credit_limit", ("C",), (9, 8, 5, 0),
    ),
    "goods at 2 each": (
        PLENTY
        | {
            "order_lines": lines(("A", 10, 5)),
            "products": [{"product_id": "P", "unit_cost": 2}],
            "budgets": [{"budget_id": "B", "kind": "stock_value", "limit": 10}],
        },
        "budget", ("B",), (10, 10, 0, 5),
    ),
    "freight of 1 a unit, which margin of 5 pays": (
        PLENTY
        | {
            "order_lines": lines(("A", 10, 5)),
            "lanes": [lane("W", cost_per_unit=1)],
            "budgets": [{"budget_id": "B", "kind": "shipping_cost", "limit": 4}],
        },
        "budget", ("B",), (4, 4, 4, 4),
    ),
    "a unit held back less goes to others, at 5": (
        {
            "orders": [{"order_id": "A", "channel": "vip"}, {"order_id": "B"}],
            "order_lines": lines(("A", 1, 3), ("B", 9, 5)),
            "stock": [stock("W", 6)],
            "lanes": [lane("W")],
            "reserves": [{"reserve_id": "R", "channel": "vip", "qty": 4}],
        },
        "reserve", ("R",), (2, 2, 5, 5),
    ),
    "moving a unit costs 1": (
        {
            "order_lines": lines(("A", 9, 5)),
            "stock": [stock("W1", 6)],
            "lanes": [lane("W2")],
            "warehouses": HOUSES,
            "transfers": [ROUTE | {"capacity_units": 2}],
        },
        "transfer_capacity", ("W1", "W2"), (2, 2, 4, 4),
    ),
    "W2 ships at 2, W3 free; only W2's own two may move on there, at 1": (
        {
            "order_lines": lines(("A", 9, 5)),
            "stock": [stock("W1", 6), stock("W2", 2)],
            "lanes": [lane("W2", cost_per_unit=2), lane("W3")],
            "warehouses": HOUSES,
            "transfers": [ROUTE, ONWARD],
        },
        "transfer_source", ("P", "W2"), (2, 2, 1, 1),
    ),
}  # fmt: skip
"""Tables; the row; its right-hand side, what the plan uses, what one more gains and one fewer costs."""


@pytest.mark.parametrize("case", CASES)
def test_worth_of_one_more_and_one_fewer(case: str) -> None:
    tables, family, key, (rhs, used, gain, loss) = CASES[case]
    row = priced_case(tables).row(family, *key)
    assert (row["rhs"], row["used"], row["slack"]) == (rhs, used, rhs - used)
    assert (row["gain_plus_one"], row["loss_minus_one"], row["verified"]) == (gain, loss, "yes")
    assert row["price"] >= 0


def test_a_tariff_makes_stock_worth_what_the_next_band_leaves_of_it() -> None:
    """Three units of 1 kg cost 6; a fourth falls into the next band, where all four cost 4."""
    bands = [
        {"rate_id": "light", "from_kg": 0, "cost_per_kg": 2},
        {"rate_id": "heavy", "from_kg": 4, "cost_per_kg": 1},
    ]
    tables = {
        "order_lines": lines(("A", 4, 5)),
        "products": [{"product_id": "P", "unit_weight_kg": 1}],
        "stock": [stock("W", 3)],
        "lanes": [lane("W")],
        "rate_bands": [band | {"warehouse_id": "W", "zone_id": "Z"} for band in bands],
    }
    row = priced_case(tables).row("warehouse_stock", "W", "P")
    assert (row["gain_plus_one"], row["loss_minus_one"]) == (5 + 6 - 4, 5 - 2)


def test_a_unit_that_stays_where_it_was_planned_saves_its_cost() -> None:
    """W2 is dearer by 1, leaving W1 costs 3: the stock of W1 is worth that, too."""
    tables = {
        "order_lines": lines(("A", 4, 5)),
        "stock": [stock("W1", 2), stock("W2", 4)],
        "lanes": [lane("W1"), lane("W2", cost_per_unit=1)],
        "previous": [{"order_id": "A", "line_id": "1", "warehouse_id": "W1", "product_id": "P", "qty": 3}],
    }
    settings = {"stability": {"previous_plan": "previous", "cost_per_unit": 3}}
    row = priced_case(tables, **settings).row("warehouse_stock", "W1", "P")
    assert (row["gain_plus_one"], row["loss_minus_one"]) == (1 + 3, 1 + 3)


def changed(case: Case, row: Row, step: int) -> Case | None:
    """The case with the right-hand side of a row moved by ``step``; None where the tables cannot say that."""
    case = copy.deepcopy(case)
    tables, keys = case["tables"], dict.fromkeys(row.key)
    if row.family == "credit_limit":
        owner, column = next(r for r in tables["customers"] if r["customer_id"] in keys), "credit_limit"
    elif row.family == "budget":
        owner, column = next(r for r in tables["budgets"] if r["budget_id"] in keys), "limit"
    else:
        rows = [r for r in tables["transfers"] if (r["from_warehouse_id"], r["to_warehouse_id"]) == row.key[-2:]]
        owner, column = rows[0], "capacity_units"
        if len(rows) > 1:
            return None
    owner[column] += step
    return case if owner[column] >= 0 else None


@pytest.mark.parametrize("policies", [("credit", "budgets"), ("transfers",), ("tariffs", "budgets")])
def test_values_hold_against_exhaustive_search(policies: tuple[str, ...]) -> None:
    """Of rows of policies in random batches: signs, use within the limit, and both values by an exhaustive search."""
    seen: Counter[str] = Counter()
    for seed in range(14):
        case = mixed_case(seed, policies)
        scenario = case_scenario(case)
        try:
            tables = make_tables(scenario, **case["tables"])
        except InputError:
            continue
        best = best_plan(case)
        if best is None:
            continue
        solved = priced(tables, scenario)
        assert solved.value == best.value
        for row in solved.rows():
            if row.family in ("credit_limit", "budget", "transfer_capacity"):
                seen[row.family] += 1
                assert row["price"] >= 0
                assert row["slack"] >= 0
                check(case, row, float(best.value), (seed, row.family, row.key))
    assert seen.total() >= 2


def check(case: Case, row: Row, value: float, where: Any) -> None:
    for column, step in (("gain_plus_one", 1), ("loss_minus_one", -1)):
        other = changed(case, row, step)
        if other is None or row[column] is None:
            continue
        best = best_plan(other)
        assert best is not None, where
        true = (float(best.value) - value) * step
        assert (float(row[column]) - true) * step <= NOISE, (where, column)
        if row["value_basis"] == "global":
            assert abs(float(row[column]) - true) <= NOISE, (where, column)
