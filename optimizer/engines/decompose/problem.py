"""The decomposable form of a matrix: blocks that stand alone once the shared rows have prices.

A block (in the product: an order) is what the rows of its own hold together. Most blocks have one simple shape: *lines*
that take units from *arcs*, at most ``need`` in all; and *openers*, binaries that arcs need and that cost a fee. Rules
such as "all of it or nothing" are numbers on lines and blocks. What does not fit is said (`UnfitError`), never guessed.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimizer.engines.resolve_matrix import Program
from optimizer.model.linear_model import LinearModel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Small = NDArray[np.int32]
Flags = NDArray[np.bool_]
Records = NDArray[np.void]
Whole = Callable[[], Program]
"""The matrix by columns, made when it is first asked for, and once: it takes a sort of all nonzeros."""


BLOCK = np.dtype(
    [
        ("line", "i8"), ("open", "i8"), ("alone", "i8"), ("most_open", "i8"), ("has_rules", "?"), ("whole", "?"),
        ("prize", "f8"),
    ],
    align=True,
)  # fmt: skip
"""first line, opener and row of its own · how many openers may be open · filling it is not submodular · all lines in
full, or nothing · money if all are full"""
LINE = np.dtype(
    [("arc", "i8"), ("need", "i8"), ("least", "i8"), ("full", "i8"), ("complete", "?"), ("bonus", "f8")], align=True
)
"""first arc · most units · fewest units if any · units that make it full (`NEVER` where nothing asks) · in full, or
nothing · money if full"""
ARC = np.dtype([("value", "f8"), ("use", "i8"), ("opener", "i4"), ("step", "i4"), ("cap", "i4")], align=True)
"""money of a step · first use of a shared row · its opener, counted from the first of its block, or -1 · units in a
step · most steps"""
DOOR = np.dtype([("fee", "f8"), ("use", "i8")], align=True)
"""An opener: what opening costs · first use of a shared row."""
USE = np.dtype([("row", "i4"), ("use", "f8")], align=True)
"""How much of a shared row one step, or one opening, takes."""
ALONE = np.dtype([("row", "i4"), ("rhs", "f8"), ("cost", "f8")], align=True)
"""A shared row that no other block uses: its right-hand side · what a unit of its overrun costs."""
NEVER = 2**60
"""More units than any line has."""
ASKED = 2**59
"""Units below which a line can be full."""


class Blocks(NamedTuple):
    """All blocks as records: lines, openers and rows that are theirs alone lie together by block, arcs by line, uses
    by arc and by opener.

    Every table ends with one more record, where the next would begin. Few arrays of records rather than many of
    numbers: compiled code hands each array over at every call, and what is used together lies together.
    """

    block: Records
    line: Records
    arc: Records
    door: Records
    arc_use: Records
    door_use: Records
    alone: Records
    """shared rows whose overrun has a price, each of one block alone (minimum charges): it counts what they cost"""

    @property
    def n_blocks(self) -> int:
        """How many blocks there are."""
        return len(self.block) - 1

    @property
    def arcs_of_block(self) -> Ints:
        """How many arcs each block has."""
        sizes: Ints = np.diff(self.line["arc"][self.block["line"]])
        return sizes

    @property
    def line_of_arc(self) -> Ints:
        """The line of each arc."""
        return np.repeat(np.arange(len(self.line) - 1), np.diff(self.line["arc"]))

    @property
    def block_of_arc(self) -> Ints:
        """The block of each arc."""
        return np.repeat(np.arange(self.n_blocks), self.arcs_of_block)

    @property
    def block_of_line(self) -> Ints:
        """The block of each line."""
        return np.repeat(np.arange(self.n_blocks), np.diff(self.block["line"]))

    @property
    def block_of_door(self) -> Ints:
        """The block of each opener."""
        return np.repeat(np.arange(self.n_blocks), np.diff(self.block["open"]))

    @property
    def door_of_arc(self) -> Ints:
        """The opener of each arc, counted over all blocks; −1: none."""
        opener = self.arc["opener"][:-1]
        return np.where(opener >= 0, self.block["open"][self.block_of_arc] + opener, -1)

    @property
    def arc_of_use(self) -> Ints:
        """The arc of each of ``arc_use``."""
        return np.repeat(np.arange(len(self.arc) - 1), np.diff(self.arc["use"]))

    @property
    def door_of_use(self) -> Ints:
        """The opener of each of ``door_use``."""
        return np.repeat(np.arange(len(self.door) - 1), np.diff(self.door["use"]))


class Shared(NamedTuple):
    """The shared rows, ``Σ use · column <= rhs`` each; an overrun of up to ``soft_cap`` costs ``soft_cost`` a unit."""

    rhs: Floats
    soft_cost: Floats
    """+inf where the row must hold"""
    soft_cap: Floats
    row: Ints
    """row of the matrix"""
    sign: Floats
    """what the matrix' row was multiplied by"""


