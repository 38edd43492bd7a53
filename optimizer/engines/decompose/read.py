"""Reads the blocks off a matrix (`problem.py` says what they are). Everything on whole arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.engines.adapter import OWN, SHARED
from optimizer.engines.decompose.components import components
from optimizer.engines.decompose.problem import (
    ARC,
    BLOCK,
    DOOR,
    LINE,
    NEVER,
    USE,
    Blocks,
    Flags,
    Floats,
    Ints,
    Problem,
    Records,
    Shared,
    UnfitError,
)
from optimizer.model.linear_model import LinearModel

LINK, DEMAND, MOST, FULL, FILLED, LEAST = range(6)
"""Kinds of a block's own rows: x <= u·y · Σ x <= q · Σ y <= n · Σ x = q·f · Σ x >= q·f · Σ x >= m·used."""


@dataclass(frozen=True)
class _Entries:
    """Nonzeros of some rows, by row; ``row`` counts from the first of these rows."""

    row: Ints
    column: Ints
    value: Floats
    lower: Floats
    upper: Floats

    @classmethod
    def of(cls, linear: LinearModel, keep: Flags) -> _Entries:
        count = np.diff(linear.indptr)
        chosen = np.repeat(keep, count)
        row = np.repeat(np.arange(int(keep.sum())), count[keep])
        column = linear.indices[chosen].astype(np.int64)
        return cls(row, column, linear.data[chosen], linear.row_lower[keep], linear.row_upper[keep])

    def count(self, which: Flags) -> Ints:
        return np.bincount(self.row[which], minlength=len(self.lower))


def read_problem(linear: LinearModel, role: Ints) -> Problem:
    """The blocks of a matrix; ``role`` says of each row whether it is OWN, SHARED or IMPLIED.

    Raises `UnfitError` where a block has rows that its shape cannot hold.
    """
    own = _Entries.of(linear, role == OWN)
    shape = _Shape(linear, own)
    return _Assembly(linear, role, own, shape).problem()


class _Shape:
    """Which of the own rows says what, and so what each column is."""

    def __init__(self, linear: LinearModel, own: _Entries) -> None:
        self.linear, self.own = linear, own
        binary = linear.integral & (linear.col_upper == 1)
        negative = own.value < 0
        at_most = np.isneginf(own.lower) & (own.upper == 0)
        at_least = (own.lower == 0) & np.isposinf(own.upper)
        equal = (own.lower == 0) & (own.upper == 0)
        one_negative = own.count(negative) == 1
        switch = np.full(len(own.lower), -1, dtype=np.int64)
        switch[own.row[negative]] = own.column[negative]
        big = np.zeros(len(own.lower))
        big[own.row[negative]] = -own.value[negative]
        self.switch, self.big = switch, big
        fits = one_negative & binary[switch]
        up = np.zeros(linear.n_cols, dtype=bool)
        up[switch[fits & at_most]] = True
        down = np.zeros(linear.n_cols, dtype=bool)
        down[switch[fits & (at_least | equal)]] = True
        self.is_opener = up & ~down
        self.kind = np.full(len(own.lower), -1)
        self.kind[fits & at_most & self.is_opener[switch]] = LINK
        self.kind[fits & equal] = FULL
        self.kind[fits & at_least & ~up[switch]] = FILLED
        self.kind[fits & at_least & up[switch]] = LEAST
        self.kind[fits & at_most & ~self.is_opener[switch]] = DEMAND  # of a line that is used or not: as without it
        plain = (own.count(negative) == 0) & np.isneginf(own.lower)
        self.kind[plain] = DEMAND
        most = plain & self._counts_openings(plain, binary)
        self.kind[most] = MOST
        self.kind[plain & ~most & (own.count(self.is_opener[own.column]) > 0)] = -1
        if (self.kind < 0).any():
            raise UnfitError(f"{int((self.kind < 0).sum()):,} rows that are neither links nor fills nor limits")
        self.is_switch = self.is_opener | down
        self.is_quantity = ~self.is_switch
        self.opens_itself = np.zeros(linear.n_cols, dtype=bool)
        """quantities of one step that limits on openings count: each is its own opener"""
        self.opens_itself[own.column[(self.kind == MOST)[own.row]]] = True
        self.opens_itself &= self.is_quantity

    def _counts_openings(self, plain: Flags, binary: Flags) -> Flags:
        """Rows that limit how many shipments open: of openers, or of quantities of one step across lines."""
        own, rows = self.own, len(self.own.lower)
        size = np.bincount(own.row, minlength=rows)
        ones = own.count((own.value == 1) & binary[own.column]) == size
        least = np.full(self.linear.n_cols, NEVER, dtype=np.int64)
        about = plain[own.row]
        np.minimum.at(least, own.column[about], size[own.row[about]])
        across = np.zeros(rows, dtype=bool)
        across[own.row[about & (least[own.column] < size[own.row])]] = True
        counted = np.zeros(self.linear.n_cols, dtype=bool)  # quantities that another row counts in units
        counted[own.column[about & (own.value != 1)]] = True
        across[own.row[about & counted[own.column]]] = True
        most: Flags = ones & (across | (own.count(self.is_opener[own.column]) > 0))
        return most

    def most_units(self) -> tuple[Ints, Floats]:
        """(rows that limit a line, its most units), with the switch on where it is used or not, or full or not."""
        limits = np.flatnonzero((self.kind == DEMAND) | (self.kind == FULL))
        return limits, np.where(self.switch >= 0, self.big, self.own.upper)[limits]


