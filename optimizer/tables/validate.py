"""Whether the tables fit together: one named check a rule, every fault found in one pass."""

from __future__ import annotations

from optimizer.scenario.schema import Scenario
from optimizer.tables.checks_keys import KEY_CHECKS
from optimizer.tables.findings import Findings
from optimizer.tables.resolve import Draft

CHECKS = (*KEY_CHECKS,)


def validate(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """Run every check whose tables could be read."""
    for check in CHECKS:
        check(draft, scenario, found)
