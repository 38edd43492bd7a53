"""Fair shares: who the parties are, what a certificate may say, what its prices prove, and the table of fills."""

from __future__ import annotations

import csv
import json
import math
import random
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from optimizer.errors import VerificationError
from optimizer.exact import decimal_text
from optimizer.proof.attribution import attribute
from optimizer.proof.bound import bound_of
from optimizer.proof.checker import check_folder
from optimizer.proof.expected import fair_share
from optimizer.proof.facts import Facts
from optimizer.proof.plan import Rows
from optimizer.proof.prices import read_prices
from optimizer.proof.rules import check_rules
from optimizer.proof.shares import levels
from optimizer.proof.stages import kpi_of
from optimizer.proof.tally import Tally
from optimizer.scenario.schema import Objective
from tests.builders import make_scenario, make_tables
from tests.instances import Case
from tests.oracle.book import Book
from tests.oracle.search import best_plan
from tests.oracle.shares import stage_levels
from tests.oracle.test_by_hand import UNEQUAL, batch, fair, stock
from tests.proof.policy_cases import as_rows, mixed, random_certificate
from tests.proof.policy_runs import as_plan
from tests.proof.runs import Folder, write_plan
from tests.typed_cases import typed

BATCH: dict[str, Any] = {
    "customers": [{"customer_id": "C", "tier": "gold"}, {"customer_id": "D", "tier": "gold"}, {"customer_id": "E"}],
    "orders": [
        {"order_id": "1", "customer_id": "C", "channel": "web"},
        {"order_id": "2", "customer_id": "D"},
        {"order_id": "3", "customer_id": "D", "channel": "web", "hold": "audit"},
        {"order_id": "4", "customer_id": "E", "channel": "shop", "hold": "audit"},
    ],
    "order_lines": [{"order_id": order, "product_id": "P", "qty": 10 + int(order)} for order in "1234"]
    + [{"order_id": "1", "line_id": "2", "product_id": "Q", "qty": 5}],
    "stock": [{"warehouse_id": "W", "product_id": product, "on_hand_qty": 30} for product in "PQ"],
}


def facts_of(*rows: dict[str, Any]) -> Facts:
    scenario = make_scenario()
    made = [{"group_id": "G", "rule": "max_min", **row} for row in rows]
    return Facts(make_tables(scenario, **BATCH, fair_share=made), scenario)


# -- parties -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("row", "ordered"),
    [
        ({"between": "customer"}, {"C": 16, "D": 25}),
        ({"between": "order"}, {"1": 16, "2": 12}),
        ({"between": "order", "product_id": "P"}, {"1": 11, "2": 12}),
        ({"between": "order", "customer_id": "D"}, {}),
        ({"between": "channel"}, {}),
        ({"between": "tier"}, {}),
        ({"between": "zone"}, {}),
        ({"between": "customer", "tier": "gold", "rule": "proportional"}, {"C": 16, "D": 25}),
    ],
)
def test_who_takes_part(row: dict[str, Any], ordered: dict[str, int]) -> None:
    """Held orders count where another one of the party is not held; nobody shares alone, or without a name."""
    shares = facts_of(row).shares
    assert dict(zip(shares.names["party"], shares.ordered.tolist(), strict=True)) == ordered


def test_fills_of_a_plan() -> None:
    facts = facts_of({"between": "customer"}, {"group_id": "A", "between": "order", "rule": "proportional"})
    tally = Tally(facts, Rows.of(facts, *(facts.ways.own[:3].copy() * 0 + part for part in ([0, 1, 2], 0, [4, 5, 10]))))
    table = fair_share(tally)
    found = list(zip(*(table[name] for name in ("group_id", "rule", "party")), strict=True))
    assert found == [
        ("A", "proportional", "1"),
        ("A", "proportional", "2"),
        ("G", "max_min", "C"),
        ("G", "max_min", "D"),
    ]
    assert table["allocated_qty"].tolist() == [9, 10, 9, 10]
    assert table["fill"].fractions() == [Fraction(9, 16), Fraction(10, 12), Fraction(9, 16), Fraction(10, 25)]
    assert kpi_of(tally, "fair_share[1:G]") == Fraction(10, 25)
    assert kpi_of(tally, "fair_share[2:G]") == Fraction(9, 16) + Fraction(10, 25)
    assert [rule.rule for rule in check_rules(tally)][-1] == "fair_share"


def test_no_table_no_rule() -> None:
    scenario = make_scenario()
    facts = Facts(make_tables(scenario, **BATCH), scenario)
    none = facts.ways.own[:0]
    assert "fair_share" not in [rule.rule for rule in check_rules(Tally(facts, Rows.of(facts, none, none, none)))]


