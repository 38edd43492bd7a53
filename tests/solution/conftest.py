from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.solution.solving import Solver, solver


@pytest.fixture(scope="session")
def engine() -> Iterator[Solver]:
    with solver() as made:
        yield made
