"""Random pairs of tiny scenarios: a batch, and the same batch with a few changes on top."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from optimizer.errors import InputError
from optimizer.run import run
from tests.brute_force import optimum
from tests.builders import toml_text, write_case
from tests.instances import Case, Row, random_case
from tests.typed_cases import nested, typed

QUICK = ("solve.gap=0", "solve.price_rows=0", "solve.explain_rows=0", "solve.threads=1")
"""To the optimum, and without the extras that a comparison does not read."""


@dataclass(frozen=True)
class Twist:
    """One change: a `[[change]]` of a table, or a setting ``(dotted key, value)``."""

    change: dict[str, Any] | None = None
    setting: tuple[str, Any] | None = None

    def on(self, case: Case) -> Case:
        """The batch with the change made, row by row."""
        made = copy.deepcopy(case)
        if self.setting is not None:
            made["scenario"][self.setting[0]] = self.setting[1]
            return made
        assert self.change is not None
        for row in made["tables"][self.change["table"]]:
            if all(row.get(name) == value for name, value in self.change.get("where", {}).items()):
                _edit(row, self.change)
        return made


def _edit(row: Row, change: dict[str, Any]) -> None:
    row.update(change.get("set", {}))
    for name, factor in change.get("scale", {}).items():
        row[name] = round(Fraction(row[name]) * Fraction(factor))
    for name, more in change.get("add", {}).items():
        row[name] = row[name] + more


def twists(rng: random.Random, case: Case, count: int) -> list[Twist]:
    """Different changes that keep the batch valid."""
    house = rng.choice(case["tables"]["warehouses"])["warehouse_id"]
    order = rng.choice(case["tables"]["orders"])["order_id"]
    half, more = Decimal("0.5"), Decimal(rng.randint(-20, 40)) / 10
    choices = [
        Twist({"table": "stock", "scale": {"on_hand_qty": half}}),
        Twist({"table": "stock", "where": {"warehouse_id": house}, "add": {"on_hand_qty": rng.randint(1, 3)}}),
        Twist({"table": "order_lines", "where": {"order_id": order}, "add": {"unit_margin": more}}),
        Twist({"table": "lanes", "where": {"warehouse_id": house}, "set": {"fixed_cost": Decimal("2.25")}}),
        Twist({"table": "warehouses", "set": {"handling_cost_per_unit": Decimal("0.75")}}),
        Twist(setting=("service.value", Decimal(rng.randint(31, 50)) / 10)),
        Twist(setting=("weights.shipping", Decimal(rng.randint(21, 30)) / 10)),
    ]
    return rng.sample(choices, count)


def with_all(case: Case, chosen: Iterable[Twist]) -> Case:
    for twist in chosen:
        case = twist.on(case)
    return case


@dataclass(frozen=True)
class Pair:
    """A batch, its changes in the order of the scenario file, and the folders of both published runs."""

    case: Case
    changes: tuple[Twist, ...]
    baseline: Path
    run: Path


def possible_pair(seed: int, counts: tuple[int, ...]) -> tuple[Case, tuple[Twist, ...]] | None:
    """A batch and changes; None where some combination of them is no valid input or allows no plan."""
    rng = random.Random(seed)
    case = random_case(seed + 200_000, 0.15)
    chosen = twists(rng, case, rng.choice(counts))
    settings = [twist for twist in chosen if twist.setting]
    changes = (*sorted(settings, key=lambda twist: str(twist.setting), reverse=True),
               *(twist for twist in chosen if twist.change))  # fmt: skip
    try:
        typed(case)
        possible = all(
            optimum(with_all(case, [twist for at, twist in enumerate(changes) if choice >> at & 1])) is not None
            for choice in range(2 ** len(changes))
        )
    except InputError:
        return None
    return (case, changes) if possible else None


def solved_pair(folder: Path, case: Case, changes: tuple[Twist, ...]) -> Pair:
    """The pair written as two scenario files, the second on top of the first, and solved."""
    first = write_case(folder, case["tables"], nested(case["scenario"]))
    settings = nested(dict(twist.setting for twist in changes if twist.setting))
    edits = [twist.change for twist in changes if twist.change]
    second = folder / "changed.toml"
    second.write_text(toml_text({"base": first.name, "name": "changed", **settings, "change": edits}), encoding="utf-8")
    runs = []
    for path in (first, second):
        outcome = run(path, out=folder / f"run-{path.stem}", settings=QUICK)
        assert outcome.exit_code == 0, outcome.summary
        runs.append(outcome.folder)
    return Pair(case, changes, runs[0], runs[1])


def solved_what_ifs(
    folder: Path, tables: dict[str, list[Row]], what_ifs: dict[str, dict[str, Any]], settings: tuple[str, ...] = QUICK
) -> dict[str, Path]:
    """The run of a small batch, named ``base``, and of scenarios on top of it."""
    paths = {"base": write_case(folder, tables)}
    for name, changed in what_ifs.items():
        paths[name] = folder / f"{name}.toml"
        paths[name].write_text(toml_text({"base": "scenario.toml", "name": name, **changed}), encoding="utf-8")
    return {name: run(path, out=folder / "runs" / name, settings=settings).folder for name, path in paths.items()}
