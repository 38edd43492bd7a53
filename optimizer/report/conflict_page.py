"""What a page says of rules that cannot all hold: who clashes with whom, over what, and what the cheapest repair is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optimizer.report import words


def conflict_parts(conflict: Mapping[str, Any] | None, currency: str) -> dict[str, Any]:
    """The parts of the section on conflicts; all empty for a run without any."""
    told = conflict or {}
    clashes = [
        {
            "title": f"Conflict {number}: {clash['words']}" if len(told["conflicts"]) > 1 else _capital(clash["words"]),
            "rules": [_capital(rule["words"]) for rule in clash["rules"]],
            "limits": [_capital(limit["words"]) for limit in clash["limits"]],
            "shown": "Without any one of them the others can hold." if _minimal(clash) else "",
        }
        for number, clash in enumerate(told.get("conflicts") or (), start=1)
    ]
    named = {rule["words"] for clash in told.get("conflicts") or () for rule in clash["rules"]}
    others = [text for rule in told.get("rules") or () if (text := _rule(rule)) not in named]
    repair = told.get("repair")
    return {
        "clashes": clashes,
        "others": others,
        "repair": _repair_rows(repair, currency) if repair else [],
        "repair_says": _repair_words(repair, currency) if repair else [],
    }


def _minimal(clash: Mapping[str, Any]) -> bool:
    return bool(clash["irreducible"]) and len(clash["rules"]) > 1


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _rule(rule: Mapping[str, Any]) -> str:
    return str(rule.get("words") or ", ".join(f"{key} {value}" for key, value in rule.items()))


def _amount(value: Any, measure: str, currency: str) -> str:
    """Something given way, in the measure of the repair."""
    number = words.number(value)
    if number is None:
        return "–"
    return words.money(number, currency) if measure == currency else f"{words.count(number)} {measure}"


def _repair_rows(repair: Mapping[str, Any], currency: str) -> list[tuple[str, str, str]]:
    """``(what is lowered, what is given way, what that counts)`` for each rule that gives way."""
    return [
        (
            _capital(rule["words"]),
            f"{words.count(words.number(rule['given_way']) or 0)} {rule['unit']}",
            _amount(rule["amount"], repair["measure"], currency),
        )
        for rule in repair["rules"]
    ]


def _repair_words(repair: Mapping[str, Any], currency: str) -> list[str]:
    """How good the repair is, what the plan is worth with it, and what keeping the rest of the rules costs."""
    least = (
        "no repair gives way less" if repair["least_proven"] else "a smaller one may exist: the clock ended the search"
    )
    lines = [f"Given way in all: {_amount(repair['amount'], repair['measure'], currency)}; {least}."]
    value, change = words.number(repair["objective_value"]), words.number(repair["value_change"])
    if value is not None:
        lines.append(
            f"With it there is a plan worth {words.money(value, currency)}, found by {repair['verified_by']} in the "
            "repaired model."
        )
    if change is not None:
        lines.append(
            f"Without the lowered rules altogether the plan would be worth {words.money(-change, currency)} more."
            if change < 0
            else "Keeping what is left of the lowered rules costs nothing."
        )
    return lines
