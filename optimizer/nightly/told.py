"""The record of runs as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

SHOWN_REASON = 100
"""Characters of a reason in the list; `allot runs show` tells all of it."""


def as_json(found: Any) -> str:
    """As stored."""
    return json.dumps(found, indent=1, ensure_ascii=False)


def run_lines(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for each run."""
    if not found:
        return ["no runs yet"]
    lines = [f"{'run':<40} {'business date':<14}{'started (UTC)':<21}{'state':<12}{'exit':<5}reason"]
    for row in found:
        code = "" if row["exit_code"] is None else row["exit_code"]
        reason = one_line(row["reason"] or f"in stage {row['stage_reached']}")
        short = reason if len(reason) <= SHOWN_REASON else reason[: SHOWN_REASON - 1] + "…"
        lines.append(f"{row['run_id']:<40} {row['business_date']:<14}{row['started_at'][:19]:<21}{row['state']:<12}"
                     f"{code!s:<5}{short}")  # fmt: skip
    return lines


def story_lines(found: Mapping[str, Any]) -> list[str]:
    """Everything about one run, a fact a line."""
    code = "" if found["exit_code"] is None else f", exit {found['exit_code']}"
    lines = [
        f"run       {found['run_id']}: {found['state']}{code}",
        f"date      {found['business_date']}, started {found['started_at']} on {found['host']}, process {found['pid']}",
        f"versions  {', '.join(f'{name} {value}' for name, value in found['versions'].items())}",
        f"settings  {json.dumps(found['settings'], ensure_ascii=False)}",
    ]
    for scenario in found["scenarios"]:
        lines.append(
            f"scenario  {scenario['scenario']}: inputs {scenario['input_digest']}, to be {scenario['plan_id']}"
        )
    for table in found["inputs"]:
        lines.append(f"input     {table['scenario']}: {table['table_name']}, {table['row_count']:,} rows from "
                     f"{table['source']}, {table['digest']}")  # fmt: skip
    for event in found["events"]:
        told = " ".join(filter(None, (event["scenario"], event["step"], event["state"])))
        reason = f": {one_line(event['reason'])}" if event["reason"] else ""
        lines.append(f"{event['seconds']:7.1f} s  {event['stage']:<8}{told}{reason}")
    for plan in found["plans"]:
        lines.append(f"plan      {plan['plan_id']}: {plan['state']}, value {plan['objective_value']}, "
                     f"gap {plan['gap']}, {plan['step']}, by {plan['engine']}, {plan['folder']}")  # fmt: skip
    return lines


def exception_lines(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for each exception, and a second one with what was found."""
    if not found:
        return ["no exceptions wait"]
    lines = [f"{'id':<13}{'severity':<10}{'state':<10}{'owner':<14}{'nights':>6}  {'at stake':>14}  what"]
    for row in found:
        lines.append(f"{row['exception_id']:<13}{row['severity']:<10}{row['state']:<10}{row['owner'] or '-':<14}"
                     f"{row['nights_open']:>6}  {Decimal(row['money_at_stake']):>14,.2f}  {row['code']} "
                     f"{row['subject']} ({row['scenario']}, since {row['first_seen']})")  # fmt: skip
        lines.append(f"{'':<13}{one_line(row['explanation'])}")
    return lines


def override_lines(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for each override."""
    if not found:
        return ["no overrides are kept"]
    return [
        f"{row['override_id']:<13}{row['scenario']}: order {row['order_id']} line {row['line_id']} from "
        f"{row['warehouse_id']} {row['mode']} {'' if row['qty'] is None else row['qty']}: {one_line(row['reason'])} "
        f"({row['who']}, {row['made_at'][:10]})"
        for row in found
    ]


def audit_lines(found: Mapping[str, Any]) -> list[str]:
    """The verdict about the audit log."""
    if found["broken"]:
        return [f"audit     BROKEN, {found['rows']:,} rows", *(f"  {one_line(words)}" for words in found["broken"])]
    return [f"audit     whole, {found['rows']:,} rows", f"head      {found['hash']}"]


def one_line(text: str) -> str:
    """Text without line breaks or other control characters."""
    return "".join(char if char.isprintable() else " " for char in text)
