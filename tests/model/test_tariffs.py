"""Weight-break tariffs: which band holds a weight and what it charges, against the words of the rule."""

from __future__ import annotations

import itertools
import random
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from optimizer.exact import Exact
from optimizer.model.rates import NONE, Bands
from optimizer.model.tariffs import Tariffs
from optimizer.model.terms import Ratio
from tests.builders import make_tables

Band = dict[str, Any]
LANES = ("W1", "W2")


def some_bands(random_: random.Random, most: int = 6) -> list[Band]:
    """A few bands of two lanes: with gaps, overlaps and open ends."""
    bands: list[Band] = []
    for number in range(random_.randint(1, most)):
        start = Decimal(random_.choice(["0", "0.5", "1", "2", "2.25", "3", "7"]))
        bands.append(
            {
                "warehouse_id": random_.choice(LANES),
                "zone_id": "Z",
                "rate_id": f"R{number}",
                "from_kg": start,
                "to_kg": random_.choice([None, start + Decimal(random_.choice(["0", "0.5", "1", "3"]))]),
                "flat_cost": Decimal(random_.choice(["0", "1", "2.5"])),
                "cost_per_kg": Decimal(random_.choice(["0", "0.3", "1.1"])),
                "min_charge": Decimal(random_.choice(["0", "1.7", "4"])),
            }
        )
    return bands


def holds(band: Band, bands: list[Band], kg: Fraction) -> bool:
    if band["to_kg"] is not None:
        return Fraction(band["from_kg"]) <= kg <= Fraction(band["to_kg"])
    of_lane = [other["from_kg"] for other in bands if other["warehouse_id"] == band["warehouse_id"]]
    higher = [start for start in of_lane if start > band["from_kg"]]
    return kg >= Fraction(band["from_kg"]) and (not higher or kg < Fraction(min(higher)))


def charged(bands: list[Band], lane: str, kg: Fraction) -> Fraction | None:
    """What the cheapest band of the lane that holds the weight charges; None where none does."""
    return min(
        (
            max(Fraction(band["min_charge"]), Fraction(band["flat_cost"]) + Fraction(band["cost_per_kg"]) * kg)
            for band in bands
            if band["warehouse_id"] == lane and holds(band, bands, kg)
        ),
        default=None,
    )


def read(bands: list[Band]) -> Bands:
    lanes = [{"warehouse_id": lane} for lane in LANES]
    lines = [{"order_id": "A", "product_id": "P", "qty": 1}]
    return Bands.of(
        make_tables(
            order_lines=lines,
            stock=[{"warehouse_id": "W1", "product_id": "P", "on_hand_qty": 1}],
            lanes=lanes,
            rate_bands=bands,
        )
    )


@pytest.mark.parametrize("seed", range(150))
def test_the_cheapest_band_that_holds_a_weight(seed: int) -> None:
    random_ = random.Random(seed)
    bands = some_bands(random_)
    weights = [Fraction(random_.randint(0, 80), random_.choice([10, 3, 8])) for _ in range(8)]
    lanes = [random_.randrange(2) for _ in weights]
    band, charge = read(bands).cheapest(np.array(lanes), Exact.of(weights))
    assert (read(bands).price(np.array(lanes), Exact.of(weights)) == (band != NONE)).all()
    for place, (lane, kg) in enumerate(zip(lanes, weights, strict=True)):
        due = charged(bands, LANES[lane], kg)
        assert (band[place] == NONE) == (due is None)
        assert charge.item(place) == (due or 0)


@pytest.mark.parametrize("seed", range(150))
def test_a_lane_without_gaps_prices_every_weight(seed: int) -> None:
    """Looked at every end of a band and between any two."""
    bands = some_bands(random.Random(seed), most=12)
    ends = {Fraction(0), Fraction(99)} | {
        Fraction(b[c]) for b in bands for c in ("from_kg", "to_kg") if b[c] is not None
    }
    points = sorted(ends)
    points += [(low + high) / 2 for low, high in itertools.pairwise(points)]
    for lane, whole in zip(LANES, read(bands).gapless, strict=True):
        assert whole == all(charged(bands, lane, kg) is not None for kg in points)


@pytest.mark.parametrize("seed", range(150))
@pytest.mark.parametrize("finest", [1, 10**8])
def test_every_load_finds_its_charge_among_the_bands_in_reach(seed: int, finest: int) -> None:
    """Whatever a shipment loads, some band's columns say exactly what it costs, or no band can be chosen.

    With weights of ten digits the matrix counts in kg instead of whole multiples.
    """
    random_ = random.Random(seed)
    bands = some_bands(random_)
    shipments = random_.randint(1, 3)
    row = np.array([*range(shipments), *(random_.randrange(shipments) for _ in range(3))])
    kg = [Fraction(random_.randint(0, 12), random_.choice([4, 10, 3])) + Fraction(seed % 2, finest) for _ in row]
    upper = np.array([random_.randint(1, 3) for _ in row])
    lane = np.array([random_.randrange(2) for _ in range(shipments)])
    per_step = Ratio(Exact.of(value.numerator for value in kg), np.array([value.denominator for value in kg]))
    tariffs = Tariffs.of(read(bands), lane, np.arange(shipments), (row, np.arange(len(row))), per_step, upper)
    assert tariffs.whole.all() or (finest > 1 and seed % 2)
    for shipment in range(shipments):
        arcs = np.flatnonzero(row == shipment)
        for steps in itertools.product(*(range(int(most) + 1) for most in upper[arcs])):
            load = sum((kg[arc] * n for arc, n in zip(arcs, steps, strict=True)), Fraction(0))
            if any(steps):
                found = least_charge(tariffs, shipment, arcs, steps)
                due = charged(bands, LANES[lane[shipment]], load)
                assert (found is None) == (due is None)
                assert due is None or found == (due if tariffs.whole.all() else pytest.approx(float(due)))


def least_charge(tariffs: Tariffs, shipment: int, arcs: Any, steps: tuple[int, ...]) -> Any:
    """What the columns of the shipment's bands make of a load: the least charge of a band that takes it."""
    per_step = tariffs.weight.take(arcs)
    amounts = [per_step.top.item(place) / int(per_step.bottom[place]) for place in range(len(arcs))]
    weight = sum(amount * n for amount, n in zip(amounts, steps, strict=True))
    due = []
    for pair in np.flatnonzero(tariffs.pair_row == shipment):
        if Fraction(tariffs.low[pair]) - Fraction(1, 10**12) <= weight <= tariffs.high[pair] + Fraction(1, 10**12):
            by_weight = tariffs.rate.top.item(pair) / int(tariffs.rate.bottom[pair]) * weight
            due.append(tariffs.fixed.item(pair) + max(by_weight, tariffs.rise.item(pair)))
    return min(due, default=None)
