"""A comparison of runs, complete, in memory: what the terminal, the CSV files, the workbook and the page tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from optimizer.exact import Exact
from optimizer.report import compare_words
from optimizer.tables.tables import Column, Table

TABLES = ("runs", "kpis", "attribution", "inputs", "moved", "flows", "customers", "contracts", "prices")
"""The tables of a comparison, in the order in which people read them; each is a CSV file and a sheet."""


@dataclass(frozen=True)
class ComparedRun:
    """One run of a comparison. ``value`` by its own weights, ``baseline_value`` by those of the baseline.

    ``open_gap``: money by which a better plan of this run's inputs might exceed it; None if nothing is proven.
    ``own_measure``: KPIs that this run reckons otherwise than the baseline, so that more or less of them says nothing.
    """

    label: str
    run_id: str
    scenario: str
    status: str
    value: Fraction | None
    baseline_value: Fraction | None
    open_gap: Fraction | None
    kpis: Mapping[str, Fraction | None]
    own_measure: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Share:
    """What one change did to a KPI. With ``low`` and ``high``, the share of proven optima lies between them.

    ``error`` is the standard error where not every combination was solved, 0 where all were.
    """

    change: str
    amount: Fraction
    error: Fraction
    low: Fraction | None
    high: Fraction | None


@dataclass(frozen=True)
class Attribution:
    """How much of the change in each KPI, from the baseline to one run, is due to each change.

    ``shares`` by KPI, in the order of ``changes``; they add up exactly to the difference of the published plans.
    ``basis`` says in words how the shares are known; ``refused`` why there are none.
    """

    run: str
    changes: tuple[str, ...] = ()
    shares: Mapping[str, tuple[Share, ...]] = field(default_factory=dict)
    basis: str = ""
    refused: str = ""


@dataclass(frozen=True)
class Comparison:
    """Runs beside their baseline, which is the first. ``winner`` is the label of the run of most baseline value."""

    currency: str
    as_of: str
    runs: tuple[ComparedRun, ...]
    winner: str
    tables: Mapping[str, Table]
    attributions: tuple[Attribution, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def baseline(self) -> ComparedRun:
        return self.runs[0]

    @property
    def kpis(self) -> list[str]:
        """Every KPI that some run has, in the order of the first that has any."""
        return list(dict.fromkeys(name for run in self.runs for name in run.kpis))

    def difference(self, run: ComparedRun, kpi: str) -> Fraction | None:
        """Run − baseline; None where one of them has no value."""
        before, after = self.baseline.kpis.get(kpi), run.kpis.get(kpi)
        return None if before is None or after is None else after - before

    def outcome(self, run: ComparedRun, kpi: str) -> str:
        """``better``, ``worse``, ``same``, or ``changed`` where no direction is good or both reckon otherwise."""
        found = compare_words.verdict(kpi, self.difference(run, kpi))
        return "changed" if found in ("better", "worse") and kpi in run.own_measure else found


def table_of(name: str, columns: Mapping[str, str], rows: Sequence[Sequence[Any]]) -> Table:
    """A table from rows of plain values. ``columns`` names each column's kind: text, int or decimal; None is blank."""
    made: dict[str, Column] = {}
    filled = {}
    for at, (column, kind) in enumerate(columns.items()):
        cells = [row[at] for row in rows]
        if kind == "text":
            made[column] = np.array(["" if cell is None else str(cell) for cell in cells], dtype=object)
            continue
        filled[column] = np.array([cell is not None for cell in cells], dtype=bool)
        whole = [Fraction(0) if cell is None else Fraction(cell) for cell in cells]
        made[column] = Exact.of(whole) if kind == "decimal" else np.array([int(each) for each in whole], dtype=np.int64)
    return Table(name, made, filled)


def by_run(name: str, parts: Sequence[tuple[str, Table]]) -> Table:
    """Tables of the same columns, one below the other, each row under the label of its run."""
    labels = [np.full(len(table), label, dtype=object) for label, table in parts]
    made: dict[str, Column] = {"run": np.concatenate([np.zeros(0, dtype=object), *labels])}
    filled = {}
    for column in parts[0][1].columns if parts else ():
        pieces = [table.columns[column] for _, table in parts]
        exact = [piece for piece in pieces if isinstance(piece, Exact)]
        made[column] = Exact.concat(exact) if exact else np.concatenate([np.asarray(piece) for piece in pieces])
        filled[column] = np.concatenate([table.given(column) for _, table in parts])
    return Table(name, made, filled)
