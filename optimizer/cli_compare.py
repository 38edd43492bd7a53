"""The commands that set runs beside each other: arguments in, exit code out, no arithmetic."""

from __future__ import annotations

import click

COMMANDS: list[click.Command] = []
"""What `optimizer.cli` adds to the command line."""
