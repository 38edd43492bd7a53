"""A plan that breaks a rule waits; who may let it count, and what happens then; the last released plan counts."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from optimizer.errors import LOCKED, UsageError, VerificationError
from optimizer.nightly.approval import Decision, approve, reject, release
from optimizer.nightly.audit import examine
from optimizer.nightly.lock import LockedError, NightLock
from optimizer.nightly.night import run_night
from optimizer.nightly.night_figures import figures_of
from optimizer.nightly.release_policy import PlanFacts, Release, reasons_to_wait
from optimizer.nightly.store import Store
from optimizer.nightly.trends import nights
from optimizer.report.nights_page import render
from tests.nightly.nights import allot, assert_tidy, assert_whole, configure, make, published, query
from tests.nightly.test_migrations import RELEASED, restore

MONDAY, TUESDAY = date(2026, 11, 23), date(2026, 11, 24)
POLICY = '[release]\nmax_value_change_percent = 5\nfour_eyes = true\napprovers = ["Anna", "ben"]\n'


@pytest.fixture(scope="module")
def drafted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place where Monday's plan counts and Tuesday's, worth 21 % more, waits."""
    place = tmp_path_factory.mktemp("drafted")
    assert run_night(make(place, POLICY), MONDAY).exit_code == 0
    stock = place / "case/stock.csv"
    stock.write_text(stock.read_text().replace(",4", ",5"))
    outcome = run_night(place / "night.toml", TUESDAY, author="ben")
    assert outcome.exit_code == 0
    assert "draft, not released; 2026-11-23" in outcome.summary[1]
    return place


@pytest.fixture
def place(drafted: Path, tmp_path: Path) -> Path:
    """A copy of it; the inputs stay where they were, as the run folders state."""
    shutil.copytree(drafted, tmp_path / "place", symlinks=True)
    return tmp_path / "place"


