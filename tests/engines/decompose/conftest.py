"""What tests of our own engine need once: compiled code, made in one process however many test processes there are."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import COMPILE


@pytest.fixture(scope="session", autouse=True)
def compiled_engine() -> None:
    subprocess.run([sys.executable, "-c", COMPILE], check=True)
