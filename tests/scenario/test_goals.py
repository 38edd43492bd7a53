"""Sections on what is optimized, on the plan to stay near to and on money figures; and those that are refused."""

from __future__ import annotations

from decimal import Decimal

import pytest
from pydantic import ValidationError

from optimizer.errors import InputError
from optimizer.scenario.load import load_scenario
from optimizer.scenario.schema import KPIS, kpi_scope, kpi_sense
from optimizer.tables.schema import REFUSED
from tests.builders import make_scenario

MINIMAL = 'name = "plan"\nas_of = 2026-11-20\n[data]\norders = "orders.csv"\n'


@pytest.fixture
def write(tmp_path):
    def to(text: str, name: str = "plan.toml"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return to


def faults(path, *settings):
    with pytest.raises(InputError) as caught:
        load_scenario(path, settings)
    return caught.value.issues


@pytest.mark.parametrize("name", ["objective", "stability", "finance"])
def test_refused_sections_are_named_with_their_line(write, monkeypatch, name):
    monkeypatch.setitem(REFUSED, f"[{name}]", "something new")
    (issue,) = faults(write(f"{MINIMAL}[{name}]\nnonsense = 1\n"))
    assert (issue.code, issue.row, issue.column) == ("not_available", 5, name)
    assert "something new is not available in this version" in issue.expected
    (issue,) = faults(write(MINIMAL), f"{name}.x=1")
    assert issue.code == "not_available"


def test_refused_tables_may_not_be_named_or_changed(write, monkeypatch):
    monkeypatch.setitem(REFUSED, "kits", "something new")
    issues = faults(write(f"{MINIMAL}kits = 'x.csv'\n[[change]]\ntable = 'kits'\ndrop = true\n"))
    assert [(i.code, i.row, i.column) for i in issues] == [
        ("not_available", 5, "data.kits"),
        ("not_available", 6, "change.table"),
    ]


def test_the_objective_is_the_weighted_sum_unless_stated():
    objective = make_scenario().objective
    assert (objective.mode, objective.stages, objective.floors) == ("weighted", (), ())
    assert make_scenario().stability is None
    assert make_scenario().finance is None


@pytest.mark.usefixtures("everything_available")
def test_stages_in_order_each_with_its_sense_and_tolerance(write):
    text = (
        '[objective]\nmode = "lexicographic"\nstages = [{ kpi = "contract_shortfall", tolerance = 0.5 }, '
        '{ kpi = "weighted_service_level[tier.A]" }, { kpi = "shipping_cost", sense = "max" }]\n'
    )
    stages = load_scenario(write(MINIMAL + text)).scenario.objective.stages
    assert [(stage.kpi, stage.sense, stage.tolerance) for stage in stages] == [
        ("contract_shortfall", "min", Decimal("0.5")),
        ("weighted_service_level[tier.A]", "max", 0),
        ("shipping_cost", "max", 0),
    ]
    assert kpi_scope(stages[1].kpi) == "tier.A"
    assert kpi_scope("weighted_service_level") == "overall"


def test_costs_are_lowered_and_earnings_raised():
    lowered = {kpi for kpi in KPIS if kpi_sense(kpi) == "min"}
    assert {"shipping_cost", "penalties", "contract_shortfall"} <= lowered
    assert not lowered & {"objective", "margin", "weighted_service_level", "holding_value"}
    assert kpi_sense("weighted_service_level[zone.N]") == "max"


@pytest.mark.usefixtures("everything_available")
def test_floors_and_a_goal_above_them(write):
    text = '[objective]\nmode = "floor"\nfloors = [{ kpi = "margin", min = -5 }, { kpi = "penalties", max = 7.5 }]\n'
    objective = load_scenario(write(MINIMAL + text)).scenario.objective
    assert [(floor.kpi, floor.min, floor.max) for floor in objective.floors] == [
        ("margin", -5, None),
        ("penalties", None, Decimal("7.5")),
    ]
    assert (objective.maximize, objective.minimize) == (None, None)
    objective = load_scenario(write(MINIMAL + text + 'minimize = "shipping_cost"\n')).scenario.objective
    assert objective.minimize == "shipping_cost"


@pytest.mark.usefixtures("everything_available")
@pytest.mark.parametrize(("text", "column", "words"), [
    ('mode = "stages"', "objective.mode", "lexicographic"),
    ('mode = "lexicographic"', "objective", "stages"),
    ('mode = "floor"', "objective", "floors"),
    ('stages = [{ kpi = "margin" }]', "objective", "stages only beside"),
    ('floors = [{ kpi = "margin", min = 1 }]', "objective", "floors only beside"),
    ('maximize = "margin"', "objective", "maximize only beside"),
    ('mode = "lexicographic"\nstages = [{ kpi = "profit" }]', "objective.stages.0.kpi", "weighted_service_level"),
    ('mode = "lexicographic"\nstages = [{ kpi = "margin[tier.A]" }]', "objective.stages.0.kpi", "one of the KPIs"),
    ('mode = "lexicographic"\nstages = [{ kpi = "weighted_service_level[teir.A]" }]', "objective.stages.0.kpi",
     "tier.X"),
    ('mode = "lexicographic"\nstages = [{ kpi = "margin" }, { kpi = "margin" }]', "objective", "each kpi"),
    ('mode = "lexicographic"\nstages = [{ kpi = "margin", tolerance = -1 }]', "objective.stages.0.tolerance", "0"),
    ('mode = "lexicographic"\nstages = [{ kpi = "margin", tolerence = 1 }]', "objective.stages.0.tolerence",
     "'tolerance'"),
    ('mode = "lexicographic"\nstages = [{ kpi = "margin", sense = "up" }]', "objective.stages.0.sense", "'max'"),
    ('mode = "floor"\nfloors = [{ kpi = "margin" }]', "objective.floors.0", "either min or max"),
    ('mode = "floor"\nfloors = [{ kpi = "margin", min = 1, max = 2 }]', "objective.floors.0", "either min or max"),
    ('mode = "floor"\nfloors = [{ kpi = "margin", min = 1 }]\nmaximize = "margin"\nminimize = "penalties"', "objective",
     "one of maximize"),
])  # fmt: skip
def test_objectives_that_make_no_sense(write, text, column, words):
    (issue,) = faults(write(f"{MINIMAL}[objective]\n{text}\n"))
    assert issue.column == column
    assert issue.row is not None
    assert words in issue.expected + issue.remedy


@pytest.mark.usefixtures("everything_available")
def test_an_objective_is_replaced_as_a_whole(write):
    write(MINIMAL + '[objective]\nmode = "lexicographic"\nstages = [{ kpi = "margin" }]\n', "base.toml")
    loaded = load_scenario(
        write('base = "base.toml"\n[objective]\nmode = "floor"\nfloors = [{ kpi = "margin", min = 1 }]\n')
    )
    assert loaded.scenario.objective.stages == ()
    (change,) = loaded.changes
    assert (change["path"], change["old"], change["new"]) == (
        "objective",
        "mode lexicographic, stages kpi margin",
        "mode floor, floors kpi margin min 1",
    )
    assert load_scenario(write('base = "base.toml"\n'), ["objective.mode=weighted"]).scenario.objective.stages == ()


@pytest.mark.usefixtures("everything_available")
def test_a_plan_to_stay_near_to_and_working_capital(write):
    text = '[stability]\nprevious_plan = "../last"\ncost_per_unit = 0.1\n[finance]\nworking_capital = 250000\n'
    scenario = load_scenario(write(MINIMAL + text)).scenario
    assert (scenario.stability.previous_plan, scenario.stability.cost_per_unit) == ("../last", Decimal("0.1"))
    assert scenario.finance.working_capital == 250000


@pytest.mark.usefixtures("everything_available")
@pytest.mark.parametrize(("text", "column"), [
    ("[stability]\ncost_per_unit = 1", "stability.previous_plan"),
    ('[stability]\nprevious_plan = ""', "stability.previous_plan"),
    ('[stability]\nprevious_plan = "x"\ncost_per_unit = -1', "stability.cost_per_unit"),
    ("[finance]\nworking_capital = 0", "finance.working_capital"),
    ("[finance]\nworking_capitol = 5\nworking_capital = 5", "finance.working_capitol"),
])  # fmt: skip
def test_sections_that_make_no_sense(write, text, column):
    assert [issue.column for issue in faults(write(f"{MINIMAL}{text}\n"))] == [column]


def test_unknown_kpis_are_refused_by_the_model_too():
    with pytest.raises(ValidationError, match="profit"):
        make_scenario(objective={"mode": "floor", "floors": [{"kpi": "margin", "min": 1}], "maximize": "profit"})


@pytest.mark.usefixtures("everything_available")
def test_misspelt_settings_of_optional_sections_get_the_nearest_name(write):
    (issue,) = faults(write(f"{MINIMAL}[finance]\nworking_capitol = 5\nworking_capital = 5\n"))
    assert issue.remedy == "did you mean 'working_capital'?"
