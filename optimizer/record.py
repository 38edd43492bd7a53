"""What a run writes down about itself: identity, settings, sizes, gaps, versions, and the words that sum it up."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import resource
from collections.abc import Mapping, Sequence
from copy import copy
from decimal import Decimal
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from optimizer import __version__
from optimizer.engines.auto import OWN
from optimizer.engines.result import KnownPrices
from optimizer.errors import INTERRUPTED_INT, LIMIT_WITH_PLAN, OK, Issue
from optimizer.exact import decimal_text, money_text
from optimizer.model.build import Model, build_model
from optimizer.model.parted import PartedModel
from optimizer.proof import bound_text, reckon
from optimizer.report.bundle import SCHEMA_VERSION, RunBundle
from optimizer.report.words import share_words
from optimizer.solution.contract_prices import priced
from optimizer.solution.exceptions import exceptions
from optimizer.solution.least_change import LeastChange
from optimizer.solution.least_words import as_data
from optimizer.solution.ledger import Ledger
from optimizer.solution.metrics import kpis_of
from optimizer.solution.optimize import Answer
from optimizer.solution.outputs import tables_of
from optimizer.solution.plan import Plan
from optimizer.solution.prices import Prices
from optimizer.solution.reasons import shorts
from optimizer.solution.replenishment import replenishment
from optimizer.solution.share_costs import told_shares
from optimizer.solution.stage_reasons import with_goals
from optimizer.tables.soften import soften, soften_log

if TYPE_CHECKING:
    from optimizer.proof.bound import Reckoned
    from optimizer.scenario.load import LoadedScenario
    from optimizer.scenario.schema import Scenario
    from optimizer.tables.tables import Tables

MINOR_UNIT = Fraction(1, 100)
"""The smallest amount of money that is shown; an absolute gap below it is no gap."""

COVERS_LOSE = 2e-4
"""Relative distance of the certified bound above the engine's at which prices without covers are tried too."""
TINY = Fraction(1, 10**9)
"""The least denominator of a relative gap."""

LIBRARIES = ("numpy", "pandas", "pyarrow", "highspy", "ortools", "PuLP")


