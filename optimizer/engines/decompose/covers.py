"""Flow covers: rows that no plan breaks and fractional plans do. Priced like shared rows, they lower the bound.

A stock row has b units; its arcs a carry at most u_a units, each behind an opener y_a: x_a <= u_a·y_a, Σ x <= b. A
*cover* C has Σ_C u = b + e with e > 0: not all of it fits. With ū = max_C u > e and ū_a = max(u_a, ū), for any arcs L
outside of C

    Σ_C (x_a + (u_a − e)⁺·(1 − y_a)) + Σ_L (x_a − (ū_a − e)·y_a) <= b

(Padberg, Van Roy and Wolsey, 1985): what a shut opener of C leaves, less the excess e, nobody can use. In an order's
own problem a price on such a row only changes what a unit earns and what a shipment costs, so its best plan is found
as ever. Covers are sought where the averaged best plans of the blocks break them. Compiled.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from optimizer.engines.decompose.compiled import compiled
from optimizer.engines.decompose.problem import USE, Flags, Floats, Ints, Problem, Records

LEAST = 0.05
"""Units by which the averaged plan must break a cover for it to be of use."""
TOUCHED = 0.01
"""Units of the averaged plan below which an arc is not looked at."""
NEARLY_FULL = 0.9
"""Share of a row that the averaged plan must use."""
SIZES = 3
"""How many arcs beyond the fewest are tried in a cover."""


class Covers(NamedTuple):
    """Cover rows: ``row`` (shared row), entries from ``first`` on: arcs, and whether they stand in L instead of C."""

    row: Ints
    first: Ints
    arc: Ints
    lifted: Flags

    @classmethod
    def none(cls) -> Covers:
        empty = np.zeros(0, dtype=np.int64)
        return cls(empty, np.zeros(1, dtype=np.int64), empty, np.zeros(0, dtype=bool))

    def __len__(self) -> int:
        return len(self.row)

    @property
    def owner(self) -> Ints:
        """The cover of each entry."""
        return np.repeat(np.arange(len(self.row)), np.diff(self.first))

    def those(self, kept: Flags) -> Covers:
        """Some of them."""
        entry = kept[self.owner]
        first = np.concatenate([[0], np.cumsum(np.diff(self.first)[kept])])
        return Covers(self.row[kept], first, self.arc[entry], self.lifted[entry])

    def hold(self, most: Floats, rhs: Floats) -> Flags:
        """Which of them are covers where arcs carry ``most``: they exceed the row, and the largest its excess."""
        can = np.where(self.lifted, 0.0, np.minimum(most[self.arc], rhs[self.row][self.owner]))
        largest = np.zeros(len(self))
        np.maximum.at(largest, self.owner, can)
        excess = np.bincount(self.owner, can, len(self)) - rhs[self.row]
        found: Flags = (excess > 0) & (largest > excess)
        return found

    def and_new(self, other: Covers) -> Covers:
        """These, and those of the others that are not among them."""
        known = set(self._names())
        fresh = other.those(np.array([name not in known for name in other._names()], dtype=bool))
        return Covers(
            np.concatenate([self.row, fresh.row]),
            np.concatenate([self.first, self.first[-1] + fresh.first[1:]]),
            np.concatenate([self.arc, fresh.arc]),
            np.concatenate([self.lifted, fresh.lifted]),
        )

    def _names(self) -> list[bytes]:
        """What tells covers apart: entries stand sorted by arc."""
        said = 2 * self.arc + self.lifted
        return [said[a:b].tobytes() for a, b in zip(self.first[:-1], self.first[1:], strict=True)]


class Arcs(NamedTuple):
    """The arcs of the rows that may be covered, by row."""

    row: Ints
    first: Ints
    """per row, and one more"""
    arc: Ints
    most: Floats
    """per arc of the problem: units that it can carry"""
    door: Ints
    """per arc of the problem: its opener, −1 where it pays its fee itself"""


def coverable(problem: Problem, rows: Ints) -> Arcs:
    """The arcs that take a unit a step from these shared rows, where nothing gives back; not those without any fee."""
    blocks, shared = problem.blocks, problem.shared
    use, arc = blocks.arc_use, blocks.arc_of_use
    asked = np.zeros(len(shared.rhs), dtype=bool)
    asked[rows] = True
    asked &= ~np.isfinite(shared.soft_cost) & (shared.rhs >= 1.0) & (shared.rhs == np.rint(shared.rhs))
    asked[use["row"][use["use"] < 0]] = False
    asked[blocks.door_use["row"][blocks.door_use["use"] < 0]] = False
    need = np.repeat(blocks.line["need"][:-1], np.diff(blocks.line["arc"]))
    most = np.minimum(blocks.arc["cap"][:-1], need).astype(np.float64)
    door = blocks.door_of_arc
    kept = (
        asked[use["row"]]
        & (use["use"] == 1.0)
        & (blocks.arc["step"][arc] == 1)
        & (most[arc] > 0)
        & ((door[arc] >= 0) | (most[arc] == 1.0))
    )
    arc, row = arc[kept], use["row"][kept].astype(np.int64)
    order = np.lexsort((arc, row))
    found = np.unique(row)
    return Arcs(found, np.searchsorted(row[order], np.append(found, len(asked))), arc[order], most, door)


def separate(problem: Problem, arcs: Arcs, shipped: Floats, opened: Floats) -> Covers:
    """Covers that the averaged plan breaks, at most one of each row: the one that it breaks most."""
    size = len(arcs.arc)
    row = np.zeros(len(arcs.row), dtype=np.int64)
    entries, arc, lifted = np.zeros(len(arcs.row), dtype=np.int64), np.zeros(size, np.int64), np.zeros(size, np.bool_)
    count, used = _separate(
        arcs.row, arcs.first, arcs.arc, arcs.most, arcs.door, problem.shared.rhs, shipped, opened, row, entries, arc,
        lifted,
    )  # fmt: skip
    first = np.concatenate([[0], np.cumsum(entries[:count])])
    return Covers(row[:count].copy(), first, arc[:used].copy(), lifted[:used].copy())


@compiled
def _separate(rows, first, arcs, most, door, rhs, shipped, opened, row_out, entries_out, arc_out, lifted_out):
    """Fills the arrays; returns (covers, entries)."""
    count, used = 0, 0
    for r in range(rows.shape[0]):
        b = rhs[rows[r]]
        candidates, total, units = 0, 0.0, 0.0
        for at in range(first[r], first[r + 1]):
            if shipped[arcs[at]] > TOUCHED:
                candidates += 1
                total += min(most[arcs[at]], b)
                units += shipped[arcs[at]]
        if total <= b or units < NEARLY_FULL * b:
            continue
        arc, u, x, y = np.zeros(candidates, np.int64), np.zeros(candidates), np.zeros(candidates), np.zeros(candidates)
        n = 0
        for at in range(first[r], first[r + 1]):
            a = arcs[at]
            if shipped[a] > TOUCHED:
                arc[n], u[n], x[n] = a, min(most[a], b), shipped[a]
                open_share = opened[door[a]] if door[a] >= 0 else shipped[a]
                y[n] = min(max(open_share, x[n] / u[n]), 1.0)
                n += 1
        best, best_size, best_key = LEAST, 0, 0
        for key in range(4):
            order = _by_key(key, u, x, y)
            excess, tried = -b, 0
            for size in range(1, candidates + 1):
                excess += u[order[size - 1]]
                if excess <= 0.0:
                    continue
                broken = _broken(order, size, excess, u, x, y, b)
                if broken > best:
                    best, best_size, best_key = broken, size, key
                tried += 1
                if tried == SIZES:
                    break
        if best_size == 0:
            continue
        order = _by_key(best_key, u, x, y)
        excess, largest = -b, 0.0
        for k in range(best_size):
            excess += u[order[k]]
            largest = max(largest, u[order[k]])
        takes = np.zeros(candidates, np.int64)
        for k in range(candidates):
            a = order[k]
            if k < best_size:
                takes[a] = 1
            elif x[a] - (max(u[a], largest) - excess) * y[a] > 1e-9:
                takes[a] = 2
        start = used
        for k in range(candidates):
            if takes[k] > 0:
                arc_out[used], lifted_out[used] = arc[k], takes[k] == 2
                used += 1
        row_out[count], entries_out[count] = rows[r], used - start
        count += 1
    return count, used


@compiled
def _by_key(key, u, x, y):
    """Orders in which arcs join a cover."""
    if key == 0:
        return np.argsort(-y)
    if key == 1:
        return np.argsort(-x / u)
    if key == 2:
        return np.argsort(-x)
    return np.argsort(-u * y)


@compiled
def _broken(order, size, excess, u, x, y, b):
    """By how many units the cover of the first ``size`` arcs is broken, with all others that help."""
    largest, total = 0.0, -b
    for k in range(size):
        a = order[k]
        largest = max(largest, u[a])
        total += x[a] + max(u[a] - excess, 0.0) * (1.0 - y[a])
    if largest <= excess:
        return 0.0
    for k in range(size, order.shape[0]):
        a = order[k]
        total += max(x[a] - (max(u[a], largest) - excess) * y[a], 0.0)
    return total


def covered(problem: Problem, arcs: Arcs, covers: Covers) -> Problem:
    """The problem with the covers as shared rows after its own."""
    blocks, shared = problem.blocks, problem.shared
    own, rows = covers.owner, len(shared.rhs)
    most, door = np.minimum(arcs.most[covers.arc], shared.rhs[covers.row][own]), arcs.door[covers.arc]
    excess = np.bincount(own, np.where(covers.lifted, 0.0, most), len(covers)) - shared.rhs[covers.row]
    largest = np.zeros(len(covers))
    np.maximum.at(largest, own, np.where(covers.lifted, 0.0, most))
    given = np.where(covers.lifted, np.maximum(most, largest[own]), most) - excess[own]
    given = np.maximum(given, 0.0)  # what opening gives back to the others
    itself = door < 0
    use = np.where(itself, 1.0 - given, 1.0)
    rhs = shared.rhs[covers.row] - np.bincount(own, np.where(covers.lifted, 0.0, given), len(covers))
    at = np.flatnonzero(~itself & (given > 0))
    arc, arc_use = _with_uses(blocks.arc, blocks.arc_of_use, blocks.arc_use, covers.arc, rows + own, use)
    doors, door_use = _with_uses(
        blocks.door, blocks.door_of_use, blocks.door_use, door[at], rows + own[at], -given[at]
    )  # fmt: skip
    nothing = np.zeros(len(covers), dtype=np.int64)
    return problem._replace(
        blocks=blocks._replace(arc=arc, arc_use=arc_use, door=doors, door_use=door_use),
        shared=shared._replace(
            rhs=np.concatenate([shared.rhs, rhs]),
            soft_cost=np.concatenate([shared.soft_cost, np.full(len(covers), np.inf)]),
            soft_cap=np.concatenate([shared.soft_cap, np.zeros(len(covers))]),
            row=np.concatenate([shared.row, nothing - 1]),
            sign=np.concatenate([shared.sign, nothing + 1.0]),
        ),
    )


def _with_uses(
    owners: Records, owner: Ints, uses: Records, more: Ints, row: Ints, use: Floats
) -> tuple[Records, Records]:
    """Records of arcs or openers, and uses of shared rows with some added."""
    owner = np.concatenate([owner, more])
    order = np.argsort(owner, kind="stable")
    found = np.zeros(len(owner), dtype=USE)
    found["row"] = np.concatenate([uses["row"], row])[order]
    found["use"] = np.concatenate([uses["use"], use])[order]
    owners = owners.copy()
    owners["use"] = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(owners) - 1))])
    return owners, found
