"""What kits take from stock: each component from the one lot that can serve it, or from several by decision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from optimizer.model.batch import Batch
from optimizer.model.limits import ENDLESS
from optimizer.model.ragged import expand, totals

Ints = NDArray[np.int64]


class Named(Protocol):
    """Named arrays of one length."""

    def __getitem__(self, name: str, /) -> Ints: ...


class Kits(NamedTuple):
    """What would ship, for whom and when: arrays of one length."""

    product: Ints
    order: Ints
    lane: Ints
    day: Ints

    @classmethod
    def of(cls, named: Named, where: Ints) -> Kits:
        return cls(*(named[name][where] for name in cls._fields))


@dataclass(frozen=True)
class Parts:
    """The components of kits that would ship: need n is ``qty[n]`` units of ``component[n]`` in a kit of ``kit[n]``.

    ``source[m]`` could give ``most[m]`` units to need ``option[m]``; sorted by need. ``have``: most units in all.
    """

    kit: Ints
    component: Ints
    qty: Ints
    have: Ints
    option: Ints
    source: Ints
    most: Ints

    @classmethod
    def of(cls, batch: Batch, kits: Kits, headroom: int) -> Parts:
        supply, (product, order, lane, day) = batch.supply, kits
        kit, component, qty = batch.offers.recipes.parts(product)
        pool = supply.find_pool(batch.tables.lane_warehouse[lane[kit]], component)
        known = np.flatnonzero(pool >= 0)
        place, source = expand(supply.source_start[pool[known]], supply.source_start[pool[known] + 1])
        need = known[place]
        at = kit[need]
        most = supply.room(source, day[at]) + headroom
        good = (most > 0) & batch.good_for(source, order[at], lane[at], day[at])
        need, source, most = need[good], source[good], most[good]
        have = totals(need, most, len(kit))
        in_pool = supply.pool_room(pool[known], day[kit[known]]) + headroom
        have[known] = np.minimum(have[known], in_pool)
        return cls(kit, component, qty, have, need, source, most)

    def room(self, size: int) -> Ints:
        """Most of each of ``size`` kits."""
        room = np.full(size, ENDLESS, dtype=np.int64)
        np.minimum.at(room, self.kit, self.have // self.qty)
        return room

    def decided(self) -> NDArray[np.bool_]:
        """Needs that several sources could serve."""
        return np.bincount(self.option, minlength=len(self.kit)) > 1
