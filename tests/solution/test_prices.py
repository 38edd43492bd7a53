"""Prices of shared rows and the values of one unit more and fewer, on batches small enough to know the answer."""

from __future__ import annotations

import re
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from optimizer.engines.resolve import RowEffort
from optimizer.exact import decimal_text
from optimizer.proof.bound import bound
from optimizer.solution.prices import price_plan
from optimizer.solution.prices_table import COLUMNS
from tests.builders import make_scenario, make_tables
from tests.solution.priced import EFFORTS, Solved, best_plan, priced, priced_case

DOCS = Path(__file__).parents[2] / "docs" / "prices.md"
LONG = Fraction(1, 10**9)


def lines(*rows: tuple[str, int, Any], product: str = "P") -> list[dict[str, Any]]:
    """(order, qty, margin): one line each."""
    return [{"order_id": o, "product_id": product, "qty": q, "unit_margin": m} for o, q, m in rows]


def stock(qty: int, product: str = "P") -> dict[str, Any]:
    return {"warehouse_id": "W", "product_id": product, "on_hand_qty": qty}


def lane(**more: Any) -> dict[str, Any]:
    return {"warehouse_id": "W", "zone_id": "Z"} | more


@pytest.mark.parametrize("effort", EFFORTS)
def test_a_degenerate_row_has_two_sides_and_a_price_between(effort: str) -> None:
    """3 units for the first, none for the second: one more is worth 6, one fewer costs 10."""
    solved = priced_case(
        {"order_lines": lines(("A", 3, 10), ("B", 4, 6)), "stock": [stock(3)], "lanes": [lane()]}, EFFORTS[effort]
    )
    row = solved.row("warehouse_stock", "W", "P")
    assert (row["gain_plus_one"], row["loss_minus_one"]) == (6, 10)
    assert 6 <= row["price"] <= 10
    assert row["valid_from"] <= 3 <= row["valid_to"]
    assert (row["rhs"], row["used"], row["slack"], row["unit"], row["verified"]) == (3, 3, 0, "units", "yes")


def test_a_row_that_is_full_and_worth_nothing() -> None:
    """Demand is met exactly: the last unit is worth its margin, a further one nothing."""
    solved = priced_case({"order_lines": lines(("A", 3, 10)), "stock": [stock(3)], "lanes": [lane()]})
    row = solved.row("warehouse_stock", "W", "P")
    assert (row["slack"], row["gain_plus_one"], row["loss_minus_one"]) == (0, 0, 10)
    assert 0 <= row["price"] <= 10


def test_a_row_with_slack_may_have_a_price() -> None:
    """Whole orders only: 4 units are on hand, 3 are used, and one more would let the larger order go instead."""
    tables = {
        "orders": [
            {"order_id": "A", "delivery_policy": "order_complete"},
            {"order_id": "B", "delivery_policy": "order_complete"},
        ],
        "order_lines": lines(("A", 3, 2), ("B", 5, 3)),
        "stock": [stock(4)],
        "lanes": [lane()],
    }
    row = priced_case(tables).row("warehouse_stock", "W", "P")
    assert (row["slack"], row["gain_plus_one"], row["loss_minus_one"]) == (1, 9, 0)
    assert row["price"] > 0


def test_more_stock_than_anyone_wants_cannot_bind() -> None:
    solved = priced_case({"order_lines": lines(("A", 3, 10)), "stock": [stock(4)], "lanes": [lane()]})
    row = solved.row("warehouse_stock", "W", "P")
    assert (row["price"], row["gain_plus_one"], row["loss_minus_one"]) == (0, 0, 0)
    assert (row["price_basis"], row["value_basis"], row["verified"]) == ("cannot_bind", "global", "yes")
    assert (row["used"], row["slack"], row["valid_from"], row["valid_to"]) == (3, 1, 3, None)
    assert not solved.prices.certificate


def test_stock_that_is_sold_out_is_priced_too() -> None:
    """There is none to lose, so the loss is blank; a first unit would earn its margin."""
    solved = priced_case({"order_lines": lines(("A", 3, 10)), "stock": [stock(0)], "lanes": [lane()]})
    row = solved.row("warehouse_stock", "W", "P")
    assert (row["rhs"], row["price"], row["gain_plus_one"]) == (0, 10, 10)
    assert (row["loss_minus_one"], row["verified"]) == (None, "yes")


