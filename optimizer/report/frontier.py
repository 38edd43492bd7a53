"""What a frontier says: its points, what no plan exceeds, what one more of one KPI costs of the other.

Inside, both KPIs are turned so that more is better (u along, v up); whoever reads gets them as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from optimizer.exact import Exact, round_half_even
from optimizer.report import words
from optimizer.report.bundle import SCHEMA_VERSION
from optimizer.report.goal_rows import kpi_label
from optimizer.tables.tables import Table

Kind = Literal["money", "count", "rate"]
PER_RATE = Fraction(1, 100)
"""Exchange rates are told for a percentage point, not for a whole rate."""
MANY = {("money", "count"): 1000, ("money", "rate"): 1000, ("count", "rate"): 100}
"""How many of x at most, by the kinds of x and y; never more than the whole curve is wide."""
DIGITS = 4
"""Significant digits of an exchange rate in words."""


@dataclass(frozen=True)
class AxisWords:
    """One KPI of a frontier as it is shown; ``step`` is the least difference that counts, ``sense`` max or min."""

    name: str
    kind: Kind
    sense: str
    step: Fraction

    @property
    def sign(self) -> int:
        """Of a value turned so that more is better."""
        return 1 if self.sense == "max" else -1

    @property
    def label(self) -> str:
        return kpi_label(self.name)

    @property
    def noun(self) -> str:
        """The KPI within a sentence: ``weighted service level of tier.A``."""
        return self.label[:1].lower() + self.label[1:]

    def unit_words(self, currency: str, many: bool = False) -> str:
        """The name of that unit."""
        one = {"rate": "percentage point", "money": currency, "count": "unit"}[self.kind]
        if self.name == "orders_served_in_full":
            one = "order"
        return one + ("s" if many and self.kind != "money" else "")

    def text(self, value: Fraction, currency: str) -> str:
        """A value: money in minor units, a rate as a percentage of two decimals."""
        if self.kind == "money":
            return words.amount(value, currency)
        if self.kind == "count":
            return words.count(value)
        hundredths = Fraction(round_half_even(value * 10_000), 100)
        return f"{float(hundredths):,.2f} %".replace("-", "−")

    def full(self, value: Fraction, currency: str) -> str:
        """The same with its currency or unit."""
        text = self.text(value, currency)
        return text if self.kind == "rate" else f"{text} {self.unit_words(currency, many=abs(value) != 1)}"


@dataclass(frozen=True)
class CurvePoint:
    """One published plan of a frontier. ``dual`` is v lost for one more u by the relaxation, None if unknown."""

    u: Fraction
    v: Fraction
    folder: str
    run_id: str
    value: Fraction
    exit_code: int
    dual: Fraction | None = None


@dataclass(frozen=True)
class Step:
    """The way from one point to the next better one on the x axis: u gained, v lost."""

    gained: Fraction
    lost: Fraction

    @property
    def rate(self) -> Fraction:
        return self.lost / self.gained


@dataclass(frozen=True)
class Curve:
    """A frontier. ``points`` ascend in u; ``bounds``: from a level of u (None: any) on, no plan's v exceeds the bound.

    ``most``: what no plan's u exceeds, if known. ``complete``: nothing was left to look into, so that between two
    neighbours there is no other plan that none dominates, as far as all was proven.
    """

    name: str
    as_of: str
    currency: str
    x: AxisWords
    y: AxisWords
    points: tuple[CurvePoint, ...]
    bounds: tuple[tuple[Fraction | None, Fraction | None], ...]
    most: Fraction | None
    complete: bool
    facts: Mapping[str, Any]

    def bound_at(self, u: Fraction) -> Fraction | None:
        """What no plan with at least this u exceeds in v."""
        known = [bound for level, bound in self.bounds if bound is not None and (level is None or level <= u)]
        return min(known, default=None)

    def gap(self, point: CurvePoint) -> Fraction | None:
        """How much better y could still be at the x of a point, in the unit of y; None where nothing was proven."""
        bound = self.bound_at(point.u)
        return None if bound is None else max(bound - point.v, Fraction(0))

    def dominated_by(self, place: int) -> int | None:
        """The first point that is at least as good on both axes as the one at ``place`` (of equals: an earlier one)."""
        own = self.points[place]
        for other, each in enumerate(self.points):
            better = each.u > own.u or each.v > own.v or other < place
            if other != place and each.u >= own.u and each.v >= own.v and better:
                return other
        return None

    @cached_property
    def kept(self) -> tuple[int, ...]:
        """The places of points that none dominates, in order."""
        return tuple(place for place in range(len(self.points)) if self.dominated_by(place) is None)

    @cached_property
    def steps(self) -> dict[int, Step]:
        """From each point that none dominates to the next such point."""
        found = {}
        for left, right in pairwise(self.kept):
            a, b = self.points[left], self.points[right]
            found[left] = Step(b.u - a.u, a.v - b.v)
        return found

    @property
    def widest_gap(self) -> Fraction | None:
        """The largest gap of a point that none dominates; None if one is unknown."""
        gaps = [self.gap(self.points[place]) for place in self.kept]
        return None if None in gaps else max((gap for gap in gaps if gap is not None), default=Fraction(0))

    @property
    def proven(self) -> bool:
        """Whether no plan is better on y at the x of any point, nor on x than the last."""
        ends = bool(self.points) and self.most is not None and self.most - self.points[-1].u < self.x.step
        return ends and self.widest_gap is not None and self.widest_gap < self.y.step

    def within(self, gap: Fraction) -> bool:
        """Whether every point that none dominates is proven to within a relative gap, or a step of y."""
        left = [(self.points[place], self.gap(self.points[place])) for place in self.kept]
        return all(open_ is not None and open_ <= max(gap * abs(point.v), self.y.step) for point, open_ in left)

    # -- in words ---------------------------------------------------------------------------------------------------
    @cached_property
    def x_unit(self) -> Fraction:
        """How much of x an exchange rate is told for: of a y that one more of x hardly moves, more at a time."""
        if self.x.kind == "rate":
            return PER_RATE
        width = self.points[-1].u - self.points[0].u if self.points else Fraction(0)
        most = min(width, Fraction(MANY.get((self.x.kind, self.y.kind), 1)))
        return Fraction(next((each for each in (1000, 100, 10) if each <= most), 1))

    @property
    def y_unit(self) -> Fraction:
        """What an exchange rate is told in."""
        return PER_RATE if self.y.kind == "rate" else Fraction(1)

    @property
    def x_unit_words(self) -> str:
        """``one more percentage point``, ``1,000 EUR less``."""
        many = self.x_unit if self.x.kind != "rate" else Fraction(1)
        unit = self.x.unit_words(self.currency, many=many != 1)
        number = "one" if many == 1 else words.count(many)
        if self.x.kind == "money":
            return f"{number} {unit} {'more' if self.x.sense == 'max' else 'less'}"
        return f"{number} {'more' if self.x.sense == 'max' else 'fewer'} {unit}"

    @property
    def rate_head(self) -> str:
        """``EUR for one more percentage point``."""
        return f"{self.y.unit_words(self.currency, many=True)} for {self.x_unit_words}"

    def rate_text(self, rate: Fraction | None) -> str:
        """The number alone, for a column whose header says the units."""
        if rate is None:
            return "–"
        value = rate * self.x_unit / self.y_unit
        if self.y.kind == "money" and abs(value) >= 1:
            return words.amount(value, self.currency)
        return significant(value)

    def step_sentence(self, rate: Fraction) -> str:
        """``one more percentage point of weighted service level costs 1,234.50 EUR of margin``."""
        takes = "costs" if self.y.sense == "max" else "adds"
        y_unit = self.y.unit_words(self.currency, many=True)
        return f"{self.x_unit_words} of {self.x.noun} {takes} {self.rate_text(rate)} {y_unit} of {self.y.noun}"

    def x_text(self, u: Fraction) -> str:
        return self.x.text(self.x.sign * u, self.currency)

    def y_text(self, v: Fraction) -> str:
        return self.y.text(self.y.sign * v, self.currency)

    def gap_text(self, gap: Fraction | None) -> str:
        """A distance on the y axis; of a rate in percentage points."""
        if gap is None:
            return "unknown"
        text = self.y.text(gap, self.currency) if gap else "0"
        return text.replace(" %", " points")


def significant(value: Fraction) -> str:
    """A number of at most `DIGITS` significant digits, never in powers of ten."""
    with localcontext(prec=DIGITS):
        rounded = Decimal(value.numerator) / Decimal(value.denominator)
    return f"{rounded.normalize():,f}".replace("-", "−")


def table_of(curve: Curve) -> Table:
    """`frontier.csv`: a row a point, every figure exact, in the KPIs' own units and directions."""
    places = range(len(curve.points))
    x, y = curve.x, curve.y
    bounds = [curve.bound_at(point.u) for point in curve.points]
    gaps = [curve.gap(point) for point in curve.points]
    steps = [curve.steps[place].rate if place in curve.steps else None for place in places]
    dominated = [curve.dominated_by(place) for place in places]
    columns: dict[str, Any] = {
        "point": np.arange(1, len(curve.points) + 1),
        "status": _texts(["nondominated" if by is None else f"dominated by {by + 1}" for by in dominated]),
        "x_kpi": _texts([x.name for _ in places]),
        "x": Exact.of([x.sign * point.u for point in curve.points]),
        "y_kpi": _texts([y.name for _ in places]),
        "y": Exact.of([y.sign * point.v for point in curve.points]),
    }
    filled = {}
    for name, values in (
        ("y_bound", [None if bound is None else y.sign * max(bound, curve.points[at].v) for at, bound in
                     enumerate(bounds)]),
        ("gap", gaps),
        ("y_per_x_to_next", steps),
        ("y_per_x_dual", [point.dual for point in curve.points]),
    ):  # fmt: skip
        columns[name] = Exact.of([value or Fraction(0) for value in values])
        filled[name] = np.array([value is not None for value in values], dtype=bool)
    columns["objective_value"] = Exact.of([point.value for point in curve.points])
    columns["exit_code"] = np.array([point.exit_code for point in curve.points], dtype=np.int64)
    columns["run_id"] = _texts([point.run_id for point in curve.points])
    columns["folder"] = _texts([point.folder for point in curve.points])
    return Table("frontier", columns, filled)


