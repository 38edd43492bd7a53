"""Several bases, bundles of changes and sweeps: what a planner may combine, and what contradicts itself."""

import pytest

from optimizer.errors import InputError
from optimizer.scenario.load import load_scenario
from optimizer.scenario.sweeps import combinations
from optimizer.scenario.told import resolved
from optimizer.tables.read import load_tables
from tests.builders import write_case

TABLES = {
    "order_lines": [{"order_id": "O1", "product_id": "P", "qty": 3, "unit_margin": 5}],
    "stock": [
        {"warehouse_id": "W1", "product_id": "P", "on_hand_qty": 10},
        {"warehouse_id": "W2", "product_id": "P", "on_hand_qty": 20},
    ],
}
HALF = '[[change]]\ntable = "stock"\nwhere = { warehouse_id = "W1" }\nscale = { on_hand_qty = 0.5 }\n'
MORE = '[[change]]\ntable = "stock"\nadd = { on_hand_qty = 4 }\n'
SET_ONE = '[[change]]\ntable = "stock"\nwhere = { warehouse_id = "W2" }\nset = { on_hand_qty = 1 }\n'
SET_ALL = '\n[[change]]\ntable = "stock"\nset = { on_hand_qty = 2 }\n'


@pytest.fixture
def case(tmp_path):
    """A baseline in a folder, and a way to write files beside it."""
    write_case(tmp_path, TABLES).rename(tmp_path / "baseline.toml")

    def write(name: str, text: str):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    return write


def stock(path, *settings):
    tables, _ = load_tables(load_scenario(path, settings))
    return tables.stock["on_hand_qty"].tolist()


def issues(path, *settings):
    with pytest.raises(InputError) as caught:
        load_tables(load_scenario(path, settings))
    return caught.value.issues


def test_bundles_are_found_by_name_or_path_and_compose_in_order(case):
    case("bundles/half.toml", 'name = "half of W1"\n' + HALF)
    case("more.toml", MORE)
    base = 'base = "baseline.toml"\n'
    assert stock(case("a.toml", base + 'bundles = ["half", "more.toml"]\n')) == [9, 24]
    assert stock(case("b.toml", base + 'bundles = ["more.toml", "half"]\n')) == [7, 24]
    assert stock(case("c.toml", base + 'bundles = ["half"]\n' + MORE)) == [9, 24]


def test_a_scenario_overrides_what_its_bundles_and_bases_set(case):
    case("bundles/one.toml", SET_ONE)
    case("mid.toml", 'base = "baseline.toml"\nbundles = ["one"]\n')
    assert stock(case("top.toml", 'base = "mid.toml"\n' + SET_ALL)) == [2, 2]
    assert stock(case("same.toml", 'base = "baseline.toml"\nbundles = ["one"]\n' + SET_ALL)) == [2, 2]


def test_two_bundles_that_set_one_cell_are_told_with_both_places(case):
    case("bundles/one.toml", SET_ONE)
    case("bundles/all.toml", SET_ALL)
    (issue,) = issues(case("top.toml", 'base = "baseline.toml"\nbundles = ["one", "all"]\n'))
    assert (issue.file, issue.row, issue.column) == ("all.toml", 2, "change.set.on_hand_qty")
    assert "1 cells of stock are set by change 1 of one.toml (one.toml:1) too, the first at W2, P" in issue.remedy


def test_bases_beside_each_other_share_one_ground_and_may_not_contradict(case):
    case("left.toml", 'base = "baseline.toml"\n[weights]\nservice = 2\n' + HALF)
    case("right.toml", 'base = "baseline.toml"\n[weights]\nservice = 3\nmargin = 2\n' + MORE)
    both = 'base = ["left.toml", "right.toml"]\n'
    (issue,) = issues(case("both.toml", both))
    assert (issue.file, issue.row, issue.column, issue.code) == ("right.toml", 3, "weights.service", "clash")
    assert "left.toml:3" in issue.expected
    decided = load_scenario(case("decided.toml", both + "[weights]\nservice = 5\n"))
    assert [layer.file for layer in decided.stack.layers] == [
        "baseline.toml",
        "left.toml",
        "right.toml",
        "decided.toml",
    ]
    assert (decided.scenario.weights.service, decided.scenario.weights.margin) == (5, 2)
    assert stock(decided.path) == [9, 24]


def test_two_bases_that_set_one_cell_are_told(case):
    case("left.toml", 'base = "baseline.toml"\n' + SET_ONE)
    case("right.toml", 'base = "baseline.toml"\n' + SET_ALL)
    (issue,) = issues(case("both.toml", 'base = ["left.toml", "right.toml"]\n'))
    assert (issue.file, issue.code) == ("right.toml", "bad_change")
    assert "left.toml:2" in issue.remedy


