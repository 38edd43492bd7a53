"""`optimizer.run(...)`: plan a batch from Python, from files or from tables in memory. See docs/api.md."""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from optimizer.errors import InputError, Issue, UsageError
from optimizer.run import Observer, RunOutcome
from optimizer.run import run as run_files

if TYPE_CHECKING:
    import pandas as pd

    from optimizer.frames import Frame

IN_MEMORY = "scenario"
"""How findings name a scenario that is no file."""


@dataclass(frozen=True)
class Result(RunOutcome):
    """How a run ended, and what its folder holds; files are read when they are first asked for.

    ``exit_code`` is that of the command: 0 within the gap, 4 a limit was hit and there is a verified plan, 3 and 5 no
    plan, 6 the plan was rejected.
    """

    @cached_property
    def run(self) -> Mapping[str, Any]:
        """`run.json`, numbers exact."""
        found: Mapping[str, Any] = json.loads((self.folder / "run.json").read_bytes(), parse_float=Decimal)
        return found

    @property
    def has_plan(self) -> bool:
        """Whether there is a verified plan; without one there are no tables and no KPIs."""
        return self.run.get("objective_value") is not None

    @property
    def kpis(self) -> Mapping[str, Any]:
        """Each KPI by its name (docs/glossary.md), exact; empty without a plan."""
        found: Mapping[str, Any] = self.run.get("kpis") or {}
        return found

    def table(self, name: str, *, exact: bool = False) -> pd.DataFrame:
        """A table of the run, such as ``"shorts"``; ``exact``: money and weights as `Decimal`, not as floats.

        Ids are text, units whole numbers, days ``datetime64``. Raises `UsageError` where the run has no such table.
        """
        from optimizer.frames import read_frame

        return read_frame(self.folder, name, exact)

    @cached_property
    def allocations(self) -> pd.DataFrame:
        """What ships from where, when, from which lot, for which order line."""
        return self.table("allocations")

    @cached_property
    def shipments(self) -> pd.DataFrame:
        """Parcels and loads with their freight."""
        return self.table("shipments")

    @cached_property
    def transfers(self) -> pd.DataFrame:
        """What moves between warehouses first."""
        return self.table("transfers")

    @cached_property
    def orders(self) -> pd.DataFrame:
        """How each order ended."""
        return self.table("orders")

    @cached_property
    def shorts(self) -> pd.DataFrame:
        """Lines that got less than they asked for, and why."""
        return self.table("shorts")

    @cached_property
    def shadow_prices(self) -> pd.DataFrame:
        """What one more of each limit is worth."""
        return self.table("shadow_prices")


def run(
    scenario: Path | str | Mapping[str, Any],
    tables: Mapping[str, Frame] | None = None,
    *,
    out: Path | str | None = None,
    settings: Sequence[str] = (),
    warm_start: Path | str | None = None,
    fmt: Literal["csv", "parquet"] = "csv",
    bundle_inputs: bool = False,
    require_certified: bool = False,
    soften: bool = False,
    allow_outside: bool = False,
    observe: Observer | None = None,
    stop: threading.Event | None = None,
    resume: bool = False,
) -> Result:
    """Plan one batch, have it verified, write its run folder (default ``runs/<run_id>``).

    ``scenario``: a file, or what would stand in it as a mapping; paths in a mapping begin from the current folder.
    ``tables``: pandas or pyarrow tables by the names of docs/data.md; they take the place of those that a file names,
    and are copied into the run folder. Everything else is as in `allot solve`. ``observe`` is given lines of progress;
    setting ``stop`` ends the run with the best plan so far.

    Raises `InputError` with every finding about scenario and tables, `UsageError`, `OutputError` where the folder
    cannot be written; then nothing was. A run without a plan is no error: see `Result.exit_code`.
    """
    options: dict[str, Any] = {
        "out": None if out is None else Path(out),
        "settings": settings,
        "warm_start": None if warm_start is None else Path(warm_start),
        "fmt": fmt,
        "require_certified": require_certified,
        "soften": soften,
        "observe": observe,
        "stop": stop,
        "resume": resume,
    }
    if not isinstance(scenario, Mapping) and not tables:
        return _result(run_files(scenario, bundle_inputs=bundle_inputs, allow_outside=allow_outside, **options))
    if not isinstance(scenario, Mapping):
        scenario = _over(Path(scenario), tables or {}, allow_outside)
    with tempfile.TemporaryDirectory(prefix="allot-memory-") as aside:
        try:
            path = _write(scenario, tables or {}, Path(aside))
            return _result(run_files(path, bundle_inputs=True, allow_outside=True, **options))
        except InputError as error:
            raise InputError(_named(error.issues), _named(error.warnings)) from None


