"""From what was typed to what is run: files, folders and patterns, a job for each combination of their sweeps."""

from __future__ import annotations

import glob
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from optimizer.errors import InputError, UsageError
from optimizer.scenario.layers import IN_BUNDLES, Layer
from optimizer.scenario.load import LoadedScenario, load_scenario
from optimizer.scenario.sweeps import combinations

PATTERN = re.compile(r"[*?\[]")
LONGEST_FOLDER = 80
"""Characters of a run's folder name."""


@dataclass(frozen=True)
class Job:
    """One run of a batch: a scenario with settings, the folder that it writes, the job whose plan it starts from.

    ``fault``: why it cannot be run at all.
    """

    name: str
    scenario: Path
    out: Path
    settings: tuple[str, ...] = ()
    start: str | None = None
    threads: int = 1
    fault: str = ""


def find_scenarios(words: Iterable[str | Path]) -> list[Path]:
    """The scenario files that are meant: files as they are, folders (their TOML files but bundles), patterns.

    Each file once, in the order in which it was first named. Raises `UsageError` for what is not there.
    """
    found: dict[Path, Path] = {}
    for word in words:
        for path in _of_word(str(word)):
            found.setdefault(path.resolve(), path)
    return list(found.values())


def _of_word(word: str) -> list[Path]:
    path = Path(word)
    if path.is_dir():
        files = [file for file in sorted(path.glob("*.toml")) if file.is_file() and not is_bundle(file)]
    elif path.exists() or not PATTERN.search(word):
        return [path]
    else:
        files = [Path(name) for name in sorted(glob.glob(word, recursive=True)) if Path(name).is_file()]
        files = [file for file in files if not is_bundle(file)]
    if not files:
        raise UsageError(f"{word}: no scenario there; name a scenario file, a folder that holds some, or a pattern")
    return files


def is_bundle(file: Path) -> bool:
    """Whether a file holds changes and nothing else, to be named by scenarios and not run by itself."""
    from tomllib import TOMLDecodeError, loads

    try:
        keys = loads(file.read_text(encoding="utf-8")).keys()
    except (OSError, UnicodeDecodeError, TOMLDecodeError):
        return False  # it is run, and says what is wrong with it
    return "change" in keys and keys <= set(IN_BUNDLES)


def jobs_of(
    scenarios: Sequence[Path],
    out: Path,
    settings: Sequence[str] = (),
    *,
    baseline: Path | None = None,
    threads: int | None = None,
    allow_outside: bool = False,
) -> list[Job]:
    """The jobs of a batch, each under a name and in a folder of its own below ``out``.

    ``baseline`` is run first and everything else starts from it. Otherwise a job starts from its nearest base in the
    batch, and the combinations of a sweep from the first of them. ``threads`` caps those of each solve.
    """
    if baseline is not None:
        scenarios = [baseline, *(path for path in scenarios if path.resolve() != baseline.resolve())]
    drafts: list[_Draft] = []
    for path in scenarios:
        drafts += _drafts(path, settings, threads, allow_outside)
    names = _unique([draft.job.name for draft in drafts], [draft.job.scenario.stem for draft in drafts])
    folders = _unique([slug(name) for name in names], [str(number + 1) for number in range(len(names))])
    jobs = [
        replace(draft.job, name=name, out=out.absolute() / folder)
        for draft, name, folder in zip(drafts, names, folders, strict=True)
    ]
    return [replace(job, start=start) for job, start in zip(jobs, _starts(drafts, jobs, baseline), strict=True)]


@dataclass(frozen=True)
class _Draft:
    """A job before it has its place, with the files of its bases, the nearest last."""

    job: Job
    bases: tuple[Path, ...] = ()


def _drafts(path: Path, settings: Sequence[str], threads: int | None, allow_outside: bool) -> Iterator[_Draft]:
    try:
        loaded = load_scenario(path, settings, allow_outside=allow_outside, keep_sweeps=True)
    except InputError as error:
        yield _Draft(Job(path.stem, path.absolute(), path, fault=str(error)))
        return
    layers: tuple[Layer, ...] = loaded.stack.layers[: loaded.stack.own]
    bases = tuple(layer.path for layer in layers if layer.path is not None)
    for run in combinations(loaded.sweeps):
        name = f"{loaded.scenario.name}, {run.label}" if run.label else loaded.scenario.name
        given = [*settings, *run.settings]
        if run.label:
            given.append(f"name={json.dumps(name, ensure_ascii=False)}")
        most = _threads(loaded, threads)
        if most is not None:
            given.append(f"solve.threads={most}")
        used = most or loaded.scenario.solve.threads
        yield _Draft(Job(name, path.absolute(), path, tuple(given), threads=used), bases)


def _threads(loaded: LoadedScenario, most: int | None) -> int | None:
    """The threads to set, None where the scenario asks for no more than it may have."""
    return most if most is not None and loaded.scenario.solve.threads > most else None


def _starts(drafts: Sequence[_Draft], jobs: Sequence[Job], baseline: Path | None) -> Iterator[str | None]:
    """The name of the job from whose plan each one starts."""
    first: dict[Path, str] = {}
    for job in jobs:
        if not job.fault:
            first.setdefault(job.scenario.resolve(), job.name)
    chosen = None if baseline is None else first.get(baseline.resolve())
    for draft, job in zip(drafts, jobs, strict=True):
        known = [first[base] for base in reversed(draft.bases) if base in first]
        own = first.get(job.scenario.resolve())
        start = chosen or next(iter(known), own)
        yield None if job.fault or start == job.name else start


def _unique(names: Sequence[str], more: Sequence[str]) -> list[str]:
    """The names, those that several share with something more, and a number where that is not enough."""
    shown = [
        f"{name} ({tail})" if names.count(name) > 1 and name != tail else name
        for name, tail in zip(names, more, strict=True)
    ]
    seen: dict[str, int] = {}
    for place, name in enumerate(shown):
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            shown[place] = f"{name} ({seen[name]})"
    return shown


def slug(name: str) -> str:
    """A name as a folder may be called."""
    return re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-.")[:LONGEST_FOLDER] or "run"
