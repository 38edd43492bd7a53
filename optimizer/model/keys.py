"""What columns and rows are about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


class Gathered(Mapping[str, Ints]):
    """Arrays by name at some positions, gathered when first asked for: most matrices are solved without it."""

    def __init__(self, arrays: Mapping[str, Ints], at: Ints) -> None:
        self._arrays, self._at = arrays, at
        self._done: dict[str, Ints] = {}

    def __getitem__(self, name: str) -> Ints:
        if name not in self._done:
            self._done[name] = self._arrays[name][self._at]
        return self._done[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)
