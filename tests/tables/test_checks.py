"""Every check: a sound batch with one fault gives exactly that finding, at its file, row and column."""

from __future__ import annotations

import ast
from decimal import Decimal
from pathlib import Path

import pytest

import optimizer.tables as package
from optimizer.errors import InputError
from optimizer.tables.findings import MAX_FINDINGS_PER_CHECK
from optimizer.tables.schema import REFUSED, TABLES
from tests.builders import make_scenario, make_tables, write_case
from tests.tables.inputs import codes, findings, good, of_case


def put(table: str, row: int, **cells: object):
    """A change of the good case: cells of the row'th data row."""

    def change(case):
        case[table][row].update(cells)

    return change


def add(table: str, **cells: object):
    return lambda case: case.setdefault(table, []).append(cells)


def drop(table: str, *rows: int):
    def change(case):
        case[table] = [row for at, row in enumerate(case[table]) if rows and at not in rows]

    return change


def without(table: str, column: str):
    return lambda case: [row.pop(column) for row in case[table]]


ROWS: list[tuple] = [
    # change, severity, code, file, row, column, value, words of expectation or remedy
    (put("order_lines", 0, qty="-3"), "error", "out_of_range", "order_lines.csv", 2, "qty", "-3", "from 1"),
    (put("order_lines", 0, qty="0"), "error", "out_of_range", "order_lines.csv", 2, "qty", "0", "from 1"),
    (put("order_lines", 1, qty="2.5"), "error", "not_int", "order_lines.csv", 3, "qty", "2.5", "whole number"),
    (put("order_lines", 1, qty="1e3"), "error", "not_int", "order_lines.csv", 3, "qty", "1e3", "whole number"),
    (put("order_lines", 1, qty=""), "error", "blank", "order_lines.csv", 3, "qty", "", "fill in"),
    (put("order_lines", 1, qty="99999999999999999999"), "error", "not_int", "order_lines.csv", 3, "qty",
     "99999999999999999999", "at most 1,000,000,000,000"),
    (put("stock", 0, on_hand_qty="-1"), "error", "out_of_range", "stock.csv", 2, "on_hand_qty", "-1", "from 0"),
    (put("lanes", 0, cost_per_unit="-0.5"), "error", "out_of_range", "lanes.csv", 2, "cost_per_unit", "-0.5",
     "0 or more"),
    (put("lanes", 0, transit_days="-1"), "error", "out_of_range", "lanes.csv", 2, "transit_days", "-1", "from 0"),
    (put("warehouses", 0, capacity_units="-1"), "error", "out_of_range", "warehouses.csv", 2, "capacity_units", "-1",
     "0"),
    (put("warehouses", 0, capacity_kg="-1"), "error", "out_of_range", "warehouses.csv", 2, "capacity_kg", "-1",
     "0 or more"),
    (put("warehouses", 0, latitude="91"), "error", "out_of_range", "warehouses.csv", 2, "latitude", "91", "-90 to 90"),
    (put("warehouses", 0, is_open="maybe"), "error", "not_flag", "warehouses.csv", 2, "is_open", "maybe",
     "true or false"),
    (put("orders", 0, priority="0"), "error", "out_of_range", "orders.csv", 2, "priority", "0", "from 1"),
    (put("orders", 0, delivery_policy="line_compleet"), "error", "not_enum", "orders.csv", 2, "delivery_policy",
     "line_compleet", "'line_complete'"),
    (put("orders", 0, max_shipments="0"), "error", "out_of_range", "orders.csv", 2, "max_shipments", "0", "from 1"),
    (put("orders", 0, channel="we\tb"), "error", "not_text", "orders.csv", 2, "channel", "we\\tb", "control character"),
    (put("orders", 0, customer_id=""), "error", "blank", "orders.csv", 2, "customer_id", "", "fill in"),
    (put("orders", 0, channel=" web"), "warning", "surrounding_space", "orders.csv", 2, "channel", " web", "spaces"),
    (put("contracts", 0, min_qty="", min_fill_rate="1.2"), "error", "out_of_range", "contracts.csv", 2, "min_fill_rate",
     "1.2", "from 0 to 1"),
    (put("eligibility", 0, mode="exclude"), "error", "not_enum", "eligibility.csv", 2, "mode", "exclude",
     "only, forbid"),
    (put("pins", 0, mode="at_lest"), "error", "not_enum", "pins.csv", 2, "mode", "at_lest", "'at_least'"),
    # keys and references
    (add("stock", warehouse_id="W1", product_id="P1", on_hand_qty="1"), "error", "duplicate_key", "stock.csv", 4,
     "product_id", "W1, P1", "row 2"),
    (add("lanes", warehouse_id="W1", zone_id="south", service_id=""), "error", "duplicate_key", "lanes.csv", 5,
     "service_id", "W1, south, standard", "row 4"),
    (put("order_lines", 2, order_id="O22"), "error", "unknown_reference", "order_lines.csv", 4, "order_id", "O22",
     "'O2'"),
    (put("order_lines", 2, product_id="p1x"), "error", "unknown_reference", "order_lines.csv", 4, "product_id",
     "p1x", "'P1'"),
    (put("orders", 1, customer_id="X"), "error", "unknown_reference", "orders.csv", 3, "customer_id", "X", "customers"),
    (put("stock", 1, warehouse_id="W22"), "error", "unknown_reference", "stock.csv", 3, "warehouse_id", "W22", "'W2'"),
    (put("stock", 1, product_id="Q"), "error", "unknown_reference", "stock.csv", 3, "product_id", "Q", "products"),
    (put("lanes", 2, warehouse_id="w1"), "error", "unknown_reference", "lanes.csv", 4, "warehouse_id", "w1", "'W1'"),
    (put("eligibility", 0, warehouse_id="W9"), "error", "unknown_reference", "eligibility.csv", 2, "warehouse_id",
     "W9", "'W2'"),
    (put("contracts", 0, tier="", customer_id="C9"), "error", "unknown_reference", "contracts.csv", 2, "customer_id",
     "C9", "customers"),
    (put("eligibility", 0, family="", product_id="P9"), "error", "unknown_reference", "eligibility.csv", 2,
     "product_id",
     "P9", "products"),
    (put("contracts", 0, order_id="O9"), "error", "unknown_reference", "contracts.csv", 2, "order_id", "O9", "orders"),
    (put("pins", 0, order_id="O8"), "error", "unknown_reference", "pins.csv", 2, "order_id", "O8", "did you mean"),
    (put("pins", 0, line_id="7"), "error", "unknown_reference", "pins.csv", 2, "line_id", "7", "1, 2"),
    (put("pins", 0, warehouse_id="W3"), "error", "unknown_reference", "pins.csv", 2, "warehouse_id", "W3",
     "did you mean"),
    # columns and tables
    (without("order_lines", "qty"), "error", "missing_column", "order_lines.csv", 1, "qty", "", "add the column"),
    (put("stock", 0, on_hand="4"), "warning", "unknown_column", "stock.csv", 1, "on_hand", "on_hand", "'on_hand_qty'"),
    (put("stock", 0, colour="4"), "warning", "unknown_column", "stock.csv", 1, "colour", "colour", "x_"),
    (drop("eligibility"), None, None, None, None, None, None, None),
    # orders, lines, stock
    (put("orders", 0, due_date="2026-10-31"), "error", "dates_out_of_order", "orders.csv", 2, "due_date",
     "2026-10-31", "dates"),
    (put("orders", 1, order_date="2026-11-21"), "warning", "order_after_snapshot", "orders.csv", 3, "order_date",
     "2026-11-21", "as_of"),
    (put("order_lines", 1, min_fill_qty="6"), "error", "min_fill_above_qty", "order_lines.csv", 3, "min_fill_qty",
     "6", "qty"),
    (put("order_lines", 1, lot_multiple="10"), "warning", "impossible_lot", "order_lines.csv", 3, "qty", "5",
     "nothing"),
    (put("order_lines", 1, lot_multiple="3", min_fill_qty="4"), "warning", "impossible_lot", "order_lines.csv", 3,
     "qty",
     "5", "lots of 3"),
    (put("order_lines", 2, lot_multiple="4"), "warning", "impossible_lot", "order_lines.csv", 4, "qty", "6",
     "lots of 12"),
    (put("order_lines", 1, unit_price=""), "error", "margin_unknown", "order_lines.csv", 3, "unit_margin", "",
     "unit_price"),
    (put("products", 1, unit_cost=""), "error", "margin_unknown", "order_lines.csv", 3, "unit_margin", "", "'P2'"),
    (put("stock", 0, reserved_qty="21"), "warning", "reserved_above_on_hand", "stock.csv", 2, "reserved_qty", "21",
     "nothing"),
    (add("orders", order_id="O3", customer_id="C1", zone_id="north"), "warning", "order_without_lines", "orders.csv", 4,
     "order_id", "O3", "lines"),
    (put("orders", 1, zone_id="souht"), "warning", "zone_without_lane", "orders.csv", 3, "zone_id", "souht", "'south'"),
    (put("orders", 1, service_id="express"), "warning", "service_without_lane", "orders.csv", 3, "service_id",
     "express", "lane"),
    (put("orders", 1, service_level="fast"), "warning", "service_without_lane", "orders.csv", 3, "service_level",
     "fast", "lane"),
    (put("order_lines", 1, weight_kg="4000"), "warning", "weights_disagree", "order_lines.csv", 3, "weight_kg",
     "4000", "unit"),
    # rules
    (put("contracts", 0, min_qty="", shortfall_penalty=""), "error", "contract_without_bound", "contracts.csv", 2,
     "min_qty",
     "K1", "max_qty"),
    (put("contracts", 0, min_qty="", max_qty="5"), "warning", "penalty_without_minimum", "contracts.csv", 2,
     "shortfall_penalty", "", "min_qty"),
    (put("contracts", 0, min_fill_rate="0.5"), "warning", "two_minimums", "contracts.csv", 2, "min_fill_rate", "",
     "larger"),
    (put("contracts", 0, max_qty="2"), "warning", "quota_below_minimum", "contracts.csv", 2, "max_qty", "2", "min_qty"),
    (put("contracts", 0, tier="golden"), "warning", "scope_without_lines", "contracts.csv", 2, "tier", "golden",
     "'gold'"),
    (put("eligibility", 0, channel="store", customer_id="C1"), "warning", "scope_without_lines", "eligibility.csv",
     2, None,
     "", "no line has all"),
    # pins
    (put("pins", 0, qty=""), "error", "pin_without_qty", "pins.csv", 2, "qty", "", "forbid"),
    (put("pins", 0, mode="forbid"), "warning", "pin_forbids_qty", "pins.csv", 2, "qty", "6", "remove"),
    (put("orders", 0, hold="credit"), "error", "pin_on_held_order", "pins.csv", 2, "qty", "6", "credit"),
    (put("pins", 0, qty="13"), "error", "pin_beyond_qty", "pins.csv", 2, "qty", "13", "12"),
    (put("pins", 0, mode="at_most", qty="13"), "error", "pin_beyond_qty", "pins.csv", 2, "qty", "13", "12"),
    (put("pins", 0, mode="exactly", qty="7"), "error", "pin_not_multiple", "pins.csv", 2, "qty", "7", "6"),
    (put("pins", 0, service_id="express"), "error", "pin_without_lane", "pins.csv", 2, "warehouse_id", "W1", "lane"),
    (put("orders", 0, service_id="express"), "error", "pin_without_lane", "pins.csv", 2, "warehouse_id", "W1", "lane"),
    (put("warehouses", 0, is_open="false"), "error", "pin_without_lane", "pins.csv", 2, "warehouse_id", "W1", "open"),
    (add("pins", order_id="O1", line_id="1", warehouse_id="W1", mode="at_most", qty="5"), "error", "pins_contradict",
     "pins.csv", 2, "qty", "6", "another pin"),
    (add("pins", order_id="O1", line_id="1", warehouse_id="W1", mode="forbid"), "error", "pins_contradict",
     "pins.csv", 2, "qty", "6", "another pin"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "severity", "code", "file", "row", "column", "value", "words"), ROWS)
