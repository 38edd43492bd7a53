"""The page, the workbook and the words of a frontier, from points that are written down here."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from optimizer.report.csv_out import table_bytes
from optimizer.report.frontier import AxisWords, Curve, CurvePoint, significant, summary, table_of
from optimizer.report.frontier_book import write_workbook
from optimizer.report.frontier_chart import Plot, Scale
from optimizer.report.frontier_page import render
from tests.report.browser import WIDE, needs_browser, result, visit
from tests.report.test_html import Page

SERVICE = AxisWords("weighted_service_level[tier.A]", "rate", "max", Fraction(1, 1000))
MARGIN = AxisWords("margin", "money", "max", Fraction(1, 100))
FREIGHT = AxisWords("shipping_cost", "money", "min", Fraction(1, 100))
FILL = AxisWords("unit_fill_rate", "rate", "max", Fraction(1, 1000))
POINTS = (
    (Fraction("0.80"), 200_000),
    (Fraction("0.85"), 199_000),
    (Fraction("0.90"), 196_500),
    (Fraction("0.95"), 180_000),
)


def point(number: int, u: Fraction, v: Fraction | int, dual: Fraction | None = None) -> CurvePoint:
    return CurvePoint(u, Fraction(v), f"points/{number:02}", f"test-{number}", Fraction(150_000 + number), 0, dual)


def curve(**changes: Any) -> Curve:
    """Four points, all proven but the third, which could be 300 better."""
    made = Curve(
        name="spring",
        as_of="2026-11-20",
        currency="EUR",
        x=SERVICE,
        y=MARGIN,
        points=tuple(point(number, u, v, Fraction(15_000)) for number, (u, v) in enumerate(POINTS, start=1)),
        bounds=(
            (None, Fraction(200_000)),
            (Fraction("0.83"), Fraction(199_000)),
            (Fraction("0.88"), Fraction(196_800)),
            (Fraction("0.95"), Fraction(180_000)),
            (Fraction("0.94"), None),
        ),
        most=Fraction("0.95"),
        complete=False,
        facts={
            "scenario": {"name": "spring", "settings": ["solve.gap=0.01"]},
            "solve": {"gap": Fraction(1, 1000), "engine": "highs"},
            "points_asked": 4,
            "climbs": 5,
            "engines": ["highs"],
            "unpublished": 0,
            "inputs": [{"table": "orders", "source": "orders.csv", "rows": 1234, "digest": "ab" * 32}],
        },
    )
    return replace(made, **changes)


def test_what_is_proven_at_a_level_is_the_least_bound_from_there_down() -> None:
    made = curve()
    assert [made.gap(each) for each in made.points] == [0, 0, 300, 0]
    assert made.widest_gap == 300
    assert not made.proven
    assert made.within(Fraction(2, 1000))
    assert not made.within(Fraction(1, 1000))
    assert curve(bounds=()).widest_gap is None


def test_what_a_step_costs_is_the_difference() -> None:
    made = curve()
    assert [step.rate for step in made.steps.values()] == [20_000, 50_000, 330_000]
    assert [made.rate_text(step.rate) for step in made.steps.values()] == ["200.00", "500.00", "3,300.00"]
    sentence = "one more percentage point of weighted service level of tier.A costs 200.00 EUR of margin"
    assert made.step_sentence(Fraction(20_000)) == sentence
    for width, many, points in ((5_000, "1,000 EUR", "1.235"), (500, "100 EUR", "0.1235"), (5, "one EUR", "0.001235")):
        ends = (point(1, Fraction(-width), Fraction(1)), point(2, Fraction(0), Fraction(0)))
        told = f"{many} less of shipping cost costs {points} percentage points of unit fill rate"
        assert curve(x=FREIGHT, y=FILL, points=ends).step_sentence(Fraction("0.0000123456")) == told


@pytest.mark.parametrize(
    ("value", "text"),
    [("0", "0"), ("0.000012345678", "0.00001235"), ("12345.6", "12,350"), ("1.50", "1.5"), ("-2", "−2")],
)
def test_four_digits_are_told(value: str, text: str) -> None:
    assert significant(Fraction(value)) == text


def test_dominated_points_are_marked_and_left_out_of_the_steps() -> None:
    """A third point with less of both than the fourth, and one that is the same as another."""
    worse = (*POINTS[:2], (Fraction("0.90"), 179_000), POINTS[3], POINTS[3])
    made = curve(points=tuple(point(number, u, v) for number, (u, v) in enumerate(worse, start=1)))
    assert [made.dominated_by(place) for place in range(5)] == [None, None, 3, None, 3]
    assert made.kept == (0, 1, 3)
    assert made.steps[1].rate == Fraction(19_000) / Fraction("0.10")
    lines = b"".join(table_bytes(table_of(made))).decode().splitlines()
    assert [line.split(",")[1] for line in lines[1:]] == [
        "nondominated", "nondominated", "dominated by 4", "nondominated", "dominated by 4",
    ]  # fmt: skip
    assert "(dominated by 4)" in "\n".join(summary(made))
    page = render(made)
    assert page.count('class="dot lost"') == 3  # two points and the key
    assert "dominated by point 4" in page


def test_the_page_says_first_what_all_of_it_costs() -> None:
    text = Page(render(curve())).text
    first = text.index(
        "Raising weighted service level of tier.A from 80.00 % to 95.00 % costs 20,000.00 EUR of margin."
    )
    proof = text.index("No plan has a margin better than a point's by more than 300.00")
    assert first < proof < text.index("The curve") < text.index("What the next step costs")
    assert "From point 3 on, one more percentage point of weighted service level of tier.A costs 3,300.00 EUR" in text
    whole = curve(bounds=tuple((u, Fraction(v)) for u, v in POINTS), complete=True)
    assert "The frontier is whole" in Page(render(whole)).text
    assert "Proven" in Page(render(whole)).text


def test_costs_run_to_the_right_and_less_of_them_is_better() -> None:
    """Points ascend by u = −cost: the first dot is the one furthest to the right."""
    points = tuple(
        point(n, Fraction(-cost), v) for n, (cost, v) in enumerate([(900, 40), (500, 30), (100, 5)], start=1)
    )
    made = curve(x=FREIGHT, points=points, bounds=((None, Fraction(40)),), most=Fraction(-100))
    page = render(made)
    dots = [float(x) for x in re.findall(r'<circle class="dot" cx="([\d.]+)%" cy="[\d.]+%"', page)]
    assert dots == sorted(dots, reverse=True)
    assert len(dots) == 3
    assert "Lowering shipping cost from 900.00 to 100.00 costs 35.00 EUR of margin." in Page(page).text
    assert "← less is better" in page


def test_what_is_not_known_is_drawn_between_the_points_and_what_is_known_is_not() -> None:
    def boxes(made: Curve) -> int:
        return Plot.of(made).markup().count('class="unknown"')

    assert boxes(curve()) > 0
    edges = [(level, Fraction(v)) for level, v in ((None, 200_000), *((u, v) for u, v in POINTS[1:]))]
    beyond = [(u + Fraction(1, 2000), Fraction(v)) for (u, _), (_, v) in pairwise(POINTS)]
    assert boxes(curve(bounds=tuple(edges + beyond))) == 0


def test_ticks_are_round_numbers_inside_the_plot() -> None:
    scale = Scale.of(SERVICE, [u for u, _ in POINTS], 6)
    assert [text for _, text in scale.ticks] == ["80", "85", "90", "95"]
    scale = Scale.of(MARGIN, [Fraction(v) for _, v in POINTS], 6)
    assert [text for _, text in scale.ticks] == ["180,000", "185,000", "190,000", "195,000", "200,000"]
    shares = [float(share[:-1]) for share, _ in scale.ticks]
    assert shares == sorted(shares)
    assert 0 <= shares[0] < shares[-1] <= 100
    assert Scale.of(MARGIN, [Fraction(5)], 6).ticks


def test_the_workbook_holds_the_rows_as_numbers(tmp_path: Path) -> None:
    write_workbook(curve(), tmp_path / "frontier.xlsx")
    book = openpyxl.load_workbook(tmp_path / "frontier.xlsx")
    assert book.sheetnames == ["Summary", "Frontier"]
    head, *rows = book["Frontier"].iter_rows(values_only=True)
    at = {name: place for place, name in enumerate(head)}
    assert [(row[at["x"]], row[at["y"]]) for row in rows] == [(float(u), v) for u, v in POINTS]
    assert rows[2][at["gap"]] == 300
    assert rows[3][at["y_per_x_to_next"]] is None


def test_names_stay_text_and_nothing_outside_is_referred_to() -> None:
    hostile = '"><img src=x onerror=alert(1)></script>'
    page = Page(render(curve(name=hostile)))
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in Page(render(curve())).tags]
    for _, attrs in page.tags:
        for name in ("src", "href"):
            value = attrs.get(name)
            assert value is None or value.startswith(("#", "points/")) or value == "data:,"
        assert not any(name.startswith("on") or name == "style" for name in attrs)


@needs_browser
@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_shows_it_without_errors_or_requests_and_nothing_sticks_out(tmp_path: Path, width: int) -> None:
    page = tmp_path / "frontier.html"
    page.write_text(render(curve()), encoding="utf-8")
    seen = visit(page, tmp_path, width)
    assert seen.console == []
    assert seen.requests == []
    content, window, plot = result(visit(page, tmp_path, width, WIDE))  # type: ignore[misc]
    assert content <= window
    assert plot > window * 0.6
