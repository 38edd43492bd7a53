"""The family `budget`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from optimizer.model.budgets import members, product_cost, products_in_scope
from optimizer.model.constraints._money import Entries, joined, money_rows
from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows
from optimizer.model.objective import shipment_freight, unit_freight
from optimizer.model.policy_terms import tariff_freight, transfer_fixed, transfer_units
from optimizer.model.ragged import expand, starts_of
from optimizer.model.terms import Ratio
from optimizer.model.transfers import transfer_columns

Ints = NDArray[np.int64]


def budget(f: Formulation) -> Rows:
    """What is spent in the scope of a budget stays within it: on freight, on goods, or on moves between warehouses.

    Index: budgets g
    Formula: Σ freight of shipments in g (Σ unit_cost · units shipped in g, Σ transfer cost of products in g) ≤ limit[g]
    Dual: β[g] ≥ 0
    Unit: money
    Absent: where no budget is stated, or all that could be spent stays below it
    Meaning: money gained by one more unit of budget
    """
    table = f.tables.budgets
    owner, column, money = joined([*_freight(f), _goods(f), *_moves(f)])
    most = np.bincount(owner, np.maximum(money.floats(), 0) * f.upper[column], len(table))
    stated, entries = np.ones(len(table), dtype=bool), (owner, column, money)
    return money_rows("budget", "budget", entries, table["limit"], stated, most.astype(np.float64), f.part, f.grid)


def _freight(f: Formulation) -> list[Entries]:
    budget, order = f.batch.freight_budgets
    start, entries = starts_of(order, len(f.tables.orders)), []
    counted = np.append(np.diff(start) > 0, False)  # -1, no order, is not counted
    for term in (unit_freight, shipment_freight, tariff_freight) if len(budget) else ():
        column, money = term(f)
        own = f.order_of_column[column]
        some = np.flatnonzero(counted[own])
        place, pair = expand(start[own[some]], start[own[some] + 1])
        place = some[place]
        entries.append((budget[pair], column[place], money.take(place)))
    return entries


def _goods(f: Formulation) -> Entries:
    budget, line = members(f.tables, "stock_value")
    place, arc = f.arcs_of(line)
    offers, arcs = f.batch.offers, f.arcs
    cost = product_cost(f.tables, offers.recipes).take(arcs.product[arc])
    return budget[place], arc, Ratio.of(cost * offers.shipped(arcs.offer[arc], arcs.step[arc]))


def _moves(f: Formulation) -> list[Entries]:
    """Of moves in scope what each unit costs; the fixed cost counts where all products are in scope."""
    table, moves, supply = f.tables.budgets, transfer_columns(f), f.batch.supply
    inside = products_in_scope(f.tables)
    if not inside.any() or not len(moves):
        return []
    column, money = transfer_units(f)
    budget, place = np.nonzero(inside[:, supply.product[supply.moves.source[moves.move]]])
    entries = [(budget, column[place], money.take(place))]
    column, money = transfer_fixed(f)
    blank = np.asarray((table["product_id"] == "") & (table["family"] == ""), dtype=bool)
    every = np.flatnonzero(blank & (table["kind"] == "transfer_cost"))
    budget, place = np.repeat(every, len(column)), np.tile(np.arange(len(column)), len(every))
    return [*entries, (budget, column[place], money.take(place))]
