"""Steps of limits in words: a table on a terminal, and the most that one should pay."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from optimizer.report import words
from optimizer.report.compare_text import grid
from optimizer.report.price_words import BASES, MEASURES
from optimizer.solution.price_steps import Step, SteppedRow

CENT = 0.005
"""Money below this is nothing."""


@dataclass(frozen=True)
class SteppedSubject:
    """A stepped limit and what it is in words."""

    subject: str
    row: SteppedRow

    @property
    def unit(self) -> str:
        """One of what the limit counts."""
        return MEASURES.get(self.row.unit, self.row.unit)

    def step(self, units: int) -> Step | None:
        """The step of so many units."""
        return next((step for step in self.row.steps if step.units == units), None)


def money(amount: float | None, currency: str) -> str:
    """A change of value with its sign."""
    if amount is None:
        return "–"
    text = words.amount(Fraction(round(amount * 10**6), 10**6), currency)
    return text if text.startswith("−") or abs(amount) < CENT else f"+{text}"


def best_step(each: SteppedSubject) -> Step | None:
    """The step that is worth most a unit, buying more of a limit or being let off a minimum; None if none is worth it.

    Of equals the larger one.
    """
    worth = [step for step in each.row.steps if step.change is not None and step.change > CENT]
    return max(worth, key=lambda step: ((step.change or 0.0) / abs(step.units), abs(step.units)), default=None)


def best_buy(each: SteppedSubject, currency: str) -> str:
    """The most that one should pay a unit, and for how many, in a sentence."""
    best = best_step(each)
    if best is None or best.change is None:
        largest = max((abs(step.units) for step in each.row.steps), default=0)
        return f"{each.subject}: nothing for up to {words.plural(largest, each.unit)}"
    units = abs(best.units)
    pay = words.amount(Fraction(int(best.change / units * 100), 100), currency)
    way = "more" if best.units > 0 else "fewer"
    return f"{each.subject}: at most {pay} {currency} for each of {words.plural(units, each.unit)} {way}"


def text(stepped: list[SteppedSubject], currency: str) -> str:
    """Every row with its steps, for a person at a terminal."""
    if not stepped:
        return "no stock, capacity, lane or contract has a price: one more of anything would change nothing"
    lines = [f"changes of the plan's value in {currency}; the last column is what no plan can exceed"]
    for each in stepped:
        row = each.row
        lines += [
            "",
            f"{each.subject}: limit {words.count(row.rhs)} {row.unit}, used {words.count(row.used)}, "
            f"price {words.amount(Fraction(round(row.price * 100), 100), currency)}",
        ]
        rows = [["step", "change", "per unit", "at most", "known by"]]
        for step in row.steps:
            per_unit = None if step.change is None else step.change / step.units
            rows.append(
                [step.name, money(step.change, currency), money(per_unit, currency), money(step.at_most, currency),
                 BASES.get(step.basis, step.basis or "not re-solved")]
            )  # fmt: skip
        lines += [f"  {line}" for line in grid(rows)]
    return "\n".join([*lines, "", "the most to pay", *(f"  {best_buy(each, currency)}" for each in stepped)])
