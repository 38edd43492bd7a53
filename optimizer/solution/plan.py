"""The decision itself, in business units: how much of each order line ships on which lane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Plan:
    """Allocations as positions: ``qty`` units of ``line`` on ``lane`` (a lane is a warehouse, a zone and a service).

    Sorted by (line, lane), one row a pair, every quantity at least 1. In this part every shipment leaves on `as_of`.
    """

    line: Ints
    lane: Ints
    qty: Ints

    def __len__(self) -> int:
        return len(self.qty)

    @classmethod
    def of(cls, line: Ints, lane: Ints, qty: Ints) -> Plan:
        """From unsorted rows; zero quantities are dropped, equal pairs added up."""
        keep = qty > 0
        line, lane, qty = line[keep], lane[keep], qty[keep]
        order = np.lexsort((lane, line))
        line, lane, qty = line[order], lane[order], qty[order]
        first = np.ones(len(line), dtype=bool)
        first[1:] = (line[1:] != line[:-1]) | (lane[1:] != lane[:-1])
        starts = np.flatnonzero(first)
        total = np.add.reduceat(qty, starts) if len(starts) else qty
        return cls(line[starts], lane[starts], total.astype(np.int64))