def status(place: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((place / "night/published/status.json").read_text())
    return found


def counts(place: Path) -> str:
    """The plan that counts: one, and the same by the store, the link and the status."""
    [[stored]] = query(place, "SELECT plan_id FROM current_plans")
    assert (place / "night/published/current/scenario").resolve().name == stored
    assert status(place)["scenarios"]["scenario"]["plan_id"] == stored
    return str(stored)


def states(place: Path) -> list[tuple[str, str]]:
    return [(state, who) for state, who in query(place, "SELECT state, who FROM plan_states ORDER BY number")]


def by(who: str, wanted: str = "scenario", reason: str = "") -> Decision:
    return Decision(wanted, who, reason)


def assert_audited(place: Path) -> None:
    store = Store("sqlite:///night/allot.db", place)
    assert examine(store, status(place)["audit"])["broken"] == []
    store.close()


def test_a_plan_that_breaks_a_rule_waits_and_the_last_released_plan_counts(drafted: Path) -> None:
    monday, tuesday = published(drafted)
    assert counts(drafted) == monday
    assert states(drafted) == [("released", "release policy"), ("draft", "ben")]
    assert f"plan      {tuesday}: draft, value 23," in allot("runs", "show", drafted / "night.toml").stdout
    told = status(drafted)["scenarios"]["scenario"]["waiting"]
    assert (told["plan_id"], told["state"]) == (tuesday, "draft")
    assert "its value 23 is +21.05 % off that of the plan that counts, 19; at most 5 % is allowed" in told["reason"]
    assert status(drafted)["state"] == "waiting"
    assert query(drafted, "SELECT DISTINCT plan_id FROM current_allocations") == [(monday,)]
    assert_whole(drafted)
    assert_tidy(drafted)
    assert_audited(drafted)


def test_approved_and_released_it_counts_and_the_former_is_superseded(place: Path) -> None:
    monday, tuesday = published(place)
    with pytest.raises(UsageError, match=r"Ben made plan .*: somebody else must approve it"):
        approve(by("Ben"), place / "night.toml")
    with pytest.raises(UsageError, match=r"carl may not decide about plans of night: Anna, ben may"):
        approve(by("carl"), place / "night.toml")
    assert approve(by("anna"), place / "night.toml")[0] == f"plan {tuesday}: approved by anna"
    assert counts(place) == monday
    assert release(by("ben", reason="checked"), place / "night.toml")[-1] == f"scenario: plan {tuesday} counts"
    assert counts(place) == tuesday
    assert states(place) == [("superseded", "ben"), ("released", "ben")]
    assert status(place)["scenarios"]["scenario"]["waiting"] is None
    assert query(place, "SELECT DISTINCT plan_id FROM current_allocations") == [(tuesday,)]
    with pytest.raises(UsageError, match="it counts already"):
        release(by("ben", tuesday), place / "night.toml")
    assert approve(by("anna", monday), place / "night.toml")  # back to what counted before
    with pytest.raises(VerificationError, match="inputs: table stock changed since the run"):
        release(by("anna", monday), place / "night.toml")
    assert counts(place) == tuesday
    assert_whole(place)
    assert_tidy(place)
    assert_audited(place)
    with closing(sqlite3.connect(place / "night/allot.db")) as connection:
        connection.execute(
            "INSERT INTO pruned_plans SELECT plan_id, run_id, 'today' FROM plans ORDER BY number LIMIT 1"
        )
        connection.commit()
    with pytest.raises(UsageError, match="cannot be released: it was pruned"):
        release(by("anna", monday), place / "night.toml")


def figures(place: Path, when: date) -> dict[str, str]:
    store = Store("sqlite:///night/allot.db", place)
    with store.transaction() as connection:
        found = figures_of(connection, "night", when)
    store.close()
    return found


def test_the_rate_of_intervention_and_the_cycle_times_follow_from_the_log(place: Path) -> None:
    recorded = dict(query(place, "SELECT name, value FROM night_figures ORDER BY run_id LIMIT 20"))
    assert recorded["manual_intervention_rate"] == "0.0000"
    assert 0 < float(recorded["pull_to_publish_h"]) < 1
    assert float(recorded["night_s"]) > 0
    config = place / "night.toml"
    approve(by("Anna"), config)
    release(by("Anna"), config)
    with closing(sqlite3.connect(place / "night/allot.db")) as connection:  # as if it had been released ten hours later
        connection.execute("DROP TRIGGER audit_log_no_update")
        connection.execute(
            "UPDATE audit_log SET at = strftime('%Y-%m-%dT%H:%M:%f+00:00', (SELECT max(published_at) FROM plans), "
            "'+10 hours') WHERE state = 'released' AND who = 'Anna'"
        )
        connection.commit()
    found = figures(place, TUESDAY)
    assert found["manual_intervention_rate"] == "0.5000"
    assert 5 <= float(found["publish_to_release_h"]) < 5.1  # the mean of ten hours and of none
    assert "exception_to_resolved_h" not in found
    later = figures(place, date(2026, 12, 21))
    assert later["manual_intervention_rate"] == "1.0000"  # Monday is out of the window
    assert "manual_intervention_rate" not in figures(place, date(2027, 1, 21))


def test_the_nights_are_one_page_and_two_plans_are_told_apart(place: Path) -> None:
    page, config = place / "nights.html", place / "night.toml"
    done = allot("runs", "report", config, "--out", page)
    assert done.returncode == 0, done.stderr
    text = page.read_text()
    assert "scenario has a plan worth 23.00 EUR, draft" in text
    assert text.count("<circle") > 10
    assert [path.name for path in place.iterdir() if "nights" in path.name] == ["nights.html"]
    monday, tuesday = published(place)
    told = allot("runs", "diff", config, "scenario", tuesday)
    assert told.returncode == 0, told.stderr
    assert f"{tuesday} wins: worth 4.00 EUR more than {monday}" in told.stdout
    assert allot("runs", "diff", config, tuesday, "nothing").returncode == 2


def test_a_rejected_plan_never_counts(place: Path) -> None:
    monday, tuesday = published(place)
    with pytest.raises(UsageError, match="needs a reason"):
        reject(by("Anna", reason=" "), place / "night.toml")
    assert reject(by("Anna", reason="wrong stock"), place / "night.toml")[0] == f"plan {tuesday}: rejected by Anna"
    assert counts(place) == monday
    with pytest.raises(UsageError, match=r"cannot be approved: it is rejected .* by Anna \(wrong stock\)"):
        approve(by("Anna", tuesday), place / "night.toml")
    with pytest.raises(UsageError, match=f"no plan of scenario is draft; its last plan {tuesday} is rejected"):
        approve(by("Anna"), place / "night.toml")
    again = run_night(place / "night.toml", TUESDAY).summary
    assert again[1].endswith(f"; rejected by Anna: wrong stock; {monday} goes on to count")
    assert published(place) == [monday, tuesday]
    assert_audited(place)


def test_the_command_takes_a_run_folder_and_the_policy_may_release_at_once(place: Path) -> None:
    configure(place, POLICY + "approval_releases = true\n")
    tuesday = published(place)[1]
    folder = place / "night/published/plans" / tuesday
    refused = allot("release", folder, "--by", "Anna", "--config", place / "night.toml")
    assert refused.returncode == 2
    assert "cannot be released: it is draft" in refused.stderr
    assert "approve it first" in refused.stderr
    text = (place / "night/published/status.json").read_text()
    moved = json.loads(text) | {"config": str(place / "night.toml")}  # the copy of the fixture has its own
    (place / "night/published/status.json").write_text(json.dumps(moved))
    done = allot("approve", folder, "--by", "Anna")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"scenario: plan {tuesday} counts"
    assert counts(place) == tuesday
    assert_audited(place)


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda folder: shutil.rmtree(folder), "is gone"),
        (lambda folder: (folder / "timing.json").unlink(), "is not as it was published"),
        (lambda folder: (folder / "shorts.csv").write_text("order_id\n"), "is not as it was published"),
        (lambda folder: (folder / "note.txt").write_text("mine"), "is not as it was published"),
    ],
)
def test_a_folder_that_was_changed_is_not_released(place: Path, harm: Any, words: str) -> None:
    monday, tuesday = published(place)
    approve(by("Anna"), place / "night.toml")
    harm(place / "night/published/plans" / tuesday)
    with pytest.raises(VerificationError, match=words):
        release(by("Anna"), place / "night.toml")
    assert VerificationError.exit_code == 6
    assert counts(place) == monday
    assert states(place)[1] == ("approved", "Anna")


