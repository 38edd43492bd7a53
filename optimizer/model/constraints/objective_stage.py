"""The family `objective_stage`."""

from __future__ import annotations

import numpy as np

from optimizer.exact import Exact
from optimizer.model.constraints._shared import whole_rows
from optimizer.model.formulation import Formulation
from optimizer.model.kpi_rows import kpi_entries
from optimizer.model.linear_model import Rows
from optimizer.model.terms import Ratio


def objective_stage(f: Formulation) -> Rows:
    """A KPI keeps its floor, or what an earlier stage reached, less that stage's tolerance.

    Index: floors, then stages s of [objective] that are behind us
    Formula: sign[s] · kpi[s] ≥ sign[s] · kept[s]; sign −1 for a KPI to be kept low
    Dual: σ[s] ≤ 0
    Unit: of the KPI: money, units, orders; a service level is a rate
    Absent: where the objective is the weighted sum alone
    Meaning: money of the weighted objective lost by asking for one more unit of the KPI
    """
    rows, columns, tops, bottoms = [], [], [], []
    for place, stage in enumerate(f.stages):
        column, ratio = kpi_entries(f, stage.kpi)
        rows.append(np.full(len(column), place, dtype=np.int64))
        columns.append(column)
        tops.append(ratio.top * stage.sign)
        bottoms.append(ratio.bottom)
    none = np.zeros(0, dtype=np.int64)
    coefficient = Ratio(Exact.concat([Exact.zeros(0), *tops]), np.concatenate([none, *bottoms]))
    kept = Exact.of([stage.kept * stage.sign for stage in f.stages])
    row, column = np.concatenate([none, *rows]), np.concatenate([none, *columns])
    keys = {"stage": np.arange(1, len(f.stages) + 1)}
    return whole_rows("objective_stage", keys, row, column, coefficient, kept, ">=", coupling=True, grid=f.grid[column])