class Story:
    """One run, from its inputs to the bundle that is written."""

    def __init__(
        self,
        loaded: LoadedScenario,
        overrides: Sequence[str],
        model: Model | PartedModel,
        warnings: list[Issue],
        warm_start: Plan | None = None,
        prices: KnownPrices | None = None,
        *,
        require_certified: bool,
    ) -> None:
        self.loaded, self.overrides, self.model, self.warnings = loaded, list(overrides), model, warnings
        self.warm_start, self.known_prices, self.require_certified = warm_start, prices, require_certified
        self.settings = json.loads(loaded.scenario.model_dump_json())
        self.lowered: list[dict[str, Any]] = []
        self.conflict: dict[str, Any] | None = None

    @property
    def scenario(self) -> Scenario:
        """The scenario that is planned: as loaded, or with rules lowered."""
        return self.model.scenario

    def softened(self, repairs: list[dict[str, Any]], conflict: dict[str, Any] | None) -> Story:
        """The same run with rules lowered, and the conflict that made it necessary."""
        story = copy(self)
        story.lowered, story.conflict = repairs, conflict
        story.model = build_model(*soften(self.model.tables, self.model.scenario, repairs))
        return story

    @property
    def run_id(self) -> str:
        """A digest of inputs, settings and warm start, behind the scenario's name."""
        settings = {key: value for key, value in self.settings.items() if key != "data"}
        plan = self.warm_start
        begin: list[NDArray[Any]] = [] if plan is None else [plan.line, plan.lane, plan.qty]
        begin += [] if self.known_prices is None else [self.known_prices.rows, *self.known_prices.covers.values()]
        start = [column.tolist() for column in begin]
        digests = {source.table: source.digest for source in self.model.tables.sources}
        lowered = [[{key: str(value) for key, value in each.items()} for each in self.lowered]] if self.lowered else []
        return name_with_digest(self.loaded.scenario.name, [settings, digests, start, __version__, *lowered])

    def with_plan(
        self,
        answer: Answer,
        prices: Prices,
        changes: Mapping[int, LeastChange] | None = None,
        fairness: Mapping[int, dict[str, Any]] | None = None,
    ) -> RunBundle:
        """Everything about a run that has a plan; the bound is recomputed from the prices by the independent proof."""
        assert answer.plan is not None
        tables, scenario = self.model.tables, self.scenario
        reckoned = self._reckoned(answer, prices)
        certified = reckoned.value
        ledger = Ledger(tables, scenario, answer.plan)
        figures = kpis_of(ledger)
        run = {
            **self._opening(answer),
            "objective_value": answer.value,
            "best_bound": _decimal(answer.bound),
            **self._gaps(answer, certified, figures),
            "relaxation_bound": _decimal(prices.lp_bound),
            **self._closing(answer),
            "kpis": figures,
            **told_shares(ledger, fairness or {}),
            "least_changes": as_data((changes or {}).values(), tables.order_lines),
        }
        outputs = tables_of(ledger)
        short_lines = with_goals(shorts(self.model, answer.plan, prices, changes), self.model.stages)
        outputs |= {
            "contracts": priced(outputs["contracts"], prices),
            "shadow_prices": prices.shadow_prices,
            "shorts": short_lines,
            "exceptions": exceptions(ledger, short_lines),
            "replenishment": replenishment(ledger, short_lines, prices.shadow_prices),
        }
        return RunBundle(
            run=run,
            timing=self._times(answer, prices.notes),
            inputs=tables,
            scenario=scenario,
            plan=answer.plan,
            tables=outputs,
            certificate={**reckoned.certificate, "certified_bound": bound_text(certified)},
            reckoned=reckoned,
            conflict=self.conflict,
        )

    def _reckoned(self, answer: Answer, prices: Prices) -> Reckoned:
        """The certificate, with the bound that the independent proof reckons from it; covers only where they help.

        They do, unless the proof finds less of an order's best than the engine and so ends well above its bound.
        Branches go with the prices of the covers, and so go where those do.
        """
        tables, scenario = self.model.tables, self.scenario
        certificate = {**prices.certificate_json(), **certified_stages(answer)}
        found = reckon(tables, scenario, certificate)
        if prices.covers is None or float(found.value) <= answer.bound + COVERS_LOSE * abs(answer.bound):
            return found
        without = {name: part for name, part in certificate.items() if name not in ("covers", "branches")}
        plain = reckon(tables, scenario, without)
        return found if found.value <= plain.value else plain

    def without_plan(self, answer: Answer) -> RunBundle:
        """What is known about a run that ended without a plan."""
        run = {
            **self._opening(answer),
            "objective_value": None,
            "best_bound": _decimal(answer.result.best_bound),
            **self._closing(answer),
        }
        return RunBundle(
            run=run,
            timing=self._times(answer, ()),
            inputs=self.model.tables,
            scenario=self.scenario,
            conflict=answer.conflict or self.conflict,
        )

    def exit_code(self, bundle: RunBundle, answer: Answer) -> int:
        """0 if the gap that counts is within the limit or below one minor unit, and every stage proven; else 4."""
        if answer.termination.limit == "interrupted":
            return INTERRUPTED_INT
        value = bundle.run["objective_value"]
        bound = bundle.run["certified_bound" if self.judged_by_certificate(bundle) else "best_bound"]
        if bound is None:
            return LIMIT_WITH_PLAN
        absolute = Fraction(bound) - value
        within = absolute <= MINOR_UNIT or absolute <= Fraction(self.loaded.scenario.solve.gap) * abs(value)
        return OK if within and self._stages_proven(answer) else LIMIT_WITH_PLAN

    def judged_by_certificate(self, bundle: RunBundle) -> bool:
        """Whether the certified gap decides: where that is asked for, and for our own engine."""
        return self.require_certified or bundle.run["engine"]["name"] == OWN

    def _stages_proven(self, answer: Answer) -> bool:
        """Whether every stage is within its tolerance, or the relative gap that the scenario allows, of its best."""
        gap = Fraction(self.loaded.scenario.solve.gap)
        return all(
            stage["gap"] is not None and stage["gap"] <= max(stage["tolerance"], gap * abs(stage["value"]))
            for stage in answer.stages
            if stage["kind"] == "stage"
        )

    # -- the parts of run.json ------------------------------------------------------------------------------------
    def _opening(self, answer: Answer) -> dict[str, Any]:
        scenario = self.loaded.scenario
        ended = answer.termination
        return {
            "schema_version": SCHEMA_VERSION,
            "run_id": self.run_id,
            "scenario": {
                "name": scenario.name,
                "file": self.loaded.path.name,
                "as_of": scenario.as_of.isoformat(),
                "currency": scenario.currency,
                "settings": self.overrides,
                "resolved": self.settings,
                "changes": [*self.loaded.changes, *self.model.tables.changes, *soften_log(self.lowered)],
            },
            **({"softened": self.lowered} if self.lowered else {}),
            **({"stages": [dict(stage) for stage in answer.stages]} if answer.stages else {}),
            "termination": {"reason": ended.reason, "limit": ended.limit, "detail": ended.detail},
        }

    def _gaps(self, answer: Answer, certified: Fraction, figures: dict[str, Any]) -> dict[str, Any]:
        value = answer.value or Fraction(0)
        size = max(abs(value), TINY)
        claimed = _decimal(answer.bound)
        absolute = None if claimed is None else Fraction(claimed) - value
        controllable = figures["shipping_cost"] + figures["handling_cost"] + figures["penalties"]
        return {
            "abs_gap": absolute,
            "rel_gap": None if absolute is None else absolute / size,
            "gap_over_controllable_cost": None if absolute is None or not controllable else absolute / controllable,
            "certified_bound": certified,
            "certified_gap": (certified - value) / size,
            "require_certified": self.require_certified,
        }

    def _closing(self, answer: Answer) -> dict[str, Any]:
        solve = self.loaded.scenario.solve
        return {
            "engine": {
                "requested": solve.engine,
                "name": answer.engine,
                "version": answer.result.version,
                "why": answer.why,
            },
            "versions": {
                "allot": __version__,
                "python": platform.python_version(),
                **{name: version(name) for name in LIBRARIES},
            },
            "seed": solve.seed,
            "threads": solve.threads,
            "tie_break": answer.tie_break,
            "warm_start": self.warm_start is not None,
            "model": self.model.describe(),
            "pruned": self.model.pruned,
            "inputs": [
                {"table": source.table, "source": source.source, "rows": source.rows, "digest": source.digest}
                for source in self.model.tables.sources
            ],
            "warnings": [issue.text() for issue in self.warnings],
        }

    def _times(self, answer: Answer, notes: Any) -> dict[str, Any]:
        return {
            "scenario_path": str(self.loaded.path.resolve()),
            "solve": {
                "seconds": _decimal(answer.result.seconds),
                "native_status": answer.result.native_status,
                "stats": {name: _decimal(value) for name, value in answer.result.stats.items()},
                "incumbents": [
                    {"seconds": _decimal(step.seconds), "value": _decimal(step.value), "bound": _decimal(step.bound)}
                    for step in answer.result.trace
                ],
                "log_tail": answer.result.log_tail,
            },
            "price_notes": list(notes),
        }


