"""`allot certify`: a run folder judged on its own, from its files and the inputs it names."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optimizer.errors import OK, VERIFICATION_FAILED, InputError, Issue, UsageError, VerificationError
from optimizer.exact import decimal_text, money_text
from optimizer.proof.checker import Report, check_folder, mapping
from optimizer.proof.kpis import TINY
from optimizer.proof.run_files import file_digests, is_number, read_json, stated_digests
from optimizer.tables.schema import TABLES
from optimizer.tables.soften import soften

if TYPE_CHECKING:
    from optimizer.scenario.load import LoadedScenario
    from optimizer.scenario.schema import Scenario
    from optimizer.tables.tables import Tables

_DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?", re.ASCII)
"""Settings that are decimals stand in quotes in run.json, so that no reader makes floats of them."""

TEXTS = ("name", "currency")
"""Settings that are text even where they look like a number."""

NOT_THERE = frozenset(
    {"missing_file", "unreadable", "not_a_file", "outside_path", "url", "bad_path", "query_failed", "bad_connection"}
)
"""Findings that mean "cannot be read" rather than "is not what it was"."""


SHOWN = Fraction(1, 200)
"""Shares of the gap below half a minor unit are not printed."""

MOST_PRINTED = 20
"""Failures that are printed in words."""


@dataclass(frozen=True)
class Verdict:
    """The outcome for a run folder: everything that `allot certify` prints."""

    folder: Path
    report: Report
    failures: tuple[str, ...] = ()
    """what is wrong with the folder itself or with its inputs"""
    has_plan: bool = True
    currency: str = ""
    notes: tuple[str, ...] = field(default_factory=tuple)

    @property
    def passed(self) -> bool:
        return not self.failures and self.report.passed

    @property
    def exit_code(self) -> int:
        return OK if self.passed else VERIFICATION_FAILED

    @property
    def value(self) -> Fraction | None:
        return self.report.value

    @property
    def certified_bound(self) -> Fraction | None:
        return None if self.report.bound is None else self.report.bound.value

    @property
    def gap(self) -> Fraction | None:
        """(bound − value) / max(|value|, 1e-9)."""
        if self.value is None or self.certified_bound is None:
            return None
        return (self.certified_bound - self.value) / max(abs(self.value), TINY)

    @property
    def all_failures(self) -> list[str]:
        return [*self.failures, *self.report.failures]

    def as_json(self) -> dict[str, Any]:
        """Everything, with numbers exact."""
        found = self.report.as_json()
        return {
            **found,
            "passed": self.passed,
            "gap": self.gap,
            "failures": self.all_failures,
            "notes": list(self.notes),
        }

    def to_json(self) -> str:
        return json.dumps(_plain(self.as_json()), indent=2, ensure_ascii=False)

    def text(self) -> str:
        """The verdict in a few lines of plain words."""
        lines = [f"{self.folder}: {'verified' if self.passed else 'REJECTED'}"]
        lines += [f"  {failure}" for failure in self.all_failures[:MOST_PRINTED]]
        if len(self.all_failures) > MOST_PRINTED:
            lines.append(f"  ... and {len(self.all_failures) - MOST_PRINTED} more; --json tells all that are kept")
        if not self.has_plan:
            return "\n".join([*lines, "  the run has no plan; only its files were checked"])
        if self.value is not None and self.certified_bound is not None and self.gap is not None:
            lines += [
                f"value     {money_text(self.value)} {self.currency}",
                f"bound     {money_text(self.certified_bound)} {self.currency}, recomputed from certificate.json",
                f"gap       {money_text(self.certified_bound - self.value)} {self.currency}, "
                f"{decimal_text(Fraction(round(self.gap * 10**6), 10**4), 4)} %",
            ]
        lines += self._where()
        kept = sum(rule.passed for rule in self.report.rules)
        lines.append(f"rules     {kept} of {len(self.report.rules)} kept")
        return "\n".join([*lines, *self.notes])

    def _where(self) -> list[str]:
        """Where the gap sits: the largest orders, products and warehouses."""
        if self.report.parts is None or self.certified_bound is None:
            return []
        found, lines = self.report.parts.as_json(), []
        for kind in ("orders", "products", "warehouses"):
            shown = [entry for entry in found[f"top_{kind}"][:5] if entry["amount"] >= SHOWN]
            named = [f"{entry['id']} {money_text(entry['amount'])}" for entry in shown]
            if named:
                lines.append(f"gap in    {kind}: {', '.join(named)}")
        return lines


def _plain(value: Any) -> Any:
    """Fractions as decimal text, so that no float is written."""
    if isinstance(value, Fraction):
        return decimal_text(value)
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def certify(run_dir: Path | str, inputs: Path | str | None = None) -> Verdict:
    """Judge a run folder. Raises `InputError` or `UsageError` (exit 2) if the folder or an input cannot be read."""
    folder = Path(run_dir)
    if not (folder / "run.json").is_file():
        raise UsageError(f"{folder} is not a run folder: it has no run.json")
    try:
        failures = _check_files(folder)
        run = mapping(read_json(folder / "run.json"), "run.json")
        stated = mapping(run.get("scenario"), "run.json scenario")
    except VerificationError as error:
        return Verdict(folder, Report(), (str(error),))
    currency = str(stated.get("currency", ""))
    if run.get("objective_value") is None:
        hidden = [
            f"run.json states no value, but {path.name} is there" for path in sorted(folder.glob("allocations.*"))
        ]
        return Verdict(folder, Report(), (*failures, *hidden), has_plan=False, currency=currency)
    try:
        loaded, tables = _inputs(folder, stated, None if inputs is None else Path(inputs))
    except VerificationError as error:
        return Verdict(folder, Report(), (*failures, str(error)), currency=currency)
    failures += _changed(run, stated, loaded, tables)
    lowered = run.get("softened") or ()
    try:
        tables, scenario = soften(tables, loaded.scenario, lowered)
    except VerificationError as error:
        return Verdict(folder, Report(), (*failures, str(error)), currency=currency)
    notes = tuple(f"softened  {repair.get('words', repair['rule'])}" for repair in lowered)
    return Verdict(folder, check_folder(folder, tables, scenario), tuple(failures), notes=notes, currency=currency)


def read_inputs(run_dir: Path, inputs: Path | None = None) -> tuple[Mapping[str, Any], Tables, Scenario]:
    """What run.json says, and the tables and the scenario that its plan was made for, found as `certify` finds them.

    Raises `UsageError` if the folder holds no plan, `VerificationError` if the inputs are not those of the run.
    """
    run, loaded, tables = loaded_inputs(run_dir, inputs)
    return run, *soften(tables, loaded.scenario, run.get("softened") or ())


def loaded_inputs(run_dir: Path, inputs: Path | None = None) -> tuple[Mapping[str, Any], LoadedScenario, Tables]:
    """The same before any rule was lowered, the scenario with where its settings and changes come from."""
    if not (run_dir / "run.json").is_file():
        raise UsageError(f"{run_dir} is not a run folder: it has no run.json")
    run = mapping(read_json(run_dir / "run.json"), "run.json")
    stated = mapping(run.get("scenario"), "run.json scenario")
    if run.get("objective_value") is None:
        raise UsageError(f"{run_dir} holds no plan: the run ended without one")
    loaded, tables = _inputs(run_dir, stated, inputs)
    changed = _changed(run, stated, loaded, tables)
    if changed:
        raise VerificationError("; ".join(changed))
    return run, loaded, tables


def _check_files(folder: Path) -> list[str]:
    """Files that are not what timing.json says they were, that are missing, or that it does not know."""
    stated, found = stated_digests(read_json(folder / "timing.json")), file_digests(folder)
    lost = [f"{name}: listed in timing.json and missing" for name in sorted(stated.keys() - found.keys())]
    strange = [f"{name}: not listed in timing.json" for name in sorted(found.keys() - stated.keys())]
    both = sorted(stated.keys() & found.keys())
    changed = [f"{name}: changed since the run was written" for name in both if stated[name] != found[name]]
    return lost + strange + changed


def _scenario(folder: Path, stated: Mapping[str, Any], inputs: Path | None) -> LoadedScenario:
    """The scenario the run was made from: where it lay, or in the folder that ``inputs`` names."""
    from optimizer.scenario.load import load_scenario

    settings = [str(setting) for setting in stated.get("settings") or ()]
    name = str(stated.get("file", "scenario.toml"))
    if inputs is not None:
        if not inputs.is_dir():
            raise UsageError(f"--inputs {inputs} is not a folder")
        if not (inputs / name).is_file():
            return _bundled(inputs, folder, stated)
        return load_scenario(inputs / name, settings, allow_outside=True)
    timing = read_json(folder / "timing.json")
    path = Path(str(timing.get("scenario_path", name)))
    if not path.is_file() and (folder / "inputs").is_dir():
        return _bundled(folder / "inputs", folder, stated)
    return load_scenario(path, settings, allow_outside=True)


def _bundled(inputs: Path, folder: Path, stated: Mapping[str, Any]) -> LoadedScenario:
    """The resolved settings of run.json over tables that lie in one folder, each under its own name.

    The tables are those of the settings, and those that only changes have filled.
    """
    import tempfile

    from optimizer.scenario.load import load_scenario

    resolved = dict(mapping(stated.get("resolved"), "run.json scenario.resolved"))
    data = {}
    stated_inputs = mapping(read_json(folder / "run.json"), "run.json").get("inputs")
    entries = stated_inputs if isinstance(stated_inputs, list) else []
    listed = [str(entry.get("table")) for entry in entries if isinstance(entry, Mapping)]
    for name in dict.fromkeys([*(resolved.get("data") or {}), *(name for name in listed if name in TABLES)]):
        found = [path for path in (inputs / f"{name}.csv", inputs / f"{name}.parquet") if path.is_file()]
        if not found:
            raise _missing(inputs / f"{name}.csv")
        data[name] = str(found[0].resolve())
    goals = resolved.get("objective")
    if isinstance(goals, Mapping) and goals.get("mode") == "weighted":
        del resolved["objective"]  # what holds where nothing is said
    if isinstance(resolved.get("stability"), Mapping):
        resolved["stability"] = {**resolved["stability"], "previous_plan": str(inputs.resolve())}
    if mapping(resolved.get("objective") or {"mode": "weighted"}, "objective").get("mode") == "weighted":
        resolved.pop("objective", None)  # what goes without saying
    resolved = {key: value for key, value in {**resolved, "data": data}.items() if value is not None}
    lines = [f"{key} = {json.dumps(value) if key in TEXTS else _toml(value)}" for key, value in resolved.items()]
    as_of = f"as_of = {resolved.get('as_of')}"
    lines = [as_of if line.startswith("as_of = ") else line for line in lines]
    with tempfile.TemporaryDirectory(prefix="allot-certify-") as aside:
        scenario = Path(aside) / "scenario.toml"
        scenario.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return load_scenario(scenario, (), allow_outside=True)


def _toml(value: Any) -> str:
    """A value of run.json as TOML."""
    if isinstance(value, Mapping):
        pairs = (f"{json.dumps(key)} = {_toml(inner)}" for key, inner in value.items() if inner is not None)
        return "{ " + ", ".join(pairs) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(inner) for inner in value) + "]"
    return str(value) if is_number(value) or _DECIMAL.fullmatch(str(value)) else json.dumps(value)


def _missing(path: Path) -> InputError:
    remedy = "say with --inputs where the scenario and its tables are now"
    return InputError([Issue(str(path), None, None, "", "a file that exists", remedy, "missing_file")])


def _inputs(folder: Path, stated: Mapping[str, Any], inputs: Path | None) -> tuple[LoadedScenario, Tables]:
    """The scenario and its tables; unreadable ones raise `InputError`, those that are no longer valid were changed.

    What is not there any more may be in the folder itself, if the run copied its inputs.
    """
    from optimizer.tables.read import load_tables

    try:
        loaded = _scenario(folder, stated, inputs)
        return loaded, load_tables(loaded)[0]
    except InputError as error:
        if any(issue.code in NOT_THERE for issue in error.issues):
            if inputs is None and (folder / "inputs").is_dir():
                return _inputs(folder, stated, folder / "inputs")
            raise
        words = error.issues[0].text()
        raise VerificationError(f"inputs: no longer valid, so changed since the run: {words}") from None


def _changed(run: Mapping[str, Any], stated: Mapping[str, Any], loaded: LoadedScenario, tables: Tables) -> list[str]:
    """Input tables and settings that are not those of the run."""
    listed = {entry.get("table"): entry for entry in run.get("inputs") or () if isinstance(entry, Mapping)}
    found = {source.table: source for source in tables.sources}
    failures = []
    for name in sorted(listed.keys() | found.keys(), key=str):
        if name not in found or name not in listed:
            failures.append(f"inputs: table {name} is {'gone' if name in listed else 'new'}")
        elif listed[name].get("digest") != found[name].digest or str(listed[name].get("rows")) != str(found[name].rows):
            failures.append(f"inputs: table {name} changed since the run ({found[name].source})")
    now = _comparable(_without_places(json.loads(loaded.scenario.model_dump_json())))
    then = _comparable(_without_places(stated.get("resolved")))
    for key in sorted(now.keys() | then.keys()):
        if now.get(key) != then.get(key):
            failures.append(f"inputs: setting {key} changed since the run")
    return failures


def _without_places(settings: Any) -> Any:
    """Settings without where files lie: what they hold is compared by digest."""
    if not isinstance(settings, Mapping):
        return settings
    stability = settings.get("stability")
    near = {**stability, "previous_plan": ""} if isinstance(stability, Mapping) else stability
    return {key: value for key, value in settings.items() if key != "data"} | {"stability": near}


def _comparable(settings: Any) -> dict[str, Any]:
    """Settings with every plain value as text, whether it was written as a number or in quotes."""

    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {str(key): plain(inner) for key, inner in value.items()}
        return value if value is None else str(value)

    return {str(key): plain(value) for key, value in settings.items()} if isinstance(settings, Mapping) else {}
