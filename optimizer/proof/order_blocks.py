"""The best plans of single orders at given prices: values, caps and rules as dense arrays, and what open lanes yield.

All money here is whole numbers of one common tiny unit (`Unit`), machine integers where a bound proves that nothing
can overflow and Python integers otherwise; the same code runs on both.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.proof.facts import ORDER_COMPLETE, PARTIAL
from optimizer.proof.scope import ranges

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Money = NDArray[Any]

NEVER = -(2**62)
"""Money of what cannot be, as a machine integer: far from any sum, and nothing overflows that is added to it once."""
CELLS_AT_ONCE = 1_000_000
"""Most (line, lane) cells that one vectorised step may touch: bounds its memory."""


@dataclass(frozen=True)
class OrderBlocks:
    """``m`` orders with ``n`` lines together and the same number ``s`` of candidate lanes each.

    Quantities are what may come on top of the pinned ones, in units. A *variant* is one way to count the freight that
    is never above the true one; every variant gives an upper bound, and so does the least of them.
    """

    first: Ints
    """m: where the lines of each order begin"""
    count: Ints
    """m: how many lines each order has"""
    values: list[Money]
    """per variant n × s: money per unit at the prices"""
    fees: list[Money]
    """per variant m × s: money for using the lane at all, at least 0"""
    base: list[Money]
    """per variant m: money of the pinned quantities"""
    cap: Ints
    """n × s: most units, in whole steps"""
    room: Ints
    """n: most units of the line, in whole steps"""
    missing: Ints
    """n: units to be full; −1 where the steps never fill it"""
    least: Ints
    """n: fewest units if any"""
    forced: Flags
    """n: the line must ship (a pin says so)"""
    bonus: Money
    """n: money for a full line"""
    prize: Money
    """m: money for a full order"""
    policy: Ints
    """m: delivery policy"""
    limit: Ints
    """m: most shipments"""
    required: Flags
    """m × s: lanes that a pin opens"""
    plain: bool
    """Every order may go in part, nothing is pinned and full lines earn no bonus: the fill is submodular."""

    @property
    def lanes(self) -> int:
        return int(self.cap.shape[1])

    @property
    def size(self) -> int:
        return len(self.first)

    @property
    def is_machine(self) -> bool:
        """Whether all money fits machine integers."""
        return all(money.dtype == np.int64 for money in (*self.values, *self.fees, *self.base))

    @property
    def units(self) -> Ints:
        """n: how many units each line can have: its room, or what all lanes carry."""
        total: Ints = np.minimum(self.room, np.minimum(self.cap, self.room[:, None]).sum(axis=1))
        return total

    @classmethod
    def joined(cls, parts: list[OrderBlocks]) -> OrderBlocks:
        """Blocks with as many lanes and variants each as one; units of money may differ, orders share none."""
        if len(parts) == 1:
            return parts[0]
        plain = all(part.plain for part in parts)
        joined: dict[str, Any] = {name: _joined([getattr(part, name) for part in parts]) for name in cls._arrays()}
        first = np.cumsum(joined["count"]) - joined["count"]
        return cls(**{**joined, "first": first, "plain": plain})

    @classmethod
    def _arrays(cls) -> list[str]:
        return [field.name for field in fields(cls) if field.name not in ("first", "plain")]

    def of(self, chosen: Flags) -> OrderBlocks:
        """Some of the orders, with all their lanes."""
        if chosen.all():
            return self
        count, line = self.count[chosen], np.repeat(chosen, self.count)
        by_line = ("cap", "room", "missing", "least", "forced", "bonus")
        by_order = ("prize", "policy", "limit", "required")
        return replace(
            self,
            first=np.cumsum(count) - count,
            count=count,
            values=[value[line] for value in self.values],
            fees=[fee[chosen] for fee in self.fees],
            base=[base[chosen] for base in self.base],
            **{name: getattr(self, name)[line] for name in by_line},
            **{name: getattr(self, name)[chosen] for name in by_order},
        )

    def fill(self, order: Ints, lanes: Ints) -> tuple[list[Money], Flags]:
        """What each order earns if it may use ``lanes`` (k of them per candidate), per variant and without the fees.

        Returns the money of each candidate and whether it has a feasible plan at all. Candidates are worked off in
        pieces of bounded memory.
        """
        width = max(lanes.shape[1], 1)
        cells = np.cumsum(self.count[order] * width)
        cuts = np.searchsorted(cells, np.arange(CELLS_AT_ONCE, int(cells[-1]) if len(cells) else 0, CELLS_AT_ONCE))
        pieces = np.unique(np.concatenate([[0], cuts, [len(order)]]))
        parts = [self._fill(order[a:b], lanes[a:b]) for a, b in itertools.pairwise(pieces)]
        if not parts:
            return [self.base[v][order] for v in range(len(self.values))], np.zeros(0, dtype=bool)
        money = [np.concatenate([part[0][v] for part in parts]) for v in range(len(self.values))]
        return money, np.concatenate([part[1] for part in parts])

    def _fill(self, order: Ints, lanes: Ints) -> tuple[list[Money], Flags]:
        line = ranges(self.first[order], self.count[order])
        owner = np.repeat(np.arange(len(order)), self.count[order])
        start = np.cumsum(self.count[order]) - self.count[order]
        columns = lanes[owner]
        cap = self.cap[line[:, None], columns]
        possible = np.ones(len(order), dtype=bool)
        money: list[Money] = []
        for values, base in zip(self.values, self.base, strict=True):
            value, sorted_cap = _best_first(values[line[:, None], columns], cap)
            if self.plain:
                money.append(base[order] + _by_order(_taken(value, sorted_cap, self.room[line], True), start))
            else:
                earned, possible = self._with_rules(order, line, start, value, sorted_cap)
                money.append(base[order] + earned)
        if not self.plain:
            opened = np.zeros((len(order), self.lanes), dtype=bool)
            np.put_along_axis(opened, lanes, True, axis=1)
            possible = possible & ~np.any(self.required[order] & ~opened, axis=1)
        return money, possible

    def _with_rules(self, order: Ints, line: Ints, start: Ints, value: Money, cap: Ints) -> tuple[Money, Flags]:
        """The best of each order under its delivery policy, least quantities, pins and bonuses."""
        most = cap.sum(axis=1)
        missing, least, forced = self.missing[line], self.least[line], self.forced[line]
        wanted = np.maximum(np.minimum(self.room[line], np.where(value > 0, cap, 0).sum(axis=1)), least)
        can_full = (missing >= 0) & (most >= missing)
        full = _taken(value, cap, np.where(can_full, missing, 0), False) + self.bonus[line]
        policy = np.repeat(self.policy[order], self.count[order])
        can_part = (most >= least) & (wanted <= self.room[line]) & (policy == PARTIAL)
        part = _taken(value, cap, np.where(can_part, wanted, 0), False)

        alone, can_alone = _better(part, can_part, full, can_full)
        alone, can_alone = _better(alone, can_alone, np.zeros_like(alone), ~forced)
        whole, can_whole = _by_order(full, start) + self.prize[order], _every(can_full, start)
        loose, can_loose = _by_order(alone, start), _every(can_alone, start)
        together = self.policy[order] == ORDER_COMPLETE
        nothing = np.where(together, 0, loose)  # order_complete: all lines full, or no line at all
        can_nothing = np.where(together, _every(~forced, start), can_loose)
        return _better(whole, can_whole, nothing, can_nothing)


def _joined(arrays: list[Any]) -> Any:
    if isinstance(arrays[0], list):  # one for each variant
        return [np.concatenate(variant) for variant in zip(*arrays, strict=True)]
    return np.concatenate(arrays)


def _best_first(value: Money, cap: Ints) -> tuple[Money, Ints]:
    """Each line's lanes sorted by value, the most valuable first."""
    if value.shape[1] < 2:
        return value, cap
    order = np.argsort(-value, axis=1, kind="stable")
    return np.take_along_axis(value, order, axis=1), np.take_along_axis(cap, order, axis=1)


def _taken(value: Money, cap: Ints, quantity: Ints, only_gains: bool) -> Money:
    """Money of ``quantity`` units of each line, taken from the most valuable lane on; fewer if only gains are taken."""
    if only_gains:
        cap = np.where(value > 0, cap, 0)
    before = np.cumsum(cap, axis=1) - cap
    take = np.minimum(cap, np.maximum(quantity[:, None] - before, 0))
    money: Money = (value * take).sum(axis=1)
    return money


def _by_order(money: Money, start: Ints) -> Money:
    total: Money = np.add.reduceat(money, start)
    return total


def _every(flags: Flags, start: Ints) -> Flags:
    return np.logical_and.reduceat(flags, start)


def _better(one: Money, can_one: Flags, other: Money, can_other: Flags) -> tuple[Money, Flags]:
    """The larger of two alternatives where both are possible, else the possible one."""
    first = can_one & (~can_other | np.asarray(one >= other, dtype=bool))
    return np.where(first, one, other), can_one | can_other
