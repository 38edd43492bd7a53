"""Scopes: the vectorised join against the definition, row by row."""

import random

import numpy as np
import pytest

from optimizer.tables.schema import SCOPE_COLUMNS
from optimizer.tables.scope import scope_members
from tests.builders import make_tables

VALUES = {
    "customer_id": ["C1", "C2", "C3"],
    "segment": ["s", "t"],
    "tier": ["A", "B"],
    "channel": ["web", "store"],
    "zone_id": ["Z1", "Z2"],
    "order_id": [f"O{n}" for n in range(6)],
    "product_id": ["P1", "P2"],
    "family": ["f", "g"],
}


def batch(rng: random.Random):
    def pick(column: str) -> str:
        return rng.choice(VALUES[column])

    return make_tables(
        orders=[
            {"order_id": order, "customer_id": pick("customer_id"), "zone_id": pick("zone_id"),
             "channel": rng.choice(["", *VALUES["channel"]])}
            for order in VALUES["order_id"]
        ],
        order_lines=[
            {"order_id": order, "line_id": str(n), "product_id": pick("product_id"), "qty": 1}
            for order in VALUES["order_id"] for n in range(rng.randint(1, 3))
        ],
        products=[{"product_id": p, "family": rng.choice(["", *VALUES["family"]])} for p in VALUES["product_id"]],
        customers=[{"customer_id": c, "tier": pick("tier"), "segment": pick("segment")} for c in VALUES["customer_id"]],
        stock=[{"warehouse_id": "W", "product_id": "P1", "on_hand_qty": 1}],
        contracts=[
            {"contract_id": f"K{n}", "max_qty": 5}
            | {column: pick(column) for column in SCOPE_COLUMNS if rng.random() < 0.25}
            for n in range(rng.randint(0, 8))
        ],
    )  # fmt: skip


def by_definition(tables) -> list[tuple[int, int]]:
    pairs = []
    for rule in range(len(tables.contracts)):
        for line in range(len(tables.order_lines)):
            order = tables.line_order[line]
            customer = tables.order_customer[order]
            product = tables.line_product[line]
            has = {c: tables.orders[c][order] for c in ("customer_id", "channel", "zone_id", "order_id")}
            has |= {c: tables.customers[c][customer] for c in ("segment", "tier")}
            has |= {c: tables.products[c][product] for c in ("product_id", "family")}
            wanted = {c: tables.contracts[c][rule] for c in SCOPE_COLUMNS}
            if all(value in ("", has[c]) for c, value in wanted.items()):
                pairs.append((rule, line))
    return pairs


@pytest.mark.parametrize("seed", range(60))
def test_scope_members_are_those_of_the_definition(seed):
    tables = batch(random.Random(seed))
    rule, line = scope_members(tables, tables.contracts)
    assert list(zip(rule.tolist(), line.tolist(), strict=True)) == by_definition(tables)
    assert rule.dtype == line.dtype == np.int64
