"""A gate fails when a KPI falls by more than its rules allow, says which, and refuses rules that guard nothing."""

from __future__ import annotations

import csv
import json
import re
import shutil
from fractions import Fraction
from pathlib import Path

import pytest

from optimizer.batch.compare_run import RunFolder
from optimizer.batch.gate import Rerun, checks_of
from optimizer.batch.gate_rules import GateRule, read_rules
from optimizer.errors import InputError
from optimizer.run import run
from tests.batch.pairs import QUICK
from tests.batch.test_compare import command
from tests.builders import toml_text, write_case

TABLES = {
    "order_lines": [{"order_id": "O1", "product_id": "P", "qty": 6, "unit_margin": 5}],
    "stock": [{"warehouse_id": "W", "product_id": "P", "on_hand_qty": 4}],
}


@pytest.fixture(scope="module")
def solved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two scenarios, worth 20 and 25, and their baseline runs."""
    place = tmp_path_factory.mktemp("gate")
    base = write_case(place / "scenarios", TABLES)
    more = {"base": "scenario.toml", "name": "more", "change": [{"table": "stock", "add": {"on_hand_qty": 1}}]}
    (place / "scenarios" / "more.toml").write_text(toml_text(more), encoding="utf-8")
    for path in (base, place / "scenarios" / "more.toml"):
        run(path, out=place / "baselines" / path.stem, settings=QUICK)
    return place


@pytest.fixture
def place(solved: Path, tmp_path: Path) -> Path:
    """A copy in which a policy may be changed."""
    shutil.copytree(solved, tmp_path / "here")
    return tmp_path / "here"


def gate(place: Path, rules: str, *words: str | Path) -> int:
    (place / "gate.toml").write_text(rules, encoding="utf-8")
    sets = [word for setting in QUICK for word in ("--set", setting)]
    asked = ("--scenarios", place / "scenarios", "--rules", place / "gate.toml", *sets, *words)
    return command("gate", place / "baselines", *asked)


def test_a_change_of_policy_that_costs_too_much_fails(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One unit less everywhere: 20 -> 15 and 25 -> 20."""
    lines = (place / "scenarios" / "stock.csv").read_text(encoding="utf-8")
    (place / "scenarios" / "stock.csv").write_text(lines.replace(",4", ",3"), encoding="utf-8")
    rules = (
        '[[rule]]\nkpi = "margin"\nmay_fall = 5\n'
        '[[rule]]\nkpi = "objective_value"\nmay_fall_percent = 20\nscenarios = ["scenario"]\n'
        '[[rule]]\nkpi = "margin"\nover = "sum"\nmay_fall = 9.99\nmay_rise_percent = 0\n'
        '[[rule]]\nkpi = "unit_fill_rate"\nat_least = 0.6\n'
    )
    assert gate(place, rules, "--out", place / "report", "--keep", place / "kept") == 7
    said = capsys.readouterr().out
    assert said.startswith("gate failed: 3 of 7 checks")
    with (place / "report" / "checks.csv").open(newline="") as file:
        told = {(row["scenario"], row["rule"], row["bound"]): row for row in csv.DictReader(file)}
    outcomes = {key: row["outcome"] for key, row in told.items()}
    assert outcomes == {
        ("scenario", "1", "may fall 5"): "passed",
        ("more", "1", "may fall 5"): "passed",
        ("scenario", "2", "may fall 20 %"): "FAILED",
        ("sum of 2", "3", "may fall 9.99"): "FAILED",
        ("sum of 2", "3", "may rise 0 %"): "passed",
        ("scenario", "4", "at least 0.6"): "FAILED",
        ("more", "4", "at least 0.6"): "passed",
    }
    failed = told["scenario", "2", "may fall 20 %"]
    assert (failed["baseline"], failed["found"], failed["change"], failed["limit"]) == ("20", "15", "-5", "16")
    assert (failed["low"], failed["high"], failed["certain"]) == ("-5", "-5", "yes")
    report = json.loads((place / "report" / "gate.json").read_text())
    assert report["passed"] is False
    assert len(report["checks"]) == 7
    assert {path.name for path in (place / "kept").iterdir()} == {"scenario", "more"}


def test_a_scenario_that_lost_its_plan_fails_and_the_others_are_checked(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "scenarios" / "more.toml").write_text('base = "scenario.toml"\nnmae = "x"\n', encoding="utf-8")
    assert gate(place, '[[rule]]\nkpi = "margin"\nmay_fall = 0\n', "--json") == 7
    told = json.loads(capsys.readouterr().out)
    assert [(check["scenario"], check["outcome"]) for check in told["checks"]] == [
        ("more", "FAILED"), ("scenario", "passed"),
    ]  # fmt: skip
    assert "no longer valid" in told["checks"][0]["note"]
    assert "nmae" in told["checks"][0]["note"]


