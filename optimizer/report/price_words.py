"""Shadow prices in a planner's words: what one more unit of what is worth, and how that is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.report.words import count, money
from optimizer.tables.tables import Table

STOCK = "warehouse_stock"
LINKS = frozenset(["warehouse_opening"])
"""Coupling rows that tie decisions together and mean nothing to a planner by themselves."""

DAY = "capacity of {warehouse_id} on {date}"
SUBJECTS = {
    STOCK: "{product_id} at {warehouse_id}",
    "warehouse_capacity_units": "capacity of {warehouse_id}",
    "warehouse_capacity_lines": "capacity of {warehouse_id}",
    "warehouse_capacity_shipments": "capacity of {warehouse_id}",
    "warehouse_capacity_kg": "capacity of {warehouse_id}",
    "lane_capacity_units": "capacity of the lane {warehouse_id} → {zone_id} ({service_id})",
    "lane_capacity_shipments": "capacity of the lane {warehouse_id} → {zone_id} ({service_id})",
    "lane_capacity_kg": "capacity of the lane {warehouse_id} → {zone_id} ({service_id})",
    "contract_minimum": "minimum of contract {contract_id}",
    "contract_quota": "quota of contract {contract_id}",
    "service_floor": "service floor {scope}",
    "lot_stock": "lot {lot_id} of {product_id} at {warehouse_id}",
    **dict.fromkeys((f"day_capacity_{unit}" for unit in ("units", "lines", "shipments", "kg")), DAY),
    "reserve": "what reserve {reserve_id} leaves to others",
    "credit_limit": "credit of {customer_id}",
    "budget": "budget {budget_id}",
    "transfer_capacity": "capacity of the transfer {from_warehouse_id} → {to_warehouse_id}",
    "transfer_source": "{product_id} that {from_warehouse_id} may move",
    "fair_share": "fair share {group_id} of {party}",
    "objective_stage": "goal of stage {stage}",
}
"""What a row of each family limits; rows of a family that differ by date alone say theirs besides."""
MONEY = "unit of money"
MEASURES = {
    "units": "unit", "lines": "line", "shipments": "shipment", "kg": "kg", "money": MONEY,
    "weighted units": "weighted unit", "weighted lines": "weighted line", "weighted orders": "weighted order",
}  # fmt: skip
BASES = {
    "lp_relaxation": "price alone",
    "incomplete": "price alone, not converged",
    "lagrangian": "price of the bound that the engine proved",
    "cannot_bind": "nobody can use more",
    "fixed_shipments": "exact, shipments as planned",
    "local": "re-solved nearby",
    "global": "re-solved in full",
}
"""How a value is known, for the eye; the codes stand in `shadow_prices`."""
MORE = {
    "contract_minimum": "unit in the", "service_floor": "weighted unit in the", "contract_quota": "unit in the",
    "objective_stage": "in the",
}  # fmt: skip
"""How one more of a limit is said where it is not simply "unit of"."""
UNCOUNTED = frozenset(["kg"])


@dataclass(frozen=True)
class Price:
    """One row of `shadow_prices` that is worth showing.

    ``gain`` and ``loss`` are None where no re-solve verified them, or where one more or fewer allows no plan.
    """

    family: str
    subject: str
    unit: str
    rhs: Fraction
    price: Fraction
    gain: Fraction | None
    loss: Fraction | None
    basis: str

    def sentence(self, currency: str) -> str:
        """The row as one sentence: what this plan would gain and lose, or the price alone where nobody re-solved."""
        what = f"One more {MORE.get(self.family, self.unit + ' of')} {self.subject}"
        if self.gain is None:
            return f"{what}: price {money(self.price, currency)}, not re-solved."
        text = f"{what} {_effect(self.gain, currency)}"
        if self.loss is not None:
            text += f", one fewer {_effect(-self.loss, currency)}"
        if self.basis == "local":
            text += ", if only orders nearby may change"
        return f"{text}; price {money(self.price, currency)}."


def _effect(change: Fraction, currency: str) -> str:
    if not change:
        return "changes nothing"
    return f"{'is worth' if change > 0 else 'costs'} {money(abs(change), currency)}"


def prices(table: Table | None, most: int = 200) -> list[Price]:
    """The ``most`` rows with the largest prices or gains, by price (ties by name); links and idle rows are left out."""
    if table is None or len(table) == 0:
        return []
    gains, costs = (np.where(table.given(name), table[name].floats(), 0.0) for name in ("gain_plus_one", "price"))
    size = np.maximum(np.abs(gains), np.abs(costs))
    size[np.isin(table["family"].astype(str), sorted(LINKS))] = 0.0
    largest, dated = np.argsort(-size, kind="stable")[:most], _dated(table)
    rows = [_price(table, int(row), bool(dated[row])) for row in largest if size[row] > 0]
    return sorted(rows, key=lambda row: (-abs(row.price), -abs(row.gain or 0), row.family, row.subject))


def _texts(table: Table) -> dict[str, NDArray[np.object_]]:
    """The text columns, by name."""
    kinds = {name: values for name, values in table.columns.items() if not isinstance(values, Exact)}
    return {name: values for name, values in kinds.items() if values.dtype.kind == "O"}


def _dated(table: Table) -> NDArray[np.bool_]:
    """Rows that their date alone tells apart from another of their family."""
    if "date" not in table.columns:
        return np.zeros(len(table), dtype=bool)
    told = ("date", "unit", "price_basis", "value_basis", "verified")
    keys = [values.astype(str) for name, values in _texts(table).items() if name not in told]
    of_row = np.zeros(len(table), dtype=np.int64)
    for key in keys:
        names, code = np.unique(key, return_inverse=True)
        of_row = np.unique(of_row * len(names) + code.reshape(-1), return_inverse=True)[1].reshape(-1)
    twice, stated = np.bincount(of_row)[of_row] > 1, table["date"] != ""
    by_day = np.char.startswith(table["family"].astype(str), "day_")
    return np.asarray(twice & stated & ~by_day, dtype=bool)


def _price(table: Table, row: int, dated: bool) -> Price:
    family = str(table["family"][row])
    keys = {name: str(values[row]) for name, values in _texts(table).items()}
    subject = SUBJECTS.get(family, family).format_map(_Blank(keys)) + (f" from {keys['date']}" if dated else "")
    resolved = keys.get("verified") != "no"
    return Price(
        family=family,
        subject=subject,
        unit=MEASURES.get(keys.get("unit", ""), keys.get("unit", "").replace("_", " ") or "unit"),
        rhs=_exact(table, "rhs", row) or Fraction(0),
        price=_exact(table, "price", row) or Fraction(0),
        gain=_exact(table, "gain_plus_one", row) if resolved else None,
        loss=_exact(table, "loss_minus_one", row) if resolved else None,
        basis=keys.get("value_basis") or keys.get("price_basis", ""),
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


def subject(keys: Mapping[Any, Any]) -> str:
    """What a priced row is about, in words, with its date where it has one. ``keys``: its family and what names it."""
    texts = {str(name): str(text) for name, text in keys.items()}
    known, date = SUBJECTS.get(texts["family"]), texts.get("date", "")
    text = known.format_map(_Blank(texts)) if known else " ".join(filter(None, texts.values()))
    return f"{text} from {date}" if date and date not in text else text


def rhs_text(price: Price, currency: str) -> str:
    """The limit as it stands, with its unit."""
    if price.unit == MONEY:
        return money(price.rhs, currency)
    is_name = price.unit in UNCOUNTED or price.family == "objective_stage"
    return f"{count(price.rhs)} {price.unit if price.rhs == 1 or is_name else price.unit + 's'}"