def _texts(values: list[str]) -> np.ndarray[Any, Any]:
    made = np.empty(len(values), dtype=object)
    made[:] = values
    return made


def json_of(curve: Curve) -> dict[str, Any]:
    """`frontier.json`: the same for programs, with every level that was looked at and what was proven there."""
    table = table_of(curve)
    rows = [
        {name: _cell(table, name, place) for name in table.columns if name not in ("x_kpi", "y_kpi")}
        for place in range(len(curve.points))
    ]
    axes = {
        name: {"kpi": axis.name, "sense": axis.sense, "step": axis.step}
        for name, axis in (("x", curve.x), ("y", curve.y))
    }
    return {
        "schema_version": SCHEMA_VERSION,
        **curve.facts,
        **axes,
        "complete": curve.complete,
        "proven": curve.proven,
        "x_bound": None if curve.most is None else curve.x.sign * curve.most,
        "points": rows,
        "bounds": [
            {
                "x_from": None if level is None else curve.x.sign * level,
                "y_bound": None if bound is None else curve.y.sign * bound,
            }
            for level, bound in curve.bounds
        ],
    }


def _cell(table: Table, name: str, place: int) -> Any:
    if not table.given(name)[place]:
        return None
    values = table.columns[name]
    return values.item(place) if isinstance(values, Exact) else values[place]


