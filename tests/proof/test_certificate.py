"""Certificates that are not what they must be are refused; large numbers and wide orders are bounded as exactly."""

from __future__ import annotations

import random
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from optimizer.errors import VerificationError
from optimizer.proof import bound_text, certified_bound, search
from optimizer.proof.bound import bound
from tests.builders import make_scenario, make_tables
from tests.instances import Case
from tests.proof.cases import random_prices
from tests.proof.test_bound import best_by_search
from tests.typed_cases import typed

DAY = "2026-11-20"
LINK = ["order_id", "warehouse_id", "service_id", "ship_date"]
STOCK = {"warehouse_stock": {"keys": ["warehouse_id", "product_id", "date"], "rows": [["W", "P", DAY, "2.5"]]}}


def stock(rows: list[list[Any]]) -> dict[str, Any]:
    return {"warehouse_stock": {**STOCK["warehouse_stock"], "rows": rows}}


def small(prices: dict[str, Any], **settings: Any) -> Fraction:
    scenario = make_scenario(**settings)
    tables = make_tables(
        scenario,
        order_lines=[{"order_id": "A", "product_id": "P", "qty": 10, "unit_margin": 3}],
        stock=[{"warehouse_id": "W", "product_id": "P", "on_hand_qty": 6}],
        contracts=[
            {"contract_id": "K", "min_qty": 8, "shortfall_penalty": 4},
            {"contract_id": "H", "max_qty": 9},
        ],
        warehouses=[{"warehouse_id": "W", "fixed_open_cost": 5, "capacity_kg": "7.5"}],
    )
    return certified_bound(tables, scenario, {"prices": prices})


def contract(price: str) -> dict[str, Any]:
    return {"contract_minimum": {"keys": ["contract_id"], "rows": [["K", price]]}}


def test_by_hand() -> None:
    """No prices: 6 units at 3 and an opening that costs nothing; prices: 2.5·6 + 6·(3 − 2.5); and so on."""
    opening = {"warehouse_opening": {"keys": LINK, "rows": [["A", "W", "standard", DAY, "5"]]}}
    assert small({}) == 18
    assert small(STOCK) == 15 + 3
    assert small(opening) == 18 - 5
    assert small({**opening, **contract("-4")}) == -4 * 8 + (6 * 7 - 5)
    assert small(contract("-6")) == -6 * 8 + 6 * 9 + (6 - 4) * 8
    assert small(contract("-6"), weights={"penalties": 2}) == -6 * 8 + 6 * 9
    assert small({"contract_quota": {"keys": ["contract_id"], "rows": [["H", "1"]]}}) == 9 + 6 * 2
    assert (
        bound_text(small({"warehouse_stock": {**STOCK["warehouse_stock"], "rows": [["W", "P", DAY, "0.123456789"]]}}))
        == "18"
    )


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"no_such_family": {"keys": [], "rows": []}}, "not a family"),
    ({"warehouse_stock": {"keys": ["product_id", "warehouse_id", "date"], "rows": []}}, "must have keys"),
    (stock([["W", "P", DAY, "-1"]]), "wrong sign"),
    (contract("1"), "wrong sign"),
    (stock([["W", "X", DAY, "1"]]), "no such row"),
    (stock([["W", "P", DAY, "1"], ["W", "P", DAY, "1"]]), "priced twice"),
    (stock([["W", "P", DAY, "1.0000000001"]]), "not a decimal price"),
    (stock([["W", "P", DAY, "1e3"]]), "not a decimal price"),
    (stock([["W", "P", DAY, "NaN"]]), "not a decimal price"),
    (stock([["W", "P", DAY, 1]]), "in quotes"),
    (stock([["W", "1"]]), "in quotes"),
    ({"warehouse_capacity_units": {"keys": ["warehouse_id"], "rows": [["W", "1"]]}}, "no such row"),
    ({"contract_quota": {"keys": ["contract_id"], "rows": [["K", "1"]]}}, "no such row"),
    ({"service_floor": {"keys": ["scope"], "rows": [["overall", "-1"]]}}, "no such row"),
    ({"warehouse_opening": {"keys": LINK, "rows": [["B", "W", "standard", DAY, "1"]]}}, "no such row"),
    ({"warehouse_opening": {"keys": LINK, "rows": [["A", "W", "standard", "2026-11-21", "1"]]}}, "no such row"),
    (stock([["W", "P", "2026-11-21", "1"]]), "no such row"),
]  # fmt: skip