def name_with_digest(name: str, content: Sequence[Any]) -> str:
    """A name as it may stand in a path, and behind it a digest of what decides the outcome."""
    text = json.dumps(content, sort_keys=True)
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "run"
    return f"{slug[:60]}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _decimal(value: float) -> Decimal | None:
    """The shortest decimal that names the float, as it is written and counted with from then on; None if infinite."""
    return Decimal(repr(float(value))) if np.isfinite(value) else None


def rejected(bundle: RunBundle, verification: dict[str, Any]) -> RunBundle:
    """The folder of a run whose plan the checker refused: what failed, and no plan."""
    run = {key: value for key, value in bundle.run.items() if key not in ("objective_value", "kpis")}
    first = "".join(f": {failure}" for failure in verification["failures"][:1])
    run["termination"] = {"reason": "ERROR", "limit": "", "detail": f"the independent checker rejected the plan{first}"}
    return bundle.replace(run=run, plan=None, tables={}, certificate=None, verification=verification)


def certified_stages(answer: Answer) -> dict[str, Any]:
    """The rows that floors and stages of the objective leave, as the certificate states them."""
    rows = answer.model.stages if answer.model else ()
    stated = [
        {"stage": number, "kpi": row.kpi, "sense": row.sense, "kept": decimal_text(row.kept)}
        for number, row in enumerate(rows, start=1)
    ]
    return {"stages": stated} if stated else {}


