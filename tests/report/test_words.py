from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from optimizer.exact import Exact
from optimizer.report import charts, facts, price_words, words
from optimizer.solution.ledger import Ledger
from optimizer.solution.metrics import objective_value
from optimizer.tables.tables import Table
from tests.report.sample import sample


@pytest.mark.parametrize(
    ("value", "currency", "text"),
    [
        (Fraction(1, 8), "EUR", "0.12 EUR"),
        (Fraction(3, 8), "EUR", "0.38 EUR"),
        (Decimal("-1234567.5"), "JPY", "−1,234,568 JPY"),
        (Fraction(-1, 1000), "EUR", "0.00 EUR"),
        (Decimal("2.0005"), "KWD", "2.000 KWD"),
        (10**15, "USD", "1,000,000,000,000,000.00 USD"),
    ],
)
def test_money_is_rounded_half_even_to_the_minor_units_of_its_currency(value, currency, text) -> None:
    assert words.money(value, currency) == text


@pytest.mark.parametrize(
    ("rate", "text"),
    [(None, "–"), (Fraction(0), "0.0 %"), (Fraction(1), "100.0 %"), (Fraction(9999, 10000), "> 99.9 %"),
     (Fraction(1, 10**6), "< 0.1 %"), (Fraction(1, 3), "33.3 %"), (Fraction(3, 2), "150.0 %")],
)  # fmt: skip
def test_a_rate_never_looks_complete_or_empty_when_it_is_not(rate, text) -> None:
    assert words.percent(rate) == text


@pytest.mark.parametrize(
    ("rate", "text"),
    [(Fraction(0), "0 %"), (Fraction(1, 1000), "0.1 %"), (Fraction(1001, 10**6), "0.11 %"), (Fraction(1, 3), "34 %"),
     (Fraction(5, 1), "500 %"), (Fraction(1, 10**12), "0.00000001 %")],
)  # fmt: skip
def test_a_gap_is_rounded_up(rate, text) -> None:
    assert words.gap(rate) == text


def test_a_gap_in_words_is_never_below_the_gap() -> None:
    for number in range(1, 400):
        rate = Fraction(number, 12345)
        assert Fraction(Decimal(words.gap(rate).removesuffix(" %"))) / 100 >= rate


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ({}, ("", "", "")),
        ({"objective_value": 100, "certified_bound": 100},
         ("This plan is worth 100.00 EUR.", "No plan can be worth more.", "")),
        ({"objective_value": 100, "best_bound": Decimal("100.5")},
         ("This plan is worth 100.00 EUR.",
          "The engine says that no plan can be worth more than 100.50 EUR: at most 0.5 % (0.50 EUR) better.", "")),
        ({"objective_value": 100, "certified_bound": Decimal("100.001"), "best_bound": 100},
         ("This plan is worth 100.00 EUR.", "No plan can be worth one minor unit more.",
          "The engine itself goes further: no plan can be worth more.")),
        ({"objective_value": 0, "certified_bound": 5},
         ("This plan is worth 0.00 EUR.", "No plan can be worth more than 5.00 EUR.", "")),
        ({"objective_value": -100, "certified_bound": -90},
         ("This plan is worth −100.00 EUR.",
          "No plan can be worth more than −90.00 EUR: at most 10 % (10.00 EUR) better.", "")),
    ],
)  # fmt: skip
def test_value_and_bound_in_words(run, expected) -> None:
    assert words.headline(run, "EUR") == expected


def test_the_steps_add_up_to_the_value() -> None:
    bundle = sample(50)
    steps = facts.value_steps(bundle.run["kpis"], bundle.scenario.weights)
    assert [step.label for step in steps][:3] == ["Margin", "Service value", "Freight"]
    assert all(step.after == step.before + step.amount for step in steps)
    assert steps[-1].after == objective_value(bundle.inputs, bundle.scenario, bundle.plan)


def test_fills_count_every_unit_once() -> None:
    bundle = sample(50)
    kpis = bundle.run["kpis"]
    allocated = Ledger(bundle.inputs, bundle.scenario, bundle.plan).allocated
    for group in (facts.tier_of_order(bundle.inputs), bundle.inputs.orders["channel"]):
        found = facts.fills(bundle.inputs, allocated, group)
        assert len(found) == 3
        assert sum(fill.ordered for fill in found) == kpis["units_ordered"]
        assert sum(fill.allocated for fill in found) == kpis["units_allocated"]


def test_flows_keep_every_unit_when_small_ones_are_summed() -> None:
    bundle = sample(50)
    full = facts.flow(Ledger(bundle.inputs, bundle.scenario, bundle.plan))
    assert full.units.sum() == bundle.run["kpis"]["units_allocated"]
    assert full.units.shape == (3, 5)
    small = facts.flow(Ledger(bundle.inputs, bundle.scenario, bundle.plan), most_rows=2, most_columns=3)
    assert small.warehouses == [full.warehouses[0], "2 others"]
    assert small.zones == [*full.zones[:2], "3 others"]
    assert small.units.sum() == full.units.sum()
    assert small.units[0, 0] == full.units[0, 0]


