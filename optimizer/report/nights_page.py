"""`allot runs report`: the nights of a configuration on one page. One file, no network, no clock, no script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from optimizer.report import charts, words
from optimizer.report.html import page
from optimizer.report.trend_chart import Series, TrendChart, trend

LEVELS = {"released": "good", "superseded": "good", "draft": "warn", "approved": "warn", "rejected": "bad"}
"""The look of a plan's state; a night without a plan is bad."""
STEP_TONES = {"full": "main", "limit": "soft", "decompose": "minus", "softened": "minus", "rules": "minus"}
"""The look of a step of the ladder; one without a plan is grey."""
KEPT = "kept"


@dataclass(frozen=True)
class NightRow:
    """One scenario on one business date: its last plan, or that the one before was kept.

    ``figures`` by name, as recorded; ``hours`` from publication to release, None if that is still to come.
    """

    business_date: str
    scenario: str
    step: str
    state: str = ""
    plan_id: str = ""
    reason: str = ""
    by: str = ""
    hours: Fraction | None = None
    by_hand: bool = False
    figures: Mapping[str, Fraction] = field(default_factory=dict)


@dataclass(frozen=True)
class Nights:
    """The nights of a configuration, oldest first. ``figures``: what was recorded at the end of each business date."""

    name: str
    currencies: Mapping[str, str]
    rows: Sequence[NightRow]
    figures: Mapping[str, Mapping[str, Fraction]]
    queue: Sequence[Mapping[str, Any]]

    @property
    def dates(self) -> list[str]:
        return sorted({row.business_date for row in self.rows} | set(self.figures))


def render(nights: Nights) -> str:
    """The page."""
    last = nights.dates[-1:] or ["–"]
    rows = [row for row in nights.rows if row.business_date == last[0]]
    waits = [row for row in rows if row.state in ("draft", "approved", "rejected")]
    kept = [row for row in rows if row.step == KEPT]
    parts = {
        "name": f"Nights of {nights.name}",
        "as_of": last[0],
        "run_id": "",
        "level": "bad" if kept else "warn" if waits else "good",
        "badge": "Kept" if kept else "Waits" if waits else "Released" if rows else "No nights",
        "banner": "",
        "headline": headline(nights, rows),
        "tiles": tiles(nights),
        "scenarios": [(name, scenario_charts(nights, name)) for name in sorted({row.scenario for row in nights.rows})],
        "steps": [_steps(nights, name) for name in sorted({row.scenario for row in nights.rows})],
        "people": people_charts(nights),
        "queue": [_waiting(row) for row in nights.queue],
        "rows": [_row(row, nights.currencies.get(row.scenario, "")) for row in reversed(nights.rows)],
    }
    return page("nights.html.j2", parts, styles=("frontier.css", "nights.css"))


def headline(nights: Nights, rows: Sequence[NightRow]) -> str:
    """What the last night came to, in a sentence."""
    if not rows:
        return "No night has come to its end yet."
    told = []
    for row in rows:
        if row.step == KEPT:
            told.append(f"{row.scenario} kept an older plan")
        else:
            value = words.money(row.figures["objective_value"], nights.currencies.get(row.scenario, ""))
            told.append(f"{row.scenario} has a plan worth {value}, {row.state}")
    return f"{rows[0].business_date}: {'; '.join(told)}."


def tiles(nights: Nights) -> list[tuple[str, str, str]]:
    """``(label, value, note)`` of what is asked first."""
    dates = nights.dates
    figures = nights.figures.get(dates[-1], {}) if dates else {}
    plans = [row for row in nights.rows if row.step != KEPT]
    own = sum(1 for row in plans if row.state in ("released", "superseded") and not row.by_hand)
    open_high = figures.get("exceptions_open_high")
    return [
        ("Nights", words.count(len(dates)), f"{words.plural(len(nights.rows) - len(plans), 'plan')} kept"),
        (
            "Released by themselves",
            words.percent(Fraction(own, len(plans)) if plans else None),
            f"of {len(plans)} plans",
        ),
        ("Manual intervention", words.percent(figures.get("manual_intervention_rate")), "of the plans of 28 days"),
        ("Until published", _hours(figures.get("pull_to_publish_h")), "from the first table read, mean of 28 days"),
        ("Until released", _hours(figures.get("publish_to_release_h")), "from publication, mean of 28 days"),
        ("Until resolved", _hours(figures.get("exception_to_resolved_h")), "an exception, by a person"),
        ("Exceptions that wait", words.count(len(nights.queue)), f"{words.count(open_high or 0)} of severity high"),
        ("Money at stake", words.count(figures.get("exceptions_money_at_stake") or Fraction(0)), "in these exceptions"),
    ]