@pytest.mark.parametrize(("prices", "why"), REFUSED, ids=[str(at) for at in range(len(REFUSED))])
def test_refused(prices: dict[str, Any], why: str) -> None:
    with pytest.raises(VerificationError, match=why):
        small(prices)


def test_no_prices_at_all_is_refused() -> None:
    with pytest.raises(VerificationError):
        certified_bound(*typed(wide_case(0)), {})


def wide_case(seed: int) -> Case:
    """One order of two lines that six warehouses may ship, each with some of the stock: sets of lanes matter."""
    rng = random.Random(seed)
    houses = [f"W{number}" for number in range(6)]
    policy = rng.choice(["partial", "partial", "line_complete", "order_complete"])
    row = {"order_id": "O1", "customer_id": "C1", "zone_id": "Z1", "delivery_policy": policy, "channel": "web"}
    lines = [
        {"order_id": "O1", "line_id": str(number), "product_id": f"P{number}", "qty": rng.randint(1, 4),
         "unit_margin": Decimal(rng.randint(0, 900)) / 100}
        for number in (1, 2)
    ]  # fmt: skip
    stock = [
        {"warehouse_id": w, "product_id": f"P{number}", "on_hand_qty": rng.choice([0, 0, 1, 1, 2])}
        for w in houses
        for number in (1, 2)
    ]
    lanes = [
        {"warehouse_id": w, "zone_id": "Z1", "service_id": "standard", "service_level": "slow",
         "fixed_cost": Decimal(rng.randint(0, 400)) / 100,
         "cost_per_unit": Decimal(rng.randint(0, 300)) / 100}
        for w in houses
    ]  # fmt: skip
    tables = {"orders": [row], "order_lines": lines, "stock": stock, "lanes": lanes,
              "customers": [{"customer_id": "C1"}], "products": [{"product_id": "P1"}, {"product_id": "P2"}],
              "warehouses": [{"warehouse_id": w, "handling_cost_per_unit": 0} for w in houses]}  # fmt: skip
    settings: dict[str, Any] = {"service.value": Decimal(rng.randint(0, 100)) / 100}
    settings["service.measure"] = rng.choice(["unit", "unit", "line", "order"])
    return {"tables": tables, "scenario": settings}


def test_sets_of_many_lanes_are_searched_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    larger = 0
    for seed in range(120):
        case = wide_case(seed)
        certificate = random_prices(case, random.Random(seed), 0.3)
        truth = best_by_search(case, certificate, "O1")
        assert truth is not None
        found = bound(*typed(case), certificate)
        assert found.orders.item(0) == truth[1], seed
        assert found.searched.all()
        monkeypatch.setattr(search, "MOST_SETS", 3)
        short = bound(*typed(case), certificate)
        monkeypatch.undo()
        assert short.orders.item(0) >= truth[1], seed
        larger += not short.searched.all()
    assert larger > 10


def test_big_numbers_take_the_slow_way_to_the_same_bound() -> None:
    """Money beyond machine integers: everything scales, to the last digit."""
    for seed in range(15):
        case = wide_case(seed)
        certificate = random_prices(case, random.Random(seed), 0.3)
        huge = 10**9
        for number, line in enumerate(case["tables"]["order_lines"]):
            line["unit_margin"] += Decimal(2 * number + 1).scaleb(
                -9
            )  # no common divisor to make the numbers small again
        once = bound(*typed(case), certificate)
        for line in case["tables"]["order_lines"]:
            line["unit_margin"] *= huge
        for lane in case["tables"]["lanes"]:
            lane["fixed_cost"] *= huge
            lane["cost_per_unit"] *= huge
        case["scenario"]["service.value"] *= huge
        for row in certificate["prices"].get("warehouse_stock", {"rows": []})["rows"]:
            row[-1] = format(Decimal(row[-1]) * huge, "f")
        scaled = bound(*typed(case), certificate)
        assert scaled.orders.num.dtype == np.object_ or not once.orders.sum()
        assert scaled.value == once.value * huge
