"""The commands about many scenarios, and the schema that helps to write them."""

from __future__ import annotations

import click

from optimizer.errors import OK


@click.command()
def schema() -> int:
    """Print the JSON schema of scenario files, for editors that complete and check TOML."""
    from optimizer.scenario.json_schema import schema_text

    click.echo(schema_text(), nl=False)
    return OK


COMMANDS = (schema,)
