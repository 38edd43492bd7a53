"""What larger steps of a shared limit are worth on the plan: 1, 2, 5, 10 units, a case, a tenth; more and fewer.

The same re-solves as those of one unit (`optimizer.solution.prices`), asked for several units at a time in a model
with room for as many.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from optimizer.engines.resolve import RowEffort, RowValues, price_rows
from optimizer.model.build import Model
from optimizer.model.linear_model import Block
from optimizer.solution.plan import Plan
from optimizer.solution.prices import Pricing, known_prices, pricing_of
from optimizer.solution.prices_rows import AT_LEAST, Limit, key_texts
from optimizer.solution.prices_table import BASES

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

GROUPS: Mapping[str, tuple[str, ...]] = {
    "stock": ("warehouse_stock", "lot_stock"),
    "capacity": ("warehouse_capacity_", "day_capacity_"),
    "lane": ("lane_capacity_",),
    "contract": ("contract_minimum", "contract_quota"),
}
"""The rows that are stepped, by the beginning of their family's name."""

PLAIN = (1, 2, 5, 10)
"""Units that every row is stepped by."""

MOST_UNITS = 10_000
"""A tenth of a larger limit is not asked for: bounds with so much room say little."""


@dataclass(frozen=True)
class Step:
    """A limit raised (``units`` above 0) or lowered, and what the plan's value changes; None where nobody knows.

    ``basis`` is how the change is known. ``at_most``: no plan gains more than this; None where nothing is proven.
    """

    name: str
    units: int
    change: float | None
    at_most: float | None
    basis: str


@dataclass(frozen=True)
class SteppedRow:
    """One shared limit with its steps, the largest decrease first."""

    group: str
    family: str
    keys: Mapping[str, str]
    unit: str
    rhs: Fraction
    used: Fraction
    price: float
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class _Chosen:
    """A row of a block that is to be stepped; ``sizes`` maps units to the step's names."""

    group: str
    block: Block
    row: int
    keys: Mapping[str, str]
    sizes: Mapping[int, str]


@dataclass(frozen=True)
class StepEffort:
    """``rows``: of each group, those with most money at stake. ``time_limit_s``: for each of a handful of searches."""

    rows: int = 3
    time_limit_s: float = 60.0
    threads: int = 1
    memory_limit_mb: int | None = None


def step_prices(model: Model, plan: Plan, effort: StepEffort, stop: threading.Event | None = None) -> list[SteppedRow]:
    """The rows of each group with the largest price × a tenth of their limit, and what each step of them is worth."""
    first = pricing_of(model, plan)
    if not first.blocks:
        return []
    priced = _asked(first, RowEffort(effort.time_limit_s, top_rows=0), effort, stop)
    chosen = list(_choose(first, priced.price, effort.rows))
    if not chosen:
        return []
    sizes = max(max(each.sizes) for each in chosen)
    roomy = pricing_of(model, plan, sizes)
    prices = known_prices(first.linear, roomy.blocks, _row_prices(first, priced.price))
    return _stepped(roomy, chosen, prices, effort, stop)


def _asked(pricing: Pricing, row_effort: RowEffort, effort: StepEffort, stop: threading.Event | None) -> RowValues:
    return price_rows(
        pricing.linear,
        pricing.question,
        row_effort,
        threads=effort.threads,
        memory_limit_mb=effort.memory_limit_mb,
        stop=stop,
    )


def _spans(blocks: Sequence[Block]) -> Iterator[tuple[Block, slice]]:
    """Each block with where its rows stand among those asked."""
    start = 0
    for block in blocks:
        yield block, slice(start, start + len(block))
        start += len(block)


def group_of(family: str) -> str:
    """The group of a family of rows; empty for families that are not stepped."""
    return next((group for group, starts in GROUPS.items() if family.startswith(starts)), "")


