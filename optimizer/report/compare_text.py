"""A comparison on a terminal: the figures side by side, then what matters most of each run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from optimizer.report import compare_words, words
from optimizer.report.compare import Attribution, ComparedRun, Comparison
from optimizer.report.compare_html import share_words

SHOWN = 8
MARKS = {"better": "+", "worse": "-", "changed": "~", "same": " ", "": " "}
"""What stands behind a difference: good, bad, neither."""


def grid(rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """Rows as aligned columns, the first ``left`` of them to the left, the others to the right."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if at < left else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def text(comparison: Comparison, headline: str) -> str:
    """Everything for a person at a terminal."""
    lines = [headline, *(f"note: {note}" for note in comparison.notes), "", *_kpis(comparison)]
    for run in comparison.runs[1:]:
        lines += ["", *_run(comparison, run)]
    return "\n".join(lines)


def _kpis(comparison: Comparison) -> list[str]:
    """KPIs that differ somewhere; + is better, - worse, ~ neither."""
    rows = [["", comparison.baseline.label]]
    for run in comparison.runs[1:]:
        rows[0] += [run.label, "difference"]
    for kpi in compare_words.in_order(comparison.kpis):
        differences = [comparison.difference(run, kpi) for run in comparison.runs[1:]]
        if all(difference == 0 for difference in differences):
            continue
        row = [compare_words.title(kpi), _said(comparison, kpi, comparison.baseline)]
        for run, difference in zip(comparison.runs[1:], differences, strict=True):
            told = compare_words.difference_said(kpi, difference, comparison.currency)
            row += [_said(comparison, kpi, run), f"{told} {MARKS[comparison.outcome(run, kpi)]}"]
        rows.append(row)
    if len(rows) == 1:
        return ["no figure differs"]
    return [*grid(rows), "(+ better, - worse, ~ neither; figures that are the same in all runs are left out)"]


def _said(comparison: Comparison, kpi: str, run: ComparedRun) -> str:
    return compare_words.said(kpi, run.kpis.get(kpi), comparison.currency)


def _run(comparison: Comparison, run: ComparedRun) -> Iterator[str]:
    """Inputs, causes, moves, parties and prices of one run."""
    yield f"{run.label} against {comparison.baseline.label}"
    tables = comparison.tables
    inputs = tables["inputs"]
    mine = np.flatnonzero(inputs["run"] == run.label)
    told = [row for row in mine.tolist() if inputs["kind"][row] not in ("cell", "row added", "row dropped")]
    for row in told[:SHOWN]:
        where = f" ({inputs['row'][row]})" if inputs["row"][row] else ""
        ends = f"{inputs['old'][row] or '-'} -> {inputs['new'][row] or '-'}"
        yield f"  input    {inputs['kind'][row]} {inputs['what'][row]}{where}: {ends}"
    if len(mine) > len(told[:SHOWN]):
        yield f"  input    {len(mine) - len(told[:SHOWN]):,} more rows differ; inputs.csv lists them"
    for found in comparison.attributions:
        if found.run == run.label:
            yield from _causes(comparison, run, found)
    moved = tables["moved"]
    mine = np.flatnonzero(moved["run"] == run.label)
    units = int(
        np.abs(moved["units_after"][mine] - moved["units_before"][mine]).sum() + moved["units_moved"][mine].sum()
    )
    yield f"  moved    {words.plural(len(mine), 'line')}, {words.plural(units, 'unit')} from elsewhere, more or fewer"
    for row in mine[np.argsort(-np.abs(moved["money"].floats()[mine]), kind="stable")][:SHOWN].tolist():
        money = compare_words.difference_said("margin", moved["money"].item(row), comparison.currency)
        ends = f"{moved['from'][row] or 'nothing'} -> {moved['to'][row] or 'nothing'}"
        yield f"  moved    {moved['order_id'][row]}/{moved['line_id'][row]}: {ends}, {money}"
    for name, key in (("customers", "customer_id"), ("contracts", "contract_id")):
        table = tables[name]
        for outcome in ("gains", "loses"):
            ids = table[key][(table["run"] == run.label) & (table["outcome"] == outcome)].tolist()
            more = f" and {len(ids) - SHOWN} more" if len(ids) > SHOWN else ""
            if ids:
                yield f"  {name:<10}{outcome}: {', '.join(ids[:SHOWN])}{more}"
    prices = tables["prices"]
    for row in np.flatnonzero(prices["run"] == run.label)[:SHOWN].tolist():
        before, after = (
            words.amount(prices[f"price_{when}"].item(row), comparison.currency) for when in ("before", "after")
        )
        yield f"  price    {prices['subject'][row]}: {before} -> {after}"


def _causes(comparison: Comparison, run: ComparedRun, found: Attribution) -> Iterator[str]:
    """The shares of the KPIs that matter most, as a table: a row for each change."""
    if found.refused:
        yield f"  causes   not known: {found.refused}"
        return
    kpis = [
        kpi
        for kpi in ("objective_value", "margin", "shipping_cost", "weighted_service_level")
        if kpi in found.shares and any(share.amount for share in found.shares[kpi])
    ]
    yield f"  causes   {found.basis}"
    if not kpis:
        return
    rows = [["change", *(compare_words.title(kpi) for kpi in kpis)]]
    shown = {
        kpi: compare_words.apportioned(
            [share.amount for share in found.shares[kpi]], compare_words.places_of(kpi, comparison.currency)
        )
        for kpi in kpis
    }
    for at, change in enumerate(found.changes):
        cells = []
        for kpi in kpis:
            sure = share_words(kpi, found.shares[kpi][at], comparison.currency)
            told = compare_words.difference_said(kpi, shown[kpi][at], comparison.currency)
            cells.append(told + (f" ({sure})" if sure else ""))
        rows.append([change, *cells])
    totals = (compare_words.difference_said(kpi, comparison.difference(run, kpi), comparison.currency) for kpi in kpis)
    rows.append(["together", *totals])
    yield from (f"    {line}" for line in grid(rows))