def test_levels_as_the_search_counts_them() -> None:
    assert all(levels(parties) == stage_levels(parties) for parties in range(2, 400))


# -- certificates ------------------------------------------------------------------------------------------------
def stages(*kpis: str, kept: str = "0.25") -> list[dict[str, str]]:
    return [{"stage": str(number), "kpi": kpi, "sense": "max", "kept": kept} for number, kpi in enumerate(kpis, 1)]


TWO_GROUPS = (
    {"between": "order"},
    {"group_id": "H", "between": "customer"},
    {"group_id": "P", "between": "order", "rule": "proportional"},
)


def with_goals(facts: Facts) -> Facts:
    objective = Objective(mode="floor", floors=[{"kpi": "margin", "min": 1}], maximize="units_allocated")
    return Facts(facts.tables, facts.scenario.model_copy(update={"objective": objective}))


@pytest.mark.parametrize(
    ("kpis", "right"),
    [
        (("margin", "fair_share[1:G]", "fair_share[2:G]", "fair_share[1:H]", "units_allocated"), True),
        (("margin", "fair_share[2:G]", "fair_share[2:H]"), True),
        (("margin", "units_allocated"), True),
        (("fair_share[1:G]", "margin"), False),
        (("margin", "units_allocated", "fair_share[1:G]"), False),
        (("margin", "fair_share[2:G]", "fair_share[1:G]"), False),
        (("margin", "fair_share[1:H]", "fair_share[1:G]"), False),
        (("margin", "fair_share[1:G]", "fair_share[1:G]"), False),
        (("margin", "fair_share[3:G]"), False),
        (("margin", "fair_share[01:G]"), False),
        (("margin", "fair_share[0:G]"), False),
        (("margin", "fair_share[1:P]"), False),
        (("margin", "fair_share[1:X]"), False),
        (("margin", "fair_share"), False),
    ],
)
def test_stages_stand_in_their_place(kpis: tuple[str, ...], right: bool) -> None:
    facts = with_goals(facts_of(*TWO_GROUPS))
    certificate = {"prices": {}, "stages": stages(*kpis, kept="1")}
    if right:
        assert [row.kpi for row in read_prices(facts, certificate).stages] == list(kpis)
    else:
        with pytest.raises(VerificationError):
            read_prices(facts, certificate)


@pytest.mark.parametrize(
    ("family", "keys", "row", "right"),
    [
        ("fair_share", ["group_id", "party", "side"], ["P", "1", "above", "2"], True),
        ("fair_share", ["group_id", "party", "side"], ["P", "2", "below", "2"], True),
        ("fair_share", ["group_id", "party", "side"], ["P", "2", "below", "-2"], False),
        ("fair_share", ["group_id", "party", "side"], ["P", "2", "beside", "2"], False),
        ("fair_share", ["group_id", "party", "side"], ["P", "4", "above", "2"], False),
        ("fair_share", ["group_id", "party", "side"], ["G", "2", "above", "2"], False),
        ("fair_share", ["group_id", "party"], ["P", "2", "2"], False),
        ("fair_level", ["group_id", "level", "party"], ["G", "2", "1", "-2"], True),
        ("fair_level", ["group_id", "level", "party"], ["G", "2", "1", "2"], False),
        ("fair_level", ["group_id", "level", "party"], ["G", "3", "1", "-2"], False),
        ("fair_level", ["group_id", "level", "party"], ["G", "02", "1", "-2"], False),
        ("fair_level", ["group_id", "level", "party"], ["G", "1", "C", "-2"], False),
        ("fair_level", ["group_id", "level", "party"], ["P", "1", "1", "-2"], False),
    ],
)
def test_rows_that_may_have_a_price(family: str, keys: list[str], row: list[str], right: bool) -> None:
    certificate = {"prices": {family: {"keys": keys, "rows": [row]}}}
    if right:
        assert read_prices(facts_of(*TWO_GROUPS), certificate)[family].price.fractions() == [int(row[-1])]
    else:
        with pytest.raises(VerificationError):
            read_prices(facts_of(*TWO_GROUPS), certificate)


# -- bounds ------------------------------------------------------------------------------------------------------
def other_plans(case: Case, rng: random.Random) -> Iterator[tuple[Case, Any]]:
    """Plans that keep the rules of a batch, found as the best ones for other margins."""
    for _ in range(3):
        lines = [line | {"unit_margin": rng.randint(-2, 9)} for line in case["tables"]["order_lines"]]
        found = best_plan({**case, "tables": {**case["tables"], "order_lines": lines}})
        if found is not None:
            yield case, found


