"""Branches in a certificate: the bound stays one, no order earns more than its leaf says, no other tree counts."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from benchmarks.instances import Size, make_batch
from optimizer.errors import VerificationError
from optimizer.exact import Exact
from optimizer.proof.attribution import attribute
from optimizer.proof.bound import Piece, _deciding, _found, _money, bound, bound_of
from optimizer.proof.branches import Fixed
from optimizer.proof.facts import Facts
from optimizer.proof.lay_out import Layout
from optimizer.proof.plan import Rows
from optimizer.proof.prices import read_books
from optimizer.proof.reduced import reduce_values
from optimizer.proof.tally import Tally
from optimizer.proof.worth import order_values, priced_use
from optimizer.scenario.schema import Scenario
from optimizer.tables.tables import Tables
from tests.builders import make_scenario, make_tables
from tests.proof.test_covers import cover, random_certificate, random_plan, two_orders

Json = dict[str, Any]
A, B = ["A", "W", "standard"], ["B", "W", "standard"]
KEYS = ["warehouse_id", "product_id"]


def leaf(*prices: str) -> Json:
    return {"prices": [*prices]}


def certificate(*sets: Json, price: str = "7", covers: tuple[Json, ...] = ()) -> Json:
    prices = {"warehouse_stock": {"keys": KEYS, "rows": [["W", "P", price]]}}
    more = {"covers": {"prices": prices, "rows": [*covers]}} if covers else {}
    return {"prices": prices, **more, "branches": [*sets]}


def tree(*entries: Any, stock: Any = (("W", "P"),), orders: Any = ("A", "B")) -> Json:
    return {"stock": [[*pool] for pool in stock], "orders": [*orders], "tree": [*entries]}


BY_HAND = (A, leaf("0"), B, leaf("0"), leaf("10"))


def test_by_hand() -> None:
    """Four units, two orders of three; a unit earns 10, a shipment costs 9. The best plan ships 3 + 1: 22.

    A stays: at price 0 B ships 3: 21. A leaves, B stays: 4 · 0 + 30 − 9 = 21. Both leave: at price 10 the stock is
    worth 40, a unit nothing, and the shipments cost 18: 22. Prices alone give 28, and so does A alone branched on:
    where it leaves its 9 is counted, 4p − 9 + 3 · (10 − p) + max(0, 3 · (10 − p) − 9) = max(42 − 2p, 21 + p).
    """
    tables, scenario = two_orders()
    found = bound(tables, scenario, certificate(tree(*BY_HAND)))
    assert found.value == 22
    assert found.branched.fractions() == [6]
    for prices in (["0", "7"], ["3", "7"]):
        assert bound(tables, scenario, certificate(tree(A, *map(leaf, prices)))).value == 28
    assert bound(tables, scenario, certificate(tree(A, leaf("0"), leaf("4")))).value == 28  # 34 in the tree: no gain
    assert bound(tables, scenario, certificate(tree(*BY_HAND), price="0")).value == 22  # 42 without the tree
    assert bound(tables, scenario, certificate(tree(leaf("7")), price="0")).value == 28
    assert bound(tables, scenario, certificate()).value == 28


def test_the_gap_by_hand() -> None:
    """The plan 3 + 1: at price 7 the order of one unit loses 6, which the tree takes off. No plan: 28 are left."""
    tables, scenario = two_orders()
    found = bound(tables, scenario, certificate(tree(*BY_HAND)))
    facts, none = Facts(tables, scenario), np.zeros(0, dtype=int)
    parts = attribute(Tally(facts, Rows.of(facts, np.array([0, 1]), np.array([0, 0]), np.array([3, 1]))), found)
    assert parts.orders.fractions() == [0, 6]
    assert parts.total == 0 == parts.least
    assert parts.by_set.fractions() == [0]
    assert parts.as_json()["branches"] == -6
    nobody = attribute(Tally(facts, Rows.of(facts, none, none, none)), found)
    assert nobody.total == 22
    assert nobody.least == 0
    assert nobody.by_set.fractions() == [22]
    forged = attribute(Tally(facts, Rows.of(facts, np.array([0, 1]), np.array([0, 0]), np.array([3, 3]))), found)
    assert forged.least < 0
    assert "branches" not in attribute(nobody.tally, bound(tables, scenario, {"prices": {}})).as_json()


@pytest.mark.parametrize(
    ("cover_price", "price", "worth"),
    [("0", "2", "15"), ("5", "2", "5"), ("9.5", "0", "2"), ("20", "0", "1"), ("30", "5", "-4")],
)
def test_a_shipment_that_is_fixed_to_leave(cover_price: str, price: str, worth: str) -> None:
    """Of three units each earns 10 − the price of stock − the price π of a cover of both orders, the shipment π − 9.

    All is counted, be the shipment paid or not; at 20 a unit loses 10, and one of them is due: 11 − 10. Staying: 0.
    """
    tables, scenario = two_orders()
    stated = certificate(tree(A, leaf(price), leaf(price)), covers=(cover(cover_price, "A", "B"),))
    facts = Facts(tables, scenario)
    book = read_books(facts, stated)[0]
    assert book.branches is not None
    for at, expected in enumerate((0, Fraction(worth))):
        fixed = book.branches.round(at).fixed
        assert phi(facts, book, np.array([0]), Exact.of([Decimal(price)]), fixed).item(0) == expected


def phi(facts: Facts, book: Any, pool: np.ndarray, price: Exact, fixed: Fixed) -> Exact:
    """The best of each order in a leaf."""
    layout = Layout(facts, reduce_values(facts, book).in_leaf(pool, price, fixed))
    found = list(_found([[Piece(layout, _deciding(facts))]]))
    money = Exact.concat([Exact.zeros(0), *map(_money, found)])
    return money.sum_by(np.concatenate([each.order for each in found]), facts.n_orders)


# -- what is refused ----------------------------------------------------------------------------------------------
FULL = tree(A, leaf("0"), leaf("7"))
DATED = {
    "inbound": [{"warehouse_id": "W", "product_id": "P", "qty": 1, "available_date": "2026-11-22", "receipt_id": "R"}]
}
FROZEN = {
    "orders": [{"order_id": "A", "frozen": True}, {"order_id": "B"}],
    "previous": [{"order_id": "A", "warehouse_id": "W", "product_id": "P", "qty": 3}],
}
MORE_STOCK = {
    "stock": [
        {"warehouse_id": "W", "product_id": "P", "on_hand_qty": 4},
        {"warehouse_id": "V", "product_id": "P", "on_hand_qty": 4},
    ],
    "lanes": [{"warehouse_id": name, "service_id": "standard", "fixed_cost": 9} for name in "WV"],
}
OTHER = [("V", "P")]
REFUSED: list[tuple[Json, Any, str]] = [
    ({}, {}, "a list of sets"),
    ({}, [1], "a list of sets"),
    ({}, [{"stock": [], "orders": []}], "are due"),
    ({}, [{**FULL, "more": []}], "are due"),
    ({}, [{**FULL, "tree": {}}], "are due"),
    ({}, [{**FULL, "stock": []}], "pairs of"),
    ({}, [{**FULL, "stock": [["W"]]}], "pairs of"),
    ({}, [{**FULL, "orders": ["A", 2]}], "a list of order_id"),
    ({}, [tree(["A", "W"], leaf("0"), leaf("7"))], "neither a shipment"),
    ({}, [tree("A", leaf("0"), leaf("7"))], "neither a shipment"),
    ({}, [tree(A, {"prices": ["0"], "more": 1}, leaf("7"))], "neither a shipment"),
    ({}, [tree(A, {"prices": [0]}, leaf("7"))], "neither a shipment"),
    ({}, [tree(A, leaf("0", "1"), leaf("7"))], "2 prices for 1 stock"),
    ({}, [tree(A, leaf(), leaf("7"))], "0 prices for 1 stock"),
    ({}, [tree(A, leaf("-1"), leaf("7"))], "below 0"),
    ({}, [tree(A, leaf("NaN"), leaf("7"))], "not a decimal"),
    ({}, [tree(A, leaf("0.1234567891"), leaf("7"))], "not a decimal"),
    ({}, [tree(leaf("0"), stock=[("W", "X")])], "no such stock row"),
    ({}, [tree(leaf("0"), stock=[("W", "Q")])], "no such stock row"),
    ({}, [tree(leaf("0"), orders=("A", "B", "X"))], "no such order"),
    ({}, [tree(["A", "W", "air"], leaf("0"), leaf("7"))], "no such lane"),
    ({}, [tree(["X", "W", "standard"], leaf("0"), leaf("7"))], "no such order"),
    ({}, [tree(leaf("0", "0"), stock=[("W", "P"), ("W", "P")])], "stock row .* stands twice"),
    ({}, [FULL, FULL], "stock row .* stands twice"),
    ({}, [tree(leaf("0"), orders=("A", "B", "A"))], "order .* stands twice"),
    (MORE_STOCK, [FULL, tree(leaf("0"), stock=OTHER)], "order .* stands twice"),
    (MORE_STOCK, [FULL, tree(leaf("0"), stock=OTHER, orders=())], "order A could take from"),
    ({}, [tree(A, leaf("0"), leaf("7"), orders=("A",))], "order B could take from"),
    ({"order_lines": [*({"order_id": name, "product_id": "P", "qty": 1} for name in "ABC")]}, [FULL], "order C could"),
    (
        {"orders": [{"order_id": name, "hold": "x"} for name in "AB"]},
        [tree(A, leaf("0"), leaf("0"), orders=())],
        "not in",
    ),
    ({}, [tree(A, A, leaf("0"), leaf("0"), leaf("0"))], "again below"),
    ({}, [tree(A, leaf("0"), A, leaf("0"), leaf("0"))], "again below"),
    ({}, [tree()], "ends too early"),
    ({}, [tree(A, leaf("0"))], "ends too early"),
    ({}, [tree(A, leaf("0"), B, leaf("0"))], "ends too early"),
    ({}, [tree(leaf("0"), leaf("0"))], "after its end"),
    ({}, [tree(A, leaf("0"), leaf("7"), B)], "after its end"),
    (DATED, [FULL], "without dates"),
    (FROZEN, [FULL], "without frozen"),
]


@pytest.mark.parametrize(("more", "sets", "words"), REFUSED)
def test_refused(more: Json, sets: Any, words: str) -> None:
    tables, scenario = two_orders(**more)
    with pytest.raises(VerificationError, match=words):
        bound(tables, scenario, {"prices": {}, "branches": sets})


@pytest.mark.parametrize(
    "more",
    [
        {"orders": [{"order_id": "A"}, {"order_id": "B", "hold": "x"}]},
        {
            "orders": [{"order_id": "A"}, {"order_id": "B", "zone_id": "Y"}],
            "zones": [{"zone_id": "Y"}, {"zone_id": "Z"}],
        },
        {
            "orders": [{"order_id": "A"}, {"order_id": "B", "customer_id": "D"}],
            "eligibility": [{"rule_id": "R", "mode": "forbid", "warehouse_id": "W", "customer_id": "D"}],
        },
    ],
)
def test_an_order_that_cannot_take_from_the_stock_may_be_left_out_or_not(more: Json) -> None:
    """A alone ships 3 and earns 21."""
    tables, scenario = two_orders(**more)
    for orders in (("A",), ("A", "B")):
        stated = certificate(tree(A, leaf("0"), leaf("0"), orders=orders))
        assert bound(tables, scenario, stated).value == 21


def test_the_same_order_may_be_branched_on_in_both_subtrees() -> None:
    tables, scenario = two_orders()
    assert bound(tables, scenario, certificate(tree(A, B, *map(leaf, "000"[:2]), *BY_HAND[2:]))).value == 22


def test_a_deep_tree_needs_no_recursion() -> None:
    names = [f"O{at:04}" for at in range(1500)]
    scenario = make_scenario()
    lines = [{"order_id": name, "product_id": "P", "qty": 1, "unit_margin": 1} for name in names]
    stock = [{"warehouse_id": "W", "product_id": "P", "on_hand_qty": 1}]
    tables = make_tables(scenario, order_lines=lines, stock=stock)
    shipments = [[name, "W", "standard"] for name in names[:1100]]
    deep = tree(*shipments, *[leaf("1")] * 1101, orders=names)
    assert bound(tables, scenario, {"prices": {}, "branches": [deep]}).value == 1


# -- any tree, any prices -----------------------------------------------------------------------------------------
def random_batch(random: np.random.Generator) -> tuple[Tables, Scenario]:
    """Orders of one or two lines, some only in full; services, minimum charges and weight bands on some lanes."""
    scenario = make_scenario()
    banded = random.random() < 0.5
    lanes: list[Json] = []
    for house, service in itertools.product("VW", ("slow", "standard")):
        costs = {
            "fixed_cost": int(random.integers(0, 20)),
            "cost_per_kg": int(random.integers(0, 3)),
            "min_charge": random.choice([None, 15]),
        }
        here = (house, service) == ("V", "slow") and banded
        lanes.append({"warehouse_id": house, "service_id": service, **({} if here else costs)})
    bands = [
        {**lanes[0], "zone_id": "Z", "rate_id": f"R{low}", "from_kg": low, "flat_cost": flat}
        for low, flat in ((0, 4), (3, 9), (7, 11))
    ]
    orders = [{"order_id": f"O{at}", "delivery_policy": str(random.choice(["partial"] * 4 + ["line_complete"]))}
              for at in range(6)]  # fmt: skip
    lines = [
        {"order_id": order["order_id"], "line_id": str(line), "product_id": str(random.choice(["P", "Q"])),
         "qty": int(random.integers(1, 4)), "unit_margin": int(random.integers(4, 14)),
         "weight_kg": int(random.integers(1, 6))}
        for order in orders for line in range(int(random.integers(1, 3)))
    ]  # fmt: skip
    stock = [{"warehouse_id": house, "product_id": product, "on_hand_qty": int(random.integers(1, 5))}
             for house in "VW" for product in "PQ"]  # fmt: skip
    more = {"rate_bands": bands} if banded else {}
    return make_tables(scenario, orders=orders, order_lines=lines, stock=stock, lanes=lanes, **more), scenario


def ships_whole_lines(tally: Tally) -> np.ndarray:
    """Orders whose plan keeps the rules on lines in full."""
    tables = tally.facts.tables
    part = (tally.allocated > 0) & (tally.allocated < tables.order_lines["qty"])
    partial = np.bincount(tables.line_order, part, tally.facts.n_orders) > 0
    return ~partial | (tally.facts.policy == 0)


def test_no_order_earns_more_than_its_leaf_says() -> None:
    """Shipments fixed at random, one leaf for the whole batch: what orders earn in plans that agree with it."""
    random, seen, tight = np.random.default_rng(11), 0, 0
    for seed in range(60):
        facts = Facts(*random_batch(random))
        book = read_books(facts, random_certificate(facts, random) if seed % 2 else {"prices": {}})[0]
        pools = np.arange(len(facts.supply.pool_key))
        price = Exact.of(Decimal(int(value)) / 8 for value in random.integers(0, 60, len(pools)))
        n_lanes = len(facts.tables.lanes)
        chosen = np.flatnonzero(random.random(facts.n_orders * n_lanes) < 0.3)
        fixed = Fixed(chosen, random.random(len(chosen)) < 0.5)
        best = phi(facts, book, pools, price, fixed)
        in_leaf = reduce_values(facts, book).stock.pool_price
        for _ in range(30):
            tally = random_plan(facts, random)
            leaves = np.zeros(facts.n_orders * n_lanes, dtype=bool)
            leaves[tally.shipment_order * n_lanes + tally.shipment_lane] = True
            agrees = np.ones(facts.n_orders, dtype=bool)
            agrees[chosen[leaves[chosen] != fixed.leaves] // n_lanes] = False
            agrees &= ships_whole_lines(tally)
            dearer = (price - in_leaf).take(facts.supply.find_pool(
                facts.tables.lane_warehouse[tally.rows.lane], facts.tables.line_product[tally.rows.line]
            )) * tally.rows.qty  # fmt: skip
            worth = order_values(tally, book.rates) - priced_use(tally, book)
            left = best - (worth - dearer.sum_by(tally.order, facts.n_orders))
            assert (left >= 0)[agrees].all()
            seen += int((agrees & (np.bincount(chosen // n_lanes, minlength=facts.n_orders) > 0)).sum())
            tight += int((agrees & left.equals(0) & leaves.reshape(-1, n_lanes).any(axis=1)).sum())
    assert seen > 3000
    assert tight > 200


def random_sets(facts: Facts, random: np.random.Generator, stated: Json) -> Iterator[Json]:
    """Products whose orders are in no other set, each with a tree of some depth, at prices about those stated."""
    tables = facts.tables
    lanes = tables.lanes
    known = {(house, name): Decimal(price) for house, name, price in stated["warehouse_stock"]["rows"]}
    used = np.zeros(facts.n_orders, dtype=bool)
    for product in random.permutation(facts.n_products).tolist():
        orders = np.unique(tables.line_order[tables.line_product == product])
        if used[orders].any() or not len(orders):
            continue
        used[orders] = True
        name = str(tables.products["product_id"][product])
        stock = [[str(house), name] for house in tables.warehouses["warehouse_id"]]
        shipments = [
            [str(tables.orders["order_id"][order]), str(lanes["warehouse_id"][lane]), str(lanes["service_id"][lane])]
            for order in orders.tolist()
            for lane in np.flatnonzero(tables.lane_zone == tables.order_zone[order]).tolist()
        ]

        def entries(left: list[list[str]], depth: int, pools: list[list[str]] = stock) -> list[Any]:
            if not depth or not left or random.random() < 0.1:
                factor = [Decimal(int(random.integers(500, 1500))) / 1000 for _ in pools]
                return [
                    leaf(*(f"{known[house, name] * by:.9f}" for (house, name), by in zip(pools, factor, strict=True)))
                ]
            at = int(random.integers(len(left)))
            rest = left[:at] + left[at + 1 :]
            return [left[at], *entries(rest, depth - 1), *entries(rest, depth - 1)]

        yield {
            "stock": stock,
            "orders": [str(tables.orders["order_id"][order]) for order in orders],
            "tree": entries(shipments, int(random.integers(0, 5))),
        }


def test_any_trees_at_any_prices_bound_every_plan() -> None:
    random, gains, several = np.random.default_rng(4), 0, 0
    for seed in range(40):
        facts = Facts(*make_batch(Size(int(random.integers(4, 14)), warehouses=2, products=4, zones=2), seed))
        plans = [random_plan(facts, random) for _ in range(15)]
        for covered in (False, True, False):
            made = random_certificate(facts, random)
            stated = made if covered else made["covers"]
            stated = stated if covered else {"prices": stated["prices"]}
            sets = list(random_sets(facts, random, made["covers"]["prices"]))
            found = bound_of(facts, *read_books(facts, {**stated, "branches": sets}))
            plain = bound_of(facts, *read_books(facts, stated))
            assert found.value is not None
            assert plain.value is not None
            assert (found.branched >= 0).all()
            assert plain.value - found.branched.sum() == found.value
            gains += int((found.branched > 0).sum())
            several += len(sets) > 1
            for plan in plans:
                parts = attribute(plan, found)
                assert parts.least >= 0
                assert parts.total == found.value - plan.objective >= 0
                for at, regret in enumerate(parts.by_set.fractions()):
                    assert regret >= 0, at
    assert gains > 30
    assert several > 20


def test_no_prices_of_the_leaves_go_below_the_best_plan() -> None:
    tables, scenario = two_orders()
    grid = [str(price) for price in range(0, 11, 2)]
    least = min(
        value
        for prices in itertools.product(grid, repeat=3)
        if (value := bound(tables, scenario, certificate(tree(A, leaf(prices[0]), B, *map(leaf, prices[1:])))).value)
        is not None
    )
    assert least == 22
