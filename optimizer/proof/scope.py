"""Who and what a rule is about: which order lines a row with scope columns covers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.tables.tables import Table, Tables, Texts

Ints = NDArray[np.int64]

SCOPE_COLUMNS = ("customer_id", "segment", "tier", "channel", "zone_id", "order_id", "product_id", "family")


@dataclass(frozen=True)
class Scopes:
    """Which lines each of ``size`` rules covers: ``line[i]`` belongs to ``rule[i]``, sorted by rule."""

    rule: Ints
    line: Ints
    size: int

    def totals(self, of_line: Ints) -> Ints:
        """Sum of a whole number per line over the lines of each rule."""
        total = np.zeros(self.size, dtype=np.int64)
        np.add.at(total, self.rule, of_line[self.line])
        return total


def codes_of(values: Iterable[str]) -> tuple[Ints, dict[str, int]]:
    """Every distinct text gets a number; returns the number of each value and the dictionary."""
    codes: dict[str, int] = {}
    numbers = [codes.setdefault(value, len(codes)) for value in values]
    return np.array(numbers, dtype=np.int64), codes


def line_attribute(tables: Tables, column: str) -> tuple[Ints, dict[str, int]]:
    """One scope column of every order line, as numbers, and the dictionary from text to number."""
    order = tables.line_order
    if column == "customer_id":
        numbers, codes = codes_of(tables.customers["customer_id"])
        return numbers[tables.order_customer[order]], codes
    if column in ("segment", "tier"):
        numbers, codes = codes_of(tables.customers[column])
        return numbers[tables.order_customer[order]], codes
    if column == "zone_id":
        numbers, codes = codes_of(tables.zones)
        return numbers[tables.order_zone[order]], codes
    if column in ("channel", "order_id"):
        numbers, codes = codes_of(tables.orders[column])
        return numbers[order], codes
    numbers, codes = codes_of(tables.products[column])
    return numbers[tables.line_product], codes


def scope_pairs(tables: Tables, rules: Table) -> tuple[Ints, Ints]:
    """(rule, line) for every line that a rule covers: all filled scope columns equal, blank ones match anything.

    Rules that fill the same columns are matched together by one sort, so thousands of rules over a million lines cost
    one sort per set of columns.
    """
    filled = np.zeros((len(rules), len(SCOPE_COLUMNS)), dtype=bool)
    for position, column in enumerate(SCOPE_COLUMNS):
        filled[:, position] = [value != "" for value in rules[column]]
    pattern = filled @ (1 << np.arange(len(SCOPE_COLUMNS)))
    found = [_match(tables, rules, np.flatnonzero(pattern == code)) for code in np.unique(pattern)]
    rule = np.concatenate([pair[0] for pair in found]) if found else np.zeros(0, dtype=np.int64)
    line = np.concatenate([pair[1] for pair in found]) if found else np.zeros(0, dtype=np.int64)
    by_rule = np.lexsort((line, rule))
    return rule[by_rule], line[by_rule]


def _match(tables: Tables, rules: Table, which: Ints) -> tuple[Ints, Ints]:
    """The pairs of rules that all fill the same columns."""
    columns = [column for column in SCOPE_COLUMNS if rules[column][which[0]] != ""]
    n_lines = len(tables.order_lines)
    line_key, rule_key = np.zeros(n_lines, dtype=np.int64), np.zeros(len(which), dtype=np.int64)
    for column in columns:
        numbers, codes = line_attribute(tables, column)
        wanted = np.array([codes.get(value, len(codes)) for value in rules[column][which]], dtype=np.int64)
        both = np.concatenate([line_key, rule_key]) * (len(codes) + 1) + np.concatenate([numbers, wanted])
        both = np.unique(both, return_inverse=True)[1]  # dense again, so that the next column cannot overflow
        line_key, rule_key = both[:n_lines], both[n_lines:]
    by_key = np.argsort(line_key, kind="stable")
    left = np.searchsorted(line_key[by_key], rule_key, side="left")
    count = np.searchsorted(line_key[by_key], rule_key, side="right") - left
    return np.repeat(which, count), by_key[ranges(left, count)]


def ranges(start: Ints, count: Ints) -> Ints:
    """``start[0], start[0]+1, ... (count[0] of them), start[1], ...``."""
    total = int(count.sum())
    if total == 0:
        return np.zeros(0, dtype=np.int64)
    before = np.repeat(np.cumsum(count) - count, count)
    return np.repeat(start, count) + np.arange(total, dtype=np.int64) - before


def floor_members(tables: Tables, scope: str) -> NDArray[np.bool_]:
    """Which orders a service floor covers: all (``overall``), or those of one tier, channel, ... (``tier.A``)."""
    if scope == "overall":
        return np.ones(len(tables.orders), dtype=bool)
    kind, _, member = scope.partition(".")
    values: Texts
    if kind == "channel":
        values = tables.orders["channel"]
    elif kind == "zone":
        values = tables.zones[tables.order_zone] if len(tables.zones) else tables.orders["zone_id"]
    else:
        values = tables.customers[{"customer": "customer_id"}.get(kind, kind)][tables.order_customer]
    return np.asarray(values == member, dtype=bool)
