"""Figures of nights: how often people step in, and how long things take. Recorded at the end of every night."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from optimizer.nightly.exception_queue import OPEN, REOPENED, RESOLVED, queue
from optimizer.nightly.ladder import proven_gap, read_run
from optimizer.nightly.plan_states import APPROVED, NIGHT, POLICY, REJECTED, RELEASED
from optimizer.nightly.release_policy import SEVERITIES
from optimizer.nightly.store import Row, insert, select

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from optimizer.nightly.publish import Ready

WINDOW_DAYS = 28
"""Business dates over which rates and mean times are taken, tonight's included."""
BY_HAND = (APPROVED, RELEASED, REJECTED)
"""Transitions of a plan that are an intervention where a person makes them."""


def record_plan(connection: Connection, plan: Ready) -> None:
    """Every figure of a plan that is a number, with all its digits."""
    run = read_run(plan.folder)
    timing = json.loads((plan.folder / "timing.json").read_bytes(), parse_float=Decimal)
    told: dict[str, Any] = {**run["kpis"], "objective_value": run["objective_value"], "gap": proven_gap(run)}
    told["planning_s"] = sum(timing["phases_seconds"].values(), Decimal(0))
    rows = [
        {"plan_id": plan.pulled.plan_id, "name": name, "value": f"{value:f}"}
        for name, value in told.items()
        if isinstance(value, int | Decimal) and not isinstance(value, bool)
    ]
    insert(connection, "plan_figures", rows)


def record_night(connection: Connection, config: str, run_id: str, business_date: date, seconds: float) -> None:
    """What a night came to, once it is through; `figures_of` says what is in it."""
    found = {"night_s": f"{seconds:.3f}", **figures_of(connection, config, business_date)}
    insert(
        connection, "night_figures", [{"run_id": run_id, "name": name, "value": value} for name, value in found.items()]
    )


def figures_of(connection: Connection, config: str, business_date: date) -> dict[str, str]:
    """Figures by name; one that has no denominator is not there. Times are in hours, rates between 0 and 1.

    ``manual_intervention_rate``: plans of the window that a person approved, released or rejected, or that keep
    overrides, of all its plans.
    """
    waiting = queue(connection, config)
    found = {
        f"exceptions_open_{severity}": str(sum(each.severity == severity for each in waiting))
        for severity in SEVERITIES[1:]
    }
    found["exceptions_money_at_stake"] = f"{sum((each.money_at_stake for each in waiting), Decimal(0)):f}"
    since = (business_date - timedelta(days=WINDOW_DAYS - 1)).isoformat()
    plans = plans_with_transitions(connection, config, since, business_date.isoformat())
    if plans:
        touched = sum(by_hand(moves) for _, moves in plans)
        found["manual_intervention_rate"] = f"{Decimal(touched) / len(plans):.4f}"
    times = {
        "pull_to_publish_h": [hours_between(plan["pulled_at"], plan["published_at"]) for plan, _ in plans],
        "publish_to_release_h": [
            hours_between(plan["published_at"], at) for plan, moves in plans if (at := _first(moves, RELEASED))
        ],
        "exception_to_resolved_h": list(resolution_hours(connection, config, since)),
    }
    return found | {name: f"{sum(hours) / len(hours):.4f}" for name, hours in times.items() if hours}


def plans_with_transitions(connection: Connection, config: str, first: str, last: str) -> list[tuple[Row, list[Row]]]:
    """The plans of business dates from ``first`` to ``last``, each with all its transitions."""
    between = {"config": config, "first": first, "last": last}
    plans = select(
        connection,
        "SELECT p.*, r.started_at AS pulled_at FROM plans AS p JOIN runs AS r ON r.run_id = p.run_id "
        "WHERE p.config = :config AND p.business_date BETWEEN :first AND :last ORDER BY p.number",
        **between,
    )
    moves: dict[str, list[Row]] = {row["plan_id"]: [] for row in plans}
    for row in select(
        connection,
        "SELECT a.* FROM audit_log AS a JOIN plans AS p ON a.kind = 'plan' AND a.subject = p.plan_id "
        "WHERE p.config = :config AND p.business_date BETWEEN :first AND :last ORDER BY a.seq",
        **between,
    ):
        moves[row["subject"]].append(row)
    return [(row, moves[row["plan_id"]]) for row in plans]


def by_hand(moves: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a person stepped in: decided about the plan, or made an override that it keeps."""
    return any(
        (move["state"] in BY_HAND and move["who"] not in (POLICY, NIGHT))
        or json.loads(move["details"]).get("overrides")
        for move in moves
    )


def resolution_hours(connection: Connection, config: str, since: str) -> Iterable[float]:
    """From the opening of an exception to its resolution by a person, for those resolved since a date."""
    opened: dict[str, str] = {}
    rows = select(
        connection,
        "SELECT subject, state, at FROM audit_log WHERE kind = 'exception' AND config = :config AND subject IN "
        "(SELECT subject FROM audit_log WHERE kind = 'exception' AND state = 'resolved' AND at >= :since) ORDER BY seq",
        config=config, since=since,
    )  # fmt: skip
    for row in rows:
        if row["state"] in (OPEN, REOPENED):
            opened[row["subject"]] = row["at"]
        elif row["state"] == RESOLVED and row["at"] >= since:
            yield hours_between(opened[row["subject"]], row["at"])


def _first(moves: Iterable[Row], state: str) -> str | None:
    return next((move["at"] for move in moves if move["state"] == state), None)


def hours_between(begin: str, end: str) -> float:
    """Between two times of the store; never below 0, since clocks may be set back."""
    return max((datetime.fromisoformat(end) - datetime.fromisoformat(begin)) / timedelta(hours=1), 0.0)
