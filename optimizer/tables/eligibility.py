"""Which warehouses may serve which order lines, by the rules of the table `eligibility`."""

from __future__ import annotations

import numpy as np

from optimizer.tables.schema import SCOPE_COLUMNS
from optimizer.tables.scope import scope_members
from optimizer.tables.tables import Ints, Tables


def ineligible_pairs(tables: Tables) -> Ints:
    """Sorted codes ``line · warehouses + warehouse`` that eligibility rules exclude.

    ``forbid``: a matching row excludes. ``only``: a warehouse with such rows serves a line iff, for each set of columns
    that those rows fill, at least one of its rows matches.
    """
    rules, size = tables.eligibility, len(tables.warehouses)
    if len(rules) == 0:
        return np.zeros(0, dtype=np.int64)
    rule, line = scope_members(tables, rules)
    only = (rules["mode"] == "only")[rule]
    forbidden = line[~only] * size + tables.eligibility_warehouse[rule[~only]]
    return np.unique(np.concatenate([forbidden, _unmatched_pairs(tables, rule[only], line[only])]))


def _unmatched_pairs(tables: Tables, rule: Ints, line: Ints) -> Ints:
    """Codes of (line, warehouse) where some set of columns filled by ``only`` rows has no row that matches the line."""
    n_lines, size = len(tables.order_lines), len(tables.warehouses)
    group, group_warehouse = _only_groups(tables)
    warehouses, narrow = np.unique(group_warehouse, return_inverse=True)
    pair = np.unique(group[rule] * n_lines + line)
    met = np.bincount((pair % n_lines) * len(warehouses) + narrow[pair // n_lines], minlength=n_lines * len(warehouses))
    unmet = met.reshape(n_lines, len(warehouses)) < np.bincount(narrow)
    lines, places = np.nonzero(unmet)
    return np.asarray(lines * size + warehouses[places], dtype=np.int64)


def _only_groups(tables: Tables) -> tuple[Ints, Ints]:
    """Group (warehouse, set of filled columns) of each ``only`` row, -1 for other rules; each group's warehouse."""
    rules = tables.eligibility
    filled = np.zeros(len(rules), dtype=np.int64)
    for bit, column in enumerate(SCOPE_COLUMNS):
        filled += (rules[column] != "").astype(np.int64) << bit
    only = np.flatnonzero(rules["mode"] == "only")
    code = (tables.eligibility_warehouse[only] << len(SCOPE_COLUMNS)) + filled[only]
    groups, of_row = np.unique(code, return_inverse=True)
    group = np.full(len(rules), -1, dtype=np.int64)
    group[only] = of_row
    return group, groups >> len(SCOPE_COLUMNS)
