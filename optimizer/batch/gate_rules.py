"""The rules of a gate: by how much a KPI may fall or rise against the baseline, and what it must reach at all."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from optimizer.batch.compare_run import VALUE
from optimizer.errors import InputError, Issue
from optimizer.report.compare_words import unit_of
from optimizer.scenario.explain import explain
from optimizer.scenario.locate import key_lines, line_of
from optimizer.scenario.schema import Amount, Frozen, NotNegative
from optimizer.tables.findings import did_you_mean, quote

BOUNDS = ("may_fall", "may_fall_percent", "may_rise", "may_rise_percent", "at_least", "at_most")
RATIOS = frozenset({"cost_per_order"})
"""KPIs in money that do not add up over scenarios."""


class GateRule(Frozen):
    """One `[[rule]]`. Amounts are in the KPI's own unit: money, units, or a rate (0.01 is one percentage point)."""

    kpi: str
    scenarios: tuple[str, ...] = ("*",)
    over: Literal["each", "sum"] = "each"
    judge: Literal["published", "proven"] = "published"
    may_fall: NotNegative | None = None
    may_fall_percent: NotNegative | None = None
    may_rise: NotNegative | None = None
    may_rise_percent: NotNegative | None = None
    at_least: Amount | None = None
    at_most: Amount | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> GateRule:
        if all(getattr(self, name) is None for name in BOUNDS):
            raise ValueError(f"at least one of {', '.join(BOUNDS)}")
        if self.judge == "proven" and self.kpi != VALUE:
            raise ValueError(f'judge = "proven" only beside kpi = "{VALUE}": the gap bounds no other KPI')
        if self.over == "sum" and (unit_of(self.kpi) == "rate" or self.kpi in RATIOS):
            raise ValueError(f'over = "sum" only beside money and counts, and {self.kpi} does not add up')
        return self

    def applies(self, scenario: str) -> bool:
        """Whether the rule speaks of a scenario, by the name of its file without ending."""
        return any(fnmatchcase(scenario, pattern) for pattern in self.scenarios)

    def bounds(self, baseline: Fraction | None) -> Iterator[Bound]:
        """What the rule asks of a value; nothing relative where the baseline has none."""
        for name in BOUNDS:
            stated = getattr(self, name)
            if stated is None:
                continue
            amount, sign = Fraction(stated), -1 if "fall" in name or name == "at_least" else 1
            if name in ("at_least", "at_most"):
                yield Bound(name, stated, sign, amount)
            elif baseline is not None:
                room = abs(baseline) * amount / 100 if name.endswith("percent") else amount
                yield Bound(name, stated, sign, baseline + sign * room)


class GateRules(Frozen):
    """A whole file of rules."""

    rule: Annotated[tuple[GateRule, ...], Field(min_length=1)]


@dataclass(frozen=True)
class Bound:
    """One bound of a rule: its name and amount as written, and the ``limit`` on the value (sign −1: at least it)."""

    name: str
    stated: Decimal
    sign: int
    limit: Fraction

    @property
    def is_absolute(self) -> bool:
        """Whether it speaks of the value itself and not of its change."""
        return self.name in ("at_least", "at_most")

    def holds(self, value: Fraction) -> bool:
        return self.sign * (value - self.limit) <= 0

    def words(self) -> str:
        """Such as ``may fall 2 %``."""
        text = self.name.replace("_percent", "").replace("_", " ")
        return f"{text} {self.stated:f}" + (" %" if self.name.endswith("percent") else "")


def read_rules(path: Path) -> tuple[GateRule, ...]:
    """The rules of a TOML file. Raises `InputError` with every finding: line, key, what was expected, what to do."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        document = tomllib.loads(text, parse_float=Decimal)
    except (OSError, UnicodeDecodeError) as error:
        raise _one(path, "a readable file of rules", f"name one with --rules ({error})", "unreadable") from None
    except tomllib.TOMLDecodeError as error:
        raise _one(path, "TOML", str(error), "bad_toml") from None
    try:
        return GateRules.model_validate(document).rule
    except ValidationError as error:
        lines = key_lines(text)
        raise InputError(
            [
                Issue(path.name, line_of(lines, place), ".".join(map(str, place)), quote(value), expected, remedy, code)
                for place, value, expected, remedy, code in explain(error, GateRules)
            ]
        ) from None


def check_rules(path: Path, rules: Sequence[GateRule], kpis: Collection[str], scenarios: Collection[str]) -> None:
    """Refuse rules about KPIs or scenarios that are not there: they would pass for ever and guard nothing."""
    lines = key_lines(path.read_text(encoding="utf-8-sig"))
    found = []
    for number, rule in enumerate(rules):
        if rule.kpi not in kpis:
            cure = did_you_mean(rule.kpi, kpis, f"KPIs are {', '.join(sorted(kpis))}")
            found.append(_issue(path, lines, number, "kpi", rule.kpi, "a KPI of the baseline runs", cure))
        if not any(rule.applies(name) for name in scenarios):
            cure = did_you_mean(rule.scenarios[0], scenarios, f"scenarios are {', '.join(sorted(scenarios))}")
            shown = ", ".join(rule.scenarios)
            found.append(_issue(path, lines, number, "scenarios", shown, "names of scenarios of --scenarios", cure))
    if found:
        raise InputError(found)


def _issue(path: Path, lines: dict[tuple[str | int, ...], int], number: int, key: str, value: str, expected: str,
           cure: str) -> Issue:  # fmt: skip
    at = line_of(lines, ("rule", number, key))
    return Issue(path.name, at, f"rule.{number}.{key}", quote(value), expected, cure, "bad_rule")


def _one(path: Path, expected: str, remedy: str, code: str) -> InputError:
    return InputError([Issue(str(path), None, None, "", expected, remedy, code)])
