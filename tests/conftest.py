"""Fixtures of all rooms."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import postgresql


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
