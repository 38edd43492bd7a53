"""References become row positions; customers and products that have no table get rows of defaults."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from optimizer.tables.findings import Findings, Ints
from optimizer.tables.raw import RawTable
from optimizer.tables.schema import PREVIOUS, TABLES, TableSchema
from optimizer.tables.tables import Table, Tables, Texts, empty_table
from optimizer.tables.typed import TypedTable, type_table

IMPLIED = {
    "products": (
        ("order_lines", "product_id"),
        ("stock", "product_id"),
        ("inbound", "product_id"),
        ("substitutions", "product_id"),
        ("substitutions", "substitute_id"),
        ("kits", "product_id"),
        ("kits", "component_id"),
        ("transfers", "product_id"),
    ),
    "customers": (("orders", "customer_id"),),
}
"""Tables that may be left out, and where their ids are then taken from."""


POLICY_LINKS = {
    "inbound_warehouse": ("inbound", "warehouse_id", "warehouses"),
    "inbound_product": ("inbound", "product_id", "products"),
    "reserve_warehouse": ("reserves", "warehouse_id", "warehouses"),
    "calendar_warehouse": ("calendar", "warehouse_id", "warehouses"),
    "substitution_product": ("substitutions", "product_id", "products"),
    "substitution_substitute": ("substitutions", "substitute_id", "products"),
    "substitution_customer": ("substitutions", "customer_id", "customers"),
    "kit_product": ("kits", "product_id", "products"),
    "kit_component": ("kits", "component_id", "products"),
    "transfer_from": ("transfers", "from_warehouse_id", "warehouses"),
    "transfer_to": ("transfers", "to_warehouse_id", "warehouses"),
    "transfer_product": ("transfers", "product_id", "products"),
    "history_product": ("history", "product_id", "products"),
}
"""Plain references of the policies' tables: link -> (table, column, table it points to)."""


def position(known: Texts, wanted: Texts) -> Ints:
    """The position of each wanted id among the known ones, -1 where there is none."""
    where = pc.index_in(pa.array(wanted, pa.string()), value_set=pa.array(known, pa.string()))
    return np.asarray(pc.fill_null(where, -1).to_numpy(zero_copy_only=False), dtype=np.int64)


def pair_position(known: tuple[Ints, Ints], wanted: tuple[Ints, Ints]) -> Ints:
    """The position of each wanted pair of codes among the known pairs, -1 where there is none; codes are 0 or more."""
    size = int(max(known[1].max(initial=0), wanted[1].max(initial=0))) + 1
    have, want = known[0] * size + known[1], wanted[0] * size + wanted[1]
    order = np.argsort(have, kind="stable")
    at = np.searchsorted(have, want, sorter=order)
    inside = at < len(have)
    found = np.full(len(want), -1, dtype=np.int64)
    found[inside] = order[at[inside]]
    found[inside] = np.where(have[found[inside]] == want[inside], found[inside], -1)
    return np.where((wanted[0] < 0) | (wanted[1] < 0), -1, found)


@dataclass
class Draft:
    """Typed tables with their references looked up, before anyone has said that they fit together.

    ``tables`` lacks what could not be read. ``links`` holds the positions, -1 where an id is unknown.
    """

    typed: dict[str, TypedTable]
    links: dict[str, Ints] = field(default_factory=dict)
    zones: Texts = field(default_factory=lambda: np.zeros(0, dtype=object))
    services: Texts = field(default_factory=lambda: np.zeros(0, dtype=object))
    implied: frozenset[str] = frozenset()
    unread: frozenset[str] = frozenset()
    unread_files: frozenset[str] = frozenset()
    previous: TypedTable | None = None

    def __getitem__(self, name: str) -> Table:
        return self.typed[name].table

    def tables(self, **more: Any) -> Tables:
        """The same as `Tables`; positions are -1 where a reference leads nowhere."""
        parts: dict[str, Any] = {name: self[name] for name in TABLES} | self.links
        return Tables(**parts, zones=self.zones, services=self.services, previous=self.previous_rows, **more)

    @property
    def previous_rows(self) -> Table:
        """The rows of the previous plan; none where there is no such plan."""
        return self.previous.table if self.previous is not None else empty_table(PREVIOUS)


def empty_typed(schema: TableSchema) -> TypedTable:
    """The typed table without rows."""
    columns = {name: pa.array([], pa.string()) for name in schema.names}
    raw = RawTable(schema.name, "", columns, np.zeros(0, dtype=np.int64))
    return type_table(raw, schema, Findings())


def imply(name: str, ids: Iterable[str]) -> TypedTable:
    """A table made of the ids that are used, everything else by default."""
    key = TABLES[name].keys[0]
    words = sorted({word for word in ids if word})
    raw = RawTable(name, "", {key: pa.array(words, pa.string())}, np.zeros(len(words), dtype=np.int64))
    return type_table(raw, TABLES[name], Findings())


