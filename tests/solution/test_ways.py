"""What is asked of the ways of short lines, and of which."""

from __future__ import annotations

import random
from datetime import timedelta
from itertools import product
from typing import Any

import numpy as np
import pytest

from optimizer.exact import Exact
from optimizer.model.rates import Bands
from optimizer.solution.ledger import Ledger
from optimizer.solution.plan import Plan
from optimizer.solution.survey import Survey
from optimizer.solution.ways import BARRIERS, LIMITS, Ways
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


@pytest.mark.parametrize("seed", range(40))
def test_the_room_of_stock_is_what_the_lots_could_still_give(seed: int) -> None:
    """Against a search over units of each lot: a lot gives what it has, those alive on a date what is promised."""
    rng = random.Random(seed)
    lots = [
        {"on_hand_qty": rng.randint(0, 5), "reserved_qty": rng.randint(0, 3), "dies": rng.choice([0, 1, 2, 4, 99])}
        for _ in range(3)
    ]
    scenario = make_scenario()
    tables = make_tables(
        scenario,
        order_lines=[{"order_id": "A", "product_id": "P", "qty": 50, "unit_margin": 9}],
        stock=[
            {"warehouse_id": "W", "product_id": "P", "lot_id": f"L{place}", "on_hand_qty": lot["on_hand_qty"],
             "reserved_qty": lot["reserved_qty"],
             "expiry_date": None if lot["dies"] == 99 else (scenario.as_of + timedelta(lot["dies"])).isoformat()}
            for place, lot in enumerate(lots)
        ],
    )  # fmt: skip
    none = np.zeros(0, dtype=np.int64)
    ways = Ways.of(Ledger(tables, scenario, Plan.of(none, none, none)))
    found = dict(zip(ways.day.tolist(), ways.rooms[LIMITS.index("warehouse_stock")].tolist(), strict=True))

    def promised(day: int) -> int:
        alive = [lot for lot in lots if lot["dies"] >= day]
        return max(0, sum(lot["on_hand_qty"] - lot["reserved_qty"] for lot in alive))

    def fits(given: tuple[int, ...], day: int) -> bool:
        dates = range(day, 6)
        taken = [sum(units for units, lot in zip(given, lots, strict=True) if lot["dies"] >= date) for date in dates]
        dead = any(units and lot["dies"] < day for units, lot in zip(given, lots, strict=True))
        return not dead and all(units <= promised(date) for units, date in zip(taken, dates, strict=True))

    assert found
    for day, room in found.items():
        gifts = product(*(range(lot["on_hand_qty"] + 1) for lot in lots))
        assert room == max(sum(given) for given in gifts if fits(given, day))
