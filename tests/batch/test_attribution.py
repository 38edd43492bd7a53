"""Shares add up to the published difference, and at the optimum they are those of exhaustive search."""

from __future__ import annotations

import random
from fractions import Fraction
from itertools import combinations, permutations
from pathlib import Path
from typing import Any

import pytest

from optimizer.batch.attribution import EXACT_CHANGES, Effort, Solved, attribute, orders_of, shares_of
from optimizer.batch.compare_run import VALUE, RunFolder, read_runs
from optimizer.report.compare import Attribution
from optimizer.report.compare_words import apportioned
from tests.batch.pairs import Pair, possible_pair, solved_pair, solved_what_ifs, with_all
from tests.brute_force import optimum
from tests.builders import write_case


def pairs(folder: Path, seeds: range, wanted: int, counts: tuple[int, ...]) -> list[Pair]:
    found = []
    for seed in seeds:
        made = possible_pair(seed, counts)
        if made is not None:
            found.append(solved_pair(folder / str(seed), *made))
        if len(found) == wanted:
            return found
    raise AssertionError(f"only {len(found)} of {wanted} pairs among {seeds}")


def attributed(pair: Pair) -> tuple[Attribution, RunFolder, RunFolder]:
    baseline, other = read_runs([pair.baseline, pair.run])
    found = attribute(baseline, other, Effort(orders=4))
    assert found.refused == ""
    return found, baseline, other


def by_search(pair: Pair) -> list[Fraction]:
    """Shapley values of the optimum from exhaustive search over every combination."""
    size, known = len(pair.changes), {}
    for choice in range(2**size):
        value = optimum(with_all(pair.case, [twist for at, twist in enumerate(pair.changes) if choice >> at & 1]))
        assert value is not None
        known[frozenset(at for at in range(size) if choice >> at & 1)] = value
    shares, orders = [Fraction(0)] * size, list(permutations(range(size)))
    for order in orders:
        for stop, at in enumerate(order):
            shares[at] += (known[frozenset(order[: stop + 1])] - known[frozenset(order[:stop])]) / len(orders)
    return shares


def check(pair: Pair) -> None:
    """Every KPI adds up to the last digit and, shown in cents, to the cent; the value agrees with search."""
    found, baseline, other = attributed(pair)
    assert len(found.changes) == len(pair.changes)
    assert VALUE in found.shares
    for kpi, shares in found.shares.items():
        before, after = baseline.kpis[kpi], other.kpis[kpi]
        assert before is not None
        assert after is not None
        assert sum(share.amount for share in shares) == after - before, kpi
        assert sum(apportioned([share.amount for share in shares], 2)) == Fraction(round((after - before) * 100), 100)
    if len(pair.changes) <= EXACT_CHANGES:
        truth = by_search(pair)
        shares = found.shares[VALUE]
        assert [share.amount for share in shares] == apportioned(truth, 12)
        for share, value in zip(shares, truth, strict=True):
            assert share.low is not None
            assert share.high is not None
            assert share.low - Fraction(1, 10**6) <= value <= share.high + Fraction(1, 10**6)
            assert share.error == 0


def test_shares_add_up_and_agree_with_exhaustive_search(tmp_path: Path) -> None:
    for pair in pairs(tmp_path, range(30), 2, (2, 3)):
        check(pair)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_hundred_pairs_add_up_and_agree_with_exhaustive_search(tmp_path: Path) -> None:
    for pair in pairs(tmp_path, range(1_000, 2_000), 100, (1, 2, 3, 4)):
        check(pair)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_sampled_shares_add_up_and_say_their_error(tmp_path: Path) -> None:
    for pair in pairs(tmp_path, range(3_000, 3_200), 10, (5, 6)):
        found = attributed(pair)[0]
        assert attributed(pair)[0] == found
        assert all(share.error >= 0 for share in found.shares[VALUE])


