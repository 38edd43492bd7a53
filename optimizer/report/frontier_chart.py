"""A frontier as a drawing: its points, the steps between them, and the region of which nothing is known.

Positions are shares of the plot in per cent, so that the drawing fills any width while text and dots keep their size.
Both axes run as numbers do, to the right and up, whichever way is better.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor, log10

from markupsafe import Markup, escape

from optimizer.report.frontier import AxisWords, Curve

MARGIN = Fraction(1, 20)
"""Share of the range that stays free on each side."""
NICE = (1, 2, 5, 10)
X_TICKS, Y_TICKS = 6, 6
LABEL_APART = 7.0
"""Per cent of the plot by which numbers of points are apart, at least."""


@dataclass(frozen=True)
class Scale:
    """One axis: values from ``low`` to ``high`` in its own unit, and where its ticks are (share, text)."""

    low: Fraction
    high: Fraction
    ticks: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, axis: AxisWords, values: list[Fraction], most_ticks: int) -> Scale:
        """A scale that shows all values with some air around them."""
        low, high = min(values), max(values)
        size = high - low or max(abs(high), Fraction(1)) / 10
        low, high = low - size * MARGIN, high + size * MARGIN
        bare = cls(low, high, ())
        factor = 100 if axis.kind == "rate" else 1
        step = _nice_step((high - low) * factor / most_ticks)
        first, last = ceil(low * factor / Fraction(step)), floor(high * factor / Fraction(step))
        at = [step * number for number in range(first, last + 1)]
        marks = tuple((percent(bare.share(Fraction(value) / factor)), _tick_text(value, step)) for value in at)
        return cls(low, high, marks)

    def share(self, value: Fraction) -> Fraction:
        """Where a value is, 0 at the low end and 1 at the high one; what lies beyond is put on the rim."""
        return min(max((value - self.low) / (self.high - self.low), Fraction(0)), Fraction(1))


def percent(share: Fraction) -> str:
    """A share as a coordinate of SVG."""
    return f"{float(share) * 100:.2f}%"


def _nice_step(least: Fraction) -> Decimal:
    """The smallest 1, 2 or 5 times a power of ten that is not below a number above 0."""
    power = floor(log10(least))
    steps = [Decimal(factor).scaleb(power) for factor in NICE]
    return next((step for step in steps if Fraction(step) >= least), steps[-1])


def _tick_text(value: Decimal, step: Decimal) -> str:
    exponent = step.normalize().as_tuple().exponent
    places = max(-exponent, 0) if isinstance(exponent, int) else 0
    return f"{value:,.{places}f}".replace("-", "−")


@dataclass(frozen=True)
class Plot:
    """The drawing of a curve with its two scales."""

    curve: Curve
    x: Scale
    y: Scale

    @classmethod
    def of(cls, curve: Curve) -> Plot:
        """Scales around the points, and around what is proven above them as far as it is not far away."""
        us, vs = [point.u for point in curve.points], [point.v for point in curve.points]
        bounds = [bound for point in curve.points if (bound := curve.bound_at(point.u)) is not None]
        top = max(vs) + (max(vs) - min(vs)) / 2
        vs += [min(bound, top) for bound in bounds]
        xs, ys = [curve.x.sign * u for u in us], [curve.y.sign * v for v in vs]
        return cls(curve, Scale.of(curve.x, xs, X_TICKS), Scale.of(curve.y, ys, Y_TICKS))

    def across(self, u: Fraction) -> str:
        return percent(self.x.share(self.curve.x.sign * u))

    def down(self, v: Fraction) -> str:
        return percent(1 - self.y.share(self.curve.y.sign * v))

    def markup(self) -> Markup:
        """The plot itself; the text of its axes stands beside it."""
        parts = [*self._grid(), *self._unknown(), *self._steps(), *self._dots()]
        return Markup(f'<svg class="plot" role="img" aria-label="{escape(self.summary())}">{"".join(parts)}</svg>')

    def summary(self) -> str:
        """The drawing in a sentence, for who does not see it."""
        x, y, points = self.curve.x, self.curve.y, self.curve.points
        first, last = points[0], points[-1]
        return (
            f"{y.label} against {x.noun}: from {self.curve.y_text(first.v)} at {self.curve.x_text(first.u)} "
            f"to {self.curve.y_text(last.v)} at {self.curve.x_text(last.u)}, {len(points)} points"
        )

    def _grid(self) -> Iterator[str]:
        for share, _ in self.x.ticks:
            yield f'<line class="grid" x1="{share}" x2="{share}" y1="0" y2="100%"/>'
        for share, _ in self.y.ticks:
            at = f"{100 - float(share[:-1]):.2f}%"
            yield f'<line class="grid" x1="0" x2="100%" y1="{at}" y2="{at}"/>'

    def _unknown(self) -> Iterator[str]:
        """Boxes between what plans reach and what no plan exceeds, from one level to the next."""
        curve = self.curve
        first, last = curve.points[0].u, curve.points[-1].u
        levels = {level for level, _ in curve.bounds if level is not None and first < level < last}
        at = sorted(levels | {point.u for point in curve.points})
        for left, right in pairwise(at):
            reached = max(point.v for point in curve.points if point.u >= right)
            bound = curve.bound_at(left)
            if right - left >= curve.x.step and (bound is None or bound > reached):
                yield self._box(left, right, reached, bound)

    def _box(self, left: Fraction, right: Fraction, low: Fraction, high: Fraction | None) -> str:
        x = sorted(self.x.share(self.curve.x.sign * u) for u in (left, right))
        rim = self.y.high if self.curve.y.sign > 0 else self.y.low
        y = sorted(1 - self.y.share(v) for v in (self.curve.y.sign * low, rim if high is None else
                                                 self.curve.y.sign * high))  # fmt: skip
        return (
            f'<rect class="unknown" x="{percent(x[0])}" y="{percent(y[0])}" '
            f'width="{percent(x[1] - x[0])}" height="{percent(y[1] - y[0])}"/>'
        )

    def _steps(self) -> Iterator[str]:
        """From each point down to the next one's level, and across to it: what a plan is known for at each x."""
        points = [self.curve.points[place] for place in self.curve.kept]
        for a, b in pairwise(points):
            x1, x2, y1, y2 = self.across(a.u), self.across(b.u), self.down(a.v), self.down(b.v)
            yield f'<line class="edge" x1="{x1}" x2="{x1}" y1="{y1}" y2="{y2}"/>'
            yield f'<line class="edge" x1="{x1}" x2="{x2}" y1="{y2}" y2="{y2}"/>'

    def _dots(self) -> Iterator[str]:
        shown: list[tuple[float, float]] = []
        for number, point in enumerate(self.curve.points, start=1):
            x, y = self.across(point.u), self.down(point.v)
            kind = "dot" if number - 1 in self.curve.kept else "dot lost"
            title = (
                f"Point {number}: {self.curve.x.noun} {self.curve.x_text(point.u)}, "
                f"{self.curve.y.noun} {self.curve.y_text(point.v)}"
            )
            yield f'<circle class="{kind}" cx="{x}" cy="{y}" r="5"><title>{escape(title)}</title></circle>'
            here = float(x[:-1]), float(y[:-1])
            if all(abs(here[0] - a) + abs(here[1] - b) >= LABEL_APART for a, b in shown):
                shown.append(here)
                yield f'<text class="number" x="{x}" y="{y}" dx="8" dy="-8">{number}</text>'
