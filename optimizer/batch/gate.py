"""`allot gate`: the scenarios of a folder run again and held against their baseline runs by rules, for CI."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from optimizer.batch.compare_run import VALUE, RunFolder, read_run
from optimizer.batch.gate_rules import Bound, GateRule, check_rules, read_rules
from optimizer.errors import GATE_FAILED, OK, AllotError, InputError, UsageError
from optimizer.run import run

PASSED, FAILED = "passed", "FAILED"


@dataclass(frozen=True)
class Check:
    """One bound of one rule on one scenario (or on the sum of several).

    ``limit`` bounds the value; ``low`` and ``high`` bound what a rule judges, the value or its change, for the proven
    optima of both runs (None where the gap bounds nothing). ``certain``: whether the outcome holds anywhere in there.
    """

    scenario: str
    rule: int
    kpi: str
    bound: str
    baseline: Fraction | None
    found: Fraction | None
    limit: Fraction | None
    outcome: str
    low: Fraction | None = None
    high: Fraction | None = None
    certain: str = ""
    note: str = ""

    @property
    def change(self) -> Fraction | None:
        return None if self.baseline is None or self.found is None else self.found - self.baseline

    @property
    def passed(self) -> bool:
        return self.outcome == PASSED


@dataclass(frozen=True)
class Rerun:
    """One scenario: its baseline and what the same file comes to now; without a run, why."""

    name: str
    baseline: RunFolder
    run: RunFolder | None
    note: str = ""

    @property
    def figures(self) -> Mapping[str, Fraction | None]:
        return {} if self.run is None else self.run.kpis


@dataclass(frozen=True)
class Outcome:
    """Every check of a gate, failed ones first."""

    checks: tuple[Check, ...]
    currency: str
    as_of: str
    notes: tuple[str, ...] = field(default_factory=tuple)

    @property
    def exit_code(self) -> int:
        return OK if all(check.passed for check in self.checks) else GATE_FAILED


def gate(
    baselines: Path,
    scenarios: Path,
    rules_file: Path,
    *,
    settings: Sequence[str] = (),
    keep: Path | None = None,
    observe: Callable[[str], None] = lambda line: None,
) -> Outcome:
    """Run every scenario of a folder again and check the rules. ``keep``: where the new runs stay (else nowhere).

    Raises `InputError` for bad rules and `UsageError` for scenarios or baselines that are not there, before anything
    is solved. A scenario that is no longer valid, or no longer has a plan, fails its rules.
    """
    rules = read_rules(rules_file)
    files = scenario_files(scenarios, rules_file)
    before = baseline_runs(baselines, files)
    kpis = {kpi for each in before.values() for kpi in each.kpis}
    check_rules(rules_file, rules, kpis, [path.stem for path in files])
    place = tempfile.TemporaryDirectory(prefix="allot-gate-") if keep is None else nullcontext(str(keep))
    with place as folder:
        reruns = []
        for number, path in enumerate(files, start=1):
            observe(f"scenario {number} of {len(files)}: {path.stem}")
            reruns.append(rerun(path, before[path.stem], Path(folder) / path.stem, settings))
        checks = [check for at, rule in enumerate(rules, start=1) for check in checks_of(at, rule, reruns)]
    first = next(iter(before.values()))
    notes = tuple(f"{each.name}: {each.note}" for each in reruns if each.note)
    ordered = sorted(checks, key=lambda check: check.passed)
    return Outcome(tuple(ordered), first.currency, str(first.scenario.get("as_of", "")), notes)


def scenario_files(folder: Path, rules_file: Path) -> list[Path]:
    """The scenario files of a folder by name; the rules may lie among them."""
    if not folder.is_dir():
        raise UsageError(f"--scenarios {folder} is not a folder; name the one that holds the scenario files")
    files = sorted(path for path in folder.glob("*.toml") if path.resolve() != rules_file.resolve())
    if not files:
        raise UsageError(f"--scenarios {folder} holds no *.toml; name the folder that holds the scenario files")
    return files


def baseline_runs(folder: Path, files: Sequence[Path]) -> dict[str, RunFolder]:
    """The baseline of each scenario: the run folder of its name, or the only one that was made from its file."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder; name the one that holds the baseline runs")
    known = {path.name: read_run(path) for path in sorted(folder.iterdir()) if (path / "run.json").is_file()}
    found = {}
    for path in files:
        made_from = [name for name, told in known.items() if told.get("scenario", {}).get("file") == path.name]
        names = [path.stem] if path.stem in known else made_from
        if len(names) != 1:
            there = f"{len(names)} runs of it ({', '.join(names)})" if names else f"no run of it in {folder}"
            cure = f"allot solve {path} --out {folder / path.stem}"
            raise UsageError(f"scenario {path.name} has {there}; make its baseline with: {cure}")
        found[path.stem] = RunFolder(folder / names[0], path.stem, known[names[0]])
    return found


