"""The products by which a line can be served: its own, or a substitute of it; and what a kit is made of."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from optimizer.exact import Exact
from optimizer.tables.scope import via
from optimizer.tables.tables import Ints, Tables

UNREACHABLE = 1 << 50
"""A step that no line's quantity reaches: it stands for every larger one."""


class Ways(NamedTuple):
    """Pairs (line, product that may be shipped for it), each line's own product first.

    ``step``: ordered units by which the quantity can grow, `UNREACHABLE` where it never fits a line.
    """

    line: Ints
    product: Ints
    step: Ints


def ways_of(tables: Tables) -> Ways:
    """Every way to serve every line.

    A step is the least multiple of the lot multiple whose shipped units are whole cases of the product shipped: with
    the ratio a/b in lowest terms lcm(lot_multiple, b · case_pack / gcd(a, case_pack)).
    """
    pack = np.maximum(np.append(tables.products["case_pack"], 1), 1)
    lots = np.maximum(tables.order_lines["lot_multiple"], 1)
    own = np.arange(len(tables.order_lines), dtype=np.int64)
    line, row = substitute_pairs(tables)
    product = np.concatenate((tables.line_product, tables.substitution_substitute[row]))
    units, per = (part[row] for part in ratio_parts(tables.substitutions["ratio"]))
    cases = pack[product[len(own) :]]
    step = _times(per, cases // np.gcd(units, cases))
    lines = np.concatenate((own, line))
    return Ways(lines, product, _lcm(lots[lines], np.concatenate((pack[tables.line_product], step))))


def substitute_pairs(tables: Tables) -> tuple[Ints, Ints]:
    """Pairs (line, row of `substitutions` that holds for it): of its product, and for its customer or for all."""
    rows = np.flatnonzero(tables.substitution_product >= 0)
    rows = rows[np.argsort(tables.substitution_product[rows], kind="stable")]
    ordered = tables.substitution_product[rows]
    first = np.searchsorted(ordered, tables.line_product, side="left")
    count = np.searchsorted(ordered, tables.line_product, side="right") - first
    line = np.repeat(np.arange(len(tables.line_product)), count)
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    row = rows[np.repeat(first, count) + within]
    customer = via(tables.line_order, tables.order_customer)[line]
    everybody = tables.substitutions["customer_id"][row] == ""
    holds = everybody | ((tables.substitution_customer[row] == customer) & (customer >= 0))
    return line[holds], row[holds]


def ratio_parts(ratio: Exact) -> tuple[Ints, Ints]:
    """Numerator and denominator of each ratio in lowest terms; both at most `UNREACHABLE`, at least 1."""
    parts = [value.as_integer_ratio() for value in ratio.fractions()]
    low, high = (np.array([min(max(pair[end], 1), UNREACHABLE) for pair in parts], dtype=np.int64) for end in (0, 1))
    return low, high


def components(tables: Tables, product: Ints) -> tuple[Ints, Ints]:
    """What leaves the shelf for each product: pairs (position in ``product``, product); itself where it is no kit."""
    order = np.argsort(tables.kit_product, kind="stable")
    kit = tables.kit_product[order]
    first = np.searchsorted(kit, product, side="left")
    count = np.where(product >= 0, np.searchsorted(kit, product, side="right") - first, 0)
    at = np.repeat(np.arange(len(product)), count)
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    part = tables.kit_component[order[np.repeat(first, count) + within]]
    plain = np.flatnonzero((count == 0) & (product >= 0))
    where, what = np.concatenate((at, plain)), np.concatenate((part, product[plain]))
    sort = np.lexsort((what, where))
    return where[sort].astype(np.int64), what[sort].astype(np.int64)


def kit_products(tables: Tables) -> Ints:
    """The products that are kits, sorted."""
    return np.unique(tables.kit_product[tables.kit_product >= 0])


def _lcm(first: Ints, second: Ints) -> Ints:
    return _times(first // np.gcd(first, second), second)


def _times(first: Ints, second: Ints) -> Ints:
    """The product of whole numbers from 1, at most `UNREACHABLE`."""
    beyond = first > UNREACHABLE // second
    return np.where(beyond, UNREACHABLE, np.where(beyond, 1, first) * second)
