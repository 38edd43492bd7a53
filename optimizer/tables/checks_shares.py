"""Reserves and fair shares: stock that is held back for somebody, and parties that get equal parts."""

from __future__ import annotations

import numpy as np

from optimizer.scenario.schema import Scenario
from optimizer.tables.findings import Findings, Flags
from optimizer.tables.resolve import Draft, distinct, position
from optimizer.tables.schema import SCOPE_COLUMNS
from optimizer.tables.scope import PARTIES, scope_members, scope_values, via
from optimizer.tables.tables import Table, Tables

RESERVE_WHO = ("channel", "segment", "tier", "customer_id")


def reserves_hold_something(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """A reserve holds stock that there is or will be, back from somebody."""
    if draft.unread.intersection(("orders", "order_lines", "customers", "products", "warehouses", "stock", "reserves")):
        return
    tables, typed = draft.tables(), draft.typed["reserves"]
    table = typed.table
    if not len(table):
        return
    who = np.asarray(np.stack([table[column] != "" for column in RESERVE_WHO]).any(axis=0))
    found.at(typed.place, "reserve_id", ~who, "for whom: a channel, segment, tier or customer_id",
             "a reserve for everybody holds nothing back; fill in one of them", "reserve_for_everybody",
             value=table["reserve_id"], severity="warning")  # fmt: skip
    found.at(typed.place, "reserve_id", who & ~_has_lines(tables, table), "an order of those it is for",
             "nobody who ordered may use it; correct it unless it is kept for later orders", "scope_without_lines",
             value=table["reserve_id"], severity="warning")  # fmt: skip
    known = (table["warehouse_id"] == "") | (tables.reserve_warehouse >= 0)
    found.at(typed.place, "qty", known & ~_has_stock(tables), "stock or inbound goods in its scope",
             "correct its warehouse, product or family, or remove it", "reserve_without_stock", value=table["qty"],
             severity="warning")  # fmt: skip


def _has_lines(tables: Tables, reserves: Table) -> Flags:
    """Reserves for whom some order line is."""
    blank = np.full(len(reserves), "", dtype=object)
    scope = {column: reserves[column] if column in RESERVE_WHO else blank for column in SCOPE_COLUMNS}
    has = np.zeros(len(reserves), dtype=bool)
    has[scope_members(tables, Table("reserves", scope))[0]] = True
    return has


def _has_stock(tables: Tables) -> Flags:
    """Reserves with stock or receipts in their scope; where goods may be moved, at whichever warehouse."""
    reserves = tables.reserves
    house = np.concatenate((tables.stock_warehouse, tables.inbound_warehouse))
    product = np.concatenate((tables.stock_product, tables.inbound_product))
    stocked = {
        "warehouse_id": np.append(tables.warehouses["warehouse_id"], "")[house],
        "product_id": np.append(tables.products["product_id"], "")[product],
        "family": np.append(tables.products["family"], "")[product],
    }
    if len(tables.transfers):
        del stocked["warehouse_id"]
    has = np.zeros(len(reserves), dtype=bool)
    pattern = sum((reserves[column] != "").astype(np.int64) << bit for bit, column in enumerate(stocked))
    for code in np.unique(pattern).tolist():
        rows = np.flatnonzero(pattern == code)
        filled = [column for bit, column in enumerate(stocked) if code >> bit & 1]
        wanted, there = np.zeros(len(rows), dtype=np.int64), np.zeros(len(house), dtype=np.int64)
        for column in filled:
            names = distinct(reserves[column][rows])
            at = position(names, stocked[column])
            wanted = wanted * len(names) + position(names, reserves[column][rows])
            there = np.where((there < 0) | (at < 0), -1, there * len(names) + at)
        has[rows] = np.isin(wanted, there[there >= 0])
    return has


def fair_shares_have_parties(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """Sharing takes two."""
    if draft.unread.intersection(("orders", "order_lines", "products", "customers", "fair_share")):
        return
    tables, typed = draft.tables(), draft.typed["fair_share"]
    if not len(typed):
        return
    rule, line = scope_members(tables, typed.table)
    parties = np.zeros(len(typed), dtype=np.int64)
    for between, column in PARTIES.items():
        rows = typed.table["between"][rule] == between
        values, owner = scope_values(tables, column)
        party = via(owner[line[rows]], position(distinct(values), values))
        pairs = np.unique(np.stack([rule[rows], party])[:, party >= 0], axis=1)
        parties += np.bincount(pairs[0], minlength=len(typed))
    few = (parties < 2) & np.isin(typed.table["between"], list(PARTIES))
    found.at(typed.place, "between", few, "at least two parties with order lines in its scope",
             lambda row: f"it has {parties[row]}: nothing to share; widen its scope or remove it",
             "fair_share_alone", value=typed.table["between"], severity="warning")  # fmt: skip


SHARE_CHECKS = (reserves_hold_something, fair_shares_have_parties)
