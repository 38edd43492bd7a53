"""What lanes are worth beside each other, for orders whose fill is submodular.

There the gain of a lane shrinks as the set of open lanes grows. So its gain beside any one lane of a set bounds its
gain beside the whole set, and lanes that do not pay beside one another never stand in a best set together.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Money = NDArray[Any]


class Pairs:
    """Knowledge from the sets of one and of two lanes of ``orders`` orders with ``lanes`` lanes each."""

    def __init__(self, orders: int, lanes: int) -> None:
        self.lanes = lanes
        self.beside = np.zeros((orders, lanes, lanes), dtype=bool)
        """whether two lanes may stand in one set"""
        self.alone: list[Money] = []
        """per variant: net money of each lane alone"""
        self.gain: list[Money] = []
        """per variant, for orders with a pair: what lane j adds beside lane i"""
        self.slot = np.zeros(orders, dtype=np.int64)

    def learn(self, order: Ints, sets: Ints, net: list[Money]) -> None:
        """From the net money of sets, per variant. Sets that were not looked at cannot win, with any further lane."""
        if sets.shape[1] == 1:
            self._singles(order, sets[:, 0], net)
        elif sets.shape[1] == 2:
            self._pairs(order, sets[:, 0], sets[:, 1], net)

    def _singles(self, order: Ints, lane: Ints, net: list[Money]) -> None:
        pays = np.zeros(self.beside.shape[:2], dtype=bool)
        for money in net:
            table = np.zeros(pays.shape, dtype=money.dtype)
            table[order, lane] = money
            self.alone.append(table)
            pays[order, lane] |= np.asarray(money > 0, dtype=bool)
        self.beside = pays[:, :, None] & pays[:, None, :]

    def _pairs(self, order: Ints, one: Ints, other: Ints, net: list[Money]) -> None:
        added = [
            (money - alone[order, one], money - alone[order, other])
            for money, alone in zip(net, self.alone, strict=True)
        ]
        both = np.zeros(len(order), dtype=bool), np.zeros(len(order), dtype=bool)
        for gains in added:
            for pays, gain in zip(both, gains, strict=True):
                pays |= np.asarray(gain > 0, dtype=bool)
        good = both[0] & both[1]
        order, one, other = order[good], one[good], other[good]
        self.beside = np.zeros_like(self.beside)
        self.beside[order, one, other] = self.beside[order, other, one] = True
        known = np.unique(order)
        self.slot[known] = np.arange(len(known))
        for of_other, of_one in added:
            table = np.zeros((len(known), self.lanes, self.lanes), dtype=of_one.dtype)
            table[self.slot[order], one, other] = of_other[good]
            table[self.slot[order], other, one] = of_one[good]
            self.gain.append(table)

    def joinable(self, order: Ints, sets: Ints) -> Flags:
        """Lanes that may join each set: they go together with every lane of it."""
        together: Flags = self.beside[order, sets[:, 0]]
        for position in range(1, sets.shape[1]):
            together &= self.beside[order, sets[:, position]]
        return together

    def reach(self, order: Ints, sets: Ints, net: list[Money], joins: Flags) -> Money:
        """No extension of each set by lanes of ``joins`` has more net money than this (the least over the variants)."""
        bounds = []
        for money, gain in zip(net, self.gain, strict=True):
            if not len(gain):
                return money
            slot = self.slot[order]
            most = gain[slot, sets[:, 0]]
            for position in range(1, sets.shape[1]):
                most = np.minimum(most, gain[slot, sets[:, position]])
            bounds.append(money + np.where(joins, np.maximum(most, 0), 0).sum(axis=1))
        least: Money = bounds[0]
        for bound in bounds[1:]:
            least = np.minimum(least, bound)
        return least