@pytest.mark.parametrize(('bundles', 'text', 'code'), [
    ('["twice", "twice"]', HALF, "bad_setting"), ('["none"]', HALF, "missing_file"), ('"twice"', HALF, "bad_setting"),
    ('["twice"]', "[weights]\nservice = 2\n", "bad_bundle"), ('["twice", "bundles/twice.toml"]', HALF, "bundle_twice"),
])  # fmt: skip
def test_bundles_that_will_not_do(case, bundles, text, code):
    case("bundles/twice.toml", text)
    assert [issue.code for issue in issues(case("top.toml", f'base = "baseline.toml"\nbundles = {bundles}\n'))] == [
        code
    ]


# -- sweeps -----------------------------------------------------------------------------------------------------------
SWEPT = (
    'base = "baseline.toml"\n[[sweep]]\nparameter = "weights.service"\nvalues = [0, 0.5]\n'
    "[[sweep]]\nparameter = 'service.min_level.\"tier.A\"'\nvalues = [0.25, 0.75, 1]\n"
)


def test_a_sweep_is_every_combination_in_order(case):
    loaded = load_scenario(case("swept.toml", SWEPT), keep_sweeps=True)
    runs = combinations(loaded.sweeps)
    assert [run.label for run in runs[:4]] == [
        "service 0, A 0.25", "service 0, A 0.75", "service 0, A 1", "service 0.5, A 0.25"
    ]  # fmt: skip
    assert len({run.settings for run in runs}) == 6
    chosen = load_scenario(loaded.path, runs[-1].settings).scenario
    assert (str(chosen.weights.service), str(chosen.service.min_level["tier.A"])) == ("0.5", "1")
    lines = list(resolved(loaded, ()))
    assert 'sweep: 2 values of weights.service × 3 values of service.min_level."tier.A": 6 runs' in lines
    assert "run: service 0.5, A 1" in lines


def test_a_sweep_is_no_single_run_until_its_values_are_chosen(case):
    path = case("swept.toml", SWEPT)
    (issue,) = issues(path)
    assert (issue.code, issue.row) == ("sweep", 2)
    assert "--set weights.service=0" in issue.remedy
    assert len(issues(path, "weights.service=2")) == 1
    chosen = load_scenario(path, ["weights.service=2", 'service.min_level."tier.A"=0'])
    assert (chosen.sweeps, chosen.scenario.weights.service) == ((), 2)


@pytest.mark.parametrize(('text', 'code', 'column'), [
    ("values = [1]", "missing_setting", "sweep.parameter"),
    ('parameter = "weights.service"\nvalues = []', "bad_setting", "sweep.values"),
    ('parameter = "weights.service"\nvalues = [1, 1]', "bad_setting", "sweep.values"),
    ('parameter = "weights.service"\nvalues = [1, -1]', "bad_setting", "sweep weights.service"),
    ('parameter = "weights.servise"\nvalues = [1]', "unknown_setting", "sweep weights.servise"),
    ('parameter = "change"\nvalues = [1]', "bad_setting", "sweep.parameter"),
])  # fmt: skip
def test_sweeps_that_will_not_do(case, text, code, column):
    path = case("swept.toml", f'base = "baseline.toml"\n[[sweep]]\n{text}\n')
    with pytest.raises(InputError) as caught:
        load_scenario(path, keep_sweeps=True)
    assert [(issue.code, issue.column) for issue in caught.value.issues] == [(code, column)]


def test_what_check_tells(case):
    case("bundles/half.toml", HALF)
    loaded = load_scenario(
        case("top.toml", 'base = "baseline.toml"\nbundles = ["half"]\n[weights]\nservice = 2\n' + MORE)
    )
    tables, _ = load_tables(loaded)
    lines = list(resolved(loaded, tables.changes))
    assert lines[0] == "scenario: top, baseline.toml + half.toml + top.toml"
    assert "setting: weights.service = 2" in lines
    assert [line for line in lines if line.startswith(("change", "  "))] == [
        "change: weights.service: 1 -> 2 (top.toml)",
        "change: stock.on_hand_qty (scale 0.5): 10 -> 5, 1 row where warehouse_id = W1 (change 1 of half.toml)",
        "  W1, P: 10 -> 5",
        "change: stock.on_hand_qty (add 4): 2 different values -> 2 different values, 2 rows (change 1 of top.toml)",
        "  W1, P: 5 -> 9",
        "  W2, P: 20 -> 24",
    ]
