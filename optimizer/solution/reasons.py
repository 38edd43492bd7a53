"""Why each short line is short. Words, precedence and columns are explained in `docs/glossary.md`, section Reasons.

The question asked of every lane is counterfactual: with everything else as it is, how much more could this lane bring
(`ways`), what stops it, and what would that have earned? The reason of a line is the obstacle on its best lane.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer.solution.ledger import Ledger
from optimizer.solution.outputs import carried
from optimizer.solution.plan import Plan
from optimizer.solution.survey import CODE, GAIN_SLIP, REASONS, Survey
from optimizer.solution.verdicts import Verdicts
from optimizer.solution.ways import Ways, short_lines
from optimizer.solution.whole_orders import whole_orders
from optimizer.tables.tables import Table

if TYPE_CHECKING:
    from optimizer.model.build import Model
    from optimizer.model.parted import PartedModel
    from optimizer.solution.least_change import LeastChange
    from optimizer.solution.prices import Prices

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


def shorts(
    model: Model | PartedModel,
    plan: Plan,
    prices: Prices | None = None,
    changes: Mapping[int, LeastChange] | None = None,
) -> Table:
    """One row per short line, sorted by order and line; columns as in the contract, then the x_ columns.

    ``changes``: proved least changes by line; without them the column holds estimates.
    """
    ledger = Ledger(model.tables, model.scenario, plan)
    return _joined([_shorts_of(find_reasons(ledger, lines), prices, changes) for lines in pieces(ledger)])


def _joined(parts: list[Table]) -> Table:
    """Tables of the same columns as one."""
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0].columns}
    extra = {name: np.concatenate([part.extra[name] for part in parts]) for name in parts[0].extra}
    return Table(parts[0].name, columns, extra=extra)


def _shorts_of(verdicts: Verdicts, prices: Prices | None, changes: Mapping[int, LeastChange] | None) -> Table:
    """The rows of some short lines."""
    from optimizer.solution.least_words import stated
    from optimizer.solution.reason_text import tell

    tables, line = verdicts.ledger.tables, verdicts.lines
    ordered, allocated = verdicts.ledger.ordered[line], verdicts.ledger.allocated[line]
    told = tell(verdicts, prices)
    return Table(
        "shorts",
        {
            "order_id": tables.order_lines["order_id"][line],
            "line_id": tables.order_lines["line_id"][line],
            "product_id": tables.products["product_id"][tables.line_product[line]],
            "ordered_qty": ordered,
            "allocated_qty": allocated,
            "short_qty": ordered - allocated,
            "reason": np.array(REASONS, dtype=object)[verdicts.reason],
            "detail": told.detail,
            "taken_by": told.taken_by,
            "least_change": told.least_change if changes is None else stated(told.least_change, line, changes),
        },
        extra=carried(tables, line),
    )


WAYS_AT_ONCE = 1_500_000
"""About so many ways are looked at together: each takes half a kilobyte."""


def pieces(ledger: Ledger) -> Iterator[Ints]:
    """The short lines, whole orders together, in pieces of about `WAYS_AT_ONCE` ways; at least one."""
    tables, lines = ledger.tables, np.flatnonzero(~ledger.line_full)
    order = tables.line_order[lines]
    lanes = np.bincount(tables.lane_zone, minlength=len(tables.zones))
    piece = np.cumsum(lanes[tables.order_zone[order]]) // WAYS_AT_ONCE
    begins = np.flatnonzero(np.diff(piece) > 0) + 1
    begins = np.unique(np.searchsorted(order, order[begins]))  # never within an order
    yield from np.split(lines, begins[begins > 0])


def find_reasons(ledger: Ledger, lines: Ints | None = None) -> Verdicts:
    """Classify short lines, all if none are given; the first rule below that fits decides."""
    some = None if lines is None else np.intersect1d(lines, short_lines(ledger), assume_unique=True)
    survey = Survey(ledger, Ways.of(ledger, some), lines)
    way = _best(survey, survey.blocked & survey.worthwhile, survey.blocked_rank)
    served = _best(survey, survey.open, np.zeros(len(survey.ways), dtype=np.int64))
    tried = _best(survey, survey.stocked, np.zeros(len(survey.ways), dtype=np.int64))
    fallback = np.where(served >= 0, served, tried)
    blocked = way >= 0
    barred = np.asarray(survey.max_by(survey.ways.usable, 0) == 0)
    whole, partly = survey.whole_only, (survey.line_room > 0) & ~survey.servable
    rules: list[tuple[str, Flags, Ints]] = [
        ("hold", survey.held, _none(survey)),
        ("frozen", survey.barred_by("frozen"), _none(survey)),
        ("cancel_date", barred & survey.barred_by("cancel_date"), _none(survey)),
        ("remaining_life", barred & survey.barred_by("remaining_life"), _none(survey)),
        ("tariff", barred & survey.barred_by("tariff"), _none(survey)),
        ("no_lane", barred, _none(survey)),
        ("minimum_or_lot", survey.need > survey.whole_steps, _none(survey)),
        ("cancel_date", (survey.atp == 0) & survey.stocked_later, _none(survey)),
        ("remaining_life", (survey.atp == 0) & survey.barred_by("remaining_life"), _none(survey)),
        ("no_stock", survey.atp == 0, _none(survey)),
        ("minimum_or_lot", survey.atp < survey.step, _none(survey)),
        ("delivery_policy", whole & (survey.reach < survey.need), _none(survey)),
        ("minimum_or_lot", survey.reach < survey.need, _none(survey)),
        ("delivery_policy", survey.by_order & survey.servable, fallback),
        ("within_gap", survey.servable & (survey.best_now > GAIN_SLIP), served),
        ("not_worth_freight", ~blocked, fallback),
        ("split_limit", partly & survey.fits_without_split_limit, way),
        ("delivery_policy", partly & whole, way),
        ("minimum_or_lot", partly, way),
    ]
    by_way = np.where(blocked, survey.blocked_reason[way], CODE["not_worth_freight"]) if len(survey.ways) else way
    reason = np.select([mask for _, mask, _ in rules], [CODE[name] for name, _, _ in rules], by_way)
    shown = np.select([mask for _, mask, _ in rules], [way_of for _, _, way_of in rules], way)
    cases = whole_orders(survey, np.flatnonzero(survey.by_order & survey.servable))
    for position in np.flatnonzero(np.isin(survey.order, list(cases))):
        reason[position] = CODE[cases[int(survey.order[position])].reason]
    return Verdicts(survey, reason.astype(np.int64), shown.astype(np.int64), cases)


def _none(survey: Survey) -> Ints:
    return np.full(len(survey.lines), -1, dtype=np.int64)


def _best(survey: Survey, mask: Flags, rank: Ints) -> Ints:
    """Per line, the flagged way of lowest rank, then of highest gain, then first; -1 where none is flagged."""
    chosen = np.flatnonzero(mask)
    order = np.lexsort((chosen, -survey.gain_free[chosen], rank[chosen], survey.place[chosen]))
    chosen = chosen[order]
    best = _none(survey)
    first = np.flatnonzero(np.diff(survey.place[chosen], prepend=-1))
    best[survey.place[chosen[first]]] = chosen[first]
    return best
