"""What-if changes of tables: exact, in order, logged, and refused where they make no sense."""

from __future__ import annotations

import datetime
from decimal import Decimal

import pytest

from tests.builders import write_case
from tests.tables.inputs import codes, findings, good, load


def changed(folder, *changes):
    return load(write_case(folder, good(), {"change": list(changes)}))


def faults(folder, *changes):
    errors, _ = findings(write_case(folder, good(), {"change": list(changes)}))
    return [(e.code, e.file, e.column) for e in errors]


def cells(table, column):
    values = table[column]
    return values.texts() if hasattr(values, "texts") else values.tolist()


def test_set_scale_and_add_are_exact_and_in_order(tmp_path):
    tables, _ = changed(
        tmp_path,
        {"table": "lanes", "scale": {"cost_per_unit": Decimal("1.1")}, "add": {"cost_per_unit": Decimal("0.01")}},
        {"table": "lanes", "scale": {"cost_per_unit": 2}},
        {"table": "stock", "where": {"warehouse_id": "W2"}, "set": {"on_hand_qty": 5}},
        {"table": "stock", "scale": {"on_hand_qty": Decimal("0.5")}},
    )
    assert cells(tables.lanes, "cost_per_unit") == ["1.12", "0.02", "0.02"]
    assert cells(tables.stock, "on_hand_qty") == [10, 2]


@pytest.mark.parametrize(("factor", "result"), [("0.5", 10), ("0.525", 10), ("0.575", 12), ("1.125", 22), ("0.333", 7)])
def test_whole_numbers_round_half_even(tmp_path, factor, result):
    tables, _ = changed(
        tmp_path, {"table": "stock", "where": {"product_id": "P1"}, "scale": {"on_hand_qty": Decimal(factor)}}
    )
    assert cells(tables.stock, "on_hand_qty")[0] == result


def test_blank_cells_count_as_their_default_or_stay_blank(tmp_path):
    tables, _ = changed(
        tmp_path,
        {"table": "stock", "add": {"safety_stock_qty": 3, "reserved_qty": 1}},
        {"table": "warehouses", "scale": {"capacity_units": Decimal("0.5")}, "add": {"handling_cost_per_unit": 1}},
        {"table": "customers", "scale": {"service_weight": 2}},
    )
    assert cells(tables.stock, "safety_stock_qty") == [3, 3]
    assert cells(tables.stock, "reserved_qty") == [3, 1]
    assert not tables.warehouses.given("capacity_units").any()
    assert cells(tables.warehouses, "handling_cost_per_unit") == ["1", "1"]
    assert cells(tables.customers, "service_weight") == ["2", "2"]


def test_every_kind_of_cell_can_be_set(tmp_path):
    tables, _ = changed(
        tmp_path,
        {"table": "orders", "where": {"order_id": "O2"}, "set": {"hold": "credit", "due_date": datetime.date(2026,
            12, 24),
         "delivery_policy": "order_complete", "priority": 1, "service_weight": Decimal("1.5"), "x_note": "=1"}},
        {"table": "warehouses", "where": {"warehouse_id": "W2"}, "set": {"is_open": False}},
        {"table": "orders", "where": {"order_id": "O1"}, "set": {"channel": ""}},
    )  # fmt: skip
    orders = tables.orders
    assert (orders["hold"][1], orders["due_date"][1], orders["delivery_policy"][1], orders["priority"][1]) == (
        "credit", datetime.date(2026, 12, 24), "order_complete", 1)  # fmt: skip
    assert orders.extra["x_note"].tolist() == ["", "=1"]
    assert orders["channel"].tolist() == ["", "store"]
    assert tables.warehouses["is_open"].tolist() == [True, False]


@pytest.mark.parametrize(("where", "rows"), [
    ({"warehouse_id": "W1"}, 1), ({"warehouse_id": ["W1", "W2"]}, 2), ({"on_hand_qty": 20}, 1),
     ({"on_hand_qty": Decimal("20.0")}, 1),
    ({"warehouse_id": "W1", "on_hand_qty": 20}, 1), ({"reserved_qty": ""}, 1), ({}, 2), ({"on_hand_qty": [20, 9]}, 2),
])  # fmt: skip
def test_filters(tmp_path, where, rows):
    tables, warnings = changed(tmp_path, {"table": "stock", "where": where, "set": {"x_hit": "yes"}})
    assert tables.stock.extra["x_hit"].tolist().count("yes") == rows
    assert not warnings
    assert tables.changes[0]["rows"] == rows


