"""Reads the blocks off a matrix (`problem.py` says what they are). Everything on whole arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimizer.engines.adapter import OWN, PRICED, SHARED
from optimizer.engines.decompose.components import components
from optimizer.engines.decompose.odd import read_odd
from optimizer.engines.decompose.problem import (
    ALONE,
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
    Whole,
    movable,
    whole_of,
)
from optimizer.engines.decompose.rest import Rest
from optimizer.engines.decompose.shape import DEMAND, FILLED, FULL, LEAST, LINK, MOST, Entries, Shape
from optimizer.model.linear_model import LinearModel


def read_problem(linear: LinearModel, role: Ints, whole: Whole | None = None) -> Problem:
    """The blocks of a matrix; ``role`` says of each row what it is (`optimizer.engines.adapter.roles`).

    A block that the simple shape cannot hold is an odd one; it is left out, and the rest is read once more. PRICED
    rows are shared ones where that leaves their block simple. ``whole``: the matrix by columns, if it is asked for
    elsewhere too.
    """
    found = settled(linear, role)
    if not found.reasons:
        return found.problem
    problem = found.rest.placed(found.problem)
    program, is_odd = (whole or whole_of(linear))(), found.rest.is_left_out(linear.n_cols)
    odd = read_odd(linear, program, found.role, found.label, is_odd, problem.shared)
    return problem._replace(odd=odd, reasons=found.reasons)


class Reading(NamedTuple):
    """What was read with each row in its ``role``: the block of each column (``label``), the simple ones as a problem
    of the ``rest`` of the matrix, and why others are left out.
    """

    role: Ints
    label: Ints
    rest: Rest
    problem: Problem
    reasons: tuple[str, ...]

    @classmethod
    def of(cls, linear: LinearModel, role: Ints) -> Reading:
        label, reasons = _blocks(linear, role), list[str]()
        rest = Rest.whole(linear, role, label)
        while True:
            try:
                return cls(role, label, rest, _Assembly(rest.linear, rest.role, rest.label).problem(), tuple(reasons))
            except UnfitError as unfit:
                reasons.append(unfit.words)
                rest = rest.without_blocks_of(unfit.columns)


def settled(linear: LinearModel, role: Ints) -> Reading:
    """PRICED rows as SHARED ones where all else of their block is simple, and as OWN ones elsewhere."""
    is_priced = role == PRICED
    found = Reading.of(linear, np.where(is_priced, SHARED, role))
    if not (found.reasons and is_priced.any()):
        return found
    entries = Entries.of(linear, is_priced)
    odd_rows = entries.row[found.rest.is_left_out(linear.n_cols)[entries.column]]
    own = found.role.copy()
    own[np.flatnonzero(is_priced)[odd_rows]] = OWN
    return Reading.of(linear, own)


def _blocks(linear: LinearModel, role: Ints) -> Ints:
    """The block of each column."""
    own = Entries.of(linear, role == OWN)
    return components(own.row, own.column, linear.n_cols)


class _Assembly:
    """Puts lines, arcs and openers in order."""

    def __init__(self, linear: LinearModel, role: Ints, label: Ints) -> None:
        self.linear, self.role, self.label = linear, role, label
        self.own = Entries.of(linear, role == OWN)
        self.shape = shape = Shape(linear, self.own)
        self.shared = Entries.of(linear, role == SHARED)
        self.sign = np.where(np.isposinf(self.shared.upper), -1.0, 1.0)
        """what each shared row is multiplied by to read at most"""
        self.use = self.shared.value * self.sign[self.shared.row]
        self.soft = self._soft_columns()
        _refuse("columns of any fraction", shape.is_quantity & ~linear.integral & ~self.soft)
        _refuse("columns with a lower bound", linear.col_lower != 0)
        told = np.zeros(linear.n_cols, dtype=bool)
        told[self.shared.column] = True
        _refuse("shared rows about lines in full", shape.is_switch & ~shape.is_opener & told)
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
        wrong = (mine > 0) & ((least != most) | (mine != size[most]))
        _refuse_some("rows about parts of a line", column[wrong[row]])
        _refuse_some("rows that count a line in different units", column[(value != step[column]) | (value % 1 != 0)])
        alone = shape.is_quantity & (line < 0)
        line[alone] = rows + np.flatnonzero(alone)
        self.line_of_row = most
        return line, step

    def _openers(self) -> Ints:
        """The column that opens each quantity, −1 for none."""
        own, shape = self.own, self.shape
        link = (shape.kind == LINK)[own.row] & (own.value > 0)
        row, column = own.row[link], own.column[link]
        _refuse_some("openers that need other openers", column[~shape.is_quantity[column]])
        opener = np.full(self.linear.n_cols, -1, dtype=np.int64)
        opener[column] = shape.switch[row]
        _refuse_some("quantities that need two openers", column[opener[column] != shape.switch[row]])
        _refuse("quantities that need two openers", shape.opens_itself & (opener >= 0))
        alone = np.bincount(row, minlength=len(own.lower)) == 1
        room = np.where(alone[row], self.linear.col_upper[column] * own.value[link], self._need_of(column))
        _refuse_some("openers that give only part of the room", column[shape.big[row] < room - 1e-9])
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
        soft = self.soft
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
            arc_uses[1], open_uses[1], np.zeros(1, dtype=ALONE),
        )  # fmt: skip
        blocks = _with_rows_alone(blocks, shared)
        return Problem(
            blocks, shared, arcs, np.where(real, openers, -1),
            rules.line_full, rules.line_used, rules.block_full, soft_column, soft_use,
            movable(blocks, shared), linear.offset,
        )  # fmt: skip

    def _soft_columns(self) -> Flags:
        """Columns that only pay for the overrun of one shared row."""
        linear, shape = self.linear, self.shape
        uses = np.bincount(self.shared.column, minlength=linear.n_cols)
        only = np.bincount(self.shared.column[self.use > 0], minlength=linear.n_cols) == 0
        unheld = np.bincount(self.own.column, minlength=linear.n_cols) == 0
        soft: Flags = shape.is_quantity & unheld & (uses == 1) & only & (linear.objective <= 0)
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
        several = np.bincount(row[pays], minlength=len(rhs))[row[pays]] > 1
        _refuse_some("rows whose overrun several columns pay for", column[pays][several])
        cost[row[pays]] = -linear.objective[column[pays]] / -value[pays]
        cap[row[pays]] = linear.col_upper[column[pays]] * -value[pays]
        paid_by[row[pays]], use[row[pays]] = column[pays], -value[pays]
        rows = Shared(rhs, cost, cap, np.concatenate([at, at[twice]]), np.concatenate([sign, -np.ones(len(twice))]))
        return rows, _uses(arcs, row, column, value), _uses(openers, row, column, value), paid_by, use


def _with_rows_alone(blocks: Blocks, shared: Shared) -> Blocks:
    """The blocks with the shared rows that they account for themselves."""
    rows, n = len(shared.rhs), blocks.n_blocks
    least, most = np.full(rows, n, dtype=np.int64), np.full(rows, -1, dtype=np.int64)
    for use, block in (
        (blocks.arc_use, blocks.block_of_arc[blocks.arc_of_use]),
        (blocks.door_use, blocks.block_of_door[blocks.door_of_use]),
    ):
        np.minimum.at(least, use["row"], block)
        np.maximum.at(most, use["row"], block)
    row = np.flatnonzero(np.isfinite(shared.soft_cost) & (least == most))
    row = row[np.argsort(least[row], kind="stable")]
    first = np.searchsorted(least[row], np.arange(n + 1))
    blocks.block["alone"] = first
    return blocks._replace(alone=_records(ALONE, len(row), row=row, rhs=shared.rhs[row], cost=shared.soft_cost[row]))


def _refuse(words: str, columns: Flags) -> None:
    """The blocks of the flagged columns, if any, are odd."""
    _refuse_some(words, np.flatnonzero(columns))


def _refuse_some(words: str, columns: Ints) -> None:
    if len(columns):
        raise UnfitError(words, columns)


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
        several = np.bincount(of, minlength=n_lines)[of] > 1
        _refuse_some("lines that two columns call full", switch[several])
        size = np.bincount(block_of_line, minlength=n_blocks)
        of_block = times[switch] > 1
        block = block_of_line[of]
        _refuse_some("columns that call some lines of a block full", switch[of_block & (times[switch] != size[block])])
        money = a.linear.objective[switch]
        _refuse_some("lines in full that cost money", switch[~strict & (money < 0)])
        _refuse_some(
            "lines whose use has a price", a.shape.switch[at_least][a.linear.objective[a.shape.switch[at_least]] != 0]
        )
        complete = np.zeros(n_lines, dtype=bool)
        complete[of[strict & ~of_block]] = True
        line_full[of[~of_block]], bonus[of[~of_block]] = switch[~of_block], a.linear.objective[switch[~of_block]]
        whole, prize = np.zeros(n_blocks, dtype=bool), np.zeros(n_blocks)
        block_full = np.full(n_blocks, -1, dtype=np.int64)
        block_full[block[of_block]] = switch[of_block]
        whole[block[of_block & strict]] = True
        prize[block[of_block]] = a.linear.objective[switch[of_block]]
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
        _refuse_some("limits on some openers of a block", column[in_row != openers[a.label[column]]])
        found: Ints = most[block_label]
        return found