def test_the_stated_error_is_that_of_the_sample() -> None:
    """Of games of five changes with random values, sampled shares are within twice their error of the exact ones."""
    size, near, told = 5, 0, 0
    for seed in range(12):
        source = random.Random(seed)
        known = {
            frozenset(choice): Solved({VALUE: Fraction(source.randint(0, 1000))}, Fraction(1), canonical=False)
            for length in range(size + 1)
            for choice in combinations(range(size), length)
        }
        exact = shares_of(VALUE, "abcde", list(permutations(range(size))), known)
        sampled = shares_of(VALUE, "abcde", orders_of(size, Effort(orders=40, seed=seed)), known)
        assert sum(share.amount for share in sampled) == sum(share.amount for share in exact)
        for share, truth in zip(sampled, exact, strict=True):
            near += abs(share.amount - truth.amount) <= 2 * share.error
            told += 1
            assert share.low is not None
            assert share.high is not None
            assert (share.low, share.high) == (
                pytest.approx(share.amount - 1, abs=1e-9), pytest.approx(share.amount + 1, abs=1e-9)
            )  # fmt: skip
    assert near / told > 0.9


def test_random_orders_come_in_opposite_pairs_by_seed() -> None:
    orders = orders_of(7, Effort(orders=9, seed=3))
    assert len(orders) == 10
    assert all(second == first[::-1] for first, second in zip(orders[::2], orders[1::2], strict=True))
    assert orders == orders_of(7, Effort(orders=9, seed=3)) != orders_of(7, Effort(orders=9, seed=4))
    assert len(orders_of(EXACT_CHANGES, Effort())) == 24


CASE = {
    "order_lines": [
        {"order_id": "O1", "product_id": "P", "qty": 6, "unit_margin": 5},
        {"order_id": "O2", "product_id": "P", "qty": 6, "unit_margin": 4},
    ],
    "stock": [{"warehouse_id": "W", "product_id": "P", "on_hand_qty": 8}],
}


MORE = {"table": "stock", "add": {"on_hand_qty": 4}}
LESS = {"table": "stock", "add": {"on_hand_qty": 1}}
DEARER = {"table": "order_lines", "where": {"order_id": "O2"}, "add": {"unit_margin": 3}}
OWED = {"table": "contracts", "append": [{"contract_id": "K", "min_qty": 9}]}
WHAT_IFS: dict[str, dict[str, Any]] = {
    "both": {"change": [MORE, DEARER]},
    "less": {"change": [LESS]},
    "owed": {"change": [OWED, MORE]},
}
"""On top of a batch that is worth 38: six units at 5, two at 4."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The run of a small batch and of scenarios on top of it."""
    return solved_what_ifs(tmp_path_factory.mktemp("what-ifs"), CASE, WHAT_IFS)


def test_a_case_by_hand(runs: dict[str, Path]) -> None:
    """Alone, 4 more units are worth 16 and 3 more a unit 14; together 34: half of the rest to each."""
    found = attribute(*read_runs([runs["base"], runs["both"]]), Effort())
    assert found.changes == ("stock.on_hand_qty + 4", "order_lines.unit_margin + 3 where order_id O2")
    assert [share.amount for share in found.shares[VALUE]] == [18, 16]
    assert [share.amount for share in found.shares["units_allocated"]] == [4, 0]
    assert all(share.low == share.amount == share.high for share in found.shares["margin"])
    assert "2 solved anew" in found.basis


def test_what_the_baseline_alone_changes_is_a_change_too(runs: dict[str, Path]) -> None:
    """Two what-ifs of one base: one change is undone, another amount of the same one is one change, old -> new."""
    first, second = read_runs([runs["both"], runs["less"]])
    found = attribute(first, second, Effort())
    assert found.changes == (
        "stock.on_hand_qty + 4 → stock.on_hand_qty + 1",
        "without: order_lines.unit_margin + 3 where order_id O2",
    )
    assert sum(share.amount for share in found.shares[VALUE]) == (second.kpis[VALUE] or 0) - (first.kpis[VALUE] or 0)


@pytest.mark.parametrize(
    ("other", "why"), [("base", "nothing that was asked differs"), ("owed", "the hard rules cannot all hold")]
)
def test_why_there_are_no_shares(runs: dict[str, Path], other: str, why: str) -> None:
    assert why in attribute(*read_runs([runs["base"], runs[other]]), Effort()).refused


def test_inputs_that_changed_since_are_refused(runs: dict[str, Path], tmp_path: Path) -> None:
    write_case(tmp_path, {**CASE, "stock": [{"warehouse_id": "W", "product_id": "P", "on_hand_qty": 3}]})
    (tmp_path / "both.toml").write_text('base = "scenario.toml"\n', encoding="utf-8")
    found = attribute(*read_runs([runs["base"], runs["both"]]), Effort(inputs=tmp_path))
    assert "table stock changed since the run" in found.refused
