"""Moves between warehouses: which of them anybody could use, how much they carry, and what they cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.model.arcs import Arcs
from optimizer.model.batch import Batch
from optimizer.model.calendar import SPAN
from optimizer.model.moves import Moves
from optimizer.model.ragged import first_of, ranks_of
from optimizer.model.resources import Wanted
from optimizer.model.supply import Supply

if TYPE_CHECKING:
    from optimizer.model.formulation import Formulation, Taken
    from optimizer.model.policies import Opened
    from optimizer.model.resources import Resources
    from optimizer.model.variables import Stack

Ints = NDArray[np.int64]
NONE = -1


@dataclass(frozen=True)
class TransferColumns:
    """The moves that stand in the model, and the days on which rows of `transfers` that cost a fixed sum move anything.

    By move: ``move`` (its position in `Supply.moves`), ``column`` (units), ``most``, ``departure``. By departure,
    sorted: ``transfer``, ``leave``, and ``used``, the column that is 1 if anything moves then (`NONE` where that costs
    nothing). ``unused`` counts the moves that nobody could use.
    """

    move: Ints
    column: Ints
    most: Ints
    departure: Ints
    transfer: Ints
    leave: Ints
    used: Ints
    unused: int

    def __len__(self) -> int:
        return len(self.move)

    @classmethod
    def define(
        cls, stack: Stack, batch: Batch, arcs: Arcs, resources: Resources, opened: Opened, headroom: int
    ) -> TransferColumns:
        """Only the moves that somebody could use."""
        moves, most = batch.supply.moves, _most_moved(batch, resources.wanted, headroom)
        move = np.flatnonzero(most > 0)
        column = stack.add("transfer_qty", move_keys(batch.supply, move), most[move])
        departure, size = ranks_of(moves.transfer[move], moves.leave[move])
        first = first_of(departure, size)
        transfer, leave = moves.transfer[move][first], moves.leave[move][first]
        used = np.full(size, NONE, dtype=np.int64)
        paid = np.flatnonzero((batch.tables.transfers["fixed_cost"] > 0)[transfer]) if fixed_counts(batch) else used[:0]
        used[paid] = stack.add("transfer_used", {"transfer": transfer[paid], "day": leave[paid]}, np.ones(len(paid)))
        return cls(move, column, most[move], departure, transfer, leave, used, len(most) - len(move))


def transfer_columns(f: Formulation) -> TransferColumns:
    """The columns of the model."""
    columns: TransferColumns = f.variables.policies["transfers"]
    return columns


def move_keys(supply: Supply, move: Ints) -> dict[str, Ints]:
    """What names moves."""
    moves, source = supply.moves, supply.moves.source[move]
    names = {"transfer": moves.transfer[move], "product": supply.product[source], "source": source}
    return names | {"day": moves.leave[move], "move": move}


def transfer_flows(f: Formulation) -> Taken:
    """What moves take from sources when they leave, and bring when they arrive."""
    from optimizer.model.formulation import Taken

    transfers, moves = transfer_columns(f), f.batch.supply.moves
    move, one = transfers.move, np.ones(len(transfers), dtype=np.int64)
    return Taken(
        np.concatenate([moves.source[move], moves.to_source[move]]),
        np.concatenate([moves.leave[move], moves.arrive[move]]),
        np.tile(transfers.column, 2),
        np.concatenate([one, -one]),
    )


def fixed_counts(batch: Batch) -> bool:
    """Whether the fixed cost of moves is money that counts: in the objective, or in a budget over all products."""
    budgets = batch.tables.budgets
    blank = (budgets["product_id"] == "") & (budgets["family"] == "")
    return bool(batch.scenario.weights.shipping > 0 or ((budgets["kind"] == "transfer_cost") & blank).any())


def _most_moved(batch: Batch, wanted: Wanted, headroom: int) -> Ints:
    """Most units of each move: what its source has, what its row of `transfers` carries, what anybody wants there."""
    supply, table = batch.supply, batch.tables.transfers
    moves = supply.moves
    if not len(moves):
        return np.zeros(0, dtype=np.int64)
    source, leave = moves.source, moves.leave
    pool = supply.pool[source]
    room = np.minimum(supply.own(source, leave), supply.period_atp[supply.find_period(pool, leave)]) + headroom
    limited = table.given("capacity_units")[moves.transfer]
    carried = np.where(limited, table["capacity_units"][moves.transfer] + headroom, room)
    most: Ints = np.minimum(np.minimum(room, carried), _wanted_there(moves, wanted))
    return most


def _wanted_there(moves: Moves, wanted: Wanted) -> Ints:
    """Units that arcs could take from where each move arrives, from then on."""
    codes, total = wanted.source * SPAN + wanted.day, np.append(0, np.cumsum(wanted.units))
    first = np.searchsorted(codes, moves.to_source * SPAN + moves.arrive)
    return np.asarray(total[np.searchsorted(codes, (moves.to_source + 1) * SPAN)] - total[first], dtype=np.int64)


def unit_cost(batch: Batch, move: Ints) -> Exact:
    """Money per unit moved: cost_per_unit + cost_per_kg · kg of the product."""
    tables, supply = batch.tables, batch.supply
    row, product = supply.moves.transfer[move], supply.product[supply.moves.source[move]]
    per_kg = tables.transfers["cost_per_kg"].take(row) * tables.products["unit_weight_kg"].take(product)
    cost: Exact = per_kg + tables.transfers["cost_per_unit"].take(row)
    return cost
