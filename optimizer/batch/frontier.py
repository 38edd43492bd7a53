"""The trade-off of two KPIs: search for its points, publish each as a run of its own, say what was proven."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optimizer import __version__
from optimizer.batch.frontier_axes import Axis, axes_of
from optimizer.batch.frontier_rates import relaxed_rate
from optimizer.batch.frontier_search import Found, Search
from optimizer.errors import INTERRUPTED_INT, LIMIT_NO_PLAN, LIMIT_WITH_PLAN, OK, UsageError
from optimizer.exact import decimal_text
from optimizer.model.goals import StageRow
from optimizer.record import name_with_digest
from optimizer.report.frontier import Curve, CurvePoint, summary
from optimizer.report.frontier_files import check_target, write_files
from optimizer.report.place import Workspace
from optimizer.run import Observer, RunOutcome, progress_words, run
from optimizer.scenario.load import LoadedScenario, load_scenario
from optimizer.tables.read import load_tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optimizer.tables.tables import Tables

LEAST_POINTS = 2
ROUNDING = Fraction(1, 10**12)
"""What `run.json` rounds figures to; what differs by less is the same figure."""


@dataclass(frozen=True)
class Request:
    """What was asked for: everything that decides the outcome but the inputs themselves."""

    loaded: LoadedScenario
    tables: Tables
    settings: tuple[str, ...]
    x: Axis
    y: Axis
    most_points: int

    @property
    def name(self) -> str:
        """The folder of the frontier where none is named."""
        settings = json.loads(self.loaded.scenario.model_dump_json(exclude={"data"}))
        digests = {source.table: source.digest for source in self.tables.sources}
        asked = [self.x.name, self.y.name, self.most_points, __version__]
        return "frontier-" + name_with_digest(self.loaded.scenario.name, [settings, digests, *asked])

    def facts(self) -> dict[str, Any]:
        """How the frontier was made, for `frontier.json` and the page."""
        scenario = self.loaded.scenario
        return {
            "scenario": {
                "name": scenario.name,
                "file": self.loaded.path.name,
                "as_of": scenario.as_of.isoformat(),
                "currency": scenario.currency,
                "settings": list(self.settings),
            },
            "points_asked": self.most_points,
            "solve": {
                "engine": scenario.solve.engine,
                "time_limit_s": scenario.solve.time_limit_s,
                "gap": scenario.solve.gap,
                "seed": scenario.solve.seed,
            },
            "inputs": [
                {"table": source.table, "source": source.source, "rows": source.rows, "digest": source.digest}
                for source in self.tables.sources
            ],
            "version": __version__,
        }


def frontier(
    scenario_path: Path | str,
    x: str,
    y: str,
    *,
    points: int = 9,
    out: Path | None = None,
    settings: Sequence[str] = (),
    allow_outside: bool = False,
    observe: Observer | None = None,
    stop: threading.Event | None = None,
) -> RunOutcome:
    """Draw the trade-off of two KPIs of a scenario into a folder, with a run folder for each of its points.

    At most so many ``points``. ``settings``, ``observe`` and ``stop`` as in `optimizer.run.run`. Raises `UsageError`
    for KPIs of which there is no frontier, `InputError` for bad input; nothing is written then.
    """
    if points < LEAST_POINTS:
        raise UsageError(f"--points {points}: a frontier has two ends, ask for at least {LEAST_POINTS} points")
    stop, say = stop or threading.Event(), observe or (lambda line: None)
    loaded = load_scenario(scenario_path, settings, allow_outside=allow_outside)
    tables, warnings = load_tables(loaded)
    request = Request(loaded, tables, tuple(settings), *axes_of(x, y, tables, loaded.scenario), points)
    target = check_target(out or Path("runs") / request.name)
    with workspace_for(target) as workspace:
        curve, codes = _drawn(request, workspace.folder, say, stop)
        if curve.points:
            write_files(workspace.folder, curve)
            workspace.place(replace=True)
    if not curve.points:
        return _without_points(request, target, say, stop)
    files = (f"folder    {target}", f"page      {target / 'frontier.html'}")
    return RunOutcome(exit_code(request, curve, codes, stop), target, (*summary(curve), *files), warnings)


@contextmanager
def workspace_for(target: Path) -> Iterator[Workspace]:
    """A hidden folder beside the target; what is not put in place is gone at the end."""
    workspace = Workspace(target)
    try:
        yield workspace
    finally:
        workspace.remove()


def _drawn(request: Request, folder: Path, say: Observer, stop: threading.Event) -> tuple[Curve, list[int]]:
    """Every point as it is found and published, then all of them in the order of their u; and the runs' exit codes."""
    x, y, scenario = request.x, request.y, request.loaded.scenario
    published: list[CurvePoint] = []
    codes: list[int] = []
    with Search(request.tables, scenario, x, y, stop, progress_words(say)) as search:
        for number, found in enumerate(search.points(request.most_points), start=1):
            if stop.is_set():
                break
            say(f"point {number}: {x.name} {_figure(x, found.u)}, {y.name} {_figure(y, found.v)}")
            place = folder / "points" / f"found-{number}"
            outcome = _published(request, search, found, place, say, stop)
            codes.append(outcome.exit_code)
            point = _point(request, found, outcome)
            if point is None:
                shutil.rmtree(place)
            else:
                published.append(replace(point, dual=relaxed_rate(search, found)))
        bounds, most, complete = search.bounds(), search.most, search.complete and len(published) == len(codes)
        engines = sorted({climb.engine for climb in search.climbs})
    ordered = sorted(published, key=lambda point: (point.u, -point.v))
    facts = {
        **request.facts(),
        "climbs": len(search.climbs),
        "engines": engines,
        "unpublished": len(codes) - len(ordered),
    }
    curve = Curve(
        name=scenario.name,
        as_of=scenario.as_of.isoformat(),
        currency=scenario.currency,
        x=x.words(),
        y=y.words(),
        points=tuple(_numbered(folder, ordered)),
        bounds=tuple(bounds),
        most=most,
        complete=complete,
        facts=facts,
    )
    return curve, codes