def test_one_fault_gives_one_finding(tmp_path, change, severity, code, file, row, column, value, words):
    case = good()
    change(case)
    issues = of_case(tmp_path, case)
    if code is None:
        assert issues == []
        return
    match = [i for i in issues if (i.severity, i.code, i.file, i.row, i.column) == (severity, code, file, row, column)]
    assert match, [issue.text() for issue in issues]
    assert match[0].value == value
    assert words in match[0].expected + match[0].remedy
    assert match[0].table == file.removesuffix(".csv")
    others = [i for i in issues if i.severity == "error" and i not in match]
    assert not others, [issue.text() for issue in others]


def test_the_good_case_is_good(tmp_path):
    assert of_case(tmp_path, good()) == []


def test_pins_of_two_warehouses_may_not_ask_for_more_than_the_line(tmp_path):
    case = good()
    case["lanes"].append({"warehouse_id": "W2", "zone_id": "north", "service_id": "standard"})
    case["pins"].append({"order_id": "O1", "line_id": "1", "warehouse_id": "W2", "mode": "exactly", "qty": "12"})
    del case["eligibility"]
    issues = of_case(tmp_path, case)
    assert [(i.code, i.row) for i in issues] == [("pin_beyond_qty", 2), ("pin_beyond_qty", 3)]
    assert "18" in issues[0].remedy