def test_one_more_unit_reaches_the_next_case() -> None:
    """Five units are no case of six: the line is out of the plan's model, and the sixth unit still brings it back."""
    tables = {
        "products": [{"product_id": "P", "case_pack": 6}],
        "order_lines": lines(("A", 6, 2)),
        "stock": [stock(5)],
        "lanes": [lane()],
    }
    row = priced_case(tables).row("warehouse_stock", "W", "P")
    assert (row["used"], row["gain_plus_one"], row["loss_minus_one"]) == (0, 12, 0)


def test_a_soft_minimum_is_worth_at_most_its_penalty() -> None:
    """The contract's line loses 3 a unit, a unit missed costs 2: it is bought off, and one more owed costs 2."""
    tables = {
        "order_lines": lines(("A", 5, -3)),
        "stock": [stock(5)],
        "lanes": [lane()],
        "contracts": [{"contract_id": "K", "order_id": "A", "min_qty": 4, "shortfall_penalty": 2}],
    }
    solved = priced_case(tables)
    row = solved.row("contract_minimum", "K")
    assert solved.value == -8
    assert (row["price"], row["gain_plus_one"], row["loss_minus_one"]) == (-2, -2, -2)
    assert (row["rhs"], row["used"], row["slack"]) == (4, 0, -4)


@pytest.mark.parametrize("owed", [5, 4])
def test_a_hard_minimum_that_cannot_rise(owed: int) -> None:
    """With all stock owed, one more has no plan: blank and said so; with one unit to spare it has its cost."""
    tables = {
        "order_lines": lines(("A", 6, 1), ("B", 6, 4)),
        "stock": [stock(5)],
        "lanes": [lane()],
        "contracts": [{"contract_id": "K", "order_id": "A", "min_qty": owed}],
    }
    row = priced_case(tables).row("contract_minimum", "K")
    assert row["price"] <= 0
    assert row["loss_minus_one"] == -3
    assert row["gain_plus_one"] == (None if owed == 5 else -3)
    assert row["verified"] == ("infeasible" if owed == 5 else "yes")


def test_every_limit_has_its_row_its_unit_and_the_right_sign() -> None:
    tables = {
        "products": [{"product_id": "P", "unit_weight_kg": "0.3"}],
        "order_lines": lines(("A", 3, 10), ("B", 4, 6)),
        "stock": [stock(6)],
        "warehouses": [
            {"warehouse_id": "W", "fixed_open_cost": 3, "capacity_units": 6, "capacity_lines": 2,
             "capacity_shipments": 1, "capacity_kg": "1.7"}
        ],
        "lanes": [lane(capacity_units=5, capacity_kg="1.6", capacity_shipments=2, fixed_cost=1)],
        "contracts": [{"contract_id": "K", "min_qty": 1, "max_qty": 5}],
    }  # fmt: skip
    solved = priced_case(tables, service={"min_level": {"overall": 0.2}})
    units = {row.family: row["unit"] for row in solved.rows()}
    assert units == {
        "contract_minimum": "units",
        "contract_quota": "units",
        "lane_capacity_kg": "kg",
        "lane_capacity_shipments": "shipments",
        "lane_capacity_units": "units",
        "service_floor": "weighted units",
        "warehouse_capacity_kg": "kg",
        "warehouse_capacity_lines": "lines",
        "warehouse_capacity_shipments": "shipments",
        "warehouse_capacity_units": "units",
        "warehouse_stock": "units",
    }
    kg = solved.row("lane_capacity_kg", "W", "Z", "standard")
    assert (kg["rhs"], kg["used"], kg["slack"]) == (Fraction(8, 5), Fraction(9, 10), Fraction(7, 10))
    floor = solved.row("service_floor", "overall")
    assert (floor["rhs"], floor["used"], floor["slack"]) == (Fraction(14, 10), 3, Fraction(16, 10))
    assert all(row["price"] <= 0 for row in (floor, solved.row("contract_minimum", "K")))
    assert tuple(solved.prices.shadow_prices.columns) == COLUMNS


