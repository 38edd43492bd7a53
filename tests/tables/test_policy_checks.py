"""Checks of time, lots, kits, substitutes, moves, shares, money and the previous plan, one fault at a time."""

from __future__ import annotations

import datetime

import pytest

from tests.builders import write_case
from tests.tables.inputs import LAST, NEAR, codes, findings, load, of_case, policies, write_last

pytestmark = pytest.mark.usefixtures("everything_available")


def put(table: str, row: int, **cells: object):
    """A change of the sound case: cells of the row'th data row."""

    def change(case):
        case[table][row].update(cells)

    return change


def add(table: str, **cells: object):
    return lambda case: case.setdefault(table, []).append(cells)


def all_of(*changes):
    def change(case):
        for one in changes:
            one(case)

    return change


def issues_of(folder, case, scenario=None, last=None):
    write_last(folder, last)
    return of_case(folder, case, NEAR if scenario is None else scenario)


def test_the_sound_case_is_sound(tmp_path):
    assert issues_of(tmp_path, policies()) == []


ROWS: list[tuple] = [
    # change, severity, code, file, row, column, value, words of expectation or remedy
    # cells
    (put("inbound", 0, qty="0"), "error", "out_of_range", "inbound", 2, "qty", "0", "from 1"),
    (put("inbound", 0, available_date=""), "error", "blank", "inbound", 2, "available_date", "", "YYYY"),
    (put("inbound", 0, available_date="soon"), "error", "not_date", "inbound", 2, "available_date", "soon", "2026"),
    (put("reserves", 0, qty="-1"), "error", "out_of_range", "reserves", 2, "qty", "-1", "from 0"),
    (put("reserves", 0, rank="0"), "error", "out_of_range", "reserves", 2, "rank", "0", "from 1"),
    (put("transfers", 0, transit_days="-1"), "error", "out_of_range", "transfers", 2, "transit_days", "-1", "from 0"),
    (put("kits", 0, qty="0"), "error", "out_of_range", "kits", 2, "qty", "0", "from 1"),
    (put("budgets", 0, kind="freight"), "error", "not_enum", "budgets", 2, "kind", "freight", "shipping_cost"),
    (put("budgets", 0, limit=""), "error", "blank", "budgets", 2, "limit", "", "fill in"),
    (put("fair_share", 0, between="custmer"), "error", "not_enum", "fair_share", 2, "between", "custmer", "'customer'"),
    (put("fair_share", 0, rule="equal"), "error", "not_enum", "fair_share", 2, "rule", "equal", "max_min"),
    (put("history", 0, qty="-7"), "error", "out_of_range", "history", 2, "qty", "-7", "from 0"),
    (put("rate_bands", 0, from_kg=""), "error", "blank", "rate_bands", 2, "from_kg", "", "fill in"),
    (put("calendar", 0, is_working="no"), "error", "not_flag", "calendar", 2, "is_working", "no", "true or false"),
    (put("lanes", 0, kg_per_m3="-1"), "error", "out_of_range", "lanes", 2, "kg_per_m3", "-1", "0 or more"),
    (put("substitutions", 0, ratio="-2"), "error", "out_of_range", "substitutions", 2, "ratio", "-2", "0 or more"),
    # keys and references
    (add("stock", warehouse_id="W1", product_id="P2", lot_id="L2", on_hand_qty="1"), "error", "duplicate_key", "stock",
     6, "lot_id", "W1, P2, L2", "row 5"),
    (add("calendar", warehouse_id="W1", date=" 2026-11-21"), "error", "duplicate_key", "calendar", 4, "date",
     "W1, 2026-11-21", "row 2"),
    (add("inbound", receipt_id="R1", warehouse_id="W2", product_id="P2", qty="1", available_date="2026-12-01"),
     "error", "duplicate_key", "inbound", 3, "receipt_id", "R1", "row 2"),
    (add("transfers", from_warehouse_id="W2", to_warehouse_id="W1", product_id="P2"), "error", "duplicate_key",
     "transfers", 3, "product_id", "W2, W1, P2", "row 2"),
    (put("inbound", 0, warehouse_id="W11"), "error", "unknown_reference", "inbound", 2, "warehouse_id", "W11", "'W1'"),
    (put("inbound", 0, product_id="P9"), "error", "unknown_reference", "inbound", 2, "product_id", "P9", "products"),
    (put("rate_bands", 0, service_id="slow"), "error", "unknown_reference", "rate_bands", 2, "warehouse_id", "W2",
     "W2 → north by slow"),
    (put("reserves", 0, warehouse_id="W9"), "error", "unknown_reference", "reserves", 2, "warehouse_id", "W9", "W"),
    (put("reserves", 0, product_id="P9"), "error", "unknown_reference", "reserves", 2, "product_id", "P9", "products"),
    (put("reserves", 0, customer_id="C9"), "error", "unknown_reference", "reserves", 2, "customer_id", "C9", "cust"),
    (put("calendar", 0, warehouse_id="W9"), "error", "unknown_reference", "calendar", 2, "warehouse_id", "W9", "W"),
    (put("substitutions", 0, substitute_id="Q"), "error", "unknown_reference", "substitutions", 2, "substitute_id",
     "Q", "products"),
    (put("substitutions", 0, customer_id="C7"), "error", "unknown_reference", "substitutions", 2, "customer_id", "C7",
     "customers"),
    (put("kits", 1, component_id="P7"), "error", "unknown_reference", "kits", 3, "component_id", "P7", "products"),
    (put("transfers", 0, from_warehouse_id="W7"), "error", "unknown_reference", "transfers", 2, "from_warehouse_id",
     "W7", "W"),
    (put("transfers", 0, product_id="P7"), "error", "unknown_reference", "transfers", 2, "product_id", "P7", "product"),
    (put("budgets", 0, customer_id="C7"), "error", "unknown_reference", "budgets", 2, "customer_id", "C7", "customers"),
    (put("fair_share", 0, product_id="P7"), "error", "unknown_reference", "fair_share", 2, "product_id", "P7", "prod"),
    # time and lots
    (put("orders", 0, cancel_date="2026-10-01"), "error", "dates_out_of_order", "orders", 2, "cancel_date",
     "2026-10-01", "order date"),
    (put("orders", 0, cancel_date="2026-11-19"), "warning", "cancelled_already", "orders", 2, "cancel_date",
     "2026-11-19", "gets nothing"),
    (put("stock", 2, expiry_date="2026-11-19"), "warning", "expired_lot", "stock", 4, "expiry_date", "2026-11-19",
     "counts as nothing"),
    (put("inbound", 0, available_date="2026-11-19"), "warning", "inbound_in_the_past", "inbound", 2, "available_date",
     "2026-11-19", "available on 2026-11-20"),
    (put("calendar", 0, date="2026-11-19"), "warning", "calendar_in_the_past", "calendar", 2, "date", "2026-11-19",
     "no effect"),
    (put("calendar", 0, capacity_kg="5"), "warning", "capacity_of_day_off", "calendar", 2, "is_working", "", "nothing"),
    (put("stock", 3, reserved_qty="9"), "warning", "reserved_above_on_hand", "stock", 5, "reserved_qty", "9",
     "nothing"),
    (put("history", 0, date="2026-11-21"), "warning", "history_to_come", "history", 2, "date", "2026-11-21", "as_of"),
    # kits, substitutes, moves
    (all_of(add("kits", product_id="P3", component_id="P1", qty="1"), put("kits", 1, component_id="P3")), "error",
     "kit_of_kit", "kits", 3, "component_id", "P3", "components"),
    (all_of(put("kits", 1, component_id="K"), put("products", 3, unit_cost="9")), "error", "kit_of_kit", "kits", 3,
     "component_id", "K", "no kit itself"),
    (add("stock", warehouse_id="W1", product_id="K", on_hand_qty="1"), "error", "stock_of_kit", "stock", 6,
     "product_id", "K", "components"),
    (put("inbound", 0, product_id="K"), "error", "stock_of_kit", "inbound", 2, "product_id", "K", "components"),
    (add("transfers", from_warehouse_id="W2", to_warehouse_id="W1", product_id="K"), "error", "stock_of_kit",
     "transfers", 3, "product_id", "K", "components"),
    (put("substitutions", 0, substitute_id="P2"), "error", "substitute_of_itself", "substitutions", 2, "substitute_id",
     "P2", "another product"),
    (put("substitutions", 0, ratio="0"), "error", "ratio_not_positive", "substitutions", 2, "ratio", "0", "above 0"),
    (put("transfers", 0, to_warehouse_id="W2"), "error", "transfer_to_itself", "transfers", 2, "to_warehouse_id", "W2",
     "another warehouse"),
    # shares
    (put("reserves", 0, tier=""), "warning", "reserve_for_everybody", "reserves", 2, "reserve_id", "V1", "everybody"),
    (put("reserves", 0, tier="golden"), "warning", "scope_without_lines", "reserves", 2, "reserve_id", "V1",
     "nobody who ordered"),
    (put("reserves", 0, product_id="", family="sets"), "warning", "reserve_without_stock", "reserves", 2, "qty", "5",
     "family"),
    (put("fair_share", 0, order_id="O1"), "warning", "fair_share_alone", "fair_share", 2, "between", "customer",
     "it has 1"),
    (put("fair_share", 0, between="channel", customer_id="C2"), "warning", "fair_share_alone", "fair_share", 2,
     "between", "channel", "it has 1"),
    (put("fair_share", 0, tier="platinum"), "warning", "scope_without_lines", "fair_share", 2, "tier", "platinum",
     "no order line"),
    (put("budgets", 0, channel="wob"), "warning", "scope_without_lines", "budgets", 2, "channel", "wob", "'web'"),
    # money
    (put("rate_bands", 0, from_kg="11"), "error", "band_without_weight", "rate_bands", 2, "to_kg", "10", "from_kg"),
    (put("lanes", 1, min_charge="4"), "warning", "costs_beside_bands", "lanes", 3, "min_charge", "4", "replace"),
    (put("lanes", 1, cost_per_kg="0.1"), "warning", "costs_beside_bands", "lanes", 3, "cost_per_kg", "0.1", "bands"),
    (put("order_lines", 0, unit_price="", unit_margin="2"), "error", "price_unknown", "order_lines", 2, "unit_price",
     "", "credit_limit of C1"),
    (put("budgets", 0, family="lamps"), "error", "budget_scope", "budgets", 2, "family", "lamps", "shipment"),
    (put("budgets", 2, channel="web"), "error", "budget_scope", "budgets", 4, "channel", "web", "not made for"),
    (put("budgets", 3, product_id="P2"), "error", "budget_fixed_cost", "budgets", 5, "product_id", "B4", "fixed cost"),
    (put("budgets", 3, product_id="", family="lamps"), "error", "budget_fixed_cost", "budgets", 5, "product_id", "B4",
     "fixed cost"),
    (put("budgets", 3, product_id="", family="lamp"), "warning", "budget_without_products", "budgets", 5, "family",
     "lamp", "scope"),
    (put("budgets", 3, family="lamps"), "warning", "budget_without_products", "budgets", 5, "family", "lamps", "scope"),
    (put("transfers", 0, product_id=""), "error", "budget_fixed_cost", "budgets", 5, "product_id", "B4", "fixed cost"),
    (put("products", 1, unit_volume_m3=""), "warning", "volume_unknown", "order_lines", 3, "product_id",
     "1 lines have no volume", "unit_volume_m3"),
    # pins
    (put("pins", 1, ship_date="2026-11-19"), "error", "pin_in_the_past", "pins", 3, "ship_date", "2026-11-19",
     "2026-11-20"),
    (put("pins", 1, ship_date="2026-11-21"), "error", "pin_on_day_off", "pins", 3, "ship_date", "2026-11-21", "W1"),
    (put("pins", 1, lot_id="L9"), "error", "pin_without_lot", "pins", 3, "lot_id", "L9", "leave it blank"),
    (add("pins", order_id="O3", line_id="1", warehouse_id="W1", mode="at_least", qty="1", lot_id="L1"), "error",
     "pin_lot_of_kit", "pins", 4, "lot_id", "L1", "components have lots"),
    (put("eligibility", 0, warehouse_id="W1"), "warning", "pin_not_eligible", "pins", 2, "warehouse_id", "W1",
     "eligibility"),
    (put("eligibility", 0, warehouse_id="W1", family="lamps", mode="only"), "warning", "pin_not_eligible", "pins", 2,
     "warehouse_id", "W1", "another warehouse"),
    # frozen
    (put("orders", 1, hold="credit"), "error", "frozen_and_held", "orders", 3, "hold", "credit", "not both"),
    (put("orders", 2, frozen="true"), "warning", "frozen_without_rows", "orders", 4, "frozen", "O3", "nothing ships"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "severity", "code", "table", "row", "column", "value", "words"), ROWS)
