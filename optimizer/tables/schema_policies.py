"""The tables of time, substitution, kits, transfers, reserves, money limits and fairness; all of them optional."""

from __future__ import annotations

from optimizer.tables.columns import (
    ONE,
    ZERO,
    Column,
    TableSchema,
    amount,
    capacities,
    count,
    days,
    reference_id,
    scope_columns,
    text,
    what_columns,
)

_INBOUND = TableSchema(
    "inbound",
    "receipts that are expected; goods are available from their day on",
    (
        reference_id("receipt_id", "the receipt", key=True),
        reference_id("warehouse_id", "where it arrives", "warehouses"),
        reference_id("product_id", "what", "products"),
        count("qty", "how much", 1, required=True, unit="units", magnitude=True),
        Column("available_date", "date", "first day on which it can leave again", required=True),
    ),
)

_RATE_BANDS = TableSchema(
    "rate_bands",
    "weight-break tariff of a lane, in place of the lane's own costs; of bands that hold a weight the cheapest applies",
    (
        reference_id("warehouse_id", "from", "warehouses", key=True),
        reference_id("zone_id", "to", key=True),
        text("service_id", "by which service", key=True, default="standard"),
        reference_id("rate_id", "the band", key=True),
        amount("from_kg", "from this chargeable weight of a shipment", "kg", required=True),
        amount("to_kg", "up to this weight; blank: below the next band's from_kg, or any", "kg"),
        amount("flat_cost", "of each shipment", "money/shipment", default=ZERO, magnitude=True),
        amount("cost_per_kg", "of each chargeable kg", "money/kg", default=ZERO, magnitude=True),
        amount("min_charge", "least freight of a shipment", "money/shipment", default=ZERO, magnitude=True),
    ),
)

_RESERVES = TableSchema(
    "reserves",
    "stock held back from everybody else, whether or not those it is for use it",
    (
        reference_id("reserve_id", "the reserve", key=True),
        text("channel", "for orders of this channel"),
        text("segment", "for customers of this segment"),
        text("tier", "for customers of this tier"),
        text("customer_id", "for this customer", reference="customers"),
        text("warehouse_id", "of stock at this warehouse; blank: over all", reference="warehouses"),
        *what_columns(),
        count("qty", "units held back", required=True, unit="units", magnitude=True),
        count("rank", "1 is protected from all others, 2 from those below, ...", 1, default=1),
    ),
)

_CALENDAR = TableSchema(
    "calendar",
    "days on which a warehouse does not work, or works with a limit; any other day is a working day without one",
    (
        reference_id("warehouse_id", "the warehouse", "warehouses", key=True),
        Column("date", "date", "the day", key=True, required=True),
        Column("is_working", "flag", "whether anything leaves on that day", default=True),
        *capacities("it", ("units", "lines", "shipments", "kg"), "on that day"),
    ),
)

_SUBSTITUTIONS = TableSchema(
    "substitutions",
    "products that may be shipped in place of the one ordered; not onward from the substitute",
    (
        reference_id("product_id", "what is ordered", "products", key=True),
        reference_id("substitute_id", "what may be shipped for it", "products", key=True),
        amount("ratio", "units for one ordered unit, more than 0; whole on both sides", "units/unit", default=ONE),
        amount("penalty_per_unit", "cost of each ordered unit served so", "money/unit", default=ZERO, magnitude=True),
        text("customer_id", "only for this customer; blank: for all", reference="customers"),
    ),
)  # fmt: skip

_KITS = TableSchema(
    "kits",
    "products that are put together when they ship: a row for each component; the kit itself has no stock",
    (
        reference_id("product_id", "the kit", "products", key=True),
        reference_id("component_id", "what goes into it", "products", key=True),
        count("qty", "units of the component in one kit", 1, required=True, unit="units"),
    ),
)

_TRANSFERS = TableSchema(
    "transfers",
    "from which warehouse to which stock may be moved first, and at what cost",
    (
        reference_id("from_warehouse_id", "from", "warehouses", key=True),
        reference_id("to_warehouse_id", "to", "warehouses", key=True),
        text("product_id", "what; blank: all products without a row of their own", key=True, reference="products"),
        amount("cost_per_unit", "of each unit", "money/unit", default=ZERO, magnitude=True),
        amount("cost_per_kg", "of each kg", "money/kg", default=ZERO, magnitude=True),
        amount("fixed_cost", "of each day on which anything leaves", "money/day", default=ZERO, magnitude=True),
        days("transit_days", "calendar days until the goods can leave again", default=0),
        count("capacity_units", "most units in the batch; blank: no limit", unit="units"),
    ),
)

_BUDGETS = TableSchema(
    "budgets",
    "limits on what may be spent",
    (
        reference_id("budget_id", "the budget", key=True),
        Column(
            "kind",
            "enum",
            "freight, goods allocated at unit_cost, or moves between warehouses",
            required=True,
            choices=("shipping_cost", "stock_value", "transfer_cost"),
        ),
        *scope_columns(),
        amount("limit", "most money", required=True),
    ),
)

_FAIR_SHARE = TableSchema(
    "fair_share",
    "parties that get equal shares of what they ordered",
    (
        reference_id("group_id", "the group", key=True),
        *scope_columns(),
        Column(
            "between",
            "enum",
            "what makes a party",
            required=True,
            choices=("customer", "channel", "order", "zone", "tier"),
        ),
        Column(
            "rule",
            "enum",
            "`max_min`: the least share as high as possible, then the next; `proportional`: one share for all",
            required=True,
            choices=("max_min", "proportional"),
        ),
        count("tolerance", "units by which a party may be off its share", default=1, unit="units"),
    ),
)

_HISTORY = TableSchema(
    "history",
    "past demand, for telling unusual demand and for forecasts; rows of the same day and place add up",
    (
        Column("date", "date", "the day", key=True, required=True),
        reference_id("product_id", "what was ordered", "products", key=True),
        text("zone_id", "to where", key=True),
        text("channel", "how it was sold", key=True),
        text("warehouse_id", "from where", key=True, reference="warehouses"),
        count("qty", "how much", required=True, unit="units"),
    ),
    adds_up=True,
)

POLICIES = (
    _INBOUND,
    _RATE_BANDS,
    _RESERVES,
    _CALENDAR,
    _SUBSTITUTIONS,
    _KITS,
    _TRANSFERS,
    _BUDGETS,
    _FAIR_SHARE,
    _HISTORY,
)

PREVIOUS = TableSchema(
    "previous",
    "the allocations of an earlier run, read from its folder",
    (
        reference_id("order_id", "the order", key=True),
        reference_id("line_id", "its line", key=True),
        reference_id("warehouse_id", "from where", key=True),
        reference_id("service_id", "by which service", key=True),
        Column("ship_date", "date", "the day it left", key=True, required=True),
        reference_id("product_id", "what was shipped", key=True),
        text("lot_id", "from which lot", key=True),
        count("qty", "ordered units that this row served", required=True, unit="units"),
        count("shipped_qty", "units shipped", required=True, unit="units"),
    ),
    adds_up=True,
)
"""Not a table of a scenario: what `[stability].previous_plan` is read as."""