def _hours(hours: Fraction | None) -> str:
    """A time, in the unit in which it is easiest read."""
    if hours is None:
        return "–"
    for least, unit, each in ((Fraction(2), "h", Fraction(1)), (Fraction(1, 30), "min", Fraction(60))):
        if hours >= least:
            return f"{words.count(Fraction(round(hours * each * 10), 10))} {unit}"
    return f"{words.count(Fraction(round(hours * 3600)))} s"


# -- charts ------------------------------------------------------------------------------------------------------------
def scenario_charts(nights: Nights, scenario: str) -> list[TrendChart]:
    """How a scenario's plans went over the nights."""
    dates, currency = nights.dates, nights.currencies.get(scenario, "")
    last = {row.business_date: row.figures for row in nights.rows if row.scenario == scenario and row.step != KEPT}

    def line(name: str, label: str) -> list[Series]:
        return [Series(label, "main", tuple(last.get(date, {}).get(name) for date in dates))]

    made = (
        trend(f"Value, {currency}", dates, line("objective_value", "value"), "count"),
        trend("Units served", dates, line("unit_fill_rate", "units served"), "rate", note="% of units ordered"),
        trend("Orders in full", dates, line("order_fill_rate", "orders in full"), "rate", note="% of orders"),
        trend("Weighted service", dates, line("weighted_service_level", "service"), "rate", note="%"),
        trend("Gap", dates, line("gap", "gap"), "rate", from_zero=True, note="%, as proven",
              text=words.gap),
        trend("Planning time", dates, line("planning_s", "seconds"), "count", from_zero=True, note="seconds"),
    )  # fmt: skip
    return [chart for chart in made if chart]


def people_charts(nights: Nights) -> list[TrendChart]:
    """What people have to do with the nights."""
    dates = nights.dates

    def line(name: str, label: str, tone: str = "main") -> Series:
        return Series(label, tone, tuple(nights.figures.get(date, {}).get(name) for date in dates))

    severities = [line(f"exceptions_open_{name}", name, tone)
                  for name, tone in (("high", "minus"), ("medium", "main"), ("low", "mute"))]  # fmt: skip
    made = (
        trend("Exceptions that wait", dates, severities, "count", from_zero=True, note="by severity"),
        trend("Manual intervention", dates, [line("manual_intervention_rate", "rate")], "rate", from_zero=True,
              note="% of the plans of 28 days"),
        trend("Until released", dates, [line("publish_to_release_h", "hours")], "count", from_zero=True,
              note="hours from publication, mean of 28 days"),
        trend("The night as a whole", dates, [line("night_s", "seconds")], "count", from_zero=True, note="seconds"),
    )  # fmt: skip
    return [chart for chart in made if chart]


def _steps(nights: Nights, scenario: str) -> tuple[str, Any, str]:
    """How often each step of the ladder brought the plan: ``(scenario, bar, words)``."""
    counts: dict[str, int] = {}
    for row in nights.rows:
        if row.scenario == scenario:
            counts[row.step] = counts.get(row.step, 0) + 1
    order = [step for step in (*STEP_TONES, KEPT) if step in counts]
    order += [step for step in counts if step not in order]
    total = sum(counts.values())
    parts = [(counts[step] / total, STEP_TONES.get(step, "mute"), f"{step}: {counts[step]}") for step in order]
    return scenario, charts.stacked(parts), ", ".join(f"{step} {counts[step]}" for step in order)


# -- tables ------------------------------------------------------------------------------------------------------------
def _row(row: NightRow, currency: str) -> dict[str, Any]:
    value = row.figures.get("objective_value")
    gap = row.figures.get("gap")
    return {
        "date": row.business_date,
        "scenario": row.scenario,
        "state": row.state or KEPT,
        "level": LEVELS.get(row.state, "bad"),
        "step": row.step,
        "value": "–" if value is None else words.amount(value, currency),
        "fill": words.percent(row.figures.get("unit_fill_rate")),
        "gap": "–" if gap is None else words.gap(gap),
        "by": row.by or "–",
        "hours": _hours(row.hours),
        "reason": row.reason,
        "plan": row.plan_id,
    }


def _waiting(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "level": {"high": "bad", "medium": "warn"}.get(row["severity"], "good"),
            "money": words.count(Fraction(row["money_at_stake"]))}  # fmt: skip
