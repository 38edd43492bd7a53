"""Scenario files: exact numbers, bases, settings of the command line, and faults named by key and line."""

from __future__ import annotations

import datetime
from decimal import Decimal

import pytest

from optimizer.errors import InputError
from optimizer.scenario.json_schema import json_schema
from optimizer.scenario.load import load_scenario
from optimizer.scenario.schema import Scenario
from tests.builders import make_scenario

MINIMAL = 'name = "plan"\nas_of = 2026-11-20\n[data]\norders = "orders.csv"\n'


@pytest.fixture
def write(tmp_path):
    def to(text: str, name: str = "plan.toml"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return to


def faults(path, *settings):
    with pytest.raises(InputError) as caught:
        load_scenario(path, settings)
    return [(issue.code, issue.row, issue.column) for issue in caught.value.issues]


def test_defaults(write):
    scenario = load_scenario(write(MINIMAL)).scenario
    assert scenario.name == "plan"
    assert scenario.as_of == datetime.date(2026, 11, 20)
    assert scenario.currency == "EUR"
    assert (scenario.weights.margin, scenario.weights.penalties, scenario.weights.holding) == (1, 1, 1)
    assert (scenario.service.measure, scenario.service.value, scenario.service.min_level) == ("unit", 0, {})
    solve = scenario.solve
    assert (solve.engine, solve.time_limit_s, solve.gap, solve.threads, solve.seed) == (
        "auto",
        60,
        Decimal("0.001"),
        2,
        0,
    )
    assert (solve.memory_limit_mb, solve.price_rows) == (None, 200)


def test_numbers_are_exact(write):
    text = MINIMAL + "[weights]\nmargin = 0.1\nservice = 1e-7\nshipping = 3\n[service]\nvalue = 0.30000000000000004\n"
    scenario = load_scenario(write(text)).scenario
    assert (scenario.weights.margin, scenario.weights.service, scenario.weights.shipping) == (
        Decimal("0.1"), Decimal("0.0000001"), Decimal(3))  # fmt: skip
    assert scenario.service.value == Decimal("0.30000000000000004")


@pytest.mark.parametrize(('text', 'levels'), [
    ("min_level = 0.9", {"overall": "0.9"}),
    ('min_level = { overall = 0.9, "tier.A" = 0.97, "channel.web" = 1 }', {"overall": "0.9", "tier.A": "0.97",
     "channel.web": "1"}),
    ("[service.min_level]\ntier.A = 0.5\ncustomer.00123 = 0.25", {"tier.A": "0.5", "customer.00123": "0.25"}),
    ('[service.min_level]\n"zone.a.b" = 0', {"zone.a.b": "0"}),
])  # fmt: skip
def test_service_floors_in_each_way_of_writing(write, text, levels):
    scenario = load_scenario(write(f"{MINIMAL}[service]\n{text}\n")).scenario
    assert scenario.service.min_level == {scope: Decimal(level) for scope, level in levels.items()}


@pytest.mark.parametrize(('text', 'fault'), [
    ("[weigths]\nmargin = 1", ("unknown_setting", 5, "weigths")),
    ("[weights]\nmargins = 1", ("unknown_setting", 6, "weights.margins")),
    ("[solve]\nseed = 1\ntime_limit = 5", ("unknown_setting", 7, "solve.time_limit")),
    ("[weights]\nmargin = -1", ("bad_setting", 6, "weights.margin")),
    ('[weights]\nmargin = "1"', ("bad_setting", 6, "weights.margin")),
    ("[weights]\nmargin = true", ("bad_setting", 6, "weights.margin")),
    ("[weights]\nmargin = nan", ("bad_toml", 6, None)),
    ("[weights]\nmargin = 1e99", ("bad_toml", 6, None)),
    ("[weights]\nmargin = 9999999999999999999999999999999999", ("bad_setting", 6, "weights.margin")),
    ("[service]\nmeasure = 'units'", ("bad_setting", 6, "service.measure")),
    ("[service]\nmin_level = 1.1", ("bad_setting", 6, "service.min_level.overall")),
    ("[service]\nmin_level = { 'teir.A' = 0.5 }", ("bad_setting", 6, "service.min_level")),
    ("[service.priority_weight]\nurgent = 2", ("bad_setting", 6, "service.priority_weight.urgent")),
    ("[service.priority_weight]\n0 = 2", ("bad_setting", 6, "service.priority_weight.0")),
    ("[solve]\nthreads = 0", ("bad_setting", 6, "solve.threads")),
    ("[solve]\nthreads = 2.5", ("bad_setting", 6, "solve.threads")),
    ("[solve]\nengine = 'cplex'", ("bad_setting", 6, "solve.engine")),
    ("[solve]\ntime_limit_s = 0", ("bad_setting", 6, "solve.time_limit_s")),
    ("[[sweep]]\nparameter = 'weights.service'\nvalues = [1]", ("sweep", 5, "sweep")),
    ("[weights]\nmargin = 1\n[weights]\nservice = 1", ("bad_toml", 7, None)),
    ("a = = 1", ("bad_toml", 5, None)),
    ("stocks = 'x.csv'", ("unknown_table", 5, "data.stocks")),
    ("stock = { path = 'x.csv', sql = 'select 1' }", ("bad_setting", 5, "data.stock")),
    ("stock = { sql = 'select 1' }", ("bad_setting", 5, "data.stock")),
    ("stock = { path = 'x', sheets = 'y' }", ("unknown_setting", 5, "data.stock.sheets")),
    ("stock = 5", ("bad_setting", 5, "data.stock")),
    ("[[change]]\ntable = 'stock'", ("bad_setting", 5, "change")),
    ("[[change]]\ntable = 'stok'\ndrop = true", ("unknown_table", 5, "change.table")),
    ("[[change]]\ntable = 'stock'\ndrop = true\nset = { x_a = 1 }", ("bad_setting", 5, "change")),
    ("[[change]]\ntable = 'stock'\n[change.scale]\non_hand_qty = 'x'", ("bad_setting", 8, "change.scale.on_hand_qty")),
    ("[change]\ntable = 'stock'", ("bad_setting", 5, "change")),
])  # fmt: skip
def test_faults_are_named_by_key_and_line(write, text, fault):
    assert faults(write(MINIMAL + text + "\n")) == [fault]


@pytest.mark.parametrize(('text', 'fault'), [
    ("", [("missing_setting", None, "as_of"), ("missing_setting", None, "data")]),
    ('as_of = "2026-11-20"\ncurrency = "Euro"\n[data]\n', [("bad_setting", 1, "as_of"), ("bad_setting", 2,
     "currency")]),
    ("as_of = 2026-11-20T10:00:00\n[data]\n", [("bad_setting", 1, "as_of")]),
    (b"as_of = 2026-11-20 # caf\xe9\n", [("encoding", None, None)]),
    ("a = " + "[" * 3000, [("bad_toml", None, None)]),
    ("#" * 1_000_001, [("too_large", None, None)]),
])  # fmt: skip
def test_whole_files_that_will_not_do(write, text, fault):
    assert faults(write(text)) == fault


def test_all_faults_are_told_at_once(write):
    text = (
        MINIMAL + "x = 'a.csv'\n[weights]\nmargin = -1\nservise = 2\n[[sweep]]\n[[change]]\ntable = 'x'\ndrop = true\n"
    )
    assert len(faults(write(text))) == 6


def test_the_nearest_known_name_is_offered(write):
    with pytest.raises(InputError) as caught:
        load_scenario(write(MINIMAL + "[sovle]\nseed = 1\n[solve]\ntime_limit_sec = 5\nengine = 'hihgs'\n"))
    assert [i.remedy for i in caught.value.issues] == [
        "did you mean 'solve'?", "did you mean 'time_limit_s'?", "did you mean 'highs'?"
    ]  # fmt: skip


# -- bases ------------------------------------------------------------------------------------------------------------
def test_a_scenario_is_its_base_plus_what_it_changes(write):
    own = 'stock = { path = "book.xlsx", sheet = "S" }\n[weights]\nmargin = 2\n[service.tier_weight]\nA = 3\nB = 2\n'
    write(MINIMAL + own, "base/base.toml")
    write(
        'base = "base/base.toml"\n[data]\nstock = "s.csv"\n[weights]\nservice = 4\n[service.tier_weight]\nA = 5\n',
        "mid.toml",
    )
    loaded = load_scenario(write('base = "mid.toml"\ncurrency = "USD"\n[service.tier_weight]\nC = 1\n', "top.toml"))
    scenario = loaded.scenario
    assert scenario.name == "top"
    assert (scenario.currency, scenario.weights.margin, scenario.weights.service) == ("USD", 2, 4)
    assert scenario.service.tier_weight == {"A": 5, "B": 2, "C": 1}
    assert (scenario.data["stock"].path, scenario.data["stock"].sheet) == ("s.csv", None)
    folders = {table: loaded.stack.layer(("data", table)).folder.name for table in ("orders", "stock")}
    assert folders == {"orders": "base", "stock": loaded.path.parent.name}
    assert [(c["path"], c["old"], c["new"], c["from"]) for c in loaded.changes] == [
        ("data.stock", "path book.xlsx, sheet S", "s.csv", "mid.toml"),
        ("weights.service", "1", "4", "mid.toml"),
        ("service.tier_weight.A", "3", "5", "mid.toml"),
        ("currency", "EUR", "USD", "top.toml"),
        ("service.tier_weight.C", None, "1", "top.toml"),
    ]


def test_changes_of_the_base_come_first(write):
    write(MINIMAL + '[[change]]\ntable = "stock"\nset = { on_hand_qty = 1 }\n', "base.toml")
    path = write('base = "base.toml"\n[[change]]\ntable = "stock"\nset = { on_hand_qty = 2 }\n', "top.toml")
    assert [(c.file, c.number, c.line) for c in load_scenario(path).table_changes] == [
        ("base.toml", 1, 5),
        ("top.toml", 1, 2),
    ]


def test_bases_in_a_circle_are_refused(write):
    write('base = "b.toml"\n', "a.toml")
    path = write('base = "a.toml"\n', "b.toml")
    assert faults(path) == [("base_cycle", 1, "base")]
    assert faults(write('base = "self.toml"\n', "self.toml")) == [("base_cycle", 1, "base")]


@pytest.mark.parametrize(('base', 'code'), [
    ('"../elsewhere.toml"', "outside_path"), ('"none.toml"', "missing_file"), ("5", "bad_setting"),
     ('"https://x/y.toml"', "url"),
])  # fmt: skip
def test_bases_that_cannot_be_read(write, base, code):
    assert faults(write(f"base = {base}\n"))[0][0] == code


def test_faults_in_a_base_name_the_base(write):
    write(MINIMAL + "[weights]\nmargin = -1\n", "base.toml")
    with pytest.raises(InputError) as caught:
        load_scenario(write('base = "base.toml"\n', "top.toml"))
    assert [(i.file, i.row) for i in caught.value.issues] == [("base.toml", 6)]


# -- settings of the command line -------------------------------------------------------------------------------------
@pytest.mark.parametrize(('setting', 'get', 'value'), [
    ("weights.service=2", lambda s: s.weights.service, 2),
    ("weights.service = 0.1", lambda s: s.weights.service, Decimal("0.1")),
    ("solve.engine=highs", lambda s: s.solve.engine, "highs"),
    ('solve.engine="highs"', lambda s: s.solve.engine, "highs"),
    ("service.min_level=0.5", lambda s: s.service.min_level, {"overall": Decimal("0.5")}),
    ('service.min_level."tier.A"=0.5', lambda s: s.service.min_level, {"tier.A": Decimal("0.5")}),
    ("as_of=2026-01-02", lambda s: s.as_of, datetime.date(2026, 1, 2)),
    ("name=what if", lambda s: s.name, "what if"),
    ("data.stock=other.csv", lambda s: s.data["stock"].path, "other.csv"),
    ("service.tier_weight.A=3", lambda s: s.service.tier_weight, {"A": 3}),
])  # fmt: skip
def test_settings_of_the_command_line(write, setting, get, value):
    loaded = load_scenario(write(MINIMAL), [setting])
    assert get(loaded.scenario) == value
    if not setting.startswith("name"):
        assert [c["from"] for c in loaded.changes] == [f"--set {setting.partition('=')[0].strip()}"]


@pytest.mark.parametrize(('setting', 'code'), [
    ("weights.service", "bad_setting"), ("=2", "bad_setting"), ("weights.servise=2", "unknown_setting"),
    ("weights.service=two", "bad_setting"), ("change=[]", "bad_setting"), ("base=x.toml", "bad_setting"),
    ("a b=1", "bad_setting"), ("weights.margin=1\nname='x'", "bad_setting"), ("sweep=[]", "bad_setting"),
])  # fmt: skip
def test_bad_settings_of_the_command_line(write, setting, code):
    with pytest.raises(InputError) as caught:
        load_scenario(write(MINIMAL), [setting])
    assert [i.code for i in caught.value.issues] == [code]
    assert caught.value.issues[0].file.startswith("--set")


def test_a_later_setting_wins(write):
    assert load_scenario(write(MINIMAL), ["solve.seed=1", "solve.seed=2"]).scenario.solve.seed == 2


# -- the models themselves --------------------------------------------------------------------------------------------
def test_scenarios_are_frozen():
    scenario = make_scenario()
    with pytest.raises(ValueError, match="frozen"):
        scenario.name = "other"


def test_json_round_trip_keeps_numbers_exact():
    scenario = make_scenario(weights={"margin": Decimal("0.1")}, service={"min_level": {"tier.A": Decimal("0.97")}})
    text = scenario.model_dump_json()
    assert '"0.1"' in text
    assert '"0.97"' in text


def test_the_json_schema_describes_every_setting():
    schema = json_schema()
    assert set(schema["properties"]) == {*Scenario.model_fields, "base", "bundles", "change", "sweep"}
    assert schema["additionalProperties"] is False
