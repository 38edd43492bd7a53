"""`[[hook]]` of a nightly configuration: which events go to which receiver."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator

from optimizer.errors import UsageError
from optimizer.nightly.secret import looked_up
from optimizer.scenario.schema import ENV_REFERENCE, Amount, Frozen, NotNegative

Kind = Literal["published", "kept", "failed", "crashed", "approved", "released", "rejected", "exceptions"]
"""What may be told of."""

NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,59}$"
WEB = re.compile(r"^https?://[^\s/?#@]+([/?#]\S*)?$", re.ASCII)
"""An address without user and password: those would be sent in the clear, and are what ``secret`` is for."""
Several = BeforeValidator(lambda value: [value] if isinstance(value, str) else value)


class Hook(Frozen):
    """A receiver: a ``command`` that reads the event on standard input, or a ``url`` to which it is posted.

    ``url`` and ``secret`` may be ``env:NAME``, a ``secret`` must be. Of one event, ``attempts`` are made in one night,
    ``backoff_s`` seconds after the first, twice as long after each further one; an event older than ``keep_days``
    is given up.
    """

    name: Annotated[str, Field(pattern=NAME)]
    on: Annotated[tuple[Kind, ...], Several, Field(min_length=1)]
    command: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    url: SecretStr | None = None
    secret: SecretStr | None = None
    timeout_s: Annotated[Amount, Field(gt=0, le=600)] = Decimal(10)
    attempts: Annotated[int, Field(ge=1, le=10, strict=True)] = 3
    backoff_s: Annotated[NotNegative, Field(le=60)] = Decimal(1)
    keep_days: Annotated[int, Field(ge=1, strict=True)] = 7

    @field_validator("url")
    @classmethod
    def _is_web(cls, value: SecretStr | None) -> SecretStr | None:
        text = value.get_secret_value() if value else ""
        if value and not (ENV_REFERENCE.match(text) or WEB.match(text)):
            raise ValueError("an address that begins with http:// or https://, without user and password, or env:NAME")
        return value

    @field_validator("secret")
    @classmethod
    def _is_elsewhere(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not ENV_REFERENCE.match(value.get_secret_value()):
            raise ValueError("env:NAME: the secret stands in an environment variable, not in the file")
        return value

    @model_validator(mode="after")
    def _makes_sense(self) -> Hook:
        if (self.command is None) == (self.url is None):
            raise ValueError("either a command or a url")
        if self.secret is not None and self.url is None:
            raise ValueError("a secret only beside a url; a command reads its own")
        return self

    def address(self) -> str:
        """Where to post to; never to be shown. Raises `UsageError` if it is no address."""
        found = looked_up(self.url)
        if not WEB.match(found):
            raise UsageError("its url is not an address that begins with http:// or https://")
        return found

    def key(self) -> str:
        """The secret itself, empty if there is none; never to be shown. Raises `UsageError`."""
        return looked_up(self.secret)


def different_names(hooks: tuple[Hook, ...]) -> tuple[Hook, ...]:
    """A name is how the store remembers what a receiver was told."""
    names = [hook.name for hook in hooks]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"hooks of different names; {twice[0]} is there twice")
    return hooks
