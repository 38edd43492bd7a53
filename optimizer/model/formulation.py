"""What every family of rows and every term of the objective is written from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.model import policies, terms
from optimizer.model.arcs import Arcs, find_arcs, must_complete
from optimizer.model.batch import Batch
from optimizer.model.calendar import FOREVER, days_since
from optimizer.model.freight import arc_freight
from optimizer.model.goals import OBJECTIVE, StageRow, with_columns
from optimizer.model.ragged import expand, joined, totals
from optimizer.model.resources import Resources, find_resources
from optimizer.model.terms import Ratio
from optimizer.model.variables import NONE, Variables, define_variables
from optimizer.scenario.schema import Scenario
from optimizer.tables.tables import Tables

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
_NOTHING = [np.zeros(0, dtype=np.int64)] * 4


class Taken(NamedTuple):
    """Units of ``source`` that leave it on ``day`` for each unit of ``column``."""

    source: Ints
    day: Ints
    column: Ints
    units: Ints


@dataclass(frozen=True)
class Formulation:
    """The batch, its arcs and the columns.

    Of an arc a (see `Arcs`): its day, product, ordered units of a step (``step``) and units from the shelf (``units``);
    the kg of a step from `optimizer.model.freight.arc_kg`; what columns take from stock in ``draws``.
    """

    batch: Batch
    arcs: Arcs
    resources: Resources
    variables: Variables
    headroom: int
    stated: Scenario
    stages: tuple[StageRow, ...] = ()
    part: bool = False

    @classmethod
    def of(
        cls,
        tables: Tables,
        scenario: Scenario,
        headroom: int = 0,
        stages: tuple[StageRow, ...] = (),
        part: bool = False,
        goal: str = OBJECTIVE,
    ) -> Formulation:
        """``stages`` are what floors and earlier stages of the objective leave, ``goal`` is the KPI that is optimized.

        ``scenario`` states the weights.
        """
        batch = Batch.of(tables, with_columns(scenario))
        arcs = find_arcs(batch, headroom)
        resources = find_resources(batch, arcs, part)
        variables = define_variables(batch, arcs, resources, headroom, [*(stage.kpi for stage in stages), goal])
        return cls(batch, arcs, resources, variables, headroom, scenario, stages, part)

    @property
    def tables(self) -> Tables:
        return self.batch.tables

    @property
    def scenario(self) -> Scenario:
        return self.batch.scenario

    @cached_property
    def n_cols(self) -> int:
        return sum(len(block) for block in self.variables.blocks)

    @cached_property
    def upper(self) -> NDArray[np.float64]:
        """Upper bound of each column."""
        return np.concatenate([np.zeros(0), *(block.upper for block in self.variables.blocks)])

    @cached_property
    def grid(self) -> NDArray[np.float64]:
        """Of what each column is a multiple: 1 for whole ones, 0 for those of any value."""
        grid, start = np.ones(self.n_cols), 0
        for block in self.variables.blocks:
            if block.granularity is not None:
                grid[start : start + len(block)] = block.granularity
            start += len(block)
        return grid

    @cached_property
    def order_of_column(self) -> Ints:
        """The order that each column belongs to, -1 where it belongs to none."""
        order = np.full(self.n_cols, NONE, dtype=np.int64)
        start = 0
        for block in self.variables.blocks:
            place = slice(start, start + len(block))
            if "order" in block.keys:
                order[place] = block.keys["order"]
            elif "line" in block.keys:
                order[place] = self.tables.line_order[block.keys["line"]]
            start += len(block)
        return order

    @cached_property
    def calendar_day(self) -> Ints:
        """Day of each row of the table `calendar`."""
        return days_since(self.scenario, self.tables.calendar["date"], FOREVER)

    @property
    def draws(self) -> Taken:
        """What columns take from stock: those of arcs, and those that decide for the components of kits."""
        size = len(self.arcs.draws.arc) + len(self.arcs.needs.option)
        return Taken(*(column[:size] for column in self.flows))

    @cached_property
    def flows(self) -> Taken:
        """Draws, and what moves between warehouses take (units > 0) and bring (units < 0, on the day they arrive)."""
        arcs, draws, needs = self.arcs, self.arcs.draws, self.arcs.needs
        of_kits = needs.arc[needs.option]
        ones = np.ones(len(of_kits), dtype=np.int64)
        parts = [
            Taken(draws.source, arcs.day[draws.arc], draws.arc, draws.units),
            Taken(needs.source, arcs.day[of_kits], self.variables.kit_draw, ones),
            *(flow(self) for flow in policies.FLOWS),
        ]
        parts = [part for part in parts if len(part.source)]
        return Taken(*(joined(list(column)) for column in zip(*parts, strict=True))) if parts else Taken(*_NOTHING)

    @cached_property
    def known(self) -> dict[str, Any]:
        """What `once` keeps, by name."""
        return {}

    @cached_property
    def every_arc(self) -> Ints:
        return np.arange(len(self.arcs))

    @cached_property
    def pool_reach(self) -> Ints:
        """Most units that all arcs together could take from each pool."""
        arcs, supply, draws = self.arcs, self.batch.supply, self.arcs.draws
        units = np.concatenate([arcs.upper[draws.arc] * draws.units, arcs.needs.most])
        source = np.concatenate([draws.source, arcs.needs.source])
        most = totals(supply.pool[source], units, len(supply.pool_warehouse))
        return np.minimum(most, supply.most_of_pool + self.headroom)

    @cached_property
    def line_start(self) -> Ints:
        """Where the arcs of each line begin, and the end of the last."""
        return np.searchsorted(self.arcs.line, np.arange(len(self.tables.order_lines) + 1))

    @cached_property
    def order_weight(self) -> Exact:
        """Service weight of each order."""
        return terms.order_weight(self.tables, self.scenario)

    @cached_property
    def arc_freight(self) -> Ratio:
        """Money that a step of each arc adds to the freight of its shipment."""
        return arc_freight(self.batch, self.arcs, np.arange(len(self.arcs)))

    def arcs_of(self, lines: Ints) -> tuple[Ints, Ints]:
        """All arcs of these lines, with the position in ``lines`` that each belongs to."""
        return expand(self.line_start[lines], self.line_start[lines + 1])

    @cached_property
    def _whole_orders(self) -> Flags:
        """Orders of several lines with delivery policy ``order_complete``."""
        policy: NDArray[np.object_] = self.tables.orders["delivery_policy"]
        whole: Flags = self._of_several_lines & (policy == "order_complete")
        return whole

    @cached_property
    def _of_several_lines(self) -> Flags:
        several: Flags = np.bincount(self.tables.line_order, minlength=len(self.tables.orders)) > 1
        return several

    @cached_property
    def full_by_policy(self) -> Ints:
        """For each line the column that says all or nothing for its delivery policy, `NONE` where none does."""
        v, order = self.variables, self.tables.line_order
        full = np.where(self._whole_orders[order], v.order_full[order], v.line_full)
        return np.where(must_complete(self.tables), full, NONE)

    @cached_property
    def full_by_measure(self) -> Ints:
        """For each line the column that counts it as served in full, or its whole order; `NONE` if none does."""
        v, order, measure = self.variables, self.tables.line_order, self.scenario.service.measure
        if measure == "unit":
            return np.full(len(order), NONE, dtype=np.int64)
        return np.where(self._counted_whole[order], v.order_full[order], v.line_full)

    @property
    def _counted_whole(self) -> Flags:
        """Orders that count, or ship, only as a whole of several lines."""
        return self._of_several_lines if self.scenario.service.measure == "order" else self._whole_orders

    def served(self) -> tuple[Ints, Ints, Ints]:
        """What counts as served: (column, order, amount per unit of the column), by the scenario's measure."""
        measure, v, line_order = self.scenario.service.measure, self.variables, self.tables.line_order
        if measure == "unit":
            return np.arange(len(self.arcs)), self.arcs.order, self.arcs.step
        alone = ~self._counted_whole[line_order]
        whole = np.flatnonzero((v.atomic & alone)[self.arcs.line])
        lines = np.flatnonzero((v.line_full != NONE) & alone)
        orders = np.flatnonzero(v.order_full != NONE)
        n_lines = np.bincount(line_order, minlength=len(self.tables.orders))[orders]
        amounts = [
            np.ones(len(whole) + len(lines), dtype=np.int64),
            n_lines if measure == "line" else np.ones_like(n_lines),
        ]
        return (
            np.concatenate([whole, v.line_full[lines], v.order_full[orders]]),
            np.concatenate([self.arcs.order[whole], line_order[lines], orders]),
            np.concatenate(amounts),
        )