def test_pins_of_different_services_do_not_contradict(tmp_path):
    case = good()
    case["pins"] = [
        {
            "order_id": "O1",
            "line_id": "1",
            "warehouse_id": "W1",
            "mode": "at_least",
            "qty": "6",
            "service_id": "standard",
        },
        {
            "order_id": "O1",
            "line_id": "1",
            "warehouse_id": "W1",
            "mode": "at_most",
            "qty": "1",
            "service_id": "express",
        },
    ]
    assert of_case(tmp_path, case) == []
    case["pins"][1]["service_id"] = ""
    assert codes(of_case(tmp_path, case)) == {"pins_contradict"}


def test_complete_delivery_of_part_lots_is_warned_of(tmp_path):
    case = good()
    case["orders"][0]["delivery_policy"] = "order_complete"
    case["order_lines"][1]["lot_multiple"] = "2"
    issues = of_case(tmp_path, case)
    assert [(i.code, i.row, i.severity) for i in issues] == [("impossible_lot", 3, "warning")]
    assert "never be complete" in issues[0].remedy


def test_all_faults_of_all_tables_are_told_in_one_pass(tmp_path):
    case = good()
    for change in (
        put("order_lines", 0, qty="-1"),
        put("orders", 0, due_date="2026-10-01"),
        put("stock", 1, warehouse_id="W7"),
        put("contracts", 0, min_qty="x"),
        put("lanes", 1, service_id="standard", warehouse_id="W1"),
        put("pins", 0, line_id="9"),
    ):
        change(case)
    errors = [i for i in of_case(tmp_path, case) if i.severity == "error"]
    assert [(i.file, i.row, i.column) for i in errors] == [
        ("contracts.csv", 2, "min_qty"),
        ("lanes.csv", 3, "service_id"),
        ("order_lines.csv", 2, "qty"),
        ("orders.csv", 2, "due_date"),
        ("pins.csv", 2, "line_id"),
        ("stock.csv", 3, "warehouse_id"),
    ]


