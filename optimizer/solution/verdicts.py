"""The reason of every short line, and the way that shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.solution.ledger import Ledger
from optimizer.solution.survey import Survey
from optimizer.solution.whole_orders import WholeOrder

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Verdicts:
    """Per short line (``lines``, positions in order_lines) its ``reason`` and the ``way`` that shows it.

    ``reason`` is a position in `REASONS`, ``way`` one in the survey's ways, -1 where none shows it. ``whole_orders``:
    what shipping an order whole would bring, for orders that must ship complete and whose lines could each be had.
    """

    survey: Survey
    reason: Ints
    way: Ints
    whole_orders: Mapping[int, WholeOrder]

    @property
    def ledger(self) -> Ledger:
        return self.survey.ledger

    @property
    def lines(self) -> Ints:
        return self.survey.lines
