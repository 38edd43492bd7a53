"""What a certificate states must be lists of texts, and name what the inputs have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.errors import VerificationError


def are_texts(entry: Any, count: int | None = None) -> bool:
    """Whether it is a list of texts, and of so many."""
    return isinstance(entry, list) and count in (None, len(entry)) and all(isinstance(text, str) for text in entry)


def check_known(place: NDArray[np.int64], names: Sequence[tuple[str, ...]], what: str, beginning: str) -> None:
    """Raise `VerificationError` for the first name without a place; its words begin with who names it."""
    unknown = np.flatnonzero(place < 0)
    if len(unknown):
        name = names[int(unknown[0])]
        raise VerificationError(f"certificate.json: {beginning} {name}, and the inputs have no such {what}")
