"""Whole-number programs cut out of a plan: some blocks with the openers they may use, all other blocks as they are.

They are made of the blocks alone, so a batch without a matrix has them too, and of a million orders only those at hand
are looked at.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from optimizer.engines.decompose.moves import State
from optimizer.engines.decompose.problem import ASKED, Blocks, Flags, Floats, Ints, Problem, Records
from optimizer.engines.resolve_matrix import Program, slices

Term = tuple[Ints, Ints, Floats | float]
"""(rows counted from the first of some, columns, coefficients)"""


class Room(NamedTuple):
    """What one program may use up of the shared rows, beyond what its own blocks use now."""

    left: Floats
    """below 0: its part of an overrun"""
    over: Floats
    """by how much the program may overrun each row"""
    cost: Floats
    """of a unit of that"""


class Cut(NamedTuple):
    """A program; its first columns are the steps of ``arc``."""

    program: Program
    arc: Ints


class _Taken(NamedTuple):
    """The lines, arcs and openers of some blocks, numbered among themselves; ``arc`` and ``door`` number all."""

    blocks: Records
    lines: Records
    arc: Ints
    door: Ints
    block_of_line: Ints
    line_of_arc: Ints
    door_of_arc: Ints
    """−1: none"""
    block_of_door: Ints
    step: Floats
    """units in a step of each arc"""
    most: Ints
    """steps that each arc can have"""
    need: Floats
    """units that each line can get: some are asked for any number"""


class _Columns(NamedTuple):
    """Where the columns of a program stand that say something: after the steps of arcs and the openers."""

    in_full: Ints
    """per line: that it is full, or −1"""
    in_use: Ints
    """per line: that it gets something, where few units are not enough, or −1"""
    all_full: Ints
    """per block: that all its lines are full, or −1"""
    total: int
    """of all these; those that pay for overruns follow"""


class _Rows:
    """Rows of a program as they are written down."""

    def __init__(self) -> None:
        self.row: list[Ints] = []
        self.column: list[Ints] = []
        self.value: list[Floats] = []
        self.lower: list[Floats] = []
        self.upper: list[Floats] = []
        self.count = 0

    def add(self, lower: Floats | float, upper: Floats | float, count: int, *terms: Term) -> None:
        """``count`` rows between ``lower`` and ``upper``."""
        self.lower.append(np.broadcast_to(np.float64(lower), (count,)))
        self.upper.append(np.broadcast_to(np.float64(upper), (count,)))
        for row, column, value in terms:
            self.row.append(row + self.count)
            self.column.append(column)
            self.value.append(np.broadcast_to(np.float64(value), (len(column),)))
        self.count += count


def cut_out(problem: Problem, state: State, room: Room, part: Ints, allowed: Flags) -> Cut:
    """The program of the blocks ``part``, in ascending order, over the openers that are ``allowed`` or open.

    Its point is the plan at hand. Its objective counts what `moves.block_worth` counts, less the cost of overruns.
    """
    blocks, rows = problem.blocks, _Rows()
    taken = _taken(blocks, part, allowed, state.opened)
    columns = _columns(taken)
    arcs, line, block = len(taken.arc), taken.lines, taken.blocks
    _link(rows, taken)
    _fill(rows, taken, columns)
    _make_whole(rows, taken, columns)
    _limit_openers(rows, taken)

    steps, opened = state.steps[taken.arc].astype(np.float64), state.opened[taken.door].astype(np.float64)
    shared, uses = _shared_uses(blocks, taken)
    now = np.bincount(uses[0], uses[2] * np.concatenate([steps, opened])[uses[1]], len(shared))
    over = np.flatnonzero(room.over[shared] > 0)
    pays = (over, columns.total + np.arange(len(over)), -1.0)
    rows.add(-np.inf, room.left[shared] + now, len(shared), uses, pays)

    units = np.bincount(taken.line_of_arc, taken.step * steps, len(line))
    is_full = units == line["full"]
    missing = np.bincount(taken.block_of_line[~is_full & (line["full"] < ASKED)], minlength=len(block))
    full, used, whole = (np.flatnonzero(place >= 0) for place in columns[:3])
    short = np.maximum(-room.left[shared[over]], 0.0)
    values = [steps, opened, is_full[full], units[used] > 0, missing[whole] == 0, short]
    objective = [
        blocks.arc["value"][taken.arc], -blocks.door["fee"][taken.door], line["bonus"][full], np.zeros(len(used)),
        block["prize"][whole], -room.cost[shared[over]],
    ]  # fmt: skip
    upper = [taken.most, np.ones(columns.total - arcs), room.over[shared[over]]]
    program = _program(rows, np.concatenate(objective), np.concatenate(upper), np.concatenate(values), columns.total)
    return Cut(program, taken.arc)


def _taken(blocks: Blocks, part: Ints, allowed: Flags, opened: Flags) -> _Taken:
    """The lines of some blocks, and the arcs that can carry something through the openers allowed or open."""
    block = blocks.block
    first, last = block["line"][part], block["line"][part + 1]
    line, block_of_line = slices(first, last), np.repeat(np.arange(len(part)), last - first)
    first, last = blocks.line["arc"][line], blocks.line["arc"][line + 1]
    arc, line_of_arc = slices(first, last), np.repeat(np.arange(len(line)), last - first)
    record, need = blocks.arc[arc], blocks.line["need"][line]
    door = np.where(record["opener"] >= 0, block["open"][part][block_of_line[line_of_arc]] + record["opener"], -1)
    most = np.minimum(record["cap"], need[line_of_arc] // np.maximum(record["step"], 1))
    kept = np.flatnonzero(((door < 0) | allowed[door] | opened[door]) & (most > 0))
    real = door[kept] >= 0
    doors, place = np.unique(door[kept][real], return_inverse=True)
    door_of_arc = np.full(len(kept), -1, dtype=np.int64)
    door_of_arc[real] = place
    step = record["step"][kept].astype(np.float64)
    units = np.bincount(line_of_arc[kept], step * most[kept], len(line))
    return _Taken(
        blocks=block[part],
        lines=blocks.line[line],
        arc=arc[kept],
        door=doors,
        block_of_line=block_of_line,
        line_of_arc=line_of_arc[kept],
        door_of_arc=door_of_arc,
        block_of_door=np.searchsorted(block["open"][part + 1], doors, side="right"),
        step=step,
        most=most[kept],
        need=np.minimum(need, units),
    )


def _columns(taken: _Taken) -> _Columns:
    """Columns that say something only where a rule asks."""
    line, block, of_line = taken.lines, taken.blocks, taken.block_of_line
    asks = (block["prize"] != 0) | block["whole"]
    full = np.flatnonzero((line["full"] < ASKED) & ((line["bonus"] != 0) | line["complete"] | asks[of_line]))
    used, whole = np.flatnonzero((line["least"] > 0) & ~line["complete"]), np.flatnonzero(asks)
    first = np.cumsum([len(taken.arc) + len(taken.door), len(full), len(used), len(whole)]).tolist()
    return _Columns(
        _places(full, len(line), first[0]),
        _places(used, len(line), first[1]),
        _places(whole, len(block), first[2]),
        first[3],
    )


def _link(rows: _Rows, taken: _Taken) -> None:
    """An arc carries nothing but through its opener: steps <= most · opener."""
    arc = np.flatnonzero(taken.door_of_arc >= 0)
    each = np.arange(len(arc))
    opener = len(taken.arc) + taken.door_of_arc[arc]
    rows.add(-np.inf, 0.0, len(arc), (each, arc, 1.0), (each, opener, -taken.most[arc].astype(np.float64)))


def _fill(rows: _Rows, taken: _Taken, columns: _Columns) -> None:
    """What the units of each line may be: at most the need; full only if its column says so; at least the fewest."""
    line, every = taken.lines, np.arange(len(taken.lines))
    need = taken.need
    whole: Floats = line["full"].astype(np.float64)
    least: Floats = line["least"].astype(np.float64)
    is_complete = line["complete"]
    full, used = np.flatnonzero(columns.in_full >= 0), np.flatnonzero(columns.in_use >= 0)
    spare: Floats = np.where(is_complete, -whole, need - whole)
    most = np.where(is_complete, 0.0, need)
    rows.add(-np.inf, most, len(line), _units(taken, every), (full, columns.in_full[full], spare[full]))
    for lower, upper, lines, column, factor in (
        (0.0, np.inf, full, columns.in_full, whole),
        (-np.inf, 0.0, used, columns.in_use, need),
        (0.0, np.inf, used, columns.in_use, least),
    ):
        each = np.arange(len(lines))
        rows.add(lower, upper, len(lines), _units(taken, lines), (each, column[lines], -factor[lines]))


def _make_whole(rows: _Rows, taken: _Taken, columns: _Columns) -> None:
    """All of a block is full only if each line is; where it ships as a whole or not at all, nothing goes before."""
    all_full = columns.all_full[taken.block_of_line]
    asked = np.flatnonzero((columns.in_full >= 0) & (all_full >= 0))
    each = np.arange(len(asked))
    rows.add(-np.inf, 0.0, len(asked), (each, all_full[asked], 1.0), (each, columns.in_full[asked], -1.0))
    bound = np.flatnonzero(taken.blocks["whole"][taken.block_of_line])
    rows.add(
        -np.inf, 0.0, len(bound), _units(taken, bound), (np.arange(len(bound)), all_full[bound], -taken.need[bound])
    )


def _limit_openers(rows: _Rows, taken: _Taken) -> None:
    """No more of them open than a block allows."""
    most = taken.blocks["most_open"]
    limited = np.flatnonzero(most < np.bincount(taken.block_of_door, minlength=len(most)))
    at = _places(limited, len(most), 0)[taken.block_of_door]
    mine = np.flatnonzero(at >= 0)
    rows.add(-np.inf, most[limited], len(limited), (at[mine], len(taken.arc) + mine, 1.0))


def _units(taken: _Taken, lines: Ints) -> Term:
    """What these lines get, as a term of as many rows."""
    at = _places(lines, len(taken.lines), 0)[taken.line_of_arc]
    mine = np.flatnonzero(at >= 0)
    return at[mine], mine, taken.step[mine]


def _places(chosen: Ints, count: int, first: int) -> Ints:
    """For each of ``count``: ``first`` + its place among the chosen, or −1."""
    place = np.full(count, -1, dtype=np.int64)
    place[chosen] = first + np.arange(len(chosen))
    return place


def _shared_uses(blocks: Blocks, taken: _Taken) -> tuple[Ints, Term]:
    """(the shared rows that arcs and openers use, the uses as a term of these rows)."""
    row, column, use = [], [], []
    for records, uses, chosen, first in (
        (blocks.arc, blocks.arc_use, taken.arc, 0),
        (blocks.door, blocks.door_use, taken.door, len(taken.arc)),
    ):
        start, stop = records["use"][chosen], records["use"][chosen + 1]
        at = slices(start, stop)
        row.append(uses["row"][at].astype(np.int64))
        use.append(uses["use"][at])
        column.append(first + np.repeat(np.arange(len(chosen)), stop - start))
    shared, place = np.unique(np.concatenate(row), return_inverse=True)
    return shared, (place, np.concatenate(column), np.concatenate(use))


def _program(rows: _Rows, objective: Floats, upper: Floats, values: Floats, first_real: int) -> Program:
    """Columns from ``first_real`` on may have any value, all others whole ones."""
    row, column, value = np.concatenate(rows.row), np.concatenate(rows.column), np.concatenate(rows.value)
    order = np.argsort(column, kind="stable")
    columns = len(objective)
    return Program(
        columns=np.arange(columns),
        rows=np.arange(rows.count),
        objective=objective,
        lower=np.zeros(columns),
        upper=upper,
        integral=np.arange(columns) < first_real,
        start=np.concatenate([[0], np.cumsum(np.bincount(column, minlength=columns))]),
        row=row[order],
        value=value[order],
        row_lower=np.concatenate(rows.lower),
        row_upper=np.concatenate(rows.upper),
        values=values,
    )