class Odd(NamedTuple):
    """Odd blocks: their columns and own rows as one program, block after block; those without own rows come last."""

    program: Program
    """``columns`` and ``rows`` are those of the matrix"""
    first_column: Ints
    """per block, and one more"""
    first_row: Ints
    use_column: Small
    """column of the program of each use of a shared row"""
    use_row: Small
    use: Floats

    @property
    def block(self) -> Ints:
        """The block of each column."""
        return np.repeat(np.arange(len(self.first_column) - 1), np.diff(self.first_column))

    @property
    def free(self) -> Ints:
        """The columns of the program that no own row holds: each is a block of its own."""
        columns: Ints = self.first_column[:-1][np.diff(self.first_row) == 0]
        return columns

    def paid(self, price: Floats) -> Floats:
        """What a unit of each column pays for the shared rows at these prices."""
        used = self.use * price[self.use_row]
        return np.bincount(self.use_column, used, minlength=len(self.program.columns)).astype(np.float64, copy=False)


class Problem(NamedTuple):
    """Blocks and shared rows, and where their parts stand in the matrix."""

    blocks: Blocks
    shared: Shared
    arc_column: Ints
    open_column: Ints
    line_full: Ints
    """per line: the column that says it is full, or −1"""
    line_used: Ints
    block_full: Ints
    soft_column: Ints
    """per shared row: the column that pays for its overrun, or −1"""
    soft_use: Floats
    movable: Flags
    """per block: it only ever uses shared rows up; others (transfers, openings) make room for others"""
    base: float
    """money of the matrix' constant"""
    odd: Odd | None = None
    odd_values: Floats | None = None
    """values of the columns of odd blocks, where their plan is given: all else is what it leaves"""
    reasons: tuple[str, ...] = ()
    """why the odd blocks are odd, in words"""


def the_odd(problem: Problem) -> Odd:
    """The odd blocks of a problem that has some."""
    if problem.odd is None:
        raise ValueError("no block is odd")
    return problem.odd


def stand_alone(problem: Problem) -> Flags:
    """The shared rows that blocks account for themselves (`Blocks.alone`)."""
    found = np.zeros(len(problem.shared.rhs), dtype=bool)
    found[problem.blocks.alone["row"][:-1]] = True
    return found


def must_rise(shared: Shared) -> Flags:
    """Rows that nothing at all would break (minimums): the search may leave them short, at a high cost."""
    return ~np.isfinite(shared.soft_cost) & (shared.rhs < 0)


def movable(blocks: Blocks, shared: Shared) -> Flags:
    """Blocks that make no room for others: taking them out breaks no row that the search has to keep."""
    held = ~np.isfinite(shared.soft_cost) & ~must_rise(shared)
    gives = np.zeros(blocks.n_blocks, dtype=bool)
    for use, block in (
        (blocks.arc_use, blocks.block_of_arc[blocks.arc_of_use]),
        (blocks.door_use, blocks.block_of_door[blocks.door_of_use]),
    ):
        gives[block[(use["use"] < 0) & held[use["row"]]]] = True
    found: Flags = np.logical_not(gives)
    return found


class NoPlanError(Exception):
    """The own rows of a block allow no plan at all."""


class UnfitError(Exception):
    """Some blocks hold what the simple shape cannot say: what, in the matrix' words, and some columns of each."""

    def __init__(self, words: str, columns: Ints) -> None:
        super().__init__(words)
        self.words, self.columns = words, columns


def whole_of(linear: LinearModel) -> Whole:
    """The matrix as a program, from nothing at all."""
    return functools.cache(lambda: Program.of({**linear.arrays, "values": np.zeros(linear.n_cols)}))


def size_words(problem: Problem) -> str:
    """Sizes for the log."""
    b = problem.blocks
    words = (
        f"{b.n_blocks:,} blocks, {len(b.line) - 1:,} lines, {len(b.arc) - 1:,} arcs, {len(b.door) - 1:,} openers, "
        f"{len(problem.shared.rhs):,} shared rows"
    )
    if problem.odd is None:
        return words
    odd = problem.odd
    sizes = f"{len(odd.first_column) - 1:,} odd blocks of {len(odd.program.columns):,} columns"
    return f"{words}, {sizes} ({'; '.join(problem.reasons)})"
