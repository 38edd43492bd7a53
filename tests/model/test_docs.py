"""docs/model.md says what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from optimizer.model.arcs import REASONS
from optimizer.model.constraints import FAMILIES
from tests.model.every_case import CASES
from tests.model.families import ENTRIES, section, stated

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "model.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("family", FAMILIES)
def test_docstring_has_every_entry(family: str) -> None:
    assert set(stated(family)) == {"Summary", *ENTRIES}
    assert all(stated(family).values())


@pytest.mark.parametrize("family", FAMILIES)
def test_section_is_the_docstring(family: str) -> None:
    assert section(family) in TEXT


@pytest.mark.parametrize("family", FAMILIES)
def test_family_lives_in_the_file_of_its_name(family: str) -> None:
    assert FAMILIES[family].__module__ == f"optimizer.model.constraints.{family}"


def test_sections_come_in_the_order_of_the_matrix() -> None:
    assert [name for name in re.findall(r"^### (\w+)$", TEXT, re.MULTILINE) if name in FAMILIES] == list(FAMILIES)


def test_every_column_family_is_described() -> None:
    used = {block.family for case in CASES.values() for block in case.model().linear.column_blocks}
    described = set(re.findall(r"^\| `(\w+)` \|", TEXT.partition("## Columns")[2].partition("\n## ")[0], re.MULTILINE))
    assert described == used | {"order_full", "pick_line", "lots"}


def test_every_reason_of_pruning_is_described() -> None:
    for reason, meaning in REASONS.items():
        assert f"| `{reason}` | {meaning} |" in TEXT
