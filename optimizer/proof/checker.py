"""A whole verification: the rules, every number of the folder, the value, the bound and where the gap sits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optimizer.errors import VerificationError
from optimizer.proof.attribution import Attribution, attribute
from optimizer.proof.bound import Bound, Reckoned, bound_of
from optimizer.proof.check_files import check_bound, check_prices, check_run, check_stages, check_tables
from optimizer.proof.facts import Facts
from optimizer.proof.failures import Findings
from optimizer.proof.prices import read_books
from optimizer.proof.read_plan import read_plan
from optimizer.proof.rule_result import RuleResult
from optimizer.proof.rules import check_rules
from optimizer.proof.run_files import read_json
from optimizer.proof.tally import Tally
from optimizer.tables.tables import Tables

if TYPE_CHECKING:
    from optimizer.scenario.schema import Scenario


@dataclass
class Report:
    """What a verification found out."""

    rules: list[RuleResult] = field(default_factory=list)
    findings: Findings = field(default_factory=Findings)
    value: Fraction | None = None
    bound: Bound | None = None
    parts: Attribution | None = None

    @property
    def passed(self) -> bool:
        return not self.findings.count and all(rule.passed for rule in self.rules)

    @property
    def failures(self) -> list[str]:
        """Broken rules and findings, in words."""
        broken = [rule.words() for rule in self.rules if not rule.passed]
        more = self.findings.count - len(self.findings.kept)
        rest = [f"and {more} further findings"] if more else []
        return [*broken, *(finding.words() for finding in self.findings.kept), *rest]

    def as_json(self) -> dict[str, Any]:
        """As in verification.json."""
        bound = None if self.bound is None else self.bound.value
        return {
            "schema_version": 1,
            "passed": self.passed,
            "objective_value": self.value,
            "certified_bound": bound,
            "order_blocks": None if self.bound is None else self._blocks(self.bound),
            "gap_attribution": None if self.parts is None or bound is None else self.parts.as_json(),
            "rules": [rule.as_json() for rule in self.rules],
            "failures": self.failures,
        }

    @staticmethod
    def _blocks(bound: Bound) -> dict[str, int]:
        searched = int(bound.searched.sum())
        return {"searched_completely": searched, "bounded_from_above": len(bound.searched) - searched}


def check_folder(run_dir: Path, tables: Tables, scenario: Scenario, reckoned: Reckoned | None = None) -> Report:
    """Verify the plan, the figures and the certificate of a run folder against the input tables.

    ``reckoned``: the bound of a certificate, from these tables; it counts where that of the folder says the same.
    """
    report = Report()
    try:
        _check(run_dir, Facts(tables, scenario), report, reckoned)
    except VerificationError as error:
        report.findings.add(str(error).partition(":")[0], None, "", str(error), "a file as the run wrote it")
    return report


def _check(run_dir: Path, facts: Facts, report: Report, reckoned: Reckoned | None) -> None:
    findings = report.findings
    run, certificate = mapping(read_json(run_dir / "run.json"), "run.json"), None
    rows = read_plan(facts, run_dir, findings)
    report.rules.append(
        RuleResult("allocation_rows", 0 if rows is None else len(rows), Fraction(findings.count), "allocations")
    )
    if rows is None:
        return
    tally = Tally(facts, rows)
    report.value = tally.objective
    report.rules += check_rules(tally)
    report.rules += check_tables(tally, run_dir, findings)
    certificate = mapping(read_json(run_dir / "certificate.json"), "certificate.json")
    if reckoned is not None and reckoned.proves(certificate):
        report.bound = reckoned.bound
    else:
        report.bound = bound_of(facts, *read_books(facts, certificate))
    report.parts = attribute(tally, report.bound)
    report.rules += check_prices(tally, report.bound, run_dir, findings)
    report.rules += check_stages(tally, report.bound, run, findings)
    report.rules += check_run(tally, report.bound, run, certificate, findings)
    report.rules += check_bound(tally, report.bound, report.parts)


def mapping(value: Any, file: str) -> Mapping[str, Any]:
    """A JSON object, or a refusal."""
    if not isinstance(value, Mapping):
        raise VerificationError(f"{file}: not an object")
    return value