def test_kilograms_of_capacity_are_worth_what_they_carry() -> None:
    """A kg carries five units of 0.2 kg, of margin 1: values are per kg, whatever the row was multiplied by inside."""
    tables = {
        "products": [{"product_id": "P", "unit_weight_kg": "0.2"}],
        "order_lines": lines(("A", 40, 1)),
        "stock": [stock(40)],
        "warehouses": [{"warehouse_id": "W", "capacity_kg": "3.5"}],
        "lanes": [lane()],
    }
    row = priced_case(tables).row("warehouse_capacity_kg", "W")
    assert (row["rhs"], row["used"], row["slack"]) == (Fraction(7, 2), Fraction(34, 10), Fraction(1, 10))
    assert (row["price"], row["gain_plus_one"], row["loss_minus_one"]) == (5, 5, 5)


def test_only_the_top_rows_are_re_solved() -> None:
    tables = {
        "order_lines": [row for n in range(9) for row in lines((f"O{n}", 4, n + 1), product=f"P{n}")],
        "stock": [stock(3, f"P{n}") for n in range(9)],
        "lanes": [lane()],
    }
    scenario = make_scenario()
    solved = priced(make_tables(scenario, **tables), scenario, top_rows=3)
    done = {row.key[1] for row in solved.rows() if row["verified"] == "yes"}
    assert done == {"P6", "P7", "P8"}
    rest = solved.row("warehouse_stock", "W", "P0")
    assert (rest["gain_plus_one"], rest["loss_minus_one"], rest["value_basis"], rest["verified"]) == (
        None,
        None,
        "",
        "no",
    )
    assert rest["price"] == 1


def batch() -> tuple[Any, Any]:
    """Three orders, two products, freight: prices that are not obvious."""
    scenario = make_scenario()
    tables = make_tables(
        scenario,
        order_lines=[
            *lines(("A", 3, 10), ("B", 4, 6), ("C", 5, 7)),
            {"order_id": "A", "line_id": "2", "product_id": "Q", "qty": 4, "unit_margin": 3},
        ],
        stock=[stock(6), stock(2, "Q")],
        lanes=[lane(fixed_cost=5, min_charge=8, cost_per_unit=1)],
        warehouses=[{"warehouse_id": "W", "capacity_units": 7}],
    )  # fmt: skip
    return tables, scenario


def is_valid(solved: Solved) -> bool:
    certified = bound(solved.model.tables, solved.model.scenario, solved.prices.certificate_json()).value
    return certified is not None and certified >= solved.value


def test_no_time_means_no_values_but_still_a_valid_certificate() -> None:
    tables, scenario = batch()
    solved = priced(tables, scenario, time_limit_s=0.0)
    assert {row["verified"] for row in solved.rows()} == {"no"}
    assert {row["price_basis"] for row in solved.rows()} == {"incomplete"}
    assert solved.prices.lp_bound == float("inf")
    assert any("relaxation was not finished" in note for note in solved.prices.notes)
    assert any("not verified" in note for note in solved.prices.notes)
    assert is_valid(solved)


def test_a_stop_is_obeyed_with_a_valid_certificate() -> None:
    tables, scenario = batch()
    model, plan, value = best_plan(tables, scenario)
    stop = threading.Event()
    stop.set()
    prices = price_plan(model, plan, time_limit_s=30, stop=stop)
    assert prices.notes
    assert is_valid(Solved(model, plan, value, prices))


def test_a_batch_with_nothing_to_decide() -> None:
    scenario = make_scenario()
    tables = make_tables(
        scenario, orders=[{"order_id": "A", "hold": "credit"}], order_lines=lines(("A", 1, 1)), stock=[stock(1)]
    )
    model, plan, _ = best_plan(tables, scenario)
    prices = price_plan(model, plan, time_limit_s=5)
    assert (len(prices.shadow_prices), prices.lp_bound, prices.notes) == (0, 0.0, ())
    assert tuple(prices.shadow_prices.columns) == COLUMNS


def test_the_same_batch_has_the_same_prices() -> None:
    tables, scenario = batch()
    first, second = (priced(tables, scenario) for _ in range(2))
    texts = [
        [[str(row[column]) for column in COLUMNS] for row in solved.rows()]
        + [solved.prices.certificate_json(), solved.prices.notes]
        for solved in (first, second)
    ]
    assert texts[0] == texts[1]


