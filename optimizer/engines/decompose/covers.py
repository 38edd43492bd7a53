"""Flow covers: rows that no plan breaks and fractional plans do. Priced like shared rows, they lower the bound.

A stock row has b units. A *cell* i of it is a line, by all arcs on which it takes from the row or some of them: they
carry at most u_i units together, x_i <= u_i·y_i, where y_i counts their openers. A *cover* C has Σ_C u = b + e with
e > 0: not all of it fits. With ū = max_C u > e and ū_i = max(u_i, ū), for any cells L outside of C

    Σ_C (x_i + (u_i − e)⁺·(1 − y_i)) + Σ_L (x_i − (ū_i − e)·y_i) <= b

(Padberg, Van Roy and Wolsey, 1985): what a shut opener of C leaves, less the excess e, nobody can use. A second opener
of a cell only lowers the left side. In an order's own problem a price on such a row only changes what a unit earns and
what a shipment costs, so its best plan is found as ever. Covers are sought where the averaged best plans of the blocks
break them. Compiled.
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
"""How many cells beyond the fewest are tried in a cover."""


class Covers(NamedTuple):
    """Cover rows: ``row`` (shared row), entries from ``first`` on: arcs, and whether they stand in L instead of C.

    Entries of a cell stand together.
    """

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

    def hold(self, arcs: Arcs, rhs: Floats) -> Flags:
        """Which of them are covers: they exceed the row, and the largest cell its excess."""
        sizes = self.sizes(arcs, rhs)
        found: Flags = (sizes.excess > 0) & (sizes.largest > sizes.excess)
        return found

    def sizes(self, arcs: Arcs, rhs: Floats) -> Sizes:
        """u, e and ū."""
        own, line = self.owner, arcs.line[self.arc]
        cell = np.append(True, (np.diff(own) != 0) | (np.diff(line) != 0) | (self.lifted[1:] != self.lifted[:-1]))
        inside = cell[: len(own)] & ~self.lifted
        most = np.minimum(arcs.most[self.arc], rhs[self.row][own])
        excess = np.bincount(own, np.where(inside, most, 0.0), len(self)) - rhs[self.row]
        largest = np.zeros(len(self))
        np.maximum.at(largest, own, np.where(inside, most, 0.0))
        return Sizes(most, inside, excess, largest)

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


class Sizes(NamedTuple):
    """How much the cells of covers carry."""

    most: Floats
    """per entry: u of its cell"""
    inside: Flags
    """per entry: whether it is the first of a cell in C"""
    excess: Floats
    """per cover: e"""
    largest: Floats
    """per cover: ū"""


class Arcs(NamedTuple):
    """The arcs of the rows that may be covered, by row; those of a line stand together."""

    row: Ints
    first: Ints
    """per row, and one more"""
    arc: Ints
    line: Ints
    """per arc of the problem"""
    most: Floats
    """per arc of the problem: units that its line may get"""
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
    line = blocks.line_of_arc
    most = blocks.line["need"][line].astype(np.float64)
    carries = np.minimum(blocks.arc["cap"][:-1], most)
    door = blocks.door_of_arc
    kept = (
        asked[use["row"]]
        & (use["use"] == 1.0)
        & (blocks.arc["step"][arc] == 1)
        & (carries[arc] > 0)
        & ((door[arc] >= 0) | (carries[arc] == 1.0))
    )
    arc, row = arc[kept], use["row"][kept].astype(np.int64)
    order = np.lexsort((arc, row))
    found = np.unique(row)
    return Arcs(found, np.searchsorted(row[order], np.append(found, len(asked))), arc[order], line, most, door)


def separate(problem: Problem, arcs: Arcs, shipped: Floats, opened: Floats) -> Covers:
    """Covers that the averaged plan breaks, at most one of each row: the one that it breaks most."""
    size = len(arcs.arc)
    row = np.zeros(len(arcs.row), dtype=np.int64)
    entries, arc, lifted = np.zeros(len(arcs.row), dtype=np.int64), np.zeros(size, np.int64), np.zeros(size, np.bool_)
    count, used = _separate(
        arcs.row, arcs.first, arcs.arc, arcs.line, arcs.most, arcs.door, problem.shared.rhs, shipped, opened, row,
        entries, arc, lifted,
    )  # fmt: skip
    first = np.concatenate([[0], np.cumsum(entries[:count])])
    return Covers(row[:count].copy(), first, arc[:used].copy(), lifted[:used].copy())


@compiled
def _separate(rows, first, arcs, line, most, door, rhs, shipped, opened, row_out, entries_out, arc_out, lifted_out):
    """Fills the arrays; returns (covers, entries)."""
    count, used = 0, 0
    for r in range(rows.shape[0]):
        b = rhs[rows[r]]
        touched = arcs[first[r] : first[r + 1]]
        touched = touched[shipped[touched] > TOUCHED]
        if not _may_be_broken(touched, line, most, shipped, b):
            continue
        cell, u, x, y = _cells(touched, line, most, door, shipped, opened, b)
        size, order = _best_cover(u, x, y, b)
        if size == 0:
            continue
        takes, start = _taken(size, order, u, x, y, b), used
        for k in range(touched.shape[0]):
            if takes[cell[k]] > 0:
                arc_out[used], lifted_out[used] = touched[k], takes[cell[k]] == 2
                used += 1
        row_out[count], entries_out[count] = rows[r], used - start
        count += 1
    return count, used


@compiled
def _may_be_broken(touched, line, most, shipped, b):
    """Whether the lines of a row could take more than it has, and nearly take all of that."""
    total, units, last = 0.0, 0.0, -1
    for a in touched:
        units += shipped[a]
        if line[a] != last:
            total += min(most[a], b)
            last = line[a]
    return total > b and units >= NEARLY_FULL * b


@compiled
def _cells(touched, line, most, door, shipped, opened, b):
    """(cell of each arc; most units, shipped units and open share of each cell): the arcs of a line are one cell."""
    cell = np.zeros(touched.shape[0], np.int64)
    u, x, y = np.zeros(touched.shape[0]), np.zeros(touched.shape[0]), np.zeros(touched.shape[0])
    c, last = -1, -1
    for k in range(touched.shape[0]):
        a = touched[k]
        if line[a] != last:
            c += 1
            last = line[a]
            u[c] = min(most[a], b)
        cell[k] = c
        x[c] += shipped[a]
        open_share = opened[door[a]] if door[a] >= 0 else shipped[a]
        y[c] += min(max(open_share, shipped[a] / u[c]), 1.0)
    return cell, u[: c + 1], x[: c + 1], y[: c + 1]


@compiled
def _best_cover(u, x, y, b):
    """(size, order): the cover that is broken most is the first ``size`` cells in this order; 0 where none is."""
    best, best_size, best_order = LEAST, 0, np.zeros(0, np.int64)
    for key in range(4):
        order = _by_key(key, u, x, y)
        excess, tried = -b, 0
        for size in range(1, order.shape[0] + 1):
            excess += u[order[size - 1]]
            if excess <= 0.0:
                continue
            broken = _broken(order, size, excess, u, x, y, b)
            if broken > best:
                best, best_size, best_order = broken, size, order
            tried += 1
            if tried == SIZES:
                break
    return best_size, best_order


@compiled
def _taken(size, order, u, x, y, b):
    """Per cell: 1 in the cover, 2 lifted into it, 0 neither."""
    takes = np.zeros(order.shape[0], np.int64)
    excess, largest = -b, 0.0
    for c in order[:size]:
        excess += u[c]
        largest = max(largest, u[c])
        takes[c] = 1
    for c in order[size:]:
        if x[c] - (max(u[c], largest) - excess) * y[c] > 1e-9:
            takes[c] = 2
    return takes


@compiled
def _by_key(key, u, x, y):
    """Orders in which cells join a cover."""
    if key == 0:
        return np.argsort(-y)
    if key == 1:
        return np.argsort(-x / u)
    if key == 2:
        return np.argsort(-x)
    return np.argsort(-u * y)


@compiled
def _broken(order, size, excess, u, x, y, b):
    """By how many units the cover of the first ``size`` cells is broken, with all others that help."""
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
    own, rows, door = covers.owner, len(shared.rhs), arcs.door[covers.arc]
    most, inside, excess, largest = covers.sizes(arcs, shared.rhs)
    given = np.where(covers.lifted, np.maximum(most, largest[own]), most) - excess[own]
    given = np.maximum(given, 0.0)  # what opening gives back to the others
    itself = door < 0
    use = np.where(itself, 1.0 - given, 1.0)
    rhs = shared.rhs[covers.row] - np.bincount(own, np.where(inside, given, 0.0), len(covers))
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
