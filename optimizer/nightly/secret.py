"""Settings that may stand in an environment variable instead of the file: ``env:NAME``, ``$NAME`` or ``${NAME}``."""

from __future__ import annotations

import os

from pydantic import SecretStr

from optimizer.errors import UsageError
from optimizer.scenario.schema import ENV_REFERENCE


def looked_up(secret: SecretStr | None) -> str:
    """The text itself, or what the variable holds that it names; "" for None. Never to be shown.

    Raises `UsageError` for a variable that is not set.
    """
    text = secret.get_secret_value() if secret else ""
    variable = ENV_REFERENCE.match(text)
    if variable is None:
        return text
    name = variable[1] or variable[2]
    if not os.environ.get(name):
        raise UsageError(f"the environment variable {name} is not set")
    return os.environ[name]