def _result(outcome: RunOutcome) -> Result:
    return Result(outcome.exit_code, outcome.folder, outcome.summary, _named(outcome.warnings), outcome.resumed)


def _over(path: Path, tables: Mapping[str, Frame], allow_outside: bool) -> dict[str, Any]:
    """A scenario file with some of its tables replaced; the others may only lie where the file itself may read."""
    from optimizer.scenario.load import load_scenario
    from optimizer.scenario.paths import locate_file

    loaded = load_scenario(path, (), allow_outside)
    for name, ref in loaded.scenario.data.items():
        if name not in tables and ref.path is not None:
            file, line = loaded.stack.place(("data", name))
            locate_file(ref.path, loaded.stack.layer(("data", name)).folder, loaded.root, allow_outside, file=file,
                        column=f"data.{name}", line=line)  # fmt: skip
    return {"name": loaded.scenario.name, "base": str(path)}


def _write(scenario: Mapping[str, Any], tables: Mapping[str, Frame], folder: Path) -> Path:
    """A scenario and its tables in memory as files, which the way of all scenarios begins with."""
    from optimizer.frames import write_frames

    settings = _absolute(scenario)
    data = settings.get("data", {})
    if not isinstance(data, Mapping):
        raise UsageError("scenario: data is a mapping from tables to files")
    both = sorted(data.keys() & tables.keys())
    if both:
        raise UsageError(f"the table {both[0]} is given twice: by the scenario and in memory")
    settings["data"] = {**data, **write_frames(tables, folder)}
    settings.setdefault("name", IN_MEMORY)
    path = folder / f"{IN_MEMORY}.toml"
    path.write_text("".join(f"{_quoted(str(key))} = {_toml(value)}\n" for key, value in settings.items()),
                    encoding="utf-8")  # fmt: skip
    return path


def _absolute(scenario: Mapping[str, Any]) -> dict[str, Any]:
    """The scenario with its paths as seen from the current folder."""

    def seen(value: Any) -> Any:
        if isinstance(value, str | Path):
            return str(Path(value).absolute())
        if isinstance(value, Mapping) and "path" in value:
            return {**value, "path": seen(value["path"])}
        return [seen(each) for each in value] if isinstance(value, list | tuple) else value

    found = dict(scenario)
    for key in ("base", "bundles"):
        if key in found:
            found[key] = seen(found[key])
    if isinstance(found.get("data"), Mapping):
        found["data"] = {name: seen(value) for name, value in found["data"].items()}
    stability = found.get("stability")
    if isinstance(stability, Mapping) and "previous_plan" in stability:
        found["stability"] = {**stability, "previous_plan": seen(stability["previous_plan"])}
    return found


def _toml(value: Any) -> str:
    """A value as TOML in one line. Raises `UsageError` for what TOML has no word for."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_quoted(str(key))} = {_toml(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, str | Path):
        return _quoted(str(value))
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float | Decimal):
        return format(Decimal(repr(value)) if isinstance(value, float) else value, "f")
    raise UsageError(f"a scenario holds text, numbers, dates, lists and mappings, not {type(value).__name__}")


def _quoted(text: str) -> str:
    """Text in quotes: JSON's escapes are TOML's, but for one character that TOML wants escaped and for surrogates."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _named(issues: Sequence[Issue]) -> list[Issue]:
    """Findings about tables in memory, by the name that the caller knows them by."""
    from optimizer.frames import named

    def name(issue: Issue) -> Issue:
        if issue.table and issue.file == f"{issue.table}.parquet":
            return replace(issue, file=named(issue.table))
        return replace(issue, file=IN_MEMORY, row=None) if issue.file == f"{IN_MEMORY}.toml" else issue

    return [name(issue) for issue in issues]
