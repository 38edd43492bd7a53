"""The tables of a batch: orders, lines, products, customers, warehouses, stock, lanes, rules and pins."""

from __future__ import annotations

from decimal import Decimal

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
)

_ORDERS = TableSchema(
    "orders",
    "what customers want delivered together",
    (
        reference_id("order_id", "the order", key=True),
        reference_id("customer_id", "who ordered", "customers"),
        reference_id("zone_id", "where it goes: a delivery zone of `lanes`"),
        text("channel", "how it was sold (web, store, ...)"),
        Column("order_date", "date", "when it was placed"),
        Column("due_date", "date", "when it should arrive; later costs `late_penalty_per_unit_day`"),
        Column("cancel_date", "date", "what would arrive later is not wanted"),
        count("priority", "rank, 1 is first; acts only through `service.priority_weight`", 1, default=3),
        amount(
            "service_weight", "weight of its service; blank: customer's × tier's × priority's", "factor", magnitude=True
        ),
        Column(
            "delivery_policy",
            "enum",
            "whether it may ship in part, each line only whole, or all lines only together and whole",
            default="partial",
            choices=("partial", "line_complete", "order_complete"),
        ),
        count("max_shipments", "most shipments it may be split into; blank: no limit", 1, unit="shipments"),
        text("service_id", "only this service"),
        text("service_level", "only services of this level"),
        Column("frozen", "flag", "its rows of the previous plan are kept exactly as they are", default=False),
        text("hold", "a reason (such as `credit`) for which it gets nothing now"),
    ),
    required=True,
)

_ORDER_LINES = TableSchema(
    "order_lines",
    "the products and quantities of each order",
    (
        reference_id("order_id", "the order", "orders", key=True),
        reference_id("line_id", "the line within its order", key=True),
        reference_id("product_id", "what is ordered", "products"),
        count("qty", "ordered quantity", 1, required=True, unit="units", magnitude=True),
        amount("unit_price", "selling price", "money/unit", magnitude=True),
        amount("unit_margin", "profit; blank: unit_price − unit_cost", "money/unit", minimum=None, magnitude=True),
        count("min_fill_qty", "nothing, or at least this much of the line", default=0, unit="units"),
        count("lot_multiple", "quantities per warehouse are multiples of this", 1, default=1, unit="units"),
        amount("weight_kg", "weight of the whole line; blank: qty × unit weight", "kg"),
        amount(
            "late_penalty_per_unit_day",
            "cost of each unit and day after due_date",
            "money/unit/day",
            default=ZERO,
            magnitude=True,
        ),
    ),
    required=True,
)

_PRODUCTS = TableSchema(
    "products",
    "what is sold; without this table every product has the defaults",
    (
        reference_id("product_id", "the product", key=True),
        text("family", "product family, for rules"),
        amount("unit_cost", "what a unit costs us", "money/unit", magnitude=True),
        amount("unit_weight_kg", "weight", "kg/unit", default=ZERO, magnitude=True),
        amount(
            "unit_volume_m3", "volume, for lanes that charge by it (kg_per_m3)", "m³/unit", default=ZERO, magnitude=True
        ),
        count("case_pack", "units of a case; only whole cases ship", 1, default=1, unit="units"),
        amount("order_cost", "cost of one replenishment, for the quantity to buy", magnitude=True),
        amount(
            "holding_cost_per_unit_year",
            "of keeping a unit, for the quantity to buy",
            "money/unit/year",
            magnitude=True,
        ),
    ),
)

_CUSTOMERS = TableSchema(
    "customers",
    "who orders; without this table every customer has the defaults",
    (
        reference_id("customer_id", "the customer", key=True),
        text("tier", "loyalty or service tier, for weights and rules"),
        text("segment", "market segment, for rules"),
        amount("service_weight", "weight of service to this customer", "factor", default=ONE, magnitude=True),
        amount("credit_limit", "most goods, at unit_price, allocated in the batch; blank: no limit", magnitude=True),
        days("min_remaining_life_days", "shortest remaining life of goods on arrival", default=0),
    ),
)

