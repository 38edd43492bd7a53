"""Rules that may keep a short line from stock, and what dropping each would mean: the changes worth trying."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimizer.model import terms
from optimizer.solution.edits import Edit
from optimizer.solution.ways import BARRIERS
from optimizer.tables.scope import scope_members

if TYPE_CHECKING:
    from optimizer.solution.survey import Survey

Ints = NDArray[np.int64]


class Rule(NamedTuple):
    """A rule that is not kept for once: what a planner calls it, and the edits that drop it."""

    words: str
    edits: tuple[Edit, ...]


class Rules:
    """Finds the rules around one short line; what concerns all of them is looked up once."""

    def __init__(self, survey: Survey) -> None:
        self.survey, self.ledger = survey, survey.ledger
        self.tables = survey.ledger.tables
        self.step = terms.multiple(self.tables)
        self.first_way = np.searchsorted(survey.ways.line, survey.lines)
        self.end_way = np.searchsorted(survey.ways.line, survey.lines, side="right")
        rule, line = scope_members(self.tables, self.tables.eligibility)
        forbids = np.asarray(self.tables.eligibility["mode"] == "forbid", dtype=bool)[rule]
        self.forbid_rule, self.forbid_line = rule[forbids], line[forbids]

    def around(self, place: int) -> list[Rule]:
        """Rules to try for short line ``place`` of the survey, the order's own first."""
        line = int(self.survey.lines[place])
        order = int(self.tables.line_order[line])
        found = [*self._hold(order), *self._frozen(order), *self._life(order, place)]
        found += [*self._delivery(order), *self._splits(order), *self._pins(line)]
        found += [*self._service(order, place), *self._lot(line), *self._houses(place), *self._eligibility(line, place)]
        return found

    def _order(self, order: int, words: str, column: str, value: object) -> list[Rule]:
        key = {"order_id": str(self.tables.orders["order_id"][order])}
        return [Rule(words, (Edit("orders", key, "set", column, value),))]

    def _hold(self, order: int) -> list[Rule]:
        held = self.tables.orders["hold"][order]
        return self._order(order, "release the hold", "hold", None) if held else []

    def _frozen(self, order: int) -> list[Rule]:
        return self._order(order, "unfreeze the order", "frozen", False) if self.tables.orders["frozen"][order] else []

    def _life(self, order: int, place: int) -> list[Rule]:
        customer = self.tables.order_customer[order]
        days = int(self.tables.customers["min_remaining_life_days"][customer])
        if not days or not self._barred(place, "remaining_life").size:
            return []
        key = {"customer_id": str(self.tables.customers["customer_id"][customer])}
        return [Rule("any remaining life", (Edit("customers", key, "set", "min_remaining_life_days", 0),))]

    def _delivery(self, order: int) -> list[Rule]:
        """Siblings that cannot be had no longer hold the line back."""
        whole = self.tables.orders["delivery_policy"][order] == "order_complete"
        several = self.ledger.order_lines[order] > 1
        return self._order(order, "partial delivery", "delivery_policy", "partial") if whole and several else []

    def _splits(self, order: int) -> list[Rule]:
        orders = self.tables.orders
        if not orders.given("max_shipments")[order]:
            return []
        most = int(orders["max_shipments"][order])
        return self._order(order, f"max_shipments of {most + 1}", "max_shipments", most + 1)

    def _pins(self, line: int) -> list[Rule]:
        """All upper pins of the line together: releasing one often does nothing while the next one stands."""
        pins = self.tables.pins
        upper = np.flatnonzero((self.tables.pin_line == line) & (pins["mode"] != "at_least"))
        if not len(upper):
            return []
        keys = ("order_id", "line_id", "warehouse_id", "mode")
        edits = tuple(Edit("pins", {key: str(pins[key][pin]) for key in keys}, "drop") for pin in upper.tolist())
        return [Rule(f"release the planner's decision{'s' if len(upper) > 1 else ''} on the line", edits)]

    def _service(self, order: int, place: int) -> list[Rule]:
        if not self._barred(place, "service").size:
            return []
        key = {"order_id": str(self.tables.orders["order_id"][order])}
        asked = [name for name in ("service_id", "service_level") if self.tables.orders[name][order]]
        return [Rule("any service", tuple(Edit("orders", key, "set", name, None) for name in asked))]

    def _lot(self, line: int) -> list[Rule]:
        """A lot multiple that the whole line is no multiple of."""
        lines = self.tables.order_lines
        if lines["qty"][line] % self.step[line] == 0 or lines["lot_multiple"][line] == 1:
            return []
        key = {name: str(lines[name][line]) for name in ("order_id", "line_id")}
        return [Rule("a lot_multiple of 1", (Edit("order_lines", key, "set", "lot_multiple", 1),))]

    def _houses(self, place: int) -> list[Rule]:
        """None to which goods could be moved: open, it would have supply of which the batch knows nothing."""
        closed = np.setdiff1d(self._barred(place, "closed_warehouse"), self.tables.transfer_to)
        ids = self.tables.warehouses["warehouse_id"][closed]
        return [
            Rule(f"open {name}", (Edit("warehouses", {"warehouse_id": str(name)}, "set", "is_open", True),))
            for name in ids.tolist()
        ]

    def _eligibility(self, line: int, place: int) -> list[Rule]:
        """At each barred warehouse all the rules that bar the line there."""
        found, rules = [], self.tables.eligibility
        for house in self._barred(place, "ineligible").tolist():
            at_house = self.tables.eligibility_warehouse == house
            mine = self.forbid_rule[(self.forbid_line == line) & at_house[self.forbid_rule]]
            barring = np.union1d(mine, np.flatnonzero(at_house & (rules["mode"] == "only")))
            names = [str(name) for name in rules["rule_id"][barring].tolist()]
            edits = tuple(Edit("eligibility", {"rule_id": name}, "drop") for name in names)
            found.append(
                Rule(f"without eligibility {'rule' if len(names) == 1 else 'rules'} {', '.join(names)}", edits)
            )
        return found

    def _barred(self, place: int, barrier: str) -> Ints:
        """Warehouses whose lanes this barrier alone keeps from the line."""
        ways = self.survey.ways
        mine = np.arange(self.first_way[place], self.end_way[place])
        return np.unique(ways.warehouse[mine[ways.barrier[mine] == BARRIERS.index(barrier)]])
