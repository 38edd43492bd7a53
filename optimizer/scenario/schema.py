"""What a scenario may say: frozen models, exact numbers, unknown keys refused.

Numbers are `Decimal` (the loader parses TOML with ``parse_float=Decimal``), so that 0.1 is one tenth. Times are in
seconds, money in the scenario's currency.
"""

from __future__ import annotations

import datetime
import re
from contextlib import suppress
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, field_serializer, model_validator

SCOPE_KINDS = ("tier", "channel", "segment", "customer", "zone")
"""What a service floor may be stated for, besides ``overall``."""

MAX_NUMBER = Decimal(10) ** 30

ENV_REFERENCE = re.compile(r"^(?:env:([A-Za-z_][A-Za-z0-9_]*)|\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?)$")
"""A connection kept out of the file: ``env:NAME``, ``$NAME`` or ``${NAME}``."""


def _number(value: Any) -> Any:
    """TOML has types: a quoted number or a truth value in a number's place is a slip, not a number."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError("a number")
    if Decimal(value).copy_abs() > MAX_NUMBER:
        raise ValueError(f"a number of at most {MAX_NUMBER:e}")
    return value


def _flat_scopes(value: Any) -> Any:
    """One level means overall; ``tier.A`` may be written as a quoted key or as a sub-table."""
    if not isinstance(value, dict):
        return {"overall": value}
    flat: dict[str, Any] = {}
    for key, level in value.items():
        if isinstance(level, dict):
            flat |= {f"{key}.{member}": inner for member, inner in level.items()}
        else:
            flat[key] = level
    for scope in flat:
        kind, dot, member = scope.partition(".")
        if scope != "overall" and not (dot and member and kind in SCOPE_KINDS):
            raise ValueError(f"scopes 'overall' or {', '.join(kind + '.X' for kind in SCOPE_KINDS)}, not {scope!r}")
    return flat


Amount = Annotated[Decimal, BeforeValidator(_number)]
NotNegative = Annotated[Amount, Field(ge=0)]
Share = Annotated[Amount, Field(ge=0, le=1)]


class Frozen(BaseModel):
    """The manners of every part of a scenario."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class DataRef(Frozen):
    """Where one table is: a file (with a sheet, for Excel), or a query on a connection."""

    path: str | None = None
    sheet: str | None = None
    sql: str | None = None
    connection: SecretStr | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_kind(self) -> DataRef:
        if (self.path is None) == (self.sql is None):
            raise ValueError("either a path, or sql with a connection")
        if self.sql is not None and self.connection is None:
            raise ValueError("a connection beside sql")
        if self.connection is not None and self.sql is None:
            raise ValueError("sql beside the connection")
        if self.sheet is not None and self.path is None:
            raise ValueError("a sheet only beside the path of a workbook")
        return self

    @field_serializer("connection")
    def _redacted(self, connection: SecretStr | None) -> str | None:
        return None if connection is None else redacted(connection.get_secret_value())


def redacted(connection: str) -> str:
    """A connection as it may be shown: without user, password or options."""
    if ENV_REFERENCE.match(connection) or "://" not in connection:
        return connection
    scheme, _, rest = connection.partition("://")
    place = rest.rpartition("@")[2].partition("?")[0]
    return f"{scheme}://{place}"


def has_credentials(connection: str) -> bool:
    """Whether a connection carries a password."""
    return ":" in connection.partition("://")[2].rpartition("@")[0]


class Weights(Frozen):
    """Factors of the objective's terms; every term is money."""

    margin: NotNegative = Decimal(1)
    service: NotNegative = Decimal(1)
    shipping: NotNegative = Decimal(1)
    penalties: NotNegative = Decimal(1)
    holding: NotNegative = Decimal(1)


class Service(Frozen):
    """What counts as served, what it is worth (money per weighted unit, line or order) and the floors it must reach."""

    measure: Literal["unit", "line", "order"] = "unit"
    value: NotNegative = Decimal(0)
    min_level: Annotated[dict[str, Share], BeforeValidator(_flat_scopes)] = Field(default_factory=dict)
    tier_weight: dict[str, NotNegative] = Field(default_factory=dict)
    priority_weight: dict[Annotated[int, Field(ge=1)], NotNegative] = Field(default_factory=dict)


