"""Where the rows of a plan go: into the store, or, of a large plan, into Parquet files of its folder alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from optimizer.scenario.schema import Frozen

STORE, FILES = "store", "files"
"""Where the rows of a published table are, as the store calls it."""


class Rows(Frozen):
    """``store_at_most``: a plan of more order lines is written as Parquet, and the store holds no rows of it."""

    store_at_most: Annotated[int, Field(ge=0, strict=True)] = 1_000_000

    def file_format(self, order_lines: int) -> str:
        """How the folder of a plan for so many order lines is written."""
        return "csv" if order_lines <= self.store_at_most else "parquet"


def parquet_size(path: Path) -> int:
    """Rows of a Parquet file, as its footer says."""
    import pyarrow.parquet as pq

    return int(pq.read_metadata(path).num_rows)
