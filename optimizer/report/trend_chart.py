"""Figures over nights as small line charts: a dot a night, a line between neighbours, a gap where there is no figure.

Positions are shares of the plot in per cent, so that the drawing fills any width while dots keep their size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from markupsafe import Markup, escape

from optimizer.report import words
from optimizer.report.frontier import AxisWords, Kind
from optimizer.report.frontier_chart import Scale, percent

Y_TICKS, X_TICKS = 4, 5
Text = Callable[[Fraction], str]


@dataclass(frozen=True)
class Series:
    """One line: a value for each night, None where there is none. ``tone`` is a class of the style sheet."""

    label: str
    tone: str
    values: tuple[Fraction | None, ...]


@dataclass(frozen=True)
class TrendChart:
    """A drawing with the texts of its axes beside it; each tick is ``(place, text)``."""

    title: str
    note: str
    plot: Markup
    y_ticks: tuple[tuple[str, str], ...]
    x_ticks: tuple[tuple[str, str], ...]
    key: tuple[tuple[str, str], ...]


def trend(
    title: str,
    nights: Sequence[str],
    series: Sequence[Series],
    kind: Kind,
    *,
    from_zero: bool = False,
    note: str = "",
    text: Text | None = None,
) -> TrendChart | None:
    """A chart of one or more lines over the same nights; None where there is no value at all.

    ``text`` says a value in words; by default a percentage or a number.
    """
    known = [value for line in series for value in line.values if value is not None]
    if not known:
        return None
    rim = [Fraction(0), Fraction(1, 1000) if kind == "rate" else Fraction(1)] if from_zero else []
    scale = Scale.of(AxisWords(title, kind, "max", Fraction(0)), [*known, *rim], Y_TICKS)
    say = text or (words.percent if kind == "rate" else words.count)
    parts = [*_grid(scale)]
    for line in series:
        parts += _line(line, nights, scale, say)
    told = "; ".join(_summary(line, nights, say) for line in series)
    plot = f'<svg class="plot" role="img" aria-label="{escape(f"{title}: {told}")}">{"".join(parts)}</svg>'
    return TrendChart(
        title,
        note,
        Markup(plot),
        tuple((f"{100 - float(share[:-1]):.2f}%", text) for share, text in scale.ticks),
        tuple((_across(at, len(nights)), nights[at][5:]) for at in _shown(len(nights))),
        tuple((line.tone, line.label) for line in series) if len(series) > 1 else (),
    )


def _across(at: int, many: int) -> str:
    return percent(Fraction(2 * at + 1, 2 * many))


def _shown(many: int) -> list[int]:
    """The nights whose dates stand below the plot: evenly spread, the first and the last among them."""
    steps = min(X_TICKS, many) - 1
    return sorted({round(step * (many - 1) / steps) for step in range(steps + 1)}) if steps else [0]


def _grid(scale: Scale) -> Iterator[str]:
    for share, _ in scale.ticks:
        at = f"{100 - float(share[:-1]):.2f}%"
        yield f'<line class="grid" x1="0" x2="100%" y1="{at}" y2="{at}"/>'


def _line(line: Series, nights: Sequence[str], scale: Scale, say: Text) -> Iterator[str]:
    many = len(nights)
    places = [
        None if value is None else (_across(at, many), percent(1 - scale.share(value)))
        for at, value in enumerate(line.values)
    ]
    for a, b in pairwise(places):
        if a and b:
            yield f'<line class="edge {line.tone}" x1="{a[0]}" y1="{a[1]}" x2="{b[0]}" y2="{b[1]}"/>'
    for place, value, night in zip(places, line.values, nights, strict=True):
        if place and value is not None:
            title = f"<title>{escape(f'{night}: {line.label} {say(value)}')}</title>"
            yield f'<circle class="dot {line.tone}" cx="{place[0]}" cy="{place[1]}" r="4">{title}</circle>'


def _summary(line: Series, nights: Sequence[str], say: Text) -> str:
    """A line in words, for who does not see it."""
    known = [(night, value) for night, value in zip(nights, line.values, strict=True) if value is not None]
    if not known:
        return f"{line.label}: no figure"
    (first, begin), (last, end) = known[0], known[-1]
    return f"{line.label} from {say(begin)} on {first} to {say(end)} on {last}"
