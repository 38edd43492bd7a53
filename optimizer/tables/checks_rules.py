"""Contracts, eligibility and service floors: rules that say something, about somebody who exists."""

from __future__ import annotations

import numpy as np

from optimizer.scenario.schema import Scenario
from optimizer.tables.findings import Findings, SettingPath, cached_nearest, did_you_mean
from optimizer.tables.resolve import Draft, position
from optimizer.tables.schema import SCOPE_COLUMNS, TABLES
from optimizer.tables.scope import scope_members, scope_values
from optimizer.tables.tables import Tables

SCOPED = ("contracts", "eligibility", "budgets", "fair_share")
"""Tables whose rows are about order lines, by the scope columns."""

SCOPE_OWNERS = {"customer_id": "customers", "product_id": "products", "order_id": "orders"}


def contract_has_bound(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """A contract states a minimum, a fill rate or a quota."""
    typed = draft.typed["contracts"]
    least = typed.table.given("min_qty") | typed.table.given("min_fill_rate")
    most = typed.table.given("max_qty")
    told = np.zeros(len(typed), dtype=bool)
    for column in ("min_qty", "min_fill_rate", "max_qty"):
        told |= typed.wrong.get(column, told)
    found.at(typed.place, "min_qty", ~least & ~most & ~told, "a min_qty, a min_fill_rate or a max_qty",
             "fill in one of them", "contract_without_bound", value=typed.table["contract_id"])  # fmt: skip
    found.at(typed.place, "shortfall_penalty", typed.table.given("shortfall_penalty") & ~least & ~told,
             "a minimum beside the penalty for missing it", "fill in min_qty or min_fill_rate, or remove the penalty",
             "penalty_without_minimum", severity="warning")  # fmt: skip


def contract_bounds_agree(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """Two minimums in one row (the larger counts), or a quota below the minimum."""
    typed = draft.typed["contracts"]
    table = typed.table
    both = table.given("min_qty") & table.given("min_fill_rate")
    found.at(typed.place, "min_fill_rate", both, "either min_qty or min_fill_rate",
             "the larger of the two counts; keep one", "two_minimums", severity="warning")  # fmt: skip
    crossed = table.given("min_qty") & table.given("max_qty") & (table["min_qty"] > table["max_qty"])
    found.at(typed.place, "max_qty", crossed, "at least min_qty", "correct one of the two", "quota_below_minimum",
             value=table["max_qty"], severity="warning")  # fmt: skip


def scope_references(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """Customers, products and orders that a rule names are in their tables, where these were given."""
    for name, column, target in (
        *((name, column, target) for name in SCOPED for column, target in SCOPE_OWNERS.items()),
        ("reserves", "customer_id", "customers"),
        ("reserves", "product_id", "products"),
        ("substitutions", "customer_id", "customers"),
    ):
        if target not in draft.unread and target not in draft.implied:
            _scope_reference(draft, name, column, target, found)


def _scope_reference(draft: Draft, name: str, column: str, target: str, found: Findings) -> None:
    typed, known = draft.typed[name], draft[target][TABLES[target].keys[0]]
    values = typed.table[column]
    if not (values != "").any():
        return
    lost = (values != "") & (position(known, values) < 0)
    if not lost.any():
        return
    nearest_to = cached_nearest(known.tolist())

    def remedy(row: int) -> str:
        return nearest_to(values[row], f"correct it, or add it to {target}")

    found.at(typed.place, column, lost, f"a {column} of {target}", remedy, "unknown_reference", value=values)


def scopes_match(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """A rule that matches no order line of the batch has no effect; a misspelt tier looks just like it."""
    if draft.unread.intersection(("orders", "order_lines", "products", "customers")):
        return
    tables = draft.tables()
    for name in SCOPED:
        typed = draft.typed[name]
        if not len(typed):
            continue
        rule, _ = scope_members(tables, typed.table)
        idle = np.ones(len(typed), dtype=bool)
        idle[rule] = False
        if name == "budgets":
            idle &= typed.table["kind"] != "transfer_cost"  # that is about products moved, not about order lines
        if idle.any():
            _idle_rules(draft, tables, name, idle, found)


def _idle_rules(draft: Draft, tables: Tables, name: str, idle: np.ndarray, found: Findings) -> None:
    typed = draft.typed[name]
    columns, values = np.full(len(typed), "", dtype=object), np.full(len(typed), "", dtype=object)
    remedies = np.full(len(typed), "each value occurs, but no line has all of them", dtype=object)
    for column in reversed(SCOPE_COLUMNS):
        known = _occurring(tables, column)
        wanted = typed.table[column]
        lost = idle & (wanted != "") & (position(known, wanted) < 0)
        nearest_to = cached_nearest(known.tolist())
        for row in np.flatnonzero(lost).tolist():
            columns[row], values[row] = column, wanted[row]
            remedies[row] = nearest_to(wanted[row], f"no order line has this {column}")
    for column in sorted(set(columns[idle].tolist())):
        found.at(typed.place, column or None, idle & (columns == column), "at least one order line in the rule's scope",
                 remedies.__getitem__, "scope_without_lines", value=values, severity="warning")  # fmt: skip


def _occurring(tables: Tables, column: str) -> np.ndarray:
    """The values of a scope column that some order line has."""
    values, owner = scope_values(tables, column)
    return np.asarray(sorted(set(values[np.unique(owner[owner >= 0])].tolist())), dtype=object)


def floors_have_orders(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """A service floor is stated for somebody who ordered."""
    if draft.unread.intersection(("orders", "customers")):
        return
    for scope in scenario.service.min_level:
        say_unknown_scope(draft.tables(), scope, ("service", "min_level", scope), found)


def say_unknown_scope(tables: Tables, scope: str, setting: SettingPath, found: Findings) -> None:
    """A scope such as ``tier.A`` that no order is in."""
    kind, _, member = scope.partition(".")
    if scope == "overall":
        return
    owner = tables.order_customer
    if kind in ("tier", "segment"):
        members = tables.customers[kind][owner[owner >= 0]]
    else:
        members = tables.orders[{"channel": "channel", "customer": "customer_id", "zone": "zone_id"}[kind]]
    known = sorted(set(members.tolist()) - {""})
    if member not in known:
        found.say_setting(setting, f"a {kind} that some order has", did_you_mean(member, known, "correct or remove it"),
                          "floor_without_orders", value=member)  # fmt: skip


def weights_have_tiers(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """A tier weight for a tier that no customer has does nothing."""
    if "customers" in draft.unread:
        return
    known = sorted(set(draft["customers"]["tier"].tolist()) - {""})
    for tier in scenario.service.tier_weight:
        if tier not in known:
            found.say_setting(("service", "tier_weight", tier), "a tier that some customer has",
                              did_you_mean(tier, known, "correct or remove it"), "unknown_tier", value=tier,
                              severity="warning")  # fmt: skip


RULE_CHECKS = (
    contract_has_bound,
    contract_bounds_agree,
    scope_references,
    scopes_match,
    floors_have_orders,
    weights_have_tiers,
)