class SolveSettings(Frozen):
    """How the model is solved. ``threads`` beyond the machine's cores are left unused by the engines."""

    engine: Literal["auto", "highs", "cbc", "scip", "cpsat", "decompose", "rules"] = "auto"
    time_limit_s: Annotated[Amount, Field(gt=0)] = Decimal(60)
    gap: Share = Decimal("0.001")
    threads: Annotated[int, Field(ge=1, le=1024, strict=True)] = 2
    seed: Annotated[int, Field(ge=0, le=2**31 - 1, strict=True)] = 0
    memory_limit_mb: Annotated[int, Field(ge=64, strict=True)] | None = None
    price_rows: Annotated[int, Field(ge=0, strict=True)] = 200
    explain_rows: Annotated[int, Field(ge=0, strict=True)] = 200


KPIS = {
    "objective": "max",
    "margin": "max",
    "service_value": "max",
    "weighted_service_level": "max",
    "holding_value": "max",
    "units_allocated": "max",
    "orders_served_in_full": "max",
    "contract_shortfall": "min",
    "shipping_cost": "min",
    "handling_cost": "min",
    "opening_cost": "min",
    "transfer_cost": "min",
    "penalties": "min",
}
"""What a stage or floor may be about, and in which direction it is better."""

SCOPED_KPI = re.compile(r"^weighted_service_level\[(.+)\]$", re.DOTALL)


def _kpi(value: Any) -> Any:
    """The name of a KPI; a service level may be that of a scope: ``weighted_service_level[tier.A]``."""
    if not isinstance(value, str):
        raise ValueError("the name of a KPI in quotes")
    scoped = SCOPED_KPI.match(value)
    if scoped:
        _flat_scopes({scoped.group(1): None})
    elif value not in KPIS:
        raise ValueError(f"one of the KPIs {', '.join(KPIS)} or weighted_service_level[SCOPE]")
    return value


def kpi_scope(kpi: str) -> str:
    """The scope of a service level: ``tier.A`` of ``weighted_service_level[tier.A]``, otherwise ``overall``."""
    scoped = SCOPED_KPI.match(kpi)
    return scoped.group(1) if scoped else "overall"


SHARE = re.compile(r"^fair_share\[(\d+):(.*)\]$", re.DOTALL)


def share_kpi(level: int, group_id: str) -> str:
    """The KPI that a stage of max-min is about: the sum of so many of the lowest fills of a group."""
    return f"fair_share[{level}:{group_id}]"


def share_level(kpi: str) -> tuple[int, str] | None:
    """The level and the group of such a KPI, None for any other."""
    found = SHARE.match(kpi)
    return (int(found.group(1)), found.group(2)) if found else None


def kpi_words(kpi: str) -> str:
    """A KPI as people read it."""
    share = share_level(kpi)
    if share is None:
        return kpi
    level, group_id = share
    lowest = "the lowest fill" if level == 1 else f"the sum of the {level} lowest fills"
    return f"{lowest} in fair share {group_id}"


def kpi_sense(kpi: str) -> Literal["max", "min"]:
    """The direction in which a KPI is better."""
    return "min" if KPIS[kpi.partition("[")[0]] == "min" else "max"


BOTH_WAYS = frozenset({"margin", "handling_cost", "units_allocated"})
"""KPIs that the shipped quantities alone state. Of all others the model may say too much of a cost and too little of a
service, so that they can only be pushed the better way."""


def can_be_said(kpi: str, sense: str) -> bool:
    """Whether a KPI can be a goal that is kept high (max) or low (min)."""
    return kpi in BOTH_WAYS or kpi_sense(kpi) == sense


Kpi = Annotated[str, BeforeValidator(_kpi)]


