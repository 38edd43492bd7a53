"""Memory for the arrays of a model, taken from the system once: see docs/decisions/009-memory-while-building.md."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

TRIM_THRESHOLD, MMAP_THRESHOLD, MMAP_MAX = -1, -3, -4
"""Options of glibc's ``mallopt``, as its ``malloc.h`` numbers them."""
KEEP = {MMAP_MAX: 0, TRIM_THRESHOLD: 2**31 - 1}
"""Large arrays stand in the heap too, and what they leave free there is not given back at once."""
USUAL = {MMAP_MAX: 65_536, MMAP_THRESHOLD: 32 << 20, TRIM_THRESHOLD: 64 << 20}
"""glibc's own: where its thresholds move to once arrays of many megabytes have been freed."""


@contextmanager
def reused_memory() -> Iterator[None]:
    """While this lasts, arrays stand where earlier ones were freed; in the end what is free goes back to the system."""
    libc = _glibc()
    if libc is None:
        yield
        return
    _set(libc, KEEP)
    try:
        yield
    finally:
        _set(libc, USUAL)
        libc.malloc_trim(0)


def _set(libc: Any, options: dict[int, int]) -> None:
    for option, value in options.items():
        libc.mallopt(option, value)


@cache
def _glibc() -> Any:
    """The C library of this process if it is glibc, else None: others have no such options."""
    if platform.libc_ver()[0] != "glibc":
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim") else None
