"""Tables and a scenario in, the linear model out: arcs, columns, rows, objective."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.model.arcs import Arcs
from optimizer.model.batch import Batch
from optimizer.model.constraints import FAMILIES
from optimizer.model.formulation import Formulation
from optimizer.model.goals import OBJECTIVE, StageRow, floor_rows
from optimizer.model.heap import reused_memory
from optimizer.model.kpi_rows import kpi_columns
from optimizer.model.linear_model import Block, LinearModel, Rows, assemble
from optimizer.model.objective import objective
from optimizer.model.transfers import transfer_columns
from optimizer.model.variables import Variables
from optimizer.scenario.schema import Scenario
from optimizer.tables.tables import Tables

FEW_LINES = 5_000
"""Models of so few lines are built in memory that the process has anyway; parts of a batch are built by the hundred."""
ROWS_PER_COLUMN, NONZEROS_PER_COLUMN = 2, 16
"""Room for the matrix to begin with: about what it takes with every policy. What is not used costs no memory."""


@dataclass(frozen=True)
class Model:
    """The model of a batch with what it was made from.

    ``pruned`` counts what was left out: ``arcs.<reason>`` (see `optimizer.model.candidates.REASONS`), and
    ``rows.<family>``: rows that can never bind.
    """

    batch: Batch
    arcs: Arcs
    variables: Variables
    linear: LinearModel
    pruned: Mapping[str, int]
    stages: tuple[StageRow, ...] = ()

    @property
    def tables(self) -> Tables:
        return self.batch.tables

    @property
    def scenario(self) -> Scenario:
        return self.batch.scenario

    def describe(self) -> dict[str, Any]:
        """Size in all and by family, for `run.json`."""
        linear = self.linear
        nonzeros = np.diff(linear.indptr)
        return {
            "columns": linear.n_cols,
            "rows": linear.n_rows,
            "nonzeros": linear.n_nonzeros,
            "integral_columns": int(np.count_nonzero(linear.integral)),
            "columns_by_family": {block.family: len(block) for block in linear.column_blocks},
            "rows_by_family": {block.family: len(block) for block in linear.row_blocks},
            "nonzeros_by_family": {block.family: int(nonzeros[_slice(block)].sum()) for block in linear.row_blocks},
        }


def _slice(block: Block) -> slice:
    return slice(block.start, block.stop)


def build_model(
    tables: Tables,
    scenario: Scenario,
    headroom: int = 0,
    stages: tuple[StageRow, ...] | None = None,
    goal: tuple[str, str] = (OBJECTIVE, "max"),
    part: bool = False,
) -> Model:
    """The whole model of a batch, whose ``goal`` is a KPI and its sense; below a goal of min, value means −KPI.

    ``stages`` are kept: rows of earlier stages of the objective; if not given, the floors of the scenario.

    Bounds of columns and links come from stock, capacities and quotas as well as from orders. ``headroom`` reckons them
    with so many units (kg, shipments) more than there are, while the right-hand sides stay: then raising one of them by
    up to ``headroom`` in place is the same as building the model anew from changed tables. ``part``: others than these
    orders use the shared limits too, so that none is left out for being more than these could use.
    """
    with reused_memory() if len(tables.order_lines) > FEW_LINES else nullcontext():
        stages = floor_rows(scenario) if stages is None else stages
        formulation = Formulation.of(tables, scenario, headroom, stages, part, goal[0])
        pruned = {f"arcs.{reason}": count for reason, count in formulation.arcs.pruned.items() if count}
        rows = _families(formulation, pruned)
        room = ROWS_PER_COLUMN * formulation.n_cols, NONZEROS_PER_COLUMN * formulation.n_cols
        linear = assemble(formulation.variables.blocks, rows, _objective(formulation, *goal), room=room)
        unused = transfer_columns(formulation).unused
        pruned |= {"moves.unused": unused} if unused else {}
        batch = Batch.of(tables, scenario)
        return Model(batch, formulation.arcs, formulation.variables, linear, pruned, stages)


def _families(f: Formulation, pruned: dict[str, int]) -> Iterator[Rows]:
    """The rows of the model, family after family; what they leave out is counted in ``pruned``."""
    for family in FAMILIES.values():
        rows = family(f)
        if rows.dropped:
            pruned[f"rows.{rows.family}"] = rows.dropped
        yield rows


def _objective(f: Formulation, kpi: str, sense: str) -> NDArray[np.float64]:
    if kpi == OBJECTIVE:
        return objective(f)
    return kpi_columns(f, kpi).floats() * (1 if sense == "max" else -1)