def test_one_fault_gives_one_finding(tmp_path, change, severity, code, table, row, column, value, words):
    case = policies()
    change(case)
    issues = issues_of(tmp_path, case)
    place = (severity, code, f"{table}.csv", row, column)
    match = [i for i in issues if (i.severity, i.code, i.file, i.row, i.column) == place]
    assert match, [issue.text() for issue in issues]
    assert match[0].value == value
    assert words in match[0].expected + match[0].remedy
    assert match[0].table == table
    others = [i for i in issues if i.severity == "error" and i not in match]
    assert not others, [issue.text() for issue in others]


# -- what is close to a fault and is none ----------------------------------------------------------------------------
@pytest.mark.parametrize("change", [
    put("orders", 0, cancel_date="2026-11-20"),
    put("stock", 2, expiry_date="2026-11-20", holding_value_per_unit=""),
    put("inbound", 0, available_date="2026-11-20"),
    put("calendar", 0, date="2026-11-20"),
    put("history", 0, date="2026-11-20"),
    put("substitutions", 0, ratio="0.5"),
    put("substitutions", 0, customer_id=""),
    put("rate_bands", 0, from_kg="10"),
    put("rate_bands", 0, to_kg=""),
    put("lanes", 1, fixed_cost="0", min_charge="0"),
    put("budgets", 3, product_id="P3"),
    put("transfers", 0, product_id="", fixed_cost=""),
    put("products", 3, unit_volume_m3="", unit_weight_kg="", unit_cost=""),
    put("reserves", 0, product_id="", warehouse_id="", family="chairs"),
    put("history", 1, product_id="P1", zone_id=""),
    put("pins", 1, ship_date="", lot_id=""),
    put("pins", 1, lot_id="L2"),
    put("eligibility", 0, warehouse_id="W1", family="sets"),
    put("fair_share", 0, product_id="", between="order"),
    add("transfers", from_warehouse_id="W2", to_warehouse_id="W1", product_id=""),
    add("stock", warehouse_id="W1", product_id="P2", lot_id="", on_hand_qty="1"),
    add("stock", warehouse_id="W1", product_id="P2", lot_id="l2", on_hand_qty="1"),
])  # fmt: skip
def test_what_is_sound_is_silent(tmp_path, change):
    case = policies()
    change(case)
    assert [issue.text() for issue in issues_of(tmp_path, case)] == []