@pytest.mark.parametrize("table", ["orders", "order_lines", "warehouses", "stock", "lanes"])
def test_required_tables_must_be_named_and_have_rows(tmp_path, table):
    path = write_case(tmp_path, good())
    header = (tmp_path / f"{table}.csv").read_text().splitlines()[0]
    (tmp_path / f"{table}.csv").write_text(header + "\n")
    errors, _ = findings(path)
    assert (f"{table}.csv", "empty_table") in {(e.file, e.code) for e in errors}
    path.write_text("\n".join(line for line in path.read_text().splitlines() if not line.startswith(f"{table} = ")))
    errors, _ = findings(path)
    assert [(e.file, e.column, e.code) for e in errors] == [("scenario.toml", f"data.{table}", "missing_table")]


def test_an_empty_optional_table_is_a_warning(tmp_path):
    path = write_case(tmp_path, good())
    (tmp_path / "contracts.csv").write_text("contract_id,min_qty\n")
    errors, warnings = findings(path)
    assert not errors
    assert [(w.file, w.code) for w in warnings] == [("contracts.csv", "empty_table")]


@pytest.mark.parametrize("table", ["orders", "stock", "products"])
def test_an_unreadable_table_does_not_echo_through_the_others(tmp_path, table):
    path = write_case(tmp_path, good())
    (tmp_path / f"{table}.csv").write_bytes(b"\xff\xfe")
    errors, _ = findings(path)
    assert [(e.file, e.code) for e in errors] == [(f"{table}.csv", "encoding")]