def test_a_plan_that_is_not_the_best_at_its_shipments_is_told() -> None:
    """Values are counted from the best plan at those shipments: to improve the plan must not pass for a gain."""
    scenario = make_scenario()
    tables = make_tables(
        scenario, order_lines=lines(("A", 3, 10), ("B", 4, 6)), stock=[stock(3)], lanes=[lane(fixed_cost=1)]
    )
    model, plan, _ = best_plan(tables, scenario)
    worse = type(plan)(plan.line, plan.lane, plan.qty - 1)
    prices = price_plan(model, worse, time_limit_s=20, effort=EFFORTS["fixed shipments"])
    assert any("10 more is possible" in note for note in prices.notes)
    assert prices.shadow_prices["gain_plus_one"].item(0) == 0


def test_the_certificate_lists_rows_sorted_with_nine_decimals_at_most() -> None:
    tables, scenario = batch()
    written = priced(tables, scenario).prices.certificate_json()
    assert (written["schema_version"], written["sense"]) == (1, "max")
    for family in written["prices"].values():
        assert family["rows"] == sorted(family["rows"])
        assert all(re.fullmatch(r"-?\d+(\.\d{1,9})?", row[-1]) and float(row[-1]) for row in family["rows"])


# -- the example of docs/prices.md -----------------------------------------------------------------------------------


def example() -> Solved:
    tables = {
        "order_lines": [
            {"order_id": "A", "product_id": "kettle", "qty": 3, "unit_margin": 10},
            {"order_id": "B", "product_id": "kettle", "qty": 4, "unit_margin": 6},
            {"order_id": "C", "product_id": "mug", "qty": 2, "unit_margin": 5},
        ],
        "stock": [
            {"warehouse_id": "North", "product_id": "kettle", "on_hand_qty": 5},
            {"warehouse_id": "North", "product_id": "mug", "on_hand_qty": 40},
        ],
        "lanes": [{"warehouse_id": "North", "zone_id": "Z", "fixed_cost": 5}],
        "contracts": [{"contract_id": "K", "order_id": "B", "min_qty": 3}],
    }
    return priced_case(tables)


def documented() -> dict[str, dict[str, str]]:
    """The example's table: "family key" → column → text."""
    page = DOCS.read_text().splitlines()
    start = next(number for number, line in enumerate(page) if line.startswith("| family | row |"))
    header, _, *rows = ([cell.strip(" `") for cell in line.strip("|").split("|")] for line in page[start : start + 5])
    return {f"{row[0]} {row[1]}": dict(zip(header, row, strict=True)) for row in rows}


def test_the_example_of_the_documentation() -> None:
    solved = example()
    told = documented()
    assert len(told) == len(list(solved.rows())) == 3
    for row in solved.rows():
        texts = told[f"{row.family} {' '.join(row.key)}"]
        for column in (
            "rhs",
            "used",
            "slack",
            "price",
            "gain_plus_one",
            "loss_minus_one",
            "price_basis",
            "value_basis",
        ):
            value = row[column]
            text = decimal_text(value, 9) if isinstance(value, Fraction) else value
            assert texts[column] == text, (row.family, row.key, column)
    page = DOCS.read_text()
    assert f"worth {decimal_text(solved.value)}" in page
    assert f"{solved.prices.lp_bound:.2f}" in page


@pytest.mark.parametrize(("kettles", "owed", "value"), [(6, 3, 43), (4, 3, 24), (5, 4, 29), (5, 2, 37)])
def test_the_re_solves_of_the_documentation(kettles: int, owed: int, value: int) -> None:
    """Each sentence "with … the best plan is worth …" of the page, by solving that batch."""
    scenario = make_scenario()
    tables = make_tables(
        scenario,
        order_lines=lines(("A", 3, 10), ("B", 4, 6), product="kettle") + lines(("C", 2, 5), product="mug"),
        stock=[stock(kettles, "kettle"), stock(40, "mug")],
        lanes=[lane(fixed_cost=5)],
        contracts=[{"contract_id": "K", "order_id": "B", "min_qty": owed}],
    )
    assert best_plan(tables, scenario)[2] == value
    assert f"worth {value}" in DOCS.read_text()


def test_work_limits_leave_rows_unverified_without_a_clock() -> None:
    """A count, not a clock, ends the search: the same rows are left every time, and fixed shipments still answer."""
    tables, scenario = batch()
    solved = priced(tables, scenario, RowEffort(20, work_base=0, work_per_column=0, global_work=10**9))
    assert all(row["value_basis"] in ("fixed_shipments", "global", "") for row in solved.rows())
    assert not solved.prices.notes