@pytest.mark.parametrize(("table", "where", "hits"), [
    ("orders", {"due_date": datetime.date(2026, 11, 25)}, 1), ("warehouses", {"is_open": True}, 1), ("lanes",
     {"cost_per_unit": Decimal("0.50")}, 1),
])  # fmt: skip
def test_filters_compare_by_value(tmp_path, table, where, hits):
    tables, _ = changed(tmp_path, {"table": table, "where": where, "set": {"x_hit": "yes"}})
    assert getattr(tables, table).extra["x_hit"].tolist().count("yes") == hits


def test_drop_and_append(tmp_path):
    tables, _ = changed(
        tmp_path,
        {"table": "pins", "drop": True},
        {"table": "stock", "where": {"warehouse_id": "W2"}, "drop": True},
        {"table": "stock", "append": [{"warehouse_id": "W2", "product_id": "P1", "on_hand_qty": 3},
                                      {"warehouse_id": "W2", "product_id": "P2", "on_hand_qty": 1, "reserved_qty": 1}]},
    )  # fmt: skip
    assert len(tables.pins) == 0
    stock = zip(
        cells(tables.stock, "warehouse_id"),
        cells(tables.stock, "product_id"),
        cells(tables.stock, "on_hand_qty"),
        strict=True,
    )
    assert list(stock) == [("W1", "P1", 20), ("W2", "P1", 3), ("W2", "P2", 1)]


def test_append_can_begin_a_table(tmp_path):
    case = good()
    case.pop("contracts")
    append = [{"contract_id": "K", "channel": "web", "max_qty": 4}]
    tables, _ = load(write_case(tmp_path, case, {"change": [{"table": "contracts", "append": append}]}))
    assert cells(tables.contracts, "max_qty") == [4]


def test_the_log_tells_old_new_and_rows(tmp_path):
    tables, _ = changed(
        tmp_path,
        {"table": "stock", "where": {"warehouse_id": "W1"}, "scale": {"on_hand_qty": Decimal("0.8")}},
        {"table": "orders", "set": {"hold": "audit"}, "where": {"order_id": "O2"}},
        {"table": "pins", "drop": True},
        {
            "table": "eligibility",
            "append": [{"rule_id": "R2", "warehouse_id": "W1", "mode": "forbid", "family": "lamps"}],
        },
    )
    log = [(c["path"], c["old"], c["new"], c["rows"], c["from"]) for c in tables.changes]
    assert log == [
        ("stock.on_hand_qty", "20", "16", 1, "change 1 of scenario.toml"),
        ("orders.hold", "", "audit", 1, "change 2 of scenario.toml"),
        ("pins", "1 rows", "dropped", 1, "change 3 of scenario.toml"),
        ("eligibility", None, "1 rows appended", 1, "change 4 of scenario.toml"),
    ]
    assert tables.changes[0]["cells"] == [{"row": "W1, P1", "old": "20", "new": "16"}]
    assert tables.changes[0]["where"] == {"warehouse_id": "W1"}


def test_a_change_without_rows_is_a_warning_with_the_nearest_id(tmp_path):
    tables, warnings = changed(tmp_path, {"table": "stock", "where": {"warehouse_id": "W3"}, "set": {"on_hand_qty": 0}})
    assert [(w.code, w.file, w.row) for w in warnings] == [("change_without_rows", "scenario.toml", 16)]
    assert "did you mean" in warnings[0].remedy
    assert tables.changes == ()


@pytest.mark.parametrize(("change", "column"), [
    ({"table": "stock", "set": {"on_hand": 1}}, "change.on_hand"),
    ({"table": "stock", "where": {"warehouse": "W1"}, "set": {"on_hand_qty": 1}}, "change.warehouse"),
    ({"table": "stock", "set": {"warehouse_id": 5}}, "change.set.warehouse_id"),
    ({"table": "stock", "where": {"warehouse_id": 5}, "set": {"on_hand_qty": 1}}, "change.where.warehouse_id"),
    ({"table": "stock", "set": {"on_hand_qty": "5"}}, "change.set.on_hand_qty"),
    ({"table": "orders", "set": {"due_date": "2026-01-01"}}, "change.set.due_date"),
    ({"table": "orders", "set": {"priority": True}}, "change.set.priority"),
    ({"table": "orders", "scale": {"channel": 2}}, "change.channel"),
    ({"table": "stock", "append": [{"warehouse_id": 5, "product_id": "P1"}]}, "change.append.warehouse_id"),
])  # fmt: skip
def test_changes_that_make_no_sense_are_refused(tmp_path, change, column):
    assert ("bad_change", "scenario.toml", column) in faults(tmp_path, change)


