"""The rules that ask for something, one row of the model each: what each asks, in whose words, what giving way means.

Hard contract minimums, service floors, floors of the objective, pins above 0 and frozen orders demand; every other rule
is kept by shipping nothing.

What a repair gives way is measured in money where every order line that a demanding rule speaks of has a unit_price,
else in units: one unit of a rule stands for (worth of all the lines it speaks of) / (all that it could count of them),
so a contract's unit is worth the mean price of its lines, and a weighted unit (line, order) of service likewise. A unit
of money under a floor of the objective counts 1, and so does every other unit of such a floor but a service level.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact, decimal_text
from optimizer.model import terms
from optimizer.model.build import Model
from optimizer.model.goals import floor_rows
from optimizer.model.linear_model import Block, LinearModel
from optimizer.scenario.schema import kpi_scope
from optimizer.solution.conflict_frozen import Thawed
from optimizer.solution.conflict_search import Demands
from optimizer.tables.scope import scope_members

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Texts = NDArray[np.object_]

PIN_KEYS = ("order_id", "line_id", "warehouse_id", "mode")


@dataclass(frozen=True)
class DemandingRules:
    """One entry a demanding rule; pairs (``rule``, ``line``) name the order lines that each speaks of.

    ``family``, ``place`` in contracts, pins, orders or the list of floors, what it ``asks`` for, and all that it could
    have ``counted`` if everything shipped. ``row`` of the model (-1: frozen orders have several, in ``thawed``), which
    holds ``unit`` times what the rule counts. ``model`` is one in which no order is frozen but by such rules.
    """

    thawed: Thawed
    model: Model
    row: Ints
    unit: NDArray[np.float64]
    family: Texts
    place: Ints
    asks: Exact
    counted: Exact
    rule: Ints
    line: Ints

    @classmethod
    def of(cls, stated: Model, headroom: int = 0) -> DemandingRules:
        """The rules of a model; ``headroom`` as in `build_model`."""
        thawed = Thawed.of(stated, headroom)
        model = thawed.model
        parts = [part for family in PARTS if len(model.linear.rows(family)) for part in [PARTS[family](model)]]
        parts += [_frozen(stated)] if len(thawed.order) else []
        sizes = np.cumsum([0, *(len(part.place) for part in parts)])
        nothing = np.zeros(0, dtype=np.int64)
        return cls(
            thawed=thawed,
            model=model,
            row=np.concatenate([nothing, *(part.row for part in parts)]),
            unit=np.concatenate([np.zeros(0), *(part.unit for part in parts)]),
            family=np.repeat(np.array([part.family for part in parts], dtype=object), np.diff(sizes)),
            place=np.concatenate([nothing, *(part.place for part in parts)]),
            asks=Exact.concat([Exact.zeros(0), *(part.asks for part in parts)]),
            counted=Exact.concat([Exact.zeros(0), *(part.counted for part in parts)]),
            rule=np.concatenate([nothing, *(part.rule + start for part, start in zip(parts, sizes, strict=False))]),
            line=np.concatenate([nothing, *(part.line for part in parts)]),
        )

    def __len__(self) -> int:
        return len(self.row)

    @cached_property
    def in_money(self) -> bool:
        """Whether every line that a rule speaks of has a price."""
        return bool(self.model.tables.order_lines.given("unit_price")[self.line].all())

    @cached_property
    def worth(self) -> Exact:
        """What one unit of each rule given way counts, in the measure."""
        lines = self.model.tables.order_lines
        price = lines["unit_price"] if self.in_money else Exact.full(len(lines), 1)
        total = (price[self.line] * lines["qty"][self.line]).sum_by(self.rule, len(self)).fractions()
        counted = self.counted.fractions()
        return Exact.of(
            [all_worth / most if most and all_worth else 1 for all_worth, most in zip(total, counted, strict=True)]
        )

    @property
    def whole(self) -> Flags:
        """Rules that count whole units."""
        return np.isin(self.family.astype(str), ("contract_minimum", "pins", "frozen"))

    @cached_property
    def demands(self) -> Demands:
        """As the model's rows have them: a row of whole numbers may ask for the next one above."""
        worth, linear, thawed = self.worth.floats(), self.model.linear, self.thawed
        own = np.flatnonzero(self.row >= 0)
        most = np.ones(len(self))
        most[own] = (linear.row_lower[self.row[own]] - _least_activity(linear)[self.row[own]]) / self.unit[own]
        of_order = np.full(len(self.model.tables.orders), -1, dtype=np.int64)
        let_go = np.flatnonzero(self.family == "frozen")
        of_order[self.place[let_go]] = let_go
        return Demands(
            weight=worth / worth.max(initial=1.0),
            most=most,
            whole=self.whole,
            demand=np.concatenate([own, of_order[thawed.order]]),
            row=np.concatenate([self.row[own], thawed.row]),
            unit=np.concatenate([self.unit[own], thawed.slack]),
        )

    def keys(self, rule: int) -> dict[str, str]:
        """The ids that name a rule."""
        tables, place = self.model.tables, int(self.place[rule])
        if self.family[rule] == "contract_minimum":
            return {"contract_id": str(tables.contracts["contract_id"][place])}
        if self.family[rule] == "service_floor":
            return {"scope": list(self.model.scenario.service.min_level)[place]}
        if self.family[rule] == "objective_stage":
            return {"stage": str(place + 1)}
        if self.family[rule] == "frozen":
            return {"order_id": str(tables.orders["order_id"][place])}
        return {key: str(tables.pins[key][place]) for key in PIN_KEYS}

    def identity(self, rule: int) -> str:
        """The ids as one text, for people."""
        return "/".join(self.keys(rule).values())

    def name(self, rule: int) -> str:
        """What the rule is called in a sentence."""
        keys = self.keys(rule)
        if self.family[rule] == "contract_minimum":
            return f"the minimum of contract {keys['contract_id']}"
        if self.family[rule] == "service_floor":
            return f"the service level {keys['scope']}"
        if self.family[rule] == "objective_stage":
            return f"floor {keys['stage']} of the objective ({self.model.stages[int(self.place[rule])].kpi})"
        if self.family[rule] == "frozen":
            return f"frozen order {keys['order_id']}"
        return (
            f"the pin ({keys['mode'].replace('_', ' ')}) of order {keys['order_id']} line {keys['line_id']} "
            f"at warehouse {keys['warehouse_id']}"
        )

    def level(self, rule: int) -> Decimal:
        """The level that a service floor states."""
        return self.model.scenario.service.min_level[self.keys(rule)["scope"]]

    @property
    def measure(self) -> str:
        """In what giving way is measured: the scenario's currency, or units."""
        return self.model.scenario.currency if self.in_money else "units"

    def describe(self, rule: int) -> dict[str, Any]:
        """The rule as `conflict.json` names it."""
        keys = self.keys(rule)
        asks = self.asks.item(rule)
        if self.family[rule] == "objective_stage":
            asks = self.model.stages[int(self.place[rule])].kept
        return {
            "family": str(self.family[rule]),
            **keys,
            "required": asks,
            "unit": self.counts(rule),
            "words": self.words(rule),
        }

    def counts(self, rule: int) -> str:
        """What a rule counts."""
        if self.family[rule] == "objective_stage":
            return f"of {self.model.stages[int(self.place[rule])].kpi}"
        if self.family[rule] == "frozen":
            return "orders"
        floor = self.family[rule] == "service_floor"
        return f"weighted {self.model.scenario.service.measure}s" if floor else "units"

    def words(self, rule: int) -> str:
        """The rule in business words."""
        keys, asks = self.keys(rule), decimal_text(self.asks.item(rule))
        lines = np.unique(self.line[self.rule == rule])
        if self.family[rule] == "contract_minimum":
            ordered = int(self.model.tables.order_lines["qty"][lines].sum())
            many = f"{len(lines):,} order lines" if len(lines) != 1 else "1 order line"
            return f"contract {keys['contract_id']} asks for at least {asks} of the {ordered:,} units of {many}"
        if self.family[rule] == "service_floor":
            return f"service level {keys['scope']} must reach {self.level(rule):f}: {asks} {self.counts(rule)}"
        if self.family[rule] == "objective_stage":
            stage = self.model.stages[int(self.place[rule])]
            side = "at least" if stage.sense == "max" else "at most"
            return f"the objective asks for {stage.kpi} of {side} {decimal_text(stage.kept)}"
        if self.family[rule] == "frozen":
            return f"order {keys['order_id']} is frozen: it ships exactly what the previous plan has"
        mode = keys["mode"].replace("_", " ")
        return (
            f"a pin asks for {mode} {asks} units of order {keys['order_id']} line {keys['line_id']} "
            f"from warehouse {keys['warehouse_id']}"
        )


