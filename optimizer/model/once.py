"""What several parts of a model ask of the same formulation."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from optimizer.model.formulation import Formulation

Made = TypeVar("Made")


def once(make: Callable[[Formulation], Made]) -> Callable[[Formulation], Made]:
    """Worked out when first asked for: for terms of the objective that stages and budgets are made of as well."""

    @wraps(make)
    def made(f: Formulation) -> Made:
        if make.__name__ not in f.known:
            f.known[make.__name__] = make(f)
        found: Made = f.known[make.__name__]
        return found

    return made
