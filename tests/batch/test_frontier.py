"""A frontier as its user gets it: points with their plans, gaps, rates; refusals; interrupts."""

from __future__ import annotations

import csv
import json
import threading
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from optimizer.batch.frontier import floors_setting, frontier
from optimizer.batch.frontier_axes import LINEAR, REASONS, axes_of, axis_of
from optimizer.batch.frontier_search import Search
from optimizer.errors import UsageError
from optimizer.model.goals import StageRow
from optimizer.proof import certify
from optimizer.run import RunOutcome
from optimizer.scenario.load import load_scenario
from optimizer.solution.metrics import kpis
from optimizer.solution.plan import Plan
from tests.builders import make_scenario, make_tables, write_case
from tests.solution.test_stages import BEST_UNITS as SCARCE  # ten for sixteen: each for tier A takes one that earns 3

TIER_A = "weighted_service_level[tier.A]"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> RunOutcome:
    place = tmp_path_factory.mktemp("frontier")
    scenario = write_case(place / "case", SCARCE, {"solve": {"gap": 0}})
    return frontier(scenario, TIER_A, "margin", points=3, out=place / "curve")


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "frontier.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_points_of_a_trade_off_that_a_person_can_work_out(drawn: RunOutcome) -> None:
    """Tier A gets 2 of 8 units at a margin of 26; each unit more costs 2, an eighth of its service level."""
    assert drawn.exit_code == 0
    rows = rows_of(drawn.folder)
    assert [(Decimal(row["x"]), int(row["y"])) for row in rows] == [
        (Decimal("0.25"), 26),
        (Decimal("0.625"), 20),
        (Decimal(1), 14),
    ]
    assert [row["gap"] for row in rows] == ["0", "0", "0"]
    assert [row["y_bound"] for row in rows] == ["26", "20", "14"]
    assert [row["y_per_x_to_next"] for row in rows] == ["16", "16", ""]
    assert [row["y_per_x_dual"] for row in rows[1:]] == ["16", "16"]
    assert {row["status"] for row in rows} == {"nondominated"}


def test_every_point_is_a_plan_that_the_checker_accepts(drawn: RunOutcome) -> None:
    rows = rows_of(drawn.folder)
    assert [row["folder"] for row in rows] == ["points/01", "points/02", "points/03"]
    for row in rows:
        verdict = certify(drawn.folder / row["folder"])
        assert verdict.exit_code == 0, verdict.text()
        run = json.loads((drawn.folder / row["folder"] / "run.json").read_text())
        assert (run["run_id"], run["kpis"]["margin"]) == (row["run_id"], int(row["y"]))
        assert [stage["reached"] for stage in run["stages"]] == [float(row["x"]), int(row["y"])]


def test_the_folder_is_whole_and_says_the_same_to_programs(drawn: RunOutcome) -> None:
    names = {path.name for path in drawn.folder.iterdir()}
    assert names == {"frontier.csv", "frontier.json", "frontier.xlsx", "frontier.html", "points"}
    assert [path.name for path in drawn.folder.parent.iterdir() if path.name.startswith(".")] == []
    told = json.loads((drawn.folder / "frontier.json").read_text())
    assert (told["x"], told["y"]["kpi"]) == ({"kpi": TIER_A, "sense": "max", "step": 0.125}, "margin")
    assert told["proven"]
    assert not told["complete"]
    assert [point["y"] for point in told["points"]] == [26, 20, 14]
    assert "one more percentage point" in "\n".join(drawn.summary)


def test_all_points_are_found_and_then_the_search_says_so() -> None:
    scenario = make_scenario(solve={"gap": 0})
    tables = make_tables(scenario, **SCARCE)
    with Search(tables, scenario, *axes_of(TIER_A, "margin", tables, scenario), threading.Event()) as search:
        found = sorted((point.u * 8, point.v) for point in search.points(100))
        assert search.complete
    assert found == [(units, 30 - 2 * units) for units in range(2, 9)]