_WAREHOUSES = TableSchema(
    "warehouses",
    "where goods leave from",
    (
        reference_id("warehouse_id", "the warehouse", key=True),
        Column("latitude", "decimal", "for maps", minimum=Decimal(-90), maximum=Decimal(90), unit="degrees"),
        Column("longitude", "decimal", "for maps", minimum=Decimal(-180), maximum=Decimal(180), unit="degrees"),
        *capacities("it", ("units", "lines", "shipments", "kg")),
        amount("handling_cost_per_unit", "cost of picking a unit", "money/unit", default=ZERO, magnitude=True),
        amount("fixed_open_cost", "paid once if it ships anything", default=ZERO, magnitude=True),
        Column("is_open", "flag", "whether it may ship at all", default=True),
    ),
    required=True,
)

_STOCK = TableSchema(
    "stock",
    "what is on the shelves; available = on hand − reserved − safety stock, at least 0",
    (
        reference_id("warehouse_id", "where", "warehouses", key=True),
        reference_id("product_id", "what", "products", key=True),
        text("lot_id", "the lot; blank: goods that are not kept by lot", key=True),
        count("on_hand_qty", "on the shelf", required=True, unit="units", magnitude=True),
        count("reserved_qty", "of that, promised elsewhere", default=0, unit="units", magnitude=True),
        count("safety_stock_qty", "of that, kept back", default=0, unit="units", magnitude=True),
        Column("expiry_date", "date", "last day on which the lot may leave; blank: none"),
        amount(
            "holding_value_per_unit", "earned by moving an old unit now", "money/unit", default=ZERO, magnitude=True
        ),
    ),
    required=True,
)

_LANES = TableSchema(
    "lanes",
    "which warehouse delivers to which zone, by which service, at what cost",
    (
        reference_id("warehouse_id", "from", "warehouses", key=True),
        reference_id("zone_id", "to", key=True),
        text("service_id", "by which service", key=True, default="standard"),
        text("service_level", "kind of service (`same_day`, ...), for orders that ask for one"),
        amount("fixed_cost", "of each shipment", "money/shipment", default=ZERO, magnitude=True),
        amount("cost_per_unit", "of each unit", "money/unit", default=ZERO, magnitude=True),
        amount("cost_per_kg", "of each kg", "money/kg", default=ZERO, magnitude=True),
        amount("min_charge", "least freight of a shipment", "money/shipment", default=ZERO, magnitude=True),
        amount("kg_per_m3", "chargeable weight of a m³: the larger of weight and this counts; blank: weight", "kg/m³"),
        days("transit_days", "calendar days on the road", default=0),
        *capacities("the lane", ("units", "kg", "shipments")),
    ),
    required=True,
)

_ELIGIBILITY = TableSchema(
    "eligibility",
    "what a warehouse may or must serve only",
    (
        reference_id("rule_id", "the rule", key=True),
        reference_id("warehouse_id", "the warehouse it binds", "warehouses"),
        *scope_columns(),
        Column(
            "mode",
            "enum",
            "`only`: the warehouse serves nothing else of that kind; `forbid`: it does not serve this",
            required=True,
            choices=("only", "forbid"),
        ),
    ),
)

_CONTRACTS = TableSchema(
    "contracts",
    "promised minimums and quotas over the ordered units of all lines in scope",
    (
        reference_id("contract_id", "the contract", key=True),
        *scope_columns(),
        count("min_qty", "least units to allocate", unit="units"),
        Column("min_fill_rate", "decimal", "least share of the ordered units", minimum=ZERO, maximum=ONE, unit="share"),
        count("max_qty", "most units to allocate: a quota", unit="units"),
        amount("shortfall_penalty", "cost of each unit short of the minimum; blank: it must hold", "money/unit"),
    ),
)

_PINS = TableSchema(
    "pins",
    "a planner's decisions, kept by every run",
    (
        reference_id("order_id", "the order", "orders", key=True),
        reference_id("line_id", "its line", key=True),
        reference_id("warehouse_id", "from which warehouse", "warehouses", key=True),
        Column(
            "mode",
            "enum",
            "how `qty` binds what the line gets from there",
            key=True,
            required=True,
            choices=("exactly", "at_least", "at_most", "forbid"),
        ),
        count("qty", "the quantity; blank only for `forbid`", unit="units"),
        text("service_id", "only by this service; blank: over all services"),
        Column("ship_date", "date", "only what leaves on this day; blank: on any"),
        text("lot_id", "only what is taken from this lot of the product shipped; blank: from any"),
        text("reason", "why, for the record"),
    ),
)

BATCH = (_ORDERS, _ORDER_LINES, _PRODUCTS, _CUSTOMERS, _WAREHOUSES, _STOCK, _LANES, _ELIGIBILITY, _CONTRACTS, _PINS)
