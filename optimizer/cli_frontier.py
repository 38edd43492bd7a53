"""The command `allot frontier`: arguments in, exit code out, no arithmetic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


@click.command()
@click.argument("scenario", type=click.Path(path_type=Path))
@click.option("--x", required=True, metavar="KPI", help="The KPI along the curve, e.g. weighted_service_level.")
@click.option("--y", required=True, metavar="KPI", help="The KPI that is best at each level of the other, e.g. margin.")
@click.option("--points", type=int, default=9, show_default=True, metavar="N", help="At most so many points.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="The folder [default: runs/frontier-...].")
@click.option("--time-limit", type=float, metavar="S", help="Seconds for each point's search, and for its plan.")
@click.option("--gap", type=float, metavar="G", help="Relative gap at which to stop; 0 proves every point.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Override one setting.")
@click.option("--allow-outside", is_flag=True, help="Let data paths leave the scenario's folder tree.")
@click.option("--quiet", is_flag=True, help="No progress lines.")
def frontier(scenario: Path, settings: tuple[str, ...], quiet: bool, **options: Any) -> int:
    """Draw the exact trade-off of two KPIs: a plan a point, each with its proven gap."""
    from optimizer.batch.frontier import frontier as draw
    from optimizer.cli import interruptible, progress_line, say_lines, show_findings

    given = (("time_limit", "time_limit_s"), ("gap", "gap"))
    stated = [f"solve.{key}={value}" for name, key in given if (value := options.pop(name)) is not None]
    with interruptible() as stop:
        outcome = draw(
            scenario,
            settings=[*settings, *stated],
            observe=None if quiet else progress_line,
            stop=stop.event,
            **options,
        )
    show_findings(outcome.warnings, as_json=False)
    say_lines(outcome.summary)
    return stop.exit_code or outcome.exit_code


COMMANDS: list[click.Command] = [frontier]
"""What `optimizer.cli` adds to the command line."""
