"""What the command `allot compare` does: compare, attribute if asked, write, and say it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from optimizer.batch.compare import compare, headline
from optimizer.batch.compare_run import RunFolder
from optimizer.report import jsonx
from optimizer.report.compare import Attribution, Comparison
from optimizer.report.compare_html import render, summary_line
from optimizer.report.compare_text import text
from optimizer.report.compare_write import Findings, target_of, write_findings

KIND = "compare"


def compare_runs(
    runs: Sequence[Path],
    *,
    observe: Callable[[str], None],
    out: Path | None = None,
    attribute: bool = False,
    orders: int = 20,
    seed: int = 0,
    time_limit: float | None = None,
    inputs: Path | None = None,
    as_json: bool = False,
) -> str:
    """The comparison as text (or JSON), after its folder was written where ``out`` asks for one."""
    if out is not None:
        target_of(out, KIND)  # before anything is solved
    cause: Callable[[RunFolder, RunFolder], Attribution] | None = None
    if attribute:
        from optimizer.batch.attribution import Effort
        from optimizer.batch.attribution import attribute as attributed

        effort = Effort(orders, seed, time_limit, inputs, observe)

        def cause(baseline: RunFolder, run: RunFolder) -> Attribution:
            return attributed(baseline, run, effort)

    found = compare(runs, inputs, cause)
    told = headline(found)
    folder = None if out is None else write_findings(_findings(found, told), out)
    if as_json:
        return jsonx.dumps(facts(found, told)).rstrip()
    page = [] if folder is None else ["", f"folder    {folder}", f"page      {folder / f'{KIND}.html'}"]
    return "\n".join([text(found, told), *page])


def facts(found: Comparison, told: str) -> dict[str, Any]:
    """The comparison's runs, figures and causes as JSON holds them; lines and prices are in the tables."""
    return {
        "headline": told,
        "winner": found.winner,
        "currency": found.currency,
        "notes": list(found.notes),
        "runs": [
            {
                "run": run.label,
                "run_id": run.run_id,
                "scenario": run.scenario,
                "status": run.status,
                "value": run.value,
                "value_by_baseline_weights": run.baseline_value,
                "open_gap": run.open_gap,
                "kpis": dict(run.kpis),
                "differences": {kpi: found.difference(run, kpi) for kpi in found.kpis},
            }
            for run in found.runs
        ],
        "attribution": [_attribution(each) for each in found.attributions],
    }


def _attribution(each: Attribution) -> dict[str, Any]:
    return {
        "run": each.run,
        "changes": list(each.changes),
        "basis": each.basis,
        "refused": each.refused,
        "shares": {
            kpi: [
                {"change": s.change, "share": s.amount, "standard_error": s.error, "low": s.low, "high": s.high}
                for s in shares
            ]
            for kpi, shares in each.shares.items()
        },
    }


def _findings(found: Comparison, told: str) -> Findings:
    lines = [told, *(summary_line(found, run) for run in found.runs[1:]), *found.notes]
    lines += [f"{each.run}: {each.refused or each.basis}" for each in found.attributions]
    return Findings(
        kind=KIND,
        title=f"Comparison with {found.baseline.label}",
        currency=found.currency,
        as_of=date.fromisoformat(found.as_of),
        lines=lines,
        facts=facts(found, told),
        tables=found.tables,
        page=render(found, told),
    )
