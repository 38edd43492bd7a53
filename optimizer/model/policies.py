"""Where rules with columns of their own join the model, each from a module of its own.

A policy has up to four parts: columns, defined once and kept in ``Variables.policies`` under its name; terms of the
objective; flows, which count in the rows of pools and lots; and families of rows, which stand among all others in
`optimizer.model.constraints`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimizer.model.policy_terms import stability, tariff_freight, transfer_fixed, transfer_units
from optimizer.model.previous import Moved
from optimizer.model.tariff_columns import TariffColumns
from optimizer.model.transfers import TransferColumns, transfer_flows

if TYPE_CHECKING:
    from decimal import Decimal

    from optimizer.model.arcs import Arcs
    from optimizer.model.batch import Batch
    from optimizer.model.formulation import Formulation, Taken
    from optimizer.model.resources import Resources
    from optimizer.model.terms import Ratio
    from optimizer.model.variables import Stack
    from optimizer.scenario.schema import Weights

Ints = NDArray[np.int64]


class Opened(NamedTuple):
    """By shipment the column that opens it (-1: none), and whether that column is its own (else an arc's)."""

    column: Ints
    own: NDArray[np.bool_]


Definer = Callable[["Stack", "Batch", "Arcs", "Resources", Opened, int], Any]
Term = Callable[["Formulation"], "tuple[Ints, Ratio]"]
Weight = Callable[["Weights"], "Decimal"]
Flow = Callable[["Formulation"], "Taken"]

COLUMNS: Mapping[str, Definer] = {
    "tariff": TariffColumns.define,
    "moved": Moved.define,
    "transfers": TransferColumns.define,
}
"""By name: adds columns to the stack and returns what the policy's other parts need to know of them.

The last argument is the headroom of `optimizer.model.build.build_model`.
"""

TERMS: tuple[tuple[Term, Weight], ...] = (
    (tariff_freight, lambda weights: -weights.shipping),
    (transfer_units, lambda weights: -weights.shipping),
    (transfer_fixed, lambda weights: -weights.shipping),
    (stability, lambda weights: -weights.penalties),
)
"""Money by column before its weight, a column at most once in each term; and the signed weight."""

FLOWS: tuple[Flow, ...] = (transfer_flows,)
"""What columns take from sources beside arcs and kits, and when; units below 0 bring (from that day on)."""
