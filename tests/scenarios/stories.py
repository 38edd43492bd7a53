"""Solve a shipped scenario through the product and read its run folder back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from optimizer.run import run

ROOT = Path(__file__).parents[2]
SCENARIOS = ROOT / "scenarios"
DATA = ROOT / "data"


def text_table(path: Path) -> pd.DataFrame:
    """A CSV table, every cell as the text it is."""
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def pairs(table: pd.DataFrame, left: str, right: str) -> set[tuple[str, str]]:
    """The different pairs of values in two columns."""
    return set(zip(table[left], table[right], strict=True))


@dataclass(frozen=True)
class Story:
    """A finished run: its exit code, its numbers (exact) and its tables."""

    exit_code: int
    folder: Path
    data: Path

    @cached_property
    def result(self) -> dict[str, Any]:
        return json.loads((self.folder / "run.json").read_text(), parse_float=Fraction, parse_int=Fraction)

    @cached_property
    def orders(self) -> pd.DataFrame:
        return text_table(self.data / "orders.csv").set_index("order_id")

    def output(self, name: str) -> pd.DataFrame:
        return text_table(self.folder / f"{name}.csv")

    def units_by(self, column: str) -> dict[str, int]:
        """Units allocated by a column of the orders table."""
        plan = self.output("allocations")
        return plan["qty"].astype(int).groupby(plan["order_id"].map(self.orders[column])).sum().to_dict()

    def price(self, family: str, key: str) -> Fraction:
        """The price of the one row of a family with this id."""
        prices = self.output("shadow_prices")
        row = prices[(prices["family"] == family) & prices.isin([key]).any(axis=1)]
        assert len(row) == 1
        return Fraction(row["price"].item())


def solve_story(name: str, out: Path, data: str | None = None, settings: Sequence[str] = ()) -> Story:
    outcome = run(SCENARIOS / f"{name}.toml", out=out, settings=settings)
    return Story(outcome.exit_code, outcome.folder, DATA / (data or name))