def priced_stages(tally: Tally, rng: random.Random) -> dict[str, Any]:
    """Random prices, and stages at what the plan reaches of some levels, priced too."""
    certificate = random_certificate(tally.facts, rng, rng.choice([0.2, 0.5, 0.8]))
    chosen = [kpi for kpi in tally.facts.shares.goals if rng.random() < 0.7]
    certificate["stages"] = [
        entry | {"kept": decimal_text(Fraction(math.floor(kpi_of(tally, entry["kpi"]) * 10**12), 10**12))}
        for entry in stages(*chosen)
    ]
    prices = [[entry["stage"], f"-{rng.choice(['0.5', '7', '20.125'])}"] for entry in certificate["stages"]]
    certificate["prices"]["objective_stage"] = {
        "keys": ["stage"],
        "rows": [row for row in prices if rng.random() < 0.8],
    }
    return certificate


def compare_bounds(count: int, first: int) -> tuple[int, int]:
    """No plan that shares as it must lies above a bound, and the parts of each gap add up."""
    compared = used = 0
    for seed, case, facts in mixed(count, first, ["fair_share"]):
        rng, book = random.Random(seed), Book(case)
        for _, best in other_plans(case, rng):
            tally = Tally(facts, as_rows(facts, book, best.orders, best.moves.moves))
            assert all(rule.passed for rule in check_rules(tally)), seed
            bound = bound_of(facts, read_prices(facts, priced_stages(tally, rng)))
            assert bound.value is not None
            assert bound.value >= tally.objective, seed
            parts = attribute(tally, bound)
            assert parts.total == bound.value - tally.objective, seed
            assert parts.least >= 0, seed
            compared += 1
            used += bool(bound.shares.sum())
    return compared, used


def test_no_plan_is_above_a_bound() -> None:
    compared, used = compare_bounds(60, 100)
    assert compared > 120
    assert used > 60


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_no_plan_of_many_is_above_a_bound() -> None:
    assert compare_bounds(1500, 10_000)[0] > 3000


SCARCE = batch([UNEQUAL[0] | {"unit_margin": 11}, UNEQUAL[1]], stock=[stock(6)])
"""6 units for 4 at 11 and 8 at 2."""


def scarce(rule: str, **more: Any) -> Facts:
    return Facts(*typed({**SCARCE, "tables": SCARCE["tables"] | {"fair_share": fair(rule, **more)}}))


def at_prices(facts: Facts, stock_price: str, kpis: list[dict[str, str]], **rows: list[list[str]]) -> Fraction | None:
    """The bound at a price of stock and some others."""
    keys = {"fair_share": ["group_id", "party", "side"], "fair_level": ["group_id", "level", "party"],
            "objective_stage": ["stage"]}  # fmt: skip
    prices = {family: {"keys": keys[family], "rows": listed} for family, listed in rows.items()}
    prices["warehouse_stock"] = {"keys": ["warehouse_id", "product_id"], "rows": [["W", "P", stock_price]]}
    return bound_of(facts, read_prices(facts, {"prices": prices, "stages": kpis})).value


def test_a_bound_in_proportion_by_hand() -> None:
    """2 and 4 is the best: 30. 11 − 5 − 6 = 0 and 2 − 5 + 3 = 0 for a unit, 4 · 6 − 8 · 3 = 0 for the fill: 5 · 6."""
    rows = [["G", "O1", "above", "6"], ["G", "O2", "below", "3"]]
    assert at_prices(scarce("proportional", tolerance=0), "5", [], fair_share=rows) == 30
    # 3 and 3 by a unit: 39, and 1 · (6 + 3) more.
    assert at_prices(scarce("proportional"), "5", [], fair_share=rows) == 39
    # At 7 instead of 6 the fill is worth 4 · 7 − 8 · 3; O1's units are worth nothing.
    assert (
        at_prices(scarce("proportional", tolerance=0), "5", [], fair_share=[["G", "O1", "above", "7"], rows[1]]) == 34
    )


def test_a_bound_of_max_min_by_hand() -> None:
    """Half of each is the worst at best; 2 and 4: 30. Stock at 11, a unit of O2 gets 9 more: 6 · 11 − 72 · 1/2."""
    facts, half = scarce("max_min", tolerance=0), stages("fair_share[1:G]", kept="0.5")
    rows, price = [["G", "1", "O2", "-9"]], [["1", "-72"]]
    assert at_prices(facts, "11", half, fair_level=rows, objective_stage=price) == 30
    # A stage of a price of 80: t is worth 80 − 72 more: 66 − 40 + 8.
    assert at_prices(facts, "11", half, fair_level=rows, objective_stage=[["1", "-80"]]) == 34
    # One of 60: t costs 12 and earns nothing, but d of O2 earns 72 − 60: 66 − 30 + 12.
    assert at_prices(facts, "11", half, fair_level=rows, objective_stage=[["1", "-60"]]) == 48
    # Without the row of the stage only what t and d could make of it is left: d of O2 72 more.
    assert at_prices(facts, "11", [], fair_level=rows) == 66 + 72


