"""The independent judge: plans and bounds in exact arithmetic, from the input tables and the run folder alone.

Shares no code with the model, the engines or the solution: every rule of the contract is derived here a second time.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optimizer.proof.bound import Reckoned
    from optimizer.proof.verdict import Verdict
    from optimizer.scenario.schema import Scenario
    from optimizer.tables.tables import Tables


def reckon(tables: Tables, scenario: Scenario, certificate: Mapping[str, Any]) -> Reckoned:
    """The exact upper bound that the prices of a certificate prove, with all its parts."""
    from optimizer.errors import VerificationError
    from optimizer.proof.bound import Reckoned, bound

    found = bound(tables, scenario, certificate)
    if found.value is None:
        raise VerificationError("the pins of an order allow no plan at all, so there is nothing to bound")
    return Reckoned(certificate, found, found.value)


def certified_bound(tables: Tables, scenario: Scenario, certificate: Mapping[str, Any]) -> Fraction:
    """The exact upper bound that the prices of a certificate prove."""
    return reckon(tables, scenario, certificate).value


def bound_text(bound: Fraction) -> str:
    """A bound as certificate.json states it."""
    from optimizer.exact import decimal_text

    return decimal_text(bound)


def verify_staged(
    run_dir: Path, tables: Tables, scenario: Scenario, reckoned: Reckoned | None = None
) -> dict[str, Any]:
    """The content of verification.json for a run folder that is written but not yet published.

    ``reckoned`` from the same tables and scenario: counts if the certificate in the folder says the same.
    """
    from optimizer.proof.checker import check_folder

    return check_folder(run_dir, tables, scenario, reckoned).as_json()


def certify(run_dir: Path | str, inputs: Path | str | None = None) -> Verdict:
    """Judge a published run folder on its own; see `optimizer.proof.verdict`."""
    from optimizer.proof.verdict import certify as judge

    return judge(run_dir, inputs)


__all__ = ["bound_text", "certified_bound", "certify", "reckon", "verify_staged"]
