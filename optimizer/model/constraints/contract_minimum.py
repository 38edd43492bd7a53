"""The family `contract_minimum`."""

from __future__ import annotations

import numpy as np

from optimizer.model.constraints._shared import contract_entries, limit_rows
from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows
from optimizer.model.variables import NONE


def contract_minimum(f: Formulation) -> Rows:
    """The lines of a contract get its minimum together, or the shortfall is paid for.

    Index: contracts g with min_qty or min_fill_rate
    Formula: Σ_{a of lines in g} step[a] · ship_qty[a] + contract_shortfall[g] ≥ required[g]
    Dual: γ[g] ≤ 0
    Unit: units
    Absent: where nothing is required; where a shortfall costs nothing
    Meaning: money lost by asking for one more unit; never below −penalties · shortfall_penalty if the contract is soft
    """
    v = f.variables
    contract = np.flatnonzero(f.resources.kept["contract_minimum"])
    soft = np.flatnonzero(v.shortfall != NONE)
    entries = [contract_entries(f), (soft, v.shortfall[soft], np.ones(len(soft)))]
    required = f.resources.required[contract].astype(np.float64)
    return limit_rows(f, "contract_minimum", {"contract": contract}, entries, required, sense=">=")
