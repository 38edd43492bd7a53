"""Connected components, compiled."""

from __future__ import annotations

import numpy as np

from optimizer.engines.decompose.compiled import compiled
from optimizer.engines.decompose.problem import Ints


def components(row: Ints, column: Ints, columns: int) -> Ints:
    """A label for each column: the smallest column with which rows connect it. ``row`` ascends."""
    parent = np.arange(columns, dtype=np.int64)
    _join(row, column, parent)
    return parent


@compiled
def _root(parent, at):
    while parent[at] != at:
        parent[at] = parent[parent[at]]
        at = parent[at]
    return at


@compiled
def _join(row, column, parent):
    for k in range(1, row.shape[0]):
        if row[k] == row[k - 1]:
            one, other = _root(parent, column[k - 1]), _root(parent, column[k])
            if one < other:
                parent[other] = one
            elif other < one:
                parent[one] = other
    for at in range(parent.shape[0]):
        parent[at] = _root(parent, at)
