"""Marks for a page: small SVG pieces that stand in table cells, so that labels stay text and wrap on a phone.

Every mark has a `<title>`, takes its colour from a class (light, dark and print follow the style sheet) and stretches
to its cell. Positions are shares of the axis, written with two decimals: the same numbers give the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

WIDTH = 1000
"""Units of the axis in a mark's own coordinates."""
HEAT_STEPS = 7


def bar(share: float, label: str, tone: str = "main", goal: float | None = None) -> Markup:
    """A bar from 0 to ``share`` of its track (0..1), with an optional goal line."""
    line = "" if goal is None else _line(goal, "goal")
    return _svg(label, _rect(0.0, _clip(share), f"mark {tone}") + line)


def span(start: float, end: float, label: str, tone: str = "main", zero: float | None = None) -> Markup:
    """A bar between two shares of the axis: a step of a waterfall. ``zero`` draws the axis."""
    low, high = sorted((_clip(start), _clip(end)))
    line = "" if zero is None else _line(zero, "zero")
    return _svg(label, _rect(low, max(high, low + 0.002), f"mark {tone}") + line, track=False)


def interval(price: float, low: float, high: float, label: str) -> Markup:
    """A price as a bar with the range between the value of one unit more and of one unit fewer."""
    a, b = sorted((_clip(low), _clip(high)))
    whisker = f'<rect class="whisker" x="{a * WIDTH:.2f}" y="8" width="{max(b - a, 0.002) * WIDTH:.2f}" height="4"/>'
    return _svg(label, _rect(0.0, _clip(price), "mark main") + whisker + _line(_clip(low), "tick"), track=False)


def effect(
    amount: float, peak: float, label: str, tone: str = "main", between: tuple[float, float] | None = None
) -> Markup:
    """A bar to the left (less) or right (more) of the middle; ``between`` draws the range that the amount may have."""
    size = 2 * peak or 1.0
    whisker = ""
    if between is not None:
        low, high = (_clip(0.5 + end / size) for end in between)
        width = max(high - low, 0.002) * WIDTH
        whisker = f'<rect class="whisker" x="{low * WIDTH:.2f}" y="8" width="{width:.2f}" height="4"/>'
    low, high = sorted((0.5, _clip(0.5 + amount / size)))
    return _svg(label, _line(0.5, "zero") + _rect(low, high, f"mark {tone}") + whisker, track=False)


def stacked(shares: Sequence[tuple[float, str, str]]) -> Markup:
    """Parts of a whole side by side: ``(share, tone, label)`` each with its own title."""
    at, parts = 0.0, []
    for share, tone, label in shares:
        parts.append(f"<g><title>{escape(label)}</title>{_rect(at, at + share, f'mark {tone}')}</g>")
        at += share
    return Markup(
        f'<svg class="bar" viewBox="0 0 {WIDTH} 20" preserveAspectRatio="none" role="img" aria-label="'
        f'{escape("; ".join(label for _, _, label in shares))}">{"".join(parts)}</svg>'
    )


def heat(value: float, peak: float) -> int:
    """The step of the heat scale, 0 (nothing) to `HEAT_STEPS`; equal values get equal steps."""
    if value <= 0 or peak <= 0:
        return 0
    return min(HEAT_STEPS, 1 + int(value / peak * (HEAT_STEPS - 1) + 1e-9))


def _svg(label: str, inner: str, track: bool = True) -> Markup:
    back = _rect(0.0, 1.0, "track") if track else ""
    return Markup(
        f'<svg class="bar" viewBox="0 0 {WIDTH} 20" preserveAspectRatio="none" role="img" aria-label="{escape(label)}">'
        f"<title>{escape(label)}</title>{back}{inner}</svg>"
    )


def _rect(low: float, high: float, kind: str) -> str:
    width = max(high - low, 0.0) * WIDTH
    return f'<rect class="{kind}" x="{low * WIDTH:.2f}" y="0" width="{width:.2f}" height="20"/>'


def _line(at: float, kind: str) -> str:
    return f'<rect class="{kind}" x="{_clip(at) * WIDTH - 1:.2f}" y="0" width="2" height="20"/>'


def _clip(share: float) -> float:
    return min(max(share, 0.0), 1.0)
