"""Run folders of plans with policies: the product's files agree with the judge, and every forged one is rejected."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from optimizer.proof.checker import Report, check_folder
from tests.proof.mutations import CENT, UNIT, Mutation, add_to, drop, edit, figure, put_rows, rows_of
from tests.proof.policy_cases import mixed
from tests.proof.policy_runs import write_best
from tests.proof.runs import Folder


def check(folder: Folder) -> Report:
    return check_folder(folder.path, folder.tables, folder.scenario)


@pytest.mark.parametrize("fmt", ["csv", "parquet"])
def test_files_of_optimal_plans_are_accepted(tmp_path: Path, fmt: str) -> None:
    accepted = 0
    for seed, case, facts in mixed(25, 2000):
        folder = write_best(case, facts, random.Random(seed), tmp_path / str(seed), fmt)
        if folder is None:
            continue
        report = check(folder)
        assert report.failures == [], seed
        accepted += 1
    assert accepted > 15


def replaced(name: str, column: str, other: str) -> Mutation:
    """Another text in one cell of a column."""

    def mutate(folder: Folder, rng: random.Random) -> bool:
        path = folder.path / f"{name}.csv"
        rows = rows_of(path)
        at = rows[0].index(column)
        found = [row for row in rows[1:] if row[at] != other]
        if not found:
            return False
        rng.choice(found)[at] = other
        put_rows(path, rows)
        return True

    return mutate


def other_lot(rows: list[list[str]], rng: random.Random) -> bool:
    """A lot of the same batch, on a row that is drawn from another one."""
    at = rows[0].index("lot_id")
    row = rng.choice(rows[1:])
    row[at] = rng.choice([lot for lot in ("", "L1", "L2", "L3") if lot != row[at]])
    return True


def without_component(rows: list[list[str]], rng: random.Random) -> bool:
    """A kit without one of its parts."""
    at = rows[0].index("ordered_qty_served")
    parts = [number for number, row in enumerate(rows[1:], start=1) if row[at] == "0"]
    if not parts:
        return False
    del rows[rng.choice(parts)]
    return True


def another_day(column: str) -> Callable[[list[list[str]], random.Random], bool]:
    """Another date in one cell."""

    def change(rows: list[list[str]], rng: random.Random) -> bool:
        row, at = rng.choice(rows[1:]), rows[0].index(column)
        row[at] = row[at][:-1] + str((int(row[at][-1]) + 1) % 10)
        return True

    return change


FORGERIES: dict[str, Mutation] = {
    "another ship date": edit("allocations", another_day("ship_date")),
    "another arrival": edit("allocations", another_day("arrive_date")),
    "another lot": edit("allocations", other_lot),
    "an unknown lot": replaced("allocations", "lot_id", "L99"),
    "a component missing": edit("allocations", without_component),
    "a component's unit": edit("allocations", add_to("qty", UNIT)),
    "an ordered unit": edit("allocations", add_to("ordered_qty_served", UNIT)),
    "another product picked": replaced("allocations", "ship_product_id", "P9"),
    "a day of delay": edit("allocations", add_to("days_late", UNIT)),
    "a transfer dropped": edit("transfers", drop),
    "a unit moved more": edit("transfers", add_to("qty", UNIT)),
    "a cent of moving": edit("transfers", add_to("cost", CENT)),
    "a transfer's day": edit("transfers", another_day("ship_date")),
    "a transfer's lot": replaced("transfers", "lot_id", "L99"),
    "a gram charged": edit("shipments", add_to("chargeable_kg", ("0.001",))),
    "a shipment's name": replaced("shipments", "shipment_id", "S"),
    "a unit of a party": edit("fair_share", add_to("allocated_qty", UNIT)),
    "a party's fill": edit("fair_share", add_to("fill", CENT)),
    "a party dropped": edit("fair_share", drop),
    "a cent of an order": edit("orders", add_to("shipping_cost", CENT)),
    "a day of an order": edit("orders", add_to("days_late", UNIT)),
    "a KPI": figure("[a-z]+_cost|[a-z]+_units|[a-z]+_orders|stock_value_[a-z]+|holding_value|penalties"),
}


def forge(tmp_path: Path, wanted: int, first: int) -> None:
    done = dict.fromkeys(FORGERIES, 0)
    for seed, case, facts in mixed(10**6, first, None):
        if sum(done.values()) >= wanted and min(done.values()):
            break
        rng = random.Random(seed)
        folder = write_best(case, facts, rng, tmp_path / str(seed))
        if folder is None or len(rows_of(folder.path / "allocations.csv")) < 2:
            continue
        originals = {path: path.read_bytes() for path in folder.path.iterdir() if path.is_file()}
        rare = [name for name, count in done.items() if not count]
        for name in {*rng.sample(sorted(FORGERIES), 6), *rare}:
            if FORGERIES[name](folder, rng):
                assert not check(folder).passed, (seed, name)
                done[name] += 1
            for path, content in originals.items():
                path.write_bytes(content)
    assert min(done.values()) > 0, done


def test_forged_folders_are_rejected(tmp_path: Path) -> None:
    forge(tmp_path, 80, 3000)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_thousand_forged_folders_are_rejected(tmp_path: Path) -> None:
    forge(tmp_path, 1000, 30_000)
