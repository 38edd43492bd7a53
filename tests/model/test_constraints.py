"""Every family: kept by a plan that follows the rule, broken by one that does not, absent where there is no rule."""

from __future__ import annotations

import numpy as np
import pytest

from optimizer.model.constraints import FAMILIES
from tests.model.every_case import CASES
from tests.model.solving import keeps, values_of


def test_every_family_has_a_case() -> None:
    assert list(CASES) == list(FAMILIES)


@pytest.mark.parametrize("family", FAMILIES)
def test_kept_by_a_plan_that_follows_it(family: str) -> None:
    case = CASES[family]
    model = case.model()
    assert keeps(model, family, values_of(model, case.kept, case.moves))


@pytest.mark.parametrize("family", FAMILIES)
def test_broken_by_a_plan_that_does_not(family: str) -> None:
    case = CASES[family]
    model = case.model()
    values = values_of(model, case.broken, case.moves, **case.broken_columns)
    assert not keeps(model, family, values)


@pytest.mark.parametrize("family", FAMILIES)
def test_absent_where_it_says_nothing(family: str) -> None:
    assert not len(CASES[family].model(absent=True).linear.rows(family))


@pytest.mark.parametrize("family", FAMILIES)
def test_rows_carry_keys_and_belong_to_an_order_or_are_shared(family: str) -> None:
    block = CASES[family].model().linear.rows(family)
    assert block.keys
    assert all(len(key) == len(block) for key in block.keys.values())
    shared = list(FAMILIES).index(family) >= list(FAMILIES).index("warehouse_stock")
    assert block.coupling == (shared and not block.redundant)
    assert shared or "order" in block.keys or "transfer" in block.keys


@pytest.mark.parametrize("family", FAMILIES)
def test_every_column_is_bounded(family: str) -> None:
    linear = CASES[family].model().linear
    assert (linear.col_lower == 0).all()
    assert np.isfinite(linear.col_upper).all()
    assert (linear.col_upper > 0).all()