@pytest.mark.parametrize("table", ["inbound", "rate_bands", "kits", "history"])
def test_refused_tables_are_named(tmp_path, monkeypatch, table):
    monkeypatch.setitem(REFUSED, table, "something new")
    errors, _ = findings(write_case(tmp_path, good(), {"data": {table: f"{table}.csv"}}))
    assert [(e.code, e.file, e.column, e.value) for e in errors] == [
        ("not_available", "scenario.toml", f"data.{table}", table)
    ]
    assert errors[0].row is not None
    assert "something new is not available in this version" in errors[0].expected


@pytest.mark.parametrize(("table", "column", "value"), [
    ("orders", "cancel_date", "2026-12-01"), ("orders", "frozen", "true"), ("stock", "lot_id", "L"),
    ("lanes", "kg_per_m3", "200"), ("pins", "ship_date", "2026-12-01"),
])  # fmt: skip
def test_refused_columns_are_named_where_a_cell_is_filled(tmp_path, monkeypatch, table, column, value):
    monkeypatch.setitem(REFUSED, f"{table}.{column}", "something new")
    case = good()
    case[table][0][column] = ""
    assert of_case(tmp_path / "blank", case) == []
    case[table][0][column] = value
    issues = of_case(tmp_path / "filled", case)
    assert [(i.code, i.file, i.row, i.column, i.value) for i in issues] == [
        ("not_available", f"{table}.csv", 2, column, value)
    ]
    assert "something new" in issues[0].expected


def test_what_is_refused_exists():
    for name in REFUSED:
        table, _, column = name.partition(".")
        assert name.startswith("[") or (TABLES[table].column(column) if column else table in TABLES), name


def test_floors_need_orders_in_their_scope(tmp_path):
    floors = {"overall": Decimal("0.5"), "tier.gold": Decimal("0.9"), "tier.golt": Decimal("0.9"),
        "channel.web": Decimal(1),
              "customer.C9": Decimal(1), "zone.north": Decimal(1), "segment.retail": Decimal(1)}  # fmt: skip
    errors, _ = findings(write_case(tmp_path, good(), {"service": {"min_level": floors}}))
    assert [(e.column, e.code) for e in errors] == [
        ("service.min_level.tier.golt", "floor_without_orders"),
        ("service.min_level.customer.C9", "floor_without_orders"),
    ]
    assert "'gold'" in errors[0].remedy
    assert errors[0].file == "scenario.toml"
    assert "golt" in (tmp_path / "scenario.toml").read_text().splitlines()[errors[0].row - 1]


def test_weights_of_unknown_tiers_are_warned_of(tmp_path):
    _, warnings = findings(write_case(tmp_path, good(), {"service": {"tier_weight": {"gold": 2, "Silver": 3}}}))
    assert [(w.code, w.value) for w in warnings] == [("unknown_tier", "Silver")]


def test_margins_are_not_asked_for_when_they_do_not_count(tmp_path):
    case = good()
    put("order_lines", 1, unit_price="")(case)
    assert of_case(tmp_path, case, {"weights": {"margin": 0}}) == []


def test_weightless_lines_on_lanes_by_weight_are_warned_of(tmp_path):
    case = good()
    case["lanes"][0]["cost_per_kg"] = "1"
    case["products"][1]["unit_weight_kg"] = ""
    assert [(i.code, i.severity, i.row) for i in of_case(tmp_path, case)] == [("weight_unknown", "warning", 3)]
    case["order_lines"][1]["weight_kg"] = "4"
    assert of_case(tmp_path, case) == []


