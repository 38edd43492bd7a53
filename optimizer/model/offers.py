"""What may be shipped for each line: the product ordered, or one of its substitutes; and what a product is made of.

An *offer* is a (line, product to ship). Lines count ordered units; stock, capacities, weight and freight count what
leaves the shelf: units of the product shipped, or of the components of a kit.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import cast

import numpy as np
from numpy.typing import NDArray

from optimizer.exact import Exact
from optimizer.model import terms
from optimizer.model.ragged import expand, starts_of
from optimizer.model.terms import NEVER, Ratio
from optimizer.tables.tables import Tables

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Recipes:
    """Of each product its components: rows ``start[p]:start[p+1]`` of ``component`` and ``qty``, itself if no kit.

    ``units``: units from the shelf in one unit of it. ``weight`` in kg and ``volume`` in m³, of a kit its own where
    given, else those of its components.
    """

    is_kit: Flags
    start: Ints
    component: Ints
    qty: Ints
    units: Ints
    weight: Exact
    volume: Exact

    @classmethod
    def of(cls, tables: Tables) -> Recipes:
        products, size = tables.products, len(tables.products)
        kit = np.bincount(tables.kit_product, minlength=size) > 0
        plain = np.flatnonzero(~kit)
        owner = np.concatenate([tables.kit_product, plain])
        component = np.concatenate([tables.kit_component, plain])
        qty = np.concatenate([np.asarray(tables.kits["qty"], dtype=np.int64), np.ones(len(plain), dtype=np.int64)])
        order = np.lexsort((component, owner)) if kit.any() else np.arange(size)
        owner, component, qty = owner[order], component[order], qty[order]
        return cls(
            is_kit=kit,
            start=starts_of(owner, size),
            component=component,
            qty=qty,
            units=np.bincount(owner, qty, size).astype(np.int64),
            weight=_summed(products["unit_weight_kg"], products.given("unit_weight_kg"), kit, owner, component, qty),
            volume=_summed(products["unit_volume_m3"], products.given("unit_volume_m3"), kit, owner, component, qty),
        )

    def parts(self, product: Ints) -> tuple[Ints, Ints, Ints]:
        """(position in ``product``, component, units of it in one unit)."""
        position, row = expand(self.start[product], self.start[product + 1])
        return position, self.component[row], self.qty[row]


def _summed(own: Exact, given: Flags, kit: Flags, owner: Ints, component: Ints, qty: Ints) -> Exact:
    """The product's own figure; of a kit without one, the sum over its components."""
    if not kit.any():
        return own
    return (own.take(component) * qty).sum_by(owner, len(kit)).where(kit & ~given, own)