def test_moves_to_a_closed_warehouse_are_warned_of(tmp_path):
    case = policies()
    case["transfers"][0].update(from_warehouse_id="W1", to_warehouse_id="W2")
    assert issues_of(tmp_path / "open", case) == []
    case["warehouses"][1]["is_open"] = "false"
    issues = issues_of(tmp_path / "closed", case)
    assert [(i.code, i.severity, i.file, i.row, i.column) for i in issues] == [
        ("transfer_to_closed", "warning", "transfers.csv", 2, "to_warehouse_id")
    ]


def test_a_lot_may_come_from_where_goods_can_be_moved_from(tmp_path):
    case = policies()
    case["stock"].append({"warehouse_id": "W2", "product_id": "P2", "lot_id": "L7", "on_hand_qty": "4"})
    case["pins"][1]["lot_id"] = "L7"
    assert issues_of(tmp_path / "moved", case) == []
    del case["transfers"]
    assert codes(issues_of(tmp_path / "stuck", case)) == {"pin_without_lot"}


def test_the_lot_of_a_substitute_may_be_pinned(tmp_path):
    case = policies()
    case["stock"].append({"warehouse_id": "W1", "product_id": "P3", "lot_id": "S1", "on_hand_qty": "8"})
    case["pins"][1]["lot_id"] = "S1"
    assert issues_of(tmp_path / "own", case) == []
    case["substitutions"][0]["customer_id"] = "C2"
    assert codes(issues_of(tmp_path / "other", case)) == {"pin_without_lot"}


