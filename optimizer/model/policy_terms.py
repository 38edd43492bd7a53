"""Terms of the objective that policies bring: tariffs, moves between warehouses, and what is moved off a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.model.freight import arc_chargeable_kg
from optimizer.model.once import once
from optimizer.model.previous import moved_columns
from optimizer.model.rates import Bands
from optimizer.model.tariff_columns import tariff_columns
from optimizer.model.terms import Ratio
from optimizer.model.transfers import transfer_columns, unit_cost

if TYPE_CHECKING:
    from optimizer.model.formulation import Formulation

Ints = NDArray[np.int64]
Term = tuple[Ints, Ratio]
NONE = -1


@once
def tariff_freight(f: Formulation) -> Term:
    """Of a shipment with weight breaks what its band charges, on `band_used`, `band_weight` and `band_topup`.

    Where one arc of one step is the whole shipment, its charge is known and stands on that arc.
    """
    v, arcs = f.variables, f.arcs
    columns = tariff_columns(f)
    tariffs = columns.tariffs
    topped = np.flatnonzero(columns.topup != NONE)
    single = np.flatnonzero(f.batch.banded[arcs.shipment_lane] & (v.opened != NONE) & ~v.own_open)
    arc = v.opened[single]
    kg = arc_chargeable_kg(f.batch, arcs, arc)
    _, charge = Bands.of(f.tables).cheapest(arcs.shipment_lane[single], kg.top.over(kg.bottom))
    whole = Exact.concat([tariffs.fixed, Exact.full(len(topped), 1), charge])
    column = np.concatenate([columns.used, columns.topup[topped], arc, columns.weight])
    ones = np.ones(len(whole), dtype=np.int64)
    return column, Ratio(Exact.concat([whole, tariffs.rate.top]), np.concatenate([ones, tariffs.rate.bottom]))


def transfer_units(f: Formulation) -> Term:
    """cost_per_unit + cost_per_kg · kg, on `transfer_qty`."""
    return transfer_columns(f).column, Ratio.of(unit_cost(f.batch, transfer_columns(f).move))


def transfer_fixed(f: Formulation) -> Term:
    """fixed_cost of the row of `transfers`, on `transfer_used`."""
    transfers = transfer_columns(f)
    paid = np.flatnonzero(transfers.used != NONE)
    return transfers.used[paid], Ratio.of(f.tables.transfers["fixed_cost"].take(transfers.transfer[paid]))


def stability(f: Formulation) -> Term:
    """[stability].cost_per_unit · units, on `moved`."""
    moved, settings = moved_columns(f), f.scenario.stability
    return moved.column, Ratio.of(Exact.full(len(moved), settings.cost_per_unit if settings else 0))