def _figure(axis: Axis, good: Fraction) -> str:
    return decimal_text(axis.sign * good, 4)


def _published(
    request: Request, search: Search, found: Found, place: Path, say: Observer, stop: threading.Event
) -> RunOutcome:
    """The best plan by the weighted objective of all that are no worse than a point on both KPIs, as a whole run."""
    kept = (*search.floors, request.x.row(found.u), request.y.row(found.v))
    return run(
        request.loaded.path,
        out=place,
        settings=[*request.settings, floors_setting(kept)],
        warm_start=found.plan,
        allow_outside=request.loaded.allow_outside,
        observe=say,
        stop=stop,
    )


def floors_setting(rows: Sequence[StageRow]) -> str:
    """The rows as a setting of the command line, so that a run can be made, and certified, again."""
    floors = (
        f"{{ kpi = {json.dumps(row.kpi, ensure_ascii=False)}, {'min' if row.sense == 'max' else 'max'} = "
        f"{decimal_text(row.kept)} }}"
        for row in rows
    )
    return f'objective={{ mode = "floor", floors = [{", ".join(floors)}] }}'


def _point(request: Request, found: Found, outcome: RunOutcome) -> CurvePoint | None:
    """What the published plan reaches, which may be more than was found; None if it has no plan."""
    run_json = json.loads((outcome.folder / "run.json").read_bytes(), parse_float=Decimal)
    if "kpis" not in run_json:
        return None
    floors = [stage["reached"] for stage in run_json["stages"]][-2:]
    u, v = (
        _same(own, axis.sign * Fraction(stated) / axis.scale)
        for axis, own, stated in zip((request.x, request.y), (found.u, found.v), floors, strict=True)
    )
    value = Fraction(run_json["objective_value"])
    return CurvePoint(u, v, outcome.folder.name, run_json["run_id"], value, outcome.exit_code)


def _same(found: Fraction, stated: Fraction) -> Fraction:
    """The figure that was found, to its last digit, where the one stated is the same but rounded."""
    return found if abs(found - stated) <= ROUNDING else stated


def _numbered(folder: Path, points: Sequence[CurvePoint]) -> Iterator[CurvePoint]:
    """The folders of the points renamed by their order."""
    width = max(2, len(str(len(points))))
    for number, point in enumerate(points, start=1):
        name = f"points/{number:0{width}d}"
        (folder / "points" / point.folder).rename(folder / name)
        yield replace(point, folder=name)


def exit_code(request: Request, curve: Curve, codes: Sequence[int], stop: threading.Event) -> int:
    """0 where every run ended so and every point is proven to within the scenario's gap; else as `allot batch`."""
    if stop.is_set():
        return INTERRUPTED_INT
    worst = next((code for code in (1, 6, 3, 5, 4) if code in codes), OK)
    return worst if curve.within(Fraction(request.loaded.scenario.solve.gap)) else worst or LIMIT_WITH_PLAN


def _without_points(request: Request, target: Path, say: Observer, stop: threading.Event) -> RunOutcome:
    """No plan was found at all: a run of the scenario as it stands says why, in a folder of its own kind."""
    if stop.is_set():
        return RunOutcome(INTERRUPTED_INT, target, ("interrupted before the first point; nothing was written",))
    loaded = request.loaded
    outcome = run(
        loaded.path, out=target, settings=request.settings, allow_outside=loaded.allow_outside, observe=say, stop=stop
    )
    if outcome.exit_code in (OK, LIMIT_WITH_PLAN):  # the batch has plans: only the time was too short for an end
        code = LIMIT_NO_PLAN
        return replace(
            outcome, exit_code=code, summary=("no point of the frontier was found in time", *outcome.summary)
        )
    return outcome