def test_pins_of_different_days_or_lots_do_not_contradict(tmp_path):
    case = policies()
    case["pins"].append({"order_id": "O1", "line_id": "2", "warehouse_id": "W1", "mode": "at_most", "qty": "1",
                         "ship_date": "2026-11-24"})  # fmt: skip
    assert issues_of(tmp_path / "days", case) == []
    case["pins"][2].update(ship_date="2026-11-23", lot_id="L2")
    assert issues_of(tmp_path / "lots", case) == []
    case["pins"][2]["lot_id"] = "L1"
    assert codes(issues_of(tmp_path / "same", case)) == {"pins_contradict"}
    case["pins"][2].update(ship_date="", lot_id="")
    assert codes(issues_of(tmp_path / "all", case)) == {"pins_contradict"}


def test_a_substitute_may_make_a_line_possible(tmp_path):
    case = policies()
    case["products"][1]["case_pack"] = "4"
    case["order_lines"][1]["qty"] = "3"
    case["pins"] = []
    assert issues_of(tmp_path / "substitute", case) == []
    case["products"][2]["case_pack"] = "5"
    issues = issues_of(tmp_path / "neither", case)
    assert [(i.code, i.row, i.value) for i in issues] == [("impossible_lot", 3, "3")]
    case["substitutions"][0]["ratio"] = "2.5"  # two ordered units are then five, one case of the substitute
    assert issues_of(tmp_path / "ratio", case) == []
    case["substitutions"][0]["customer_id"] = "C2"
    assert codes(issues_of(tmp_path / "not for this customer", case)) == {"impossible_lot"}