class _Assembly:
    """Puts lines, arcs and openers in order."""

    def __init__(self, linear: LinearModel, role: Ints, own: _Entries, shape: _Shape) -> None:
        self.linear, self.role, self.own, self.shape = linear, role, own, shape
        self.shared = _Entries.of(linear, role == SHARED)
        self.sign = np.where(np.isposinf(self.shared.upper), -1.0, 1.0)
        """what each shared row is multiplied by to read at most"""
        self.use = self.shared.value * self.sign[self.shared.row]
        self.label = components(own.row, own.column, linear.n_cols)
        quantity = shape.is_quantity
        if (quantity & ~linear.integral).any():
            raise UnfitError(f"{int((quantity & ~linear.integral).sum()):,} columns of any fraction")
        if (linear.col_lower != 0).any():
            raise UnfitError("columns with a lower bound")
        self.line, self.step = self._lines()
        self.opener = self._openers()

    def _lines(self) -> tuple[Ints, Floats]:
        """The line of each quantity (a label; its own column number + rows where no row speaks), units in a step."""
        own, shape, n = self.own, self.shape, self.linear.n_cols
        about = np.isin(shape.kind, (DEMAND, FULL, FILLED, LEAST))[own.row] & shape.is_quantity[own.column]
        row, column, value = own.row[about], own.column[about], own.value[about]
        line = np.full(n, -1, dtype=np.int64)
        step = np.ones(n)
        line[column[::-1]], step[column[::-1]] = row[::-1], value[::-1]
        rows = len(own.lower)
        least, most = np.full(rows, NEVER, dtype=np.int64), np.full(rows, -1, dtype=np.int64)
        np.minimum.at(least, row, line[column])
        np.maximum.at(most, row, line[column])
        size = np.bincount(line[column[np.unique(column, return_index=True)[1]]], minlength=rows)
        mine = np.bincount(row, minlength=rows)
        asked = mine > 0
        if (least[asked] != most[asked]).any() or (mine[asked] != size[most[asked]]).any():
            raise UnfitError("rows about parts of a line")
        if (value != step[column]).any() or (step % 1 != 0).any():
            raise UnfitError("rows that count a line in different units")
        alone = shape.is_quantity & (line < 0)
        line[alone] = rows + np.flatnonzero(alone)
        self.line_of_row = most
        return line, step

    def _openers(self) -> Ints:
        """The column that opens each quantity, −1 for none."""
        own, shape = self.own, self.shape
        link = (shape.kind == LINK)[own.row] & (own.value > 0)
        row, column = own.row[link], own.column[link]
        if not shape.is_quantity[column].all():
            raise UnfitError("openers that need other openers")
        opener = np.full(self.linear.n_cols, -1, dtype=np.int64)
        opener[column] = shape.switch[row]
        if (opener[column] != shape.switch[row]).any() or (opener[shape.opens_itself] >= 0).any():
            raise UnfitError("quantities that need two openers")
        alone = np.bincount(row, minlength=len(own.lower)) == 1
        room = np.where(alone[row], self.linear.col_upper[column] * own.value[link], self._need_of(column))
        if (shape.big[row] < room - 1e-9).any():
            raise UnfitError("openers that give only part of the room")
        itself = np.flatnonzero(shape.opens_itself)
        opener[itself] = itself
        return opener

    def _need_of(self, column: Ints) -> Floats:
        """Most units of the line of each column, as its demand row says."""
        limits, units = self.shape.most_units()
        most = np.full(len(self.own.lower) + self.linear.n_cols, np.inf)
        np.minimum.at(most, self.line_of_row[limits], units)
        total = np.bincount(
            np.maximum(self.line, 0),
            np.where(self.line >= 0, self.linear.col_upper * self.step, 0.0),
            minlength=len(most),
        )
        need: Floats = np.minimum(most, total)[self.line[column]]
        return need

    def problem(self) -> Problem:
        linear, shape = self.linear, self.shape
        soft = self._soft_columns()
        arcs = np.flatnonzero(shape.is_quantity & ~soft)
        arcs = arcs[np.lexsort((arcs, self.line[arcs], self.label[arcs]))]
        line_label, first, line_of = _runs(self.line[arcs])
        block_label, _, block_of_line = _runs(self.label[arcs[first]])
        n_blocks, n_lines = len(block_label), len(line_label)
        openers = np.flatnonzero(shape.is_opener | shape.opens_itself)
        openers = openers[np.lexsort((openers, self.label[openers]))]
        by_label = np.argsort(block_label, kind="stable")
        found = by_label[np.searchsorted(block_label[by_label], self.label[openers])]
        openers, found = openers[np.argsort(found, kind="stable")], np.sort(found)
        block_open = np.searchsorted(found, np.arange(n_blocks + 1))
        place = np.full(linear.n_cols, -1, dtype=np.int64)
        place[openers] = np.arange(len(openers)) - block_open[found]
        opener = np.where(self.opener[arcs] >= 0, place[self.opener[arcs]], -1)
        rules = _Rules.of(self, line_label, block_label, block_of_line)
        real = shape.is_opener[openers]
        paying = np.where(real, openers, linear.n_cols + np.arange(len(openers)))
        shared, arc_uses, open_uses, soft_column, soft_use = self._shared(arcs, paying, soft)
        cap = linear.col_upper[arcs]
        total = np.bincount(line_of, cap * self.step[arcs], minlength=n_lines)
        need = np.minimum(rules.need, total).astype(np.int64)
        whole_step = np.gcd.reduceat(self.step[arcs].astype(np.int64), first) if n_lines else need
        blocks = Blocks(
            _records(BLOCK, n_blocks, line=np.searchsorted(block_of_line, np.arange(n_blocks + 1)), open=block_open,
                     most_open=rules.most_open, has_rules=rules.has_rules, whole=rules.whole, prize=rules.prize),
            _records(LINE, n_lines, arc=np.append(first, len(arcs)), need=need // whole_step * whole_step,
                     least=rules.least, full=rules.full, complete=rules.complete, bonus=rules.bonus),
            _records(ARC, len(arcs), value=linear.objective[arcs], use=arc_uses[0], opener=opener,
                     step=self.step[arcs], cap=cap),
            _records(DOOR, len(openers), fee=np.where(real, -linear.objective[openers], 0.0), use=open_uses[0]),
            arc_uses[1], open_uses[1],
        )  # fmt: skip
        return Problem(
            blocks, shared, arcs, np.where(real, openers, -1),
            rules.line_full, rules.line_used, rules.block_full, soft_column, soft_use,
            _movable(blocks), linear.offset,
        )  # fmt: skip

    def _soft_columns(self) -> Flags:
        """Columns that only pay for the overrun of one shared row."""
        linear, shape = self.linear, self.shape
        uses = np.bincount(self.shared.column, minlength=linear.n_cols)
        only = np.bincount(self.shared.column[self.use > 0], minlength=linear.n_cols) == 0
        alone = self.line >= len(self.own.lower)
        soft: Flags = shape.is_quantity & alone & (self.opener < 0) & (uses == 1) & only & (linear.objective <= 0)
        return soft

    def _shared(
        self, arcs: Ints, openers: Ints, soft: Flags
    ) -> tuple[Shared, tuple[Ints, Records], tuple[Ints, Records], Ints, Floats]:
        shared, linear, sign = self.shared, self.linear, self.sign
        finite = np.isfinite(shared.lower) & np.isfinite(shared.upper)
        at = np.flatnonzero(self.role == SHARED)
        rhs = np.where(sign > 0, shared.upper, -shared.lower)
        twice = np.flatnonzero(finite)
        second = np.full(len(at), -1, dtype=np.int64)
        second[twice] = len(at) + np.arange(len(twice))
        again = finite[shared.row]
        row = np.concatenate([shared.row, second[shared.row[again]]])
        column = np.concatenate([shared.column, shared.column[again]])
        value = np.concatenate([self.use, -shared.value[again]])
        rhs = np.concatenate([rhs, -shared.lower[twice]])
        cost, cap = np.full(len(rhs), np.inf), np.zeros(len(rhs))
        paid_by, use = np.full(len(rhs), -1, dtype=np.int64), np.zeros(len(rhs))
        pays = np.flatnonzero(soft[column])
        if len(np.unique(row[pays])) != len(pays):
            raise UnfitError("rows whose overrun several columns pay for")
        cost[row[pays]] = -linear.objective[column[pays]] / -value[pays]
        cap[row[pays]] = linear.col_upper[column[pays]] * -value[pays]
        paid_by[row[pays]], use[row[pays]] = column[pays], -value[pays]
        rows = Shared(rhs, cost, cap, np.concatenate([at, at[twice]]), np.concatenate([sign, -np.ones(len(twice))]))
        return rows, _uses(arcs, row, column, value), _uses(openers, row, column, value), paid_by, use


