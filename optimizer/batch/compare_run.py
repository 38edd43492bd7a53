"""A run folder as it is compared: what `run.json` says, exactly, and the tables of its plan as text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from optimizer.errors import UsageError
from optimizer.exact import Exact
from optimizer.proof.run_files import read_rows, table_path, unguard
from optimizer.report.words import number
from optimizer.tables.cells import parse_decimal
from optimizer.tables.tables import Texts

VALUE = "objective_value"
"""The value of a plan, told beside its KPIs."""


@dataclass(frozen=True)
class RunFolder:
    """One run: where it lies, what it is called here, and what its `run.json` says (numbers exact)."""

    path: Path
    label: str
    run: Mapping[str, Any]
    _tables: dict[str, dict[str, Texts]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def scenario(self) -> Mapping[str, Any]:
        """Name, file, currency, resolved settings and changes of the scenario."""
        told: Mapping[str, Any] = self.run.get("scenario") or {}
        return told

    @property
    def currency(self) -> str:
        return str(self.scenario.get("currency", ""))

    @property
    def has_plan(self) -> bool:
        return self.run.get(VALUE) is not None

    @property
    def kpis(self) -> dict[str, Fraction | None]:
        """The value of the plan and every KPI; None where a rate has no denominator. Empty without a plan."""
        if not self.has_plan:
            return {}
        told = {VALUE: self.run[VALUE], **(self.run.get("kpis") or {})}
        return {name: number(value) for name, value in told.items()}

    @property
    def open_gap(self) -> Fraction | None:
        """Money by which a better plan might exceed this one: best proven bound − value; None without a bound."""
        value = number(self.run.get(VALUE))
        bounds = [
            bound for key in ("best_bound", "certified_bound") if (bound := number(self.run.get(key))) is not None
        ]
        return None if value is None or not bounds else max(min(bounds) - value, Fraction(0))

    def table(self, name: str) -> dict[str, Texts]:
        """The columns of a table of the plan as text; none where the run holds no plan."""
        if name not in self._tables:
            self._tables[name] = self._read(name) if self.has_plan else {}
        return self._tables[name]

    def _read(self, name: str) -> dict[str, Texts]:
        path = table_path(self.path, name)
        pieces: dict[str, list[str]] = {}
        for _, piece in read_rows(path):
            for column, cells in piece.items():
                pieces.setdefault(column, []).extend(unguard(cells, path.suffix == ".csv"))
        return {column: np.array(cells, dtype=object) for column, cells in pieces.items()}


def amounts(texts: Texts) -> Exact:
    """The numbers of a column; a blank cell counts 0."""
    values: Exact = parse_decimal(pa.array(texts, pa.string())).values
    return values


def given(texts: Texts) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Where the cells of a column are filled."""
    return np.asarray(texts != "", dtype=bool)


def read_runs(paths: Sequence[Path]) -> list[RunFolder]:
    """The folders, each under a short name of its own; all must hold a run, in one currency."""
    runs = [RunFolder(path, label, read_run(path)) for path, label in zip(paths, _labels(paths), strict=True)]
    currencies = sorted({run.currency for run in runs})
    if len(currencies) > 1:
        raise UsageError(f"the runs are in {' and '.join(currencies)}; compare runs of one currency")
    return runs


def read_run(path: Path) -> Mapping[str, Any]:
    """What `run.json` says, every number exact. Raises `UsageError` for anything but a run folder."""
    try:
        found = json.loads((path / "run.json").read_bytes(), parse_float=Decimal)
    except FileNotFoundError:
        raise UsageError(
            f"{path} is not a run folder: it has no run.json; name a folder that allot solve wrote"
        ) from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path / 'run.json'} cannot be read ({error}); solve the scenario again") from None
    if not isinstance(found, dict) or "run_id" not in found:
        raise UsageError(f"{path / 'run.json'} is not of a run; name a folder that allot solve wrote")
    return found


def _labels(paths: Sequence[Path]) -> list[str]:
    """The folder's name, or as much of its path as tells it from the others; a folder named twice gets a number."""
    parts = [path.resolve().parts for path in paths]
    labels = []
    for mine in parts:
        others = [other for other in parts if other != mine]
        deep = next((n for n in range(1, len(mine)) if all(other[-n:] != mine[-n:] for other in others)), len(mine))
        labels.append("/".join(mine[-deep:]))
    return [label if labels.count(label) == 1 else f"{label} #{at + 1}" for at, label in enumerate(labels)]