def test_with_copies_of_its_inputs_a_plan_is_released_after_they_changed(tmp_path: Path) -> None:
    config = make(tmp_path, "[release]\nautomatic = false\nkeep_inputs = true\n")
    assert run_night(config, MONDAY).exit_code == 0
    (tmp_path / "case/stock.csv").write_text("warehouse_id,product_id,on_hand_qty\nW,P,9\n")
    assert query(tmp_path, "SELECT * FROM current_plans") == []
    assert not (tmp_path / "night/published/current/scenario").exists()
    approve(by("anna"), config)
    assert release(by("anna"), config)[-1].endswith("counts")
    assert counts(tmp_path) == published(tmp_path)[0]


def test_a_store_on_a_server_governs_alike(tmp_path: Path, postgres: str) -> None:
    config = make(tmp_path, "[release]\nautomatic = false\n", store=postgres)
    assert run_night(config, MONDAY).exit_code == 0
    assert query(tmp_path, "SELECT state FROM plan_states") == [("draft",)]
    assert query(tmp_path, "SELECT plan_id FROM current_plans") == []
    approve(by("anna"), config)
    release(by("anna"), config)
    assert query(tmp_path, "SELECT DISTINCT plan_id FROM current_allocations") == [(counts(tmp_path),)]
    store = Store(postgres, tmp_path)
    page = render(nights(store, "night", 10))
    assert "scenario has a plan worth 19.00 EUR, released" in page
    assert examine(store, status(tmp_path)["audit"])["broken"] == []
    store.close()
    assert_tidy(tmp_path)


