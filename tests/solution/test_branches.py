"""Trees of branches by the ids of the tables: made by hand in terms of the matrix, and what a certificate says then."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from optimizer import record, steps
from optimizer.engines.result import BRANCHES, SolveResult, Termination
from optimizer.errors import VerificationError
from optimizer.model.build import Model, build_model
from optimizer.model.goals import StageRow
from optimizer.proof.bound import bound
from optimizer.solution.branches import branches
from optimizer.solution.prices import Covered, CoverRow, Prices
from optimizer.solution.prices_rows import key_texts
from optimizer.tables.tables import Table
from tests.builders import make_scenario, make_tables

Arrays = Mapping[str, NDArray[np.float64]]

NOTHING = SolveResult(Termination("NO_SOLUTION", "time"), None, 0.0, 0.0, "decompose", "", 0.0)
TABLES: dict[str, list[dict[str, Any]]] = {
    "order_lines": [
        {"order_id": order, "line_id": line, "product_id": product, "qty": 3, "unit_margin": 10}
        for order, line, product in (
            *(("B", "1", "P"), ("A", "1", "P"), ("C", "1", "P")),
            *(("E", "1", "Q"), ("E", "2", "R"), ("D", "1", "R")),
        )
    ],
    "stock": [
        {"warehouse_id": house, "product_id": product, "on_hand_qty": qty}
        for house, product, qty in (("V", "P", 4), ("W", "P", 4), ("V", "Q", 2), ("V", "R", 4))
    ],
    "lanes": [{"warehouse_id": house, "service_id": "standard", "fixed_cost": 9} for house in ("W", "V")],
}
P_SET = ([("W", "P"), ("V", "P")], [("B", "W"), None, ("A", "V"), None, None], [1, 2, 3, 4, 5.25, -1e-12])
"""Each leaf names W before V; the engine may say a little less than 0."""
QR_SET = ([("V", "R"), ("V", "Q")], [("E", "V"), None, None], [0.5, 1e-9, 7, 8])


def model_of(**more: Any) -> Model:
    scenario = make_scenario()
    return build_model(make_tables(scenario, **{**TABLES, **more}), scenario)


def arrays_of(model: Model, *sets: Any) -> Arrays:
    """`BRANCHES` of sets of (pools, tree, prices); in a tree None is a leaf."""
    tables, stock = model.tables, model.linear.rows("warehouse_stock")
    opener, order_id = model.linear.columns("open_shipment"), tables.orders["order_id"]
    house = tables.warehouses["warehouse_id"][tables.lane_warehouse]
    texts = key_texts(model.batch, stock)
    pools = [*zip(texts["warehouse_id"], texts["product_id"], strict=True)]
    shipments = []
    if len(opener):
        shipments = [*zip(order_id[opener.keys["order"]], house[opener.keys["lane"]], strict=True)]
    row = [[stock.start + pools.index(name) for name in each[0]] for each in sets]
    entry = [[-1 if name is None else opener.start + shipments.index(name) for name in each[1]] for each in sets]
    arrays: dict[str, Any] = {"branch_price": [price for each in sets for price in each[2]]}
    for name, parts in (("row", row), ("entry", entry)):
        arrays[f"branch_{name}"] = [place for part in parts for place in part]
        arrays[f"branch_first_{name}"] = np.cumsum([0, *map(len, parts)])
    return {name: np.asarray(arrays[name], dtype=np.float64) for name in BRANCHES}


def written(model: Model, arrays: Arrays) -> list[dict[str, Any]]:
    return branches(model, replace(NOTHING, covers=arrays))


P_WRITTEN = {
    "stock": [["V", "P"], ["W", "P"]],
    "orders": ["A", "B", "C"],
    "tree": [
        ["B", "W", "standard"],
        {"prices": ["2", "1"]},
        ["A", "V", "standard"],
        {"prices": ["4", "3"]},
        {"prices": ["0", "5.25"]},
    ],
}
QR_WRITTEN = {
    "stock": [["V", "Q"], ["V", "R"]],
    "orders": ["D", "E"],
    "tree": [["E", "V", "standard"], {"prices": ["0.000000001", "0.5"]}, {"prices": ["8", "7"]}],
}


def test_sets_pools_and_orders_are_sorted_by_ids_and_prices_follow_their_pools() -> None:
    model = model_of()
    assert written(model, arrays_of(model, QR_SET, P_SET)) == [P_WRITTEN, QR_WRITTEN]
    assert written(model, arrays_of(model, P_SET, QR_SET)) == [P_WRITTEN, QR_WRITTEN]
    assert written(model, arrays_of(model)) == written(model, {}) == []


def test_a_set_that_branches_on_anything_but_a_shipment_is_left_out() -> None:
    """The prices of the others stay theirs."""
    model = model_of()
    units = model.linear.columns("ship_qty").start
    for name, at, wrong in (("entry", 2, units), ("entry", 0, -2), ("row", 1, 10**6)):
        arrays = arrays_of(model, P_SET, QR_SET)
        arrays[f"branch_{name}"][at] = wrong
        assert written(model, arrays) == [QR_WRITTEN], name


def test_where_no_shipment_costs_anything_nobody_can_have_branched_on_one() -> None:
    """A set of one leaf is no tree, but prices of its own."""
    model = model_of(lanes=[{"warehouse_id": house, "service_id": "standard"} for house in ("W", "V")])
    assert not len(model.linear.columns("open_shipment"))
    arrays = arrays_of(model, ([("V", "R"), ("V", "Q")], [None], [1, 2]))
    assert written(model, arrays) == [{**QR_WRITTEN, "tree": [{"prices": ["2", "1"]}]}]
    arrays["branch_entry"][0] = 0
    assert written(model, arrays) == []


def test_members_are_all_who_ask_and_an_order_is_in_one_set() -> None:
    """Also who can never be filled, and so has no units in the model; an order that asks for products of two sets."""
    never = {"order_id": "F", "line_id": "1", "product_id": "R", "qty": 50, "unit_margin": 10}
    both = {"order_id": "A", "line_id": "2", "product_id": "Q", "qty": 1, "unit_margin": 10}
    orders = [{"order_id": name} for name in "BACED"] + [{"order_id": "F", "delivery_policy": "order_complete"}]
    model = model_of(order_lines=[*TABLES["order_lines"], never], orders=orders)
    line = model.tables.order_lines["order_id"][model.arcs.line]
    assert "F" not in line
    assert written(model, arrays_of(model, QR_SET)) == [{**QR_WRITTEN, "orders": ["D", "E", "F"]}]
    certificate = {"prices": {}, "branches": [{**QR_WRITTEN, "orders": ["D", "E", "F"]}]}
    assert bound(model.tables, model.scenario, certificate).value is not None
    with pytest.raises(VerificationError, match="F"):
        bound(model.tables, model.scenario, {"prices": {}, "branches": [QR_WRITTEN]})
    model = model_of(order_lines=[*TABLES["order_lines"], both])
    assert written(model, arrays_of(model, P_SET, QR_SET)) == [P_WRITTEN]


REFUSED: list[dict[str, Any]] = [
    {"stock": [*TABLES["stock"], {"warehouse_id": "V", "product_id": "P", "on_hand_qty": 1, "lot_id": "L"}]},
    {
        "inbound": [
            {"warehouse_id": "V", "product_id": "P", "qty": 1, "available_date": "2026-11-22", "receipt_id": "R"}
        ]
    },
]


@pytest.mark.parametrize("more", REFUSED)
def test_nothing_is_written_where_the_proof_would_not_read_it(more: dict[str, Any]) -> None:
    assert written(model_of(**more), arrays_of(model_of(), P_SET, QR_SET)) == []


def test_nothing_is_written_with_stages() -> None:
    model = model_of()
    staged = replace(model, stages=(StageRow("units", "max", Fraction(1)),))
    assert written(staged, arrays_of(model, P_SET)) == []


def priced(**more: Any) -> Prices:
    return Prices({}, Table("shadow_prices", {}), 0.0, (), **more)


COVERED = Covered({}, [CoverRow("V", "P", "1", [["A", "1", "standard"], ["B", "1", "standard"]], [])])


def test_a_certificate_has_branches_where_there_are_some() -> None:
    plain = priced(covers=COVERED).certificate_json()
    assert "branches" not in plain
    assert priced(covers=COVERED, branches=[QR_WRITTEN]).certificate_json() == {**plain, "branches": [QR_WRITTEN]}


@pytest.mark.parametrize("covers", [COVERED, None])
def test_branches_go_with_the_prices_of_covers(monkeypatch: pytest.MonkeyPatch, covers: Covered | None) -> None:
    model = model_of()
    monkeypatch.setattr(steps, "_priced", lambda *_: priced())
    monkeypatch.setattr(steps, "covered", lambda *_: covers)
    answer: Any = SimpleNamespace(plan=(), engine="decompose", result=replace(NOTHING, covers=arrays_of(model, P_SET)))
    found = steps.prices_of(model, answer, threading.Event())
    assert (found.covers, list(found.branches)) == ((covers, [P_WRITTEN]) if covers else (None, []))


@pytest.mark.parametrize(("helps", "keys"), [(True, {"covers", "branches"}), (False, set())])
def test_where_covers_lose_branches_go_too(monkeypatch: pytest.MonkeyPatch, helps: bool, keys: set[str]) -> None:
    def reckon(tables: Any, scenario: Any, certificate: Mapping[str, Any]) -> Any:
        return SimpleNamespace(certificate=certificate, value=110 if helps or "covers" not in certificate else 120)

    monkeypatch.setattr(record, "reckon", reckon)
    monkeypatch.setattr(record, "certified_stages", lambda answer: {})
    story: Any = SimpleNamespace(model=model_of(), scenario=make_scenario())
    answer: Any = SimpleNamespace(bound=100.0)
    found: Any = record.Story._reckoned(story, answer, priced(covers=COVERED, branches=[P_WRITTEN]))
    assert set(found.certificate) - {"schema_version", "sense", "prices"} == keys
