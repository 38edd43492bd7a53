"""`compare.html`: a comparison for people; one file, no network, no script, no clock."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from optimizer.report import charts, compare_words, words
from optimizer.report.compare import Attribution, ComparedRun, Comparison, Share
from optimizer.report.html import page
from optimizer.tables.tables import Table

SHOWN_INPUTS, SHOWN_LINES, SHOWN_CUSTOMERS, SHOWN_PRICES = 40, 25, 16, 12
CAUSES = (
    "objective_value", "margin", "service_value", "shipping_cost", "penalties", "unit_fill_rate",
    "weighted_service_level",
)  # fmt: skip
"""KPIs whose shares the page draws; all others are in the table beside it."""
NOT_SERVED = "not served"
TONES = {"better": "main", "worse": "minus"}


def render(comparison: Comparison, headline: str) -> str:
    """The page of a comparison."""
    told = [run for run in comparison.runs[1:] if run.kpis]
    labels = [run.label for run in comparison.runs[1:]]
    kpis = list(_kpi_rows(comparison))
    same = [row["title"] for row in kpis if row["same"]]
    return page(
        "compare.html.j2",
        {
            "name": f"{comparison.baseline.label} and {' · '.join(labels)}",
            "badge": words.plural(len(comparison.runs), "run"),
            "level": "good",
            "banner": "",
            "as_of": comparison.as_of,
            "run_id": "",
            "currency": comparison.currency,
            "headline": headline,
            "lines": [line for run in told[:6] if (line := summary_line(comparison, run))],
            "notes": list(comparison.notes),
            "runs": list(_run_rows(comparison)),
            "kpis": [row for row in kpis if not row["same"]],
            "same_kpis": ", ".join(same),
            "parts": [_part(comparison, run) for run in comparison.runs[1:]],
        },
    )


def summary_line(comparison: Comparison, run: ComparedRun) -> str:
    """The differences that planners ask for first, in a line."""
    told = []
    for kpi in ("objective_value", "margin", "shipping_cost", "weighted_service_level"):
        difference = comparison.difference(run, kpi)
        if difference:
            said = compare_words.difference_said(kpi, difference, comparison.currency)
            told.append(f"{compare_words.title(kpi).lower()} {said}")
    return f"{run.label}: {', '.join(told) or 'no figure of these differs'}."


def _run_rows(comparison: Comparison) -> Iterator[dict[str, Any]]:
    peak = max((abs(float(run.baseline_value or 0)) for run in comparison.runs), default=0.0) or 1.0
    for run in comparison.runs:
        money = [
            "–" if amount is None else words.amount(amount, comparison.currency)
            for amount in (run.value, run.baseline_value, run.open_gap)
        ]
        share = max(float(run.baseline_value or 0) / peak, 0.0)
        yield {
            "label": run.label,
            "scenario": f"{run.scenario}, {run.status}",
            "wins": run.label == comparison.winner,
            "value": money[0],
            "baseline_value": money[1],
            "open_gap": money[2],
            "mark": charts.bar(share, f"{run.label}: {money[1]} {comparison.currency}"),
        }


def _kpi_rows(comparison: Comparison) -> Iterator[dict[str, Any]]:
    """A row for each KPI; ``same`` where no run differs."""
    goods = {"up": "more is better", "down": "less is better", "": ""}
    for kpi in compare_words.in_order(comparison.kpis):
        differences = [comparison.difference(run, kpi) for run in comparison.runs[1:]]
        yield {
            "title": compare_words.title(kpi),
            "good": goods[compare_words.better(kpi)],
            "baseline": compare_words.said(kpi, comparison.baseline.kpis.get(kpi), comparison.currency),
            "same": all(difference == 0 for difference in differences),
            "cells": [
                {
                    "value": compare_words.said(kpi, run.kpis.get(kpi), comparison.currency),
                    "difference": compare_words.difference_said(kpi, difference, comparison.currency),
                    "outcome": comparison.outcome(run, kpi),
                }
                for run, difference in zip(comparison.runs[1:], differences, strict=True)
            ],
        }


def _part(comparison: Comparison, run: ComparedRun) -> dict[str, Any]:
    """What is said of one run."""
    mine = {name: _of_run(table, run.label) for name, table in comparison.tables.items() if name != "runs"}
    found = next((each for each in comparison.attributions if each.run == run.label), None)
    shown = [row for row in _records(mine["inputs"]) if row["kind"] != "cell"]
    cells = [row for row in _records(mine["inputs"], SHOWN_INPUTS) if row["kind"] == "cell"]
    rows = [*shown, *({**row, "what": f"{row['what']}.{row['column']}"} for row in cells)][:SHOWN_INPUTS]
    return {
        "label": run.label,
        "inputs": rows,
        "inputs_left": len(mine["inputs"]) - len(rows),
        **_causes(comparison, run, found),
        **_moved(mine, comparison.currency),
        **_parties(mine, comparison.currency),
        "prices": _prices(mine["prices"], comparison.currency),
        "prices_total": len(mine["prices"]),
    }


def _of_run(table: Table, label: str) -> Table:
    rows = np.flatnonzero(table["run"] == label)
    return Table(
        table.name,
        {name: values[rows] for name, values in table.columns.items()},
        {name: flags[rows] for name, flags in table.filled.items()},
    )


def _records(table: Table, most: int | None = None) -> list[dict[str, Any]]:
    """Rows as plain values; decimals as fractions, None where blank."""
    size = len(table) if most is None else min(most, len(table))
    columns = {}
    for name, values in table.columns.items():
        piece: Any = values[:size]
        items = piece.fractions() if hasattr(piece, "fractions") else piece.tolist()
        columns[name] = [
            item if there else None for item, there in zip(items, table.given(name)[:size].tolist(), strict=True)
        ]
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


# -- why --------------------------------------------------------------------------------------------------------------
def _causes(comparison: Comparison, run: ComparedRun, found: Attribution | None) -> dict[str, Any]:
    if found is None:
        return {"refused": "Not asked for: compare with --attribute.", "causes": [], "basis": "", "whiskers": False}
    if found.refused:
        return {"refused": f"Not known: {found.refused}", "causes": [], "basis": "", "whiskers": False}
    causes = []
    for kpi in CAUSES:
        shares, total = found.shares.get(kpi, ()), comparison.difference(run, kpi)
        if shares and any(share.amount for share in shares):
            causes.append(
                {
                    "title": compare_words.title(kpi),
                    "total": compare_words.difference_said(kpi, total, comparison.currency),
                    "rows": _share_rows(kpi, shares, comparison.currency),
                }
            )
    whiskers = any(share.low != share.high for shares in found.shares.values() for share in shares)
    return {"refused": "", "causes": causes, "basis": _sentence(found.basis), "whiskers": whiskers}


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def share_words(kpi: str, share: Share, currency: str) -> str:
    """How sure a share is; empty where it is exact or nothing is known."""
    told = []
    if share.error:
        told.append(f"± {compare_words.difference_said(kpi, share.error, currency).lstrip('+')}")
    if share.low is not None and share.high is not None and share.low != share.high:
        ends = (compare_words.difference_said(kpi, end, currency) for end in (share.low, share.high))
        told.append(" to ".join(ends))
    return "; ".join(told)


def _share_rows(kpi: str, shares: tuple[Share, ...], currency: str) -> list[dict[str, Any]]:
    ends = [abs(float(end)) for share in shares for end in (share.amount, share.low, share.high) if end is not None]
    peak, rows = max(ends), []
    shown = compare_words.apportioned([share.amount for share in shares], compare_words.places_of(kpi, currency))
    for share, amount in zip(shares, shown, strict=True):
        said = compare_words.difference_said(kpi, amount, currency)
        ranged = share.low is not None and share.high is not None and share.low != share.high
        between = (float(share.low or 0), float(share.high or 0)) if ranged else None
        tone = TONES.get(compare_words.verdict(kpi, share.amount), "mute")
        mark = charts.effect(float(share.amount), peak, f"{share.change}: {said}", tone, between)
        rows.append({"change": share.change, "amount": said, "mark": mark, "sure": share_words(kpi, share, currency)})
    return rows


# -- what and who -----------------------------------------------------------------------------------------------------
def _moved(mine: dict[str, Table], currency: str) -> dict[str, Any]:
    table, flow = mine["moved"], mine["flows"]
    largest = np.argsort(-np.abs(table["money"].floats()), kind="stable")[:SHOWN_LINES]
    rows = [
        {
            "line": f"{table['order_id'][row]} / {table['line_id'][row]} {table['product_id'][row]}",
            "customer": table["customer_id"][row],
            "what": f"{table['what'][row]}, {table['units_before'][row]} → {table['units_after'][row]}",
            "from": table["from"][row] or "–",
            "to": table["to"][row] or "–",
            "money": compare_words.difference_said("margin", table["money"].item(int(row)), currency),
        }
        for row in largest
    ]
    what = table["what"]
    told = {
        "get more": int((what == "gained").sum()),
        "get less": int((what == "lost").sum()),
        "ship otherwise": int((what == "moved").sum()),
        "earn otherwise": int((what == "other money").sum()),
    }
    said = ", ".join(f"{words.plural(many, 'line')} {name}" for name, many in told.items() if many)
    return {"flow": _flow(flow), "moved": rows, "moved_total": len(table), "moved_words": f"{_sentence(said)}."}


def _flow(flow: Table) -> dict[str, Any]:
    ends = [flow["from_warehouse_id"], flow["to_warehouse_id"]]
    places = [*sorted({name for end in ends for name in end if name}), ""]
    units = dict(zip(zip(*ends, strict=True), flow["units"].tolist(), strict=True))
    peak = float(max(units.values(), default=0))
    rows = [(name or NOT_SERVED, [_heat(units.get((name, other), 0), peak) for other in places]) for name in places]
    return {"places": [name or NOT_SERVED for name in places], "rows": rows if units else []}


def _heat(units: int, peak: float) -> tuple[int, int]:
    return units, charts.heat(float(units), peak)


def _parties(mine: dict[str, Table], currency: str) -> dict[str, Any]:
    customers, contracts = mine["customers"], mine["contracts"]
    counts = [
        f"{int((table['outcome'] == outcome).sum()):,} {noun} {'gain' if outcome == 'gains' else 'lose'}"
        for noun, table in (("customers", customers), ("contracts", contracts))
        for outcome in ("gains", "loses")
    ]
    return {
        "parties": f"{', '.join(counts)}.",
        "customers": _customers(customers, currency),
        "contracts": [_contract(row, currency) for row in _records(contracts)],
    }


def _customers(table: Table, currency: str) -> list[dict[str, Any]]:
    """Those whose units changed most, gains first."""
    units = table["units_difference"].floats()
    largest = np.argsort(-np.abs(units), kind="stable")[:SHOWN_CUSTOMERS]
    largest = largest[units[largest] != 0]
    largest = largest[np.argsort(-units[largest], kind="stable")]
    peak, rows = float(np.abs(units).max(initial=0.0)), []
    for row in largest.tolist():
        said = compare_words.difference_said("units_allocated", table["units_difference"].item(row), currency)
        name, more = table["customer_id"][row], units[row]
        margin = compare_words.difference_said("margin", table["margin_difference"].item(row), currency)
        mark = charts.effect(float(more), peak, f"{name}: {said} units", "main" if more > 0 else "minus")
        rows.append({"name": name, "mark": mark, "units": said, "margin": margin})
    return rows


def _contract(row: dict[str, Any], currency: str) -> dict[str, str]:
    def both(name: str, money: bool = False) -> str:
        ends = [row[f"{name}_{when}"] for when in ("before", "after")]
        texts = ["–" if end is None else words.amount(end, currency) if money else words.count(end) for end in ends]
        return texts[0] if texts[0] == texts[1] else " → ".join(texts)

    return {
        "name": str(row["contract_id"]),
        "outcome": str(row["outcome"]),
        "required": both("required"),
        "allocated": both("allocated"),
        "missing": both("shortfall"),
        "price": both("price", money=True),
    }


def _prices(table: Table, currency: str) -> list[dict[str, Any]]:
    rows = _records(table, SHOWN_PRICES)
    peak = max((abs(float(row[f"price_{when}"] or 0)) for row in rows for when in ("before", "after")), default=0.0)
    made = []
    for row in rows:
        ends = [Fraction(row[f"price_{when}"] or 0) for when in ("before", "after")]
        told = ["–" if row[f"price_{when}"] is None else words.amount(end, currency)
                for when, end in zip(("before", "after"), ends, strict=True)]  # fmt: skip
        marks = [
            charts.bar(abs(float(end)) / (peak or 1.0), f"{row['subject']}, {when}: {text}")
            for when, end, text in zip(("before", "after"), ends, told, strict=True)
        ]
        made.append(
            {"subject": row["subject"], "before": told[0], "after": told[1],
             "before_mark": marks[0], "after_mark": marks[1]}
        )  # fmt: skip
    return made
