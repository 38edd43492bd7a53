"""From a verified plan and its input tables to the three outbound tables. `Outbound` is what to read first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.errors import VerificationError
from optimizer.nightly.outbound.supplies import Rows, UncoveredError, cover
from optimizer.nightly.outbound.tables import (
    BALANCES,
    INBOUND,
    INSTRUCTIONS,
    MOVED,
    ON_HAND,
    ORDER,
    RESERVATIONS,
    SOURCE,
    TRANSFER,
)
from optimizer.proof.run_files import read_rows, table_path, unguard
from optimizer.tables.tables import Table

if TYPE_CHECKING:
    import datetime

    from optimizer.tables.tables import Tables

SUPPLY_RANK = {ON_HAND: 0, INBOUND: 1, MOVED: 2}
PICKING = ["warehouse_id", "ship_date", "kind", "service_id", "ship_product_id", "lot_id", "shipment_id", "order_id",
           "line_id", "to_warehouse_id"]  # fmt: skip


@dataclass(frozen=True)
class Outbound:
    """A plan as the systems around it need it: ``instructions`` and ``reservations`` and ``balances``, sorted.

    ``warehouses`` are all of the batch: one without anything to pick is told so.
    """

    run_id: str
    scenario: str
    as_of: datetime.date
    warehouses: Sequence[str]
    instructions: Table
    reservations: Table
    balances: Table


@dataclass(frozen=True)
class Plan:
    """The tables of a run folder that say what leaves where, as text by column; units are whole numbers."""

    allocations: pd.DataFrame
    shipments: pd.DataFrame
    transfers: pd.DataFrame

    @classmethod
    def read(cls, run_dir: Path) -> Plan:
        """From the files of the folder."""
        return cls(*(_texts(table_path(run_dir, name)) for name in ("allocations", "shipments", "transfers")))


@dataclass(frozen=True)
class Counted:
    """Outbound tables beside what they were counted from; ``tables``: None where the inputs are not at hand."""

    outbound: Outbound
    plan: Plan
    tables: Tables | None


def outbound_of(run_dir: Path, inputs: Path | None = None) -> Counted:
    """Count a run folder. Raises `UsageError` if it holds no plan, `VerificationError` if inputs changed since."""
    from optimizer.proof.verdict import read_inputs

    run, tables, scenario = read_inputs(run_dir, inputs)
    plan = Plan.read(run_dir)
    return Counted(count(plan, tables, scenario.as_of, str(run.get("run_id", "")), scenario.name), plan, tables)


def count(plan: Plan, tables: Tables, as_of: datetime.date, run_id: str, scenario: str) -> Outbound:
    """The three tables of a plan. Raises `VerificationError` for a plan that stock does not cover."""
    instructions = _instructions(plan)
    return Outbound(
        run_id,
        scenario,
        as_of,
        tables.warehouses["warehouse_id"].tolist(),
        as_table("instructions", INSTRUCTIONS, instructions),
        as_table("reservations", RESERVATIONS, _reservations(plan, tables, instructions, as_of)),
        as_table("balances", BALANCES, _balances(plan, tables)),
    )


def as_table(name: str, kinds: dict[str, str], frame: pd.DataFrame) -> Table:
    """A frame of text, days and whole numbers as a table that can be written; blank days are NaT."""
    kept: dict[str, NDArray[np.generic]] = {}
    for column, kind in kinds.items():
        if kind == "date":
            kept[column] = _days(frame[column])
        else:
            kept[column] = frame[column].to_numpy(np.int64 if kind == "int" else object)
    return Table(name, kept)


def _texts(path: Path) -> pd.DataFrame:
    """A table of a run folder as text, ``qty`` as whole numbers."""
    pieces = []
    for _, columns in read_rows(path):
        frame = pd.DataFrame(
            {name: unguard(cells, path.suffix == ".csv") for name, cells in columns.items()}, dtype=object
        )
        pieces.append(frame)
    whole = pd.concat(pieces, ignore_index=True)
    return whole.assign(qty=whole["qty"].astype(np.int64)) if "qty" in whole else whole


def _days(texts: pd.Series) -> NDArray[np.datetime64]:
    """ISO dates as days; blank is NaT. Dates repeat: each is read once."""
    code, known = pd.factorize(texts.to_numpy(object))
    return np.array([text or "NaT" for text in known], dtype="datetime64[D]")[code]


# -- instructions ------------------------------------------------------------------------------------------------------
def _instructions(plan: Plan) -> pd.DataFrame:
    """A row for each row of allocations and of transfers, in the order in which they are picked."""
    way = ["order_id", "warehouse_id", "service_id", "ship_date"]
    orders = plan.allocations.merge(plan.shipments[[*way, "shipment_id"]], on=way, how="left", validate="m:1")
    if orders["shipment_id"].isna().any():
        lost = orders[orders["shipment_id"].isna()].iloc[0]
        raise VerificationError(f"allocations: {lost['order_id']}/{lost['line_id']} ships in no row of shipments")
    moves = plan.transfers.assign(warehouse_id=plan.transfers["from_warehouse_id"],
                                  ship_product_id=plan.transfers["product_id"])  # fmt: skip
    both = pd.concat([orders.assign(kind=ORDER), moves.assign(kind=TRANSFER)], ignore_index=True)
    both = both.reindex(columns=list(INSTRUCTIONS))
    texts = [name for name in INSTRUCTIONS if name != "qty"]
    both[texts] = both[texts].astype(object).fillna("")
    return both.sort_values(PICKING, kind="stable", ignore_index=True)


# -- reservations ------------------------------------------------------------------------------------------------------
def _reservations(plan: Plan, tables: Tables, instructions: pd.DataFrame, as_of: datetime.date) -> pd.DataFrame:
    """Which supply covers each instruction; one that several cover is several rows."""
    named = instructions.assign(product_id=instructions["ship_product_id"])
    demands = named.sort_values([*SOURCE, "ship_date", "kind", "order_id", "line_id", "to_warehouse_id", "service_id"],
                                kind="stable", ignore_index=True)  # fmt: skip
    supplies = _supplies(plan, tables, as_of)
    source, known = _numbered([supplies[SOURCE], demands[SOURCE], _stock(tables)[SOURCE]])
    protected = np.zeros(known, dtype=np.int64)
    np.add.at(protected, source[2], tables.stock["reserved_qty"] + tables.stock["safety_stock_qty"])
    try:
        pieces = cover(
            Rows(source[1], _day_numbers(demands["ship_date"], as_of), demands["qty"].to_numpy(np.int64)),
            Rows(source[0], _day_numbers(supplies["available_date"], as_of), supplies["qty"].to_numpy(np.int64)),
            protected,
        )
    except UncoveredError as error:
        row = demands.iloc[error.row]
        raise VerificationError(f"{row['warehouse_id']} has too little of {row['product_id']} {row['lot_id']}".rstrip()
                                + f" for what leaves until {row['ship_date']}") from None  # fmt: skip
    taken, given = demands.iloc[pieces.demand], supplies.iloc[pieces.supply]
    columns = {
        name: (given if name in ("supply", "receipt_id", "from_warehouse_id", "available_date") else taken)[name]
        .to_numpy(object)
        for name in RESERVATIONS
    }  # fmt: skip
    return pd.DataFrame(columns | {"qty": pieces.units})


def _supplies(plan: Plan, tables: Tables, as_of: datetime.date) -> pd.DataFrame:
    """What there is and what arrives, sorted by source, day, and what is used first."""
    stock, today = _stock(tables), as_of.isoformat()
    here = stock.assign(supply=ON_HAND, available_date=today, qty=tables.stock["on_hand_qty"])
    coming = _inbound(tables).assign(supply=INBOUND)
    coming["available_date"] = coming["available_date"].where(coming["available_date"] > today, today)
    moves = plan.transfers.assign(warehouse_id=plan.transfers["to_warehouse_id"],
                                  available_date=plan.transfers["arrive_date"], supply=MOVED)  # fmt: skip
    wanted = [*SOURCE, "supply", "receipt_id", "from_warehouse_id", "available_date", "qty"]
    both = pd.concat([here, coming, moves], ignore_index=True).reindex(columns=wanted)
    both[wanted[:-1]] = both[wanted[:-1]].astype(object).fillna("")
    rank = both["supply"].map(SUPPLY_RANK)
    order = [*SOURCE, "available_date", "rank", "receipt_id", "from_warehouse_id"]
    return both.assign(rank=rank).sort_values(order, kind="stable", ignore_index=True)


def _stock(tables: Tables) -> pd.DataFrame:
    """The sources that `stock` names."""
    return pd.DataFrame({name: tables.stock[name] for name in SOURCE}, dtype=object)


def _inbound(tables: Tables) -> pd.DataFrame:
    """Receipts; they have no lot."""
    table = tables.inbound
    frame = pd.DataFrame({name: table[name] for name in ("warehouse_id", "product_id", "receipt_id")}, dtype=object)
    return frame.assign(lot_id="", available_date=table["available_date"].astype(str), qty=table["qty"])


def _numbered(frames: Sequence[pd.DataFrame]) -> tuple[list[NDArray[np.int64]], int]:
    """The same number for the same source in all frames, in sorted order; and how many there are."""
    whole = pd.concat(frames, ignore_index=True)
    number = whole.groupby(SOURCE, sort=True).ngroup().to_numpy(np.int64)
    cuts = np.cumsum([len(frame) for frame in frames])[:-1]
    return np.split(number, cuts), int(number.max(initial=-1)) + 1


def _day_numbers(texts: pd.Series, as_of: datetime.date) -> NDArray[np.int64]:
    """Days since ``as_of``."""
    return np.asarray((_days(texts) - np.datetime64(as_of)).astype(np.int64))


# -- balances ----------------------------------------------------------------------------------------------------------
def _balances(plan: Plan, tables: Tables) -> pd.DataFrame:
    """What each source has, gains, gives and keeps, once everything in the plan has left and arrived."""
    stock = tables.stock
    moves, given = plan.transfers, plan.allocations
    parts = {
        "on_hand_qty": _stock(tables).assign(qty=stock["on_hand_qty"]),
        "reserved_qty": _stock(tables).assign(qty=stock["reserved_qty"]),
        "safety_stock_qty": _stock(tables).assign(qty=stock["safety_stock_qty"]),
        "inbound_qty": _inbound(tables),
        "transferred_in_qty": moves.assign(warehouse_id=moves["to_warehouse_id"]),
        "transferred_out_qty": moves.assign(warehouse_id=moves["from_warehouse_id"]),
        "allocated_qty": given.assign(product_id=given["ship_product_id"]),
    }
    totals = {name: part.groupby(SOURCE)["qty"].sum() for name, part in parts.items()}
    found = pd.concat(totals, axis=1).fillna(0).astype(np.int64).sort_index()
    after = found["on_hand_qty"] + found["inbound_qty"] + found["transferred_in_qty"]
    after -= found["transferred_out_qty"] + found["allocated_qty"]
    found = found.assign(on_hand_after_qty=after, left_qty=after - found["reserved_qty"] - found["safety_stock_qty"])
    expiry = _stock(tables).assign(expiry_date=stock["expiry_date"].astype(str)).set_index(SOURCE)["expiry_date"]
    found["expiry_date"] = expiry.replace("NaT", "").reindex(found.index).fillna("")
    return found.reset_index()
