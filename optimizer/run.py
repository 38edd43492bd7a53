"""The page to read first: load, check, build, solve, price, prove, write. One line each in `run`."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from math import inf
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

from optimizer.errors import INFEASIBLE, LIMIT_NO_PLAN, VERIFICATION_FAILED, Issue, UsageError

if TYPE_CHECKING:
    from optimizer.engines.result import KnownPrices, Progress
    from optimizer.model.build import Model
    from optimizer.model.parted import PartedModel
    from optimizer.record import Story
    from optimizer.report.bundle import RunBundle
    from optimizer.solution.plan import Plan
    from optimizer.tables.tables import Tables

Observer = Callable[[str], None]
PAUSE_S, PAUSE = 1.0, 0.02
"""Least seconds between two lines of progress, and their least share of the seconds so far."""


@dataclass(frozen=True)
class RunOutcome:
    """How a run ended: the exit code of the contract, the folder it wrote, and a few lines that say it in words."""

    exit_code: int
    folder: Path
    summary: tuple[str, ...]
    warnings: list[Issue] = field(default_factory=list)
    resumed: bool = False
    """nothing was solved: the folder held the finished run of the same inputs already"""


class Phases:
    """Seconds spent in each phase, by the monotonic clock."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        start = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - start


def run(
    scenario_path: Path | str,
    *,
    out: Path | None = None,
    settings: Sequence[str] = (),
    warm_start: Path | Plan | None = None,
    fmt: Literal["csv", "parquet"] = "csv",
    bundle_inputs: bool = False,
    require_certified: bool = False,
    soften: bool = False,
    allow_outside: bool = False,
    observe: Observer | None = None,
    stop: threading.Event | None = None,
    resume: bool = False,
) -> RunOutcome:
    """Solve one scenario and publish its run folder. Bad input raises `InputError`, and nothing is written.

    ``soften`` lowers hard rules that cannot all hold, by the cheapest repair; setting ``stop`` ends the run with the
    best verified plan so far; ``resume`` takes a finished run of the same inputs as it stands.
    """
    from optimizer import record, steps
    from optimizer.scenario.load import load_scenario
    from optimizer.solution.stages import optimize_in_stages
    from optimizer.tables.read import load_tables

    phases, stop, say = Phases(), stop or threading.Event(), observe or (lambda line: None)
    with phases("read"):
        loaded = load_scenario(scenario_path, settings, allow_outside=allow_outside)
        tables, warnings = load_tables(loaded)
    with phases("build"):
        model = steps.model_of(tables, loaded.scenario)
        start, known_prices = start_from(model, warm_start) if warm_start else (None, None)
    story = record.Story(loaded, settings, model, warnings, start, known_prices, require_certified=require_certified)
    target = target_of(story, out)
    if resume and (known := finished_before(story, target)):
        return known
    say(f"{loaded.scenario.name}: {record.size_words(model)}")
    threading.Thread(target=prepare_to_report, daemon=True).start()
    with phases("solve"):
        answer = optimize_in_stages(model, start, progress_words(say), stop, known_prices)
        if soften and (repairs := record.repairs(answer)):
            story = story.softened(repairs, answer.conflict)
            target = target_of(story, out)
            say("the hard rules cannot all hold: " + "; ".join(str(repair["words"]) for repair in repairs))
            answer = optimize_in_stages(story.model, start, progress_words(say), stop)
    if answer.plan is None:
        bundle, code = story.without_plan(answer), INFEASIBLE if answer.conflict else LIMIT_NO_PLAN
        return publish(bundle, target, code, phases, warnings, fmt)
    story.model = answer.model or story.model
    with phases("price"):
        prices = steps.prices_of(story.model, answer, stop)
    with phases("explain"):
        left = float(story.scenario.solve.time_limit_s) - phases.seconds["price"]
        fairness = steps.share_costs_of(story.model, answer, stop)
        changes = steps.least_changes_of(story.model, answer, stop, left)
    with phases("prove"):
        bundle = story.with_plan(answer, prices, changes, fairness)
    copied = tables if bundle_inputs else None
    return publish(bundle, target, story.exit_code(bundle, answer), phases, warnings, fmt, copied)


def target_of(story: Story, out: Path | None) -> Path:
    """The run folder to be; a refusal if something else is in its place."""
    from optimizer.report.write import check_target

    return check_target(out or Path("runs") / story.run_id, replace=True)