def _choose(pricing: Pricing, price: Floats, rows: int) -> Iterator[_Chosen]:
    """Of each group the rows with a price and most money at stake; ties go by place."""
    stakes: dict[str, list[tuple[float, int, Block, int]]] = {group: [] for group in GROUPS}
    for number, (block, mine) in enumerate(_spans(pricing.blocks)):
        group = group_of(block.family)
        if group and block.family in pricing.limits:
            stake = np.abs(price[mine]) * pricing.question.change[mine]
            largest = np.argsort(-stake, kind="stable")[:rows]
            stakes[group] += [(-stake[row], number, block, int(row)) for row in largest if stake[row] > 0]
    for group, found in stakes.items():
        for _, _, block, row in sorted(found, key=lambda each: (each[0], each[1], each[3]))[:rows]:
            keys = {name: str(texts[row]) for name, texts in key_texts(pricing.model.batch, block).items()}
            rhs = pricing.limits[block.family].rhs.item(row)
            yield _Chosen(group, block, row, keys, step_sizes(rhs, _case(pricing.model, keys)))


def _case(model: Model, keys: Mapping[str, str]) -> int:
    """Units in a case of the row's product; 1 where it has none."""
    products = model.tables.products
    found = np.flatnonzero(products["product_id"] == keys.get("product_id"))
    return int(products["case_pack"][found[0]]) if len(found) else 1


def step_sizes(rhs: Fraction, case: int) -> dict[int, str]:
    """Units of each step and what it is called; steps of one size are one."""
    names: dict[int, list[str]] = {size: [str(size)] for size in PLAIN}
    if case > 1:
        names.setdefault(case, []).append("case")
    tenth = round(abs(rhs) / 10)
    if 1 <= tenth <= MOST_UNITS:
        names.setdefault(tenth, []).append("10 %")
    return {size: ", ".join(names[size]) for size in sorted(names)}


def _row_prices(pricing: Pricing, price: Floats) -> Floats:
    """Prices of the rows of the matrix, per unit of the row, as an engine would state them."""
    found = np.zeros(pricing.linear.n_rows)
    found[pricing.question.row] = price / pricing.question.unit
    return found


def _stepped(
    pricing: Pricing,
    chosen: Sequence[_Chosen],
    prices: Floats,
    effort: StepEffort,
    stop: threading.Event | None,
) -> list[SteppedRow]:
    """One search for each size of step: the first with the relaxation, the others with its prices.

    ``prices``: those of all rows without the room, in case that the relaxation is not finished in time.
    """
    places = [_place(pricing, each) for each in chosen]
    known: dict[tuple[int, int], tuple[float, float, int]] = {}
    relaxation, price = np.inf, np.zeros(0)  # none known: the first search solves the relaxation
    for turn in range(max(len(each.sizes) for each in chosen)):
        units = {
            place: list(each.sizes)[turn]
            for place, each in zip(places, chosen, strict=True)
            if place >= 0 and turn < len(each.sizes)
        }
        asked = _question_of(pricing, units, price)
        found = _asked(asked, thorough(effort.time_limit_s, len(units)), effort, stop)
        if not turn:
            relaxation, price = found.relaxation, found.price / _sizes(pricing, units)
            if not np.isfinite(relaxation):
                price = prices
        for place, size in units.items():
            known[place, size] = (found.gain[place], found.loss[place], int(found.basis[place]))
    value = float(pricing.linear.objective @ pricing.question.values) + pricing.linear.offset
    return [
        _row(pricing, each, place, known, float(price[place]), max(relaxation - value, 0.0))
        for place, each in zip(places, chosen, strict=True)
        if place >= 0
    ]


def _place(pricing: Pricing, wanted: _Chosen) -> int:
    """Where the row stands among those asked; -1 where the roomier model has it no more."""
    for block, mine in _spans(pricing.blocks):
        if block.family == wanted.block.family:
            texts = key_texts(pricing.model.batch, block)
            same = np.ones(len(block), dtype=bool)
            for name, text in wanted.keys.items():
                same &= texts[name] == text
            found = np.flatnonzero(same)
            return mine.start + int(found[0]) if len(found) else -1
    return -1