def test_missing_margin_is_unit_margin_times_short_units() -> None:
    bundle = sample(50)
    table, lines, products = bundle.tables["shorts"], bundle.inputs.order_lines, bundle.inputs.products
    at = {key: row for row, key in enumerate(zip(lines["order_id"], lines["line_id"], strict=True))}
    for row, lost in enumerate(facts.value_short(bundle.inputs, table).fractions()):
        line = at[table["order_id"][row], table["line_id"][row]]
        cost = products["unit_cost"].item(int(bundle.inputs.line_product[line]))
        assert lost == (lines["unit_price"].item(line) - cost) * int(table["short_qty"][row])


def test_prices_read_as_sentences() -> None:
    found = price_words.prices(sample(20).tables["shadow_prices"])
    by_family = {price.family: price for price in found}
    assert by_family["contract_minimum"].sentence("EUR") == (
        "One more unit in the minimum of contract K-1 costs 2.80 EUR, one fewer is worth 3.85 EUR; price −3.50 EUR."
    )
    assert by_family["warehouse_capacity_lines"].sentence("EUR") == (
        "One more line of capacity of W-Lyon is worth 1.00 EUR, one fewer costs 1.38 EUR; price 1.25 EUR."
    )
    assert price_words.rhs_text(by_family["service_floor"], "EUR") == "99.5 weighted units"
    assert [abs(price.price) for price in found] == sorted((abs(price.price) for price in found), reverse=True)
    assert all(price.price or price.gain for price in found)
    unsolved = next(price for price in found if price.gain is None)
    assert unsolved.sentence("EUR").endswith(", not re-solved.")


def test_a_unit_that_changes_nothing_is_said_so() -> None:
    price = price_words.Price(
        "warehouse_stock", "P at W", "unit", Fraction(5), Fraction(8), Fraction(0), Fraction(9), "local"
    )
    assert price.sentence("EUR") == (
        "One more unit of P at W changes nothing, one fewer costs 9.00 EUR, if only orders nearby may change;"
        " price 8.00 EUR."
    )


def test_marks_carry_their_words_and_escape_them() -> None:
    mark = charts.bar(0.5, '<b>"x"', goal=0.9)
    assert 'width="500.00"' in mark
    assert "<title>&lt;b&gt;&#34;x&#34;</title>" in mark
    assert "<b>" not in mark
    assert 'width="1000.00"' in charts.bar(7.0, "too much")
    assert [charts.heat(value, 100) for value in (0, 1, 50, 100)] == [0, 1, 4, 7]


POLICY_ROWS = (
    ({"family": "warehouse_stock", "warehouse_id": "V", "product_id": "P", "date": "2026-11-20"}, "units",
     "P at V from 2026-11-20", "7 units"),
    ({"family": "warehouse_stock", "warehouse_id": "V", "product_id": "P", "date": "2026-11-25"}, "units",
     "P at V from 2026-11-25", "7 units"),
    ({"family": "warehouse_stock", "warehouse_id": "W", "product_id": "P", "date": "2026-11-20"}, "units",
     "P at W", "7 units"),
    ({"family": "lot_stock", "warehouse_id": "V", "product_id": "P", "lot_id": "L", "date": "2026-11-20"}, "units",
     "lot L of P at V", "7 units"),
    ({"family": "day_capacity_kg", "warehouse_id": "V", "date": "2026-11-20"}, "kg",
     "capacity of V on 2026-11-20", "7 kg"),
    ({"family": "day_capacity_kg", "warehouse_id": "V", "date": "2026-11-21"}, "kg",
     "capacity of V on 2026-11-21", "7 kg"),
    ({"family": "reserve", "reserve_id": "R", "date": "2026-11-20"}, "units",
     "what reserve R leaves to others", "7 units"),
    ({"family": "credit_limit", "customer_id": "C"}, "money", "credit of C", "7.00 EUR"),
    ({"family": "budget", "budget_id": "B"}, "money", "budget B", "7.00 EUR"),
    ({"family": "transfer_capacity", "from_warehouse_id": "V", "to_warehouse_id": "W"}, "units",
     "capacity of the transfer V → W", "7 units"),
    ({"family": "transfer_source", "from_warehouse_id": "V", "product_id": "P", "date": "2026-11-20"}, "units",
     "P that V may move", "7 units"),
    ({"family": "objective_stage", "stage": "1"}, "contract_shortfall", "goal of stage 1", "7 contract shortfall"),
)  # fmt: skip


def test_every_policy_is_named_by_what_it_limits() -> None:
    names = dict.fromkeys(name for keys, *_ in POLICY_ROWS for name in keys)
    texts = {name: np.array([keys.get(name, "") for keys, *_ in POLICY_ROWS], dtype=object) for name in names}
    units = np.array([unit for _, unit, *_ in POLICY_ROWS], dtype=object)
    size = len(POLICY_ROWS)
    amounts = {"rhs": Exact.full(size, 7), "price": Exact.of(range(size, 0, -1)), "gain_plus_one": Exact.zeros(size)}
    told = {name: np.full(size, "", dtype=object) for name in ("price_basis", "value_basis", "verified")}
    found = price_words.prices(Table("shadow_prices", {**texts, "unit": units, **told, **amounts}))
    assert [(row.subject, price_words.rhs_text(row, "EUR")) for row in found] == [
        (subject, limit) for _, _, subject, limit in POLICY_ROWS
    ]
    sentences = [row.sentence("EUR") for row in found]
    assert sentences[8] == "One more unit of money of budget B changes nothing; price 4.00 EUR."
    assert sentences[11] == "One more in the goal of stage 1 changes nothing; price 1.00 EUR."
