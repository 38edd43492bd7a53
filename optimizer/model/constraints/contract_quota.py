"""The family `contract_quota`."""

from __future__ import annotations

import numpy as np

from optimizer.model.constraints._shared import contract_entries, limit_rows
from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows


def contract_quota(f: Formulation) -> Rows:
    """The lines of a contract get at most its quota together.

    Index: contracts g with max_qty
    Formula: Σ_{a of lines in g} step[a] · ship_qty[a] ≤ max_qty[g]
    Dual: ω[g] ≥ 0
    Unit: units
    Absent: where the lines in scope that can be served at all ordered less than max_qty
    Meaning: money gained by one more unit of quota
    """
    contract = np.flatnonzero(f.resources.kept["contract_quota"])
    upper = f.tables.contracts["max_qty"][contract].astype(np.float64)
    return limit_rows(f, "contract_quota", {"contract": contract}, [contract_entries(f)], upper)
