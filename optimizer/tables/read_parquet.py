"""Parquet: sizes are read from the footer before any row is; text columns are never expanded unseen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from optimizer.tables.convert import ColumnError, raw_table
from optimizer.tables.findings import Findings, quote
from optimizer.tables.header import MAX_COLUMNS, MAX_ROWS, RefusedError, check_header
from optimizer.tables.raw import RawTable, drop_blank_rows
from optimizer.tables.schema import TableSchema

MAX_LOGICAL_BYTES = 2**32


def read_parquet(path: Path, schema: TableSchema, source: str, found: Findings) -> RawTable | None:
    """The table as text; None (and findings) if the file is not sound."""
    try:
        with pq.ParquetFile(path) as file:
            if not _sizes_are_sane(file, source, schema.name, found):
                return None
            names = file.schema_arrow.names
            check_header(names, source, schema.name, found)
            text = [field.name for field in file.schema_arrow if pa.types.is_string(field.type)]
        table = pq.read_table(path, read_dictionary=text, partitioning=None)
        rows = np.arange(1, table.num_rows + 1)
        columns = [table.column(name) for name in names]
        return drop_blank_rows(raw_table(schema, source, names, columns, rows, found))
    except RefusedError:
        return None
    except (pa.ArrowException, ColumnError, ValueError, OSError) as error:
        found.say(
            source, "a sound Parquet file", f"export the table again: {quote(error)}", "malformed", table=schema.name
        )
        return None


def _sizes_are_sane(file: pq.ParquetFile, source: str, table: str, found: Findings) -> bool:
    """Rows, columns and unpacked bytes, all from the footer."""
    footer = file.metadata
    unpacked = sum(footer.row_group(group).total_byte_size for group in range(footer.num_row_groups))
    limits = (
        (footer.num_rows, MAX_ROWS, "rows"),
        (footer.num_columns, MAX_COLUMNS, "columns"),
        (unpacked, MAX_LOGICAL_BYTES, "bytes when unpacked"),
    )
    for size, limit, words in limits:
        if size > limit:
            remedy = "select what the batch needs"
            found.say(source, f"at most {limit:,} {words}", remedy, "too_large", value=f"{size:,}", table=table)
            return False
    return True
