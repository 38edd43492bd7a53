"""The page of the nights, from nights that are written down here."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from optimizer.report.nights_page import KEPT, NightRow, Nights, render
from optimizer.report.trend_chart import Series, trend
from tests.report.browser import WIDE, needs_browser, result, visit
from tests.report.test_html import MARKUP, Page

FIRST = date(2026, 10, 1)


def dates(many: int) -> list[str]:
    return [(FIRST + timedelta(days=number)).isoformat() for number in range(many)]


def figures(number: int, scenario: str) -> dict[str, Fraction]:
    value = 150_000 + 900 * (number % 7) - (scenario == "north") * 40_000
    return {
        "objective_value": Fraction(value),
        "unit_fill_rate": Fraction(880 + number % 9 * 7, 1000),
        "order_fill_rate": Fraction(700 + number % 8 * 11, 1000),
        "weighted_service_level": Fraction(900 + number % 5 * 9, 1000),
        "gap": Fraction(number % 4, 10_000),
        "planning_s": Fraction(40 + number % 11),
    }


def row(number: int, scenario: str) -> NightRow:
    day, last = dates(40)[number], number == 39
    if number % 13 == 12:
        return NightRow(day, scenario, KEPT, reason="stock: 1 rows, at least 20 expected")
    waits = last and scenario == "north"
    return NightRow(
        business_date=day,
        scenario=scenario,
        step="limit" if number % 6 == 5 else "full",
        state="draft" if waits else "released" if last else "superseded",
        plan_id=f"{day}-{scenario}-0",
        reason="waits: its value is +21.05 % off that of the plan that counts; at most 5 % is allowed" if waits else "",
        by="Anna" if number % 9 == 8 else "release policy",
        hours=None if waits else Fraction(21, 2) if number % 9 == 8 else Fraction(1, 3600),
        by_hand=number % 9 == 8,
        figures=figures(number, scenario),
    )


def sample() -> Nights:
    """Forty nights of two scenarios; three were kept, some were released by hand, one waits."""
    queue = [
        {"exception_id": f"E-{number:010}", "scenario": "south", "code": "CONTRACT_MISSED", "severity": severity,
         "subject": f"contract K-{number}", "state": "assigned", "owner": "Anna" if number else "",
         "nights_open": 3 + number, "money_at_stake": 1234 * (number + 1), "explanation": "40 units short of 400"}
        for number, severity in enumerate(("high", "medium", "low"))
    ]  # fmt: skip
    nightly = {
        day: {
            "exceptions_open_high": Fraction(number % 4),
            "exceptions_open_medium": Fraction(9 + number % 6),
            "exceptions_open_low": Fraction(20 - number % 7),
            "exceptions_money_at_stake": Fraction(12_345),
            "manual_intervention_rate": Fraction(number % 10, 100),
            "publish_to_release_h": Fraction(number % 5, 2),
            "pull_to_publish_h": Fraction(2, 100),
            "night_s": Fraction(120 + number),
        }
        for number, day in enumerate(dates(40))
    }
    rows = [row(number, scenario) for number in range(40) for scenario in ("north", "south")]
    return Nights("retail", {"north": "EUR", "south": "EUR"}, rows, nightly, queue)


def test_the_page_says_first_what_the_last_night_came_to() -> None:
    text = Page(render(sample())).text
    first = text.index(
        "2026-11-09: north has a plan worth 113,600.00 EUR, draft; south has a plan worth 153,600.00 EUR"
    )
    assert first < text.index("Manual intervention") < text.index("Steps of the ladder") < text.index("contract K-0")
    assert "full 31, limit 6, kept 3" in text
    assert "waits: its value is +21.05 % off" in text
    assert "Until released" in text


def test_a_kept_night_is_a_gap_in_the_line() -> None:
    values = tuple(None if number == 2 else Fraction(number) for number in range(5))
    chart = trend("Value", dates(5), [Series("value", "main", values)], "count")
    assert chart is not None
    assert chart.plot.count("<circle") == 4
    assert chart.plot.count('class="edge') == 2  # 0 to 1 and 3 to 4
    ups = [float(y) for y in re.findall(r'cy="([\d.]+)%"', chart.plot)]
    assert ups == sorted(ups, reverse=True)
    across = [float(x) for x in re.findall(r'cx="([\d.]+)%"', chart.plot)]
    assert across == [10, 30, 70, 90]
    assert [text for _, text in chart.x_ticks] == ["10-01", "10-02", "10-03", "10-04", "10-05"]
    assert "value from 0 on 2026-10-01 to 4 on 2026-10-05" in chart.plot


def test_a_chart_without_a_figure_is_not_there_and_one_night_is_a_dot() -> None:
    assert trend("Value", dates(2), [Series("value", "main", (None, None))], "rate") is None
    one = trend("Value", dates(1), [Series("value", "main", (Fraction(0),))], "rate", from_zero=True)
    assert one is not None
    assert (one.plot.count("<circle"), one.x_ticks) == (1, (("50.00%", "10-01"),))


def test_nights_that_have_not_come_to_an_end_make_a_page() -> None:
    text = Page(render(Nights("retail", {}, [], {}, []))).text
    assert "No night has come to its end yet." in text


@pytest.mark.parametrize("hostile", MARKUP)
def test_names_stay_text(hostile: str) -> None:
    plain, made = sample(), sample()
    rows = [replace(row, reason=hostile, by=hostile) for row in made.rows]
    queue: list[dict[str, Any]] = [{**row, "subject": hostile, "explanation": hostile} for row in made.queue]
    page = Page(render(replace(made, name=hostile, rows=rows, queue=queue)))
    assert page.shape == Page(render(plain)).shape
    for _, attrs in page.tags:
        assert not any(name.startswith("on") or name in ("src", "style") for name in attrs)
        assert (attrs.get("href") or "#").startswith(("#", "data:,"))


@needs_browser
@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_shows_it_without_errors_or_requests_and_nothing_sticks_out(tmp_path: Path, width: int) -> None:
    page = tmp_path / "nights.html"
    page.write_text(render(sample()), encoding="utf-8")
    seen = visit(page, tmp_path, width)
    assert seen.console == []
    assert seen.requests == []
    content, window, plot = result(visit(page, tmp_path, width, WIDE))  # type: ignore[misc]
    assert content <= window
    assert plot > window * (0.6 if width < 640 else 0.3)
