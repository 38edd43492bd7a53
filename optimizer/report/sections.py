"""Rows of the report's smaller sections: warehouses, contracts, nested settings laid flat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from optimizer.report import jsonx, words
from optimizer.report.bundle import RunBundle
from optimizer.solution.ledger import Ledger
from optimizer.solution.stock_use import available_units

CAPACITIES = {"units": "units", "lines": "lines", "shipments": "shipments", "kg": "kg"}
SCOPE_COLUMNS = ("customer_id", "segment", "tier", "channel", "zone_id", "order_id", "product_id", "family")


def flat(value: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Nested settings as ``(dotted key, text)``, in their order."""
    rows: list[tuple[str, str]] = []
    for key, item in value.items():
        if isinstance(item, Mapping):
            rows += [(f"{key}.{deeper}", text) for deeper, text in flat(item)]
        else:
            rows.append((key, _text(item)))
    return rows


def _text(item: Any) -> str:
    if isinstance(item, str):
        return item
    if isinstance(item, Sequence) and not isinstance(item, bytes):
        return "; ".join(_text(part) for part in item)
    if isinstance(item, Mapping):
        return ", ".join(f"{key} {text}" for key, text in flat(item))
    return jsonx.scalar(item) or ""


def warehouse_rows(bundle: RunBundle, ledger: Ledger) -> list[dict[str, Any]]:
    """Each warehouse: units out, share of its available stock used, and each limited capacity."""
    inputs, table = bundle.inputs, bundle.tables["warehouses"]
    stock = available_units(ledger)
    of_id = dict(zip(inputs.warehouses["warehouse_id"].tolist(), stock.tolist(), strict=True))
    rows = []
    for row, name in enumerate(table["warehouse_id"].tolist()):
        units, available = int(table["used_units"][row]), of_id.get(name, 0)
        rows.append({
            "name": name,
            "units": units,
            "stock": available,
            "stock_rate": Fraction(units, available) if available else None,
            "capacities": [found for unit in CAPACITIES if (found := _capacity(bundle, row, unit))],
        })  # fmt: skip
    return rows


def _capacity(bundle: RunBundle, row: int, unit: str) -> dict[str, Any] | None:
    """Used share of one capacity of a warehouse; None where it has no limit."""
    table = bundle.tables["warehouses"]
    if not table.given(f"capacity_{unit}")[row]:
        return None
    used, limit = _exact(table[f"used_{unit}"], row), _exact(table[f"capacity_{unit}"], row)
    rate = used / limit if limit else Fraction(1 if used else 0)
    return {"rate": rate, "text": f"{words.count(used)} of {words.count(limit)} {CAPACITIES[unit]}"}


def _exact(values: Any, row: int) -> Fraction:
    return values.item(row) if hasattr(values, "fractions") else Fraction(int(values[row]))


def contract_rows(bundle: RunBundle) -> list[dict[str, Any]]:
    """Contracts, the missed ones first: who and what, required, allocated, and what one unit more or less would do."""
    table, terms, currency = bundle.tables["contracts"], bundle.inputs.contracts, bundle.scenario.currency
    at = {name: row for row, name in enumerate(terms["contract_id"].tolist())}
    rows = []
    for row, name in enumerate(table["contract_id"].tolist()):
        source = at[name]
        required, allocated, missing = (
            int(table[key][row]) for key in ("required_qty", "allocated_qty", "shortfall_qty")
        )
        quota = int(terms["max_qty"][source]) if terms.given("max_qty")[source] else None
        met = missing == 0 and (quota is None or allocated <= quota)
        rows.append({
            "name": name,
            "scope": scope_text(terms, source),
            "required": required,
            "quota": quota,
            "allocated": allocated,
            "missing": missing,
            "met": met,
            "hard": not terms.given("shortfall_penalty")[source],
            "price": words.amount(table["shadow_price"].item(row), currency)
            if table.given("shadow_price")[row] else "–",
        })  # fmt: skip
    return sorted(rows, key=lambda found: (found["met"], -found["missing"], found["name"]))


def scope_text(terms: Any, row: int) -> str:
    """Who and what a rule is about, in words."""
    filled = [(name.removesuffix("_id"), str(terms[name][row])) for name in SCOPE_COLUMNS if terms[name][row]]
    return ", ".join(f"{name} {value}" for name, value in filled) or "everything"
