"""The plan to stay near to, orders that are frozen to it, and the goals of an objective."""

from __future__ import annotations

import numpy as np

from optimizer.scenario.schema import Scenario, can_be_said, kpi_scope
from optimizer.tables.checks_rules import say_unknown_scope
from optimizer.tables.findings import Findings, SettingPath
from optimizer.tables.resolve import Draft, position

BATCH = ("orders", "order_lines", "products", "lanes", "previous")

NEEDED = (
    ("previous_line", "line_id", "an order line"),
    ("previous_product", "product_id", "a product"),
    ("previous_lane", "warehouse_id", "a lane to the order's zone"),
)
"""What a row of a frozen order must still find: link, column, words."""


def frozen_have_a_plan(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """Frozen orders keep the rows of a previous plan: there must be one, and rows of theirs in it."""
    typed = draft.typed["orders"]
    frozen = typed.table["frozen"]
    if "previous" in draft.unread:
        return
    found.at(typed.place, "frozen", frozen & (draft.previous is None), "a previous plan, since the order is frozen",
             "name its run folder: [stability] previous_plan = ..., or unfreeze the order", "frozen_without_plan",
             value=typed.table["order_id"])  # fmt: skip
    if draft.previous is None:
        return
    named = position(typed.table["order_id"], draft.previous.table["order_id"])
    planned = np.zeros(len(typed) + 1, dtype=bool)
    planned[named] = True
    held = typed.table["hold"] != ""
    found.at(typed.place, "frozen", frozen & ~held & ~planned[:-1], "rows of the order in the previous plan",
             "nothing ships for a frozen order that was not planned; unfreeze it if that is not meant",
             "frozen_without_rows", value=typed.table["order_id"], severity="warning")  # fmt: skip
    found.at(typed.place, "hold", frozen & held & planned[:-1], "an order that is frozen or on hold, not both",
             "release it, or unfreeze it: a held order gets nothing", "frozen_and_held",
             value=typed.table["hold"])  # fmt: skip


def previous_rows_known(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """Rows of the previous plan for what is no longer there: counted; an error where a frozen order needs them."""
    if draft.previous is None or draft.unread.intersection(BATCH):
        return
    typed, links = draft.previous, draft.links
    order = position(draft["orders"]["order_id"], typed.table["order_id"])
    frozen = np.append(draft["orders"]["frozen"], False)[order]
    lost = (links["previous_line"] < 0) | (links["previous_lane"] < 0) | (links["previous_product"] < 0)
    for link, column, what in NEEDED:
        found.at(typed.place, column, frozen & (links[link] < 0), f"{what} that still exists: its order is frozen",
                 "unfreeze the order, or bring it back", "frozen_row_lost", value=typed.table[column])  # fmt: skip
    rest = lost & ~frozen
    if rest.any():
        first = int(np.flatnonzero(rest)[0])
        found.say(typed.place.source, "rows for lines, lanes and products of today",
                  f"{int(rest.sum()):,} rows are left aside; they count nothing as moved", "previous_rows_lost",
                  row=int(typed.place.rows[first]) or None, column="order_id",
                  value=typed.table["order_id"][first], table="previous", severity="warning")  # fmt: skip


def goals_make_sense(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """Stages and floors are about somebody who ordered and what the scenario measures, and push the better way."""
    for path, kpi, sense in _goals(scenario):
        if kpi == "orders_served_in_full" and scenario.service.measure != "order":
            found.say_setting(path, 'service.measure = "order" beside the KPI orders_served_in_full',
                              "set the measure, or use weighted_service_level", "kpi_not_measured",
                              value=kpi)  # fmt: skip
        if not can_be_said(kpi, sense):
            better = "at least, or as high as can be" if sense == "min" else "at most, or as low as can be"
            found.say_setting(path, f"{kpi} kept {better}",
                              "turn it round: a cost is not driven up, a service not driven down", "goal_turned_round",
                              value=kpi)  # fmt: skip
        if not draft.unread.intersection(("orders", "customers")):
            say_unknown_scope(draft.tables(), kpi_scope(kpi), path, found)


def _goals(scenario: Scenario) -> list[tuple[SettingPath, str, str]]:
    """Each stage and floor: where it stands, its KPI, and whether that is kept high (max) or low (min)."""
    objective, goals = scenario.objective, list[tuple[SettingPath, str, str]]()
    for at, stage in enumerate(objective.stages):
        goals.append((("objective", "stages", at), stage.kpi, stage.sense))
    for at, floor in enumerate(objective.floors):
        goals.append((("objective", "floors", at), floor.kpi, "min" if floor.min is None else "max"))
    for name, kpi in (("maximize", objective.maximize), ("minimize", objective.minimize)):
        if kpi is not None:
            goals.append((("objective", name), kpi, name[:3]))
    return goals


PLAN_CHECKS = (frozen_have_a_plan, previous_rows_known, goals_make_sense)
