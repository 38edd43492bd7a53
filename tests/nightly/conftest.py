"""What several suites of the nightly run begin from."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.nightly.nights import EVERYTHING, KEEP, MONDAY, allot, make


@pytest.fixture(scope="session")
def monday(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place where Monday is published; not to be changed."""
    place = tmp_path_factory.mktemp("monday")
    done = allot("nightly", make(place, KEEP + EVERYTHING), "--business-date", MONDAY)
    assert done.returncode == 0, done.stderr
    return place


@pytest.fixture
def place(monday: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(monday, tmp_path / "place", symlinks=True)
    return tmp_path / "place"