def rerun(path: Path, baseline: RunFolder, out: Path, settings: Sequence[str]) -> Rerun:
    """The scenario as it is now, solved; what stops it is a note, for the other scenarios are still to be checked."""
    try:
        outcome = run(path, out=out, settings=settings)
    except InputError as error:
        return Rerun(path.stem, baseline, None, f"no longer valid: {error.issues[0].text()}")
    except AllotError as error:
        return Rerun(path.stem, baseline, None, str(error).splitlines()[0])
    found = RunFolder(outcome.folder, path.stem, read_run(outcome.folder))
    note = "" if found.has_plan else f"no plan any more (exit {outcome.exit_code}): {outcome.summary[0]}"
    return Rerun(path.stem, baseline, found, note if baseline.has_plan else "")


# -- rules ------------------------------------------------------------------------------------------------------------
def checks_of(number: int, rule: GateRule, reruns: Sequence[Rerun]) -> Iterator[Check]:
    """The checks of one rule: on each scenario that it speaks of, or on their sum."""
    mine = [each for each in reruns if rule.applies(each.name)]
    if rule.over == "each":
        for each in mine:
            yield from _checks(number, rule, [each], each.name)
    else:
        yield from _checks(number, rule, mine, f"sum of {len(mine)}")


def _checks(number: int, rule: GateRule, reruns: Sequence[Rerun], name: str) -> Iterator[Check]:
    lost = [each for each in reruns if each.baseline.has_plan and not each.figures]
    if lost:
        notes = "; ".join(each.note for each in lost)
        yield Check(name, number, rule.kpi, "a plan", None, None, None, FAILED, certain="yes", note=notes)
        return
    before, after = (
        _total([figures.get(rule.kpi) for figures in side])
        for side in ([each.baseline.kpis for each in reruns], [each.figures for each in reruns])
    )
    if after is None:
        yield Check(name, number, rule.kpi, "a value", before, None, None, PASSED if before is None else FAILED,
                    note="no value now" if before is not None else "no value before or now")  # fmt: skip
        return
    for bound in rule.bounds(before):
        yield _judged(number, rule, bound, name, reruns, before, after)


def _judged(
    number: int,
    rule: GateRule,
    bound: Bound,
    name: str,
    reruns: Sequence[Rerun],
    before: Fraction | None,
    after: Fraction,
) -> Check:
    """One bound, by the published plans, or by what is proven of the optima."""
    low, high = _range(rule.kpi, bound, reruns, after)
    holds = bound.holds(after)
    certain = ""
    if low is not None and high is not None:
        ends = {bound.holds(low), bound.holds(high)}
        certain = "yes" if ends == {holds} else "no"
        if rule.judge == "proven" and not holds and certain == "no":
            holds = True
    note = "" if certain != "no" else "within the gaps: the optimum may have " + ("failed" if holds else "passed")
    shift = Fraction(0) if bound.is_absolute or before is None else before
    return Check(
        scenario=name,
        rule=number,
        kpi=rule.kpi,
        bound=bound.words(),
        baseline=before,
        found=after,
        limit=bound.limit,
        outcome=PASSED if holds else FAILED,
        low=None if low is None else low - shift,
        high=None if high is None else high - shift,
        certain=certain,
        note=note,
    )


def _range(kpi: str, bound: Bound, reruns: Sequence[Rerun], after: Fraction) -> tuple[Fraction | None, Fraction | None]:
    """Between what the value lies if each run is solved to its optimum, the baseline's optimum held at its published.

    The optimum of the new run is its value and at most its gap more. For a change, a baseline that might have been
    better by its own gap makes the change smaller by as much.
    """
    new = _total([None if each.run is None else each.run.open_gap for each in reruns])
    old = _total([each.baseline.open_gap for each in reruns])
    if kpi != VALUE or new is None or (old is None and not bound.is_absolute):
        return None, None
    return after - (Fraction(0) if bound.is_absolute or old is None else old), after + new


def _total(values: Sequence[Fraction | None]) -> Fraction | None:
    """The sum; None where one of them has no value."""
    known = [value for value in values if value is not None]
    return sum(known, Fraction(0)) if len(known) == len(values) else None
