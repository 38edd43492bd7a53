"""Fixtures of all rooms."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests import postgresql

# Tests start hundreds of processes, and without byte code each of them would compile the package anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


COMPILE = "from optimizer.engines.decompose import compile_engine; compile_engine({}, {}, None)"


def pytest_configure(config: pytest.Config) -> None:
    """Compile our own engine beside the first tests; later all workers would wait for a minute of one core's work."""
    is_controller = config.getoption("numprocesses", None) and not hasattr(config, "workerinput")
    if is_controller:
        subprocess.Popen([sys.executable, "-c", COMPILE])


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgresql.Server]:
    """A PostgreSQL server, for as long as the tests run. It never skips: without it, they fail."""
    with postgresql.running() as server:
        yield server


@pytest.fixture
def postgres(postgres_server: postgresql.Server) -> Iterator[str]:
    """The address of an empty database on it."""
    with postgres_server.database() as url:
        yield url
