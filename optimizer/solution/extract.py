"""From columns of the linear model to a plan in business units, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.model.build import Model
from optimizer.model.calendar import SPAN
from optimizer.model.linear_model import Block
from optimizer.model.lookup import find_sorted
from optimizer.model.ragged import first_of, ranks_of, totals
from optimizer.solution import policy_values
from optimizer.solution.ledger import Ledger
from optimizer.solution.needed_moves import without_idle_moves
from optimizer.solution.plan import Draws, MovedStock, Plan
from optimizer.solution.policy_values import shipment_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def plan_from_values(model: Model, values: Floats) -> Plan:
    """The plan that a point of the model stands for: each shipped quantity rounded to whole steps of its column."""
    arcs, draws, needs = model.arcs, model.arcs.draws, model.arcs.needs
    steps = _whole(model, values, "ship_qty")
    used = np.flatnonzero(steps)
    row, size = ranks_of(*(key[used] for key in (arcs.line, arcs.lane, arcs.day, arcs.product)))
    first = used[first_of(row, size)]
    row_of_arc = np.full(len(arcs), -1, dtype=np.int64)
    row_of_arc[used] = row
    taken = [
        (row_of_arc[draws.arc], draws.source, draws.units * steps[draws.arc]),
        (row_of_arc[needs.arc[needs.option]], needs.source, _whole(model, values, "kit_draw")),
    ]
    plan = Plan(
        arcs.line[first],
        arcs.lane[first],
        totals(row, (steps * arcs.step)[used], size),
        arcs.day[first],
        arcs.product[first],
        draws=Draws.of(*(np.concatenate(part) for part in zip(*taken, strict=True))),
        moves=moves_from_values(model, values),
    )
    return without_idle_moves(model.batch, plan)


def _whole(model: Model, values: Floats, family: str) -> Ints:
    """The columns of a family as whole numbers: half to even, the one named rounding rule."""
    block = model.linear.columns(family)
    return np.rint(values[block.start : block.stop]).astype(np.int64)


def values_from_plan(model: Model, plan: Plan) -> Floats:
    """The full column vector that says the same as the plan, every auxiliary column at its implied value.

    For warm starts, re-solves and row activities. Raises ValueError if the plan ships where the model has no arc, or
    a quantity that is no multiple of the column's step.
    """
    ledger = Ledger(model.tables, model.scenario, plan)
    values, steps = np.zeros(model.linear.n_cols), _ship_qty(model, ledger.plan)
    for block in model.linear.column_blocks:
        if block.family == "ship_qty":
            fill: NDArray[Any] | Exact = steps
        elif block.family == "kit_draw":
            fill = _kit_draw(model, ledger.plan)
        elif block.family in policy_values.IMPLIED:
            fill = policy_values.IMPLIED[block.family](model, ledger, block)
        else:
            fill = IMPLIED[block.family](ledger, block)
        values[block.start : block.stop] = fill.floats() if isinstance(fill, Exact) else fill
    return values


def _codes(model: Model, *keys: Ints) -> Ints:
    """(line, lane, day, product, source) as one number; the days are those of the model's arcs, others are none."""
    line, lane, day, product, source = keys
    days = np.unique(model.arcs.day)
    place = np.minimum(np.searchsorted(days, day), max(len(days) - 1, 0))
    known = days[place] == day if len(days) else np.zeros(len(day), dtype=bool)
    code = (line * len(model.tables.lanes) + lane) * max(len(days), 1) + place
    code = code * len(model.tables.products) + product
    return np.where(known, code * (len(model.batch.supply) + 1) + source + 1, -1)


def _arc_codes(model: Model) -> Ints:
    arcs = model.arcs
    return _codes(model, arcs.line, arcs.lane, arcs.day, arcs.product, arcs.source)


def arc_of_draw(model: Model, plan: Plan) -> tuple[Ints, Ints]:
    """(row, arc) for what each row of the plan takes from each lot, or for a kit once; -1 where there is no arc.

    An arc is a position in the ship_qty block.
    """
    kit = model.batch.offers.recipes.is_kit[plan.product]
    draws = plan.draws
    plain = np.flatnonzero(~kit[draws.row])
    row = np.concatenate([draws.row[plain], np.flatnonzero(kit)])
    source = np.concatenate([draws.source[plain], np.full(int(kit.sum()), -1, dtype=np.int64)])
    keys = (plan.line[row], plan.lane[row], plan.day[row], plan.product[row], source)
    return row, find_sorted(_arc_codes(model), _codes(model, *keys))


def arc_of_row(model: Model, plan: Plan) -> Ints:
    """Which arc each row of the plan is, of several lots the first; raises ValueError where there is none."""
    row, arc = arc_of_draw(model, plan)
    found = np.full(len(plan), -1, dtype=np.int64)
    found[row[::-1]] = arc[::-1]
    missing = np.concatenate([row[arc < 0], np.flatnonzero(found < 0)])
    if len(missing):
        lines, lanes, bad = model.tables.order_lines, model.tables.lanes, missing.min()
        line, lane = plan.line[bad], plan.lane[bad]
        raise ValueError(
            f"no lane of the model carries order {lines['order_id'][line]} line {lines['line_id'][line]} "
            f"from {lanes['warehouse_id'][lane]} by {lanes['service_id'][lane]}"
        )
    return found


