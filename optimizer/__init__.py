"""Allot: an order allocation optimizer whose every number can be defended.

``optimizer.run(...)`` plans a batch, ``optimizer.errors`` says what can go wrong; both are loaded when first asked for.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from optimizer import errors as errors
    from optimizer.api import Result as Result
    from optimizer.api import run as run

__version__ = "0.1.0"
__all__ = ["Result", "__version__", "errors", "run"]


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name in ("errors", "run"):
        return import_module(f"optimizer.{name}")
    if name == "Result":
        return import_module("optimizer.api").Result
    raise AttributeError(f"module 'optimizer' has no attribute {name!r}")
