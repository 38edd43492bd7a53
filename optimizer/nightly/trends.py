"""The nights of a configuration as the report shows them, from the store alone."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from fractions import Fraction
from typing import TYPE_CHECKING

from optimizer.nightly.exception_queue import queue
from optimizer.nightly.night_figures import by_hand, hours_between, plans_with_transitions
from optimizer.nightly.plan_states import RELEASED
from optimizer.nightly.store import Row, Store, select
from optimizer.report.nights_page import KEPT, NightRow, Nights

if TYPE_CHECKING:
    from sqlalchemy import Connection

SHOWN_EXCEPTIONS = 100
"""Exceptions that the page lists; `allot exceptions list` names all."""


def nights(store: Store, config: str, last: int) -> Nights:
    """The ``last`` business dates on which a night came to its end."""
    with store.transaction() as connection:
        dates = select(
            connection,
            "SELECT DISTINCT business_date FROM runs WHERE config = :config ORDER BY business_date DESC LIMIT :last",
            config=config, last=last,
        )  # fmt: skip
        first = dates[-1]["business_date"] if dates else ""
        rows = {(row.business_date, row.scenario): row for row in _kept(connection, config, first)}
        for plan in _plans(connection, config, first):
            rows[plan.business_date, plan.scenario] = plan  # the last plan of a date is the one to show
        waiting = queue(connection, config)[:SHOWN_EXCEPTIONS]
        return Nights(
            name=config,
            currencies=_currencies(connection, config),
            rows=[rows[key] for key in sorted(rows)],
            figures=_figures(connection, config, first),
            queue=[asdict(each) for each in waiting],
        )


def _plans(connection: Connection, config: str, first: str) -> Iterable[NightRow]:
    figures: dict[str, dict[str, Fraction]] = {}
    query = (
        "SELECT f.* FROM plan_figures AS f JOIN plans AS p ON p.plan_id = f.plan_id "
        "WHERE p.config = :config AND p.business_date >= :first"
    )
    for row in select(connection, query, config=config, first=first):
        figures.setdefault(row["plan_id"], {})[row["name"]] = Fraction(row["value"])
    for plan, moves in plans_with_transitions(connection, config, first, "9999-12-31"):
        stated = {"objective_value": Fraction(plan["objective_value"])}
        stated |= {"gap": Fraction(plan["gap"])} if plan["gap"] is not None else {}
        released = next((move for move in moves if move["state"] == RELEASED), None)
        yield NightRow(
            business_date=plan["business_date"],
            scenario=plan["scenario"],
            step=plan["step"],
            state=moves[-1]["state"] if moves else RELEASED,
            plan_id=plan["plan_id"],
            reason=_reason(moves),
            by=released["who"] if released else moves[-1]["who"] if moves else "",
            hours=Fraction(hours_between(plan["published_at"], released["at"])) if released else None,
            by_hand=by_hand(moves),
            figures=stated | figures.get(plan["plan_id"], {}),
        )


def _reason(moves: list[Row]) -> str:
    """Why a plan waited or was rejected."""
    told = [move["reason"] for move in moves if move["state"] in ("draft", "approved", "rejected") and move["reason"]]
    return "; ".join(told)


def _kept(connection: Connection, config: str, first: str) -> Iterable[NightRow]:
    """Scenarios that a run could not plan; ``rows`` of their plans of the same date stand above these."""
    failed = select(
        connection,
        "SELECT r.business_date, e.scenario, e.reason FROM events AS e JOIN runs AS r ON r.run_id = e.run_id "
        "WHERE r.config = :config AND r.business_date >= :first AND e.state = 'failed' AND e.scenario <> '' "
        "ORDER BY e.event_id",
        config=config, first=first,
    )  # fmt: skip
    for row in failed:
        yield NightRow(row["business_date"], row["scenario"], KEPT, reason=row["reason"], figures={})


def _figures(connection: Connection, config: str, first: str) -> dict[str, dict[str, Fraction]]:
    """What was recorded last on each business date."""
    found: dict[str, dict[str, Fraction]] = {}
    rows = select(
        connection,
        "SELECT r.business_date, f.name, f.value FROM night_figures AS f JOIN runs AS r ON r.run_id = f.run_id "
        "WHERE r.config = :config AND r.business_date >= :first ORDER BY r.started_at",
        config=config, first=first,
    )  # fmt: skip
    for row in rows:
        found.setdefault(row["business_date"], {})[row["name"]] = Fraction(row["value"])
    return found


def _currencies(connection: Connection, config: str) -> dict[str, str]:
    rows = select(
        connection,
        "SELECT s.scenario, s.settings FROM run_scenarios AS s JOIN plans AS p ON p.plan_id = s.plan_id "
        "WHERE p.config = :config ORDER BY p.number",
        config=config,
    )
    return {row["scenario"]: str(json.loads(row["settings"]).get("currency", "")) for row in rows}