def _runs(label: Ints) -> tuple[Ints, Ints, Ints]:
    """Labels in order of appearance, where each begins, and the run of each entry; equal labels lie together."""
    starts = np.flatnonzero(np.append(True, label[1:] != label[:-1])) if len(label) else np.zeros(0, dtype=np.int64)
    run = np.zeros(len(label), dtype=np.int64)
    run[starts] = 1
    return label[starts], starts, np.cumsum(run) - 1


def _records(dtype: np.dtype[np.void], size: int, **fields: NDArray[Any]) -> Records:
    """A table of records with one more at its end; fields that give no value for it leave 0 there."""
    table = np.zeros(size + 1, dtype=dtype)
    for name, values in fields.items():
        table[name][: len(values)] = values
    return table


def _uses(columns: Ints, row: Ints, column: Ints, value: Floats) -> tuple[Ints, Records]:
    """(pointers, uses) of some columns in the shared rows, in the order of the columns."""
    size = int(max(columns.max(initial=0), column.max(initial=0))) + 1
    place = np.full(size, -1, dtype=np.int64)
    place[columns] = np.arange(len(columns))
    mine = place[column]
    kept = np.flatnonzero(mine >= 0)
    kept = kept[np.argsort(mine[kept], kind="stable")]
    pointer = np.concatenate([[0], np.cumsum(np.bincount(mine[kept], minlength=len(columns)))]).astype(np.int64)
    uses = np.zeros(len(kept), dtype=USE)
    uses["row"], uses["use"] = row[kept], value[kept]
    return pointer, uses


