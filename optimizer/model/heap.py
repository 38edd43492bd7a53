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

ROOM = 1 << 30
"""Bytes of the heap that are asked for as huge pages; addresses only, until something is written there."""
HUGE_PAGE, PAGE, MADV_HUGEPAGE = 1 << 21, 1 << 12, 14


@contextmanager
def reused_memory() -> Iterator[None]:
    """While this lasts, arrays stand where earlier ones were freed; in the end what is free goes back to the system."""
    libc = _glibc()
    if libc is None:
        yield
        return
    _set(libc, KEEP)
    try:
        _make_room(libc)
        yield
    finally:
        _set(libc, USUAL)
        libc.malloc_trim(0)


def _set(libc: Any, options: dict[int, int]) -> None:
    for option, value in options.items():
        libc.mallopt(option, value)


def _make_room(libc: Any) -> None:
    """Lengthen the heap, and ask for huge pages there; where either is refused, all goes on without."""
    start = libc.malloc(ROOM)
    if start:
        before = -start % HUGE_PAGE
        libc.madvise(start + before, (ROOM - before) // PAGE * PAGE, MADV_HUGEPAGE)
        libc.free(start)


@cache
def _glibc() -> Any:
    """The C library of this process if it is glibc, else None: others have no such options."""
    if platform.libc_ver()[0] != "glibc":
        return None
    libc = ctypes.CDLL(None)
    if not all(hasattr(libc, name) for name in ("mallopt", "malloc_trim", "madvise")):
        return None
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.free.restype, libc.free.argtypes = None, [ctypes.c_void_p]
    libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    return libc