# -- files -------------------------------------------------------------------------------------------------------
HALF: dict[str, Any] = {
    "schema_version": 1,
    "sense": "max",
    "stages": stages("fair_share[1:M]", kept="0.5"),
    "prices": {
        "warehouse_stock": {"keys": ["warehouse_id", "product_id"], "rows": [["W", "P", "5"]]},
        "fair_share": {"keys": ["group_id", "party", "side"],
                       "rows": [["E", "O1", "above", "6"], ["E", "O2", "below", "3"]]},
        "fair_level": {"keys": ["group_id", "level", "party"], "rows": [["M", "1", "O2", "-0.5"]]},
        "objective_stage": {"keys": ["stage"], "rows": [["1", "-4"]]},
    },
}  # fmt: skip
FILLS = [
    "group_id,rule,party,ordered_qty,allocated_qty,fill",
    "E,proportional,O1,4,2,0.5",
    "E,proportional,O2,8,4,0.5",
    "M,max_min,O1,4,2,0.5",
    "M,max_min,O2,8,4,0.5",
]
SHADOWS = [
    "family,group_id,party,side,stage,rhs,used,slack,price",
    "fair_share,E,O1,above,,1,0,1,6",
    "fair_share,E,O2,below,,1,0,1,3",
    "objective_stage,,,,1,0.5,0.5,0,-4",
]
REACHED = [{"kpi": "fair_share[1:M]", "sense": "max", "kept": "0.5", "reached": "0.5"}]


def accepted(made: Folder) -> bool:
    return check_folder(made.path, made.tables, made.scenario).passed


def write_half(folder: Path) -> Folder:
    """The folder of the plan 2 and 4 that both groups may have."""
    case = {**SCARCE, "tables": SCARCE["tables"] | {"fair_share": [*fair("proportional", group="E"),
                                                                   *fair("max_min", group="M")]}}  # fmt: skip
    facts = Facts(*typed(case))
    best = best_plan({**case, "tables": case["tables"] | {"fair_share": fair("max_min", tolerance=0)}})
    assert best is not None
    rows = as_rows(facts, Book(case), best.orders)
    made = write_plan(facts.tables, facts.scenario, as_plan(facts, rows), HALF, folder, stages=REACHED)
    for name, lines in (("fair_share", FILLS), ("shadow_prices", SHADOWS)):
        (made.path / f"{name}.csv").write_text("\n".join([*lines, ""]), encoding="utf-8")
    return made


def test_every_cell_of_the_files_counts(tmp_path: Path) -> None:
    """The folder as it must be is accepted; with any one cell, row or stage of it changed it is not."""
    made = write_half(tmp_path / "run")
    assert accepted(made)
    for name in ("fair_share", "shadow_prices"):
        path = made.path / f"{name}.csv"
        before = path.read_text(encoding="utf-8")
        rows = list(csv.reader(before.splitlines()))
        for at in range(1, len(rows)):
            for column in range(len(rows[0])):
                if rows[at][column]:
                    forged = [list(row) for row in rows]
                    forged[at][column] += "1"
                    path.write_text("".join(",".join(row) + "\n" for row in forged), encoding="utf-8")
                    assert not accepted(made), (name, at, rows[0][column])
        if name == "fair_share":
            for other in (rows[:-1], [*rows, rows[-1]], [rows[0], rows[2], rows[1], *rows[3:]]):
                path.write_text("".join(",".join(row) + "\n" for row in other), encoding="utf-8")
                assert not accepted(made), other
            path.unlink()
            assert not accepted(made)
        path.write_text(before, encoding="utf-8")
    assert accepted(made)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"reached": "0.5"', '"reached": "0.6"'),
        ('"kept": "0.5"', '"kept": "0.4"'),
        ("fair_share[1:M]", "fair_share[2:M]"),
        ('["E", "O1", "above", "6"]', '["E", "O1", "below", "6"]'),
        ('["M", "1", "O2", "-0.5"]', '["M", "2", "O2", "-0.5"]'),
        ('["M", "1", "O2", "-0.5"]', '["M", "1", "O1", "-0.5"]'),
    ],
)
def test_forged_stages_and_prices(tmp_path: Path, old: str, new: str) -> None:
    made = write_half(tmp_path / "run")
    assert accepted(made)
    changed = 0
    for name in ("run.json", "certificate.json"):
        path = made.path / name
        text = path.read_text(encoding="utf-8")
        packed = json.dumps(json.loads(text)) if name == "certificate.json" else text
        if old in packed:
            path.write_text(packed.replace(old, new, 1), encoding="utf-8")
            assert not accepted(made), name
            path.write_text(text, encoding="utf-8")
            changed += 1
    assert changed
