"""Blocks of a matrix that never stands in memory: read part by part, shared rows put together by their keys.

Each part is the matrix of some blocks with all the rows that they share with others. Its blocks are read as those of
any matrix (`read.py`) and kept as compact records; then the part can go. The problem is the same, record for record, as
that of the whole matrix, but for the order of the shared rows, and for rows that the whole leaves out as never binding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.engines.adapter import OWN, PRICED, roles
from optimizer.engines.decompose.problem import (
    ALONE,
    ARC,
    BLOCK,
    DOOR,
    LINE,
    USE,
    Blocks,
    Flags,
    Floats,
    Ints,
    Problem,
    Records,
    Shared,
)
from optimizer.engines.decompose.read import read_problem
from optimizer.model.linear_model import Block, Growing, LinearModel

SAME = 1e-12
"""Relative distance of two right-hand sides that are the same but for rounding."""
TABLES = {"block": BLOCK, "line": LINE, "arc": ARC, "door": DOOR, "arc_use": USE, "door_use": USE}
POINTERS = {"block": ("line", "open"), "line": ("arc",), "arc": ("use",), "door": ("use",)}
"""Fields that say where the records of the next table begin, and so move with the part."""
NEXT = {"line": "line", "open": "door", "arc": "arc"}


@dataclass(frozen=True)
class SharedRows:
    """The shared rows of one family, sorted by their keys: where they stand among all, and their keys.

    ``scale``: what one unit of the limit was multiplied by to make the row whole.
    """

    family: str
    position: Ints
    keys: Mapping[str, Ints]
    scale: Floats


class PartError(Exception):
    """A part of a batch holds what cannot be put together with others; the text names what."""


class _Family:
    """Rows of one family as parts bring them; the first two of its keys tell a row from all others."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.codes: Ints = np.zeros(0, dtype=np.int64)
        self.row_of_code: Ints = np.zeros(0, dtype=np.int64)
        self.keys: list[dict[str, Ints]] = []

    def rows_of(self, keys: Mapping[str, Ints], known: int) -> tuple[Ints, Flags]:
        """(row of each key, which of them are new); new ones are numbered from ``known`` on."""
        code = _codes(keys)
        if len(np.unique(code)) < len(code):
            raise PartError(f"rows of {self.name} that two keys do not tell apart")
        at = np.searchsorted(self.codes, code)
        new: Flags = np.append(self.codes, -1)[at] != code
        row = np.append(self.row_of_code, -1)[at]
        row[new] = known + np.arange(int(new.sum()))
        if new.any():
            codes = np.concatenate([self.codes, code[new]])
            order = np.argsort(codes, kind="stable")
            self.codes, self.row_of_code = codes[order], np.concatenate([self.row_of_code, row[new]])[order]
        self.keys.append({name: values[new] for name, values in keys.items()})
        return row, new

    def sorted(self, scale: Floats) -> SharedRows:
        """All rows by their keys; ``scale`` of every row of every family."""
        keys = {name: np.concatenate([part[name] for part in self.keys]) for name in self.keys[0]}
        order = np.argsort(_codes(keys), kind="stable")
        return SharedRows(
            self.name, self.row_of_code, {name: key[order] for name, key in keys.items()}, scale[self.row_of_code]
        )


def _codes(keys: Mapping[str, Ints]) -> Ints:
    """The first two keys as one number, rows in the order of the first."""
    first, *others = keys.values()
    code: Ints = first << 31
    return code + others[0] if others else code


