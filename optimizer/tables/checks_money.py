"""Tariffs, credit limits and budgets: what they count must be known, and what they are about must make sense."""

from __future__ import annotations

import numpy as np

from optimizer.exact import Exact
from optimizer.scenario.schema import Scenario
from optimizer.tables.columns import what_columns, who_columns
from optimizer.tables.findings import Findings, Flags
from optimizer.tables.resolve import Draft, distinct, position
from optimizer.tables.scope import scope_members, via
from optimizer.tables.tables import Ints, Tables
from optimizer.tables.ways import components, ways_of

WHO = tuple(column.name for column in who_columns())
WHAT = tuple(column.name for column in what_columns())
LINES = ("orders", "order_lines", "products", "customers", "kits", "substitutions")
"""What must have been read to know all that may ship for a line."""

LANE_COSTS = ("fixed_cost", "cost_per_unit", "cost_per_kg", "min_charge")


def bands_have_lanes(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """A tariff is that of a lane, and each of its bands spans some weight."""
    typed = draft.typed["rate_bands"]
    table = typed.table
    if not draft.unread.intersection(("lanes", "rate_bands")):
        stated = (table["warehouse_id"] != "") & (table["zone_id"] != "")
        lost = (draft.links["band_lane"] < 0) & stated
        found.at(typed.place, "warehouse_id", lost, "a lane of lanes with this warehouse, zone and service",
                 lambda row: f"add the lane {table['warehouse_id'][row]} → {table['zone_id'][row]} by "
                 f"{table['service_id'][row]}, or correct the row", "unknown_reference",
                 value=table["warehouse_id"])  # fmt: skip
    turned = table.given("from_kg") & table.given("to_kg") & (table["from_kg"] > table["to_kg"])
    found.at(typed.place, "to_kg", turned, "at least from_kg", "correct one of the two", "band_without_weight",
             value=table["to_kg"])  # fmt: skip


def bands_replace_costs(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """A lane with a tariff does not charge its own costs as well."""
    typed = draft.typed["lanes"]
    banded = np.zeros(len(typed) + 1, dtype=bool)
    banded[draft.links["band_lane"]] = True
    for column in LANE_COSTS:
        both = banded[:-1] & (typed.table[column] > 0)
        found.at(typed.place, column, both, "no costs on a lane that has rate_bands",
                 "the bands replace the lane's own costs; remove one of the two", "costs_beside_bands",
                 value=typed.table[column], severity="warning")  # fmt: skip


def credit_prices_known(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """A customer with a credit limit needs the price of each line: the limit counts it."""
    if draft.unread.intersection(("orders", "order_lines", "customers")):
        return
    tables, typed = draft.tables(), draft.typed["order_lines"]
    owner = via(tables.line_order, tables.order_customer)
    limited = np.append(tables.customers.given("credit_limit"), False)[owner]
    bare = limited & ~tables.order_lines.given("unit_price") & ~_told(draft, "order_lines", "unit_price")
    found.at(typed.place, "unit_price", bare, "a price, since the customer has a credit_limit",
             lambda row: f"give it, or remove the credit_limit of {tables.customers['customer_id'][owner[row]]}",
             "price_unknown")  # fmt: skip


def _told(draft: Draft, name: str, column: str) -> Flags:
    """Cells that are wrong, which another finding says."""
    typed = draft.typed[name]
    return typed.wrong.get(column, np.zeros(len(typed), dtype=bool))


def budget_scopes(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """Freight is of orders, not of products; moves between warehouses are of products, not of orders."""
    typed = draft.typed["budgets"]
    for kind, columns, words in (
        ("shipping_cost", WHAT, "freight is counted by shipment, which may hold several products"),
        ("transfer_cost", WHO, "moves between warehouses are not made for an order"),
    ):
        for column in columns:
            wrong = (typed.table["kind"] == kind) & (typed.table[column] != "")
            found.at(typed.place, column, wrong, f"no {column} beside kind = {kind}", f"leave it blank: {words}",
                     "budget_scope", value=typed.table[column])  # fmt: skip


def budget_products(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """A budget of moves is about products that there are; those of other kinds are about order lines."""
    if draft.unread.intersection(("products", "budgets")):
        return
    typed, products = draft.typed["budgets"], draft["products"]
    product = position(products["product_id"], typed.table["product_id"])
    family, named = np.append(products["family"], "")[product], typed.table["product_id"] != ""
    known = position(distinct(products["family"]), typed.table["family"]) >= 0
    fits = (typed.table["family"] == "") | np.where(named, family == typed.table["family"], known)
    found.at(typed.place, "family", (typed.table["kind"] == "transfer_cost") & ~fits & (~named | (product >= 0)),
             "a product that has it", "correct product_id or family; nothing is in its scope",
             "budget_without_products", value=typed.table["family"], severity="warning")  # fmt: skip


def budget_fixed_costs(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """The fixed cost of a move belongs to no product."""
    if draft.unread.intersection(("transfers", "products", "budgets")):
        return
    typed, tables = draft.typed["budgets"], draft.tables()
    moves, product = tables.transfers, tables.transfer_product
    fixed = moves["fixed_cost"] > 0
    if not fixed.any():
        return
    everything = bool((fixed & (moves["product_id"] == "")).any())
    moved = np.unique(product[fixed & (product >= 0)])
    families = distinct(tables.products["family"][moved])
    named, wanted = typed.table["product_id"] != "", typed.table["family"]
    own = position(tables.products["product_id"], typed.table["product_id"])
    of_family = (wanted == "") | (wanted == np.append(tables.products["family"], "")[own])
    hit = everything | np.where(named, np.isin(own, moved) & of_family, position(families, wanted) >= 0)
    narrow = named | (wanted != "")
    wrong = (typed.table["kind"] == "transfer_cost") & narrow & hit
    found.at(typed.place, "product_id", wrong, "transfers without fixed_cost, or a budget over all products",
             "a fixed cost cannot be split by product; leave product_id and family blank", "budget_fixed_cost",
             value=typed.table["budget_id"])  # fmt: skip


def budget_costs_known(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """A budget of stock value needs the unit cost of all that may ship for the lines in its scope."""
    if draft.unread.intersection((*LINES, "budgets")):
        return
    tables, typed = draft.tables(), draft.typed["budgets"]
    of_stock = typed.table["kind"] == "stock_value"
    if not of_stock.any():
        return
    rule, line = scope_members(tables, typed.table)
    rule, line = rule[of_stock[rule]], line[of_stock[rule]]
    unknown = _costless(tables)
    lacking = unknown[line] >= 0
    first = np.full(len(typed), -1, dtype=np.int64)
    first[rule[lacking][::-1]] = unknown[line[lacking]][::-1]
    found.at(typed.place, "kind", first >= 0, "the unit_cost of every product in its scope",
             lambda row: f"give unit_cost of {tables.products['product_id'][first[row]]!r} in products", "cost_unknown",
             value=typed.table["budget_id"])  # fmt: skip


def _costless(tables: Tables) -> Ints:
    """For each line the first product without a unit cost that may leave the shelf for it; -1 if there is none."""
    ways = ways_of(tables)
    known = tables.products.given("unit_cost")
    at, product = components(tables, ways.product)
    bare = (product >= 0) & ~known[product]
    first = np.full(len(tables.order_lines), len(tables.products), dtype=np.int64)
    np.minimum.at(first, ways.line[at[bare]], product[bare])
    return np.where(first < len(tables.products), first, -1)


def volumes_known(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """Lanes that charge by volume while products have none."""
    by_volume: Exact = draft["lanes"]["kg_per_m3"]
    if not (by_volume > 0).any() or draft.unread.intersection(LINES):
        return
    tables, typed = draft.tables(), draft.typed["order_lines"]
    flat = np.append(tables.products["unit_volume_m3"] > 0, True)
    at, product = components(tables, tables.line_product)
    has = flat[tables.line_product]
    has[at[flat[product]]] = True
    if not has.all():
        first = int(np.flatnonzero(~has)[0])
        found.say(typed.place.source, "a volume for every line, since lanes have kg_per_m3",
                  "give unit_volume_m3 in products; without it only weight counts", "volume_unknown",
                  row=int(typed.place.rows[first]) or None, column="product_id",
                  value=f"{int((~has).sum()):,} lines have no volume", table="order_lines",
                  severity="warning")  # fmt: skip


MONEY_CHECKS = (
    bands_have_lanes,
    bands_replace_costs,
    credit_prices_known,
    budget_scopes,
    budget_products,
    budget_fixed_costs,
    budget_costs_known,
    volumes_known,
)
