"""`allot compare`: any number of runs beside a baseline, from their folders alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from optimizer.batch.compare_inputs import Inputs, inputs
from optimizer.batch.compare_moves import Ways, flows, moved_lines
from optimizer.batch.compare_parties import contracts, customer_of, customers, prices
from optimizer.batch.compare_run import VALUE, RunFolder, read_runs
from optimizer.errors import UsageError
from optimizer.report import compare_words, words
from optimizer.report.compare import TABLES, Attribution, ComparedRun, Comparison, by_run, table_of
from optimizer.tables.tables import Table

Attribute = Callable[[RunFolder, RunFolder], Attribution]

OBJECTIVE_SETTINGS = ("weights", "service")
"""Settings that say what a plan is worth."""

SERVICE_MEASURE = ("measure", "tier_weight", "priority_weight")
"""Settings that say what counts as served, and how much."""


def compare(paths: Sequence[Path], inputs_at: Path | None = None, attribute: Attribute | None = None) -> Comparison:
    """All runs against the first. ``attribute`` says which input change caused what; it re-solves and takes its time.

    Raises `UsageError` for anything but run folders of one currency, or a baseline without a plan.
    """
    runs = read_runs(paths)
    baseline, others = runs[0], runs[1:]
    if not baseline.has_plan:
        raise UsageError(f"{baseline.path} holds no plan: a baseline must have one; name another run first")
    known = Inputs(inputs_at)
    pairs = [(run.label, _tables(baseline, run, known)) for run in others]
    compared = tuple(_compared(run, baseline) for run in runs)
    found = tuple(attribute(baseline, run) for run in others) if attribute else ()
    tables = {name: by_run(name, [(label, made[name]) for label, made in pairs]) for name in pairs[0][1]}
    winner = max((run for run in compared if run.baseline_value is not None), key=_baseline_value)
    notes, as_of = (*known.notes, *_notes(runs)), str(baseline.scenario.get("as_of", ""))
    return with_figures(Comparison(baseline.currency, as_of, compared, winner.label, tables, found, notes))


def _baseline_value(run: ComparedRun) -> Fraction:
    assert run.baseline_value is not None
    return run.baseline_value


def _tables(baseline: RunFolder, run: RunFolder, known: Inputs) -> dict[str, Table]:
    """What differs between the baseline and one run."""
    ways = Ways(baseline, run)
    return {
        "inputs": inputs(baseline, run, known),
        "moved": moved_lines(ways, customer_of(baseline, run)),
        "flows": flows(ways),
        "customers": customers(baseline, run),
        "contracts": contracts(baseline, run),
        "prices": prices(baseline, run),
    }


def _compared(run: RunFolder, baseline: RunFolder) -> ComparedRun:
    ended = run.run.get("termination") or {}
    limit = f" at the {ended['limit']} limit" if ended.get("limit") else ""
    return ComparedRun(
        label=run.label,
        run_id=str(run.run["run_id"]),
        scenario=str(run.scenario.get("name", "")),
        status=f"{str(ended.get('reason', '')).lower()}{limit}",
        value=run.kpis.get(VALUE),
        baseline_value=weighted_value(run, baseline.scenario.get("resolved") or {}),
        open_gap=run.open_gap,
        kpis=run.kpis,
        own_measure=_own_measure(run, baseline),
    )


def _own_measure(run: RunFolder, baseline: RunFolder) -> frozenset[str]:
    """KPIs that the settings of two runs reckon otherwise."""
    mine, other = (each.scenario.get("resolved") or {} for each in (run, baseline))
    weights, service = (_weighed(mine, name) != _weighed(other, name) for name in OBJECTIVE_SETTINGS)
    levels = any((mine.get("service") or {}).get(name) != (other.get("service") or {}).get(name)
                 for name in SERVICE_MEASURE)  # fmt: skip
    found = {VALUE: weights or service, "service_value": service, "weighted_service_level": levels}
    return frozenset(kpi for kpi, differs in found.items() if differs)


def weighted_value(run: RunFolder, settings: Mapping[str, Any]) -> Fraction | None:
    """What a plan is worth in the measure of other settings: the objective rebuilt from its KPIs.

    None without a plan, and where the two count service differently, so that no KPI says what was served.
    """
    served = _service_value(run, settings.get("service") or {}) if run.has_plan else None
    if served is None:
        return None
    weight = {name: Fraction(str(value)) for name, value in (settings.get("weights") or {}).items()}
    terms = {name: value or Fraction(0) for name, value in run.kpis.items()}
    costs = terms["shipping_cost"] + terms["handling_cost"] + terms["opening_cost"] + terms["transfer_cost"]
    return (
        weight["margin"] * terms["margin"]
        + weight["service"] * served
        - weight["shipping"] * costs
        - weight["penalties"] * terms["penalties"]
        + weight["holding"] * terms["holding_value"]
    )


def _service_value(run: RunFolder, service: Mapping[str, Any]) -> Fraction | None:
    """The service term of a run at the price of other settings that count the same as served; None if they do not."""
    mine = (run.scenario.get("resolved") or {}).get("service") or {}
    if any(mine.get(name) != service.get(name) for name in SERVICE_MEASURE):
        return None
    price, other = (Fraction(str(each.get("value", 0))) for each in (mine, service))
    term = run.kpis.get("service_value") or Fraction(0)
    if price == other:
        return term
    return term / price * other if price else Fraction(0) if not other else None


def _notes(runs: Sequence[RunFolder]) -> list[str]:
    """What a reader must know before believing that one run beats another."""
    notes = []
    first = runs[0].scenario.get("resolved") or {}
    for run in runs[1:]:
        mine = run.scenario.get("resolved") or {}
        differ = [name for name in OBJECTIVE_SETTINGS if _weighed(mine, name) != _weighed(first, name)]
        if differ and run.has_plan:
            ranked = weighted_value(run, first) is not None
            how = "it is ranked by what its plan is worth to the baseline" if ranked else "it cannot be ranked"
            notes.append(f"{run.label}: its value is in a measure of its own ({' and '.join(differ)} differ); {how}")
        if run.run.get("softened"):
            notes.append(f"{run.label}: planned with hard rules lowered")
        if not run.has_plan:
            notes.append(f"{run.label}: holds no plan; nothing is compared but its inputs")
    return notes


def _weighed(settings: Mapping[str, Any], section: str) -> dict[str, Any]:
    """A section without what only limits plans and does not value them."""
    return {key: value for key, value in (settings.get(section) or {}).items() if key != "min_level"}


# -- the tables of all runs -------------------------------------------------------------------------------------------
def with_figures(comparison: Comparison) -> Comparison:
    """The comparison with its tables of runs, KPIs and shares, and all tables in reading order."""
    made = {
        **comparison.tables,
        "runs": _runs_table(comparison),
        "kpis": _kpi_table(comparison),
        "attribution": _share_table(comparison),
    }
    return replace(comparison, tables={name: made[name] for name in TABLES})


def _runs_table(comparison: Comparison) -> Table:
    columns = {
        "run": "text", "run_id": "text", "scenario": "text", "status": "text", "value": "decimal",
        "value_by_baseline_weights": "decimal", "open_gap": "decimal", "wins": "text",
    }  # fmt: skip
    rows = [
        (run.label, run.run_id, run.scenario, run.status, run.value, run.baseline_value, run.open_gap,
         "yes" if run.label == comparison.winner else "")
        for run in comparison.runs
    ]  # fmt: skip
    return table_of("runs", columns, rows)


def _kpi_table(comparison: Comparison) -> Table:
    columns = {
        "run": "text", "kpi": "text", "unit": "text", "better": "text", "baseline": "decimal", "value": "decimal",
        "difference": "decimal", "percent": "decimal", "outcome": "text",
    }  # fmt: skip
    rows = []
    for run in comparison.runs[1:]:
        for kpi in comparison.kpis:
            before, difference = comparison.baseline.kpis.get(kpi), comparison.difference(run, kpi)
            percent = difference / abs(before) * 100 if difference is not None and before else None
            rows.append(
                (run.label, kpi, compare_words.unit_of(kpi), compare_words.better(kpi), before, run.kpis.get(kpi),
                 difference, percent, comparison.outcome(run, kpi))
            )  # fmt: skip
    return table_of("kpis", columns, rows)


def _share_table(comparison: Comparison) -> Table:
    columns = {
        "run": "text", "kpi": "text", "change": "text", "share": "decimal", "standard_error": "decimal",
        "low": "decimal", "high": "decimal",
    }  # fmt: skip
    rows = [
        (found.run, kpi, share.change, share.amount, share.error, share.low, share.high)
        for found in comparison.attributions
        for kpi, shares in found.shares.items()
        for share in shares
    ]
    return table_of("attribution", columns, rows)


def headline(comparison: Comparison) -> str:
    """Who wins, in a sentence."""
    best = next(run for run in comparison.runs if run.label == comparison.winner)
    if best is comparison.baseline:
        return f"The baseline {best.label} wins: no other run is worth more to it."
    more = words.money(_baseline_value(best) - _baseline_value(comparison.baseline), comparison.currency)
    measured = "" if best.value == best.baseline_value else " in the baseline's measure"
    return f"{best.label} wins: worth {more} more than {comparison.baseline.label}{measured}."
