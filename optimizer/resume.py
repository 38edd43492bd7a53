"""Whether a folder holds the finished run of the same inputs already, whole and as it was written."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from optimizer.errors import BAD_INPUT, DEFECT, INTERRUPTED_INT, INTERRUPTED_TERM
from optimizer.report.write import digests

UNFINISHED = (DEFECT, BAD_INPUT, INTERRUPTED_INT, INTERRUPTED_TERM)


@dataclass(frozen=True)
class Finished:
    """An earlier run that needs no second one."""

    exit_code: int
    summary: tuple[str, ...]


def finished(folder: Path, run_id: str) -> Finished | None:
    """The run in ``folder`` if it is the one of this id, ended by itself, and no file of it has changed since."""
    try:
        run, timing = (json.loads((folder / name).read_bytes()) for name in ("run.json", "timing.json"))
        code = timing["exit_code"]
        ended = code not in UNFINISHED and run["termination"]["limit"] != "interrupted"
        same = ended and run["run_id"] == run_id and digests(folder) == timing["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not same:
        return None
    return Finished(code, (f"{run['scenario']['name']}: taken as it stands, the same inputs were solved before",))
