"""Random batches: prices and one-unit values against the truth, found by exhaustive search from the rows alone."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import pytest

from optimizer.errors import InputError
from optimizer.proof.bound import bound
from optimizer.solution.prices_rows import AT_LEAST
from tests.brute_force import optimum
from tests.instances import Case
from tests.solution.priced import EFFORTS, Row, Solved, priced, with_one
from tests.typed_cases import random_cases, typed

NOISE = Fraction(1, 10**6)
"""Money: values are rounded to nine decimals, and the relaxation is a double."""


def wrong(case: Case, solved: Solved, row: Row) -> list[str]:
    """Everything false that a row says; the true values are optima of the case with one unit more and one fewer."""
    value, price, found = solved.value, row["price"], []
    most = Fraction(solved.prices.lp_bound) - value
    certified = bound(solved.model.tables, solved.model.scenario, solved.prices.certificate_json()).value
    if (price > 0) if row.family in AT_LEAST else (price < 0):
        found.append(f"price {price} has the wrong sign")
    if certified is None or certified < value or most < -NOISE:
        found.append(f"the value {value} is over the certified bound {certified} or the relaxation {value + most}")
    for column, step in (("gain_plus_one", 1), ("loss_minus_one", -1)):
        changed, given = with_one(case, row, step), row[column]
        if changed is None:
            continue
        moved = optimum(changed)
        if moved is None:
            found += [f"{column} {given} where there is no plan"] if given is not None else []
            continue
        true = (moved - value) * step
        if step > 0 and true > price + most + NOISE:
            found.append(f"one more is worth {true}, over {price} + {most}")
        if step < 0 and certified is not None and true < price - (certified - value) - NOISE:
            found.append(f"one fewer costs {true}, under {price} - {certified - value}")
        if given is None:
            found += [f"{column} is said to be impossible"] if row["verified"] == "infeasible" and price < 0 else []
        elif (given - true) * step > NOISE:
            found.append(f"{column} {given} is beyond the true {true}")
        elif row["value_basis"] == "global" and abs(given - true) > NOISE:
            found.append(f"{column} {given} is said to be global, but it is {true}")
    return found


def check(first: int, last: int, families: float, effort: str) -> Counter[str]:
    """All valid cases with seeds in the range; returns how often each basis was seen."""
    seen: Counter[str] = Counter()
    for seed, case in random_cases(last, families):
        if seed < first:
            continue
        try:
            tables, scenario = typed(case)
        except InputError:
            continue
        best = optimum(case)
        if best is None:
            continue
        solved = priced(tables, scenario, EFFORTS[effort])
        assert solved.value == best
        seen["cases"] += 1
        for row in solved.rows():
            seen[row["value_basis"] or "unverified"] += 1
            assert not wrong(case, solved, row), (seed, row.family, row.key)
    return seen


@pytest.mark.parametrize(
    ("effort", "basis", "first", "families"),
    [
        ("as delivered", "global", 0, 0.4),
        ("fixed shipments", "fixed_shipments", 14, 0.3),
        ("fixed shipments, whole programs", "fixed_shipments", 28, 0.5),
        ("local", "local", 40, 0.4),
    ],
)
def test_values_hold_against_exhaustive_search(effort: str, basis: str, first: int, families: float) -> None:
    seen = check(first, first + 12, families, effort)
    assert seen["cases"] >= 8
    assert seen[basis] >= 6


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("effort", EFFORTS)
@pytest.mark.parametrize("families", [0.25, 0.45])
def test_values_hold_against_exhaustive_search_at_length(effort: str, families: float) -> None:
    """Ten sets of other instances, 500 and more together."""
    first = 100 * (1 + list(EFFORTS).index(effort))
    assert check(first, first + 90, families, effort)["cases"] >= 50
