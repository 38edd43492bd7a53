"""The table `shadow_prices`: a row for each shared limit or minimum, exact decimals, blanks where nothing is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from optimizer.engines.resolve import FIXED, GLOBAL, LOCAL, RowValues
from optimizer.exact import INT64_SAFE, Exact
from optimizer.model.calendar import date_texts
from optimizer.solution.prices_rows import AT_LEAST, Limit
from optimizer.tables.tables import Table

if TYPE_CHECKING:
    from optimizer.model.batch import Batch
    from optimizer.solution.prices_rows import IdleStock

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Texts = NDArray[np.object_]
Columns = dict[str, Any]

DECIMALS = 9
"""Decimals of a price: enough for money per gram, few enough for exact machine integers."""
BASES = {FIXED: "fixed_shipments", LOCAL: "local", GLOBAL: "global"}
ID_COLUMNS = (
    *("warehouse_id", "product_id", "zone_id", "service_id", "contract_id", "scope", "lot_id", "date", "stage"),
    *("reserve_id", "customer_id", "budget_id", "from_warehouse_id", "to_warehouse_id", "group_id", "party", "side"),
)
TEXTS = ("family", *ID_COLUMNS, "unit")
EXACT = ("rhs", "used", "slack", "price")
WORDS = ("price_basis", "value_basis", "verified")
COLUMNS = (
    *TEXTS,
    *EXACT,
    "price_basis",
    "gain_plus_one",
    "loss_minus_one",
    "value_basis",
    "verified",
    "valid_from",
    "valid_to",
)


def priced_rows(
    family: str, keys: Mapping[str, Texts], limit: Limit, price: Exact, found: RowValues, mine: slice
) -> Columns:
    """The rows of one family; ``mine`` is where they stand among the rows that were asked."""
    size = len(price)
    slack = limit.used - limit.rhs if family in AT_LEAST else limit.rhs - limit.used
    basis, impossible = found.basis[mine], found.impossible[mine]
    return {
        **_names(family, keys, limit, size),
        "slack": slack,
        "price": price,
        "price_basis": _repeated(found.price_basis, size),
        "gain_plus_one": found.gain[mine],
        "loss_minus_one": found.loss[mine],
        "value_basis": _texts(BASES.get(code, "") for code in basis.tolist()),
        "verified": _texts(_verified(basis, impossible)),
        "valid_from": found.low[mine],
        "valid_to": found.high[mine],
    }


def _verified(basis: Ints, impossible: Ints) -> Iterable[str]:
    """``yes``: re-solved; ``infeasible``: re-solved, and one of the two has no plan at all; ``no``: not re-solved."""
    words = np.array(["no", "yes", "infeasible"], dtype=object)
    return iter(words[np.where(basis == 0, 0, np.where(impossible > 0, 2, 1))])


def idle_rows(batch: Batch, idle: IdleStock) -> Columns:
    """Stock that is more than all who could use it want, even with one unit less: worth nothing, by proof."""
    size, period, supply, tables = len(idle.period), idle.period, batch.supply, batch.tables
    pool = supply.period_pool[period]
    keys = {
        "warehouse_id": tables.warehouses["warehouse_id"][supply.pool_warehouse[pool]],
        "product_id": tables.products["product_id"][supply.pool_product[pool]],
        "date": date_texts(batch.scenario, supply.period_day[period]),
    }
    return {
        **_names("warehouse_stock", keys, idle.limit, size),
        "slack": idle.limit.rhs - idle.limit.used,
        "price": Exact.zeros(size),
        "price_basis": _repeated("cannot_bind", size),
        "gain_plus_one": np.zeros(size),
        "loss_minus_one": np.zeros(size),
        "value_basis": _repeated(BASES[GLOBAL], size),
        "verified": _repeated("yes", size),
        "valid_from": idle.wanted.astype(np.float64),
        "valid_to": np.full(size, np.inf),
    }


def _names(family: str, keys: Mapping[str, Texts], limit: Limit, size: int) -> Columns:
    return {
        "family": _repeated(family, size),
        **{name: keys.get(name, _repeated("", size)) for name in ID_COLUMNS},
        "unit": _repeated(limit.unit, size),
        "rhs": limit.rhs,
        "used": limit.used,
    }


def shadow_price_table(parts: list[Columns]) -> Table:
    """The parts as one table, sorted by family and keys; numbers that are not finite are blank."""
    columns: Columns = {}
    filled = {}
    for name in COLUMNS:
        pieces = [part[name] for part in parts]
        if name in EXACT:
            columns[name] = Exact.concat(pieces)
        elif name in TEXTS or name in WORDS:
            columns[name] = np.concatenate([_repeated("", 0), *pieces])
        else:
            values = np.concatenate([np.zeros(0), *pieces])
            filled[name] = np.isfinite(values)
            columns[name] = rounded(np.where(filled[name], values, 0.0))
    order = np.lexsort([columns[name].astype(str) for name in reversed(("family", *ID_COLUMNS))])
    return Table(
        "shadow_prices",
        {name: column[order] for name, column in columns.items()},
        filled={name: flags[order] for name, flags in filled.items()},
    )


def rounded(values: Floats) -> Exact:
    """Doubles to the nearest decimal of `DECIMALS` places."""
    scaled = np.rint(values * 10.0**DECIMALS)
    if np.abs(scaled).max(initial=0.0) < INT64_SAFE:
        return Exact(scaled.astype(np.int64), DECIMALS)
    return Exact(np.array([int(value) for value in scaled], dtype=object), DECIMALS)


def _repeated(text: str, size: int) -> Texts:
    return np.full(size, text, dtype=object)


def _texts(values: Iterable[str]) -> Texts:
    return np.array([*values, ""], dtype=object)[:-1]