@dataclass(frozen=True)
class Offers:
    """Sorted by (line, product); those of line l stand at ``start[l]:start[l+1]``.

    One ordered unit takes ``top / bottom`` units of the product, in lowest terms. ``multiple``: ordered units in which
    an offer may leave a warehouse: whole cases of the product shipped, whole lot multiples of the line. ``kg`` and
    ``volume`` per ordered unit; ``penalty`` in money per ordered unit; ``units`` from the shelf in a shipped unit.
    """

    line: Ints
    product: Ints
    top: Ints
    bottom: Ints
    multiple: Ints
    kg: Ratio
    volume: Ratio
    penalty: Exact
    units: Ints
    start: Ints
    recipes: Recipes

    def __len__(self) -> int:
        return len(self.line)

    @property
    def plain(self) -> bool:
        """Every line has only its own product: an offer is a line."""
        return len(self.line) == len(self.start) - 1

    @classmethod
    def of(cls, tables: Tables) -> Offers:
        recipes, n_lines = Recipes.of(tables), len(tables.order_lines)
        line, row = _substitutes(tables)
        own = np.arange(n_lines)
        lines, rows = np.concatenate([own, line]), np.concatenate([np.full(n_lines, -1, dtype=np.int64), row])
        product = np.concatenate([tables.line_product, tables.substitution_substitute[row]])
        if len(line):
            order = np.lexsort((product, lines))
            lines, rows, product = lines[order], rows[order], product[order]
        top, bottom = _ratios(tables, rows)
        return cls(
            line=lines,
            product=product,
            top=top,
            bottom=bottom,
            multiple=_multiple(tables, lines, product, top, bottom),
            kg=_of_line(tables, lines, rows, Ratio(recipes.weight.take(product) * top, bottom)),
            volume=Ratio(recipes.volume.take(product) * top, bottom),
            penalty=Exact.concat([tables.substitutions["penalty_per_unit"], Exact.zeros(1)]).take(rows),
            units=recipes.units[product],
            start=starts_of(lines, n_lines),
            recipes=recipes,
        )

    def find(self, line: Ints, product: Ints) -> Ints:
        """The offer of each (line, product), -1 where the product may not be shipped for the line."""
        size = len(self.recipes.is_kit)
        codes, wanted = self.line * size + self.product, line * size + product
        if not len(codes):
            return np.full(len(line), -1, dtype=np.int64)
        place = np.minimum(np.searchsorted(codes, wanted), len(codes) - 1)
        return np.where(codes[place] == wanted, place, -1)

    def shipped(self, offer: Ints, ordered: Ints) -> Ints:
        """Units of the shipped product for whole steps of ordered units."""
        return self._exchanged(ordered, offer, self.bottom, self.top)

    def ordered(self, offer: Ints, shipped: Ints) -> Ints:
        """Most ordered units that so many shipped units serve in whole units on both sides."""
        return self._exchanged(shipped, offer, self.top, self.bottom)

    def _exchanged(self, amount: Ints, offer: Ints, by: Ints, into: Ints) -> Ints:
        """Whole lots of ``by`` for as many of ``into``; most offers are one for one."""
        other = np.flatnonzero(((self.top != 1) | (self.bottom != 1))[offer])
        if not len(other):
            return amount
        amount, offer = amount.copy(), offer[other]
        amount[other] = amount[other] // by[offer] * into[offer]
        return amount


def _substitutes(tables: Tables) -> tuple[Ints, Ints]:
    """(line, row of `substitutions`) for every substitute that the line's customer may get."""
    product = tables.substitution_product
    by_product = np.argsort(product, kind="stable")
    start = np.searchsorted(product[by_product], tables.line_product)
    line, place = expand(start, np.searchsorted(product[by_product], tables.line_product, side="right"))
    row = by_product[place]
    customer = tables.substitution_customer[row]
    named = np.asarray(tables.substitutions["customer_id"] != "", dtype=bool)[row]
    served = ~named | (customer == tables.order_customer[tables.line_order[line]])
    served &= tables.substitution_substitute[row] != tables.line_product[line]
    return line[served], row[served]


def _ratios(tables: Tables, row: Ints) -> tuple[Ints, Ints]:
    """Shipped units for one ordered unit as quotients in lowest terms; 1 for what was ordered itself."""
    stated = tables.substitutions["ratio"].fractions()
    top = np.array([*(Fraction(ratio).numerator for ratio in stated), 1], dtype=np.int64)
    bottom = np.array([*(Fraction(ratio).denominator for ratio in stated), 1], dtype=np.int64)
    return top[row], bottom[row]


def _multiple(tables: Tables, line: Ints, product: Ints, top: Ints, bottom: Ints) -> Ints:
    """Lcm of the lot multiple and of the ordered units that make whole cases of the shipped product."""
    if len(line) == len(tables.line_product) and not len(tables.substitutions):
        return terms.multiple(tables)
    pack, lot = tables.products["case_pack"][product], tables.order_lines["lot_multiple"][line]
    cases = pack // np.gcd(top, pack)
    whole = np.where(cases.astype(np.float64) * bottom > NEVER, NEVER, cases * bottom)
    rest = lot // np.gcd(whole, lot)
    return cast("Ints", np.where(whole.astype(np.float64) * rest > NEVER, NEVER, whole * rest))


def _of_line(tables: Tables, line: Ints, row: Ints, by_product: Ratio) -> Ratio:
    """Kg per ordered unit: of the line's own product its weight_kg / qty where given."""
    lines = tables.order_lines
    given = lines.given("weight_kg")[line] & (row < 0)
    if not given.any():
        return by_product
    weight = lines["weight_kg"].take(line).where(given, by_product.top)
    return Ratio(weight, np.where(given, lines["qty"][line], by_product.bottom))
