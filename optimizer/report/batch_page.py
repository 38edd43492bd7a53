"""`summary.html` of a batch: every run beside the others on one self-contained page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, Protocol

from optimizer.report import charts, words
from optimizer.report.html import page

LEVELS = {0: "good", 4: "warn", 130: "warn", 143: "warn"}
"""The look of an exit code; all others are bad."""


class RunRow(Protocol):
    """What the page shows of a run (`optimizer.batch.summary.Row`)."""

    @property
    def name(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def exit_code(self) -> int: ...
    @property
    def folder(self) -> str: ...
    @property
    def words(self) -> str: ...
    @property
    def currency(self) -> str: ...
    @property
    def as_of(self) -> str: ...
    @property
    def baseline(self) -> str: ...
    @property
    def value(self) -> Fraction | None: ...
    @property
    def gap(self) -> Fraction | None: ...
    @property
    def difference(self) -> Fraction | None: ...
    @property
    def kpis(self) -> Mapping[str, Fraction]: ...
    @property
    def changes(self) -> Sequence[str]: ...


def render(rows: Sequence[RunRow]) -> str:
    """The page."""
    planned = [row for row in rows if row.value is not None]
    failed = len(rows) - len(planned)
    parts = {
        "name": "Scenarios beside each other",
        "badge": words.plural(len(rows), "run"),
        "level": "bad" if failed else "good",
        "banner": f"{words.plural(failed, 'run')} without a plan; what each says stands below." if failed else "",
        "as_of": ", ".join(sorted({row.as_of for row in rows if row.as_of})) or "–",
        "run_id": "",
        "headline": _headline(planned),
        "currencies": ", ".join(sorted({row.currency for row in planned})),
        "rows": [_row(row, planned) for row in rows],
        "failures": [(row.name, row.status, row.words) for row in rows if row.words],
        "changed": [(row.name, row.baseline, list(row.changes)) for row in rows if row.changes],
    }
    return page("batch.html.j2", parts)


def _headline(planned: Sequence[RunRow]) -> str:
    """Which run is worth most, and by how much against what it is compared with."""
    if not planned:
        return "No run has a plan."
    best = max(planned, key=lambda row: row.value or Fraction(0))
    assert best.value is not None
    told = f"{best.name} is worth most: {words.money(best.value, best.currency)}"
    if best.difference:
        more = "more" if best.difference > 0 else "less"
        return f"{told}, {words.money(abs(best.difference), best.currency)} {more} than {best.baseline}."
    return f"{told}."


def _row(row: RunRow, planned: Sequence[RunRow]) -> dict[str, Any]:
    """The cells of a run; a bar for its value as a share of the largest."""
    peak = max((abs(float(one.value or 0)) for one in planned), default=0.0) or 1.0
    value = row.value
    return {
        "name": row.name,
        "href": f"{row.folder}/report.html" if row.folder and not row.folder.startswith("/") else "",
        "status": row.status,
        "level": LEVELS.get(row.exit_code, "bad"),
        "value": "–" if value is None else words.amount(value, row.currency),
        "difference": _signed(row),
        "tone": "" if not row.difference else "good-text" if row.difference > 0 else "bad-text",
        "gap": "–" if row.gap is None else words.gap(row.gap),
        "mark": "" if value is None else charts.bar(max(float(value), 0.0) / peak, _label(row)),
        "rates": [words.percent(row.kpis.get(name)) for name in ("unit_fill_rate", "weighted_service_level")],
        "money": [_amount(row, name) for name in ("margin", "shipping_cost", "penalties")],
        "shipments": words.count(row.kpis["shipments"]) if "shipments" in row.kpis else "–",
    }


def _label(row: RunRow) -> str:
    return f"{row.name}: {words.money(row.value or Fraction(0), row.currency)}"


def _signed(row: RunRow) -> str:
    if row.difference is None:
        return "–"
    sign = "+" if row.difference > 0 else ""
    return sign + words.amount(row.difference, row.currency)


def _amount(row: RunRow, name: str) -> str:
    return words.amount(row.kpis[name], row.currency) if name in row.kpis else "–"
