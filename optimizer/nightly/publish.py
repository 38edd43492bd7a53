"""Plans in the store: all of a night's plans become visible in one transaction, or none does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optimizer.nightly.ladder import proven_gap, read_run
from optimizer.nightly.plan_tables import PLAN_COLUMNS, WHOLE, plan_table
from optimizer.nightly.pull import Pulled
from optimizer.nightly.registry import Entry, RunRecord
from optimizer.nightly.rows import FILES, STORE, parquet_size
from optimizer.nightly.store import WRITE, Row, Store, StoreError, insert, utc_now
from optimizer.proof.run_files import read_rows, table_path
from optimizer.report.csv_out import unguard

if TYPE_CHECKING:
    from sqlalchemy import Connection


@dataclass(frozen=True)
class Ready:
    """A verified plan, in its final folder, that only the store does not know yet."""

    pulled: Pulled
    step: str
    exit_code: int
    folder: Path


def publish(
    store: Store,
    record: RunRecord,
    config: str,
    business_date: str,
    ready: Sequence[Ready],
    also: Callable[[Connection, Ready], None],
) -> None:
    """The commit of this transaction is the moment at which the plans are published; ``also``: what goes with each.

    A connection that was lost after the commit was sent says nothing about it: the store is asked.
    """
    try:
        with store.transaction(WRITE) as connection:
            for plan in ready:
                insert(connection, "plans", [_plan_row(plan, record.run_id, config, business_date)])
                for table in PLAN_COLUMNS:
                    _publish_rows(connection, plan, table)
                said = f"plan {plan.pulled.plan_id}"
                entry = Entry("publish", "done", said, plan.pulled.name, plan.step, plan.exit_code)
                record.say_within(connection, entry)
                also(connection, plan)
    except StoreError:
        made = store.rows("SELECT count(*) AS plans FROM plans WHERE run_id = :run_id", run_id=record.run_id)
        if made[0]["plans"] != len(ready):
            raise


def _plan_row(plan: Ready, run_id: str, config: str, business_date: str) -> dict[str, Any]:
    run = read_run(plan.folder)
    gap = proven_gap(run)
    return {
        "plan_id": plan.pulled.plan_id,
        "run_id": run_id,
        "config": config,
        "business_date": business_date,
        "scenario": plan.pulled.name,
        "input_digest": plan.pulled.digest,
        "step": plan.step,
        "exit_code": plan.exit_code,
        "solve_run_id": run["run_id"],
        "engine": f"{run['engine']['name']} {run['engine']['version']}",
        "objective_value": f"{run['objective_value']:f}",
        "gap": None if gap is None else f"{gap:f}",
        "folder": str(plan.folder),
        "published_at": utc_now(),
    }


def _publish_rows(connection: Connection, plan: Ready, table: str) -> None:
    """Rows of a folder of CSV files are copied into the store; those of a large plan stay in its Parquet files."""
    path, plan_id = table_path(plan.folder, table), plan.pulled.plan_id
    if path.suffix == ".parquet":
        place, size = FILES, parquet_size(path)
    else:
        place, size = STORE, 0
        for rows in _csv_rows(path, table, plan_id):
            insert(connection, plan_table(table), rows)
            size += len(rows)
    insert(connection, "plan_rows", [{"plan_id": plan_id, "table_name": table, "row_count": size, "place": place}])


def rows_in_store(plan: Ready) -> bool:
    """Whether the rows of a plan are copied into the store."""
    return table_path(plan.folder, "allocations").suffix == ".csv"


def _csv_rows(path: Path, table: str, plan_id: str) -> Iterator[list[dict[str, Any]]]:
    """The rows of a table of the run folder in pieces, typed; blank is NULL."""
    for _, columns in read_rows(path):
        wanted = {name: columns[name] for name in PLAN_COLUMNS[table]}
        names = list(wanted)
        yield [
            {"plan_id": plan_id, **{name: _cell(name, cell) for name, cell in zip(names, row, strict=True)}}
            for row in zip(*wanted.values(), strict=True)
        ]


def _cell(column: str, text: str) -> str | int | None:
    if text == "":
        return None
    return int(text) if column in WHOLE else unguard(text)


# -- what is published already -----------------------------------------------------------------------------------------
def published(store: Store, config: str, business_date: str, pulled: Pulled) -> Row | None:
    """The plan of the same configuration, business date, scenario and inputs, if there is one, and if it was pruned."""
    found = store.rows(
        "SELECT p.*, d.at AS pruned_at FROM plans AS p LEFT JOIN pruned_plans AS d ON d.plan_id = p.plan_id "
        "WHERE config = :config AND business_date = :business_date AND scenario = :scenario AND input_digest = :digest",
        config=config, business_date=business_date, scenario=pulled.name, digest=pulled.digest,
    )  # fmt: skip
    return found[0] if found else None


def current(store: Store, config: str) -> dict[str, Row]:
    """The plan that counts, of each scenario: the one that was released last."""
    found = store.rows("SELECT * FROM current_plans WHERE config = :config", config=config)
    return {row["scenario"]: row for row in found}


def abandoned(store: Store, config: str) -> list[str]:
    """Plans whose folders are of no use: a run set out to make them and never published them, or they were pruned."""
    found = store.rows(
        "SELECT DISTINCT s.plan_id FROM run_scenarios AS s JOIN runs AS r ON r.run_id = s.run_id "
        "WHERE r.config = :config AND s.plan_id NOT IN (SELECT plan_id FROM plans) "
        "UNION SELECT d.plan_id FROM pruned_plans AS d JOIN plans AS p ON p.plan_id = d.plan_id "
        "WHERE p.config = :config",
        config=config,
    )
    return [row["plan_id"] for row in found]


def last_rows(store: Store, plan: Row | None) -> dict[str, int]:
    """Rows of each table that a published plan was made from."""
    if plan is None:
        return {}
    found = store.rows(
        "SELECT table_name, row_count FROM run_inputs WHERE run_id = :run_id AND scenario = :scenario",
        run_id=plan["run_id"], scenario=plan["scenario"],
    )  # fmt: skip
    return {row["table_name"]: row["row_count"] for row in found}


def inputs_of(folder: Path) -> dict[str, str]:
    """The digest of each table that a run folder was made from."""
    return {entry["table"]: entry["digest"] for entry in read_run(folder).get("inputs", ())}
