"""Tables as Parquet: exact decimals (decimal128), dates, strings; the run id in the metadata."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.tables.tables import Column, Table

MAX_DIGITS = 38
"""What decimal128 holds; a column that needs more is written as text with all its digits."""


def table_bytes(table: Table, run_id: str) -> list[bytes]:
    """The Parquet file of a table; text is written as it is (no program calculates a Parquet cell)."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {**table.columns, **table.extra}
    arrays = {name: arrow_array(values, table.filled.get(name)) for name, values in columns.items()}
    metadata = {"created_by": "allot", "table": table.name, "run_id": run_id}
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(arrays).replace_schema_metadata(metadata), sink, compression="zstd")
    return [sink.getvalue().to_pybytes()]


def arrow_array(values: Column, given: NDArray[np.bool_] | None) -> Any:
    """One column, missing cells as nulls."""
    import pyarrow as pa

    missing = None if given is None else ~given
    if isinstance(values, Exact):
        return _decimals(values, missing)
    kind = values.dtype.kind
    if kind == "M":
        return pa.array(values.astype("datetime64[D]"), mask=missing)
    if kind == "O":
        return pa.array(values, type=pa.string(), mask=missing)
    return pa.array(values, mask=missing)


def _decimals(values: Exact, missing: NDArray[np.bool_] | None) -> Any:
    """Exact numbers as decimal128, in the machine's own layout where they are machine integers."""
    import pyarrow as pa

    if values.num.dtype == np.int64:
        words = np.empty((len(values), 2), dtype=np.int64)  # little-endian: the low word, then the sign's extension
        words[:, 0] = values.num
        words[:, 1] = values.num >> 63
        kind = pa.decimal128(MAX_DIGITS, values.scale)
        array = pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(words.tobytes())])
        return array if missing is None else pa.compute.if_else(pa.array(~missing), array, pa.scalar(None, kind))
    texts = values.texts()
    given = [True] * len(texts) if missing is None else (~missing).tolist()
    numbers = [Decimal(text) if present else None for text, present in zip(texts, given, strict=True)]
    places = max((-int(number.as_tuple().exponent) for number in numbers if number is not None), default=0)
    digits = max((len(number.as_tuple().digits) for number in numbers if number is not None), default=1)
    if digits + places > MAX_DIGITS:
        return pa.array([text if present else None for text, present in zip(texts, given, strict=True)], pa.string())
    return pa.array(numbers, pa.decimal128(MAX_DIGITS, max(places, 0)))
