"""More stock, and less held back, where a unit more of it does not add to every limit at once; worked out by hand."""

from __future__ import annotations

from typing import Any

from optimizer.model.build import build_model
from optimizer.solution.least_change import LeastChange, LeastEffort, least_changes
from optimizer.solution.least_words import said
from tests.builders import make_scenario, make_tables
from tests.policy_rows import iso
from tests.solution.solving import Solver


def found(engine: Solver, **tables: Any) -> LeastChange:
    """What is known of the first line of the best plan."""
    scenario = make_scenario()
    model = build_model(make_tables(scenario, **tables), scenario)
    plan = engine.plan(model)
    assert plan is not None
    return least_changes(model, plan, LeastEffort(60))[0]


def words(engine: Solver, **tables: Any) -> set[str]:
    """The changes of the first line, all there are."""
    known = found(engine, **tables)
    assert known.complete
    return {one.words for one in known.changes}


def stock(house: str, qty: int, **columns: Any) -> dict[str, Any]:
    return {"warehouse_id": house, "product_id": "P", "on_hand_qty": qty} | columns


def batch(qty: int, **columns: Any) -> dict[str, Any]:
    """One order of so many units of P at tier A, from warehouse W."""
    return {
        "customers": [{"customer_id": "C", "tier": "A"}],
        "orders": [{"order_id": "A", "customer_id": "C"} | columns],
        "order_lines": [{"order_id": "A", "product_id": "P", "qty": qty}],
    }


def test_a_reserve_of_more_than_there_is(engine: Solver) -> None:
    """Of 4 units held back there are 2: two less, or two units more, leave nobody else anything yet."""
    held = [{"reserve_id": "V", "tier": "B", "qty": 4}]
    known = found(engine, stock=[stock("W", 2)], reserves=held, **batch(1))
    assert [one.words for one in known.changes] == ["qty of reserve V lowered by 3"]
    assert not known.complete  # more stock is not tried


def test_a_reserve_is_lowered_to_nothing_at_most(engine: Solver) -> None:
    held = [{"reserve_id": "V", "tier": "B", "qty": 1}]
    assert words(engine, stock=[stock("W", 2)], reserves=held, **batch(4)) == {"3 more units of P at W"}


def test_stock_beyond_a_reserve_is_for_all(engine: Solver) -> None:
    """A unit more is one more for those outside too: nothing has to be lowered beside it."""
    held = [{"reserve_id": "V", "tier": "B", "qty": 1}]
    assert words(engine, stock=[stock("W", 2)], reserves=held, **batch(2)) == {
        "1 more unit of P at W",
        "qty of reserve V lowered by 1",
    }


def test_more_stock_may_be_moved_on(engine: Solver) -> None:
    """From V, to which goods can be moved as well, and from which they can be moved to W."""
    stated = batch(2) | {"lanes": [{"warehouse_id": "W"}], "stock": [stock("V", 0), stock("W", 1)]}
    moved = [{"from_warehouse_id": "V", "to_warehouse_id": "W"}, {"from_warehouse_id": "W", "to_warehouse_id": "V"}]
    cheap = [one | {"cost_per_unit": "0.1"} for one in moved]
    lanes = [{"warehouse_id": "W"}, {"warehouse_id": "V", "cost_per_unit": "5"}]
    assert words(engine, transfers=cheap, **(stated | {"lanes": lanes})) == {
        "1 more unit of P at V",
        "1 more unit of P at W",
    }


def test_a_lot_that_keeps_longest_but_is_promised(engine: Solver) -> None:
    """What is kept back of the lot L2 eats what L1 has while L1 lasts: no one number says what more of L2 brings."""
    lots = [stock("W", 3, lot_id="L1", expiry_date=iso(5)), stock("W", 0, lot_id="L2", safety_stock_qty=1)]
    known = found(engine, stock=lots, **batch(3))
    assert not known.changes
    assert not known.complete
    assert not said(known)