def test_pins_count_the_steps_of_substitutes(tmp_path):
    case = policies()
    case["products"][1]["case_pack"] = "4"
    case["pins"] = [{"order_id": "O1", "line_id": "2", "warehouse_id": "W1", "mode": "exactly", "qty": "3"}]
    assert issues_of(tmp_path / "substitute", case) == []
    case["products"][2]["case_pack"] = "4"  # two ordered units of it at a time, four of the product itself
    issues = issues_of(tmp_path / "even", case)
    assert [(i.code, i.value) for i in issues] == [("pin_not_multiple", "3")]
    assert "multiple of 2" in issues[0].remedy


def test_budgets_of_stock_need_the_cost_of_everything_that_may_ship(tmp_path):
    case = policies()
    case["budgets"][1]["family"] = "lamps"
    assert issues_of(tmp_path / "known", case) == []
    case["products"][2]["unit_cost"] = ""
    issues = issues_of(tmp_path / "substitute", case)
    assert [(i.code, i.row, i.column, i.value) for i in issues] == [("cost_unknown", 3, "kind", "B2")]
    assert "'P3'" in issues[0].remedy
    case["budgets"][1]["family"] = "sets"
    assert issues_of(tmp_path / "not in scope", case) == []
    case["products"][1]["unit_cost"] = ""
    case["order_lines"][1]["unit_margin"] = "1"
    assert "'P2'" in issues_of(tmp_path / "component", case)[0].remedy


