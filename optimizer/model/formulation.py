"""What every family of rows and every term of the objective is written from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.model import terms
from optimizer.model.arcs import Arcs, find_arcs
from optimizer.model.resources import Resources, find_resources
from optimizer.model.variables import NONE, Variables, define_variables
from optimizer.scenario.schema import Scenario
from optimizer.tables.tables import Tables

Ints = NDArray[np.int64]


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

    def served(self) -> tuple[Ints, Ints, Ints]:
        """What counts as served: (column, order, amount per unit of the column), by the scenario's measure."""
        measure, v = self.scenario.service.measure, self.variables
        if measure == "unit":
            return np.arange(len(self.arcs)), self.arcs.order, self.arcs.step
        own_line = self._speaks_by_line(measure)
        whole = np.flatnonzero((v.atomic & own_line)[self.arcs.line])
        lines = np.flatnonzero((v.line_full != NONE) & own_line)
        orders = np.flatnonzero(v.order_full != NONE)
        size = np.bincount(self.tables.line_order, minlength=len(self.tables.orders))
        worth = size[orders] if measure == "line" else np.ones(len(orders), dtype=np.int64)
        return (
            np.concatenate([whole, v.line_full[lines], v.order_full[orders]]),
            np.concatenate([self.arcs.order[whole], self.tables.line_order[lines], orders]),
            np.concatenate([np.ones(len(whole) + len(lines), dtype=np.int64), worth]),
        )

    def _speaks_by_line(self, measure: str) -> NDArray[np.bool_]:
        """Lines that are counted one by one, and not through ``order_full``."""
        order = self.tables.line_order
        several = np.bincount(order, minlength=len(self.tables.orders)) > 1
        policy: NDArray[np.object_] = self.tables.orders["delivery_policy"]
        together = several if measure == "order" else several & (policy == "order_complete")
        return ~together[order]
