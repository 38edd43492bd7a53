"""Which hard rules cannot all hold, what stands in their way, and the cheapest repair: the content of `conflict.json`.

A shortage never makes a batch infeasible; hard contracts, service floors, pins and frozen orders can. One engine looks
for conflicts and repair, another verifies the repair. Each part gets its share of the time, so that a report is always
written; what the clock cut short is marked.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.engines.base import SolveServer
from optimizer.engines.result import SolveOptions
from optimizer.model.build import Model
from optimizer.solution.conflict_limits import limits
from optimizer.solution.conflict_repair import cheapest_repair
from optimizer.solution.conflict_rules import DemandingRules
from optimizer.solution.conflict_search import Clash, Search, clashes

Ints = NDArray[np.int64]

SEARCHER, VERIFIER = "highs", "scip"
"""The engine that looks for conflicts and repair, and the one that must find a plan that keeps the repaired rules."""
SHARES = (0.5, 0.3, 0.2)
"""Parts of the time limit for the repair, the clashes and what stands in their way."""
MOST_CLASHES = 20
MOST_LISTED = 200
"""Rules of one clash that are listed; only one that the clock left unreduced can have more."""


def find_conflict(
    model: Model, engine: str, options: SolveOptions, stop: threading.Event | None = None
) -> dict[str, Any]:
    """The conflict of a model that ``engine`` says has no plan; what is known so far if ``stop`` is set."""
    rules, orders = DemandingRules.of(model), unholdable_orders(model)
    ends = time.monotonic() + np.cumsum(SHARES) * options.time_limit_s
    with SolveServer(SEARCHER, threads=options.threads, memory_limit_mb=options.memory_limit_mb) as server:
        search = Search(server, rules.model.linear, rules.demands, options, ends[0], stop)
        repair = cheapest_repair(search, rules, model, options, VERIFIER) if len(rules) else None
        search.ends = ends[1]
        found = list(clashes(search, MOST_CLASHES))
        conflicts = [_conflict(rules, clash) for clash in found]
        _name_limits(model, found, conflicts, search, ends[2])
    return {
        "schema_version": 1,
        "proven_by": [*dict.fromkeys((engine, SEARCHER)), *(["arithmetic"] if orders else [])],
        "conflicts": conflicts,
        "repair": repair,
        "unholdable_orders": orders,
        "rules": [
            *({"family": "delivery_policy", **order} for order in orders),
            *(rule for conflict in conflicts for rule in conflict["rules"]),
        ],
    }


def _conflict(rules: DemandingRules, clash: Clash) -> dict[str, Any]:
    size = len(clash.members)
    described = [rules.describe(member) for member in clash.members[:MOST_LISTED]]
    lead = "this rule cannot hold" if size == 1 else f"these {size:,} rules cannot all hold together"
    if not clash.irreducible and size > 1:
        lead += "; there was no time to find out which of them clash"
    if size > len(described):
        lead += f" (the first {len(described)} are listed)"
    return {"words": lead, "irreducible": clash.irreducible, "rules": described, "limits": []}


def _name_limits(
    model: Model,
    found: list[Clash],
    conflicts: list[dict[str, Any]],
    before: Search,
    ends: float,
) -> None:
    """What each clash meets, looked for where no bound of a column holds a limit: with room for all that is ordered."""
    if not found:
        return
    rules = DemandingRules.of(model, headroom=int(model.tables.order_lines["qty"].sum()))
    search = Search(before.server, rules.model.linear, rules.demands, before.options, ends, before.stop)
    for clash, conflict in zip(found, conflicts, strict=True):
        conflict["limits"] = list(limits(search, rules, list(clash.members)))


def unholdable_orders(model: Model) -> list[dict[str, Any]]:
    """Orders that must come whole in one shipment and that no single warehouse can hold, by arithmetic alone.

    A warehouse holds an order if it has every line in full and its capacity in units takes them all.
    """
    tables, arcs = model.tables, model.arcs
    orders, houses = tables.orders, tables.warehouses
    size = np.bincount(tables.line_order, minlength=len(orders))
    units = np.zeros(len(orders), dtype=np.int64)
    np.add.at(units, tables.line_order, tables.order_lines["qty"])
    whole = (
        (orders["delivery_policy"] == "order_complete") & orders.given("max_shipments") & (orders["max_shipments"] == 1)
    )
    whole &= (size > 0) & (orders["hold"] == "")
    stocked = np.bincount(
        arcs.shipment[arcs.cap == tables.order_lines["qty"][arcs.line]], minlength=len(arcs.shipment_order)
    )
    house = tables.lane_warehouse[arcs.shipment_lane]
    room = np.where(houses.given("capacity_units"), houses["capacity_units"], np.iinfo(np.int64).max)[house]
    holds = (stocked == size[arcs.shipment_order]) & (units[arcs.shipment_order] <= room)
    fits = np.zeros(len(orders), dtype=bool)
    fits[arcs.shipment_order[holds]] = True
    return [_unholdable(model, int(order), int(units[order])) for order in np.flatnonzero(whole & ~fits)]


def _unholdable(model: Model, order: int, units: int) -> dict[str, Any]:
    name, houses = model.tables.orders["order_id"][order], model.tables.warehouses
    rooms = houses["capacity_units"][houses.given("capacity_units")]
    largest = f"; the largest capacity is {int(rooms.max()):,} units" if len(rooms) else ""
    words = f"order {name} must come whole in one shipment ({units:,} units) and no warehouse can hold it{largest}"
    return {"order_id": name, "units": units, "words": words}
