"""Multi-item e-commerce fulfilment, the published recipe: a whole sequence of arrivals as one batch.

Jasin and Sinha (Operations Research 63(6), 2015) and Ma (M&SOM 2023, arXiv 2207.04774), the small ("warm-up") setting
of the latter's public code, drawn anew from seeds: 5 fulfilment centers, 10 large US cities, 20 items, 5 random order
types of each size from 1 to 5 and the empty order, 10,000 arrivals. Weights of sizes and of types within a size are
uniform, cities weigh as their population. A center carries an item with probability 0.75, and then holds the expected
demand T·d of the cities that are nearest to it, with half a standard deviation to spare: T·d + ½ √(T·d·(1 − d)). A
parcel costs 8.759, an item 0.423 + 0.000541 a mile (great circle); what is not fulfilled costs twice a parcel and twice
the item from the farthest center.

Here that last resort is a warehouse with enough of everything, and every unit earns `MARGIN`, more than any of it
costs, so that everything is served and cost = MARGIN · units − value. `hindsight` is the linear program that knows the
whole sequence, over (type, city) instead of single orders: no plan costs less.

``python -m benchmarks.fulfilment --seeds 0 1 2 --engines highs --time 60`` prints the cost of rule-based policies and
of engines over the cost of that bound.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from fractions import Fraction
from statistics import mean

import numpy as np
from numpy.typing import NDArray

from benchmarks.instances import AS_OF, SERVICE, make_ids, make_table, repeated
from optimizer.engines.base import solve
from optimizer.engines.result import SolveOptions
from optimizer.exact import Exact
from optimizer.model.linear_model import Columns, LinearModel, Rows, assemble
from optimizer.scenario.schema import Scenario
from optimizer.tables.tables import Tables

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

CENTERS = {
    "AVP3": (41.2776, -75.4973),
    "CAE1": (33.9114, -81.0501),
    "DFW7": (32.9709, -97.3348),
    "IND1": (39.9797, -86.3833),
    "OAK4": (37.7448, -121.3985),
}
CITIES = {
    "Atlanta": (33.7628, -84.4220, 5_151_496),
    "Boston": (42.3188, -71.0852, 4_465_966),
    "Chicago": (41.8375, -87.6866, 8_586_888),
    "Dallas": (32.7935, -96.7667, 5_910_669),
    "Houston": (29.7860, -95.3885, 5_724_418),
    "Los Angeles": (34.1141, -118.4068, 12_531_334),
    "Miami": (25.7840, -80.2101, 6_076_316),
    "New York": (40.6943, -73.9249, 18_680_025),
    "Philadelphia": (40.0077, -75.1339, 5_540_199),
    "Washington": (38.9047, -77.0163, 5_066_973),
}
"""Degrees north and east, and people."""
LAST_RESORT = "UNFILLED"
ITEMS, SIZES, TYPES, CARRIES = 20, 5, 5, 0.75
ARRIVALS = 10_000
PARCEL, ITEM, MILE = 8.759, 0.423, 0.000541
EARTH_MILES = 3958.8
DECIMALS = 4
"""of the costs, which are rounded once for the batch and for the bound"""
MARGIN = 30
"""A unit not served at all would save at most 2 · 8.759 + 2 · (0.423 + 0.000541 · 2,700) = 21.3."""


@dataclass(frozen=True)
class Fulfilment:
    """One sequence of arrivals; centers (the last resort is the last) are positions, as in the tables."""

    tables: Tables
    scenario: Scenario
    kinds: Flags
    """by order type and item: what it asks for"""
    arrived: Ints
    """by order type and city: how often"""
    stock: Ints
    """by item and center"""
    parcel: Exact
    item: Exact
    """by center and city, center first"""

    def cost(self, value: Fraction) -> Fraction:
        """The cost of a plan that serves everything, from its value."""
        return MARGIN * int(self.tables.order_lines["qty"].sum()) - value


def arrivals(seed: int = 0, number: int = ARRIVALS) -> Fulfilment:
    """See the module."""
    rng = np.random.default_rng(seed)
    kinds, chance = _order_types(rng)
    people = np.array([city[2] for city in CITIES.values()], dtype=np.float64)
    chance = np.outer(chance, people / people.sum())
    miles = _miles()
    carries = rng.random((ITEMS, len(CENTERS))) < CARRIES
    stock = _stock(kinds, chance, carries, miles, number)
    drawn = rng.choice(chance.size, number, p=chance.ravel())
    kind, city = np.divmod(drawn[drawn >= len(CITIES)], len(CITIES))  # the first type is the empty order
    arrived = np.zeros(chance.shape, dtype=np.int64)
    np.add.at(arrived, (kind, city), 1)
    stock = np.column_stack([stock, arrived.sum(axis=1) @ kinds + 1])
    parcel = np.repeat([PARCEL] * len(CENTERS) + [2 * PARCEL], len(CITIES))
    by_item = ITEM + MILE * miles
    by_item = np.vstack([by_item, 2 * by_item.max(axis=0)]).ravel()
    tables = _tables(kinds, kind, city, stock, _money(parcel), _money(by_item))
    scenario = Scenario(name=f"fulfilment seed {seed}", as_of=AS_OF, data={})
    return Fulfilment(tables, scenario, kinds, arrived, stock, _money(parcel), _money(by_item))


def _order_types(rng: np.random.Generator) -> tuple[Flags, Floats]:
    """Items of each type, the empty one first, and how likely each is."""
    kinds = np.zeros((1 + SIZES * TYPES, ITEMS), dtype=bool)
    for row in range(1, len(kinds)):
        kinds[row, rng.choice(ITEMS, 1 + (row - 1) // TYPES, replace=False)] = True
    of_size, within = rng.random(1 + SIZES), rng.random((SIZES, TYPES))
    of_size /= of_size.sum()
    within *= (of_size[1:] / within.sum(axis=1))[:, None]
    return kinds, np.concatenate([of_size[:1], within.ravel()])


def _miles() -> Floats:
    """Great-circle distances, by center and city."""
    here = np.radians(np.array(list(CENTERS.values())))[:, None]
    there = np.radians(np.array([city[:2] for city in CITIES.values()]))
    north, east = (here[..., at] - there[..., at] for at in (0, 1))
    chord = np.sin(north / 2) ** 2 + np.cos(here[..., 0]) * np.cos(there[..., 0]) * np.sin(east / 2) ** 2
    miles: Floats = 2 * EARTH_MILES * np.arcsin(np.sqrt(chord))
    return miles


def _stock(kinds: Flags, chance: Floats, carries: Flags, miles: Floats, number: int) -> Ints:
    """By item and center; demand of a city goes to the nearest center that carries the item."""
    wanted = kinds.T.astype(np.float64) @ chance  # by item and city
    nearest = np.where(carries[:, :, None], miles, np.inf).argmin(axis=1)
    rate = np.zeros(carries.shape)
    np.add.at(rate, (np.arange(ITEMS)[:, None], nearest), wanted)
    rate *= carries
    return np.rint(number * rate + 0.5 * np.sqrt(number * rate * (1 - rate))).astype(np.int64)


def _money(amount: Floats) -> Exact:
    return Exact(np.rint(amount * 10**DECIMALS).astype(np.int64), DECIMALS)


def _tables(kinds: Flags, kind: Ints, city: Ints, stock: Ints, parcel: Exact, item: Exact) -> Tables:
    """Orders in the sequence of their arrival, a line of one unit for each item."""
    line_order, line_product = np.nonzero(kinds[kind])
    order_ids, product_ids, line_ids = make_ids("O", len(kind)), make_ids("P", ITEMS), make_ids("", len(line_order))
    house_ids, zone_ids = np.array([*CENTERS, LAST_RESORT], dtype=object), np.array(list(CITIES), dtype=object)
    house, product = np.repeat(np.arange(len(house_ids)), ITEMS), np.tile(np.arange(ITEMS), len(house_ids))
    lane_house, lane_zone = (np.repeat(np.arange(len(house_ids)), len(zone_ids)),
                             np.tile(np.arange(len(zone_ids)), len(house_ids)))  # fmt: skip
    nothing = np.zeros(0, dtype=np.int64)
    return Tables(
        orders=make_table("orders", len(kind), order_id=order_ids, customer_id=repeated("C", len(kind)),
                          zone_id=zone_ids[city]),
        order_lines=make_table("order_lines", len(line_order), order_id=order_ids[line_order], line_id=line_ids,
                               product_id=product_ids[line_product], qty=np.ones(len(line_order), dtype=np.int64),
                               unit_margin=Exact.full(len(line_order), MARGIN)),
        products=make_table("products", ITEMS, product_id=product_ids),
        customers=make_table("customers", 1, customer_id=repeated("C", 1)),
        warehouses=make_table("warehouses", len(house_ids), warehouse_id=house_ids),
        stock=make_table("stock", len(house), warehouse_id=house_ids[house], product_id=product_ids[product],
                         on_hand_qty=stock.T.ravel()),
        lanes=make_table("lanes", len(lane_house), warehouse_id=house_ids[lane_house], zone_id=zone_ids[lane_zone],
                         service_id=repeated(SERVICE, len(lane_house)), fixed_cost=parcel, cost_per_unit=item),
        eligibility=make_table("eligibility", 0), contracts=make_table("contracts", 0), pins=make_table("pins", 0),
        zones=zone_ids, services=repeated(SERVICE, 1),
        order_customer=np.zeros(len(kind), dtype=np.int64), order_zone=city,
        line_order=line_order, line_product=line_product, stock_warehouse=house, stock_product=product,
        lane_warehouse=lane_house, lane_zone=lane_zone, lane_service=np.zeros(len(lane_house), dtype=np.int64),
        eligibility_warehouse=nothing, pin_line=nothing, pin_warehouse=nothing,
    )  # fmt: skip


def hindsight_model(made: Fulfilment) -> LinearModel:
    """Least cost (as the largest −cost) of all arrivals together; items and parcels of a (type, city) may be split."""
    kind, city = np.nonzero(made.arrived)
    times = made.arrived[kind, city].astype(np.float64)
    centers = made.stock.shape[1]
    group, item = np.nonzero(made.kinds[kind])
    line, center = np.nonzero(made.stock[item] > 0)
    n_lines, n_arcs, n_parcels = len(group), len(line), len(kind) * centers
    arc_group, arc_item, arcs = group[line], item[line], np.arange(len(line))
    parcel = n_arcs + arc_group * centers + center
    by_item = made.item.floats().reshape(centers, -1)[center, city[arc_group]]
    by_parcel = made.parcel.floats().reshape(centers, -1)[:, city].T.ravel()
    by_stock = np.lexsort((arcs, center, arc_item))
    row = (arc_item * centers + center)[by_stock]
    pools = np.arange(made.stock.size + 1)
    none = np.full(n_arcs, -np.inf)
    starts = np.searchsorted(line, np.arange(n_lines + 1))
    rows = [
        Rows("line_demand", {"line": np.arange(n_lines)}, starts, [arcs], [np.ones(n_arcs)],
             times[group], times[group]),
        Rows("shipment_link", {"arc": arcs}, 2 * np.arange(n_arcs + 1), [np.stack([arcs, parcel]).T.ravel()],
             [np.tile([1.0, -1.0], n_arcs)], none, np.zeros(n_arcs)),
        Rows("warehouse_stock", {"pool": pools[:-1]}, np.searchsorted(row, pools),
             [by_stock], [np.ones(n_arcs)], np.full(made.stock.size, -np.inf), made.stock.ravel().astype(np.float64)),
    ]  # fmt: skip
    columns = [
        Columns("ship_qty", {"arc": arcs}, times[arc_group], integral=False),
        Columns("open_shipment", {"parcel": np.arange(n_parcels)}, np.repeat(times, centers), integral=False),
    ]
    return assemble(columns, rows, -np.concatenate([by_item, by_parcel]))


def hindsight(made: Fulfilment) -> float:
    """The least cost by `hindsight_model`."""
    result = solve(hindsight_model(made), "highs", SolveOptions(time_limit_s=600, gap=0.0))
    if result.termination.reason != "OPTIMAL":
        raise RuntimeError(f"the linear program ended with {result.termination}")
    return -result.best_bound


def main() -> None:
    from benchmarks.engines import Job, measured
    from benchmarks.policies import POLICIES

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--engines", nargs="*", default=["highs"])
    parser.add_argument("--time", type=float, default=60.0, help="seconds for each engine")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    ratios: dict[str, list[float]] = {}
    for seed in given.seeds:
        made = arrivals(seed)
        least = hindsight(made)
        print(f"seed {seed}: {len(made.tables.order_lines):,} lines, hindsight bound {least:,.2f}", flush=True)
        for engine in (*POLICIES, *given.engines):
            found = measured(Job("fulfilment", seed, engine, given.time, given.threads))
            if found.value is None:
                print(f"{engine:>18}: {found.ended}", flush=True)
                continue
            cost = float(made.cost(Fraction(found.value)))
            ratios.setdefault(engine, []).append(cost / least)
            print(f"{engine:>18}: cost {cost:,.2f}, / hindsight {cost / least:.4f}, {found.ended}", flush=True)
    for engine, found_ratios in ratios.items() if len(given.seeds) > 1 else ():
        print(f"{engine:>18}: mean cost / hindsight {mean(found_ratios):.4f} over {len(found_ratios)} seeds")


if __name__ == "__main__":
    main()
