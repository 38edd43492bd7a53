"""What makes a bound better travels back from an engine whole; to it go the covers alone."""

from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np
import pytest

from optimizer.engines.adapter import pack
from optimizer.engines.base import solve
from optimizer.engines.doctor import dense_model
from optimizer.engines.result import BRANCHES, COVERS, TIGHTER, SolveOptions

LINEAR = dense_model([1.0], [(0, [1], 1)], [(0, 1)])
FOUND = {name: np.array([at, -1.0]) for at, name in enumerate(TIGHTER)}

ENGINE = """
    import os
    import sys
    if "optimizer.engines.worker" in sys.orig_argv:
        import numpy as np
        from optimizer.engines import adapter, highs
        from optimizer.engines.result import TIGHTER
        def solve(linear, request, reporter):
            assert not request.options.covers
            found = {{name: np.array([at, -1.0]) for at, name in enumerate(TIGHTER)}}
            values, prices = np.ones(1), np.zeros(1)
            if {dies}:
                reporter.incumbent(values, 1.0, {{"row_prices": prices, **found}})
                os.abort()
            optimal = adapter.OPTIMAL
            return adapter.Answer("", optimal, "", values, 1.0, row_prices=prices, covers=found)
        highs.solve = solve
"""


@pytest.mark.parametrize("dies", [False, True])
def test_covers_and_branches_come_back(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, dies: bool) -> None:
    """With the answer, and with the best plan so far of an engine that dies."""
    (tmp_path / "sitecustomize.py").write_text(textwrap.dedent(ENGINE).format(dies=dies))
    monkeypatch.syspath_prepend(str(tmp_path))
    result = solve(LINEAR, "highs", SolveOptions(time_limit_s=20.0))
    assert result.termination.reason == ("FEASIBLE" if dies else "OPTIMAL")
    assert {name: array.tolist() for name, array in result.covers.items()} == {
        name: array.tolist() for name, array in FOUND.items()
    }


def test_engines_begin_from_covers_alone() -> None:
    """An answer of one run may be given to the next as it is."""
    arrays, _ = pack(LINEAR, {"engine": "decompose"}, SolveOptions(covers=FOUND))
    assert set(COVERS) <= set(arrays)
    assert not set(BRANCHES) & set(arrays)
