"""A case of every family, in the order of the matrix."""

from __future__ import annotations

from optimizer.model.constraints import FAMILIES
from tests.model import cases
from tests.model.cases import Case
from tests.model.policy_cases import POLICY_CASES

_KNOWN = cases.CASES | POLICY_CASES
CASES: dict[str, Case] = {family: _KNOWN[family] for family in FAMILIES if family in _KNOWN}