@pytest.mark.parametrize(("table", "column", "usual", "odd"), [
    ("order_lines", "qty", 12, 60000), ("stock", "on_hand_qty", 400, 4_000_000), ("lanes", "cost_per_unit", "0.55",
     "550"),
    ("products", "unit_weight_kg", "0.45", "450"), ("order_lines", "unit_margin", "19.99", "19990"),
])  # fmt: skip
def test_values_orders_of_magnitude_off_are_warned_of(tmp_path, table, column, usual, odd):
    case = {"orders": [], "order_lines": [], "stock": [], "products": [], "lanes": []}
    for n in range(40):
        case["orders"].append({"order_id": f"O{n}", "customer_id": "C", "zone_id": f"Z{n}"})
        case["order_lines"].append(
            {"order_id": f"O{n}", "line_id": "1", "product_id": f"P{n}", "qty": 10, "unit_margin": 2}
        )
        case["stock"].append({"warehouse_id": "W", "product_id": f"P{n}", "on_hand_qty": 50})
        case["products"].append({"product_id": f"P{n}", "unit_weight_kg": 1})
        case["lanes"].append({"warehouse_id": "W", "zone_id": f"Z{n}", "cost_per_unit": 1})
    for row in case[table]:
        row[column] = usual
    assert of_case(tmp_path, case) == []
    case[table][7][column] = odd
    assert [(i.code, i.severity, i.file, i.row, i.column, i.value) for i in of_case(tmp_path, case)] == [
        ("order_of_magnitude", "warning", f"{table}.csv", 9, column, str(odd))
    ]


def test_columns_that_vary_widely_are_not_suspect(tmp_path):
    rows = [{"order_id": f"O{n}", "product_id": "P", "qty": 2**n} for n in range(20)]
    assert (
        of_case(tmp_path, {"order_lines": rows, "stock": [{"warehouse_id": "W", "product_id": "P", "on_hand_qty": 5}]})
        == []
    )


def test_thousands_of_faults_are_all_kept_and_more_are_counted():
    rows = [{"order_id": f"O{n}", "product_id": "P", "qty": -1} for n in range(MAX_FINDINGS_PER_CHECK + 5)]
    with pytest.raises(InputError) as caught:
        make_tables(order_lines=rows, stock=[{"warehouse_id": "W", "product_id": "P", "on_hand_qty": 5}])
    issues = [i for i in caught.value.issues if i.code == "out_of_range"]
    assert len(issues) == MAX_FINDINGS_PER_CHECK + 1
    assert any("5 more rows" in i.expected for i in issues)


def said_codes(folder: Path) -> set[str]:
    """The codes that the source says, read from its calls of `Findings`."""
    at = {"say": 3, "say_setting": 3, "at": 5}
    calls = [
        node
        for path in folder.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
    ]
    named = [
        (call, at[call.func.attr]) for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr in at
    ]
    arguments = [call.args[place] for call, place in named if len(call.args) > place]
    return {argument.value for argument in arguments if isinstance(argument, ast.Constant)}


def test_every_code_is_reached_by_a_test():
    tests = Path(__file__).parent.parent
    tested = "".join(path.read_text() for room in ("tables", "scenario") for path in (tests / room).glob("test_*.py"))
    said = said_codes(Path(package.__file__).parent)
    assert len(said) > 40
    assert not {code for code in said if f'"{code}"' not in tested}


def test_defaults_are_those_of_the_contract():
    tables = make_tables(
        make_scenario(),
        order_lines=[{"order_id": "O", "product_id": "P", "qty": 4}],
        stock=[{"warehouse_id": "W", "product_id": "P", "on_hand_qty": 5}],
    )
    defaults = {
        ("orders", "priority"): 3, ("orders", "delivery_policy"): "partial", ("orders", "hold"): "",
        ("order_lines", "min_fill_qty"): 0, ("order_lines", "lot_multiple"): 1, ("products", "case_pack"): 1,
        ("warehouses", "is_open"): True, ("stock", "reserved_qty"): 0, ("stock", "safety_stock_qty"): 0,
        ("lanes", "service_id"): "standard", ("lanes", "transit_days"): 0,
    }  # fmt: skip
    for (table, column), value in defaults.items():
        assert getattr(tables, table)[column].tolist() == [value], (table, column)
        assert not getattr(tables, table).given(column).any()
    for table, column, value in [("customers", "service_weight", 1), ("products", "unit_weight_kg", 0),
                                 ("lanes", "fixed_cost", 0), ("warehouses", "fixed_open_cost", 0)]:  # fmt: skip
        assert getattr(tables, table)[column].fractions() == [value]
    assert not tables.warehouses.given("capacity_units").any()
