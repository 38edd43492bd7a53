"""The committed tables are what their scripts make, byte by byte; the pages quote what the scripts count."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from tests.scenarios.stories import DATA

SCRIPTS = sorted([*DATA.glob("*/make.py"), *DATA.glob("*/convert.py")])


def load(script: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(script.parent.name, script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_data_set_has_its_script_and_page() -> None:
    assert {script.parent.name for script in SCRIPTS} == {
        "apparel-launch", "brunel", "chilled-food", "electronics-promotion", "online-retail", "regional-demand-spike",
    }  # fmt: skip
    for folder in DATA.iterdir():
        assert folder.name == "README.md" or (folder / "README.md").exists()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.parent.name)
def test_the_script_makes_the_committed_tables(script: Path, tmp_path: Path) -> None:
    load(script).main(tmp_path)
    made = {path.name: path.read_bytes() for path in tmp_path.glob("*.csv")}
    assert made == {path.name: path.read_bytes() for path in script.parent.glob("*.csv")}
    assert "orders.csv" in made


@pytest.mark.parametrize("name", ["brunel/convert.py", "online-retail/make.py"])
def test_the_page_quotes_what_the_script_counts(name: str, tmp_path: Path) -> None:
    script = DATA / name
    page = (script.parent / "README.md").read_text(encoding="utf-8")
    for what, count in load(script).main(tmp_path).items():
        assert f"| {what} | {count} |" in page
