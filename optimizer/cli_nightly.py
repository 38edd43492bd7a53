"""The commands of the nightly run and of its records."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from optimizer.errors import INTERRUPTED_INT, OK, UsageError

if TYPE_CHECKING:
    from optimizer.nightly.config import NightlyConfig
    from optimizer.nightly.store import Store

config_argument = click.argument("config", type=click.Path(path_type=Path))
log_option = click.option("--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True,
                          help="How progress and errors are told on standard error.")  # fmt: skip


def to_stderr(line: str) -> None:
    """One line on standard error, at once."""
    click.echo(line, err=True)


@click.command()
@config_argument
@click.option("--business-date", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE",
              help="Plan this date [default: today in the configured time zone].")  # fmt: skip
@click.option("--by", "author", default="nightly", show_default=True, metavar="WHO", help="Who makes the plans.")
@click.option("--quiet", is_flag=True, help="No progress lines.")
@log_option
def nightly(config: Path, business_date: datetime | None, author: str, quiet: bool, log_format: str) -> int:
    """Plan and publish one business date: locked, recorded, with the last plan to fall back on."""
    from optimizer import cli
    from optimizer.nightly.log_lines import LogLines, told_as_json
    from optimizer.nightly.night import run_night

    log = LogLines(to_stderr) if log_format == "json" else None
    with told_as_json(config, log) as failed, cli.interruptible() as stop:
        outcome = run_night(
            config,
            business_date.date() if business_date else None,
            author=author,
            observe=None if quiet or log else cli.lasting_line,
            stop=stop.event,
            listeners=[log] if log else (),
        )
    if failed:
        return failed[0]
    cli.say_lines(outcome.summary)
    return stop.exit_code if outcome.exit_code == INTERRUPTED_INT else outcome.exit_code


@click.group()
def runs() -> None:
    """Look at the record of nightly runs."""


@runs.command("list")
@config_argument
@click.option("--last", type=click.IntRange(1), default=20, show_default=True, metavar="N", help="So many runs.")
@click.option("--json", "as_json", is_flag=True, help="As JSON on standard output.")
def list_runs(config: Path, last: int, as_json: bool) -> int:
    """The last runs of a configuration, newest first."""
    from optimizer import cli
    from optimizer.nightly import told
    from optimizer.nightly.registry import runs as last_runs

    settings, store = open_store(config)
    try:
        found = last_runs(store, settings.name, last)
    finally:
        store.close()
    cli.say_lines([told.as_json(found)] if as_json else told.run_lines(found))
    return OK


@runs.command("show")
@config_argument
@click.argument("run_id", required=False, metavar="[RUN]")
@click.option("--json", "as_json", is_flag=True, help="As JSON on standard output.")
def show_run(config: Path, run_id: str | None, as_json: bool) -> int:
    """Everything that is on record of one run: inputs, settings, stages, plans [default: the latest run]."""
    from optimizer import cli
    from optimizer.nightly import told
    from optimizer.nightly.registry import story

    settings, store = open_store(config)
    try:
        found: dict[str, Any] | None = story(store, settings.name, run_id)
    finally:
        store.close()
    if found is None:
        raise UsageError(f"no run {run_id or 'at all'} of {settings.name} in the store; allot runs list names them")
    cli.say_lines([told.as_json(found)] if as_json else told.story_lines(found))
    return OK


def open_store(config: Path) -> tuple[NightlyConfig, Store]:
    """The store of a configuration, which must be there already."""
    from optimizer.nightly.config import read_config
    from optimizer.nightly.store import Store

    settings = read_config(config)
    return settings, Store(settings.store_url(), settings.folder, must_exist=True)


COMMANDS = (nightly, runs)
