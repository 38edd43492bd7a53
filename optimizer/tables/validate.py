"""Whether the tables fit together: one named check a rule, every fault found in one pass."""

from __future__ import annotations

from optimizer.scenario.schema import Scenario
from optimizer.tables.checks_keys import KEY_CHECKS
from optimizer.tables.checks_money import MONEY_CHECKS
from optimizer.tables.checks_orders import ORDER_CHECKS
from optimizer.tables.checks_pins import PIN_CHECKS
from optimizer.tables.checks_plan import PLAN_CHECKS
from optimizer.tables.checks_rules import RULE_CHECKS
from optimizer.tables.checks_shares import SHARE_CHECKS
from optimizer.tables.checks_supply import SUPPLY_CHECKS
from optimizer.tables.checks_units import UNIT_CHECKS
from optimizer.tables.findings import Findings
from optimizer.tables.resolve import Draft

CHECKS = (
    *KEY_CHECKS,
    *ORDER_CHECKS,
    *SUPPLY_CHECKS,
    *RULE_CHECKS,
    *SHARE_CHECKS,
    *MONEY_CHECKS,
    *PIN_CHECKS,
    *PLAN_CHECKS,
    *UNIT_CHECKS,
)
"""All checks, in the order in which they run; none depends on another."""


def validate(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """Run every check. A check skips tables that could not be read: its findings would only be echoes."""
    for check in CHECKS:
        check(draft, scenario, found)
