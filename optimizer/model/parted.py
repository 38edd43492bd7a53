"""A batch too large for one matrix: its model in parts of some orders each, every part built when it is asked for.

A part is the real model of its orders (`build_model` with ``part``), so a rule means in it what it means in the whole;
what orders share is the same rows in every part, with the same keys. `docs/scale.md` says which batches go this way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.model import terms
from optimizer.model.batch import Batch
from optimizer.model.build import Model, build_model
from optimizer.model.formulation import Formulation
from optimizer.model.goals import goals
from optimizer.model.heap import reused_memory
from optimizer.model.linear_model import assemble
from optimizer.model.ragged import totals
from optimizer.scenario.schema import Scenario
from optimizer.tables.part import lines_of
from optimizer.tables.scope import scope_members
from optimizer.tables.tables import Tables

Ints = NDArray[np.int64]

MOST_PAIRS = 4_000_000
"""Pairs of a line and a lane into its zone above which a batch is planned in parts: its matrix takes more than 4 GB."""
PART_PAIRS = 1_000_000
"""About so many pairs make a part."""


@dataclass(frozen=True)
class PartedModel:
    """The model of a batch in parts: ``parts`` are the orders of each, ascending.

    ``size``: columns, rows and nonzeros of the parts together and what they left out, known once they were built.
    """

    batch: Batch
    parts: tuple[Ints, ...]
    size: Mapping[str, Any] = field(default_factory=dict)
    stages: tuple[()] = ()

    @property
    def tables(self) -> Tables:
        return self.batch.tables

    @property
    def scenario(self) -> Scenario:
        return self.batch.scenario

    @property
    def pruned(self) -> Mapping[str, int]:
        """What was left out, as in `Model`."""
        pruned: Mapping[str, int] = self.size.get("pruned", {})
        return pruned

    def describe(self) -> dict[str, Any]:
        """Size in all and by family, as in `Model`; and how many parts there are."""
        return {"parts": len(self.parts), **{name: size for name, size in self.size.items() if name != "pruned"}}

    def models(self) -> Iterator[Model]:
        """The model of each part, one after the other; let go of each before asking for the next."""
        for orders in self.parts:
            yield build_model(self._part(orders), self.scenario, stages=(), part=True)
        self.batch.again()

    def columns(self) -> Iterator[tuple[Ints, Model]]:
        """(lines of the batch, its model without rows) of each part: enough to say what values of columns mean."""
        for orders in self.parts:
            with reused_memory():
                f = Formulation.of(self._part(orders), self.scenario, part=True)
                linear = assemble(f.variables.blocks, (), np.zeros(f.n_cols))
            yield lines_of(self.tables, orders), Model(f.batch, f.arcs, f.variables, linear, {})
        self.batch.again()

    def _part(self, orders: Ints) -> Tables:
        """The tables of some orders, whose batch shares what does not depend on orders."""
        return self.batch.of_orders(orders).tables

    @property
    def pairs(self) -> int:
        """Pairs of a line and an open lane into its zone: more than there are arcs, where nothing ships on two days."""
        return int(_pairs(self.tables).sum())

    @cached_property
    def required(self) -> Ints:
        """Units that each contract asks for: its rate is of what the whole batch orders."""
        tables = self.tables
        if not len(tables.contracts):
            return np.zeros(0, dtype=np.int64)
        contract, line = scope_members(tables, tables.contracts)
        ordered = totals(contract, tables.order_lines["qty"][line], len(tables.contracts))
        return terms.contract_required(tables.contracts, ordered)


def in_parts(tables: Tables, scenario: Scenario, most_pairs: int | None = None) -> PartedModel | None:
    """The batch in parts, where it is too large for one matrix and can be parted; else None.

    ``most_pairs``: what one matrix may have, `MOST_PAIRS` if not given.
    """
    pairs, most_pairs = _pairs(tables), MOST_PAIRS if most_pairs is None else most_pairs
    if int(pairs.sum()) <= most_pairs or not can_be_parted(tables, scenario):
        return None
    number = -(-int(pairs.sum()) // min(PART_PAIRS, most_pairs))
    total = np.cumsum(pairs)
    cuts = np.searchsorted(total, total[-1] * np.arange(1, number) / number)
    parts = np.split(np.arange(len(pairs)), np.unique(cuts))
    return PartedModel(Batch.of(tables, scenario), tuple(part for part in parts if len(part)))


def can_be_parted(tables: Tables, scenario: Scenario) -> bool:
    """Whether every row that orders share is a sum over orders, whose limit does not depend on which of them are there.

    Not so: goals and floors on KPIs and service, fair shares; columns that belong to no order (moves between
    warehouses, openings that cost money); a frozen plan; lots that expire, which are put in order for all at once.
    """
    opening = bool((tables.warehouses["fixed_open_cost"] > 0).any()) and scenario.weights.shipping > 0
    expires = "expiry_date" in tables.stock.columns and bool(tables.stock.given("expiry_date").any())
    return not (
        goals(scenario)
        or scenario.service.min_level
        or len(tables.fair_share)
        or len(tables.transfers)
        or len(tables.previous)
        or opening
        or expires
    )


def _pairs(tables: Tables) -> Ints:
    """How many pairs of a line and an open lane into its zone each order has."""
    is_open = tables.warehouses["is_open"][tables.lane_warehouse]
    lanes = np.bincount(tables.lane_zone[is_open], minlength=len(tables.zones))
    lines = np.bincount(tables.line_order, minlength=len(tables.orders))
    return np.asarray(lanes[tables.order_zone] * lines, dtype=np.int64)
