"""Tables of a run folder as pandas frames of proper types, and frames in memory as tables of a scenario."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from optimizer.errors import InputError, Issue, OutputError, UsageError, VerificationError
from optimizer.proof.run_files import read_rows, table_path, unguard

if TYPE_CHECKING:
    import pyarrow as pa

Frame = Any
"""A `pandas.DataFrame` or a `pyarrow.Table`."""

WHOLE = frozenset({
    "qty", "ordered_qty_served", "days_late", "required_qty", "allocated_qty", "shortfall_qty", "ordered_qty",
    "short_qty", "shipments", "lines", "units", "short_lines", "left_elsewhere_qty", "economic_order_qty",
    "suggested_qty", "used_units", "capacity_units", "used_lines", "capacity_lines", "used_shipments",
    "capacity_shipments",
})  # fmt: skip
DECIMAL = frozenset({
    "margin", "service_value", "variable_cost", "shadow_price", "money_at_stake", "shipping_cost", "handling_cost",
    "lateness_cost", "substitution_cost", "holding_value", "margin_short", "margin_at_stake", "unit_worth",
    "annual_demand", "rhs", "used", "slack", "price", "gain_plus_one", "loss_minus_one", "valid_from", "valid_to",
    "weight_kg", "chargeable_kg", "fixed_cost", "cost", "used_kg", "capacity_kg", "opening_cost", "fill",
})  # fmt: skip
DATES = frozenset({"ship_date", "arrive_date", "first_ship_date", "last_arrive_date", "date_needed"})
FLAGS = frozenset({"partial", "deferred", "alternate_warehouse", "substituted", "late", "opened"})
"""What a column holds, by its name, in whatever table it stands; all others are text, ids among them."""


def read_frame(folder: Path, name: str, exact: bool) -> pd.DataFrame:
    """A table of a run folder. ``exact``: decimals as `Decimal`, else as floats. Raises `UsageError` if it has none."""
    try:
        path = table_path(folder, name)
    except VerificationError:
        raise UsageError(f"{folder} has no table {name}; docs/run-folder.md lists them") from None
    try:
        pieces = [pd.DataFrame(columns, dtype=object) for _, columns in read_rows(path)]
    except VerificationError as error:
        raise OutputError(str(error)) from None
    whole = pd.concat(pieces, ignore_index=True)
    guarded = path.suffix == ".csv"
    return pd.DataFrame({str(column): _typed(str(column), whole[column], guarded, exact) for column in whole})


def _typed(name: str, texts: pd.Series, guarded: bool, exact: bool) -> Any:
    """A column of text as what it holds; blank numbers and days are missing, blank text stays blank."""
    filled = (texts != "").to_numpy(bool)
    if name in WHOLE:
        numbers = pd.array(np.where(filled, texts, "0").astype(np.int64), dtype="Int64")
        numbers[~filled] = pd.NA
        return numbers if not filled.all() else numbers.to_numpy(np.int64)
    if name in DECIMAL:
        if exact:
            return np.array([Decimal(text) if text else None for text in texts], dtype=object)
        return np.where(filled, texts, "nan").astype(np.float64)
    if name in DATES:
        return np.where(filled, texts, "NaT").astype("datetime64[s]")
    if name in FLAGS:
        return (texts == "true").to_numpy(bool)
    return np.array(unguard(texts.tolist(), guarded), dtype=object)


def write_frames(tables: Mapping[str, Frame], folder: Path) -> dict[str, str]:
    """Frames as Parquet files in ``folder``; returns the path of each table. All faults at once as `InputError`."""
    import pyarrow.parquet as pq

    from optimizer.tables.findings import did_you_mean
    from optimizer.tables.schema import TABLES

    issues, paths = [], {}
    for name, frame in tables.items():
        if name not in TABLES:
            remedy = did_you_mean(str(name), TABLES, "docs/data.md lists them")
            issues.append(_issue(str(name), None, "the name of a table", remedy, "unknown_table"))
            continue
        try:
            table = _arrow(frame)
        except (TypeError, ValueError) as error:  # what pyarrow raises is one of these
            issues.append(_issue(name, None, "columns of one type each", str(error).splitlines()[0], "column_type"))
            continue
        pq.write_table(table, folder / f"{name}.parquet")
        paths[name] = f"{name}.parquet"
    if issues:
        raise InputError(issues)
    return paths


def _arrow(frame: Frame) -> pa.Table:
    """The columns of a frame. An index is no column: what it holds would come and go with how a frame was made."""
    import pyarrow as pa

    if isinstance(frame, pd.DataFrame):
        odd = [column for column in frame.columns if not isinstance(column, str)]
        if odd:
            raise TypeError(f"name the columns by text; {odd[0]!r} is none")
        return pa.Table.from_pandas(frame, preserve_index=False)
    if not isinstance(frame, pa.Table):
        raise TypeError(f"give a pandas.DataFrame or a pyarrow.Table, not {type(frame).__name__}")
    return frame


def _issue(table: str, column: str | None, expected: str, remedy: str, code: str) -> Issue:
    return Issue(named(table), None, column, "", expected, remedy, code, table=table)


def named(table: str) -> str:
    """How findings name a table in memory; its rows are counted from 1."""
    return f"tables[{table!r}]"