def _sizes(pricing: Pricing, units: Mapping[int, int]) -> Floats:
    """Units that each row asked is moved by."""
    sizes = np.ones(len(pricing.question.row))
    sizes[list(units)] = list(units.values())
    return sizes


def _question_of(pricing: Pricing, units: Mapping[int, int], price: Floats) -> Pricing:
    """The question about some rows alone, each moved by its own number of units at once."""
    question, sizes = pricing.question, _sizes(pricing, units)
    change = np.zeros(len(sizes))
    change[list(units)] = question.change[list(units)]
    room = np.concatenate([_room(block, pricing.limits) for block in pricing.blocks])
    asked = replace(
        question,
        unit=question.unit * sizes,
        change=change,
        can_fall=question.can_fall & (room >= sizes),
        known=price * sizes if len(price) else price,
    )
    return replace(pricing, question=asked)


def _room(block: Block, limits: Mapping[str, Limit]) -> Floats:
    """By how much each limit can fall: never below 0."""
    limit = limits.get(block.family)
    return np.zeros(len(block)) if limit is None else limit.rhs.floats()


def _row(
    pricing: Pricing,
    chosen: _Chosen,
    place: int,
    known: Mapping[tuple[int, int], tuple[float, float, int]],
    price: float,
    open_gap: float,
) -> SteppedRow:
    """The steps of one row, in order of units; what a smaller step of a limit gains, a larger one gains too."""
    block, mine = next(each for each in _spans(pricing.blocks) if each[1].start <= place < each[1].stop)
    limit, most = pricing.limits[block.family], _most_more(pricing, block, place - mine.start)
    steps: list[Step] = []
    for size, name in chosen.sizes.items():
        gain, loss, basis = known[place, size]
        if size <= most:
            top = price * size + open_gap if np.isfinite(open_gap) else None
            steps.append(Step(f"+{name}", size, _told(gain), top, BASES.get(basis, "")))
        if pricing.question.can_fall[place] and limit.rhs.item(place - mine.start) >= size:
            down = -price * size + open_gap if np.isfinite(open_gap) else None
            steps.append(Step(f"−{name}", -size, _told(-loss), down, BASES.get(basis, "")))
    steps.sort(key=lambda step: step.units)
    return SteppedRow(
        group=chosen.group,
        family=chosen.block.family,
        keys=chosen.keys,
        unit=limit.unit,
        rhs=limit.rhs.item(place - mine.start),
        used=limit.used.item(place - mine.start),
        price=price,
        steps=tuple(_monotone(steps, chosen.block.family in AT_LEAST)),
    )


def _most_more(pricing: Pricing, block: Block, row: int) -> float:
    """By how much a limit can rise: a contract never asks for more than was ordered."""
    if block.family != "contract_minimum":
        return np.inf
    use, contract = pricing.ledger.contracts, block.keys["contract"][row]
    return float(use.ordered[contract] - use.required[contract])


def _told(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _monotone(steps: Sequence[Step], is_minimum: bool) -> list[Step]:
    """Steps in which a looser limit is never worth less than a tighter one: the plan found there keeps it too."""
    ordered = list(reversed(steps)) if is_minimum else list(steps)
    best: Step | None = None
    found = []
    for step in ordered:
        loosens = (step.units > 0) != is_minimum
        if loosens and (best is None or (best.change or 0.0) < 0.0):
            best = replace(step, change=0.0)  # the plan itself keeps every looser limit
        if best is not None and (step.change is None or step.change < (best.change or 0.0)):
            step = replace(step, change=best.change, basis=best.basis)
        best = step if step.change is not None else best
        found.append(step)
    return list(reversed(found)) if is_minimum else found


def thorough(time_limit_s: float, rows: int) -> RowEffort:
    """Few rows, each looked at in a wider neighbourhood and for longer than in the pricing of a whole run."""
    return RowEffort(
        time_limit_s, top_rows=rows, local_columns=240, nodes=1_000, work_base=1_000_000, most_work=10_000_000
    )
