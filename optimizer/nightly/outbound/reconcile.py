"""Do outbound files add up? Judged from the files alone, the tables of the plan, and the input tables where at hand.

Every sum is formed here a second time, from rows that were read back; nothing of `count` is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from optimizer.exact import Exact
from optimizer.nightly.outbound.count import Outbound, Plan
from optimizer.nightly.outbound.tables import INBOUND, MOVED, ON_HAND, ORDER, SOURCE, TRANSFER

if TYPE_CHECKING:
    from optimizer.tables.tables import Table, Tables

TOLD = 3
"""Differences of one sum that are told."""

PICK = ["order_id", "line_id", "warehouse_id", "product_id", "lot_id", "ship_date"]
MOVE = ["from_warehouse_id", "to_warehouse_id", "product_id", "lot_id", "ship_date"]
COPIED = ("on_hand_qty", "reserved_qty", "safety_stock_qty")
"""Columns of `balances` that are those of `stock`."""


def failures(found: Outbound, plan: Plan, tables: Tables | None) -> list[str]:
    """What does not add up, in words; empty if everything does. ``tables``: None where inputs are gone."""
    return list(_failures(found, plan, tables))


def _failures(found: Outbound, plan: Plan, tables: Tables | None) -> Iterator[str]:
    picks, reserved, balances = map(_frame, (found.instructions, found.reservations, found.balances))
    picks = picks.assign(product_id=picks["ship_product_id"])
    planned = plan.allocations.assign(product_id=plan.allocations["ship_product_id"])
    moved = plan.transfers
    of_orders, of_moves = _kind(picks, ORDER), _kind(picks, TRANSFER)
    yield from _differ("instructions of allocations", _sums(of_orders, PICK), _sums(planned, PICK))
    yield from _differ("reservations of allocations", _sums(_kind(reserved, ORDER), PICK), _sums(planned, PICK))
    yield from _differ("instructions of transfers", _sums(_given(of_moves), MOVE), _sums(moved, MOVE))
    yield from _differ("reservations of transfers", _sums(_given(_kind(reserved, TRANSFER)), MOVE), _sums(moved, MOVE))
    yield from _balance_failures(balances, of_orders, of_moves)
    yield from _supply_failures(reserved, balances, moved)
    if tables is not None:
        yield from _input_failures(balances, reserved, tables)


def _balance_failures(balances: pd.DataFrame, of_orders: pd.DataFrame, of_moves: pd.DataFrame) -> Iterator[str]:
    """Each source once; before + in − out = after, at least 0; what goes in and out is what the instructions say."""
    if balances.duplicated(SOURCE).any():
        yield f"balances: {_name(balances[balances.duplicated(SOURCE)].iloc[0])} is there twice"
        return
    gained = balances["on_hand_qty"] + balances["inbound_qty"] + balances["transferred_in_qty"]
    after = gained - balances["transferred_out_qty"] - balances["allocated_qty"]
    left = balances["on_hand_after_qty"] - balances["reserved_qty"] - balances["safety_stock_qty"]
    for words, wrong in (
        ("before + in - out is not what is there after", after != balances["on_hand_after_qty"]),
        ("less than nothing is there after", balances["on_hand_after_qty"] < 0),
        ("what is left is not what is there less reserved and safety stock", left != balances["left_qty"]),
    ):
        for _, row in balances[wrong].head(TOLD).iterrows():
            yield f"balances: {_name(row)}: {words}"
    arriving = of_moves.assign(warehouse_id=of_moves["to_warehouse_id"])
    for column, rows in (
        ("allocated_qty", of_orders),
        ("transferred_out_qty", of_moves),
        ("transferred_in_qty", arriving),
    ):
        yield from _differ(f"balances: {column} of instructions", _sums(balances, SOURCE, column), _sums(rows, SOURCE))


def _supply_failures(reserved: pd.DataFrame, balances: pd.DataFrame, moved: pd.DataFrame) -> Iterator[str]:
    """No supply gives more than it has, and none before it is there."""
    early = reserved[reserved["available_date"] > reserved["ship_date"]]
    for _, row in early.head(TOLD).iterrows():
        yield f"reservations: {_name(row)} leaves on {row['ship_date']:%Y-%m-%d}, before it is available"
    strange = ~reserved["supply"].isin([ON_HAND, INBOUND, MOVED])
    for _, row in reserved[strange].head(TOLD).iterrows():
        yield f"reservations: {_name(row)}: a supply called {row['supply']!r}"
    for supply, column in ((ON_HAND, "on_hand_qty"), (INBOUND, "inbound_qty"), (MOVED, "transferred_in_qty")):
        taken = _sums(reserved[reserved["supply"] == supply], SOURCE)
        yield from _exceed(f"reservations: {supply}", taken, _sums(balances, SOURCE, column))
    arrivals = moved.assign(warehouse_id=moved["to_warehouse_id"], available_date=_dates(moved["arrive_date"]))
    key = [*SOURCE, "from_warehouse_id", "available_date"]
    taken = _sums(reserved[reserved["supply"] == MOVED], key)
    yield from _exceed("reservations: a transfer", taken, _sums(arrivals, key))


def _input_failures(balances: pd.DataFrame, reserved: pd.DataFrame, tables: Tables) -> Iterator[str]:
    """The balances begin from the stock and the receipts of the input."""
    stock, inbound = _frame(tables.stock), _frame(tables.inbound).assign(lot_id="")
    for column in COPIED:
        yield from _differ(f"balances: {column} of stock", _sums(balances, SOURCE, column),
                           _sums(stock, SOURCE, column))  # fmt: skip
    yield from _differ("balances: inbound_qty of inbound", _sums(balances, SOURCE, "inbound_qty"),
                       _sums(inbound, SOURCE))  # fmt: skip
    key = [*SOURCE, "receipt_id"]
    yield from _exceed("reservations: a receipt", _sums(reserved[reserved["supply"] == INBOUND], key),
                       _sums(inbound, key))  # fmt: skip


# -- sums --------------------------------------------------------------------------------------------------------------
def _frame(table: Table) -> pd.DataFrame:
    """Text, days and whole numbers of a table; exact decimals are left out."""
    columns = {name: values for name, values in table.columns.items() if not isinstance(values, Exact)}
    return pd.DataFrame({name: values.astype("datetime64[s]") if values.dtype.kind == "M" else values
                         for name, values in columns.items()})  # fmt: skip


def _dates(texts: pd.Series) -> pd.Series:
    return pd.to_datetime(texts, format="%Y-%m-%d").astype("datetime64[s]")


def _kind(rows: pd.DataFrame, kind: str) -> pd.DataFrame:
    return rows[rows["kind"] == kind]


def _given(moves: pd.DataFrame) -> pd.DataFrame:
    """Moves by the warehouse that gives, as `transfers` names it."""
    return moves.assign(from_warehouse_id=moves["warehouse_id"])


def _sums(rows: pd.DataFrame, key: list[str], column: str = "qty") -> pd.Series:
    """Units by key, none that are 0."""
    rows = rows.assign(ship_date=_dates(rows["ship_date"])) if _written_dates(rows, key) else rows
    sums = rows.groupby(key)[column].sum()
    return sums[sums != 0]


def _written_dates(rows: pd.DataFrame, key: list[str]) -> bool:
    return "ship_date" in key and not pd.api.types.is_datetime64_any_dtype(rows["ship_date"])


def _differ(words: str, found: pd.Series, expected: pd.Series) -> Iterator[str]:
    """Where two sums are not the same."""
    both = pd.concat({"found": found, "expected": expected}, axis=1).fillna(0)
    for key, row in both[both["found"] != both["expected"]].head(TOLD).iterrows():
        yield f"{words}: {_words(key)}: {int(row['found'])}, not {int(row['expected'])}"


def _exceed(words: str, taken: pd.Series, there: pd.Series) -> Iterator[str]:
    """Where more is taken than there is."""
    both = pd.concat({"taken": taken, "there": there}, axis=1).fillna(0)
    for key, row in both[both["taken"] > both["there"]].head(TOLD).iterrows():
        yield f"{words} of {_words(key)} gives {int(row['taken'])} of {int(row['there'])}"


def _name(row: pd.Series) -> str:
    return _words(tuple(row[name] for name in SOURCE))


def _words(key: object) -> str:
    parts = key if isinstance(key, tuple) else (key,)
    return " ".join(f"{part:%Y-%m-%d}" if isinstance(part, pd.Timestamp) else str(part) for part in parts if part != "")
