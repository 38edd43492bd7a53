"""The commands by which people govern what the nights publish: decisions, exceptions, the audit log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from optimizer.cli_nightly import config_argument, open_store
from optimizer.errors import OK, VERIFICATION_FAILED, UsageError

if TYPE_CHECKING:
    from optimizer.nightly.config import NightlyConfig
    from optimizer.nightly.store import Store

by_option = click.option("--by", "who", required=True, metavar="WHO", help="Who decides.")
json_option = click.option("--json", "as_json", is_flag=True, help="As JSON on standard output.")


@contextmanager
def opened(config: Path) -> Iterator[tuple[NightlyConfig, Store]]:
    """A configuration and its store, for as long as the block lasts."""
    settings, store = open_store(config)
    try:
        yield settings, store
    finally:
        store.close()


def named(who: str) -> str:
    """A name as it is recorded. Raises `UsageError` for a blank one."""
    from optimizer.nightly.release_policy import name_of

    try:
        return name_of(who)
    except ValueError as error:
        raise UsageError(f"--by and --to: {error}") from None


# -- plans -------------------------------------------------------------------------------------------------------------
def decision(name: str, words: str, reason_help: str) -> click.Command:
    """One of the three commands that decide about a plan."""

    def decide(wanted: str, config: Path | None, who: str, reason: str) -> int:
        from optimizer import cli
        from optimizer.nightly import approval

        take: Callable[..., list[str]] = getattr(approval, name)
        cli.say_lines(take(approval.Decision(wanted, named(who), reason), config))
        return OK

    for option in (
        click.option("--reason", default="", metavar="TEXT", help=reason_help),
        by_option,
        click.option("--config", type=click.Path(path_type=Path), metavar="CONFIG",
                     help="The configuration [default: that of the run folder]."),
        click.argument("wanted", metavar="RUN"),
    ):  # fmt: skip
        decide = option(decide)
    return click.command(name, help=words)(decide)


WHICH = "RUN is a published run folder (plans/ID), a plan's id, or a scenario, which means the last plan that waits."
approve = decision("approve", f"Approve a draft. {WHICH}", "On record.")
reject = decision("reject", f"Reject a plan that waits: it never counts. {WHICH}", "Why; needed.")
release = decision("release", f"Let an approved plan count, after it was certified once more. {WHICH}", "On record.")


# -- exceptions --------------------------------------------------------------------------------------------------------
@click.group()
def exceptions() -> None:
    """The queue of exceptions, carried over nights."""


@exceptions.command("list")
@config_argument
@click.option("--all", "whole", is_flag=True, help="Resolved and closed ones too.")
@click.option("--owner", metavar="WHO", help="Of this owner only.")
@json_option
def list_exceptions(config: Path, whole: bool, owner: str | None, as_json: bool) -> int:
    """What somebody must look at, the most severe and then the most money first."""
    from dataclasses import asdict

    from optimizer import cli
    from optimizer.nightly import told
    from optimizer.nightly.exception_queue import queue

    with opened(config) as (settings, store), store.transaction() as connection:
        found = [each for each in queue(connection, settings.name, whole=whole) if owner in (None, each.owner)]
    rows = [{**asdict(each), "money_at_stake": f"{each.money_at_stake:f}"} for each in found]
    cli.say_lines([told.as_json(rows)] if as_json else told.exception_lines(rows))
    return OK


ids_argument = click.argument("ids", metavar="ID...", nargs=-1, required=True)


@exceptions.command("assign")
@config_argument
@ids_argument
@click.option("--to", "owner", required=True, metavar="WHO", help="Who looks at it from now on.")
@by_option
@click.option("--note", default="", metavar="TEXT", help="On record.")
def assign_exceptions(config: Path, ids: tuple[str, ...], owner: str, who: str, note: str) -> int:
    """Give exceptions an owner: they are acknowledged."""
    from optimizer import cli
    from optimizer.nightly.exception_queue import assign

    with opened(config) as (settings, store):
        cli.say_lines(assign(store, settings.name, ids, named(owner), named(who), note))
    return OK


@exceptions.command("resolve")
@config_argument
@ids_argument
@by_option
@click.option("--reason", default="", metavar="TEXT", help="What was done; needed.")
def resolve_exceptions(config: Path, ids: tuple[str, ...], who: str, reason: str) -> int:
    """Say that exceptions need nobody any more; one that is found again is reopened."""
    from optimizer import cli
    from optimizer.nightly.exception_queue import resolve

    with opened(config) as (settings, store):
        cli.say_lines(resolve(store, settings.name, ids, named(who), reason))
    return OK


# -- overrides ---------------------------------------------------------------------------------------------------------
@click.group()
def override() -> None:
    """Pins of planners that every night keeps until they are withdrawn."""


@override.command("add")
@config_argument
@click.option("--scenario", metavar="NAME", help="Of which scenario [default: the only one].")
@click.option("--order", "order_id", required=True, metavar="O", help="The order.")
@click.option("--line", "line_id", required=True, metavar="L", help="Its line.")
@click.option("--warehouse", "warehouse_id", required=True, metavar="W", help="From which warehouse.")
@click.option("--mode", type=click.Choice(["exactly", "at_least", "at_most", "forbid"]), required=True,
              help="How the quantity binds.")  # fmt: skip
@click.option("--qty", type=click.IntRange(0), metavar="N", help="Units; none for forbid.")
@click.option("--reason", default="", metavar="TEXT", help="Why; needed.")
@by_option
def add_override(config: Path, scenario: str | None, who: str, **pin: Any) -> int:
    """Put a decision about one order line on record, once it was held against the scenario as it is now."""
    from optimizer import cli
    from optimizer.nightly.overrides import Override, make

    with opened(config) as (settings, store):
        names = list(settings.scenario_paths())
        if scenario is None and len(names) > 1:
            raise UsageError(f"--scenario NAME: one of {', '.join(names)}")
        wanted = Override(scenario=scenario or names[0], who=named(who), **pin)
        cli.say_lines(make(store, settings, wanted))
    return OK


@override.command("withdraw")
@config_argument
@ids_argument
@by_option
@click.option("--reason", default="", metavar="TEXT", help="On record.")
def withdraw_overrides(config: Path, ids: tuple[str, ...], who: str, reason: str) -> int:
    """End overrides: the next night plans without them."""
    from optimizer import cli
    from optimizer.nightly.overrides import withdraw

    with opened(config) as (settings, store):
        cli.say_lines(withdraw(store, settings.name, ids, named(who), reason))
    return OK


@override.command("list")
@config_argument
@json_option
def list_overrides(config: Path, as_json: bool) -> int:
    """The overrides that are kept."""
    from optimizer import cli
    from optimizer.nightly import told
    from optimizer.nightly.overrides import active

    with opened(config) as (settings, store), store.transaction() as connection:
        found = active(connection, settings.name)
    cli.say_lines([told.as_json(found)] if as_json else told.override_lines(found))
    return OK


# -- the record --------------------------------------------------------------------------------------------------------
@click.command("audit")
@config_argument
@click.option("--head", metavar="HASH", help="A hash that was noted earlier: it must still be in the log.")
@json_option
def audit_log(config: Path, head: str | None, as_json: bool) -> int:
    """Verify the audit log of the store; exit 6 names the first broken link."""
    from optimizer import cli
    from optimizer.nightly import told
    from optimizer.nightly.approval import read_status
    from optimizer.nightly.audit import examine

    with opened(config) as (settings, store):
        noted = read_status(settings.publish_folder).get("audit")
        found = examine(store, noted if isinstance(noted, dict) else None, head)
    cli.say_lines([told.as_json(found)] if as_json else told.audit_lines(found))
    return VERIFICATION_FAILED if found["broken"] else OK


@click.command("report")
@config_argument
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="FILE.html", help="The page.")
@click.option("--last", type=click.IntRange(1), default=60, show_default=True, metavar="N", help="So many dates.")
def report_nights(config: Path, out: Path, last: int) -> int:
    """Write the trends over nights as one page: values, gaps, steps, times, exceptions, interventions."""
    from optimizer import cli
    from optimizer.nightly.trends import nights
    from optimizer.report.nights_page import render
    from optimizer.report.place import replace_file
    from optimizer.report.words import plural

    with opened(config) as (settings, store):
        found = nights(store, settings.name, last)
    replace_file(out, render(found).encode())
    cli.say_lines([f"page      {out}: {plural(len(found.dates), 'business date')}"])
    return OK


@click.command("diff")
@config_argument
@click.argument("plans", metavar="PLAN PLAN...", nargs=-1, required=True)
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Write page, workbook and tables here.")
@json_option
def diff_plans(config: Path, plans: tuple[str, ...], out: Path | None, as_json: bool) -> int:
    """What differs between published plans, as `allot compare` tells it; PLAN is an id, or a scenario that counts."""
    from optimizer import cli
    from optimizer.batch.compare_command import compare_runs
    from optimizer.nightly.approval import folder_of

    if len(plans) < 2:
        raise UsageError("name at least two plans; the first is the baseline")
    with opened(config) as (settings, store):
        folders = [folder_of(store, settings, name) for name in plans]
    cli.say_lines([compare_runs(folders, observe=cli.progress_line, out=out, as_json=as_json)])
    return OK


COMMANDS: list[click.Command] = [approve, reject, release, exceptions, override]
"""What `optimizer.cli` adds to the command line."""
RUNS: list[click.Command] = [audit_log, report_nights, diff_plans]
"""What the group `allot runs` has more."""
