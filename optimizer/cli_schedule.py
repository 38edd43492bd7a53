"""The command that runs nights by itself."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from optimizer.cli_nightly import config_argument, log_option, to_stderr
from optimizer.errors import OK


@click.command()
@config_argument
@click.option(
    "--cron", required=True, metavar="LINE", help="Minute, hour, day, month and weekday, such as '0 2 * * *'."
)
@click.option("--dry-run", type=click.IntRange(1), metavar="N", help="Print the next N starts and run nothing.")
@click.option("--once", is_flag=True, help="Wait for the next start, run that night, and end with its exit code.")
@click.option("--quiet", is_flag=True, help="No progress lines of the nights.")
@log_option
def schedule(config: Path, cron: str, dry_run: int | None, once: bool, quiet: bool, log_format: str) -> int:
    """Run `allot nightly` at the times of a cron line, in the time zone of the configuration."""
    from optimizer import cli
    from optimizer.nightly.config import read_config
    from optimizer.nightly.log_lines import line
    from optimizer.nightly.schedule import schedule_nights, starts

    settings = read_config(config)
    if dry_run is not None:
        for start in islice(starts(cron, ZoneInfo(settings.time_zone), datetime.now(UTC)), dry_run):
            click.echo(f"{start:%a %Y-%m-%d %H:%M %z %Z}  business date {start.date()}")
        return OK

    def say(text: str) -> None:
        if log_format == "json":
            to_stderr(line(config=settings.name, stage="schedule", reason=text))
        else:
            cli.lasting_line(text)

    options = ("--log-format", log_format, *(("--quiet",) if quiet else ()))
    return schedule_nights(config, cron, threading.Event(), say, options, once=once)


COMMANDS = (schedule,)
