"""The section ``[release]`` of a configuration: which plans release themselves, and who may decide about the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, Field

from optimizer.proof.run_files import read_rows, table_path
from optimizer.scenario.schema import Frozen, NotNegative

SEVERITIES = ("none", "low", "medium", "high")
"""In ascending order."""
Step = Literal["full", "limit", "decompose", "softened", "rules"]
STEPS: tuple[Step, ...] = get_args(Step)
"""Steps of the ladder that may publish a plan."""


def name_of(text: str) -> str:
    """A person's name as it is recorded. Raises `ValueError` for a blank one."""
    if not text.strip() or not text.isprintable() or len(text) > 100:
        raise ValueError("a name of at most 100 printable characters")
    return text.strip()


Who = Annotated[str, AfterValidator(name_of)]


class Release(Frozen):
    """A plan that breaks none of the rules is released when it is published; any other waits as a draft.

    A rule that is not stated does not bind. ``max_value_change_percent`` is against the plan that counts, either way;
    ``max_gap`` is a rate, 0.005 is 0.5 %. ``approvers``: who may approve, reject and release, everyone if empty.
    ``keep_inputs``: copies of the tables go into each run folder, so that a plan can be judged after they changed.
    """

    automatic: bool = True
    max_value_change_percent: NotNegative | None = None
    max_contract_shortfall_units: Annotated[int, Field(ge=0, strict=True)] | None = None
    max_contract_shortfall_money: NotNegative | None = None
    max_exception_severity: Literal["none", "low", "medium", "high"] = "high"
    max_gap: NotNegative | None = None
    steps: tuple[Step, ...] = STEPS
    overrides_wait: bool = False
    approvers: tuple[Who, ...] = ()
    four_eyes: bool = False
    approval_releases: bool = False
    keep_inputs: bool = False


@dataclass(frozen=True)
class PlanFacts:
    """What the rules look at. ``value_before`` is that of the plan that counts, None if there is none."""

    value: Decimal
    value_before: Decimal | None
    shortfall_units: int
    shortfall_money: Decimal
    severity: str
    gap: Decimal | None
    step: str
    overrides: int


def facts_of(
    folder: Path, run: dict[str, Any], gap: Decimal | None, step: str, value_before: Decimal | None, overrides: int
) -> PlanFacts:
    """The facts of a plan in its run folder; ``run`` is its `run.json` with exact numbers."""
    severities = set(_column(folder, "exceptions", "severity"))
    return PlanFacts(
        value=run["objective_value"],
        value_before=value_before,
        shortfall_units=sum(int(units) for units in _column(folder, "contracts", "shortfall_qty") if units),
        shortfall_money=run.get("kpis", {}).get("shortfall_cost") or Decimal(0),
        severity=max(severities, key=SEVERITIES.index, default="none"),
        gap=gap,
        step=step,
        overrides=overrides,
    )


def _column(folder: Path, table: str, column: str) -> Iterator[str]:
    for _, columns in read_rows(table_path(folder, table)):
        yield from columns[column]


def reasons_to_wait(policy: Release, facts: PlanFacts) -> list[str]:
    """Why a plan may not release itself; nothing if it may."""
    return list(_reasons(policy, facts))


def _reasons(policy: Release, facts: PlanFacts) -> Iterator[str]:
    if not policy.automatic:
        yield "every plan waits for approval"
    if facts.overrides and policy.overrides_wait:
        yield f"it keeps {facts.overrides} override{'s' if facts.overrides > 1 else ''} of planners"
    if facts.step not in policy.steps:
        yield f"it was made by the step {facts.step}; {', '.join(policy.steps) or 'none'} may release themselves"
    yield from _too_much("its gap, %", facts.gap and facts.gap * 100, policy.max_gap and policy.max_gap * 100)
    if facts.gap is None and policy.max_gap is not None:
        yield "nothing is proven of its gap"
    yield from _value(policy.max_value_change_percent, facts)
    yield from _too_much("units short of contracts", facts.shortfall_units, policy.max_contract_shortfall_units)
    yield from _too_much("penalties for contracts", facts.shortfall_money, policy.max_contract_shortfall_money)
    if SEVERITIES.index(facts.severity) > SEVERITIES.index(policy.max_exception_severity):
        yield f"it has exceptions of severity {facts.severity}, at most {policy.max_exception_severity} is allowed"


def _value(limit: Decimal | None, facts: PlanFacts) -> Iterator[str]:
    """The value against that of the plan that counts; where that is 0, any other is too far from it."""
    if limit is None or facts.value_before is None or facts.value == facts.value_before:
        return
    if not facts.value_before:
        yield f"its value is {facts.value:f}, the plan that counts has 0"
        return
    change = (facts.value - facts.value_before) / abs(facts.value_before) * 100
    if abs(change) > limit:
        yield (
            f"its value {facts.value:f} is {change:+.2f} % off that of the plan that counts, {facts.value_before:f}; "
            f"at most {limit:f} % is allowed"
        )


def _too_much(what: str, found: Decimal | int | None, limit: Decimal | int | None) -> Iterator[str]:
    if found is not None and limit is not None and found > limit:
        yield f"{what}: {Decimal(found).normalize():f}, at most {limit} is allowed"
