"""Rewrite what must say the same as the model: ``python -m tests.regenerate_goldens``, then read the difference.

The golden LP files, and the sections of docs/model.md that repeat the docstrings of the families.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from optimizer.model.constraints import FAMILIES
from tests.model.families import section
from tests.model.golden import GOLDEN, family_lp

DOCS = Path(__file__).parents[1] / "docs" / "model.md"


def main() -> None:
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for old in GOLDEN.glob("*.lp"):
        old.unlink()
    with tempfile.TemporaryDirectory() as folder:
        for family in FAMILIES:
            (GOLDEN / f"{family}.lp").write_text(family_lp(family, Path(folder)), encoding="utf-8")
    before = DOCS.read_text(encoding="utf-8").partition("\n### ")[0]
    DOCS.write_text(before + "\n" + "\n".join(section(family) for family in FAMILIES), encoding="utf-8")


if __name__ == "__main__":
    main()
