"""How an order line can be served: by its own product or a substitute, each of them a kit or not."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.proof.scope import ranges
from optimizer.tables.tables import Tables

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Recipes:
    """What one unit of each product takes off the shelf: its components if it is a kit, else itself."""

    start: Ints
    """products + 1: where the components of each begin"""
    component: Ints
    qty: Ints
    is_kit: Flags

    @classmethod
    def of(cls, tables: Tables) -> Recipes:
        n = len(tables.products)
        is_kit = np.zeros(n, dtype=bool)
        is_kit[tables.kit_product] = True
        plain = np.flatnonzero(~is_kit)
        product = np.concatenate([plain, tables.kit_product])
        component = np.concatenate([plain, tables.kit_component])
        kits: Ints = tables.kits["qty"] if len(tables.kits) else np.zeros(0, dtype=np.int64)
        qty = np.concatenate([np.ones(len(plain), dtype=np.int64), kits])
        by_product = np.lexsort((component, product))
        start = np.searchsorted(product[by_product], np.arange(n + 1)).astype(np.int64)
        return cls(start, component[by_product], qty[by_product], is_kit)

    def parts(self, product: Ints) -> tuple[Ints, Ints]:
        """(position in ``product``, position in the recipes) of every component of each product."""
        count = self.start[product + 1] - self.start[product]
        return np.repeat(np.arange(len(product)), count), ranges(self.start[product], count)

    def total(self, per_product: Exact) -> Exact:
        """Σ quantity · number of the components of each product."""
        of = np.repeat(np.arange(len(self.start) - 1), np.diff(self.start))
        return (per_product.take(self.component) * self.qty).sum_by(of, len(self.start) - 1)


class Ways:
    """Every way to serve every line, sorted by line and product shipped; ``top / bottom`` units for one ordered."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.recipes = Recipes.of(tables)
        n = len(tables.order_lines)
        line, rule = self._substitutes()
        self.simple = not len(tables.substitutions) and not len(tables.kits)
        own = np.arange(n, dtype=np.int64)
        self.line = np.concatenate([own, line])
        self.rule = np.concatenate([np.full(n, -1, dtype=np.int64), rule])
        """row of `substitutions`, −1 for the line's own product"""
        self.product = np.concatenate([tables.line_product, tables.substitution_substitute[rule]])
        if len(line):
            by_line = np.lexsort((self.rule, self.product, self.line))
            self.line, self.rule, self.product = self.line[by_line], self.rule[by_line], self.product[by_line]
        self.start = np.searchsorted(self.line, np.arange(n + 1)).astype(np.int64)
        tops, bottoms = self._ratios()
        self.top, self.bottom = tops[self.rule], bottoms[self.rule]

    def __len__(self) -> int:
        return len(self.line)

    @cached_property
    def own(self) -> Ints:
        """The way of each line that ships what was ordered."""
        return np.flatnonzero(self.rule < 0)

    def _substitutes(self) -> tuple[Ints, Ints]:
        """(line, row of `substitutions`) of every substitute that a line's customer accepts."""
        tables = self.tables
        by_product = np.argsort(tables.substitution_product, kind="stable")
        listed = tables.substitution_product[by_product]
        left = np.searchsorted(listed, tables.line_product, side="left")
        count = np.searchsorted(listed, tables.line_product, side="right") - left
        line, rule = np.repeat(np.arange(len(tables.line_product)), count), by_product[ranges(left, count)]
        customer = tables.order_customer[tables.line_order[line]]
        whose = tables.substitution_customer[rule]
        fits = (whose < 0) | (whose == customer)
        return line[fits], rule[fits]

    def _ratios(self) -> tuple[Ints, Ints]:
        """Numerator and denominator of each substitution's ratio; a last entry 1/1 for a line's own product."""
        table = self.tables.substitutions
        found = table["ratio"].where(table.given("ratio"), 1).fractions() if len(table) else []
        tops = np.array([*(value.numerator for value in found), 1], dtype=np.int64)
        return tops, np.array([*(value.denominator for value in found), 1], dtype=np.int64)

    @cached_property
    def penalty(self) -> Exact:
        """penalty_per_unit of each way, 0 for a line's own product [money per ordered unit]."""
        table = self.tables.substitutions
        if not len(table):
            return Exact.zeros(len(self))
        given: Exact = table["penalty_per_unit"]
        return Exact.concat([given.where(table.given("penalty_per_unit"), 0), Exact.zeros(1)]).take(self.rule)

    @cached_property
    def step(self) -> Ints:
        """Ordered units go in multiples of this: of lot_multiple, whole and in case packs of what is shipped."""
        pack: Ints = self.tables.products["case_pack"][self.product]
        lot: Ints = self.tables.order_lines["lot_multiple"][self.line]
        step: Ints = np.lcm(lot, self.bottom * (pack // np.gcd(self.top, pack)))
        return step

    @cached_property
    def units(self) -> Ints:
        """Component units in one unit of the product shipped."""
        recipes, size = self.recipes, len(self.recipes.start) - 1
        total = np.zeros(size, dtype=np.int64)
        np.add.at(total, np.repeat(np.arange(size), np.diff(recipes.start)), recipes.qty)
        units: Ints = total[self.product]
        return units

    # -- weight and volume of one ordered unit, as quotients ------------------------------------------------------
    def _of_unit(self, column: str) -> Exact:
        """A number of each product: a kit's own if it is given, else the sum of its components."""
        products = self.tables.products
        given: Exact = products[column]
        own = ~self.recipes.is_kit | products.given(column)
        return given if own.all() else given.where(own, self.recipes.total(given))

    @cached_property
    def kg(self) -> tuple[Exact, Ints]:
        """Weight of one ordered unit: weight_kg over qty for a line's own product if given, else by what is shipped."""
        lines = self.tables.order_lines
        own = (self.rule < 0) & lines.given("weight_kg")[self.line]
        shipped = self._of_unit("unit_weight_kg").take(self.product) * self.top
        whole: Exact = lines["weight_kg"].take(self.line)
        return whole.where(own, shipped), np.where(own, lines["qty"][self.line], self.bottom)

    @cached_property
    def volume(self) -> tuple[Exact, Ints]:
        """Volume of one ordered unit [m³], as a quotient."""
        return self._of_unit("unit_volume_m3").take(self.product) * self.top, self.bottom

    def chargeable(self, way: Ints, lane: Ints) -> tuple[Exact, Ints]:
        """What one ordered unit weighs for the freight of a lane, as a quotient: at least kg_per_m3 · volume [kg]."""
        lanes = self.tables.lanes
        kg, over = self.kg[0].take(way), self.kg[1][way]
        by_volume = lanes.given("kg_per_m3")
        if not by_volume.any():
            return kg, over
        volume, per = self.volume[0].take(way), self.volume[1][way]
        dense: Exact = lanes["kg_per_m3"].where(by_volume, 0).take(lane)
        both = np.where(by_volume[lane], per, 1)
        return (kg * both).maximum(dense * volume * np.where(by_volume[lane], over, 0)), over * both
