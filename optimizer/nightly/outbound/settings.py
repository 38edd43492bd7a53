"""`[outbound]` of a nightly configuration."""

from __future__ import annotations

from typing import Literal

from optimizer.scenario.schema import Frozen


class OutboundRule(Frozen):
    """Outbound files and rows of every plan that is published; ``format`` is that of the files."""

    format: Literal["csv", "jsonl", "parquet"] = "csv"
