"""Shadow prices in a planner's words: what one more unit of what is worth, and how that is known."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from optimizer.report.words import amount, count, money
from optimizer.tables.tables import Table

STOCK = "warehouse_stock"
LINKS = frozenset(["warehouse_opening"])
"""Coupling rows that tie decisions together and mean nothing to a planner by themselves."""

SUBJECTS = {
    STOCK: "{product_id} at {warehouse_id}",
    "warehouse_capacity_units": "capacity in units of {warehouse_id}",
    "warehouse_capacity_lines": "capacity in lines of {warehouse_id}",
    "warehouse_capacity_shipments": "capacity in shipments of {warehouse_id}",
    "warehouse_capacity_kg": "capacity in kg of {warehouse_id}",
    "lane_capacity_units": "units on the lane {warehouse_id} → {zone_id} ({service_id})",
    "lane_capacity_shipments": "shipments on the lane {warehouse_id} → {zone_id} ({service_id})",
    "lane_capacity_kg": "kg on the lane {warehouse_id} → {zone_id} ({service_id})",
    "contract_minimum": "minimum of contract {contract_id}",
    "contract_quota": "quota of contract {contract_id}",
    "service_floor": "service floor {scope}",
}
MEASURES = {"units": "unit", "lines": "line", "shipments": "shipment", "kg": "kg", "weighted units": "weighted unit"}
BASES = {
    "lp_relaxation": "price of the relaxation",
    "fixed_shipments": "exact, shipments as planned",
    "local": "re-solved nearby",
    "global": "re-solved in full",
}
"""How a value is known, for the eye; the codes stand in `shadow_prices`."""
UNCOUNTED = frozenset(["kg"])


@dataclass(frozen=True)
class Price:
    """One row of `shadow_prices` that is worth showing. ``gain`` and ``loss`` are None where no re-solve was made."""

    family: str
    subject: str
    unit: str
    rhs: Fraction
    price: Fraction
    gain: Fraction | None
    loss: Fraction | None
    basis: str
    verified: bool

    @property
    def headline(self) -> Fraction:
        """What one unit more changes: the re-solved value where there is one, else the price."""
        return self.price if self.gain is None else self.gain

    def sentence(self, currency: str) -> str:
        """The row as one sentence."""
        one = "One more unit of" if self.family == STOCK else f"One more {self.unit} of"
        if self.family == "contract_minimum":
            one = "One more unit in the"
        if self.family == "service_floor":
            one = "One more weighted unit in the"
        effect = self.headline
        verb = "is worth" if effect >= 0 else "costs"
        text = f"{one} {self.subject} {verb} {money(abs(effect), currency)}"
        if self.gain is None:
            return text + ", by its price alone (not re-solved)."
        if self.loss is not None and self.loss != self.gain:
            fewer = "costs" if self.loss >= 0 else "is worth"
            text += f"; one fewer {fewer} {amount(abs(self.loss), currency)}"
        return text + "."


def prices(table: Table | None, most: int = 200) -> list[Price]:
    """The ``most`` rows with the largest values (ties by name); rows worth nothing and links are left out."""
    if table is None or len(table) == 0:
        return []
    gains, costs = (np.where(table.given(name), table[name].floats(), 0.0) for name in ("gain_plus_one", "price"))
    size = np.maximum(np.abs(gains), np.abs(costs))
    size[np.isin(table["family"].astype(str), sorted(LINKS))] = 0.0
    largest = np.argsort(-size, kind="stable")[:most]
    rows = [_price(table, int(row)) for row in largest if size[row] > 0]
    return sorted(rows, key=lambda price: (-abs(price.headline), -abs(price.price), price.family, price.subject))


def _price(table: Table, row: int) -> Price:
    family = str(table["family"][row])
    keys = {
        name: str(values[row])
        for name, values in table.columns.items()
        if not hasattr(values, "fractions") and values.dtype.kind == "O"
    }
    return Price(
        family=family,
        subject=SUBJECTS.get(family, family).format_map(_Blank(keys)),
        unit=MEASURES.get(keys.get("unit", ""), keys.get("unit") or "unit"),
        rhs=_exact(table, "rhs", row) or Fraction(0),
        price=_exact(table, "price", row) or Fraction(0),
        gain=_exact(table, "gain_plus_one", row),
        loss=_exact(table, "loss_minus_one", row),
        basis=keys.get("value_basis") or keys.get("price_basis", ""),
        verified=bool(table["verified"][row]) if "verified" in table.columns else False,
    )


class _Blank(dict[str, str]):
    """A key that a row does not have reads as a dash, never as an error on a planner's page."""

    def __missing__(self, key: str) -> str:
        return "–"


def _exact(table: Table, column: str, row: int) -> Fraction | None:
    if column not in table.columns or not table.given(column)[row]:
        return None
    values: Any = table[column]
    return values.item(row) if hasattr(values, "fractions") else Fraction(int(values[row]))


def rhs_text(price: Price) -> str:
    """The limit as it stands, with its unit."""
    return f"{count(price.rhs)} {price.unit if price.rhs == 1 or price.unit in UNCOUNTED else price.unit + 's'}"
