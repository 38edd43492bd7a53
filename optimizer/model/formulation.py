"""What every family of rows and every term of the objective is written from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.model import terms
from optimizer.model.arcs import Arcs, find_arcs, must_complete
from optimizer.model.resources import Resources, find_resources
from optimizer.model.variables import NONE, Variables, define_variables
from optimizer.scenario.schema import Scenario
from optimizer.tables.tables import Tables

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Formulation:
    """Frozen tables, the index of arcs, and the columns."""

    tables: Tables
    scenario: Scenario
    arcs: Arcs
    resources: Resources
    variables: Variables
    headroom: int = 0

    @classmethod
    def of(cls, tables: Tables, scenario: Scenario, headroom: int = 0) -> Formulation:
        arcs = find_arcs(tables, headroom)
        resources = find_resources(tables, scenario, arcs)
        return cls(tables, scenario, arcs, resources, define_variables(tables, scenario, arcs, resources), headroom)

    @cached_property
    def n_cols(self) -> int:
        return sum(len(block) for block in self.variables.blocks)

    @cached_property
    def line_start(self) -> Ints:
        """Where the arcs of each line begin, and the end of the last."""
        return np.searchsorted(self.arcs.line, np.arange(len(self.tables.order_lines) + 1))

    @cached_property
    def order_weight(self) -> Exact:
        """Service weight of each order."""
        return terms.order_weight(self.tables, self.scenario)

    @cached_property
    def unit_weight(self) -> terms.Ratio:
        """Kg per unit of each line."""
        return terms.unit_weight(self.tables)

    def arcs_of(self, lines: Ints) -> tuple[Ints, Ints]:
        """All arcs of these lines, with the position in ``lines`` that each belongs to."""
        start = self.line_start[lines]
        count = self.line_start[lines + 1] - start
        first = np.cumsum(count) - count
        arc = np.arange(int(count.sum())) + np.repeat(start - first, count)
        return np.repeat(np.arange(len(lines)), count), arc

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
