"""The column contracts: what each table holds, its keys, types, defaults, ranges and references.

The one place that knows the columns; readers, checks and ``docs/data.md`` all follow it.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

Kind = Literal["text", "int", "decimal", "date", "flag", "enum"]

MAX_WHOLE = 10**12
"""Largest whole number in a cell: the total of four million such cells still fits a machine integer."""

MAX_DIGITS = 30
"""Most digits before, and most digits after, the decimal point."""

LATER = "not available in this version"


@dataclass(frozen=True)
class Column:
    """One column. ``default`` is the value of a blank cell (None: blank means "not stated")."""

    name: str
    kind: Kind
    meaning: str
    key: bool = False
    required: bool = False
    default: Any = None
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    reference: str | None = None
    choices: tuple[str, ...] = ()
    unit: str = ""
    later: bool = False
    magnitude: bool = False

    @property
    def range_text(self) -> str:
        """The allowed range in words; empty where any value is allowed."""
        low, high = self.minimum, self.maximum
        if low is not None and high is not None:
            return f"from {low} to {high}"
        return f"{low} or more" if low is not None else (f"at most {high}" if high is not None else "")


@dataclass(frozen=True)
class TableSchema:
    """One table and its columns in the order of the contract."""

    name: str
    meaning: str
    columns: tuple[Column, ...]
    required: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """The key columns that are read in this version."""
        return tuple(column.name for column in self.columns if column.key and not column.later)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column | None:
        """The column of that name, if the contract has it."""
        return next((column for column in self.columns if column.name == name), None)


ZERO, ONE, HUNDRED_YEARS = Decimal(0), Decimal(1), Decimal(36500)


def _text(name: str, meaning: str, **more: Any) -> Column:
    return Column(name, "text", meaning, **more)


def _id(name: str, meaning: str, reference: str | None = None, **more: Any) -> Column:
    return Column(name, "text", meaning, required=True, reference=reference, **more)


def _count(name: str, meaning: str, minimum: int = 0, **more: Any) -> Column:
    return Column(name, "int", meaning, minimum=Decimal(minimum), maximum=Decimal(MAX_WHOLE), **more)


def _amount(name: str, meaning: str, unit: str = "money", **more: Any) -> Column:
    more.setdefault("minimum", ZERO)
    return Column(name, "decimal", meaning, unit=unit, **more)


def _scope() -> tuple[Column, ...]:
    """Who and what a rule is about: filled columns must all match, blank matches everything."""
    who = (
        _text("customer_id", "only this customer", reference="customers"),
        _text("segment", "only customers of this segment"),
        _text("tier", "only customers of this tier"),
        _text("channel", "only orders of this channel"),
        _text("zone_id", "only orders to this zone"),
        _text("order_id", "only this order", reference="orders"),
    )
    return (*who, _text("product_id", "only this product", reference="products"), _text("family", "only this family"))


def _capacities(of: str, names: tuple[str, ...]) -> tuple[Column, ...]:
    units = {"units": "units", "lines": "order lines", "shipments": "shipments", "kg": "kg"}
    return tuple(
        _amount("capacity_kg", f"most weight {of} may ship in the batch; blank: no limit", "kg")
        if name == "kg"
        else _count(f"capacity_{name}", f"most {units[name]} {of} may ship in the batch; blank: no limit", unit=name)
        for name in names
    )


SCOPE_COLUMNS = tuple(column.name for column in _scope())

_ORDERS = TableSchema(
    "orders",
    "what customers want delivered together",
    (
        _id("order_id", "the order", key=True),
        _id("customer_id", "who ordered", "customers"),
        _id("zone_id", "where it goes: a delivery zone of `lanes`"),
        _text("channel", "how it was sold (web, store, ...)"),
        Column("order_date", "date", "when it was placed"),
        Column("due_date", "date", "when it should arrive; carried and reported"),
        Column("cancel_date", "date", "must never arrive later", later=True),
        _count("priority", "rank, 1 is first; acts only through `service.priority_weight`", 1, default=3),
        _amount(
            "service_weight", "weight of its service; blank: customer's × tier's × priority's", "factor", magnitude=True
        ),
        Column(
            "delivery_policy",
            "enum",
            "whether it may ship in part, each line only whole, or all lines only together and whole",
            default="partial",
            choices=("partial", "line_complete", "order_complete"),
        ),
        _count("max_shipments", "most shipments it may be split into; blank: no limit", 1, unit="shipments"),
        _text("service_id", "only this service"),
        _text("service_level", "only services of this level"),
        Column("frozen", "flag", "its rows of the previous plan are kept", later=True),
        _text("hold", "a reason (such as `credit`) for which it gets nothing now"),
    ),
    required=True,
)

_ORDER_LINES = TableSchema(
    "order_lines",
    "the products and quantities of each order",
    (
        _id("order_id", "the order", "orders", key=True),
        _id("line_id", "the line within its order", key=True),
        _id("product_id", "what is ordered", "products"),
        _count("qty", "ordered quantity", 1, required=True, unit="units", magnitude=True),
        _amount("unit_price", "selling price", "money/unit", magnitude=True),
        _amount("unit_margin", "profit; blank: unit_price − unit_cost", "money/unit", minimum=None, magnitude=True),
        _count("min_fill_qty", "nothing, or at least this much of the line", default=0, unit="units"),
        _count("lot_multiple", "quantities per warehouse are multiples of this", 1, default=1, unit="units"),
        _amount("weight_kg", "weight of the whole line; blank: qty × unit weight", "kg"),
        _amount("late_penalty_per_unit_day", "cost of lateness", "money/unit/day", later=True),
    ),
    required=True,
)

_PRODUCTS = TableSchema(
    "products",
    "what is sold; without this table every product has the defaults",
    (
        _id("product_id", "the product", key=True),
        _text("family", "product family, for rules"),
        _amount("unit_cost", "what a unit costs us", "money/unit", magnitude=True),
        _amount("unit_weight_kg", "weight", "kg/unit", default=ZERO, magnitude=True),
        _amount("unit_volume_m3", "volume; carried", "m³/unit", default=ZERO, magnitude=True),
        _count("case_pack", "units of a case; only whole cases ship", 1, default=1, unit="units"),
        _amount("order_cost", "cost of one replenishment", later=True),
        _amount("holding_cost_per_unit_year", "cost of keeping a unit for a year", "money/unit/year", later=True),
    ),
)

_CUSTOMERS = TableSchema(
    "customers",
    "who orders; without this table every customer has the defaults",
    (
        _id("customer_id", "the customer", key=True),
        _text("tier", "loyalty or service tier, for weights and rules"),
        _text("segment", "market segment, for rules"),
        _amount("service_weight", "weight of service to this customer", "factor", default=ONE, magnitude=True),
        _amount("credit_limit", "most goods allocated in the batch", later=True),
        _count("min_remaining_life_days", "shortest remaining life accepted", unit="days", later=True),
    ),
)

_WAREHOUSES = TableSchema(
    "warehouses",
    "where goods leave from",
    (
        _id("warehouse_id", "the warehouse", key=True),
        Column("latitude", "decimal", "for maps", minimum=Decimal(-90), maximum=Decimal(90), unit="degrees"),
        Column("longitude", "decimal", "for maps", minimum=Decimal(-180), maximum=Decimal(180), unit="degrees"),
        *_capacities("it", ("units", "lines", "shipments", "kg")),
        _amount("handling_cost_per_unit", "cost of picking a unit", "money/unit", default=ZERO, magnitude=True),
        _amount("fixed_open_cost", "paid once if it ships anything", default=ZERO, magnitude=True),
        Column("is_open", "flag", "whether it may ship at all", default=True),
    ),
    required=True,
)

_STOCK = TableSchema(
    "stock",
    "what is on the shelves; available = on hand − reserved − safety stock, at least 0",
    (
        _id("warehouse_id", "where", "warehouses", key=True),
        _id("product_id", "what", "products", key=True),
        _text("lot_id", "the lot", key=True, later=True),
        _count("on_hand_qty", "on the shelf", required=True, unit="units", magnitude=True),
        _count("reserved_qty", "of that, promised elsewhere", default=0, unit="units", magnitude=True),
        _count("safety_stock_qty", "of that, kept back", default=0, unit="units", magnitude=True),
        Column("expiry_date", "date", "last day of use", later=True),
        _amount("holding_value_per_unit", "earned by moving an old unit now", "money/unit", later=True),
    ),
    required=True,
)

_LANES = TableSchema(
    "lanes",
    "which warehouse delivers to which zone, by which service, at what cost",
    (
        _id("warehouse_id", "from", "warehouses", key=True),
        _id("zone_id", "to", key=True),
        _text("service_id", "by which service", key=True, default="standard"),
        _text("service_level", "kind of service (`same_day`, ...), for orders that ask for one"),
        _amount("fixed_cost", "of each shipment", "money/shipment", default=ZERO, magnitude=True),
        _amount("cost_per_unit", "of each unit", "money/unit", default=ZERO, magnitude=True),
        _amount("cost_per_kg", "of each kg", "money/kg", default=ZERO, magnitude=True),
        _amount("min_charge", "least freight of a shipment", "money/shipment", default=ZERO, magnitude=True),
        Column("transit_days", "int", "days on the road", default=0, minimum=ZERO, maximum=HUNDRED_YEARS, unit="days"),
        *_capacities("the lane", ("units", "kg", "shipments")),
    ),
    required=True,
)

_ELIGIBILITY = TableSchema(
    "eligibility",
    "what a warehouse may or must serve only",
    (
        _id("rule_id", "the rule", key=True),
        _id("warehouse_id", "the warehouse it binds", "warehouses"),
        *_scope(),
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
        _id("contract_id", "the contract", key=True),
        *_scope(),
        _count("min_qty", "least units to allocate", unit="units"),
        Column("min_fill_rate", "decimal", "least share of the ordered units", minimum=ZERO, maximum=ONE, unit="share"),
        _count("max_qty", "most units to allocate: a quota", unit="units"),
        _amount("shortfall_penalty", "cost of each unit short of the minimum; blank: it must hold", "money/unit"),
    ),
)

_PINS = TableSchema(
    "pins",
    "a planner's decisions, kept by every run",
    (
        _id("order_id", "the order", "orders", key=True),
        _id("line_id", "its line", key=True),
        _id("warehouse_id", "from which warehouse", "warehouses", key=True),
        Column(
            "mode",
            "enum",
            "how `qty` binds what the line gets from there",
            key=True,
            required=True,
            choices=("exactly", "at_least", "at_most", "forbid"),
        ),
        _count("qty", "the quantity; blank only for `forbid`", unit="units"),
        _text("service_id", "only by this service; blank: over all services"),
        Column("ship_date", "date", "the day it leaves", later=True),
        _text("lot_id", "the lot it is taken from", later=True),
        _text("reason", "why, for the record"),
    ),
)

TABLES: dict[str, TableSchema] = {
    table.name: table
    for table in (
        _ORDERS,
        _ORDER_LINES,
        _PRODUCTS,
        _CUSTOMERS,
        _WAREHOUSES,
        _STOCK,
        _LANES,
        _ELIGIBILITY,
        _CONTRACTS,
        _PINS,
    )
}

LATER_TABLES: dict[str, str] = {
    "inbound": "expected receipts",
    "rate_bands": "weight-break tariffs",
    "reserves": "stock held back for some",
    "calendar": "working days and capacities by day",
    "substitutions": "products that may replace others",
    "kits": "products made of components",
    "transfers": "moves between warehouses",
    "budgets": "limits on spending",
    "fair_share": "equal fill among parties",
    "history": "past demand",
}
"""Tables that the contract has and this version refuses."""
