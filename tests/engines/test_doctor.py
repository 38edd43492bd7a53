"""The doctor finds healthy engines healthy and sick ones sick."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from benchmarks.every_policy import kept_stages, make_batch_of_all
from benchmarks.instances import Size, make_batch
from optimizer.engines.auto import decomposes
from optimizer.engines.base import ENGINES, OWN, choose_engine
from optimizer.engines.doctor import dense_model, examine
from optimizer.errors import UsageError
from optimizer.model.build import build_model
from tests.engines.matrices import allocation


def test_every_engine_answers_the_known_models() -> None:
    findings = {finding.subject: finding for finding in examine()}
    assert set(findings) == {*ENGINES, OWN, "memory limit", "platform", "libraries"}
    assert all(finding.ok is not False for finding in findings.values()), findings
    assert all(findings[engine].version for engine in (*ENGINES, OWN))
    assert "highspy 1.13" in findings["libraries"].detail


def test_a_sick_engine_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A HiGHS that calls everything optimal at zero, and an OR-Tools that cannot be imported."""
    (tmp_path / "sitecustomize.py").write_text(
        textwrap.dedent("""
            import sys
            if "optimizer.engines.worker" in sys.orig_argv:
                import numpy as np
                from optimizer.engines import adapter, highs
                sys.modules["ortools"] = None
                def solve(linear, request, reporter):
                    return adapter.Answer("Optimal", adapter.OPTIMAL, "quack", np.zeros(linear.n_cols), 0.0)
                highs.solve = solve
        """)
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    findings = {finding.subject: finding for finding in examine()}
    assert findings["highs"].ok is False
    assert "instead of" in findings["highs"].detail
    assert findings["scip"].ok is False
    assert "ortools" in findings["scip"].detail
    assert findings["cbc"].ok is True


@pytest.mark.parametrize(
    ("orders", "time_limit_s", "engine", "why"),
    [
        (20, 60.0, "highs", "at most 10,000"),
        (1000, 60.0, "scip", "above 10,000"),
        (1000, 15.0, "highs", "above 7,500, too many for scip within 15 s"),
        (4000, 60.0, "highs", "above 30,000"),
    ],
)
def test_auto_chooses_by_size_and_time_and_says_why(orders: int, time_limit_s: float, engine: str, why: str) -> None:
    linear = allocation(orders)
    chosen, words = choose_engine(linear, "auto", time_limit_s)
    assert chosen == engine
    assert words.startswith(f"{engine}: {linear.n_rows:,} rows, {linear.n_cols:,} integers: ")
    assert why in words


def test_auto_takes_highs_for_linear_programs() -> None:
    linear = dense_model([1], [(0, [1], 1)], [(0, 1)], whole=False)
    assert choose_engine(linear) == ("highs", "highs: 1 rows, 0 integers: a linear program")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_named_engine_is_taken_as_asked(engine: str) -> None:
    assert choose_engine(allocation(20), engine) == (engine, f"{engine}: as asked")


def test_others_are_unknown() -> None:
    with pytest.raises(UsageError, match=r"gurobi.*auto, highs, scip, cpsat, cbc, decompose"):
        choose_engine(allocation(20), "gurobi")
    assert UsageError.exit_code == 2


def test_auto_takes_our_own_engine_for_many_plain_orders_and_for_no_stages() -> None:
    linear = build_model(*make_batch(Size(2_500, warehouses=5, products=200))).linear
    chosen, why = choose_engine(linear)
    assert chosen == OWN
    assert "above 1,500, in orders that share few rows" in why
    assert choose_engine(linear, to_the_end=True)[0] != OWN
    assert choose_engine(build_model(*make_batch(Size(100, warehouses=5, products=20))).linear)[0] == "highs"


def test_auto_takes_our_own_engine_for_large_models_whatever_the_rules() -> None:
    tables, scenario = make_batch_of_all(Size(lines=300, warehouses=4, products=60, zones=6)).read()
    linear = build_model(tables, scenario, stages=kept_stages(scenario)).linear
    assert not decomposes(linear)
    chosen, why = choose_engine(linear)
    assert chosen == OWN
    assert "above 10,000, where it finds better plans whatever the rules" in why
