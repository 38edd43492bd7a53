"""What is asked of the ways of short lines, and of which."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from optimizer.exact import Exact
from optimizer.model.rates import Bands
from optimizer.solution.ledger import Ledger
from optimizer.solution.plan import Plan
from optimizer.solution.survey import Survey
from optimizer.solution.ways import BARRIERS, Ways
from tests.builders import make_scenario, make_tables

HOUSES = ("CLOSED", "EMPTY", "FAR", "FULL")
"""FAR is the one warehouse whose tariff has no band for the weight."""


def survey() -> Survey:
    scenario = make_scenario()
    tables = make_tables(
        scenario,
        order_lines=[{"order_id": "A", "product_id": "P", "qty": 5, "unit_margin": 9}],
        products=[{"product_id": "P", "unit_weight_kg": 2}],
        warehouses=[{"warehouse_id": house, "is_open": house != "CLOSED"} for house in HOUSES],
        stock=[
            {"warehouse_id": house, "product_id": "P", "on_hand_qty": 0 if house == "EMPTY" else 9} for house in HOUSES
        ],
        lanes=[{"warehouse_id": house} for house in HOUSES],
        rate_bands=[
            {"warehouse_id": house, "zone_id": "Z", "rate_id": house, "from_kg": least, "flat_cost": 1}
            for house, least in zip(HOUSES, (0, 0, 90, 0), strict=True)
        ],
    )
    none = np.zeros(0, dtype=np.int64)
    ledger = Ledger(tables, scenario, Plan.of(none, none, none))
    return Survey(ledger, Ways.of(ledger))


def test_only_ways_that_nothing_else_bars_are_priced(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    cheapest = Bands.cheapest

    def watched(bands: Bands, lane: Any, kg: Exact) -> Any:
        asked.extend(HOUSES[each] for each in lane)
        return cheapest(bands, lane, kg)

    monkeypatch.setattr(Bands, "cheapest", watched)
    made = survey()
    assert [BARRIERS[each] for each in made.ways.barrier] == ["closed_warehouse", "", "tariff", ""]
    assert made.gain_free.tolist() == [0, 0, 0, 44]
    assert set(asked) == {"FULL"}
    assert made.gain_fill.tolist() == [0, 44, 0, 44]
    assert set(asked) == {"EMPTY", "FULL"}
