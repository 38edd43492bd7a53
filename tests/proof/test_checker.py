"""The checker accepts what an independent search calls valid, and rejects every change."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from optimizer.proof.checker import Report, check_folder
from tests.brute_force import optimum
from tests.proof.mutations import MUTATIONS, mutated_plan
from tests.proof.runs import Folder, random_plan, write_run
from tests.typed_cases import random_cases


def check(folder: Folder) -> Report:
    return check_folder(folder.path, folder.tables, folder.scenario)


@pytest.mark.parametrize("fmt", ["csv", "parquet"])
def test_valid_plans_are_accepted_with_their_value(tmp_path: Path, fmt: str) -> None:
    accepted = 0
    for seed, case in random_cases(60, 0.35):
        found = random_plan(case, random.Random(seed))
        if found is None:
            continue
        chosen, value = found
        folder = write_run(case, chosen, random.Random(seed), tmp_path / str(seed), fmt)
        report = check(folder)
        assert report.failures == [], seed
        assert report.value == value, seed
        assert report.bound is not None
        assert report.bound.value is not None
        assert report.bound.value >= value
        assert report.parts is not None
        assert report.parts.total == report.bound.value - value
        assert report.parts.least >= 0
        accepted += 1
    assert accepted > 30


def mutate_many(tmp_path: Path, wanted: int, first_seed: int) -> None:
    done = dict.fromkeys(MUTATIONS, 0)
    for seed, case in random_cases(10**6, 0.35):
        if sum(done.values()) >= wanted:
            break
        rng = random.Random(first_seed + seed)
        found = random_plan(case, rng)
        if found is None or not any(found[0].values()):
            continue
        folder = write_run(case, found[0], rng, tmp_path / str(seed))
        originals = {path: path.read_bytes() for path in folder.path.iterdir() if path.is_file()}
        for name in rng.sample(sorted(MUTATIONS), 8):
            if MUTATIONS[name](folder, rng):
                assert not check(folder).passed, (seed, name)
                done[name] += 1
            for path, content in originals.items():
                path.write_bytes(content)
        assert check(folder).passed, seed
    assert min(done.values()) > 0, done


def test_mutated_folders_are_rejected(tmp_path: Path) -> None:
    mutate_many(tmp_path, 160, 0)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_two_thousand_mutated_folders_are_rejected(tmp_path: Path) -> None:
    mutate_many(tmp_path, 2000, 10_000)


def rewritten_plans(tmp_path: Path, seeds: int) -> None:
    """Plans changed and then written anew without a contradiction: the rules alone decide, as the search says."""
    broken = kept = 0
    for seed, case in random_cases(seeds, 0.4):
        rng = random.Random(seed)
        found = random_plan(case, rng)
        if found is None:
            continue
        chosen, valid = mutated_plan(case, found[0], rng)
        report = check(write_run(case, chosen, rng, tmp_path / str(seed)))
        assert report.passed == valid, (seed, report.failures)
        broken += not valid
        kept += valid
    assert broken > seeds / 5
    assert kept > seeds / 20


def test_rules_agree_with_the_search(tmp_path: Path) -> None:
    rewritten_plans(tmp_path, 60)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_rules_agree_with_the_search_at_length(tmp_path: Path) -> None:
    rewritten_plans(tmp_path, 2000)


def test_optimum_is_never_above_the_bound_of_its_own_folder(tmp_path: Path) -> None:
    for seed, case in random_cases(25, 0.2):
        best, found = optimum(case), random_plan(case, random.Random(seed))
        if best is None or found is None:
            continue
        report = check(write_run(case, found[0], random.Random(seed), tmp_path / str(seed)))
        assert report.value is not None
        assert report.bound is not None
        assert report.value <= best <= report.bound.value