def draft_tables(
    typed: Mapping[str, TypedTable], unread: Iterable[str] = (), previous: TypedTable | None = None
) -> Draft:
    """All tables, the missing ones implied or empty, with every reference looked up."""
    tables = dict(typed)
    implied = []
    for name, uses in IMPLIED.items():
        if name not in tables and name not in unread:
            ids = {word for table, column in uses if table in tables for word in tables[table].table[column].tolist()}
            tables[name] = imply(name, ids)
            implied.append(name)
    given = {**tables, PREVIOUS.name: previous} if previous is not None else tables
    broken = {name for name, table in given.items() if not table.complete} | set(unread)
    for name, schema in TABLES.items():
        if name not in tables:
            tables[name] = empty_typed(schema)
            if schema.required:
                broken.add(name)
    draft = Draft(tables, implied=frozenset(implied), unread=frozenset(broken), unread_files=frozenset(unread))
    draft.previous = previous
    _look_up(draft)
    return draft


def _look_up(draft: Draft) -> None:
    orders, lines, lanes, pins = (draft[name] for name in ("orders", "order_lines", "lanes", "pins"))
    warehouses, products, stock = draft["warehouses"]["warehouse_id"], draft["products"]["product_id"], draft["stock"]
    draft.zones = distinct(orders["zone_id"], lanes["zone_id"])
    draft.services = distinct(lanes["service_id"], orders["service_id"], pins["service_id"])
    links: dict[str, Ints] = {
        "order_customer": position(draft["customers"]["customer_id"], orders["customer_id"]),
        "order_zone": position(draft.zones, orders["zone_id"]),
        "line_order": position(orders["order_id"], lines["order_id"]),
        "line_product": position(products, lines["product_id"]),
        "stock_warehouse": position(warehouses, stock["warehouse_id"]),
        "stock_product": position(products, stock["product_id"]),
        "lane_warehouse": position(warehouses, lanes["warehouse_id"]),
        "lane_zone": position(draft.zones, lanes["zone_id"]),
        "lane_service": position(draft.services, lanes["service_id"]),
        "eligibility_warehouse": position(warehouses, draft["eligibility"]["warehouse_id"]),
        "pin_warehouse": position(warehouses, pins["warehouse_id"]),
    }
    links["pin_line"] = _lines_of(orders, lines, links["line_order"], pins)
    draft.links = links
    links |= _look_up_policies(draft)


def _look_up_policies(draft: Draft) -> dict[str, Ints]:
    """The references of the tables of policies and of the previous plan; a blank one is -1."""
    owners = {
        "warehouses": draft["warehouses"]["warehouse_id"],
        "products": draft["products"]["product_id"],
        "customers": draft["customers"]["customer_id"],
    }
    links = {link: position(owners[owner], draft[name][column]) for link, (name, column, owner) in POLICY_LINKS.items()}
    bands, previous = draft["rate_bands"], draft.previous_rows
    band_warehouse = position(owners["warehouses"], bands["warehouse_id"])
    links["band_lane"] = _lanes_of(draft, band_warehouse, position(draft.zones, bands["zone_id"]), bands["service_id"])
    line = _lines_of(draft["orders"], draft["order_lines"], draft.links["line_order"], previous)
    order = position(draft["orders"]["order_id"], previous["order_id"])
    zone = np.append(draft.links["order_zone"], -1)[order]
    links["previous_line"] = line
    links["previous_lane"] = _lanes_of(
        draft, position(owners["warehouses"], previous["warehouse_id"]), zone, previous["service_id"]
    )
    links["previous_product"] = position(owners["products"], previous["product_id"])
    return links


def _lanes_of(draft: Draft, warehouse: Ints, zone: Ints, service_id: Texts) -> Ints:
    """The lane of each (warehouse, zone, service), -1 where there is none."""
    links, size = draft.links, len(draft.services) + 1
    service = position(draft.services, service_id)
    known = (links["lane_warehouse"], links["lane_zone"] * size + links["lane_service"])
    usable = np.flatnonzero((known[0] >= 0) & (links["lane_zone"] >= 0) & (links["lane_service"] >= 0))
    wanted = np.where((zone >= 0) & (service >= 0), zone * size + service, -1)
    if not len(usable):
        return np.full(len(warehouse), -1, dtype=np.int64)
    at = pair_position((known[0][usable], known[1][usable]), (warehouse, wanted))
    return np.where(at >= 0, usable[np.maximum(at, 0)], -1)


def _lines_of(orders: Table, lines: Table, line_order: Ints, rows: Table) -> Ints:
    """The order line that each row names: the pair (order_id, line_id) looked up among the lines of those orders."""
    if len(rows) == 0:
        return np.zeros(0, dtype=np.int64)
    wanted_order = position(orders["order_id"], rows["order_id"])
    near = np.flatnonzero(np.isin(line_order, wanted_order[wanted_order >= 0]))
    names = np.asarray(sorted(set(rows["line_id"].tolist())), dtype=object)
    known = (line_order[near], position(names, lines["line_id"][near]))
    usable = known[1] >= 0
    wanted = (wanted_order, position(names, rows["line_id"]))
    at = pair_position((known[0][usable], known[1][usable]), wanted)
    return np.where(at >= 0, near[usable][np.maximum(at, 0)] if usable.any() else -1, -1)


def distinct(*columns: Any) -> Texts:
    """The sorted distinct ids of some columns, without blanks."""
    words = sorted(
        {word for column in columns for word in pc.unique(pa.array(column, pa.string())).to_pylist() if word}
    )
    out = np.empty(len(words), dtype=object)
    out[:] = words
    return out
