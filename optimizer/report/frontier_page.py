"""`frontier.html`: a trade-off as planners read it. One file, no network, no clock, no script."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from optimizer.report import charts, words
from optimizer.report.frontier import Curve, CurvePoint, proof_sentence, whole_sentence
from optimizer.report.frontier_chart import Plot
from optimizer.report.html import page
from optimizer.report.sections import flat

ARROWS = {("x", "max"): "more is better →", ("x", "min"): "← less is better",
          ("y", "max"): "more is better ↑", ("y", "min"): "less is better ↓"}  # fmt: skip


def render(curve: Curve) -> str:
    """The page of a frontier with at least one point."""
    plot, gap = Plot.of(curve), Fraction(curve.facts["solve"]["gap"])
    parts = {
        "name": curve.name,
        "as_of": curve.as_of,
        "run_id": "",
        "currency": curve.currency,
        "level": "good" if curve.within(gap) else "warn",
        "badge": "Proven" if curve.proven else "Within the gap" if curve.within(gap) else "Gaps open",
        "banner": "",
        "headline": headline(curve),
        "proof": proof_sentence(curve),
        "whole": whole_sentence(curve),
        "tiles": tiles(curve),
        "plot": plot.markup(),
        "x_ticks": plot.x.ticks,
        "y_ticks": [(f"{100 - float(share[:-1]):.2f}%", text) for share, text in plot.y.ticks],
        "x_title": _axis_title(curve, "x"),
        "y_title": _axis_title(curve, "y"),
        "x_label": curve.x.label,
        "y_label": curve.y.label,
        "x_noun": curve.x.noun,
        "y_noun": curve.y.noun,
        "rate_head": curve.rate_head,
        "rows": rows(curve),
        "reading": reading(curve),
        "settings": flat(curve.facts["scenario"]) + flat(curve.facts["solve"]),
        "facts": flat({name: curve.facts[name] for name in ("points_asked", "climbs", "engines", "unpublished")}),
        "inputs": curve.facts["inputs"],
    }
    return page("frontier.html.j2", parts, styles=("frontier.css",))


def _axis_title(curve: Curve, name: str) -> str:
    axis = curve.x if name == "x" else curve.y
    unit = "%" if axis.kind == "rate" else axis.unit_words(curve.currency, many=True)
    return f"{axis.label}, {unit} ({ARROWS[name, axis.sense]})"


def headline(curve: Curve) -> str:
    """What all of x costs in all of y."""
    if len(curve.kept) < 2:
        return "There is nothing to trade."
    first, last = (curve.points[curve.kept[at]] for at in (0, -1))
    drives = "Raising" if curve.x.sense == "max" else "Lowering"
    takes = "costs" if curve.y.sense == "max" else "adds"
    return (
        f"{drives} {curve.x.noun} from {curve.x_text(first.u)} to {curve.x_text(last.u)} "
        f"{takes} {_amount(curve, first, last)} of {curve.y.noun}."
    )


def _amount(curve: Curve, first: CurvePoint, last: CurvePoint) -> str:
    lost = first.v - last.v
    if curve.y.kind == "rate":
        return curve.gap_text(lost).replace("points", "percentage points")
    return curve.y.full(lost, curve.currency)


def tiles(curve: Curve) -> list[tuple[str, str, str]]:
    """``(label, value, note)``: how many points, the cheapest and the dearest step, the largest gap."""
    by_rate = sorted(curve.steps, key=lambda place: curve.steps[place].rate)
    lost = len(curve.points) - len(curve.kept)
    made = [("Points", words.count(len(curve.points)), f"{lost} dominated" if lost else "none dominated")]
    if by_rate:
        made += [_step_tile(curve, "Cheapest step", by_rate[0]), _step_tile(curve, "Dearest step", by_rate[-1])]
    y_unit = curve.y.unit_words(curve.currency, many=True) if curve.y.kind != "rate" else "of the whole"
    return [*made, ("Largest gap", curve.gap_text(curve.widest_gap), f"{y_unit}, to the proven bound")]


def _step_tile(curve: Curve, label: str, place: int) -> tuple[str, str, str]:
    following = curve.kept[curve.kept.index(place) + 1]
    return label, curve.rate_text(curve.steps[place].rate), f"{curve.rate_head}, from {place + 1} to {following + 1}"


def rows(curve: Curve) -> list[dict[str, Any]]:
    """A row a point: figures as text, and what the next step costs as a bar; the line in it is the dual."""
    rates = [step.rate for step in curve.steps.values()]
    peak = max(rates, default=None) or 1  # a dual beyond it is drawn at the rim
    made = []
    for place, point in enumerate(curve.points):
        by, step = curve.dominated_by(place), curve.steps.get(place)
        label = "" if step is None else curve.step_sentence(step.rate)
        dual = None if point.dual is None else float(point.dual / peak)
        made.append(
            {
                "number": place + 1,
                "x": curve.x_text(point.u),
                "y": curve.y_text(point.v),
                "gap": curve.gap_text(curve.gap(point)),
                "mark": "" if step is None else charts.bar(float(step.rate / peak), label, goal=dual),
                "rate": curve.rate_text(step.rate if step else None),
                "dual": curve.rate_text(point.dual),
                "value": words.amount(point.value, curve.currency),
                "report": f"{point.folder}/report.html",
                "folder": point.folder,
                "note": "" if by is None else f"dominated by point {by + 1}",
            }
        )
    return made


def reading(curve: Curve) -> list[str]:
    """The cheapest and the dearest step as sentences."""
    by_rate = sorted(curve.steps, key=lambda place: curve.steps[place].rate)
    if not by_rate:
        return []
    told = [by_rate[0]] if len(by_rate) == 1 else [by_rate[0], by_rate[-1]]
    return [
        f"From point {place + 1} on, {curve.step_sentence(curve.steps[place].rate)}."
        for place in told
    ]  # fmt: skip
