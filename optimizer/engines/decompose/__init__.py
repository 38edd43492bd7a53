"""Allot's own engine: prices for what blocks share, plans built and bettered at those prices, a bound from the same.

`docs/decompose.md` says how it works. Compiled code is loaded only when the engine runs, in its own process.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from optimizer.engines.adapter import Answer, Reporter, Request
    from optimizer.engines.child import Emit
    from optimizer.model.linear_model import LinearModel

READY = "compiled"
"""Name of the mark that says that everything is compiled."""


def solve(linear: LinearModel, request: Request, reporter: Reporter) -> Answer:
    """As every engine: the best point found and a bound, in our sense; and the prices that give the bound."""
    from optimizer.engines.decompose.engine import solve as run

    return run(linear, request, reporter)


def is_compiled() -> bool:
    """Whether `compile_engine` has been here for these sources; else the first solve would spend its time compiling."""
    return (cache_folder() / READY).exists()


def compile_engine(
    arrays: Mapping[str, Any], meta: Mapping[str, Any], emit: Emit
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The task of a child process: compile everything once and keep it, by solving a batch of two orders.

    Of several processes that come at the same time one compiles, and the others wait for it.
    """
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_compiled():
            from optimizer.engines.decompose.warm import warm_up

            warm_up()
            (folder / READY).touch()
    return {}, {}


def cache_folder() -> Path:
    """Where compiled code is kept: a folder for each state of the sources, at each place where they stand.

    Numba looks only at the file that a function stands in, and would go on using what it calls as it was; and it does
    not use what was compiled for the same file elsewhere.
    """
    digest = hashlib.sha256(str(Path(__file__).parent.resolve()).encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "allot" / f"compiled-{digest.hexdigest()[:16]}"
