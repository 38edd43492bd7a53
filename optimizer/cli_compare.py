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


@click.command()
@click.argument("baselines", metavar="BASELINE_RUNS", type=click.Path(path_type=Path))
@click.option("--scenarios", type=click.Path(path_type=Path), metavar="DIR", required=True, help="The scenario files.")
@click.option("--rules", type=click.Path(path_type=Path), metavar="FILE", required=True, help="What must not happen.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Override one setting in every scenario.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Write the checks as CSV, JSON and Excel.")
@click.option("--keep", type=click.Path(path_type=Path), metavar="DIR", help="Keep the new runs here.")
@click.option("--json", "as_json", is_flag=True, help="The checks as JSON on standard output.")
def gate(baselines: Path, **options: Any) -> int:
    """Run scenarios again and fail (exit 7) where a KPI falls or rises by more than the rules allow."""
    from optimizer.batch.gate_command import run_gate

    said, code = run_gate(baselines, observe=say, **options)
    click.echo(said)
    return code


@click.command()
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--rows", type=click.IntRange(1), default=3, show_default=True, metavar="N",
              help="Rows of each kind: stock, capacity, lanes, contracts.")  # fmt: skip
@click.option("--time-limit", type=float, default=60.0, show_default=True, metavar="S",
              help="Seconds for each size of step.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Write page, workbook and table here.")
@inputs_option
@click.option("--json", "as_json", is_flag=True, help="The steps as JSON on standard output.")
def sensitivity(run_folder: Path, **options: Any) -> int:
    """Step the scarcest limits of a run up and down, and say the most one should pay for a unit."""
    from optimizer.batch.sensitivity import sensitivity as stepped

    click.echo(stepped(run_folder, observe=say, **options))
    return OK


COMMANDS: list[click.Command] = [compare, gate, sensitivity]
"""What `optimizer.cli` adds to the command line."""
