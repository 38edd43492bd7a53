"""The queue carries exceptions over nights: opened, given to somebody, resolved, closed by themselves, reopened."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from optimizer.errors import UsageError
from optimizer.nightly import exception_queue as queues
from optimizer.nightly.audit import examine
from optimizer.nightly.publish import Ready
from optimizer.nightly.store import WRITE, Store, insert
from optimizer.solution.exceptions import MOST
from tests.nightly.nights import FILE, allot, configure

Finding = tuple[str, str, str, str]
LATE: Finding = ("ORDER_LATE", "medium", "order O1", "30")
SHORT: Finding = ("STRATEGIC_SHORT", "high", "customer C1", "12.5")
BUDGET: Finding = ("BUDGET_NEAR", "low", "budget B", "900")


@dataclass(frozen=True)
class Named:
    """As much of what was pulled as the queue asks for."""

    name: str
    plan_id: str


class Nights:
    """A store to which nights of stated findings are published."""

    def __init__(self, place: Path, url: str) -> None:
        self.place = place
        self.store = Store(url, place)
        self.made = 0

    def publish(self, date: str, *findings: Finding, scenario: str = "scenario") -> None:
        """A plan of a business date whose run folder lists these exceptions."""
        self.made += 1
        plan_id, folder = f"{date}-{scenario}-{self.made}", self.place / "plans" / str(self.made)
        folder.mkdir(parents=True)
        with (folder / "exceptions.csv").open("w", newline="") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(queues.COLUMNS)
            rows.writerows((code, high, subject, "found so", "do so", money) for code, high, subject, money in findings)
        when = f"{date}T02:00:00.000+00:00"
        run: dict[str, Any] = {"run_id": plan_id, "config": "night", "business_date": date}
        plan = run | {"plan_id": plan_id, "scenario": scenario, "input_digest": plan_id, "step": "full", "gap": "0",
                      "exit_code": 0, "solve_run_id": "r", "engine": "highs 1", "objective_value": "1",
                      "folder": str(folder), "published_at": when}  # fmt: skip
        ready = Ready(Named(scenario, plan_id), "full", 0, folder)  # type: ignore[arg-type]
        with self.store.transaction(WRITE) as connection:
            insert(
                connection,
                "runs",
                [run | {"started_at": when, "host": "h", "pid": 1, "settings": "{}", "versions": "{}"}],
            )
            insert(connection, "plans", [plan])
            queues.feed(connection, "night", date, ready, "nightly")

    def queue(self, *, whole: bool = False) -> list[queues.Waiting]:
        with self.store.transaction() as connection:
            return queues.queue(connection, "night", whole=whole)

    def told(self, *, whole: bool = False) -> list[tuple[str, str, str, int]]:
        return [(each.code, each.state, each.owner, each.nights_open) for each in self.queue(whole=whole)]

    def moves(self) -> list[tuple[str, str]]:
        rows = self.store.rows("SELECT state, who FROM audit_log WHERE kind = 'exception' ORDER BY seq")
        return [(row["state"], row["who"]) for row in rows]


@pytest.fixture
def nights(tmp_path: Path, request: pytest.FixtureRequest) -> Any:
    server = getattr(request, "param", "sqlite") == "postgresql"
    made = Nights(tmp_path, request.getfixturevalue("postgres") if server else FILE)
    yield made
    assert examine(made.store)["broken"] == []
    made.store.close()


def test_what_is_found_waits_the_most_severe_and_then_the_most_money_first(nights: Nights) -> None:
    nights.publish("2026-11-23", BUDGET, LATE, SHORT, ("ORDER_LATE", "medium", "order O2", "400"))
    assert [(each.severity, each.subject, str(each.money_at_stake)) for each in nights.queue()] == [
        ("high", "customer C1", "12.5"),
        ("medium", "order O2", "400"),
        ("medium", "order O1", "30"),
        ("low", "budget B", "900"),
    ]


def test_over_nights_the_same_exception_is_one_and_counts_its_nights(nights: Nights) -> None:
    nights.publish("2026-11-23", LATE)
    nights.publish("2026-11-23", LATE)  # the same date from other inputs
    nights.publish("2026-11-24", ("ORDER_LATE", "high", "order O1", "35"))
    [waiting] = nights.queue()
    assert (waiting.first_seen, waiting.last_seen, waiting.nights_open) == ("2026-11-23", "2026-11-24", 2)
    assert (waiting.severity, str(waiting.money_at_stake)) == ("high", "35")
    assert nights.moves() == [("open", "nightly")]


@pytest.mark.parametrize("nights", ["sqlite", "postgresql"], indirect=True)
def test_the_whole_life_of_an_exception(nights: Nights) -> None:
    nights.publish("2026-11-23", LATE, SHORT)
    late = next(each.exception_id for each in nights.queue() if each.code == "ORDER_LATE")
    queues.assign(nights.store, "night", [late], "Anna", "ben")
    assert nights.told() == [("STRATEGIC_SHORT", "open", "", 1), ("ORDER_LATE", "assigned", "Anna", 1)]
    nights.publish("2026-11-24", LATE)
    assert nights.told() == [("ORDER_LATE", "assigned", "Anna", 2)]
    queues.resolve(nights.store, "night", [late], "Anna", "carrier changed")
    assert nights.told() == []
    nights.publish("2026-11-25")
    assert nights.told(whole=True) == [("STRATEGIC_SHORT", "closed", "", 1), ("ORDER_LATE", "resolved", "Anna", 2)]
    nights.publish("2026-11-26", LATE, SHORT)
    assert nights.told() == [("STRATEGIC_SHORT", "reopened", "", 1), ("ORDER_LATE", "reopened", "Anna", 1)]
    assert nights.moves() == [
        ("open", "nightly"), ("open", "nightly"), ("assigned", "ben"), ("closed", "nightly"), ("resolved", "Anna"),
        ("reopened", "nightly"), ("reopened", "nightly"),
    ]  # fmt: skip


def test_a_plan_of_an_older_date_changes_nothing(nights: Nights) -> None:
    nights.publish("2026-11-24", LATE)
    nights.publish("2026-11-23", SHORT)
    assert [each.code for each in nights.queue()] == ["ORDER_LATE"]


def test_scenarios_have_exceptions_of_their_own(nights: Nights) -> None:
    nights.publish("2026-11-23", LATE)
    nights.publish("2026-11-23", LATE, scenario="other")
    nights.publish("2026-11-24", scenario="other")
    assert [(each.scenario, each.state) for each in nights.queue()] == [("scenario", "open")]


def test_where_the_table_lists_only_some_the_others_stay_open(nights: Nights) -> None:
    assert queues.LISTED == MOST
    nights.publish("2026-11-23", LATE, SHORT)
    nights.publish("2026-11-24", *(("ORDER_LATE", "medium", f"order X{number}", "99") for number in range(MOST)))
    assert [each.subject for each in nights.queue() if each.last_seen == "2026-11-23"] == ["order O1"]


def test_text_of_the_table_that_was_guarded_is_read_back(nights: Nights) -> None:
    nights.publish("2026-11-23", ("ORDER_LATE", "medium", "'=order O1", "1"))
    assert nights.queue()[0].subject == "=order O1"


def test_what_is_not_open_is_refused_and_nothing_is_done(nights: Nights) -> None:
    nights.publish("2026-11-23", LATE, SHORT)
    late, short = sorted(nights.queue(), key=lambda each: each.code)
    with pytest.raises(UsageError, match="there is no exception E-0 of night"):
        queues.assign(nights.store, "night", [late.exception_id, "E-0"], "Anna", "ben")
    with pytest.raises(UsageError, match="needs a reason"):
        queues.resolve(nights.store, "night", [late.exception_id], "Anna", "")
    queues.resolve(nights.store, "night", [late.exception_id], "Anna", "done")
    with pytest.raises(UsageError, match=r"is resolved since .* by Anna"):
        queues.assign(nights.store, "night", [short.exception_id, late.exception_id], "Anna", "ben")
    assert [each.state for each in nights.queue()] == ["open"]


def test_the_command_lists_and_takes_decisions(nights: Nights) -> None:
    nights.publish("2026-11-23", LATE, SHORT)
    config = configure(nights.place, "")
    [_, late] = nights.queue()
    done = allot("exceptions", "assign", config, late.exception_id, "--to", "Anna", "--by", "ben")
    assert done.returncode == 0, done.stderr
    shown = allot("exceptions", "list", config, "--owner", "Anna").stdout.splitlines()
    assert shown[1].split()[:5] == [late.exception_id, "medium", "assigned", "Anna", "1"]
    assert len(shown) == 3
