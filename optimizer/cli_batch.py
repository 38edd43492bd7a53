"""The commands about many scenarios, and the schema that helps to write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from optimizer.errors import OK, UsageError


@click.command()
def schema() -> int:
    """Print the JSON schema of scenario files, for editors that complete and check TOML."""
    from optimizer.scenario.json_schema import schema_text

    click.echo(schema_text(), nl=False)
    return OK


@click.command()
@click.argument("scenarios", nargs=-1, required=True, metavar="SCENARIO...")
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/batch"), show_default=True, metavar="DIR",
              help="The folder that gets a run folder for each run, and the summary.")  # fmt: skip
@click.option("--workers", type=click.IntRange(1), metavar="N", help="Processes on this machine [default: its cores].")
@click.option("--cluster", metavar="ADDRESS", help="Run on a Dask cluster: the address of its scheduler.")
@click.option("--baseline", type=click.Path(path_type=Path), metavar="SCENARIO",
              help="Run this first; all others start from its plan and prices.")  # fmt: skip
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Override one setting of every scenario.")
@click.option("--allow-outside", is_flag=True, help="Let data paths leave the scenarios' folder trees.")
@click.option("--fresh", is_flag=True, help="Solve again what is finished already.")
@click.option("--quiet", is_flag=True, help="No progress lines.")
def batch(scenarios: tuple[str, ...], **options: Any) -> int:
    """Run many scenarios, folders of them, patterns and sweeps; one that fails never stops the rest."""
    from optimizer import cli
    from optimizer.batch.run_batch import Where, run_batch
    from optimizer.batch.summary import table_lines

    workers, cluster = options.pop("workers"), options.pop("cluster")
    if workers is not None and cluster is not None:
        raise UsageError("either --workers or --cluster: a cluster has its own workers")
    quiet, out = options.pop("quiet"), options.pop("out")
    with cli.interruptible() as stop:
        found = run_batch(
            scenarios,
            out,
            where=Where(workers, cluster),
            say=(lambda line: None) if quiet else cli.lasting_line,
            progress=(lambda line: None) if quiet else cli.progress_line,
            stop=stop.event,
            **options,
        )
    cli.say_lines([*table_lines(found.rows), f"summary   {found.folder / 'summary.html'}"])
    return stop.exit_code or found.exit_code


COMMANDS = (batch, schema)
