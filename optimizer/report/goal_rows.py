"""What the objective keeps before the weighted sum is maximized: floors and stages as rows of a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from optimizer.exact import decimal_text
from optimizer.report import words
from optimizer.scenario.schema import kpi_words, share_level


class GoalRow(NamedTuple):
    """One floor or stage, every figure as text."""

    name: str
    best: str
    open: str
    kept: str
    reached: str


def goal_rows(run: Mapping[str, Any]) -> list[GoalRow]:
    """Floors first, then stages in their order; empty for a run that maximizes the weighted sum alone."""
    return [_row(stage) for stage in run.get("stages") or ()]


def _row(stage: Mapping[str, Any]) -> GoalRow:
    """``best``: what the stage's own plan reached; ``open``: what is not proven of it."""
    label = kpi_label(str(stage["kpi"]))
    side = "at least" if stage["sense"] == "max" else "at most"
    kept = f"{side} {_figure(stage['kept'])}" if stage["kept"] is not None else "not kept: nothing was proven"
    is_floor = stage["kind"] == "floor"
    return GoalRow(
        f"{label}, a floor" if is_floor else label,
        "" if is_floor else _figure(stage["value"]),
        "" if is_floor else _figure(stage["gap"]),
        kept,
        _figure(stage["reached"]),
    )


def kpi_label(kpi: str) -> str:
    """A KPI as a heading: ``Weighted service level of tier.A``."""
    if share_level(kpi):
        return words.title(kpi_words(kpi))
    name, _, scope = kpi.partition("[")
    return words.title(name) + (f" of {scope.removesuffix(']')}" if scope else "")


def _figure(value: Any) -> str:
    number = words.number(value)
    return "–" if number is None else decimal_text(number, 6).replace("-", "−")
