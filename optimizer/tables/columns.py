"""What a column contract is made of: kinds, ranges, and the columns that several tables share."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

Kind = Literal["text", "int", "decimal", "date", "flag", "enum"]

MAX_WHOLE = 10**12
"""Largest whole number in a cell: the total of four million such cells still fits a machine integer."""

MAX_DIGITS = 30
"""Most digits before, and most digits after, the decimal point."""


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
    adds_up: bool = False
    """Rows with equal keys are allowed: their quantities add up."""

    @property
    def keys(self) -> tuple[str, ...]:
        """The key columns, in the order in which rows are sorted."""
        return tuple(column.name for column in self.columns if column.key)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column | None:
        """The column of that name, if the contract has it."""
        return next((column for column in self.columns if column.name == name), None)


ZERO, ONE, HUNDRED_YEARS = Decimal(0), Decimal(1), Decimal(36500)


def text(name: str, meaning: str, **more: Any) -> Column:
    """Free text or an id, kept to the letter."""
    return Column(name, "text", meaning, **more)


def reference_id(name: str, meaning: str, reference: str | None = None, **more: Any) -> Column:
    """An id that every row must have."""
    return Column(name, "text", meaning, required=True, reference=reference, **more)


def count(name: str, meaning: str, minimum: int = 0, **more: Any) -> Column:
    """A whole number from ``minimum``."""
    return Column(name, "int", meaning, minimum=Decimal(minimum), maximum=Decimal(MAX_WHOLE), **more)


def days(name: str, meaning: str, **more: Any) -> Column:
    """A number of days, at most a hundred years."""
    return Column(name, "int", meaning, minimum=ZERO, maximum=HUNDRED_YEARS, unit="days", **more)


def amount(name: str, meaning: str, unit: str = "money", **more: Any) -> Column:
    """A decimal, 0 or more unless said otherwise."""
    more.setdefault("minimum", ZERO)
    return Column(name, "decimal", meaning, unit=unit, **more)


def who_columns() -> tuple[Column, ...]:
    """Whom a rule is about: filled columns must all match, blank matches everybody."""
    return (
        text("customer_id", "only this customer", reference="customers"),
        text("segment", "only customers of this segment"),
        text("tier", "only customers of this tier"),
        text("channel", "only orders of this channel"),
        text("zone_id", "only orders to this zone"),
        text("order_id", "only this order", reference="orders"),
    )


def what_columns() -> tuple[Column, ...]:
    """Which products a rule is about; blank: all."""
    return (text("product_id", "only this product", reference="products"), text("family", "only this family"))


def scope_columns() -> tuple[Column, ...]:
    """Who and what a rule is about."""
    return (*who_columns(), *what_columns())


def capacities(of: str, names: tuple[str, ...], period: str = "in the batch") -> tuple[Column, ...]:
    """Limits on what ``of`` ships; blank: none."""
    units = {"units": "units", "lines": "order lines", "shipments": "shipments", "kg": "kg"}
    return tuple(
        amount("capacity_kg", f"most weight {of} may ship {period}; blank: no limit", "kg")
        if name == "kg"
        else count(f"capacity_{name}", f"most {units[name]} {of} may ship {period}; blank: no limit", unit=name)
        for name in names
    )


SCOPE_COLUMNS = tuple(column.name for column in scope_columns())