@pytest.mark.parametrize(
    ("rules", "found"),
    [
        ("", "the setting 'rule'"),
        ('[[rule]]\nkpi = "margin"\n', "at least one of may_fall"),
        ('[[rule]]\nkpi = "margin"\nmay_fal = 1\n', "did you mean 'may_fall'?"),
        ('[[rule]]\nkpi = "margin"\nmay_fall = -1\n', "0 or more"),
        ('[[rule]]\nkpi = "margn"\nmay_fall = 1\n', "gate.toml:2 [rule.0.kpi]: found 'margn'"),
        ('[[rule]]\nkpi = "margin"\nmay_fall = 1\nscenarios = ["mor"]\n', "did you mean 'more'?"),
        ('[[rule]]\nkpi = "unit_fill_rate"\nover = "sum"\nmay_fall = 1\n', "does not add up"),
        ('[[rule]]\nkpi = "margin"\njudge = "proven"\nmay_fall = 1\n', "the gap bounds no other KPI"),
        ("[[rule]\n", "expected TOML"),
    ],
)
def test_bad_rules_are_refused_with_key_and_cure(
    place: Path, capsys: pytest.CaptureFixture[str], rules: str, found: str
) -> None:
    assert gate(place, rules, "--keep", place / "kept") == 2
    assert found in capsys.readouterr().err
    assert not (place / "kept").exists()


def test_a_scenario_without_baseline_says_how_to_make_one(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(place / "baselines" / "more")
    assert gate(place, '[[rule]]\nkpi = "margin"\nmay_fall = 0\n') == 2
    said = capsys.readouterr().err
    assert "no run of it" in said
    assert "allot solve" in said
    assert command("gate", place / "nowhere", "--scenarios", place, "--rules", place / "gate.toml") == 2


# -- what the gaps leave open, by hand --------------------------------------------------------------------------------
def value_run(value: int, gap: int) -> RunFolder:
    """A run of which only its value and its bound are known."""
    return RunFolder(Path("nowhere"), "S", {"objective_value": value, "best_bound": value + gap, "run_id": "S"})


JUDGED: list[tuple[dict[str, object], tuple[int, int], tuple[int, int], str, str]] = [
    ({"may_fall": 10}, (100, 0), (89, 0), "FAILED", "yes"),
    ({"may_fall": 10}, (100, 0), (89, 1), "FAILED", "no"),
    ({"may_fall": 10}, (100, 5), (92, 1), "passed", "no"),
    ({"may_fall": 10}, (100, 1), (92, 5), "passed", "yes"),
    ({"may_fall": 10, "judge": "proven"}, (100, 0), (89, 1), "passed", "no"),
    ({"may_fall": 10, "judge": "proven"}, (100, 0), (80, 9), "FAILED", "yes"),
    ({"may_rise_percent": 5}, (100, 0), (105, 0), "passed", "yes"),
    ({"may_rise_percent": 5}, (100, 0), (105, 1), "passed", "no"),
    ({"at_least": 90}, (100, 50), (89, 0), "FAILED", "yes"),
    ({"at_least": 90}, (100, 50), (89, 2), "FAILED", "no"),
    ({"may_fall_percent": 50}, (-100, 0), (-150, 0), "passed", "yes"),
    ({"may_fall_percent": 50}, (-100, 0), (-151, 0), "FAILED", "yes"),
]


@pytest.mark.parametrize(("rule", "before", "after", "outcome", "certain"), JUDGED)
def test_what_the_gaps_leave_open(
    rule: dict[str, object], before: tuple[int, int], after: tuple[int, int], outcome: str, certain: str
) -> None:
    made = GateRule.model_validate({"kpi": "objective_value", **rule})
    (check,) = checks_of(1, made, [Rerun("S", value_run(*before), value_run(*after))])
    assert (check.outcome, check.certain) == (outcome, certain)
    assert check.low is not None
    assert check.high is not None
    if not made.at_least:
        assert (check.low, check.high) == (after[0] - before[0] - before[1], sum(after) - before[0])
    assert check.change == Fraction(after[0] - before[0])


def test_rules_read_exactly(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text('[[rule]]\nkpi = "margin"\nmay_fall = 0.1\n', encoding="utf-8")
    (rule,) = read_rules(file)
    (bound,) = rule.bounds(Fraction(1))
    assert bound.limit == Fraction(9, 10)
    with pytest.raises(InputError, match="readable file"):
        read_rules(tmp_path / "none.toml")


def test_the_rules_of_the_document_are_rules(tmp_path: Path) -> None:
    document = (Path(__file__).parents[2] / "docs" / "compare.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", document, re.DOTALL)
    file = tmp_path / "gate.toml"
    file.write_text(example, encoding="utf-8")
    assert len(read_rules(file)) == 4