@dataclass(frozen=True)
class _Part:
    """The demanding rules of one family; see `DemandingRules`."""

    family: str
    row: Ints
    unit: NDArray[np.float64]
    place: Ints
    asks: Exact
    counted: Exact
    rule: Ints
    line: Ints


def _contract_minimums(model: Model) -> _Part:
    """Hard contracts: no penalty buys them off."""
    block, tables = model.linear.rows("contract_minimum"), model.tables
    contract = block.keys["contract"]
    hard = np.flatnonzero(~tables.contracts.given("shortfall_penalty")[contract])
    rule, line = _members(*scope_members(tables, tables.contracts), contract[hard])
    ordered = Exact.ints(tables.order_lines["qty"][line]).sum_by(rule, len(hard))
    asks = Exact.of([int(lower) for lower in model.linear.row_lower[block.start + hard]])
    return _Part(block.family, block.start + hard, np.ones(len(hard)), contract[hard], asks, ordered, rule, line)


def _service_floors(model: Model) -> _Part:
    """Floors above 0, in weighted units, lines or orders."""
    block, tables, service = model.linear.rows("service_floor"), model.tables, model.scenario.service
    weight = terms.order_weight(tables, model.scenario)
    pairs, counted = [], []
    for scope in service.min_level:
        order = terms.scope_orders(tables, scope)
        pairs.append(np.flatnonzero(order[tables.line_order]))
        counted.append(_demanded(model, weight, order, pairs[-1]))
    asks = Exact.of(
        [level * most for level, most in zip(map(Fraction, service.min_level.values()), counted, strict=True)]
    )
    scope_of_row = block.keys["scope"]
    kept = np.flatnonzero(asks[scope_of_row] > 0)
    place = scope_of_row[kept]
    rule = np.repeat(np.arange(len(kept)), [len(pairs[scope]) for scope in place])
    line = np.concatenate([np.zeros(0, dtype=np.int64), *(pairs[scope] for scope in place)])
    unit = np.ones(len(block)) if block.scale is None else block.scale
    return _Part(block.family, block.start + kept, unit[kept], place, asks[place], Exact.of(counted)[place], rule, line)


