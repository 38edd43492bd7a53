"""Numbers and findings in words: the one place where something is rounded, and only for the eye."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import Any

from optimizer.exact import decimal_text, money_text, round_half_even

MINOR_UNITS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV"), 0),
    **dict.fromkeys(("XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}
"""Decimals of currencies that do not have two (ISO 4217)."""

Amount = int | Decimal | Fraction


def number(value: Any) -> Fraction | None:
    """A value of `run.json` as an exact number, None if it is absent or not one."""
    if isinstance(value, int | Decimal | Fraction) and not isinstance(value, bool):
        return Fraction(value) if not isinstance(value, Decimal) or value.is_finite() else None
    return None


def money(value: Amount, currency: str) -> str:
    """``1,234.50 EUR``: minor units, half-even, thousands separated."""
    return f"{amount(value, currency)} {currency}"


def amount(value: Amount, currency: str) -> str:
    """Money without its currency, for columns whose header names it; a true minus sign."""
    text = money_text(Fraction(value), MINOR_UNITS.get(currency, 2))
    return text.replace("-", "−") if text.strip("-0.,") else text.removeprefix("-")


def count(value: Amount) -> str:
    """A quantity: thousands separated, at most three decimals."""
    return f"{Decimal(decimal_text(Fraction(round_half_even(Fraction(value) * 1000), 1000))):,f}".replace("-", "−")


def percent(rate: Fraction | None) -> str:
    """A rate with one decimal; what is short of everything never reads 100 %, what is something never 0 %."""
    if rate is None:
        return "–"
    tenths = round_half_even(rate * 1000)
    if rate > 0 and tenths == 0:
        return "< 0.1 %"
    if rate < 1 and tenths >= 1000:
        return "> 99.9 %"
    return f"{Decimal(tenths).scaleb(-1):,.1f} %".replace("-", "−")


def gap(rate: Fraction) -> str:
    """A relative gap as a percentage, rounded *up* to two digits so that "at most" stays true."""
    if rate <= 0:
        return "0 %"
    digits = 0
    while rate * 100 * 10**digits < 10 and digits < 8:
        digits += 1
    return f"{Decimal(ceil(rate * 100 * 10**digits)).scaleb(-digits).normalize():f} %"


def plural(many: int, one: str, more: str | None = None) -> str:
    """``1 rule``, ``23 rules``."""
    return f"{many:,} {one if many == 1 else more or one + 's'}"


def title(name: str) -> str:
    """``unit_fill_rate`` → ``Unit fill rate``, the abbreviations kept."""
    text = name.replace("_", " ").strip()
    text = text[:1].upper() + text[1:]
    return {"Otif rate": "OTIF rate"}.get(text, text)


def headline(run: Mapping[str, Any], currency: str) -> tuple[str, str, str]:
    """What the plan is worth, what no plan can exceed, and what the engine adds to that; empty where unknown."""
    value, proven, claimed = (number(run.get(key)) for key in ("objective_value", "certified_bound", "best_bound"))
    if value is None:
        return "", "", ""
    worth = f"This plan is worth {money(value, currency)}."
    if proven is None:
        limit = "" if claimed is None else f"The engine says that {_limit(value, claimed, currency)}"
        return worth, limit, ""
    text = _limit(value, proven, currency)
    limit = text[:1].upper() + text[1:]
    tighter = claimed is not None and claimed < proven
    engine = f"The engine itself goes further: {_limit(value, claimed, currency)}" if tighter and claimed else ""
    return worth, limit, engine


def _limit(value: Fraction, bound: Fraction, currency: str) -> str:
    better = bound - value
    if better <= 0:
        return "no plan can be worth more."
    relative = gap(better / max(abs(value), Fraction(1, 10**9)))
    minor = Fraction(1, 10 ** MINOR_UNITS.get(currency, 2))
    if better < minor:
        return "no plan can be worth one minor unit more."
    if abs(value) < minor:
        return f"no plan can be worth more than {money(bound, currency)}."
    return (
        f"no plan can be worth more than {money(bound, currency)}: at most {relative} "
        f"({money(better, currency)}) better."
    )


LIMIT_WORDS = {
    "time": "the time limit",
    "memory": "the memory limit",
    "node": "the work limit",
    "interrupted": "an interruption",
    "other": "a limit of the engine",
}


def soft_words(run: Mapping[str, Any]) -> str:
    """Which hard rules were lowered so that there is a plan; empty if none was."""
    lowered = "; ".join(str(repair["words"]) for repair in run.get("softened") or ())
    return f"The hard rules could not all hold, so this plan keeps lower ones: {lowered}." if lowered else ""


def share_cost(cost: Mapping[str, Any] | None, currency: str) -> str:
    """What a fair share costs, against the best plan found without it, and how sure that is."""
    if cost is None:
        return "what it costs was not looked for in time"
    text = f"it costs {money(cost['cost'], currency)} of value, {money(cost['margin_cost'], currency)} of it margin"
    minor = Fraction(1, 10 ** MINOR_UNITS.get(currency, 2))
    most, least = cost["at_most"], cost["at_least"]
    if most is None:
        return f"{text}; no bound says how much it could be at most"
    if most - least <= minor:
        return text
    return f"{text}; by the bounds of both plans between {amount(least, currency)} and {amount(most, currency)}"


def share_words(share: Mapping[str, Any], currency: str) -> str:
    """A fair share in one line."""
    least, most = percent(share["least_fill"]), percent(share["most_fill"])
    fills = least if least == most else f"{least} to {most}"
    return f"{share['group_id']}: {share['parties']} parties, fill {fills}; {share_cost(share['cost'], currency)}"


def status(run: Mapping[str, Any], has_plan: bool, verification: Mapping[str, Any] | None) -> tuple[str, str, str]:
    """``(level, word, sentence)``: good, warn or bad; a word for the badge; what it means, empty if all is well."""
    termination = run.get("termination") or {}
    reason, limit = termination.get("reason", ""), termination.get("limit", "")
    detail = f" {termination['detail']}" if termination.get("detail") else ""
    ended = LIMIT_WORDS.get(limit, "a limit")
    if verification is not None and not verification.get("passed", False):
        return "bad", "Rejected", "The independent check rejected this plan, so no plan is published." + detail
    if not has_plan:
        sentences = {
            "INFEASIBLE": "No plan can keep all hard rules at once; below is what contradicts what.",
            "NO_SOLUTION": f"No plan was found before {ended} ended the search. That does not mean that none exists.",
        }
        words = {"INFEASIBLE": "Infeasible", "NO_SOLUTION": "No plan found"}
        return "bad", words.get(reason, "Failed"), sentences.get(reason, "The run failed; there is no plan.") + detail
    if verification is None:
        return "bad", "Not verified", "This plan has not been checked independently. Do not release it." + detail
    if limit == "interrupted":
        return "warn", "Interrupted", "The run was interrupted: this is the best verified plan up to then." + detail
    softened = soft_words(run)
    if limit:
        ends = f"{ended[:1].upper()}{ended[1:]} ended the search; the gap is as stated."
        return "warn", "Limit hit", ends + detail + (f" {softened}" if softened else "")
    if softened:
        return "warn", "Softened", softened
    return "good", "Verified", ""