def _ship_qty(model: Model, plan: Plan) -> Ints:
    arc_of_row(model, plan)  # refuses what has no arc
    row, arc = arc_of_draw(model, plan)
    offers, arcs = model.batch.offers, model.arcs
    offer = offers.find(plan.line[row], plan.product[row])
    kit = offers.recipes.is_kit[plan.product]
    shipped = np.concatenate([plan.draws.units[~kit[plan.draws.row]], offers.shipped(offer, plan.qty[row])[kit[row]]])
    ordered, rest = np.divmod(shipped * offers.bottom[offer], offers.top[offer])
    steps, more = np.divmod(ordered, arcs.step[arc])
    if rest.any() or more.any():
        odd = int(np.count_nonzero((rest > 0) | (more > 0)))
        raise ValueError(f"{odd} quantities of the plan are not whole steps of the model")
    values = np.zeros(len(arcs), dtype=np.int64)
    np.add.at(values, arc, steps)
    return values


def _kit_draw(model: Model, plan: Plan) -> Ints:
    """Units that kits take from each lot where they choose between several."""
    needs, draws = model.arcs.needs, plan.draws
    size = len(model.batch.supply)
    row, arc = arc_of_draw(model, plan)
    of_row = np.full(len(plan), -1, dtype=np.int64)
    of_row[row] = arc
    code, units = ranks_of_draws(of_row[draws.row], draws.source, draws.units, size)
    place = find_sorted(code, needs.arc[needs.option] * size + needs.source)
    return np.append(units, 0)[place]


def ranks_of_draws(arc: Ints, source: Ints, units: Ints, size: int) -> tuple[Ints, Ints]:
    """Distinct codes ``arc · size + source``, sorted, and the units of each."""
    code, of = np.unique(arc * size + source, return_inverse=True)
    return code, totals(of.reshape(-1), units, len(code))


def moves_from_values(model: Model, values: Floats) -> MovedStock:
    """What the columns of moves between warehouses say."""
    block = model.linear.columns("transfer_qty")
    if not len(block):
        return MovedStock()
    units = np.rint(values[block.start : block.stop]).astype(np.int64)
    used, supply, moves = np.flatnonzero(units), model.batch.supply, model.batch.supply.moves
    move = block.keys["move"][used]
    source = moves.source[move]
    order = np.lexsort((moves.leave[move], source, moves.transfer[move]))
    move, source = move[order], source[order]
    return MovedStock(moves.transfer[move], source, moves.leave[move], units[used][order], supply.product[source])


def _open_shipment(ledger: Ledger, block: Block) -> NDArray[Any]:
    return shipment_of(ledger, block) >= 0


def _charge_topup(ledger: Ledger, block: Block) -> Exact:
    """Money that lifts an open shipment to its minimum charge."""
    shipment, ships = shipment_of(ledger, block), ledger.shipments
    topup = Exact.concat([ships.freight - ships.linear, Exact.zeros(1)])  # -1 finds the zero at the end
    return topup[shipment]


def _line_full(ledger: Ledger, block: Block) -> NDArray[Any]:
    return ledger.line_full[block.keys["line"]]


def _order_full(ledger: Ledger, block: Block) -> NDArray[Any]:
    return ledger.order_full[block.keys["order"]]


def _line_used(ledger: Ledger, block: Block) -> NDArray[Any]:
    return ledger.allocated[block.keys["line"]] > 0


def _pick_line(ledger: Ledger, block: Block) -> NDArray[Any]:
    n_lanes, plan, keys = len(ledger.tables.lanes), ledger.plan, block.keys
    own = (plan.line * n_lanes + plan.lane) * SPAN + plan.day
    return find_sorted(own, (keys["line"] * n_lanes + keys["lane"]) * SPAN + keys["day"]) >= 0


def _lots(ledger: Ledger, block: Block) -> NDArray[Any]:
    """How many multiples of its step each (line, warehouse, day, product, lot) ships, over all services."""
    plan, offers, keys = ledger.plan, ledger.batch.offers, block.keys
    kit = offers.recipes.is_kit[plan.product]
    plain = np.flatnonzero(~kit[plan.draws.row])
    row = np.concatenate([plan.draws.row[plain], np.flatnonzero(kit)])
    source = np.concatenate([plan.draws.source[plain], np.full(int(kit.sum()), -1, dtype=np.int64)])
    offer = ledger.row_offer[row]
    shipped = np.concatenate([plan.draws.units[plain], offers.shipped(offer, plan.qty[row])[len(plain) :]])
    ordered = shipped * offers.bottom[offer] // offers.top[offer]
    own = (plan.line[row], ledger.row_warehouse[row], plan.day[row], plan.product[row], source)
    wanted = tuple(keys[name] for name in ("line", "warehouse", "day", "product", "source"))
    rank, size = ranks_of(*(np.concatenate(pair) for pair in zip(own, wanted, strict=True)))
    total = totals(rank[: len(row)], ordered, size)
    offer = offers.find(keys["line"], keys["product"])
    return np.asarray(total[rank[len(row) :]] // offers.multiple[offer])


def _open_warehouse(ledger: Ledger, block: Block) -> NDArray[Any]:
    return ledger.warehouse_opened[block.keys["warehouse"]]


def _contract_shortfall(ledger: Ledger, block: Block) -> NDArray[Any]:
    return ledger.contracts.shortfall[block.keys["contract"]]


IMPLIED: dict[str, Callable[[Ledger, Block], NDArray[Any] | Exact]] = {
    "open_shipment": _open_shipment,
    "charge_topup": _charge_topup,
    "line_full": _line_full,
    "order_full": _order_full,
    "line_used": _line_used,
    "pick_line": _pick_line,
    "lots": _lots,
    "open_warehouse": _open_warehouse,
    "contract_shortfall": _contract_shortfall,
}
"""What a plan implies for each auxiliary column family of the model."""
