"""Order lines whose allocation moved between two runs: from where to where, and the money."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.batch.compare_run import RunFolder, amounts
from optimizer.exact import Exact
from optimizer.tables.tables import Table, Texts

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

LINE = ["order_id", "line_id"]
WAY = ["warehouse_id", "service_id", "ship_date", "ship_product_id"]
"""What tells one way of serving a line from another; which lot it was picked from does not."""
TERMS = ("margin", "service_value", "variable_cost")


class Ways:
    """Every way that serves a line in either of two runs: ordered units and money before and after.

    Ways are sorted by line and way. ``line`` numbers their lines; ``before`` and ``after`` are ordered units.
    """

    def __init__(self, baseline: RunFolder, run: RunFolder) -> None:
        tables = [run_folder.table("allocations") for run_folder in (baseline, run)]
        named = [LINE[0], LINE[1], "product_id", *WAY]
        frame = pd.DataFrame(
            {name: np.concatenate([table.get(name, _none()) for table in tables]) for name in named}, dtype=object
        )
        sizes = [len(table.get("order_id", _none())) for table in tables]
        is_after = np.repeat([False, True], sizes)
        code = frame.groupby([*LINE, *WAY], sort=True).ngroup().to_numpy(np.int64)
        self.keys = frame.iloc[np.unique(code, return_index=True)[1]].reset_index(drop=True)
        self.line = self.keys.groupby(LINE, sort=True).ngroup().to_numpy(np.int64)
        size = len(self.keys)

        def totals(column: str, rows: Flags) -> Exact:
            cells = np.concatenate([table.get(column, _none()) for table in tables])
            return amounts(cells[rows]).sum_by(code[rows], size)

        self.before, self.after = (
            totals("ordered_qty_served", rows).num.astype(np.int64) for rows in (~is_after, is_after)
        )
        self.change = {term: totals(term, is_after) - totals(term, ~is_after) for term in TERMS}

    @property
    def lines(self) -> int:
        """How many lines have a way."""
        return int(self.line.max(initial=-1)) + 1

    @property
    def moved(self) -> Ints:
        """Ordered units more (above 0) or fewer on each way."""
        return self.after - self.before

    def by_line(self, values: Ints) -> Ints:
        """Totals of whole numbers by line."""
        total = np.zeros(self.lines, dtype=np.int64)
        np.add.at(total, self.line, values)
        return total


def _none() -> Texts:
    return np.zeros(0, dtype=object)


def moved_lines(ways: Ways, customer_of: dict[str, str]) -> Table:
    """A row for each line that ships otherwise or earns otherwise; the money columns add up to what all lines changed.

    ``money`` = margin + service value − variable cost, unweighted. Freight that hangs on a shipment as a whole belongs
    to no line and is not in it.
    """
    changed = np.zeros(ways.lines, dtype=bool)
    changed[ways.line[ways.moved != 0]] = True
    money = {term: change.sum_by(ways.line, ways.lines) for term, change in ways.change.items()}
    for amount in money.values():
        changed |= amount.num != 0
    kept = np.flatnonzero(changed)
    first = np.searchsorted(ways.line, kept)
    before, after, more = (ways.by_line(units) for units in (ways.before, ways.after, np.maximum(ways.moved, 0)))
    fewer = ways.by_line(np.maximum(-ways.moved, 0))
    taken = {term: amount.take(kept) for term, amount in money.items()}
    keys = ways.keys.iloc[first]
    return Table(
        "moved",
        {
            **{name: keys[name].to_numpy(object) for name in (*LINE, "product_id")},
            "customer_id": np.array([customer_of.get(order, "") for order in keys["order_id"]], dtype=object),
            "what": _words(before[kept], after[kept], more[kept]),
            "units_before": before[kept],
            "units_after": after[kept],
            "units_moved": np.minimum(more, fewer)[kept],
            "from": _places(ways, -ways.moved)[kept],
            "to": _places(ways, ways.moved)[kept],
            **taken,
            "money": taken["margin"] + taken["service_value"] - taken["variable_cost"],
        },
    )


def _words(before: Ints, after: Ints, more: Ints) -> Texts:
    """What became of a line: gained or lost units, moved with the same number, or only earns otherwise."""
    same = np.where(more > 0, "moved", "other money")
    return np.where(after > before, "gained", np.where(after < before, "lost", same)).astype(object)


def _places(ways: Ways, units: Ints) -> Texts:
    """For each line the ways with units above 0, in words; blank where there is none."""
    there = np.flatnonzero(units > 0)
    keys, told = ways.keys.iloc[there], np.full(ways.lines, "", dtype=object)
    other = np.where(keys["ship_product_id"] == keys["product_id"], "", " with " + keys["ship_product_id"])
    words = keys["warehouse_id"] + " by " + keys["service_id"] + " on " + keys["ship_date"] + other
    words = pd.Series(units[there]).astype(str).to_numpy(object) + " " + words.to_numpy(object)
    joined = pd.Series(words).groupby(ways.line[there]).agg("; ".join)
    told[joined.index.to_numpy(np.int64)] = joined.to_numpy(object)
    return told


def flows(ways: Ways) -> Table:
    """Ordered units that moved, by the warehouse they came from and the one they ship from now; blank: not served.

    Within a line the units that left their ways meet those that came to others in the order of the ways' keys.
    """
    gone, came = (_ends(ways, sign) for sign in (-1, 1))
    cuts = np.union1d(gone[1], came[1])
    start = np.concatenate([[0], cuts])[: len(cuts)].astype(np.int64)
    units = cuts - start
    ends = [place[np.searchsorted(total, start, side="right")] for place, total in (gone, came)]
    frame = pd.DataFrame({"from": ends[0], "to": ends[1], "units": units})
    frame = frame.groupby(["from", "to"], sort=True, as_index=False).agg(units=("units", "sum"))
    return Table(
        "flows",
        {
            "from_warehouse_id": frame["from"].to_numpy(object),
            "to_warehouse_id": frame["to"].to_numpy(object),
            "units": frame["units"].to_numpy(np.int64),
        },
    )


def _ends(ways: Ways, sign: int) -> tuple[Texts, Ints]:
    """The warehouses that units left (sign −1) or came to (+1) and running totals, line by line.

    Each line ends with the units of the other side that have no partner, under a blank name: both sides agree in total.
    """
    units, other = np.maximum(sign * ways.moved, 0), np.maximum(-sign * ways.moved, 0)
    rest = np.maximum(ways.by_line(other) - ways.by_line(units), 0)
    line = np.concatenate([ways.line, np.arange(ways.lines)])
    place = np.concatenate([ways.keys["warehouse_id"].to_numpy(object), np.full(ways.lines, "", dtype=object)])
    size = np.concatenate([units, rest])
    order = np.argsort(line, kind="stable")
    order = order[size[order] > 0]
    return place[order], np.cumsum(size[order])
