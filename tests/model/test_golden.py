"""The exact mathematics of each family, as a reviewer sees it; `tests/regenerate_goldens.py` rewrites the files."""

from __future__ import annotations

from pathlib import Path

import pytest

from optimizer.model.constraints import FAMILIES
from tests.model.golden import GOLDEN, family_lp


@pytest.mark.parametrize("family", FAMILIES)
def test_family_is_written_as_its_golden_file(family: str, tmp_path: Path) -> None:
    assert family_lp(family, tmp_path) == (GOLDEN / f"{family}.lp").read_text(encoding="utf-8")


def test_no_golden_file_is_missing_or_left_over() -> None:
    assert {path.stem for path in GOLDEN.glob("*.lp")} == set(FAMILIES)
