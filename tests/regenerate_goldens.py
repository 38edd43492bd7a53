"""Rewrite the golden LP files of the model: ``python -m tests.regenerate_goldens``, then read the difference."""

from __future__ import annotations

import tempfile
from pathlib import Path

from optimizer.model.constraints import FAMILIES
from tests.model.golden import GOLDEN, family_lp


def main() -> None:
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for old in GOLDEN.glob("*.lp"):
        old.unlink()
    with tempfile.TemporaryDirectory() as folder:
        for family in FAMILIES:
            (GOLDEN / f"{family}.lp").write_text(family_lp(family, Path(folder)), encoding="utf-8")


if __name__ == "__main__":
    main()
