"""`orders.csv`: how each order ended. Every column is defined in `docs/glossary.md`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.model.terms import unit_margin
from optimizer.solution.home import Homes
from optimizer.solution.ledger import Ledger
from optimizer.tables.tables import Column, Table, Texts

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Dates = NDArray[np.datetime64]

FLAGS = ("partial", "deferred", "alternate_warehouse", "substituted", "late")
NEVER = np.datetime64("NaT", "D")


def orders(ledger: Ledger) -> Table:
    """One row per order with at least one line, in the order of the input."""
    tables, size = ledger.tables, len(ledger.tables.orders)
    keep = np.flatnonzero(ledger.order_lines > 0)
    homes = Homes.of(ledger.batch)
    ships, house = ledger.shipments, len(tables.warehouses)
    away = ~np.isin(ships.order * house + ledger.shipment_warehouse, homes.equals)
    swapped = ledger.plan.product != tables.line_product[ledger.plan.line]
    allocated = _by_order(ledger, ledger.allocated)
    flags = {
        "partial": (allocated > 0) & ~ledger.order_full,
        "deferred": _any(ships.order, ships.day > 0, size),
        "alternate_warehouse": _any(ships.order, away, size),
        "substituted": _any(ledger.row_order, swapped, size),
        "late": _any(ledger.row_order, ledger.row_days_late > 0, size),
    }
    first, last, days_late = _dates(ledger)
    columns: dict[str, Column] = {
        "order_id": tables.orders["order_id"],
        "customer_id": tables.orders["customer_id"],
        "status": _status(ledger, allocated, flags),
        **{name: flags[name] for name in FLAGS},
        "home_warehouse_id": np.append(tables.warehouses["warehouse_id"], "")[homes.warehouse],
        "ordered_qty": _by_order(ledger, ledger.ordered),
        "allocated_qty": allocated,
        "shipments": np.bincount(ships.order, minlength=size).astype(np.int64),
        "first_ship_date": first,
        "last_arrive_date": last,
        "days_late": days_late,
        **_money(ledger),
    }
    known = (allocated > 0) & ~np.isnat(tables.orders["due_date"])
    return Table("orders", {name: column[keep] for name, column in columns.items()}, {"days_late": known[keep]})


def _status(ledger: Ledger, allocated: Ints, flags: dict[str, Flags]) -> Texts:
    """One word per order, the first that fits."""
    rules = (
        ("held", np.asarray(ledger.tables.orders["hold"] != "", dtype=bool)),
        ("unserved", allocated == 0),
        ("partial", flags["partial"]),
        ("deferred", flags["deferred"]),
        ("alternate", flags["alternate_warehouse"]),
    )
    words = np.array([*(word for word, _ in rules), "full"], dtype=object)
    default = np.full(len(allocated), len(rules))
    return np.asarray(words[np.select([mask for _, mask in rules], range(len(rules)), default)], dtype=object)


def _dates(ledger: Ledger) -> tuple[Dates, Dates, Ints]:
    """Per order the first ship date and the last arrival (NaT: nothing ships), and the most days late."""
    ships, size = ledger.shipments, len(ledger.tables.orders)
    some = _any(ships.order, ships.day >= 0, size)
    first, last = np.full(size, np.iinfo(np.int32).max, dtype=np.int64), np.zeros(size, dtype=np.int64)
    late = np.zeros(size, dtype=np.int64)
    np.minimum.at(first, ships.order, ships.day)
    np.maximum.at(last, ships.order, ledger.batch.arrival(ships.lane, ships.day))
    np.maximum.at(late, ledger.row_order, ledger.row_days_late)
    return np.where(some, ledger.date(first), NEVER), np.where(some, ledger.date(last), NEVER), late


def _money(ledger: Ledger) -> dict[str, Exact]:
    """Each order's part of the KPIs of these names, and the margin of what it lacks."""
    tables, size = ledger.tables, len(ledger.tables.orders)

    def of_rows(values: Exact) -> Exact:
        return values.sum_by(ledger.row_order, size)

    short = (unit_margin(tables) * (ledger.ordered - ledger.allocated)).sum_by(tables.line_order, size)
    return {
        "margin": of_rows(ledger.row_margin),
        "service_value": of_rows(ledger.row_service),
        "shipping_cost": ledger.shipments.freight.sum_by(ledger.shipments.order, size),
        "handling_cost": of_rows(ledger.row_handling),
        "lateness_cost": of_rows(ledger.row_lateness),
        "substitution_cost": of_rows(ledger.row_substitution),
        "holding_value": ledger.draw_holding.sum_by(ledger.row_order[ledger.plan.draws.row], size),
        "margin_short": short,
    }


def _by_order(ledger: Ledger, units: Ints) -> Ints:
    return Exact.ints(units).sum_by(ledger.tables.line_order, len(ledger.tables.orders)).num


def _any(order: Ints, mask: Flags, size: int) -> Flags:
    """Orders of which any entry is flagged."""
    found = np.zeros(size, dtype=bool)
    found[order[mask]] = True
    return found
