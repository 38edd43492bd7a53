"""`sensitivity.html`: a tornado of what limits are worth, and a table of steps for each; one file, no network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from optimizer.report import charts, words
from optimizer.report.html import page
from optimizer.report.price_words import BASES
from optimizer.report.sensitivity_rows import SteppedSubject, best_buy, money
from optimizer.solution.price_steps import Step

if TYPE_CHECKING:
    from optimizer.scenario.schema import Scenario

GROUP_TITLES = {"stock": "Stock", "capacity": "Capacity", "lane": "Lanes", "contract": "Contracts"}


def render(stepped: list[SteppedSubject], scenario: Scenario, run_id: str) -> str:
    """The page of one run's sensitivity."""
    currency = scenario.currency
    return page(
        "sensitivity.html.j2",
        {
            "name": scenario.name,
            "badge": words.plural(len(stepped), "limit"),
            "level": "good",
            "banner": "",
            "as_of": scenario.as_of.isoformat(),
            "run_id": run_id,
            "currency": currency,
            "tornado": tornado(stepped, currency),
            "buys": [best_buy(each, currency) for each in stepped],
            "groups": [
                (title, [_subject(each, currency) for each in stepped if each.row.group == group])
                for group, title in GROUP_TITLES.items()
                if any(each.row.group == group for each in stepped)
            ],
        },
    )


def tornado(stepped: list[SteppedSubject], currency: str) -> list[dict[str, Any]]:
    """A row for each limit: what a tenth fewer and a tenth more change, the widest first."""
    ends = {each.subject: _ends(each) for each in stepped}
    known = {
        name: [step for step in pair if step is not None and step.change is not None] for name, pair in ends.items()
    }
    widths = {name: sum(abs(step.change or 0.0) for step in steps) for name, steps in known.items()}
    peak = max((abs(step.change or 0.0) for steps in known.values() for step in steps), default=0.0)
    rows = []
    for name in sorted((name for name, width in widths.items() if width), key=lambda name: (-widths[name], name)):
        less, more = ends[name]
        texts = [_said(step, currency) for step in (less, more)]
        marks = [
            charts.effect(step.change or 0.0, peak, f"{name}: {text}", "main" if (step.change or 0.0) > 0 else "minus")
            for step, text in zip((less, more), texts, strict=True)
            if step is not None and step.change is not None
        ]
        rows.append({"subject": name, "marks": Markup("").join(marks), "less": texts[0], "more": texts[1]})
    return rows


def _ends(each: SteppedSubject) -> tuple[Step | None, Step | None]:
    """The steps of a tenth, or where the limit is too small or too large for one, the largest there are."""
    tenth = next((abs(step.units) for step in each.row.steps if "%" in step.name), 0)
    units = tenth or max((abs(step.units) for step in each.row.steps), default=0)
    return each.step(-units), each.step(units)


def _said(step: Step | None, currency: str) -> str:
    return "–" if step is None else f"{step.name}: {money(step.change, currency)}"


def _subject(each: SteppedSubject, currency: str) -> dict[str, Any]:
    row = each.row
    peak = max((abs(step.change or 0.0) for step in row.steps), default=0.0)
    return {
        "subject": each.subject,
        "limit": f"limit {words.count(row.rhs)} {row.unit}, used {words.count(row.used)}, "
        f"price {money(row.price, currency)} a {each.unit}",
        "steps": [
            {
                "name": step.name,
                "units": f"{step.units:+,}".replace("-", "−"),
                "change": money(step.change, currency),
                "per_unit": money(None if step.change is None else step.change / step.units, currency),
                "at_most": money(step.at_most, currency),
                "basis": BASES.get(step.basis, step.basis or "not re-solved"),
                "mark": charts.effect(
                    step.change or 0.0, peak, f"{each.subject}, {_said(step, currency)}",
                    "main" if (step.change or 0.0) > 0 else "minus",
                ),
            }
            for step in row.steps
        ],
    }  # fmt: skip