def test_rules_may_name_unknown_customers_where_there_is_no_table_of_them(tmp_path):
    case = policies()
    del case["customers"]
    case["substitutions"][0]["customer_id"] = "later"
    case["reserves"][0].update(tier="", customer_id="later")
    case["contracts"] = []
    issues = issues_of(tmp_path, case)
    assert [(i.code, i.severity) for i in issues] == [("scope_without_lines", "warning")]


def test_kits_weigh_what_their_components_weigh(tmp_path):
    case = policies()
    case["lanes"][2]["cost_per_kg"] = "1"
    assert issues_of(tmp_path / "known", case) == []
    for product in case["products"][:2]:
        product["unit_weight_kg"] = ""
    issues = issues_of(tmp_path / "unknown", case)
    assert [(i.code, i.value) for i in issues] == [("weight_unknown", "4 lines weigh 0")]


def test_goals_are_about_somebody_who_ordered(tmp_path):
    goals = {"mode": "lexicographic", "stages": [{"kpi": "weighted_service_level[tier.gold]"}, {"kpi": "objective"}]}
    assert issues_of(tmp_path / "known", policies(), {**NEAR, "objective": goals}) == []
    goals["stages"][0]["kpi"] = "weighted_service_level[tier.golt]"
    (issue,) = issues_of(tmp_path / "unknown", policies(), {**NEAR, "objective": goals})
    assert (issue.code, issue.column, issue.file) == ("floor_without_orders", "objective.stages.0", "scenario.toml")
    assert "'gold'" in issue.remedy
    assert issue.row is not None


@pytest.mark.parametrize("objective", [
    {"mode": "lexicographic", "stages": [{"kpi": "orders_served_in_full"}]},
    {"mode": "floor", "floors": [{"kpi": "orders_served_in_full", "min": 1}]},
    {"mode": "floor", "floors": [{"kpi": "margin", "min": 1}], "maximize": "orders_served_in_full"},
])  # fmt: skip
def test_orders_in_full_are_a_goal_only_where_they_are_measured(tmp_path, objective):
    service = {"measure": "order", "value": 1}
    assert issues_of(tmp_path / "order", policies(), {**NEAR, "objective": objective, "service": service}) == []
    (issue,) = issues_of(tmp_path / "unit", policies(), {**NEAR, "objective": objective})
    assert (issue.code, issue.value) == ("kpi_not_measured", "orders_served_in_full")


def test_frozen_orders_need_a_previous_plan(tmp_path):
    issues = issues_of(tmp_path, policies(), {})
    assert [(i.code, i.file, i.row, i.column, i.value) for i in issues] == [
        ("frozen_without_plan", "orders.csv", 3, "frozen", "O2")
    ]


@pytest.mark.parametrize(("cells", "column", "value"), [
    ({"line_id": "7"}, "line_id", "7"),
    ({"ship_product_id": "P9"}, "product_id", "P9"),
    ({"warehouse_id": "W2"}, "warehouse_id", "W2"),
    ({"service_id": "express"}, "warehouse_id", "W1"),
])  # fmt: skip
def test_frozen_rows_must_still_be_possible_to_name(tmp_path, cells, column, value):
    issues = issues_of(tmp_path, policies(), last=[{**LAST[0], **cells}])
    assert [(i.code, i.file, i.row, i.column, i.value) for i in issues] == [
        ("frozen_row_lost", "last/allocations.csv", 2, column, value)
    ]


def test_rows_of_other_orders_that_are_gone_are_counted(tmp_path):
    rows = [*LAST, {**LAST[0], "order_id": "gone"}, {**LAST[0], "order_id": "O1", "service_id": "drone"}]
    issues = issues_of(tmp_path, policies(), last=rows)
    assert [(i.code, i.severity, i.file, i.row, i.value) for i in issues] == [
        ("previous_rows_lost", "warning", "last/allocations.csv", 4, "O1")
    ]
    assert "2 rows are left aside" in issues[0].remedy


