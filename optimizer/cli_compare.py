"""The commands that set runs beside each other: arguments in, exit code out, no arithmetic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from optimizer.errors import OK

inputs_option = click.option(
    "--inputs", type=click.Path(path_type=Path), metavar="DIR", help="Where the scenarios and their data are now."
)


def say(line: str) -> None:
    """One line of progress."""
    click.echo(line, err=True)


@click.command()
@click.argument("runs", metavar="RUN RUN...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Write page, workbook and tables here.")
@click.option("--attribute", is_flag=True, help="Say which input change caused what, by re-solving combinations.")
@click.option("--orders", type=click.IntRange(4), default=20, show_default=True, metavar="N",
              help="Random orders where more than 4 changes are attributed.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="Of the random orders.")
@click.option("--time-limit", type=float, metavar="S", help="Seconds for each re-solve [default: the run's own].")
@inputs_option
@click.option("--json", "as_json", is_flag=True, help="The comparison as JSON on standard output.")
def compare(runs: tuple[Path, ...], **options: Any) -> int:
    """Set runs beside the first: inputs, figures, lines, customers, contracts, prices, and what caused what."""
    from optimizer.batch.compare_command import compare_runs

    if len(runs) < 2:
        raise click.UsageError("name at least two run folders; the first is the baseline")
    click.echo(compare_runs(runs, observe=say, **options))
    return OK


COMMANDS: list[click.Command] = [compare]
"""What `optimizer.cli` adds to the command line."""