def _pins(model: Model) -> _Part:
    """Pins of exactly or at least more than nothing."""
    block, pins = model.linear.rows("pins"), model.tables.pins
    pin = block.keys["pin"]
    kept = np.flatnonzero(np.isfinite(model.linear.row_lower[_slice(block)]) & (pins["qty"][pin] > 0))
    place = pin[kept]
    asks = Exact.ints(pins["qty"][place])
    line = model.tables.pin_line[place]
    return _Part(block.family, block.start + kept, np.ones(len(kept)), place, asks,
                 Exact.ints(model.tables.order_lines["qty"][line]), np.arange(len(kept)), line)  # fmt: skip


def _goals(model: Model) -> _Part:
    """Floors of the objective; one that is kept low asks for no more than so much."""
    block = model.linear.rows("objective_stage")
    stages = model.stages[: len(floor_rows(model.scenario))]
    place = np.arange(len(stages))
    members, counted = zip(*(_goal_scope(model, stage.kpi) for stage in stages), strict=True) if stages else ((), ())
    unit = np.ones(len(block)) if block.scale is None else block.scale
    return _Part(
        family=block.family,
        row=block.start + place,
        unit=unit[place],
        place=place,
        asks=Exact.of([stage.sign * stage.kept for stage in stages]),
        counted=Exact.of(counted),
        rule=np.repeat(place, [len(member) for member in members]),
        line=np.concatenate([np.zeros(0, dtype=np.int64), *members]),
    )


def _goal_scope(model: Model, kpi: str) -> tuple[Ints, int]:
    """The lines that a KPI counts, and as how much it counts them all; none where its unit is worth 1 as it is."""
    tables = model.tables
    if kpi.startswith("weighted_service_level"):
        return np.flatnonzero(terms.scope_orders(tables, kpi_scope(kpi))[tables.line_order]), 1
    if kpi in ("units_allocated", "contract_shortfall"):
        return np.arange(len(tables.order_lines)), int(tables.order_lines["qty"].sum())
    if kpi == "orders_served_in_full":
        return np.arange(len(tables.order_lines)), len(tables.orders)
    return np.zeros(0, dtype=np.int64), 0


def _frozen(stated: Model) -> _Part:
    """Frozen orders, let go as a whole: they count what their lines are worth."""
    tables = stated.tables
    order = np.flatnonzero(np.asarray(tables.orders["frozen"], dtype=bool))
    number = np.full(len(tables.orders), -1, dtype=np.int64)
    number[order] = np.arange(len(order))
    line = np.flatnonzero(number[tables.line_order] >= 0)
    one, none = Exact.full(len(order), 1), np.full(len(order), -1, dtype=np.int64)
    return _Part("frozen", none, np.ones(len(order)), order, one, one, number[tables.line_order[line]], line)


PARTS = {
    "contract_minimum": _contract_minimums,
    "service_floor": _service_floors,
    "pins": _pins,
    "objective_stage": _goals,
}
"""The families of rows that ask for something."""


def _least_activity(linear: LinearModel) -> NDArray[np.float64]:
    """The least that each row can come to within the bounds of its columns (which begin at 0)."""
    entries = np.minimum(linear.data, 0.0) * linear.col_upper[linear.indices]
    total = np.concatenate([[0.0], np.cumsum(entries)])
    return np.asarray(total[linear.indptr[1:]] - total[linear.indptr[:-1]])


def _slice(block: Block) -> slice:
    return slice(block.start, block.stop)


def _members(rule: Ints, line: Ints, wanted: Ints) -> tuple[Ints, Ints]:
    """The pairs of the wanted rules, numbered as wanted."""
    number = np.full(int(max(rule.max(initial=-1), wanted.max(initial=-1))) + 1, -1, dtype=np.int64)
    number[wanted] = np.arange(len(wanted))
    kept = np.flatnonzero(number[rule] >= 0) if len(rule) else rule
    return number[rule[kept]], line[kept]


def _demanded(model: Model, weight: Exact, orders: Flags, lines: Ints) -> Any:
    """All that a scope could count, weighted, in the scenario's measure."""
    measure, of_line = model.scenario.service.measure, model.tables.line_order[lines]
    if measure == "order":
        return weight[np.flatnonzero(orders)].sum()
    units = model.tables.order_lines["qty"][lines] if measure == "unit" else np.ones(len(lines), dtype=np.int64)
    return (weight[of_line] * units).sum()
