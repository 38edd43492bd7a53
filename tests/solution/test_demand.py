"""Unusual demand, against numbers worked out by hand and against a plain reckoning."""

from __future__ import annotations

import random
import statistics
from datetime import timedelta
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from optimizer.solution import demand
from optimizer.solution.demand import Past, Peak, peaks
from optimizer.tables.tables import Tables
from tests.builders import AS_OF, make_scenario, make_tables


def tables(past: dict[str, list[int]], now: dict[str, int], every: int = 1, **order: Any) -> Tables:
    """``past``: units of each product on dates ``every`` days apart; ``now``: units ordered."""
    days = [AS_OF - timedelta(days=every * (at + 1)) for at in range(max(map(len, past.values()), default=0))]
    return make_tables(
        orders=[{"order_id": product, **order} for product in now],
        order_lines=[{"order_id": product, "product_id": product, "qty": qty} for product, qty in now.items()],
        stock=[{"warehouse_id": "W", "product_id": product, "on_hand_qty": 1} for product in now],
        history=[
            {"date": day, "product_id": product, "qty": units}
            for product, sold in past.items()
            for day, units in zip(days, sold, strict=False)
        ],
    )


def found(made: Tables) -> list[Peak]:
    return peaks(made, make_scenario(), made.history_product, made.line_product, len(made.products))


STEADY = [10, 11, 9, 10, 12, 10, 9, 10]
"""Median 10, distances 0 1 1 0 2 0 1 0: MAD 0.5, below √10: the spread is √10."""


def test_a_peak_is_told_with_its_usual_level() -> None:
    made = tables({"P": STEADY, "Q": STEADY}, {"P": 22, "Q": 21})
    assert found(made) == [Peak(0, Fraction(22), Fraction(10), Fraction(12))]  # 10 + 3.5 · √10 = 21.07


def test_the_median_distance_counts_where_it_is_larger() -> None:
    wild = [0, 100, 20, 180, 60, 140, 90, 110]  # median 95, distances 95 5 75 85 35 45 5 15: MAD 40
    limit = 95 + 3.5 * 1.4826 * 40
    assert found(tables({"P": wild}, {"P": int(limit)})) == []
    assert len(found(tables({"P": wild}, {"P": int(limit) + 1}))) == 1


def test_a_past_peak_does_not_hide_a_new_one() -> None:
    assert len(found(tables({"P": [*STEADY, 5000]}, {"P": 30}))) == 1


def test_large_steady_demand_must_grow_by_half_besides() -> None:
    steady = [10_000] * 8
    assert found(tables({"P": steady}, {"P": 14_999})) == []
    assert len(found(tables({"P": steady}, {"P": 15_000}))) == 1


def test_a_date_without_a_row_counts_as_none_sold() -> None:
    rare = tables({"P": [40], "Q": [1] * 9}, {"P": 40})  # P sold once in nine periods: usual is 0
    assert [(peak.usual, peak.above) for peak in found(rare)] == [(0, 40)]


def test_too_short_a_past_says_nothing() -> None:
    assert found(tables({"P": STEADY[:7]}, {"P": 10_000})) == []
    assert found(tables({}, {"P": 10_000})) == []


def test_weeks_are_compared_with_weeks() -> None:
    weekly = tables({"P": STEADY}, {"P": 30}, every=7)
    past = Past.of(weekly, make_scenario())
    assert (past.period_days, past.batch_days, past.periods_of_batch, past.days) == (7, 1, 1, 56)
    assert len(found(weekly)) == 1
    spread = make_tables(
        orders=[{"order_id": "A", "order_date": AS_OF - timedelta(days=20)}, {"order_id": "B"}],
        order_lines=[{"order_id": name, "product_id": "P", "qty": 15} for name in "AB"],
        stock=[{"warehouse_id": "W", "product_id": "P", "on_hand_qty": 1}],
        history=[
            {"date": AS_OF - timedelta(days=7 * at), "product_id": "P", "qty": units}
            for at, units in enumerate(STEADY, start=1)
        ],
    )
    assert Past.of(spread, make_scenario()).periods_of_batch == 3  # 21 days: 30 units are 10 a week
    assert found(spread) == []


@pytest.mark.parametrize("cells", [1, 37, 1 << 22])
def test_many_products_against_a_plain_reckoning(monkeypatch: pytest.MonkeyPatch, cells: int) -> None:
    monkeypatch.setattr(demand, "CELLS", cells)
    rng = random.Random(5)
    names = [f"P{at:02d}" for at in range(40)]
    past = {name: [rng.randrange(0, 40) for _ in range(11)] for name in names}
    now = {name: rng.randrange(1, 160) for name in names if rng.random() < 0.8}
    expected = []
    for name, units in now.items():
        usual = statistics.median(past[name])
        spread = max(1.4826 * statistics.median(abs(sold - usual) for sold in past[name]), usual**0.5, 1)
        if (units - usual) / spread > 3.5 and units >= 1.5 * usual:
            expected.append((name, units - Fraction(usual)))
    made = tables(past, now)
    names_of = made.products["product_id"]
    assert [(names_of[peak.subject], peak.above) for peak in found(made)] == sorted(expected)
    assert 5 < len(expected) < len(now)


def test_subjects_that_a_line_does_not_have_are_left_out() -> None:
    made = tables({"P": STEADY}, {"P": 100})
    nothing = np.full(len(made.order_lines), -1)
    assert peaks(made, make_scenario(), made.history_product, nothing, len(made.products)) == []
