"""The mathematical model as a file for any solver: MPS (free format) or LP, with readable names.

Both minimize the negative objective, because some readers overlook the word for maximizing. Beside ``FILE`` stands
``FILE.names.csv``: every name with the ids that it stands for, as they are in the tables.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise, repeat
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from optimizer.model.build import Model
from optimizer.model.linear_model import LinearModel
from optimizer.model.names import KEY_COLUMNS, Names, name_model

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CONSTANT = "objective_constant"
"""A column fixed at 1 that carries the objective's offset, which readers treat differently; only where there is one."""
LINE_LENGTH = 120
"""Terms of a row are wrapped here: some readers take no more than 255 characters."""


@dataclass(frozen=True)
class _Plain:
    """One-sided rows and a minimized objective without offset; ``relation`` is E, L or G."""

    linear: LinearModel
    cost: Floats
    columns: list[str]
    rows: list[str]
    relation: list[str]
    side: Floats


def write_mps(model: Model, path: Path) -> Path:
    """Write free MPS and the names beside it; returns the path of the names."""
    return _write(model, path, _mps)


def write_lp(model: Model, path: Path) -> Path:
    """Write LP format and the names beside it; returns the path of the names."""
    return _write(model, path, _lp)


def _write(model: Model, path: Path, text: Callable[[_Plain], Iterable[str]]) -> Path:
    names = name_model(model)
    names_path = path.with_name(path.name + ".names.csv")
    with _replacing(names_path) as file:
        csv.writer(file, lineterminator="\n").writerows(_name_rows(model, names))
    with _replacing(path) as file:
        file.writelines(text(_plain(model.linear, names)))
    return names_path


@contextmanager
def _replacing(path: Path) -> Iterator[TextIO]:
    """A file that takes its place only when it is whole."""
    part = path.with_name(path.name + ".part")
    try:
        with part.open("w", encoding="utf-8", newline="", buffering=1 << 20) as file:
            yield file
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _name_rows(model: Model, names: Names) -> Iterator[tuple[str, ...]]:
    yield ("kind", "name", "family", *KEY_COLUMNS)
    for kind, blocks, all_keys, texts in (
        ("column", model.linear.column_blocks, names.column_keys, names.columns),
        ("row", model.linear.row_blocks, names.row_keys, names.rows),
    ):
        for block, keys in zip(blocks, all_keys, strict=True):
            ids = [keys[column] if column in keys else repeat("", len(block)) for column in KEY_COLUMNS]
            own = texts[block.start : block.stop]
            yield from zip(repeat(kind, len(own)), own, repeat(block.family, len(own)), *ids, strict=True)


def _plain(linear: LinearModel, names: Names) -> _Plain:
    """Range rows become two rows; an offset, or a model without columns, gets the column `CONSTANT`."""
    equal = linear.row_lower == linear.row_upper
    low, high = np.isfinite(linear.row_lower) & ~equal, np.isfinite(linear.row_upper) & ~equal
    row = np.concatenate([np.flatnonzero(equal), np.flatnonzero(high), np.flatnonzero(low)])
    relation = np.repeat(["E", "L", "G"], [equal.sum(), high.sum(), low.sum()])
    by_row = np.argsort(row, kind="stable")
    row, relation = row[by_row], relation[by_row]
    side = np.where(relation == "G", linear.row_lower[row], linear.row_upper[row])
    both = (low & high)[row]
    row_names = [
        f"{names.rows[i]}__{'low' if kind == 'G' else 'high'}" if twice else names.rows[i]
        for i, kind, twice in zip(row.tolist(), relation.tolist(), both.tolist(), strict=True)
    ]
    cost, columns = -linear.objective, names.columns
    linear = _take_rows(linear, row) if both.any() else linear
    if linear.offset or not linear.n_cols:
        linear, cost, columns = _with_constant(linear), np.append(cost, -linear.offset), [*columns, CONSTANT]
    return _Plain(linear, cost + 0.0, columns, row_names, relation.tolist(), side)


def _take_rows(linear: LinearModel, row: Ints) -> LinearModel:
    count = np.diff(linear.indptr)[row]
    ends = np.cumsum(count)
    entry = np.arange(int(ends[-1])) + np.repeat(linear.indptr[row] - (ends - count), count)
    indptr = np.concatenate([[0], ends])
    lower, upper = linear.row_lower[row], linear.row_upper[row]
    return replace(
        linear, indptr=indptr, indices=linear.indices[entry], data=linear.data[entry], row_lower=lower, row_upper=upper
    )


def _with_constant(linear: LinearModel) -> LinearModel:
    return replace(
        linear,
        objective=np.append(linear.objective, 0.0),
        col_lower=np.append(linear.col_lower, 1.0),
        col_upper=np.append(linear.col_upper, 1.0),
        integral=np.append(linear.integral, False),
        granularity=np.append(linear.granularity, 0.0),
    )


