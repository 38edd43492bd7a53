"""Ways to serve a line: the vectorised joins and steps against their definitions, one by one."""

from __future__ import annotations

import random
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from optimizer.exact import Exact
from optimizer.tables.ways import UNREACHABLE, components, kit_products, ratio_parts, substitute_pairs, ways_of
from tests.builders import make_tables


def batch(rng: random.Random):
    products = [f"P{n}" for n in range(6)]
    kits = [
        {"product_id": "P5", "component_id": part, "qty": rng.randint(1, 3)} for part in rng.sample(products[:3], 2)
    ]
    pairs = rng.sample([(a, b) for a in products for b in products if a != b], 8)
    return make_tables(
        orders=[{"order_id": f"O{n}", "customer_id": rng.choice("AB")} for n in range(6)],
        order_lines=[
            {"order_id": f"O{n}", "product_id": rng.choice(products), "qty": rng.randint(1, 40),
             "lot_multiple": rng.choice([1, 1, 2, 3])} for n in range(6)
        ],
        products=[{"product_id": p, "case_pack": rng.choice([1, 1, 2, 4, 6])} for p in products],
        substitutions=[
            {"product_id": a, "substitute_id": b, "ratio": rng.choice(["1", "2", "0.5", "1.5", "0.4", "0.75"]),
             "customer_id": rng.choice(["", "", "A", "Z"])} for a, b in pairs
        ],
        kits=kits,
        stock=[{"warehouse_id": "W", "product_id": p, "on_hand_qty": 9} for p in products[:5]],
    )  # fmt: skip


def least_step(lots: int, pack: int, ratio: Fraction) -> int:
    """The smallest multiple of the lot multiple that ships whole cases, by trying."""
    step = lots
    while (step * ratio) % pack:
        step += lots
    return step


@pytest.mark.parametrize("seed", range(60))
def test_ways_are_those_of_the_definition(seed):
    tables = batch(random.Random(seed))
    lines, pack = tables.order_lines, tables.products["case_pack"]
    ratios = tables.substitutions["ratio"].fractions()
    wanted = set()
    for line, product in enumerate(tables.line_product.tolist()):
        wanted.add((line, product, least_step(lines["lot_multiple"][line], pack[product], Fraction(1))))
        for row, (ordered, other) in enumerate(
            zip(tables.substitution_product.tolist(), tables.substitution_substitute.tolist(), strict=True)
        ):
            customer = tables.substitutions["customer_id"][row]
            if ordered == product and customer in ("", tables.orders["customer_id"][tables.line_order[line]]):
                wanted.add((line, other, least_step(lines["lot_multiple"][line], pack[other], ratios[row])))
    ways = ways_of(tables)
    assert set(zip(ways.line.tolist(), ways.product.tolist(), ways.step.tolist(), strict=True)) == wanted
    assert len(ways.line) == len(lines) + len(substitute_pairs(tables)[0])


@pytest.mark.parametrize("seed", range(20))
def test_components_are_those_of_the_kits(seed):
    tables = batch(random.Random(seed))
    parts: dict[int, list[int]] = {}
    for kit, part in zip(tables.kit_product.tolist(), tables.kit_component.tolist(), strict=True):
        parts.setdefault(kit, []).append(part)
    product = np.array([5, 0, -1, 5, 3], dtype=np.int64)
    at, what = components(tables, product)
    wanted = [(n, part) for n, p in enumerate(product.tolist()) if p >= 0 for part in sorted(parts.get(p, [p]))]
    assert list(zip(at.tolist(), what.tolist(), strict=True)) == wanted
    assert kit_products(tables).tolist() == sorted(parts)


def test_ratios_of_any_length_stay_whole_numbers_that_fit():
    ratios = [Decimal("1"), Decimal("2.5"), Decimal("0.125"), Decimal("1e-25"), Decimal(10) ** 29]
    units, per = ratio_parts(Exact.of(ratios))
    assert list(zip(units.tolist(), per.tolist(), strict=True)) == [
        (1, 1), (5, 2), (1, 8), (1, UNREACHABLE), (UNREACHABLE, 1)
    ]  # fmt: skip


def test_steps_beyond_any_quantity_are_unreachable():
    tables = make_tables(
        order_lines=[{"order_id": "O", "product_id": "P", "qty": 5, "lot_multiple": 999_999_999_989}],
        products=[{"product_id": "P", "case_pack": 999_999_999_961}, {"product_id": "Q"}],
        substitutions=[{"product_id": "P", "substitute_id": "Q", "ratio": "1e-29"}],
        stock=[{"warehouse_id": "W", "product_id": "P", "on_hand_qty": 9}],
    )
    assert ways_of(tables).step.tolist() == [UNREACHABLE, UNREACHABLE]
