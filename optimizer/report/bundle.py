"""Everything a run has to tell, in one value: what `write` puts into the run folder and the report shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optimizer.solution.plan import Plan
from optimizer.tables.tables import Table, Tables

if TYPE_CHECKING:
    from optimizer.scenario.schema import Scenario

SCHEMA_VERSION = 1

PLAN_TABLES = (
    "allocations", "orders", "shipments", "transfers", "shorts", "exceptions", "replenishment",
    "warehouses", "contracts", "fair_share", "shadow_prices",
)  # fmt: skip
"""The tables of a run folder that holds a plan, in the order in which people read them."""
IF_ASKED = frozenset({"fair_share"})
"""Those that are there only if the scenario asks for what they tell."""

RUN_FILES = frozenset(
    [f"{table}.{suffix}" for table in PLAN_TABLES for suffix in ("csv", "parquet")]
    + ["run.json", "timing.json", "verification.json", "certificate.json", "conflict.json", "report.html", "plan.xlsx"]
    + ["inputs"]
)
"""Every name that a run folder of ours may hold; a folder with any other name in it is never replaced."""


@dataclass(frozen=True)
class RunBundle:
    """One run, complete, in memory.

    ``run`` is `run.json` in its final key order. Keys that the report reads (all optional, absent means unknown):
    ``run_id``, ``scenario {settings, resolved, changes}``, ``termination {reason, limit, detail}``,
    ``objective_value``, ``best_bound``, ``certified_bound``, ``engine``, ``model`` (sizes), ``kpis``, ``inputs``,
    ``pruned``, ``warnings``. Numbers are int, Decimal or Fraction: they are written exactly. ``verification`` holds
    ``passed`` and ``rules [{rule, rows_checked, worst_violation, passed}]``, ``conflict`` holds ``rules [{words}]``.

    ``tables`` holds `PLAN_TABLES` by name, with the columns of the contract; ``plan`` is None for a run that ended
    without one, and then no table is written. ``copies`` are further files, by their path inside the folder.
    ``timing`` holds what may differ between two equal runs: clock times, ``phases``, peak memory, host.
    """

    run: Mapping[str, Any]
    timing: Mapping[str, Any]
    inputs: Tables
    scenario: Scenario
    plan: Plan | None = None
    tables: Mapping[str, Table] = field(default_factory=dict)
    verification: Mapping[str, Any] | None = None
    certificate: Mapping[str, Any] | None = None
    reckoned: Any = None
    """what the proof reckoned from the certificate (`optimizer.proof.bound.Reckoned`); not written"""
    conflict: Mapping[str, Any] | None = None
    copies: Mapping[str, Path | bytes] = field(default_factory=dict)

    @property
    def has_plan(self) -> bool:
        return self.plan is not None

    def replace(self, **changes: Any) -> RunBundle:
        """A copy with some parts exchanged, for example the verification once it is known."""
        return replace(self, **changes)