def _numbers(values: Floats) -> list[str]:
    """Shortest texts that read back as the same doubles; whole numbers without a point."""
    distinct, place = np.unique(values, return_inverse=True)
    texts = [str(int(v)) if v.is_integer() and abs(v) < 1e15 else repr(v) for v in distinct.tolist()]
    return [texts[i] for i in place.tolist()]


# -- MPS ------------------------------------------------------------------------------------------------------------
def _mps(plain: _Plain) -> Iterator[str]:
    yield "* minimize the negative of the plan's value\nNAME allot FREE\nROWS\n N objective\n"
    yield from (f" {kind} {name}\n" for kind, name in zip(plain.relation, plain.rows, strict=True))
    yield "COLUMNS\n"
    yield from _mps_columns(plain)
    yield "RHS\n"
    used = np.flatnonzero(plain.side)
    for row, text in zip(used.tolist(), _numbers(plain.side[used]), strict=True):
        yield f" rhs {plain.rows[row]} {text}\n"
    yield "BOUNDS\n"
    low, high = _numbers(plain.linear.col_lower), _numbers(plain.linear.col_upper)
    for name, least, most in zip(plain.columns, low, high, strict=True):
        yield f" FX bound {name} {most}\n" if least == most else f" LO bound {name} {least}\n UP bound {name} {most}\n"
    yield "ENDATA\n"


def _mps_columns(plain: _Plain) -> Iterator[str]:
    """Each column's cost, then its entries; whole columns in runs between markers."""
    linear = plain.linear
    row_of = np.repeat(np.arange(linear.n_rows), np.diff(linear.indptr)) + 1
    column = np.concatenate([np.arange(linear.n_cols), linear.indices])
    row = np.concatenate([np.zeros(linear.n_cols, dtype=np.int64), row_of])
    value = np.concatenate([plain.cost, linear.data])
    by_column = np.argsort(column, kind="stable")
    column, row = column[by_column], row[by_column]
    texts, names = _numbers(value[by_column]), ["objective", *plain.rows]
    runs = [0, *(np.flatnonzero(np.diff(linear.integral)) + 1).tolist(), linear.n_cols]
    for number, (start, stop) in enumerate(pairwise(runs)):
        first, last = np.searchsorted(column, [start, stop]).tolist()
        whole = start < stop and bool(linear.integral[start])
        if whole:
            yield f" marker{number} 'MARKER' 'INTORG'\n"
        cells = zip(column[first:last].tolist(), row[first:last].tolist(), texts[first:last], strict=True)
        yield from (f" {plain.columns[j]} {names[i]} {text}\n" for j, i, text in cells)
        if whole:
            yield f" marker{number}e 'MARKER' 'INTEND'\n"


# -- LP -------------------------------------------------------------------------------------------------------------
def _lp(plain: _Plain) -> Iterator[str]:
    linear = plain.linear
    yield "\\ minimize the negative of the plan's value\nMinimize\n objective:\n"
    unused = np.bincount(linear.indices, minlength=linear.n_cols) == 0
    shown = np.flatnonzero((plain.cost != 0) | unused)  # a column that stands nowhere else is at least named here
    yield from _wrapped(_terms(plain, shown, plain.cost[shown]))
    yield "Subject To\n"
    terms = _terms(plain, linear.indices, linear.data)
    signs = {"E": "=", "L": "<=", "G": ">="}
    starts = linear.indptr.tolist()
    sides = _numbers(plain.side)
    for row, name in enumerate(plain.rows):
        yield f" {name}:\n"
        yield from _wrapped(terms[starts[row] : starts[row + 1]] or [f"+ 0 {plain.columns[0]}"])
        yield f"  {signs[plain.relation[row]]} {sides[row]}\n"
    yield "Bounds\n"
    low, high = _numbers(linear.col_lower), _numbers(linear.col_upper)
    for name, least, most in zip(plain.columns, low, high, strict=True):
        yield f" {name} = {most}\n" if least == most else f" {least} <= {name} <= {most}\n"
    if linear.integral.any():
        yield "Generals\n"
        yield from (f" {plain.columns[j]}\n" for j in np.flatnonzero(linear.integral).tolist())
    yield "End\n"


def _terms(plain: _Plain, columns: NDArray[np.integer], values: Floats) -> list[str]:
    """``+ 2 name`` for each entry."""
    sizes = _numbers(np.abs(values))
    signs = np.where(values < 0, "-", "+").tolist()
    cells = zip(signs, sizes, columns.tolist(), strict=True)
    return [
        f"{sign} {plain.columns[j]}" if size == "1" else f"{sign} {size} {plain.columns[j]}" for sign, size, j in cells
    ]


def _wrapped(terms: list[str]) -> Iterator[str]:
    """Terms in lines of about `LINE_LENGTH`."""
    line = " "
    for term in terms:
        if len(line) + len(term) > LINE_LENGTH and line != " ":
            yield line + "\n"
            line = " "
        line += " " + term
    if line != " ":
        yield line + "\n"