def test_nobody_decides_while_a_night_is_at_work(place: Path) -> None:
    from datetime import UTC, datetime

    with NightLock(place / "night/published", datetime.now(UTC)), pytest.raises(LockedError) as refused:
        approve(by("Anna"), place / "night.toml")
    assert refused.value.exit_code == LOCKED


def test_what_is_no_plan_is_refused(place: Path) -> None:
    for wanted, config, words in (
        ("nowhere", place / "night.toml", "nowhere is no plan, no published run folder and no scenario of night"),
        ("nowhere", None, "nowhere is no published run folder"),
    ):
        with pytest.raises(UsageError, match=words):
            approve(by("Anna", wanted), config)


def test_the_plans_of_a_store_without_states_go_on_to_count(tmp_path: Path) -> None:
    """Two nights that an earlier allot published: the later one counts, and no row of the log says so."""
    store = restore(RELEASED[0], tmp_path)
    plans = [row["plan_id"] for row in store.rows("SELECT plan_id FROM plans ORDER BY number")]
    assert [row["plan_id"] for row in store.rows("SELECT plan_id FROM current_plans")] == plans[1:]
    assert {row["state"] for row in store.rows("SELECT state FROM plan_states")} == {"released"}
    assert examine(store)["broken"] == []
    store.close()


CALM = PlanFacts(
    value=Decimal(100),
    value_before=Decimal(100),
    shortfall_units=0,
    shortfall_money=Decimal(0),
    severity="none",
    gap=Decimal("0.001"),
    step="full",
    overrides=0,
)


@pytest.mark.parametrize(
    ("rule", "harmless", "too_much", "words"),
    [
        ({"max_value_change_percent": 5}, {"value": Decimal(105)}, {"value": Decimal("94.9")}, "-5.10 %"),
        ({"max_value_change_percent": 5}, {"value_before": None}, {"value_before": Decimal(0)}, "counts has 0"),
        ({"max_contract_shortfall_units": 3}, {"shortfall_units": 3}, {"shortfall_units": 4}, ": 4, at most 3"),
        ({"max_contract_shortfall_money": 9}, {"shortfall_money": Decimal(9)}, {"shortfall_money": Decimal("9.01")},
         "contracts: 9.01, at most 9"),
        ({"max_exception_severity": "low"}, {"severity": "low"}, {"severity": "medium"}, "medium, at most low"),
        ({"max_gap": Decimal("0.005")}, {"gap": Decimal("0.005")}, {"gap": Decimal("0.006")}, "gap, %: 0.6, at most"),
        ({"max_gap": Decimal("0.005")}, {"gap": Decimal(0)}, {"gap": None}, "nothing is proven of its gap"),
        ({"steps": ("full",)}, {"step": "full"}, {"step": "decompose"}, "step decompose; full may release"),
        ({"overrides_wait": True}, {"overrides": 0}, {"overrides": 2}, "it keeps 2 overrides of planners"),
    ],
)  # fmt: skip
def test_each_rule_lets_pass_what_it_allows_and_names_what_it_does_not(
    rule: dict[str, Any], harmless: dict[str, Any], too_much: dict[str, Any], words: str
) -> None:
    policy = Release(**rule)
    assert reasons_to_wait(policy, PlanFacts(**{**vars(CALM), **harmless})) == []
    [told] = reasons_to_wait(policy, PlanFacts(**{**vars(CALM), **too_much}))
    assert words in told
    assert reasons_to_wait(Release(), PlanFacts(**{**vars(CALM), **too_much})) == []


def test_where_nothing_is_automatic_every_plan_waits() -> None:
    assert reasons_to_wait(Release(automatic=False), CALM) == ["every plan waits for approval"]
