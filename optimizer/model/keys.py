"""What columns and rows are about."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import taken

Ints = NDArray[np.int64]


class Keys(Mapping[str, Ints]):
    """Arrays by name, each made when first asked for: most matrices are solved without them."""

    def __init__(self, makers: Mapping[str, Callable[[], Ints]]) -> None:
        self._makers = dict(makers)
        self._made: dict[str, Ints] = {}

    def __getitem__(self, name: str) -> Ints:
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)

    def __or__(self, further: Mapping[str, Ints]) -> Keys:
        """These, then further ones; of one name, the further."""
        return Keys({**self._makers, **{name: partial(further.__getitem__, name) for name in further}})


def gathered(arrays: Mapping[str, Ints], at: Ints) -> Keys:
    """Arrays at some positions."""
    return Keys({name: partial(taken, array, at) for name, array in arrays.items()})