def test_all_faults_of_all_tables_are_told_in_one_pass(tmp_path):
    case = policies()
    for change in (
        put("inbound", 0, qty="x"),
        put("rate_bands", 0, zone_id="nrth"),
        put("reserves", 0, warehouse_id="W9"),
        put("calendar", 1, date="2026-11-31"),
        put("substitutions", 0, ratio="0"),
        put("kits", 0, component_id="P99"),
        put("transfers", 0, to_warehouse_id="W2"),
        put("budgets", 0, family="lamps"),
        put("fair_share", 0, rule="x"),
        put("history", 0, qty="-1"),
        put("pins", 1, lot_id="L9"),
    ):
        change(case)
    errors = [i for i in issues_of(tmp_path, case) if i.severity == "error"]
    assert [(i.file, i.row, i.column) for i in errors] == [
        ("budgets.csv", 2, "family"),
        ("calendar.csv", 3, "date"),
        ("fair_share.csv", 2, "rule"),
        ("history.csv", 2, "qty"),
        ("inbound.csv", 2, "qty"),
        ("kits.csv", 2, "component_id"),
        ("pins.csv", 3, "lot_id"),
        ("rate_bands.csv", 2, "warehouse_id"),
        ("reserves.csv", 2, "warehouse_id"),
        ("substitutions.csv", 2, "ratio"),
        ("transfers.csv", 2, "to_warehouse_id"),
    ]


@pytest.mark.parametrize("table", ["inbound", "kits", "substitutions", "calendar", "transfers", "stock", "products"])
def test_an_unreadable_table_does_not_echo_through_the_others(tmp_path, table):
    write_last(tmp_path)
    path = write_case(tmp_path, policies(), NEAR)
    (tmp_path / f"{table}.csv").write_bytes(b"\xff\xfe")
    errors, _ = findings(path)
    assert [(e.file, e.code) for e in errors] == [(f"{table}.csv", "encoding")]


def test_changes_reach_the_tables_of_policies(tmp_path):
    changes = [
        {"table": "inbound", "where": {"receipt_id": "R1"}, "set": {"available_date": datetime.date(2026, 12, 24)}},
        {"table": "reserves", "scale": {"qty": 0.5}},
        {"table": "calendar", "append": [{"warehouse_id": "W2", "date": datetime.date(2026, 12, 25),
                                          "is_working": False}]},
        {"table": "stock", "where": {"lot_id": "L2"}, "drop": True},
        {"table": "pins", "where": {"lot_id": "L1"}, "set": {"lot_id": ""}},
    ]  # fmt: skip
    write_last(tmp_path)
    tables, warnings = load(write_case(tmp_path, policies(), {**NEAR, "change": changes}))
    assert not warnings
    assert tables.inbound["available_date"].tolist() == [datetime.date(2026, 12, 24)]
    assert tables.reserves["qty"].tolist() == [2]  # half of 5, rounded half-even
    assert tables.calendar["is_working"].tolist() == [False, True, False]
    assert tables.calendar_warehouse.tolist() == [0, 0, 1]
    assert tables.stock["lot_id"].tolist() == ["", "L1", ""]
    assert [entry["path"] for entry in tables.changes] == [
        "inbound.available_date", "reserves.qty", "calendar", "stock", "pins.lot_id"
    ]  # fmt: skip


@pytest.mark.parametrize(("objective", "fits"), [
    ({"mode": "lexicographic", "stages": [{"kpi": "shipping_cost", "sense": "max"}]}, False),
    ({"mode": "lexicographic", "stages": [{"kpi": "margin", "sense": "min"}]}, True),
    ({"mode": "floor", "floors": [{"kpi": "penalties", "min": 1}]}, False),
    ({"mode": "floor", "floors": [{"kpi": "weighted_service_level", "max": 0.5}]}, False),
    ({"mode": "floor", "floors": [{"kpi": "penalties", "max": 1}], "minimize": "objective"}, False),
    ({"mode": "floor", "floors": [{"kpi": "units_allocated", "max": 1}], "minimize": "handling_cost"}, True),
])  # fmt: skip
def test_a_goal_pushes_the_better_way(tmp_path, objective, fits):
    found = issues_of(tmp_path, policies(), {**NEAR, "objective": objective})
    assert [issue.code for issue in found] == ([] if fits else ["goal_turned_round"])
