"""The command line: arguments in, exit code out, no arithmetic.

Everything heavy is imported by the command that needs it, so that `allot --help` answers at once.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import click

from optimizer import (
    __version__,
    cli_batch,
    cli_compare,
    cli_frontier,
    cli_governance,
    cli_nightly,
    cli_outbound,
    cli_schedule,
    cli_store,
)
from optimizer.errors import BAD_INPUT, DEFECT, OK, AllotError, InputError, Issue, system_words

PRINTED_FINDINGS = 50
ENGINES = ("auto", "highs", "cbc", "scip", "cpsat", "decompose")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="allot")
def app() -> None:
    """Decide which warehouse ships how much of each order line, and prove it.

    Exit codes: 0 done, plan within the gap; 2 bad input or usage; 3 proven infeasible; 4 limit hit, verified plan with
    its true gap; 5 limit hit, no plan; 6 verification failed, nothing published; 7 a gate rule failed; 75 another
    run holds the lock; 130/143 interrupted; 1 a defect.
    """


settings_option = click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Override one setting, e.g. service.value=2."
)
outside_option = click.option("--allow-outside", is_flag=True, help="Let data paths leave the scenario's folder tree.")


@app.command()
@click.argument("scenario", type=click.Path(path_type=Path))
@settings_option
@outside_option
@click.option("--json", "as_json", is_flag=True, help="All findings as JSON on standard output.")
def check(scenario: Path, settings: tuple[str, ...], allow_outside: bool, as_json: bool) -> int:
    """Read and validate everything; say every finding; solve nothing."""
    from optimizer.scenario.load import load_scenario
    from optimizer.scenario.told import resolved
    from optimizer.tables.read import load_tables

    try:
        loaded = load_scenario(scenario, settings, allow_outside=allow_outside, keep_sweeps=True)
        tables, warnings = load_tables(loaded)
    except InputError as error:
        show_findings([*error.issues, *error.warnings], as_json)
        return BAD_INPUT
    show_findings(warnings, as_json)
    if not as_json:
        for line in resolved(loaded, tables.changes):
            click.echo(line)
        for source in tables.sources:
            click.echo(f"{source.table:<14}{source.rows:>9,} rows  {source.source}")
        click.echo(f"{loaded.scenario.name}: no faults, {len(warnings)} warning(s)")
    return OK


@app.command()
@click.argument("scenario", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="The run folder itself [default: runs/<run_id>].")
@click.option("--engine", type=click.Choice(ENGINES), help="Which engine; auto chooses and says why.")
@click.option("--time-limit", type=float, metavar="S", help="Seconds for the engine.")
@click.option("--gap", type=float, metavar="G", help="Relative gap at which to stop, 0.001 is 0.1 %.")
@click.option("--threads", type=int, metavar="N")
@click.option("--seed", type=int, metavar="N")
@settings_option
@outside_option
@click.option("--warm-start", type=click.Path(path_type=Path), metavar="RUN", help="Start from the plan of a run.")
@click.option("--format", "fmt", type=click.Choice(["csv", "parquet"]), default="csv", show_default=True)
@click.option("--bundle", is_flag=True, help="Copy the input tables into the run folder.")
@click.option("--require-certified", is_flag=True, help="Judge the gap by the certified bound.")
@click.option("--soften", is_flag=True, help="Where hard rules cannot all hold, lower them by the cheapest repair.")
@click.option("--quiet", is_flag=True, help="No progress lines.")
def solve(scenario: Path, **options: Any) -> int:
    """Solve one batch: plan, shadow prices, report, proof."""
    from optimizer.run import run

    settings = list(options.pop("settings"))
    for name, key in (
        ("engine", "engine"),
        ("time_limit", "time_limit_s"),
        ("gap", "gap"),
        ("threads", "threads"),
        ("seed", "seed"),
    ):
        value = options.pop(name)
        if value is not None:
            settings.append(f"solve.{key}={value}")
    quiet = options.pop("quiet")
    with interruptible() as stop:
        outcome = run(
            scenario,
            settings=settings,
            out=options["out"],
            warm_start=options["warm_start"],
            fmt=options["fmt"],
            bundle_inputs=options["bundle"],
            require_certified=options["require_certified"],
            soften=options["soften"],
            allow_outside=options["allow_outside"],
            observe=None if quiet else progress_line,
            stop=stop.event,
        )
    show_findings(outcome.warnings, as_json=False)
    say_lines(outcome.summary)
    return stop.exit_code or outcome.exit_code


@app.command()
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "--inputs", type=click.Path(path_type=Path), metavar="DIR", help="Where the scenario and its data are now."
)
@click.option("--json", "as_json", is_flag=True, help="The whole verdict as JSON.")
def certify(run_folder: Path, inputs: Path | None, as_json: bool) -> int:
    """Check a run folder on its own: every rule, every number, the value and the bound."""
    from optimizer.proof import certify as judge

    verdict = judge(run_folder, inputs)
    click.echo(verdict.to_json() if as_json else verdict.text())
    return int(verdict.exit_code)


@app.command()
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--order", required=True, metavar="O", help="The order.")
@click.option("--line", metavar="L", help="One line of it [default: all].")
@click.option(
    "--inputs", type=click.Path(path_type=Path), metavar="DIR", help="Where the scenario and its data are now."
)
@click.option("--json", "as_json", is_flag=True, help="The whole story as JSON.")
def explain(run_folder: Path, order: str, line: str | None, inputs: Path | None, as_json: bool) -> int:
    """Tell the whole story of an order line: what it got, every way it could have had, and why not."""
    import json

    from optimizer.explain import explain as stories_of
    from optimizer.explain import text

    stories = stories_of(run_folder, order, line, inputs)
    click.echo(json.dumps(stories, indent=1, ensure_ascii=False, default=str) if as_json else text(stories))
    return OK


@app.command()
@click.argument("scenario", type=click.Path(path_type=Path))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--format", "fmt", type=click.Choice(["mps", "lp"]), required=True)
@settings_option
@outside_option
def export(
    scenario: Path, file: Path, fmt: Literal["mps", "lp"], settings: tuple[str, ...], allow_outside: bool
) -> int:
    """Write the mathematical model with readable names, and beside it the map of names to keys."""
    from optimizer.run import export_model

    size = export_model(scenario, file, fmt, settings, allow_outside)
    click.echo(f"{file}: {size}")
    return OK


@app.command()
@click.option("--json", "as_json", is_flag=True)
def doctor(as_json: bool) -> int:
    """Prove each engine of this installation on known small models; show versions and limits."""
    import json
    from dataclasses import asdict

    from optimizer.engines.doctor import examine

    findings = []
    for finding in examine():
        findings.append(finding)
        if not as_json:
            mark = {True: "ok", False: "FAILED", None: ""}[finding.ok]
            click.echo(f"{finding.subject:<14}{mark:<8}{finding.version:<18}{finding.detail}")
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=1))
    return DEFECT if any(finding.ok is False for finding in findings) else OK


for room in (cli_batch, cli_compare, cli_frontier, cli_nightly, cli_schedule, cli_governance, cli_outbound):
    for command in room.COMMANDS:
        app.add_command(command)
for command in (*cli_store.RUNS, *cli_governance.RUNS):
    cli_nightly.runs.add_command(command)


# -- showing ---------------------------------------------------------------------------------------------------------
def show_findings(findings: list[Issue], as_json: bool) -> None:
    """The first findings in full on stderr, or all of them as JSON on stdout."""
    if as_json:
        import json
        from dataclasses import asdict

        click.echo(json.dumps([asdict(finding) for finding in findings], indent=1, ensure_ascii=False))
        return
    errors_first = sorted(findings, key=lambda finding: finding.severity != "error")
    for finding in errors_first[:PRINTED_FINDINGS]:
        click.echo(finding.text(), err=True)
    if len(findings) > PRINTED_FINDINGS:
        click.echo(f"... and {len(findings) - PRINTED_FINDINGS} more; `allot check --json` lists them all", err=True)


def progress_line(text: str) -> None:
    """One line of progress: over the last one on a terminal, plain lines elsewhere."""
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[K{text}", err=True, nl=False)
    else:
        click.echo(text, err=True)


def lasting_line(text: str) -> None:
    """A line that stays, above whatever progress is shown next."""
    click.echo(f"\r\x1b[K{text}" if sys.stderr.isatty() else text, err=True)


def say_lines(lines: Sequence[str]) -> None:
    """The end of a command, below whatever progress was shown; a reader that went away changes nothing."""
    if sys.stderr.isatty():
        click.echo("\r\x1b[K", err=True, nl=False)
    with may_go_away():
        click.echo("\n".join(lines))


@contextmanager
def may_go_away() -> Iterator[None]:
    """Print what a reader of standard output may have enough of: `head` ends a command, but is no error."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


