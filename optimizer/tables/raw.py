"""A table as text, before typing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class RawTable:
    """Columns of text in the order of the source; ``""`` is blank, and the only missing value.

    ``rows`` is the line of each row as an editor or spreadsheet counts it, 0 where there is none (appended rows, query
    results start at 1). ``changed`` tells which change of a scenario wrote a cell: column -> row position -> words.
    """

    name: str
    source: str
    columns: Mapping[str, pa.Array]
    rows: Ints
    changed: Mapping[str, Mapping[int, str]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def of(cls, name: str, records: Iterable[Mapping[str, str]], source: str = "") -> RawTable:
        """From records of text; columns that a record lacks are blank."""
        records = list(records)
        names = list(dict.fromkeys(key for record in records for key in record))
        columns = {key: pa.array([record.get(key, "") for record in records], pa.string()) for key in names}
        return cls(name, source or f"{name}.csv", columns, np.arange(2, len(records) + 2, dtype=np.int64))


def drop_blank_rows(raw: RawTable) -> RawTable:
    """Rows in which every cell is blank say nothing (spreadsheets leave them behind)."""
    keep = np.zeros(len(raw), dtype=bool)
    for text in raw.columns.values():
        lengths = pc.binary_length(text).to_numpy(zero_copy_only=False)
        keep |= lengths > 0
        if keep.all():
            return raw
    mask = pa.array(keep)
    return RawTable(raw.name, raw.source, {key: text.filter(mask) for key, text in raw.columns.items()}, raw.rows[keep])