def repairs(answer: Answer) -> list[dict[str, Any]]:
    """What would let the hard rules hold, as `run.json` states it; empty where no verified repair is known."""
    repair = (answer.conflict or {}).get("repair") or {}
    stated = ("rule", "id", "keys", "from", "to", "words")
    return [{name: each[name] for name in stated} for each in repair.get("rules", ()) if repair["verified"]]


def input_copies(tables: Tables) -> dict[str, bytes]:
    """The input tables as CSV files of the contract's columns, for a folder that can be checked anywhere."""
    from optimizer.report.csv_out import table_bytes

    names = [source.table for source in tables.sources]
    return {f"inputs/{name}.csv": b"".join(table_bytes(getattr(tables, name), guarded=False)) for name in names}


def size_words(model: Model | PartedModel) -> str:
    """The size of a model in one line."""
    if isinstance(model, PartedModel):
        lines = len(model.tables.order_lines)
        return f"{lines:,} lines, {model.pairs:,} pairs with lanes, in {len(model.parts):,} parts"
    linear = model.linear
    return f"{linear.n_rows:,} rows, {linear.n_cols:,} columns, {linear.n_nonzeros:,} nonzeros"


def timing(seconds: dict[str, float], bundle: RunBundle, exit_code: int) -> dict[str, Any]:
    """All that may differ between two equal runs, and how the run ended."""
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    child_kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return {
        **bundle.timing,
        "exit_code": exit_code,
        "phases_seconds": {name: _decimal(round(value, 4)) for name, value in seconds.items()},
        "peak_memory_mb": peak_kib // 1024,
        "peak_memory_engine_mb": child_kib // 1024,
        "host": {"system": platform.system(), "machine": platform.machine(), "cores": os.cpu_count()},
    }


def summary(bundle: RunBundle, folder: Path, exit_code: int) -> list[str]:
    """The outcome in a few lines of plain words."""
    run, ended = bundle.run, bundle.run["termination"]
    currency = bundle.scenario.currency
    if not bundle.has_plan:
        lines = [f"no plan: {ended['reason'].lower()} {ended['limit']} {ended['detail']}".rstrip()]
        for rule in (bundle.conflict or {}).get("rules", [])[:10]:
            lines.append(f"  {rule['words']}")
        return [*lines, f"folder    {folder}"]
    percent = decimal_text(run["certified_gap"] * 100, 4)
    claimed = "none" if run["best_bound"] is None else money_text(Fraction(run["best_bound"]))
    proven = "no bound" if run["rel_gap"] is None else f"{decimal_text(run['rel_gap'] * 100, 4)} %"
    figures = run["kpis"]
    return [
        f"{bundle.scenario.name}: {ended['reason']}{' at the ' + ended['limit'] + ' limit' if ended['limit'] else ''}"
        f" by {run['engine']['name']} ({run['engine']['why']})",
        f"value     {money_text(run['objective_value'])} {currency}",
        f"bound     {claimed} claimed, gap {proven}",
        f"certified {money_text(run['certified_bound'])} recomputed, gap {percent} %",
        f"served    {figures['units_allocated']:,} of {figures['units_ordered']:,} units,"
        f" {figures['shipments']:,} shipments, freight {money_text(figures['shipping_cost'])}",
        *_to_look_at(bundle),
        *(f"softened  {repair['words']}" for repair in run.get("softened", ())),
        *(f"goal      {stage['words']}" for stage in run.get("stages", ())),
        *(f"shared    {share_words(share, currency)}" for share in run.get("fair_share", ())),
        f"folder    {folder}",
        f"report    {folder / 'report.html'}",
    ]


def _to_look_at(bundle: RunBundle) -> list[str]:
    """Orders that wait or come late, and how many findings a person must look at; nothing where there are none."""
    figures, found = bundle.run["kpis"], bundle.tables["exceptions"]
    deferred, late = figures["deferred_orders"], figures["late_orders"]
    lines = [f"dates     {deferred:,} orders leave later, {late:,} arrive late"] if deferred or late else []
    if len(found):
        high = int((found["severity"] == "high").sum())
        lines.append(f"look at   {len(found):,} findings in exceptions, {high:,} of them high")
    return lines
