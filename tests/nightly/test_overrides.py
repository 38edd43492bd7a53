"""A planner's pin is kept by every night until it is withdrawn; a plan that keeps it may need another's approval."""

from __future__ import annotations

import csv
import json
import shutil
import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from optimizer.errors import InputError, UsageError
from optimizer.nightly.approval import Decision, approve, release
from optimizer.nightly.audit import examine
from optimizer.nightly.config import read_config
from optimizer.nightly.night import run_night
from optimizer.nightly.overrides import Override, make, of_scenario, withdraw
from optimizer.nightly.store import Store
from optimizer.proof import certify
from tests.nightly.nights import allot, assert_tidy, assert_whole, published, query
from tests.nightly.nights import make as make_case

MONDAY, TUESDAY, WEDNESDAY = date(2026, 11, 23), date(2026, 11, 24), date(2026, 11, 25)
POLICY = "[release]\noverrides_wait = true\nkeep_inputs = true\n"


def pin(**changes: Any) -> Override:
    """All of order O2, which the optimum serves in part only."""
    wanted: dict[str, Any] = {"scenario": "scenario", "order_id": "O2", "line_id": "1", "warehouse_id": "W",
                              "mode": "exactly", "qty": 2, "reason": "promised \"today\"", "who": "Anna"}  # fmt: skip
    return Override(**{**wanted, **changes})


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration whose store is there, without any plan."""
    place = tmp_path_factory.mktemp("begun")
    make_case(place, POLICY)
    Store("sqlite:///night/allot.db", place).close()
    return place


@pytest.fixture
def place(begun: Path, tmp_path: Path) -> Path:
    shutil.copytree(begun, tmp_path / "place")
    return tmp_path / "place"


def open_store(place: Path) -> Store:
    return Store("sqlite:///night/allot.db", place)


def served(folder: Path) -> dict[str, int]:
    with (folder / "allocations.csv").open() as file:
        return {row["order_id"]: int(row["qty"]) for row in csv.DictReader(file)}


def test_nights_keep_an_override_until_it_is_withdrawn(place: Path) -> None:
    config, shelf = place / "night.toml", place / "night/published"
    assert run_night(config, MONDAY).exit_code == 0
    assert served(shelf / "current/scenario") == {"O1": 3, "O2": 1}
    store = open_store(place)
    [said] = make(store, read_config(config), pin())
    [row] = of_scenario(store, "night", "scenario")
    assert row["override_id"] in said

    assert run_night(config, TUESDAY).exit_code == 0
    draft = shelf / "plans" / published(place)[1]
    assert served(draft) == {"O1": 2, "O2": 2}
    run = json.loads((draft / "run.json").read_text())
    assert run["scenario"]["name"] == "test"
    [change] = run["scenario"]["changes"]
    assert (change["path"], change["rows"]) == ("pins", 1)
    assert certify(draft).exit_code == 0
    assert served(shelf / "current/scenario") == {"O1": 3, "O2": 1}
    waits = json.loads((shelf / "status.json").read_text())["scenarios"]["scenario"]["waiting"]
    assert "it keeps 1 override of planners" in waits["reason"]
    with pytest.raises(UsageError, match="anna made plan"):
        approve(Decision("scenario", "anna"), config)
    approve(Decision("scenario", "ben"), config)
    release(Decision("scenario", "Anna"), config)
    assert served(shelf / "current/scenario") == {"O1": 2, "O2": 2}

    withdraw(store, "night", [row["override_id"]], "Anna", "shipped by hand")
    assert of_scenario(store, "night", "scenario") == []
    assert run_night(config, WEDNESDAY).exit_code == 0
    assert served(shelf / "current/scenario") == {"O1": 3, "O2": 1}
    assert [state for (state,) in query(place, "SELECT state FROM audit_log WHERE kind = 'override' ORDER BY seq")] == [
        "made", "withdrawn",
    ]  # fmt: skip
    assert examine(store)["broken"] == []
    store.close()
    assert_whole(place)
    assert_tidy(place)


def test_an_override_whose_order_is_gone_is_told_and_the_night_goes_on(place: Path) -> None:
    store = open_store(place)
    make(store, read_config(place / "night.toml"), pin())
    store.close()
    orders, lines = place / "case/orders.csv", place / "case/order_lines.csv"
    for table in (orders, lines):
        table.write_text("".join(line for line in table.read_text().splitlines(keepends=True) if "O2" not in line))
    outcome = run_night(place / "night.toml", MONDAY)
    assert outcome.exit_code == 0
    warned = query(place, "SELECT reason FROM events WHERE stage = 'check' AND state = 'warned'")
    assert "order O2 line 1 is not there" in warned[0][0]
    assert served(place / "night/published/current/scenario") == {"O1": 3}


def test_an_override_is_kept_where_tables_come_out_of_a_database(place: Path) -> None:
    """The night plans with what the database answered once; the plan is judged by its copies after that changed."""
    scenario, database = place / "case/scenario.toml", place / "case/erp.db"
    source = f'stock = {{ sql = "SELECT * FROM stock", connection = "sqlite:///{database}" }}'
    scenario.write_text(scenario.read_text().replace('stock = "stock.csv"', source))
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE stock AS SELECT 'W' AS warehouse_id, 'P' AS product_id, 4 AS on_hand_qty")
        connection.commit()
    store = open_store(place)
    make(store, read_config(place / "night.toml"), pin())
    store.close()
    assert run_night(place / "night.toml", MONDAY).exit_code == 0
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE stock SET on_hand_qty = 1")
        connection.commit()
    approve(Decision("scenario", "ben"), place / "night.toml")
    release(Decision("scenario", "ben"), place / "night.toml")
    assert served(place / "night/published/current/scenario") == {"O1": 2, "O2": 2}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"order_id": "O9"}, "order O9 has no line 1"),
        ({"line_id": "7"}, "order O2 has no line 7"),
        ({"warehouse_id": "X"}, "warehouse"),
        ({"qty": 3}, "pin_beyond_qty"),
        ({"qty": None}, "pin_without_qty"),
        ({"reason": " "}, "needs a reason"),
        ({"scenario": "other"}, "other is no scenario of night; there is scenario"),
    ],
)
def test_an_override_that_cannot_be_kept_is_refused_and_not_recorded(
    place: Path, wrong: dict[str, Any], words: str
) -> None:
    store = open_store(place)
    with pytest.raises((UsageError, InputError), match=words):
        make(store, read_config(place / "night.toml"), pin(**wrong))
    assert store.rows("SELECT * FROM overrides") == []
    assert store.rows("SELECT * FROM audit_log") == []
    store.close()


def test_overrides_that_contradict_each_other_are_refused(place: Path) -> None:
    store, config = open_store(place), read_config(place / "night.toml")
    make(store, config, pin())
    with pytest.raises(InputError, match="pins_contradict"):
        make(store, config, pin(mode="forbid", qty=None))
    with pytest.raises(UsageError, match="no override O-1 of night is kept"):
        withdraw(store, "night", ["O-1"], "Anna", "")
    store.close()


def test_the_command_makes_and_lists_them(place: Path) -> None:
    words = "--order O2 --line 1 --warehouse W --mode forbid --by Anna --reason blocked"
    done = allot("override", "add", place / "night.toml", *words.split())
    assert done.returncode == 0, done.stderr
    shown = allot("override", "list", place / "night.toml").stdout
    assert "scenario: order O2 line 1 from W forbid : blocked (Anna" in shown.replace("  ", " ")
