"""Stock over time and by lot, working days, kits, substitutes and moves between warehouses."""

from __future__ import annotations

import numpy as np

from optimizer.scenario.schema import Scenario
from optimizer.tables.findings import Findings, Flags
from optimizer.tables.resolve import Draft
from optimizer.tables.tables import Ints
from optimizer.tables.ways import kit_products


def lots_not_expired(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """A lot that has expired counts nothing."""
    typed = draft.typed["stock"]
    expiry = typed.table["expiry_date"]
    dead = (expiry < np.datetime64(scenario.as_of)) & (typed.table["on_hand_qty"] > 0)
    found.at(typed.place, "expiry_date", dead, f"a lot that is good on {scenario.as_of}, the date of the snapshot",
             "its stock counts as nothing; correct the date or write it off", "expired_lot", value=expiry,
             severity="warning")  # fmt: skip


def receipts_to_come(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """A receipt from before the snapshot has arrived, or is late; it counts as available on the day of the snapshot."""
    typed = draft.typed["inbound"]
    when = typed.table["available_date"]
    found.at(typed.place, "available_date", when < np.datetime64(scenario.as_of),
             f"a day from {scenario.as_of} on, the date of the snapshot",
             f"it counts as available on {scenario.as_of}; move it to stock if it has arrived, or give its new date",
             "inbound_in_the_past", value=when, severity="warning")  # fmt: skip


def calendar_days(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """Days that are over, and limits of days off, have no effect."""
    typed = draft.typed["calendar"]
    table = typed.table
    found.at(typed.place, "date", table["date"] < np.datetime64(scenario.as_of),
             f"a day from {scenario.as_of} on, the date of the snapshot", "it has no effect; remove it, or check as_of",
             "calendar_in_the_past", value=table["date"], severity="warning")  # fmt: skip
    limited = np.zeros(len(typed), dtype=bool)
    for column in ("capacity_units", "capacity_lines", "capacity_shipments", "capacity_kg"):
        limited |= table.given(column)
    found.at(typed.place, "is_working", limited & ~table["is_working"], "no capacity beside is_working = false",
             "nothing leaves on that day; remove the capacity, or let it work", "capacity_of_day_off",
             severity="warning")  # fmt: skip


def kits_are_flat(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """A kit is made of goods, not of kits."""
    typed = draft.typed["kits"]
    component = draft.links["kit_component"]
    nested = _among(component, kit_products(draft.tables()))
    found.at(typed.place, "component_id", nested, "a product that is no kit itself",
             "list the components of that kit instead", "kit_of_kit", value=typed.table["component_id"])  # fmt: skip


def kits_without_stock(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """Components are stocked, received and moved; a kit is not."""
    if "kits" in draft.unread:
        return
    kits = kit_products(draft.tables())
    for name, column, link in (("stock", "product_id", "stock_product"), ("inbound", "product_id", "inbound_product"),
                               ("transfers", "product_id", "transfer_product")):  # fmt: skip
        typed = draft.typed[name]
        found.at(typed.place, column, _among(draft.links[link], kits), "a product that is no kit",
                 "state the components; if it is kept as one piece, remove it from kits", "stock_of_kit",
                 value=typed.table[column])  # fmt: skip


def _among(positions: Ints, wanted: Ints) -> Flags:
    return np.asarray((positions >= 0) & np.isin(positions, wanted))


def substitutes_differ(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """A product is not its own substitute, and something must ship for what was ordered."""
    typed = draft.typed["substitutions"]
    table = typed.table
    same = (table["product_id"] == table["substitute_id"]) & (table["product_id"] != "")
    found.at(typed.place, "substitute_id", same, "another product than the one ordered",
             "remove the row; the product itself may always ship", "substitute_of_itself",
             value=table["substitute_id"])  # fmt: skip
    found.at(typed.place, "ratio", table.given("ratio") & table["ratio"].equals(0), "a ratio above 0",
             "state how many units of the substitute stand for one ordered unit", "ratio_not_positive",
             value=table["ratio"])  # fmt: skip


def transfers_lead_somewhere(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """A move is between two warehouses, and to one that may ship."""
    typed = draft.typed["transfers"]
    table = typed.table
    same = (table["from_warehouse_id"] == table["to_warehouse_id"]) & (table["to_warehouse_id"] != "")
    found.at(typed.place, "to_warehouse_id", same, "another warehouse than the one it leaves from", "remove the row",
             "transfer_to_itself", value=table["to_warehouse_id"])  # fmt: skip
    shut = ~np.append(draft["warehouses"]["is_open"], True)[draft.links["transfer_to"]]
    found.at(typed.place, "to_warehouse_id", shut & ~same, "an open warehouse",
             "nothing can leave from there; open it or remove the row", "transfer_to_closed",
             value=table["to_warehouse_id"], severity="warning")  # fmt: skip


def history_is_past(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """Past demand lies before the snapshot; what was ordered on its day may still be open."""
    typed = draft.typed["history"]
    when = typed.table["date"]
    found.at(typed.place, "date", when > np.datetime64(scenario.as_of),
             f"a day up to {scenario.as_of}, the date of the snapshot", "correct the date, or check as_of",
             "history_to_come", value=when, severity="warning")  # fmt: skip


SUPPLY_CHECKS = (
    lots_not_expired,
    receipts_to_come,
    calendar_days,
    kits_are_flat,
    kits_without_stock,
    substitutes_differ,
    transfers_lead_somewhere,
    history_is_past,
)
