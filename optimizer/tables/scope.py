"""Which order lines a rule is about: every filled scope column must match, blank columns match everything."""

from __future__ import annotations

import numpy as np

from optimizer.tables.resolve import distinct, position
from optimizer.tables.schema import SCOPE_COLUMNS
from optimizer.tables.tables import Ints, Table, Tables, Texts

PARTIES = {"customer": "customer_id", "channel": "channel", "order": "order_id", "zone": "zone_id", "tier": "tier"}
"""What makes a party of a fair share: the scope column of the lines."""


def scope_values(tables: Tables, column: str) -> tuple[Texts, Ints]:
    """A scope column of the order lines as (values of its owners, the owner of each line); -1 where there is none."""
    order = tables.line_order
    owner = {
        "product_id": (tables.products, tables.line_product),
        "family": (tables.products, tables.line_product),
        "customer_id": (tables.orders, order),
        "channel": (tables.orders, order),
        "zone_id": (tables.orders, order),
        "order_id": (tables.orders, order),
    }
    if column in owner:
        table, rows = owner[column]
        return table[column], rows
    return tables.customers[column], via(order, tables.order_customer)


def via(first: Ints, second: Ints) -> Ints:
    """One reference after the other: ``second[first]``, -1 where either leads nowhere."""
    if len(second) == 0:
        return np.full(len(first), -1, dtype=np.int64)
    return np.where(first < 0, -1, second[np.maximum(first, 0)])


def scope_members(tables: Tables, rules: Table) -> tuple[Ints, Ints]:
    """All pairs (rule, order line in its scope) as positions, sorted by rule and line.

    Rules that fill the same columns are joined with the lines in one go: there are few such patterns, however many
    rules and lines there are.
    """
    filled = np.stack([rules[column] != "" for column in SCOPE_COLUMNS]) if len(rules) else np.zeros((0, 0), bool)
    pattern = (1 << np.arange(len(SCOPE_COLUMNS))) @ filled if len(rules) else np.zeros(0, dtype=np.int64)
    pairs = [_join(tables, rules, np.flatnonzero(pattern == code), int(code)) for code in np.unique(pattern)]
    rule = np.concatenate([pair[0] for pair in pairs]) if pairs else np.zeros(0, dtype=np.int64)
    line = np.concatenate([pair[1] for pair in pairs]) if pairs else np.zeros(0, dtype=np.int64)
    order = np.lexsort((line, rule))
    return rule[order].astype(np.int64), line[order].astype(np.int64)


def _join(tables: Tables, rules: Table, members: Ints, pattern: int) -> tuple[Ints, Ints]:
    """The pairs of the rules that fill exactly the columns of ``pattern``."""
    n_lines = len(tables.order_lines)
    rule_key, line_key = np.zeros(len(members), dtype=np.int64), np.zeros(n_lines, dtype=np.int64)
    for bit, column in enumerate(SCOPE_COLUMNS):
        if not pattern >> bit & 1:
            continue
        wanted = rules[column][members]
        names = distinct(wanted)
        values, owner = scope_values(tables, column)
        line_code = via(owner, position(names, values))
        rule_key = rule_key * len(names) + position(names, wanted)
        line_key = np.where((line_key < 0) | (line_code < 0), -1, line_key * len(names) + line_code)
        rule_key, line_key = _renumbered(rule_key, line_key)
    lines = np.flatnonzero(line_key >= 0)
    lines = lines[np.argsort(line_key[lines], kind="stable")]
    first = np.searchsorted(line_key[lines], rule_key, side="left")
    count = np.searchsorted(line_key[lines], rule_key, side="right") - first
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return np.repeat(members, count), lines[np.repeat(first, count) + within]


def _renumbered(rule_key: Ints, line_key: Ints) -> tuple[Ints, Ints]:
    """Keys as ranks among the rules' keys, so that they stay small; lines that no rule wants become -1."""
    known, rank = np.unique(rule_key, return_inverse=True)
    at = np.minimum(np.searchsorted(known, line_key), len(known) - 1)
    return rank.astype(np.int64), np.where(known[at] == line_key, at, -1)
