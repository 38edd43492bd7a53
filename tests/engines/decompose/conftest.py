"""What tests of our own engine need once: compiled code, made in one process however many test processes there are."""

from __future__ import annotations

import subprocess
import sys

import pytest

COMPILE = "from optimizer.engines.decompose import compile_engine; compile_engine({}, {}, None)"


@pytest.fixture(scope="session", autouse=True)
def compiled_engine() -> None:
    subprocess.run([sys.executable, "-c", COMPILE], check=True)
