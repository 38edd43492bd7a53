"""What stands in the way of rules that clash: stock, capacities and order rules; without any one of them they hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import decimal_text
from optimizer.model.build import Model
from optimizer.model.linear_model import Block, LinearModel
from optimizer.solution.conflict_rules import DemandingRules
from optimizer.solution.conflict_search import Search
from optimizer.solution.extract import plan_from_values
from optimizer.solution.ledger import Ledger
from optimizer.solution.prices_rows import AT_LEAST, LINKS, key_texts, limit_of

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

OWN_RULES = {"delivery_policy": "order", "max_shipments": "order", "pins": "pin"}
"""Rules of one order that can stand in the way, and the key that says which rows are one fact."""
MOST_PROBED = 40
"""Facts that are lifted one by one; of more, the tight ones are named as they are."""
MOST_NAMED = 10
LIMIT_WORDS = {
    "warehouse_stock": "stock of product {product_id} at warehouse {warehouse_id}",
    "lot_stock": "lot {lot_id} of product {product_id} at warehouse {warehouse_id}",
    "contract_quota": "quota of contract {contract_id}",
    "credit_limit": "credit limit of customer {customer_id}",
    "budget": "budget {budget_id}",
    "reserve": "what reserve {reserve_id} leaves to others",
    "fair_share": "the share of {party} in {group_id}",
    "transfer_capacity": "transfers from {from_warehouse_id} to {to_warehouse_id}",
}


@dataclass(frozen=True, eq=False)
class Fact:
    """Rows of one family that stand or fall together."""

    block: Block
    rows: Ints

    @property
    def at(self) -> int:
        """Its first row, counted within the block."""
        return int(self.rows[0]) - self.block.start


def facts_of(model: Model) -> list[Fact]:
    """Everything that only limits: a row each of what orders share, all rows of one order's rule together."""
    found = []
    for block in model.linear.row_blocks:
        if block.coupling and block.family not in AT_LEAST | LINKS and not block.redundant:
            found += [Fact(block, np.array([row])) for row in block.positions]
        elif block.family in OWN_RULES:
            code = block.keys[OWN_RULES[block.family]]
            found += [Fact(block, block.start + np.flatnonzero(code == each)) for each in np.unique(code)]
    return found


def limits(search: Search, rules: DemandingRules, members: list[int]) -> Iterator[dict[str, Any]]:
    """The facts that a clash meets, in words: lines without any way, then tight limits none of which is superfluous."""
    model = rules.model
    lines = np.unique(rules.line[np.isin(rules.rule, members)])
    yield from _without_way(model, lines)
    yield from _pins_without_way(model, rules, members)
    found = search.least(among=members)
    if found.values is None:
        return
    order = np.unique(model.tables.line_order[lines])
    touched = _touched(model, order)
    tight = _tight(model.linear, found.values[: search.n_cols])
    touching = [fact for fact in facts_of(model) if touched[fact.rows].any() and not _is_member(fact, rules, members)]
    facts = [fact for fact in touching if tight[fact.rows].any()]
    if (rules.family[members] == "frozen").any() and len(touching) <= MOST_PROBED:
        facts = touching  # an order that is let go leaves room where it meets a limit
    ledger = Ledger(model.tables, model.scenario, plan_from_values(model, found.values[: search.n_cols]))
    for fact in _needed(search, members, facts)[:MOST_NAMED]:
        yield _describe(model, ledger, fact)


def _needed(search: Search, members: list[int], facts: list[Fact]) -> list[Fact]:
    """Facts without any one of which the clash would be none: a deletion filter, as far as the clock allows.

    All of them where bounds of columns alone would keep the clash.
    """
    if len(facts) > MOST_PROBED:
        return facts
    lifted: list[Fact] = []
    kept = list(facts)
    for fact in facts:
        rows = np.concatenate([each.rows for each in (*lifted, fact)])
        if search.can_hold(members, rows) is False:
            lifted.append(fact)
            kept.remove(fact)
    return kept or facts


def _is_member(fact: Fact, rules: DemandingRules, members: list[int]) -> bool:
    """Whether the fact is itself one of the rules that clash (a pin of exactly so many also limits)."""
    return bool(np.isin(rules.row[members], fact.rows).any())


def _touched(model: Model, orders: Ints) -> Flags:
    """Rows in which a column of one of the orders stands, or one of nobody's (a move of stock) beside such a column."""
    linear, mine = model.linear, np.zeros(model.linear.n_cols, dtype=bool)
    chosen = np.zeros(len(model.tables.orders), dtype=bool)
    chosen[orders] = True
    nobodys = np.zeros(linear.n_cols, dtype=bool)
    for block in linear.column_blocks:
        of_order = block.keys.get("order")
        if of_order is None and "line" in block.keys:
            of_order = model.tables.line_order[block.keys["line"]]
        columns = slice(block.start, block.stop)
        mine[columns], nobodys[columns] = (False, True) if of_order is None else (chosen[of_order], False)
    touched = _by_row(linear, mine[linear.indices].astype(np.float64)) > 0
    row = np.repeat(np.arange(linear.n_rows), np.diff(linear.indptr))
    beside = np.zeros(linear.n_cols, dtype=bool)
    beside[linear.indices[touched[row]]] = True
    beside &= nobodys
    return touched | (_by_row(linear, beside[linear.indices].astype(np.float64)) > 0)


