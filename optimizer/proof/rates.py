"""What a unit of each term counts in the objective: the weights of the scenario, shifted by the prices of stages."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optimizer.scenario.schema import Scenario

GAINS = ("margin", "service", "holding", "units")
COSTS = (
    "freight",
    "handling",
    "opening",
    "transfer",
    "lateness",
    "shortfall",
    "substitution",
    "stability",
    "short_units",
)


@dataclass(frozen=True)
class Rates:
    """Factors of the terms: gains count for, costs against the objective."""

    margin: Fraction
    service: Fraction
    holding: Fraction
    units: Fraction
    """money for an ordered unit allocated, whatever it is"""
    freight: Fraction
    handling: Fraction
    opening: Fraction
    transfer: Fraction
    lateness: Fraction
    shortfall: Fraction
    substitution: Fraction
    stability: Fraction
    short_units: Fraction
    """money for a unit that a contract falls short, whatever its penalty"""

    @classmethod
    def of(cls, scenario: Scenario) -> Rates:
        weights = scenario.weights
        shipping, penalties = Fraction(weights.shipping), Fraction(weights.penalties)
        costs = dict.fromkeys(("freight", "handling", "opening", "transfer"), shipping)
        costs |= dict.fromkeys(("lateness", "shortfall", "substitution", "stability"), penalties)
        return cls(
            margin=Fraction(weights.margin),
            service=Fraction(weights.service),
            holding=Fraction(weights.holding),
            units=Fraction(0),
            short_units=Fraction(0),
            **costs,
        )

    def shifted(self, amounts: dict[str, Fraction]) -> Rates:
        """These factors plus ``amounts`` on some of them."""
        return replace(self, **{name: getattr(self, name) + amount for name, amount in amounts.items()})
