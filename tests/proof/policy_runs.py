"""Run folders of plans with policies, by the product's own writers."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np

from optimizer.model.supply import Supply
from optimizer.proof.facts import Facts
from optimizer.proof.plan import Rows
from optimizer.solution.plan import Draws, MovedStock, Plan
from tests.instances import Case
from tests.oracle.book import Book
from tests.oracle.search import best_plan
from tests.proof.policy_cases import as_rows, random_certificate
from tests.proof.runs import Folder, write_plan


def as_plan(facts: Facts, rows: Rows) -> Plan:
    """The judge's positions as those of the product."""
    tables, supply = facts.tables, facts.supply
    theirs = Supply.of(tables, facts.scenario)
    names = list(zip(theirs.warehouse.tolist(), theirs.product.tolist(), theirs.lot.tolist(), strict=True))
    lots = [supply.lot_texts[lot] for lot in supply.lot]
    houses, products = supply.pool_warehouse[supply.pool].tolist(), supply.pool_product[supply.pool].tolist()
    place = np.array([names.index(key) for key in zip(houses, products, lots, strict=True)], dtype=np.int64)
    source = supply.moves.source[rows.move]
    moves = MovedStock(
        rows.move_row, place[source], rows.move_day, rows.move_units, supply.pool_product[supply.pool[source]]
    )
    by_source = np.lexsort((rows.move_day, place[source], rows.move_row))
    moves = MovedStock(*(getattr(moves, name)[by_source] for name in ("transfer", "source", "day", "units", "product")))
    draws = Draws.of(rows.draw_row, place[rows.draw_source], rows.draw_units)
    return Plan(rows.line, rows.lane, rows.qty, rows.day, facts.ways.product[rows.way], draws, moves)


def write_best(case: Case, facts: Facts, rng: random.Random, target: Path, fmt: str = "csv") -> Folder | None:
    """The folder of the optimum, with random prices; None if the batch has no plan."""
    best = best_plan(case)
    if best is None:
        return None
    rows = as_rows(facts, Book(case), best.orders, best.moves.moves)
    certificate = random_certificate(facts, rng)
    return write_plan(facts.tables, facts.scenario, as_plan(facts, rows), certificate, target, fmt)