def _tight(linear: LinearModel, values: Floats) -> Flags:
    """Rows that leave no room for one more of the least that any of their columns can take."""
    used = _by_row(linear, linear.data * values[linear.indices])
    step = np.full(linear.n_rows, np.inf)
    np.minimum.at(step, np.repeat(np.arange(linear.n_rows), np.diff(linear.indptr)), np.abs(linear.data))
    return np.asarray(used + np.where(np.isfinite(step), step, 0.0) > linear.row_upper + 1e-6)


def _by_row(linear: LinearModel, entries: Floats) -> Floats:
    total = np.concatenate([[0.0], np.cumsum(entries)])
    return np.asarray(total[linear.indptr[1:]] - total[linear.indptr[:-1]])


def _describe(model: Model, ledger: Ledger, fact: Fact) -> dict[str, Any]:
    block = fact.block
    if block.family in OWN_RULES:
        return _own_rule(model, fact)
    texts = key_texts(model.batch, block)
    keys = {name: str(values[fact.at]) for name, values in texts.items()}
    limit = limit_of(ledger, block)
    most, unit = decimal_text(limit.rhs.item(fact.at)), limit.unit
    unit = {"money": model.scenario.currency}.get(unit, unit.removesuffix("s") if most == "1" else unit)
    name = LIMIT_WORDS.get(block.family, block.family.replace("_", " ") + _named(keys)).format(**keys)
    if block.family in LIMIT_WORDS and keys.get("date", "") not in ("", model.scenario.as_of.isoformat()):
        name += f" from {keys['date']} on"
    return {"family": block.family, **keys, "limit": limit.rhs.item(fact.at), "unit": limit.unit,
            "words": f"{name}: {most} {unit}"}  # fmt: skip


def _named(keys: Mapping[str, str]) -> str:
    return " of " + ", ".join(f"{name.removesuffix('_id')} {value}".replace("{", "{{").replace("}", "}}")
                              for name, value in keys.items())  # fmt: skip


def _own_rule(model: Model, fact: Fact) -> dict[str, Any]:
    tables, block = model.tables, fact.block
    if block.family == "pins":
        pin = int(block.keys["pin"][fact.at])
        keys = {key: str(tables.pins[key][pin]) for key in ("order_id", "line_id", "warehouse_id", "mode")}
        qty = int(tables.pins["qty"][pin])
        words = (
            f"a pin allows {keys['mode'].replace('_', ' ')} {qty} units of order {keys['order_id']} line "
            f"{keys['line_id']} from warehouse {keys['warehouse_id']}"
        )
        return {"family": "pins", **keys, "limit": qty, "unit": "units", "words": words}
    order = int(block.keys["order"][fact.at])
    name = str(tables.orders["order_id"][order])
    if block.family == "max_shipments":
        most = int(tables.orders["max_shipments"][order])
        words = f"order {name} may ship in at most {most:,} shipment{'' if most == 1 else 's'}"
        return {"family": block.family, "order_id": name, "limit": most, "unit": "shipments", "words": words}
    whole = str(tables.orders["delivery_policy"][order])
    what = "ships in full or not at all" if whole == "order_complete" else "ships its lines in full or not at all"
    return {"family": block.family, "order_id": name, "policy": whole, "words": f"order {name} {what} ({whole})"}


def _without_way(model: Model, lines: Ints) -> Iterator[dict[str, Any]]:
    """Lines that the clash speaks of and that nothing can serve: held, or without an open and eligible warehouse."""
    tables = model.tables
    qty, order = tables.order_lines["qty"], tables.line_order
    held = lines[(tables.orders["hold"] != "")[order[lines]]]
    reached = np.bincount(model.arcs.line, minlength=len(qty)) > 0
    lost = lines[~reached[lines] & ~np.isin(lines, held)]
    for family, group, why in (
        ("hold", held, "on held orders"),
        ("no_way", lost, "that no open warehouse may serve with what it could ever have"),
    ):
        if len(group):
            named = [f"{tables.order_lines['order_id'][line]}/{tables.order_lines['line_id'][line]}" for line in group]
            units = int(qty[group].sum())
            more = f" and {len(named) - MOST_NAMED:,} more" if len(named) > MOST_NAMED else ""
            words = f"{units:,} units are on lines {why}: {', '.join(named[:MOST_NAMED])}{more}"
            yield {"family": family, "lines": named[:MOST_NAMED], "limit": 0, "unit": "units", "words": words}


def _pins_without_way(model: Model, rules: DemandingRules, members: list[int]) -> Iterator[dict[str, Any]]:
    """Pins at a warehouse that may not serve the line at all."""
    arcs, n_houses, tables = model.arcs, len(model.tables.warehouses), model.tables
    served = np.unique(arcs.line * n_houses + arcs.warehouse)
    for pin in [int(rules.place[member]) for member in members if rules.family[member] == "pins"]:
        if tables.pin_line[pin] * n_houses + tables.pin_warehouse[pin] not in served:
            keys = {key: str(tables.pins[key][pin]) for key in ("order_id", "line_id", "warehouse_id")}
            words = (
                f"warehouse {keys['warehouse_id']} may not serve order {keys['order_id']} line {keys['line_id']}: "
                "eligibility, another pin, its lanes or its being closed forbid it"
            )
            yield {"family": "no_way", **keys, "limit": 0, "unit": "units", "words": words}