def _movable(blocks: Blocks) -> Flags:
    """Blocks that only use up: taking them out never breaks a row of others."""
    gives = np.zeros(blocks.n_blocks, dtype=bool)
    gives[blocks.block_of_arc[blocks.arc_of_use[blocks.arc_use["use"] < 0]]] = True
    gives[blocks.block_of_door[blocks.door_of_use[blocks.door_use["use"] < 0]]] = True
    movable: Flags = np.logical_not(gives)
    return movable


@dataclass(frozen=True)
class _Rules:
    """What lines and blocks must keep, as in `Blocks`."""

    need: Floats
    least: Ints
    full: Ints
    complete: Flags
    bonus: Floats
    line_full: Ints
    line_used: Ints
    most_open: Ints
    has_rules: Flags
    whole: Flags
    prize: Floats
    block_full: Ints

    @classmethod
    def of(cls, a: _Assembly, line_label: Ints, block_label: Ints, block_of_line: Ints) -> _Rules:
        shape, n_lines, n_blocks = a.shape, len(line_label), len(block_label)
        where = np.full(len(a.own.lower) + a.linear.n_cols, -1, dtype=np.int64)
        where[line_label] = np.arange(n_lines)
        owner = np.where(a.line_of_row >= 0, where[a.line_of_row], -1)
        need, least = np.full(n_lines, np.inf), np.zeros(n_lines, dtype=np.int64)
        full, bonus = np.full(n_lines, NEVER, dtype=np.int64), np.zeros(n_lines)
        line_full, line_used = np.full(n_lines, -1, dtype=np.int64), np.full(n_lines, -1, dtype=np.int64)
        limits, units = shape.most_units()
        np.minimum.at(need, owner[limits], units)
        at_least = np.flatnonzero(shape.kind == LEAST)
        least[owner[at_least]] = np.rint(shape.big[at_least])
        line_used[owner[at_least]] = shape.switch[at_least]
        filled = np.flatnonzero((shape.kind == FULL) | (shape.kind == FILLED))
        switch, of = shape.switch[filled], owner[filled]
        full[of] = np.rint(shape.big[filled])
        strict = shape.kind[filled] == FULL
        times = np.bincount(switch, minlength=a.linear.n_cols)
        if len(np.unique(of)) != len(of):
            raise UnfitError("lines that two columns call full")
        size = np.bincount(block_of_line, minlength=n_blocks)
        of_block = times[switch] > 1
        block = block_of_line[of]
        if (of_block & (times[switch] != size[block])).any():
            raise UnfitError("columns that call several lines full, but not all of their block")
        complete = np.zeros(n_lines, dtype=bool)
        complete[of[strict & ~of_block]] = True
        line_full[of[~of_block]], bonus[of[~of_block]] = switch[~of_block], a.linear.objective[switch[~of_block]]
        whole, prize = np.zeros(n_blocks, dtype=bool), np.zeros(n_blocks)
        block_full = np.full(n_blocks, -1, dtype=np.int64)
        block_full[block[of_block]] = switch[of_block]
        whole[block[of_block & strict]] = True
        prize[block[of_block]] = a.linear.objective[switch[of_block]]
        if a.linear.col_upper[switch].min(initial=1) < 1:
            raise UnfitError("switches that are fixed")
        most = cls._most_open(a, block_label)
        rules = np.bincount(block_of_line[(least > 0) | (full < NEVER)], minlength=n_blocks) > 0
        return cls(
            need, least, full, complete, bonus, line_full, line_used, most, rules, whole, prize, block_full,
        )  # fmt: skip

    @staticmethod
    def _most_open(a: _Assembly, block_label: Ints) -> Ints:
        most = np.full(a.linear.n_cols, NEVER, dtype=np.int64)
        limited = (a.shape.kind == MOST)[a.own.row]
        row, column = a.own.row[limited], a.own.column[limited]
        np.minimum.at(most, a.label[column], np.floor(a.own.upper[row] + 1e-9).astype(np.int64))
        in_row = np.bincount(row, minlength=len(a.own.lower))[row]
        openers = np.bincount(a.label[a.shape.is_opener | a.shape.opens_itself], minlength=a.linear.n_cols)
        if (in_row != openers[a.label[column]]).any():
            raise UnfitError("limits on some openers of a block")
        found: Ints = most[block_label]
        return found
