"""The command that hands a plan over to the systems around it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from optimizer.errors import OK


@click.command()
@click.argument("source", metavar="CONFIG|RUN", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="The folder to write.")
@click.option("--format", "fmt", type=click.Choice(["csv", "jsonl", "parquet"]), default="csv", show_default=True)
@click.option("--inputs", type=click.Path(path_type=Path), metavar="DIR",
              help="Of a RUN: where the scenario and its data are now.")  # fmt: skip
def outbound(source: Path, out: Path, fmt: Literal["csv", "jsonl", "parquet"], inputs: Path | None) -> int:
    """Write a plan as picking instructions, reservations and stock balances; they add up, or nothing is written.

    RUN is a run folder; CONFIG a nightly configuration, whose plans that count are written in a folder each.
    """
    from optimizer import cli
    from optimizer.nightly.outbound.command import hand_over

    cli.say_lines(hand_over(source, out, fmt, inputs))
    return OK


COMMANDS = (outbound,)
