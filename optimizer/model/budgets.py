"""What budgets are about: which orders, lines and products spend their money."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.model.offers import Recipes
from optimizer.model.ragged import distinct_codes
from optimizer.tables.scope import scope_members
from optimizer.tables.tables import Tables

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


def members(tables: Tables, kind: str) -> tuple[Ints, Ints]:
    """Pairs (budget of that kind, line in its scope), sorted."""
    budget, line = scope_members(tables, tables.budgets)
    chosen = np.asarray(tables.budgets["kind"] == kind, dtype=bool)[budget]
    return budget[chosen], line[chosen]


def orders_in_scope(tables: Tables) -> tuple[Ints, Ints]:
    """Pairs (budget on freight, order in its scope), sorted by order."""
    budget, line = members(tables, "shipping_cost")
    size = max(len(tables.budgets), 1)
    codes = distinct_codes(tables.line_order[line] * size + budget)
    return codes % size, codes // size


def product_cost(tables: Tables, recipes: Recipes) -> Exact:
    """Money that a unit of each product costs: of a kit that of its components."""
    product, component, qty = recipes.parts(np.arange(len(tables.products)))
    cost: Exact = (tables.products["unit_cost"].take(component) * qty).sum_by(product, len(tables.products))
    return cost


def products_in_scope(tables: Tables) -> Flags:
    """Budgets × products: which moves each budget on transfers counts."""
    table, products = tables.budgets, tables.products
    inside = np.asarray(table["kind"] == "transfer_cost", dtype=bool)[:, None] & np.ones(len(products), dtype=bool)
    for column in ("product_id", "family"):
        wanted = table[column][:, None]
        inside &= np.asarray((wanted == "") | (wanted == products[column]), dtype=bool)
    return inside