def test_a_change_of_a_table_that_is_not_there(tmp_path):
    case = good()
    case.pop("contracts")
    errors, _ = findings(write_case(tmp_path, case, {"change": [{"table": "contracts", "set": {"max_qty": 4}}]}))
    assert codes(errors) == {"bad_change"}


def test_two_sets_of_one_cell_in_one_file_are_an_error(tmp_path):
    first = {"table": "stock", "where": {"warehouse_id": "W1"}, "set": {"on_hand_qty": 5}}
    assert faults(tmp_path, first, {"table": "stock", "set": {"on_hand_qty": 6}}) == [
        ("bad_change", "scenario.toml", "change.set.on_hand_qty")
    ]
    other = {"table": "stock", "where": {"warehouse_id": "W2"}, "set": {"on_hand_qty": 6}}
    assert faults(tmp_path, first, other) == []
    assert faults(tmp_path, first, {"table": "stock", "set": {"reserved_qty": 0}}) == []


def test_sets_are_tracked_through_drops_and_appends(tmp_path):
    first = {"table": "stock", "where": {"warehouse_id": "W2"}, "set": {"on_hand_qty": 5}}
    drop = {"table": "stock", "where": {"warehouse_id": "W1"}, "drop": True}
    append = {"table": "stock", "append": [{"warehouse_id": "W1", "product_id": "P1", "on_hand_qty": 50}]}
    again = {"table": "stock", "where": {"warehouse_id": "W1"}, "set": {"on_hand_qty": 6}}
    assert faults(tmp_path, first, drop, append, again) == []
    assert len(faults(tmp_path, first, drop, append, first)) == 1


def test_a_scenario_overrides_its_base(tmp_path):
    change = '\n[[change]]\ntable = "stock"\nset = {{ on_hand_qty = {} }}\n'
    base = write_case(tmp_path, good())
    base.write_text(base.read_text() + change.format(6))
    (tmp_path / "top.toml").write_text('base = "scenario.toml"\n' + change.format(8))
    tables, _ = load(tmp_path / "top.toml")
    assert cells(tables.stock, "on_hand_qty") == [8, 8]
    assert [(c["old"], c["new"]) for c in tables.changes] == [("2 different values", "6"), ("6", "8")]


def test_changed_cells_pass_the_same_checks_and_say_who_changed_them(tmp_path):
    errors, _ = findings(write_case(tmp_path, good(), {"change": [
        {"table": "stock", "where": {"product_id": "P2"}, "add": {"on_hand_qty": -10}},
        {"table": "order_lines", "append": [{"order_id": "O7", "line_id": "1", "product_id": "P1", "qty": 1,
            "unit_margin": 1}]},
    ]}))  # fmt: skip
    assert [(e.code, e.file, e.row, e.column, e.value) for e in errors] == [
        ("unknown_reference", "order_lines.csv", None, "order_id", "O7"),
        ("out_of_range", "stock.csv", 3, "on_hand_qty", "-1"),
    ]
    assert "change 2 of scenario.toml" in errors[0].remedy
    assert "change 1 of scenario.toml" in errors[1].remedy


def test_a_wrong_cell_is_not_computed_with(tmp_path):
    case = good()
    case["stock"][0]["on_hand_qty"] = "many"
    errors, _ = findings(write_case(tmp_path, case, {"change": [{"table": "stock", "scale": {"on_hand_qty": 2}}]}))
    assert [(e.code, e.value) for e in errors] == [("not_int", "many")]


def test_the_digest_is_that_of_the_changed_table(tmp_path):
    case = good()
    case["stock"][0]["on_hand_qty"] = "16"
    direct, _ = load(write_case(tmp_path / "a", case))
    scaled, _ = load(write_case(tmp_path / "b", good(), {"change": [
        {"table": "stock", "where": {"warehouse_id": "W1"}, "scale": {"on_hand_qty": Decimal("0.8")}}]}))  # fmt: skip
    assert [s.digest for s in direct.sources] == [s.digest for s in scaled.sources]
