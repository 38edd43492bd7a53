"""The commands that question and thin out the plans of nightly runs."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from optimizer.cli_nightly import config_argument, open_store
from optimizer.errors import OK

if TYPE_CHECKING:
    from optimizer.nightly.query import Answer


@click.command("query")
@config_argument
@click.argument("sql")
@click.option("--json", "as_json", is_flag=True, help="A JSON object for each row instead of CSV.")
def query_plans(config: Path, sql: str, as_json: bool) -> int:
    """Answer one SELECT over published plans, as CSV: tables allocations, shipments, transfers, shorts, plans."""
    from optimizer import cli
    from optimizer.nightly.query import Answer

    settings, store = open_store(config)
    try:
        answer = Answer(settings, store, sql)
        try:
            with cli.may_go_away():
                _print(answer, as_json)
        finally:
            answer.close()
    finally:
        store.close()
    return OK


def _print(answer: Answer, as_json: bool) -> None:
    """Each row as a line, as it comes."""
    if as_json:
        for row in answer.rows():
            found = dict(zip(answer.columns, row, strict=True))
            sys.stdout.write(json.dumps(found, default=str, ensure_ascii=False) + "\n")
        return
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(answer.columns)
    writer.writerows(answer.rows())


@click.command("prune")
@config_argument
@click.option("--keep-days", type=click.IntRange(0), required=True, metavar="N",
              help="Keep plans of the last N days of business dates, and those that count.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
def prune_plans(config: Path, keep_days: int, dry_run: bool) -> int:
    """Remove rows and folders of old plans that count no more; what is on record of their runs stays."""
    from optimizer import cli
    from optimizer.nightly.prune import prune

    pruned = prune(config, keep_days, dry_run=dry_run)
    word = "would remove" if dry_run else "removed"
    lines = [f"{word} {plan['plan_id']}: {plan['row_count']:,} rows" for plan in pruned.plans]
    cli.say_lines([*lines, f"{word} {len(pruned.plans):,} plans, {pruned.size:,} bytes of folders"])
    return OK


RUNS = (query_plans, prune_plans)
