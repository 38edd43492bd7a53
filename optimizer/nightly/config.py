"""What a nightly run is told: which scenarios, how fresh the tables must be, how long it may take, where to publish."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from optimizer.errors import InputError, Issue, UsageError
from optimizer.nightly.hooks.settings import Hook, different_names
from optimizer.nightly.outbound.settings import OutboundRule
from optimizer.nightly.release_policy import Release
from optimizer.nightly.rows import Rows
from optimizer.nightly.secret import looked_up
from optimizer.nightly.watch_config import LogSettings, MetricsSettings, TraceSettings
from optimizer.scenario.explain import explain
from optimizer.scenario.locate import key_lines, line_of
from optimizer.scenario.schema import Amount, Frozen, NotNegative
from optimizer.tables.findings import did_you_mean, quote
from optimizer.tables.schema import TABLES

NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,59}$"
"""Names become parts of paths and of run ids."""
Count = Annotated[int, Field(ge=0, strict=True)]
Seconds = Annotated[Amount, Field(gt=0)]
SECRETIVE = (("store",), ("hook",))
"""Settings whose values no message shows: they may hold an address or a secret."""
Texts = Annotated[tuple[str, ...], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)]


def _known_table(name: str) -> str:
    if name not in TABLES:
        raise ValueError(f"the name of a table; {did_you_mean(name, TABLES, 'data.md lists them')}")
    return name


TableName = Annotated[str, AfterValidator(_known_table)]


class TableRule(Frozen):
    """When a table is too old or too short to plan with, and whether that ends the night or is only told."""

    max_file_age_hours: NotNegative | None = None
    date_column: str | None = None
    max_age_days: Count | None = None
    min_rows: Count | None = None
    max_drop_percent: NotNegative | None = None
    if_broken: Literal["stop", "warn"] = "stop"

    @model_validator(mode="after")
    def _makes_sense(self) -> TableRule:
        if (self.date_column is None) != (self.max_age_days is None):
            raise ValueError("date_column and max_age_days together")
        return self


class Limits(Frozen):
    """How long and how large. ``time_limit_s`` and ``memory_limit_mb`` replace those of the scenarios.

    ``wall_limit_s`` is for one attempt as a whole, after which its process is killed; ``max_gap`` is the largest
    proven gap (0.05 is 5 %) with which a plan is published.
    """

    time_limit_s: Seconds | None = None
    wall_limit_s: Seconds = Decimal(3600)
    memory_limit_mb: Count | None = None
    max_gap: NotNegative = Decimal(1)


class Failure(Frozen):
    """What to try when an attempt brings no plan that may be published; after that, the last plan is kept."""

    no_plan: Literal["rules", "decompose", "keep"] = "rules"
    infeasible: Literal["soften", "keep"] = "keep"


class NightlyConfig(Frozen):
    """A whole configuration; ``folder`` is where the file lies, and what relative paths begin from."""

    name: Annotated[str, Field(pattern=NAME)]
    scenarios: Annotated[Texts, Field(min_length=1)]
    store: SecretStr
    publish: str
    time_zone: str
    as_of: Literal["business_date", "scenario"] = "business_date"
    allow_outside: bool = False
    limits: Limits = Limits()
    failure: Failure = Failure()
    rows: Rows = Rows()
    release: Release = Release()
    tables: Mapping[TableName, TableRule] = Field(default_factory=dict)
    outbound: OutboundRule | None = None
    hook: Annotated[tuple[Hook, ...], AfterValidator(different_names)] = ()
    log: LogSettings = LogSettings()
    metrics: MetricsSettings = MetricsSettings()
    trace: TraceSettings = TraceSettings()
    folder: Path = Field(default=Path(), exclude=True)

    @field_validator("time_zone")
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(
                "a time zone of this machine, such as Europe/Berlin (pip install tzdata brings all)"
            ) from None
        return value

    @field_validator("scenarios")
    @classmethod
    def _differ(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        names = [Path(written).stem for written in value]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"scenario files of different names; {twice[0]} is there twice")
        odd = [name for name in names if not re.match(NAME, name)]
        if odd:
            raise ValueError(f"file names of letters, digits, - and _ only; {odd[0]!r} has others")
        return value

    @property
    def publish_folder(self) -> Path:
        return (self.folder / self.publish).resolve()

    def scenario_paths(self) -> dict[str, Path]:
        """Each scenario's file by its name without ending, which is what the store calls it."""
        return {Path(written).stem: self.folder / written for written in self.scenarios}

    def store_url(self) -> str:
        """The store's address; ``env:NAME`` is looked up. Never to be shown: `redacted` is."""
        try:
            return looked_up(self.store)
        except UsageError as error:
            raise UsageError(f"store: {error}") from None

    def business_date(self, now: datetime) -> date:
        """The date in the configured zone. ``now`` must know its own zone."""
        return now.astimezone(ZoneInfo(self.time_zone)).date()

    def attempt_settings(self, business_date: date) -> tuple[str, ...]:
        """What the configuration changes in every scenario, as ``KEY=VALUE``."""
        stated = {
            "as_of": business_date.isoformat() if self.as_of == "business_date" else None,
            "solve.time_limit_s": self.limits.time_limit_s,
            "solve.memory_limit_mb": self.limits.memory_limit_mb,
        }
        return tuple(f"{key}={value}" for key, value in stated.items() if value is not None)


def read_config(path: Path) -> NightlyConfig:
    """Read and check a configuration. Raises `InputError` with every finding; none shows the store's address."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
        document: dict[str, Any] = tomllib.loads(text, parse_float=Decimal)
    except UnicodeDecodeError as error:
        raise _one(path, "UTF-8 text", f"save as UTF-8; byte {error.start} is not", "encoding") from None
    except OSError as error:
        raise _one(path, "a readable configuration", error.strerror or "correct the path", "unreadable") from None
    except (tomllib.TOMLDecodeError, RecursionError, ArithmeticError) as error:
        raise _one(path, "TOML", str(error) or "correct it", "bad_toml") from None
    if "folder" in document:
        raise _one(path, "a setting that exists", "remove folder", "unknown_setting")
    try:
        return NightlyConfig.model_validate({**document, "folder": path.resolve().parent})
    except ValidationError as error:
        lines = key_lines(text)
        raise InputError(
            [
                Issue(path.name, line_of(lines, place), ".".join(map(str, place)),
                      "" if place[:1] in SECRETIVE else quote(value), expected, remedy, code)
                for place, value, expected, remedy, code in explain(error, NightlyConfig)
            ]
        ) from None  # fmt: skip


def _one(path: Path, expected: str, remedy: str, code: str) -> InputError:
    return InputError([Issue(path.name, None, None, "", expected, remedy, code)])
