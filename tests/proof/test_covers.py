"""Flow covers in a certificate: no plan breaks one, the bound stays one, and what is no cover is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.instances import Size, make_batch
from optimizer.engines.base import SolveServer
from optimizer.engines.result import SolveOptions
from optimizer.errors import VerificationError
from optimizer.model.build import build_model
from optimizer.proof.attribution import attribute
from optimizer.proof.bound import bound, bound_of
from optimizer.proof.facts import Facts
from optimizer.proof.plan import Rows
from optimizer.proof.prices import read_books
from optimizer.proof.tally import Tally
from optimizer.scenario.schema import Scenario
from optimizer.solution.extract import plan_from_values
from optimizer.solution.metrics import objective_value
from optimizer.tables.tables import Tables
from tests.builders import make_scenario, make_tables

Json = dict[str, Any]


def two_orders(**more: Any) -> tuple[Tables, Scenario]:
    """Four units for two orders of three each; a unit earns 10, a shipment costs 9. The best plan ships 3 + 1: 22."""
    scenario = make_scenario()
    lines = [{"order_id": name, "line_id": "1", "product_id": "P", "qty": 3, "unit_margin": 10} for name in ("A", "B")]
    tables = {
        "order_lines": [*lines, {"order_id": "B", "line_id": "2", "product_id": "Q", "qty": 1, "unit_margin": 0}],
        "stock": [{"warehouse_id": "W", "product_id": "P", "on_hand_qty": 4}],
        "lanes": [{"warehouse_id": "W", "service_id": "standard", "fixed_cost": 9}],
    }
    return make_tables(scenario, **{**tables, **more}), scenario


def certificate(*covers: Json) -> Json:
    return {"prices": {}, "covers": {"prices": {}, "rows": [*covers]}}


def cover(price: str, *names: str, lifted: tuple[str, ...] = ()) -> Json:
    def cells(orders: tuple[str, ...]) -> list[list[str]]:
        return [[name, "1", "standard"] for name in orders]

    row = {"warehouse_id": "W", "product_id": "P", "price": price}
    return {**row, "cover": cells(names), "lifted": cells(lifted)}


def test_by_hand() -> None:
    """Both of A and B: e = 2, so x_A + x_B <= 2 + y_A + y_B. At 10 a unit earns nothing and a shipment is paid 1."""
    tables, scenario = two_orders()
    stock = {"warehouse_stock": {"keys": ["warehouse_id", "product_id"], "rows": [["W", "P", "7"]]}}
    assert bound(tables, scenario, {"prices": stock}).value == 4 * 7 + 0  # the best of all prices of the row
    at_ten = bound(tables, scenario, certificate(cover("10", "A", "B")))
    assert at_ten.value == 2 * 10 + 2 * 1 == 22
    assert bound(tables, scenario, certificate(cover("9", "A", "B"))).value == 2 * 9 + 2 * 3
    facts = Facts(tables, scenario)
    plan = Tally(facts, Rows.of(facts, np.array([0, 1]), np.array([0, 0]), np.array([3, 1])))
    parts = attribute(plan, at_ten)
    assert parts.total == 0 == parts.least
    nobody = Tally(facts, Rows.of(facts, np.zeros(0, dtype=int), np.zeros(0, dtype=int), np.zeros(0, dtype=int)))
    assert attribute(nobody, at_ten).total == 22
    assert attribute(nobody, at_ten).as_json()["covers"] == 20


def test_a_shipment_that_is_paid_for_has_a_unit() -> None:
    """At 20 a unit loses 10 and a shipment is paid 11: 1 is left of it, not 11."""
    tables, scenario = two_orders()
    assert bound(tables, scenario, certificate(cover("20", "A", "B"))).value == 2 * 20 + 2 * 1


FIRST, LATER = "2026-11-20", "2026-11-22"
DATED: Json = {
    "stock": [{"warehouse_id": "W", "product_id": "P", "on_hand_qty": 2}],
    "inbound": [{"warehouse_id": "W", "product_id": "P", "qty": 2, "available_date": LATER, "receipt_id": "R"}],
}


def dated(date: str, *cells: tuple[str, str], price: str = "10") -> Json:
    """A cover of the stock until a date, of (order, ship date)."""
    row = {"warehouse_id": "W", "product_id": "P", "date": date, "price": price}
    return {**row, "cover": [[name, "1", "standard", day] for name, day in cells], "lifted": []}


def test_with_dates_a_line_counts_once_on_all_its_days() -> None:
    """Two units today, two later. All four are short by two: x_A + x_B <= 2 + y_A + y_B, y of today and of later."""
    tables, scenario = two_orders(**DATED)
    days = [(name, day) for name in ("A", "B") for day in (FIRST, LATER)]
    assert bound(tables, scenario, certificate(dated(LATER, *days))).value == 2 * 10 + 4 * 1
    facts = Facts(tables, scenario)
    keeps = read_books(facts, certificate(dated(LATER, *days)))[0].covers
    assert keeps is not None
    for qty, day, left in (([3, 1], [2, 2], 0), ([2, 1, 1], [0, 2, 2], 1), ([2, 2], [0, 2], 0)):
        line = np.array([0, 0, 1][-len(qty) :] if len(qty) == 3 else [0, 1])
        plan = Tally(facts, Rows.of(facts, line, np.zeros(len(qty), dtype=int), np.array(qty), np.array(day)))
        assert (keeps.room - keeps.used(plan)).tolist() == [left]
    later = read_books(facts, certificate(dated(LATER, ("A", LATER), ("B", FIRST))))[0].covers
    assert later is not None
    assert later.room.tolist() == keeps.room.tolist() == [2]


REFUSED: list[tuple[Json, Json, str]] = [
    ({}, cover("-1", "A", "B"), "below 0"),
    ({}, cover("1e3", "A", "B"), "not a decimal"),
    ({}, {**cover("1", "A", "B"), "more": []}, "are due"),
    ({}, {**cover("1", "A", "B"), "cover": [["A", "1"]]}, "are due"),
    ({}, {**cover("1", "A", "B"), "warehouse_id": "X"}, "no such row"),
    ({}, cover("1", "A", "X"), "no such line"),
    ({}, {**cover("1", "A", "B"), "cover": [["A", "1", "air"], ["B", "1", "standard"]]}, "no such lane"),
    ({}, {**cover("1", "A", "B"), "lifted": [["B", "2", "standard"]]}, "another product"),
    ({}, cover("1", "A", "B", "A"), "twice"),
    ({}, cover("1", "A", "B", lifted=("B",)), "twice"),
    ({}, cover("1", "A", lifted=("B",)), "no cover"),
    ({"stock": [{"warehouse_id": "W", "product_id": "P", "on_hand_qty": 2}]}, cover("1", "A", "B"), "no cover"),
    (DATED, cover("1", "A", "B"), "'date'"),
    (DATED, {**cover("1", "A", "B"), "date": LATER}, "are due"),
    ({}, dated(FIRST, ("A", FIRST), ("B", FIRST)), "are due"),
    (DATED, dated("2026-11-21", ("A", FIRST), ("B", FIRST)), "no such row"),
    (DATED, dated("soon", ("A", FIRST), ("B", FIRST)), "no such row"),
    (DATED, dated(LATER, ("A", "2026-11-21"), ("B", LATER)), "no such day"),
    (DATED, dated(LATER, ("A", "soon"), ("B", LATER)), "no such day"),
    (DATED, dated(LATER, ("A", "2026-11-19"), ("B", LATER)), "no such day"),
    (DATED, dated(LATER, ("A", LATER), ("B", LATER), ("A", LATER)), "twice"),
    (DATED, dated(LATER, ("A", LATER), ("A", FIRST)), "no cover"),
    (DATED, dated(FIRST, ("A", LATER), ("B", FIRST)), "leaves after"),
    (
        {"substitutions": [{"product_id": "P", "substitute_id": "Q", "ratio": 1}]},
        cover("1", "A", "B"),
        "without lots, substitutes",
    ),
    (
        {"stock": [{"warehouse_id": "W", "product_id": "P", "on_hand_qty": 4, "lot_id": "L", "expiry_date": LATER}]},
        cover("1", "A", "B"),
        "without lots",
    ),
]


@pytest.mark.parametrize(("more", "row", "words"), REFUSED)
def test_refused(more: Json, row: Json, words: str) -> None:
    tables, scenario = two_orders(**more)
    with pytest.raises(VerificationError, match=words):
        bound(tables, scenario, certificate(row))


def test_parts_of_a_certificate_are_refused_by_name() -> None:
    tables, scenario = two_orders()
    for covers in ([], {"rows": []}, {"prices": {}, "rows": {}}, {"prices": {}, "rows": [1]}):
        with pytest.raises(VerificationError, match="covers must have"):
            bound(tables, scenario, {"prices": {}, "covers": covers})


def random_certificate(facts: Facts, random: np.random.Generator) -> Json:
    """Prices of about what a unit earns, and covers of some rows drawn at random."""
    tables, supply, dated = facts.tables, facts.supply, facts.events.dated
    keys = ["warehouse_id", "product_id", *(["date"] if dated else [])]
    often = 1 + 3 * dated  # a unit pays in each row from its day on
    rows, covers = [], []
    for period, (pool, day) in enumerate(zip(supply.period_pool.tolist(), supply.period_day.tolist(), strict=True)):
        house, product = int(supply.pool_warehouse[pool]), int(supply.pool_product[pool])
        named = [str(tables.warehouses["warehouse_id"][house]), str(tables.products["product_id"][product])]
        named += [text_of(facts, day)] if dated else []
        rows.append([*named, f"{random.uniform(0, 12) / often:.3f}"])
        lines, stock = random.permutation(np.flatnonzero(tables.line_product == product)), supply.period_atp[period]
        for _ in range(2):
            size = int(random.integers(1, max(len(lines), 2)))
            inside, beside = lines[:size], lines[size : size + int(random.integers(0, 4))]
            can = np.minimum(tables.order_lines["qty"][inside], stock)
            excess = int(can.sum()) - stock
            if stock == 0 or not 0 < excess < int(can.max(initial=0)):
                continue
            cells = [[entry for at in part.tolist() for entry in entries_of(facts, at, house, period, random)]
                     for part in (inside, beside)]  # fmt: skip
            price = f"{random.uniform(0, 8) / often:.3f}"
            row = dict(zip(keys, named, strict=True))
            covers.append({**row, "price": price, "cover": cells[0], "lifted": cells[1]})
    return {"prices": {}, "covers": {"prices": {"warehouse_stock": {"keys": keys, "rows": rows}}, "rows": covers}}


def text_of(facts: Facts, day: int) -> str:
    return str(np.datetime64(facts.as_of, "D") + day)


def slots_of(facts: Facts, line: int, house: int, until: int) -> np.ndarray:
    """Where a line may leave from a warehouse until a day."""
    slot = facts.events.slots.of_orders(facts.tables.line_order[[line]])[1]
    slots = facts.events.slots
    return slot[(facts.tables.lane_warehouse[slots.lane[slot]] == house) & (slots.day[slot] <= until)]


def entries_of(facts: Facts, line: int, house: int, period: int, random: np.random.Generator) -> list[list[str]]:
    """A line on one or more of the days on which it may leave, where there are days."""
    tables = facts.tables
    name = [str(tables.orders["order_id"][tables.line_order[line]]), str(tables.order_lines["line_id"][line])]
    if not facts.events.dated:
        return [[*name, "standard"]]
    slot = random.permutation(slots_of(facts, line, house, int(facts.supply.period_end[period])))
    days = facts.events.slots.day[slot[: int(random.integers(1, len(slot) + 1))]].tolist()
    return [[*name, "standard", text_of(facts, day)] for day in days]


def random_plan(facts: Facts, random: np.random.Generator) -> Tally:
    """Lines in random order, from random warehouses, as much as is left or less."""
    tables, supply, slots = facts.tables, facts.supply, facts.events.slots
    left = supply.period_atp.copy()
    line, slot, qty = [], [], []
    for at in random.permutation(facts.n_lines).tolist():
        wanted = int(tables.order_lines["qty"][at])
        for k in random.permutation(slots.of_orders(tables.line_order[[at]])[1]).tolist():
            pool = supply.find_pool(tables.lane_warehouse[slots.lane[[k]]], tables.line_product[[at]])
            counts = slice(int(supply.period(pool, slots.day[[k]])[0]), int(supply.period_start[pool[0] + 1]))
            units = min(wanted, int(left[counts].min())) if pool[0] >= 0 else 0
            units = units if random.random() < 0.7 else int(random.integers(0, units + 1))
            if units:
                line, slot, qty = [*line, at], [*slot, k], [*qty, units]
                left[counts] -= units
                wanted -= units
    at = np.array(slot, dtype=int)
    return Tally(facts, Rows.of(facts, np.array(line, dtype=int), slots.lane[at], np.array(qty, int), slots.day[at]))


@pytest.mark.parametrize("receipts", [0.0, 0.4])
def test_no_plan_breaks_a_cover(receipts: float) -> None:
    random, tight = np.random.default_rng(6), 0
    for seed in range(60):
        facts = Facts(*make_batch(Size(20, warehouses=2, products=3, zones=2, receipts=receipts), seed))
        for _ in range(4):
            covers = read_books(facts, random_certificate(facts, random))[0].covers
            assert covers is not None
            for _ in range(10):
                left = covers.room - covers.used(random_plan(facts, random))
                assert (left >= 0).all()
                tight += int((left == 0).sum())
    assert tight > 500


@pytest.mark.parametrize("receipts", [0.0, 0.4])
def test_any_covers_at_any_prices_bound_the_best_plan(receipts: float) -> None:
    """Optima by HiGHS; the parts of the gap add up and none is negative, so the best plan keeps every cover."""
    random, seen, tighter = np.random.default_rng(5), 0, 0
    with SolveServer("highs") as highs:
        for seed in range(40):
            lines, charge = int(random.integers(8, 30)), random.uniform(0.2, 2)
            size = Size(lines, warehouses=2, products=3, zones=2, charge=charge, receipts=receipts)
            tables, scenario = make_batch(size, seed)
            model = build_model(tables, scenario)
            found = highs.solve(model.linear, SolveOptions(gap=0.0))
            assert found.termination.reason == "OPTIMAL"
            assert found.values is not None
            plan = plan_from_values(model, found.values)
            value = objective_value(tables, scenario, plan)
            facts = Facts(tables, scenario)
            tally = Tally(facts, Rows.of(facts, plan.line, plan.lane, plan.qty, plan.day))
            for _ in range(6):
                stated = random_certificate(facts, random)
                result = bound_of(facts, *read_books(facts, stated))
                parts = attribute(tally, result)
                assert result.value is not None
                assert parts.least >= 0
                assert parts.total == result.value - value >= 0
                seen += len(stated["covers"]["rows"])
                plain = bound(tables, scenario, {"prices": stated["covers"]["prices"]}).value
                assert plain is not None
                tighter += result.value < plain
    assert seen > 300
    assert tighter > (0 if receipts else 10)