def test_floors_of_the_scenario_hold_for_every_point() -> None:
    """At least 15 of margin: the part of the curve that asks for less is cut off."""
    scenario = make_scenario(solve={"gap": 0}, objective={"mode": "floor", "floors": [{"kpi": "margin", "min": 15}]})
    tables = make_tables(scenario, **SCARCE)
    with Search(tables, scenario, *axes_of(TIER_A, "margin", tables, scenario), threading.Event()) as search:
        found = [point.v for point in search.points(100)]
    assert sorted(found) == [16, 18, 20, 22, 24, 26]


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        ("cost_per_order", "margin", "it is not linear in the plan, it divides one sum over the plan by another"),
        ("margin", "otif_rate", "it is not linear in the plan, the model has no column that counts it"),
        ("margn", "shipping_cost", "there is no such KPI; did you mean 'margin'?"),
        ("margin[tier.A]", "shipping_cost", "only weighted_service_level has scopes"),
        ("weighted_service_level[colour.A]", "margin", "only weighted_service_level has scopes"),
        ("weighted_service_level[tier.Z]", "margin", "no order is in the scope tier.Z"),
        ("order_fill_rate", "margin", 'only where service.measure = "order"'),
        ("unit_fill_rate", "units_allocated", "they measure the same"),
        ("fair_share[1:G]", "margin", "only weighted_service_level has scopes"),
    ],
)
def test_other_kpis_are_refused_with_the_reason(x: str, y: str, words: str) -> None:
    scenario = make_scenario()
    with pytest.raises(UsageError) as refused:
        axes_of(x, y, make_tables(scenario, **SCARCE), scenario)
    assert words in str(refused.value)
    if "not linear" in words or "no such" in words:
        assert f"a frontier can be drawn of {', '.join(LINEAR)}" in str(refused.value)


def test_every_kpi_of_a_run_can_be_drawn_or_has_a_reason() -> None:
    scenario = make_scenario(finance={"working_capital": 100}, service={"measure": "order"})
    tables = make_tables(scenario, **SCARCE)
    reported = kpis(tables, scenario, no_plan())
    assert set(reported) <= {*LINEAR, *REASONS}
    assert not set(LINEAR) & set(REASONS)
    for kpi in LINEAR:
        assert axis_of(kpi, tables, scenario).step > 0


def no_plan() -> Plan:
    nothing = np.zeros(0, dtype=np.int64)
    return Plan(nothing, nothing, nothing)


def test_max_min_shares_are_refused() -> None:
    scenario = make_scenario()
    shares = [{"group_id": "G", "between": "tier", "rule": "max_min"}]
    tables = make_tables(scenario, **SCARCE, fair_share=shares)
    with pytest.raises(UsageError, match="max_min"):
        axes_of(TIER_A, "margin", tables, scenario)


def test_what_stands_in_the_way_is_left_alone(drawn: RunOutcome, tmp_path: Path) -> None:
    scenario = drawn.folder.parent / "case" / "scenario.toml"
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"mine\.txt"):
        frontier(scenario, TIER_A, "margin", out=tmp_path)
    with pytest.raises(UsageError, match="two ends"):
        frontier(scenario, TIER_A, "margin", points=1, out=tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_batch_without_a_plan_says_why(tmp_path: Path) -> None:
    contracts = [{"contract_id": "K", "tier": "A", "min_qty": 8}, {"contract_id": "L", "tier": "B", "min_qty": 3}]
    scenario = write_case(tmp_path / "case", SCARCE | {"contracts": contracts})
    outcome = frontier(scenario, TIER_A, "margin", out=tmp_path / "curve")
    assert outcome.exit_code == 3
    assert {path.name for path in outcome.folder.iterdir()} >= {"conflict.json", "run.json", "report.html"}


def test_an_interrupt_keeps_the_points_that_are_published(tmp_path: Path) -> None:
    scenario = write_case(tmp_path / "case", SCARCE, {"solve": {"gap": 0}})
    stop, said = threading.Event(), list[str]()

    def observe(line: str) -> None:
        said.append(line)
        if line.startswith("point 2:"):
            stop.set()

    outcome = frontier(scenario, TIER_A, "margin", out=tmp_path / "curve", observe=observe, stop=stop)
    assert outcome.exit_code == 130
    assert len([line for line in said if line.startswith("point ")]) == 2
    rows = rows_of(outcome.folder)
    assert rows[0]["y"] == "26"
    assert sorted(path.name for path in (outcome.folder / "points").iterdir()) == [
        f"{n:02}" for n in range(1, len(rows) + 1)
    ]
    assert not json.loads((outcome.folder / "frontier.json").read_text())["complete"]
    before = set(tmp_path.iterdir())
    assert frontier(scenario, TIER_A, "margin", out=tmp_path / "other", stop=stop).exit_code == 130
    assert set(tmp_path.iterdir()) == before


def test_floors_as_a_setting_are_read_back_to_the_digit(tmp_path: Path) -> None:
    rows = (
        StageRow('weighted_service_level[tier.say "A"]', "max", Fraction("0.333333333333")),
        StageRow("shipping_cost", "min", Fraction("1514.8288")),
        StageRow("objective", "max", Fraction(-12)),
    )
    scenario = write_case(tmp_path, SCARCE)
    floors = load_scenario(scenario, [floors_setting(rows)]).scenario.objective.floors
    assert [(floor.kpi, floor.min, floor.max) for floor in floors] == [
        (rows[0].kpi, Decimal("0.333333333333"), None),
        ("shipping_cost", None, Decimal("1514.8288")),
        ("objective", Decimal(-12), None),
    ]