class Stage(Frozen):
    """One goal of a lexicographic objective; while later ones are optimized it may give way by ``tolerance``."""

    kpi: Kpi
    sense: Literal["max", "min"] = "max"
    tolerance: NotNegative = Decimal(0)

    @model_validator(mode="before")
    @classmethod
    def _better_way(cls, value: Any) -> Any:
        if isinstance(value, dict) and "sense" not in value:
            with suppress(ValueError, KeyError):
                return {**value, "sense": kpi_sense(_kpi(value.get("kpi")))}
        return value


class Floor(Frozen):
    """A KPI that must be at least ``min``, or at most ``max``."""

    kpi: Kpi
    min: Amount | None = None
    max: Amount | None = None

    @model_validator(mode="after")
    def _one_bound(self) -> Floor:
        if (self.min is None) == (self.max is None):
            raise ValueError("either min or max")
        return self


class Objective(Frozen):
    """What is optimized: the weighted sum, the same (or one KPI) under floors, or stages one after the other."""

    mode: Literal["weighted", "floor", "lexicographic"] = "weighted"
    stages: tuple[Stage, ...] = Field(default_factory=tuple)
    floors: tuple[Floor, ...] = Field(default_factory=tuple)
    maximize: Kpi | None = None
    minimize: Kpi | None = None

    @model_validator(mode="after")
    def _of_its_mode(self) -> Objective:
        wanted = {"lexicographic": "stages", "floor": "floors"}.get(self.mode)
        if wanted and not getattr(self, wanted):
            raise ValueError(f"{wanted} = [{{ kpi = ... }}] beside mode = {self.mode!r}")
        for name, mode in (
            ("stages", "lexicographic"),
            ("floors", "floor"),
            ("maximize", "floor"),
            ("minimize", "floor"),
        ):
            if getattr(self, name) and self.mode != mode:
                raise ValueError(f"{name} only beside mode = {mode!r}")
        if self.maximize and self.minimize:
            raise ValueError("one of maximize and minimize")
        kpis = [stage.kpi for stage in self.stages]
        if len(set(kpis)) < len(kpis):
            raise ValueError("each kpi in one stage")
        return self


class Stability(Frozen):
    """The plan to stay near to, and the money that each ordered unit moved away from it costs."""

    previous_plan: Annotated[str, Field(min_length=1)]
    cost_per_unit: NotNegative = Decimal(0)


class Finance(Frozen):
    """Money figures that only reports use."""

    working_capital: Annotated[Amount, Field(gt=0)]


class Change(Frozen):
    """One what-if step on the rows of a table that match ``where``: set, then scale, then add; or drop; or append."""

    table: str
    where: dict[str, Any] = Field(default_factory=dict)
    set: dict[str, Any] = Field(default_factory=dict)
    scale: dict[str, Amount] = Field(default_factory=dict)
    add: dict[str, Amount] = Field(default_factory=dict)
    drop: bool = False
    append: list[dict[str, Any]] = Field(default_factory=list)

    @model_validator(mode="after")
    def _one_action(self) -> Change:
        edits = bool(self.set or self.scale or self.add)
        if edits + self.drop + bool(self.append) != 1:
            raise ValueError("one of set/scale/add, drop = true, or append")
        if self.append and self.where:
            raise ValueError("no where beside append")
        return self


class Sweep(Frozen):
    """Values of one setting to be tried, a run for each; of several sweeps every combination."""

    parameter: Annotated[str, Field(min_length=1)]
    values: Annotated[list[Any], Field(min_length=1)]


class Scenario(Frozen):
    """A whole scenario, bases merged in; what it changes in the tables is kept beside it by the loader."""

    name: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
    as_of: Annotated[datetime.date, Field(strict=True)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "EUR"
    data: dict[str, DataRef]
    weights: Weights = Field(default_factory=Weights)
    service: Service = Field(default_factory=Service)
    objective: Objective = Field(default_factory=Objective)
    stability: Stability | None = None
    finance: Finance | None = None
    solve: SolveSettings = Field(default_factory=SolveSettings)
