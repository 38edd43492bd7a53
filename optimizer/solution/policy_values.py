"""What a plan implies for the columns of policies."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.model.build import Model
from optimizer.model.calendar import SPAN
from optimizer.model.linear_model import Block
from optimizer.model.lookup import find_sorted
from optimizer.model.tariff_columns import TariffColumns
from optimizer.solution.policies import common_fill, moved_units

if TYPE_CHECKING:
    from optimizer.solution.ledger import Ledger

Ints = NDArray[np.int64]
NONE = -1


def shipment_of(ledger: Ledger, block: Block) -> Ints:
    """The plan's shipment of each (order, lane, day) of the block, -1 where it ships nothing."""
    size, ships, keys = len(ledger.tables.lanes), ledger.shipments, block.keys
    own = (ships.order * size + ships.lane) * SPAN + ships.day
    return find_sorted(own, (keys["order"] * size + keys["lane"]) * SPAN + keys["day"])


def _band_used(model: Model, ledger: Ledger, block: Block) -> NDArray[Any]:
    """The cheapest band that holds what ships."""
    shipment = shipment_of(ledger, block)
    used: NDArray[Any] = np.append(ledger.shipments.band, NONE)[shipment] == block.keys["band"]
    return used


def _band_weight(model: Model, ledger: Ledger, block: Block) -> Exact:
    """All that the shipment weighs, in the band that prices it."""
    tariffs = _tariff(model).tariffs
    unit = tariffs.unit.take(tariffs.pair_row)
    kg = Exact.concat([ledger.shipments.chargeable, Exact.zeros(1)])[shipment_of(ledger, block)]
    used = _band_used(model, ledger, block)
    return Exact.of(
        value * int(bottom) / top if chosen else 0
        for value, bottom, top, chosen in zip(kg.fractions(), unit.bottom, unit.top.fractions(), used, strict=True)
    )


def _band_topup(model: Model, ledger: Ledger, block: Block) -> Exact:
    """What lifts the band that prices a shipment to its minimum charge."""
    tariffs, pair = _tariff(model).tariffs, np.flatnonzero(_tariff(model).topup != NONE)
    every = model.linear.columns("band_weight")
    weight, used = _band_weight(model, ledger, every)[pair], _band_used(model, ledger, every)[pair]
    rate = tariffs.rate.take(pair)
    missing = tariffs.rise.take(pair) - (rate.top * weight).over(rate.bottom)
    return missing.maximum(0) * used


def _tariff(model: Model) -> TariffColumns:
    columns: TariffColumns = model.variables.policies["tariff"]
    return columns


def _moved(model: Model, ledger: Ledger, block: Block) -> NDArray[Any]:
    before, moved = moved_units(ledger)
    size = len(ledger.tables.lanes)
    place = find_sorted(before.line * size + before.lane, block.keys["line"] * size + block.keys["lane"])
    return moved[place]


def _transfer_qty(model: Model, ledger: Ledger, block: Block) -> NDArray[Any]:
    moves, keys, size = ledger.plan.moves, block.keys, len(ledger.batch.supply)
    own = (moves.transfer * size + moves.source) * SPAN + moves.day
    place = find_sorted(own, (keys["transfer"] * size + keys["source"]) * SPAN + keys["day"])
    return np.append(moves.units, 0)[place]


def _transfer_used(model: Model, ledger: Ledger, block: Block) -> NDArray[Any]:
    moves, keys = ledger.plan.moves, block.keys
    return np.isin(keys["transfer"] * SPAN + keys["day"], moves.transfer * SPAN + moves.day)


def _common_fill(model: Model, ledger: Ledger, block: Block) -> NDArray[Any]:
    """The least common fill that all parties are near enough to."""
    group = block.keys["fair_share"]
    return _in_parts(ledger, group, [common_fill(ledger, row)[0] for row in group.tolist()])


def _level_fill(model: Model, ledger: Ledger, block: Block) -> NDArray[Any]:
    """The highest of the lowest fills that each level counts."""
    group = block.keys["fair_share"]
    return _in_parts(
        ledger, group, list(map(partial(_threshold, ledger), group.tolist(), block.keys["level"].tolist()))
    )


def _level_gap(model: Model, ledger: Ledger, block: Block) -> NDArray[Any]:
    """How far each party stays below that."""
    shares, party = ledger.batch.shares, block.keys["party"]
    group, got = shares.group[party], shares.allocated(ledger.allocated)[party]
    threshold = map(partial(_threshold, ledger), group.tolist(), block.keys["level"].tolist())
    fills = map(Fraction, got.tolist(), shares.ordered[party].tolist())
    return _in_parts(ledger, group, [max(top - fill, Fraction(0)) for top, fill in zip(threshold, fills, strict=True)])


def _threshold(ledger: Ledger, group: int, level: int) -> Fraction:
    return sorted(ledger.batch.shares.fills(group, ledger.allocated))[level - 1]


def _in_parts(ledger: Ledger, group: Ints, fills: list[Fraction]) -> NDArray[Any]:
    """Fills as their columns count them."""
    parts = np.maximum(ledger.batch.shares.parts[group], 1)
    return np.array([float(fill * count) for fill, count in zip(fills, parts.tolist(), strict=True)])


IMPLIED: dict[str, Callable[[Model, Ledger, Block], NDArray[Any] | Exact]] = {
    "band_used": _band_used,
    "band_weight": _band_weight,
    "band_topup": _band_topup,
    "moved": _moved,
    "transfer_qty": _transfer_qty,
    "transfer_used": _transfer_used,
    "common_fill": _common_fill,
    "level_fill": _level_fill,
    "level_gap": _level_gap,
}
"""By family of columns."""
