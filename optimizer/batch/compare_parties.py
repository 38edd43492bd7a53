"""Who gains and who loses between two runs: customers, contracts, and the prices of what is scarce."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.batch.compare_run import RunFolder, amounts, given
from optimizer.exact import Exact
from optimizer.report.price_words import LINKS, subject
from optimizer.tables.tables import Column, Table, Texts

Ints = NDArray[np.int64]

PRICE_KEYS = (
    "warehouse_id", "product_id", "zone_id", "service_id", "contract_id", "scope", "lot_id", "date", "stage",
    "reserve_id", "customer_id", "budget_id", "from_warehouse_id", "to_warehouse_id", "group_id", "party", "side",
)  # fmt: skip
"""Columns that, with the family, name a priced row."""


class Pair:
    """Rows of two tables that belong together by key; keys are sorted, a row that one side lacks is -1 there."""

    def __init__(self, before: dict[str, Texts], after: dict[str, Texts], keys: Sequence[str]) -> None:
        sides = [
            pd.DataFrame({key: table.get(key, _none()) for key in keys}, dtype=object) for table in (before, after)
        ]
        both = pd.concat(sides, ignore_index=True)
        code = both.groupby(list(keys), sort=True).ngroup().to_numpy(np.int64)
        self.size = int(code.max(initial=-1)) + 1
        self.keys = both.iloc[np.unique(code, return_index=True)[1]].reset_index(drop=True)
        self.tables, cut = (before, after), len(sides[0])
        self.codes = (code[:cut], code[cut:])

    def totals(self, column: str) -> tuple[Exact, Exact]:
        """The sums of a column before and after, for each key; 0 where there is no row."""
        first, second = (
            amounts(table.get(column, _none())).sum_by(code if column in table else code[:0], self.size)
            for table, code in zip(self.tables, self.codes, strict=True)
        )
        return first, second

    def counts(self, column: str, word: str) -> tuple[Ints, Ints]:
        """Rows with that word in a column, before and after, for each key."""
        first, second = (
            np.bincount(code[table[column] == word] if column in table else code[:0], minlength=self.size)
            for table, code in zip(self.tables, self.codes, strict=True)
        )
        return first, second

    def there(self, side: int, column: str = "") -> NDArray[np.bool_]:
        """Keys that have a row on a side, with a filled cell of the column if one is named."""
        table, code = self.tables[side], self.codes[side]
        found = np.zeros(self.size, dtype=bool)
        found[code[given(table[column])] if column and column in table else code] = True
        return found


def _none() -> Texts:
    return np.zeros(0, dtype=object)


def customer_of(*runs: RunFolder) -> dict[str, str]:
    """The customer of each order of the runs."""
    found: dict[str, str] = {}
    for run in runs:
        table = run.table("orders")
        found |= dict(zip(table.get("order_id", _none()), table.get("customer_id", _none()), strict=True))
    return found


def customers(baseline: RunFolder, run: RunFolder) -> Table:
    """A row for each customer with orders in either run: units, margin, full and late orders, and whether it gains.

    Units decide, then margin; a customer whose units and margin stay is `same`.
    """
    pair = Pair(baseline.table("orders"), run.table("orders"), ["customer_id"])
    ordered, units, margin = (pair.totals(name) for name in ("ordered_qty", "allocated_qty", "margin"))
    full, late = pair.counts("status", "full"), pair.counts("late", "true")
    more, money = units[1] - units[0], margin[1] - margin[0]
    columns: dict[str, Column] = {
        "customer_id": pair.keys["customer_id"].to_numpy(object),
        "outcome": _outcome(more, money),
        "ordered_before": ordered[0], "ordered_after": ordered[1],
        "units_before": units[0], "units_after": units[1], "units_difference": more,
        "margin_before": margin[0], "margin_after": margin[1], "margin_difference": money,
        "full_orders_before": full[0], "full_orders_after": full[1],
        "late_orders_before": late[0], "late_orders_after": late[1],
    }  # fmt: skip
    return Table("customers", columns)


def _outcome(first: Exact, second: Exact) -> Texts:
    """`gains` or `loses` by the first difference that is not 0, else `same`."""
    sign = np.where(first.num != 0, np.sign(first.floats()), np.sign(second.floats()))
    return np.select([sign > 0, sign < 0], ["gains", "loses"], "same").astype(object)


def contracts(baseline: RunFolder, run: RunFolder) -> Table:
    """A row for each contract of either run: required, allocated, missing and price before and after.

    A contract gains where less is missing, or as much is missing and more is allocated.
    """
    pair = Pair(baseline.table("contracts"), run.table("contracts"), ["contract_id"])
    required, allocated, missing = (pair.totals(f"{name}_qty") for name in ("required", "allocated", "shortfall"))
    price = pair.totals("shadow_price")
    columns: dict[str, Column] = {
        "contract_id": pair.keys["contract_id"].to_numpy(object),
        "outcome": _outcome(missing[0] - missing[1], allocated[1] - allocated[0]),
        "required_before": required[0], "required_after": required[1],
        "allocated_before": allocated[0], "allocated_after": allocated[1],
        "shortfall_before": missing[0], "shortfall_after": missing[1],
        "price_before": price[0], "price_after": price[1],
    }  # fmt: skip
    sides = {"before": 0, "after": 1}
    filled = {
        name: pair.there(sides[name.rpartition("_")[2]], "shadow_price" if name.startswith("price") else "")
        for name in columns
        if name.rpartition("_")[2] in sides
    }
    return Table("contracts", columns, filled)


def prices(baseline: RunFolder, run: RunFolder) -> Table:
    """A row for each priced row whose price differs, largest difference first; blank where a run has no such row."""
    pair = Pair(baseline.table("shadow_prices"), run.table("shadow_prices"), ["family", *PRICE_KEYS])
    before, after = pair.totals("price")
    gain = pair.totals("gain_plus_one")
    change = after - before
    told = np.flatnonzero((change.num != 0) & ~np.isin(pair.keys["family"], sorted(LINKS)))
    told = told[np.argsort(-np.abs(change.floats()[told]), kind="stable")]
    keys = pair.keys.iloc[told]
    columns: dict[str, Column] = {
        "family": keys["family"].to_numpy(object),
        "subject": np.array([subject(row) for row in keys.to_dict("records")], dtype=object),
        "price_before": before.take(told), "price_after": after.take(told), "difference": change.take(told),
        "gain_before": gain[0].take(told), "gain_after": gain[1].take(told),
    }  # fmt: skip
    filled = {
        f"{name}_{when}": pair.there(side, column)[told]
        for side, when in enumerate(("before", "after"))
        for name, column in (("price", "price"), ("gain", "gain_plus_one"))
    }
    return Table("prices", columns, filled)
