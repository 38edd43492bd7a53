"""Children that wait for their next task: the same process serves again, a dead one is replaced, kinds keep apart."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import psutil
import pytest

from optimizer.engines.base import SolveServer
from optimizer.engines.idle import child_of, end_children, keep_children
from optimizer.engines.result import SolveOptions
from optimizer.engines.worker import Child
from tests.engines.decompose.orders import random_orders


@pytest.fixture
def kept() -> Iterator[None]:
    keep_children()
    yield
    end_children()


def workers() -> set[int]:
    """Children of this process that serve tasks."""
    return {child.pid for child in psutil.Process().children() if "optimizer.engines.worker" in child.cmdline()}


def solve(engine: str = "highs") -> float:
    with SolveServer(engine) as server:
        return server.solve(random_orders(1, 4), SolveOptions(gap=0.0)).objective


@pytest.mark.usefixtures("kept")
def test_a_child_serves_again_and_kinds_keep_apart() -> None:
    before = workers()
    value = solve()
    (first,) = workers() - before
    assert solve() == value
    assert workers() - before == {first}
    assert solve("scip") == pytest.approx(value)
    assert len(workers() - before) == 2
    end_children()
    assert workers() == before


@pytest.mark.usefixtures("kept")
def test_a_child_that_died_while_it_waited_is_replaced() -> None:
    before = workers()
    value = solve()
    (first,) = workers() - before
    psutil.Process(first).send_signal(signal.SIGKILL)
    psutil.wait_procs([psutil.Process(first)], timeout=0.5)
    assert solve() == value
    assert first not in workers()


def test_elsewhere_a_child_ends_with_its_task() -> None:
    before = workers()
    solve()
    with child_of("highs") as child:
        assert isinstance(child, Child)
    assert workers() == before
