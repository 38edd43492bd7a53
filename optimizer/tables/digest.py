"""A fingerprint of a typed table that does not depend on how it was stored or in which order its rows came."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from optimizer.exact import Exact
from optimizer.tables.tables import Column, Table


def table_digest(table: Table) -> str:
    """sha256 over the columns in name order: name, where cells are filled, and the canonical values.

    Text counts by its letters, whole numbers and dates as integers, decimals by value (1.50 equals 1.5). Columns
    without any filled cell do not count, so an absent optional column equals a blank one.
    """
    digest = hashlib.sha256(f"{table.name}\n{len(table)}\n".encode())
    for name in sorted(table.columns):
        given = table.given(name)
        if len(table) and not given.any():
            continue
        _add(digest, name, given, table.columns[name])
    for name in sorted(table.extra):
        values = table.extra[name]
        _add(digest, name, np.asarray(values != "", dtype=bool), values)
    return "sha256:" + digest.hexdigest()


def _add(digest: Any, name: str, given: Any, values: Column) -> None:
    digest.update(f"{name}\n".encode())
    digest.update(np.packbits(given).tobytes())
    if isinstance(values, Exact):
        _add_exact(digest, values[given])
    elif values.dtype == object:
        words = pa.array(values[given], pa.large_string())
        digest.update(pc.binary_length(words).to_numpy(zero_copy_only=False).astype("<i8").tobytes())
        digest.update(words.buffers()[2] or b"")
    else:
        digest.update(values[given].astype("<i8").tobytes())


def _add_exact(digest: Any, values: Exact) -> None:
    """The values at the smallest power of ten that holds them all."""
    num, scale = values.num, values.scale
    while scale > 0 and len(num) and not np.any(num % 10):
        num, scale = num // 10, scale - 1
    scale = scale if len(num) and np.any(num) else 0
    if num.dtype == object:
        digest.update(f"{scale}|{','.join(str(value) for value in num)}".encode())
    else:
        digest.update(f"{scale}|".encode())
        digest.update(num.astype("<i8").tobytes())