# -- interrupts ------------------------------------------------------------------------------------------------------
class Interrupt:
    """Whether somebody asked us to stop, and the exit code that says which way."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.exit_code = 0

    def __call__(self, number: int, frame: Any) -> None:
        if self.event.is_set():  # asked twice: at once, without a plan
            raise KeyboardInterrupt
        self.exit_code = 128 + number
        self.event.set()


@contextlib.contextmanager
def interruptible() -> Iterator[Interrupt]:
    """SIGINT, SIGTERM and SIGHUP ask the run to end with the best plan it has; nothing is torn."""
    interrupt = Interrupt()
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, interrupt) for number in signals}
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def main(arguments: list[str] | None = None) -> None:
    """Run a command and exit with its code; what we raise on purpose is a message, not a traceback."""
    try:
        code = app.main(arguments, prog_name="allot", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = BAD_INPUT
    except (click.Abort, KeyboardInterrupt):
        code = 130
    except InputError as error:
        show_findings([*error.issues, *error.warnings], as_json=False)
        code = BAD_INPUT
    except AllotError as error:
        click.echo(f"error: {error}", err=True)
        code = error.exit_code
    except Exception as error:
        if not system_words(error):
            raise
        click.echo(f"error: {system_words(error)}", err=True)
        code = DEFECT
    sys.exit(code if isinstance(code, int) else OK)