def finished_before(story: Story, target: Path) -> RunOutcome | None:
    """The run that the folder holds already, if it is this one and ended by itself."""
    from optimizer.resume import finished

    known = finished(target, story.run_id)
    if known is None:
        return None
    return RunOutcome(known.exit_code, target, known.summary, story.warnings, resumed=True)


def prepare_to_report() -> None:
    """Load, while an engine works in its own process, what is needed after it."""
    for module in ("optimizer.proof.checker", "optimizer.report.excel", "xlsxwriter"):
        import_module(module)
    import_module("optimizer.report.html").prepare()


def start_from(model: Model | PartedModel, start: Path | Plan) -> tuple[Plan, KnownPrices | None]:
    """A plan of these very tables, or plan and prices of an earlier run; what reads them is imported when asked for."""
    from optimizer.model.parted import PartedModel
    from optimizer.warm_prices import read_prices
    from optimizer.warm_start import read_plan

    if isinstance(model, PartedModel):
        raise UsageError("a batch of this size is planned in parts, which begins with no plan: leave --warm-start out")
    if not isinstance(start, Path):
        return start, None
    return read_plan(model, start), read_prices(model, start)


def publish(
    bundle: RunBundle,
    target: Path,
    exit_code: int,
    phases: Phases,
    warnings: list[Issue],
    fmt: Literal["csv", "parquet"],
    copied: Tables | None = None,
) -> RunOutcome:
    """Stage the folder, let the independent checker read it, and put it in place; a rejected plan is withheld.

    ``copied``: input tables as they were read, to be written beside the plan.
    """
    from optimizer import record
    from optimizer.proof import verify_staged
    from optimizer.report.write import stage

    if copied is not None:
        bundle = bundle.replace(copies=record.input_copies(copied))
    with phases("write"), stage(bundle, target, fmt, replace=True) as staged:
        verification = None
        if bundle.has_plan:
            with phases("verify"):
                verification = verify_staged(staged.path, bundle.inputs, bundle.scenario, bundle.reckoned)
                verification |= {"softened": softened} if (softened := bundle.run.get("softened")) else {}
            if not verification["passed"]:
                staged.discard()
                rejected = record.rejected(bundle, verification)
                return publish(rejected, target, VERIFICATION_FAILED, phases, warnings, fmt)
        staged.seal(verification or bundle.verification, record.timing(phases.seconds, bundle, exit_code))
        folder = staged.commit()
    return RunOutcome(exit_code, folder, tuple(record.summary(bundle, folder, exit_code)), warnings)


def progress_words(say: Observer) -> Callable[[Progress], None]:
    """Incumbent, bound, gap and time as one line: the first plan at once, else after `PAUSE_S` and `PAUSE` of the time.

    An engine tells of every better bound, some hundred times a second at first; logs of night runs are read by people.
    """
    last_s, without_plan = -inf, True

    def show(step: Progress) -> None:
        nonlocal last_s, without_plan
        has_plan = step.value == step.value
        is_soon = 0.0 <= step.seconds - last_s < max(PAUSE_S, PAUSE * step.seconds)  # the next stage begins at 0 again
        if is_soon and not (has_plan and without_plan):
            return
        last_s, without_plan = step.seconds, without_plan and not has_plan
        gap = (step.bound - step.value) / max(abs(step.value), 1e-9)
        value = f"{step.value:,.2f}" if has_plan else "none yet"
        say(
            f"{step.seconds:7.1f} s  value {value}  bound {step.bound:,.2f}"
            + (f"  gap {gap:.3%}" if gap == gap else "")
        )

    return show


def export_model(
    scenario_path: Path | str,
    file: Path,
    fmt: Literal["mps", "lp"],
    settings: Sequence[str] = (),
    allow_outside: bool = False,
) -> str:
    """Write the model of a scenario for another solver; returns its size in words."""
    from optimizer import record
    from optimizer.model.build import build_model
    from optimizer.model.export import write_lp, write_mps
    from optimizer.scenario.load import load_scenario
    from optimizer.tables.read import load_tables

    loaded = load_scenario(scenario_path, settings, allow_outside=allow_outside)
    tables, _ = load_tables(loaded)
    model = build_model(tables, loaded.scenario)
    (write_mps if fmt == "mps" else write_lp)(model, file)
    return record.size_words(model)


class _Callable(ModuleType):
    """`optimizer.run` is this module and, called, `optimizer.api.run`: the same run, from tables in memory too."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return import_module("optimizer.api").run(*arguments, **options)


sys.modules[__name__].__class__ = _Callable
