"""Tables and a scenario in, the linear model out: arcs, columns, rows, objective."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from optimizer.model.arcs import Arcs
from optimizer.model.constraints import FAMILIES
from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Block, LinearModel, assemble
from optimizer.model.objective import objective
from optimizer.model.variables import Variables
from optimizer.scenario.schema import Scenario
from optimizer.tables.tables import Tables


@dataclass(frozen=True)
class Model:
    """The model of a batch with what it was made from.

    ``pruned`` counts what was left out: ``arcs.<reason>`` (see `optimizer.model.arcs.REASONS`), and ``rows.<family>``:
    rows that can never bind.
    """

    tables: Tables
    scenario: Scenario
    arcs: Arcs
    variables: Variables
    linear: LinearModel
    pruned: Mapping[str, int]

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


def build_model(tables: Tables, scenario: Scenario, headroom: int = 0) -> Model:
    """The whole model of a batch.

    Bounds of columns and links come from stock, capacities and quotas as well as from orders. ``headroom`` reckons them
    with so many units (kg, shipments) more than there are, while the right-hand sides stay: then raising one of them by
    up to ``headroom`` in place is the same as building the model anew from changed tables.
    """
    formulation = Formulation.of(tables, scenario, headroom)
    families = [family(formulation) for family in FAMILIES.values()]
    linear = assemble(formulation.variables.blocks, families, objective(formulation))
    pruned = {f"arcs.{reason}": count for reason, count in formulation.arcs.pruned.items() if count}
    pruned |= {f"rows.{rows.family}": rows.dropped for rows in families if rows.dropped}
    return Model(tables, scenario, formulation.arcs, formulation.variables, linear, pruned)