def summary(curve: Curve) -> list[str]:
    """The frontier as lines for a terminal: a table, then what is known of it."""
    head = ["point", curve.x.name, curve.y.name, "gap", "next", "dual", "folder"]
    rows = [head]
    for place, point in enumerate(curve.points):
        by, step = curve.dominated_by(place), curve.steps.get(place)
        rows.append(
            [
                str(place + 1),
                curve.x_text(point.u),
                curve.y_text(point.v),
                curve.gap_text(curve.gap(point)),
                curve.rate_text(step.rate if step else None),
                curve.rate_text(point.dual),
                point.folder if by is None else f"{point.folder} (dominated by {by + 1})",
            ]
        )
    widths = [max(len(row[at]) for row in rows) for at in range(len(head))]
    lines = [
        "  ".join(text.rjust(width) if at < len(head) - 1 else text for at, (text, width) in
                  enumerate(zip(row, widths, strict=True))).rstrip()
        for row in rows
    ]  # fmt: skip
    return [*lines, f"next, dual: {curve.rate_head}", proof_sentence(curve), whole_sentence(curve)]


def proof_sentence(curve: Curve) -> str:
    """What is proven of the points."""
    gap = curve.widest_gap
    if curve.proven:
        return f"Every point is proven: no plan has a better {curve.y.noun} at its {curve.x.noun}."
    if gap is None:
        return "Not every point has a bound: the time limit ended before anything was proven there."
    return (
        f"No plan has a {curve.y.noun} better than a point's by more than {curve.gap_text(gap)} at its {curve.x.noun}."
    )


def whole_sentence(curve: Curve) -> str:
    """Whether there are other points."""
    if len(curve.points) == 1:
        return (
            "One plan is the best on both: there is nothing to trade." if curve.proven else "Only one plan was found."
        )
    if curve.complete and curve.proven:
        return "The frontier is whole: there is no other point on it."
    if curve.complete:
        return "Nothing was left to look into, but not everything is proven: there may be other points."
    return "Between the points there may be others; ask for more with --points."
