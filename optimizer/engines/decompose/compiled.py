"""How functions of the engine are compiled: once, kept on disk for these very sources, free of Python's lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from numba import config, njit

from optimizer.engines.decompose import cache_folder

Function = TypeVar("Function", bound=Callable[..., object])
setattr(config, "CACHE_DIR", str(cache_folder()))  # noqa: B010 - set by numba itself, unknown to type checkers


def compiled(function: Function) -> Function:
    """Decorates a function of numbers and arrays."""
    return cast("Function", njit(cache=True, nogil=True)(function))