class Gatherer:
    """Takes the matrices of parts, one after the other, and makes one problem of them.

    ``limits``: by family of rows, the limit of each (by its first key) where it is one of the whole and a part states
    its own; an overrun that is paid for is at most the same. ``room``: about how many arcs there will be.
    """

    def __init__(self, limits: Mapping[str, NDArray[np.generic]], room: int = 0) -> None:
        self.limits = {family: limit.astype(np.float64) for family, limit in limits.items()}
        self.tables = {name: Growing(dtype, _room(name, room)) for name, dtype in TABLES.items()}
        self.families: dict[str, _Family] = {}
        self.rhs, self.cost, self.cap, self.sign, self.scale = (Growing(np.float64) for _ in range(5))
        self.column, self.movable = Growing(np.int32, room), Growing(np.bool_)
        self.parts: list[int] = []
        """arcs of each part"""
        self.base = 0.0
        self.size: dict[str, int] = {"columns": 0, "rows": 0, "nonzeros": 0}

    def add(self, linear: LinearModel) -> None:
        """One part. Raises `PartError` where it has rows that no block can hold, or that cannot be put together."""
        role = roles(linear)
        role[role == PRICED] = OWN  # there may be more of them than orders
        problem = read_problem(linear, role)
        if problem.odd is not None:
            raise PartError("; ".join(problem.reasons))
        ships = linear.columns("ship_qty")
        if ((problem.arc_column < ships.start) | (problem.arc_column >= ships.stop)).any():
            raise PartError("quantities that are not shipped")
        number, scale = self._rows(linear, problem.shared)
        blocks = problem.blocks
        blocks.block["alone"] = 0  # other parts may use their rows
        for uses in (blocks.arc_use, blocks.door_use):
            uses["use"] /= scale[uses["row"]]
            uses["row"] = number[uses["row"]]
        begin = {name: len(table) for name, table in self.tables.items()}
        begin |= {"open": begin["door"]}
        for name, fields in POINTERS.items():
            for field in fields:
                target = f"{name}_use" if field == "use" else NEXT[field]
                getattr(blocks, name)[field] += begin[target]
        for name, table in self.tables.items():
            records = getattr(blocks, name)
            table.add(records if name.endswith("_use") else records[:-1])
        self.column.add(problem.arc_column.astype(np.int32) - np.int32(ships.start))
        self.movable.add(problem.movable)
        self.parts.append(len(problem.arc_column))
        self.base += problem.base
        for name, size in (("columns", linear.n_cols), ("rows", linear.n_rows), ("nonzeros", linear.n_nonzeros)):
            self.size[name] += size

    def _rows(self, linear: LinearModel, shared: Shared) -> tuple[Ints, Floats]:
        """Where the shared rows of a part stand among those of all, and what they were multiplied by."""
        if len(np.unique(shared.row)) < len(shared.row):
            raise PartError("shared rows with two sides")
        number, scale = np.zeros(len(shared.row), dtype=np.int64), np.ones(len(shared.row))
        for block in linear.row_blocks:
            if not block.coupling or block.redundant:
                continue
            mine = slice(*np.searchsorted(shared.row, (block.start, block.stop)).tolist())
            if block.scale is not None:
                scale[mine] = block.scale
            number[mine] = self._rows_of_family(block, shared, mine, scale[mine])
        return number, scale

    def _rows_of_family(self, block: Block, shared: Shared, mine: slice, scale: Floats) -> Ints:
        family = self.families.setdefault(block.family, _Family(block.family))
        known = len(self.rhs)
        row, new = family.rows_of(block.keys, known)
        rhs, cap = shared.rhs[mine] / scale, shared.soft_cap[mine] / scale
        if block.family in self.limits:
            limit = self.limits[block.family][next(iter(block.keys.values()))]
            rhs, cap = shared.sign[mine] * limit, np.where(np.isfinite(shared.soft_cost[mine]), limit, 0.0)
        for table, values in (
            (self.rhs, rhs), (self.cap, cap), (self.cost, shared.soft_cost[mine] * scale),
            (self.sign, shared.sign[mine]), (self.scale, scale),
        ):  # fmt: skip
            table.add(values[new])
        told = self.rhs.array[row]
        if (np.abs(told - rhs) > SAME * np.maximum(1.0, np.abs(rhs))).any():
            raise PartError(f"rows of {block.family} whose limit hangs on which orders are there")
        self.scale.array[row] = np.maximum(self.scale.array[row], scale)
        return row

    def problem(self) -> tuple[Problem, tuple[SharedRows, ...]]:
        """The problem of all parts, and its shared rows by family; nothing can be added any more."""
        ends = {name: len(table) for name, table in self.tables.items()} | {"open": len(self.tables["door"])}
        for name, fields in POINTERS.items():
            last = np.zeros(1, dtype=TABLES[name])
            for field in fields:
                last[field] = ends[f"{name}_use" if field == "use" else NEXT[field]]
            self.tables[name].add(last)
        scale = self.scale.whole()
        shared_rows = tuple(family.sorted(scale) for family in self.families.values())
        order = np.concatenate([np.zeros(0, dtype=np.int64), *(rows.position for rows in shared_rows)])
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        found: dict[str, Records] = {name: table.whole() for name, table in self.tables.items()}
        for name in ("arc_use", "door_use"):
            _settle(found[name], place, scale)
        sides = [table.whole()[order] for table in (self.rhs, self.cost, self.cap, self.sign)]
        scale = scale[order]
        rhs, cap = _whole(sides[0] * scale), _whole(sides[2] * scale)
        shared = Shared(rhs, sides[1] / scale, cap, np.arange(len(order)), sides[3])
        rows = tuple(SharedRows(each.family, place[each.position], each.keys, each.scale) for each in shared_rows)
        none = np.zeros(0, dtype=np.int64)
        unpaid = np.full(len(order), -1, dtype=np.int64)
        blocks = Blocks(**found, alone=np.zeros(1, dtype=ALONE))
        problem = Problem(
            blocks, shared, self.column.whole(), none, none, none, none, unpaid, np.zeros(len(order)),
            self.movable.whole(), self.base,
        )  # fmt: skip
        return problem, rows


def _room(table: str, arcs: int) -> int:
    """About how many records a table gets: memory that nothing is written to costs nothing."""
    return arcs if table in ("arc", "arc_use", "door") else 0


def _settle(uses: Records, place: Ints, scale: Floats) -> None:
    """Rows by their last numbers, and uses multiplied by what makes their rows whole; in place, piece by piece."""
    whole = bool((scale == 1.0).all())
    for start in range(0, len(uses), 1 << 22):
        piece = uses[start : start + (1 << 22)]
        if not whole:
            piece["use"] = _whole(piece["use"] * scale[piece["row"]])
        piece["row"] = place[piece["row"]]


def _whole(values: Floats) -> Floats:
    """Numbers that are whole but for rounding made so."""
    near: Floats = np.rint(values)
    return np.where(np.abs(values - near) <= 1e-9 * np.maximum(1.0, np.abs(near)), near, values)
