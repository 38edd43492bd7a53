"""Inside the child: the fewest steps of bounds, or of pay, that fill a target row. Every answer is proved.

A question is a handful of small mixed-integer programs over one matrix:

- can the target be filled, everything kept as it is? Else, for each bound: the fewest steps that allow it; where no
  bound alone does, the fewest bounds that do together, and of those the fewest steps;
- of the points that fill it, and of those that do not, the best: which of the two is worth more;
- where not filling is worth more: the least pay for each unit that turns it round (`_Market.pay`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from optimizer.engines.resolve_matrix import Program
from optimizer.engines.resolve_methods import IMPOSSIBLE, Work

if TYPE_CHECKING:
    from optimizer.engines.child import Emit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Arrays = dict[str, NDArray[Any]]
Steps = tuple[tuple[int, int], ...]
"""Rises with how many steps each takes."""

EQUAL = 1e-6
"""Money by which two values may differ and count as equal: above the noise of doubles, below a minor unit."""
HARDER = {"presolve": "on", "mip_heuristic_effort": 0.05, "mip_allow_restart": True}
"""These programs take a few hundred nodes, unlike those that price rows (measured: a third less time)."""
MOST_ROUNDS = 12
"""Points that pay may have to turn round one after another; ends what cannot be settled."""
MOST_PAY = 10**12


def least_changes(
    arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any], emit: Emit
) -> tuple[Arrays, dict[str, Any]]:
    """The task; see `optimizer.engines.resolve_least` for what goes in and out."""
    work = Work(int(meta["work"]), int(meta["nodes"]), **HARDER)
    market = _Market(Program.of(arrays), arrays, meta, work)
    said: dict[str, Any] = {"base": None, "filled": [], "outbid": None, "losers": [], "complete": False}
    if market.holds():
        (market.ask_whether if meta["brief"] else market.ask_all)(said)
    return {}, said | {"work": max(work.left, 0)}


@dataclass(frozen=True)
class _Case:
    """Which points are looked at: the target ``full`` or not (None: either), bounds risen, kept rows kept, a value of
    at least ``worth`` more than the plan's.
    """

    full: bool | None = None
    rises: Steps = ()
    kept: bool = True
    worth: float = -np.inf


class _Market:
    """The program of one question."""

    def __init__(
        self, program: Program, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any], work: Work
    ) -> None:
        self.program, self.work = program, work
        self.kept, self.target, self.value_row = arrays["kept"], int(meta["target"]), int(meta["value_row"])
        self.total, self.rest, self.unit_pay = float(meta["total"]), float(meta["rest"]), float(meta["pay"])
        self.rise_row, self.rise_unit, self.rise_of_row = (arrays[f"rise_{name}"] for name in ("row", "unit", "of_row"))
        self.most, self.kind = arrays["rise_most"], arrays["rise_kind"]
        entry = np.flatnonzero(program.row == self.target)
        self.per_unit = np.zeros(len(program.objective))
        self.per_unit[program.entry_column[entry]] = program.value[entry]
        self.short = self.total - float(self.per_unit @ program.values)

    def holds(self) -> bool:
        """Whether the plan is a point of the program at all: if not, nothing that follows would mean anything."""
        return self.program.holds(self.program.values, self.program.row_lower, self.program.row_upper)

    def ask_all(self, said: dict[str, Any]) -> None:
        """Fill in ``said`` as far as the work goes."""
        base, _ = self.best(_Case())
        full, _ = self.best(_Case(full=True))
        if np.isnan(base) or np.isnan(full):
            return
        said["base"], possible = base, full != IMPOSSIBLE
        if possible:
            said["filled"].append(self.filled((), full))
        complete = True
        if not (possible and said["filled"][0]["pay"] == 0):
            complete = self.add_rises(said["filled"], base, possible)
        if not possible:
            said["outbid"], said["losers"] = self.outbid()
        said["complete"] = complete

    def ask_whether(self, said: dict[str, Any]) -> None:
        """Fill in ``said``: one way that is worth it, or none."""
        full, _ = self.best(_Case(full=True))
        rest = self.best(_Case(full=False, worth=full + EQUAL))[0] if np.isfinite(full) else IMPOSSIBLE
        if rest == IMPOSSIBLE and full != IMPOSSIBLE:
            said["filled"].append({"rises": [], "fewest": True, "full": full, "pay": 0, "gains": []})
        said["complete"] = not (np.isnan(full) or np.isnan(rest))

    def add_rises(self, found: list[dict[str, Any]], base: float, possible: bool) -> bool:
        """Add what raising one bound, or else several, brings; False if one of the answers is not known."""
        complete, most = True, self.most.copy()
        for rise in range(len(most)):
            before = len(found)
            complete = self.add_rise((rise,), most, found, base, possible) and complete
            if len(found) > before:  # another of its kind is of interest only if it asks for no more
                fewest = found[before]["rises"][0][1]
                most[self.kind == self.kind[rise]] = np.minimum(most[self.kind == self.kind[rise]], fewest)
        if not found and len(most) > 1:
            complete = self.add_rise(tuple(range(len(most))), self.most, found, base, possible) and complete
        return complete

    def add_rise(
        self, rises: tuple[int, ...], most: Ints, found: list[dict[str, Any]], base: float, possible: bool
    ) -> bool:
        """Add the fewest steps that make filling possible, and the fewest that make it worth as much as the plan.

        False if one of the answers is not known.
        """
        for worth in (base,) if possible else (-np.inf, base):
            steps = self.fewest(rises, most, worth)
            if not steps:
                return steps is not None
            full, _ = self.best(_Case(full=True, rises=steps))
            if not np.isfinite(full):
                return False
            found.append({**self.filled(steps, full), "fewest": worth == -np.inf})
            if full >= base - EQUAL:  # the fewest that are worth it are these
                break
        return found[-1]["pay"] == 0 or len(rises) > 1 or self.add_enough(rises[0], found)

    def add_enough(self, rise: int, found: list[dict[str, Any]]) -> bool:
        """Add as many steps as the target is short of, if these need no pay and one less would.

        Where others would rather have what fewer steps free, so many may leave them nothing to want it for.
        """
        enough = ceil(self.short - EQUAL)
        if not found[-1]["rises"][0][1] < enough <= self.most[rise]:
            return True
        pays = []
        for steps in (enough, enough - 1):
            full, _ = self.best(_Case(full=True, rises=((rise, steps),)))
            if not np.isfinite(full):
                return False
            pays.append(self.filled(((rise, steps),), full))
            if (pays[-1]["pay"] == 0) != (steps == enough):
                return pays[-1]["pay"] is not None
        found.append({**pays[0], "fewest": False})
        return True

    def bounds(self, case: _Case) -> tuple[Floats, Floats]:
        lower, upper = self.program.row_lower.copy(), self.program.row_upper.copy()
        lower[self.value_row] = case.worth + self.program.used[self.value_row]
        if case.full is not None:
            lower[self.target] = self.total if case.full else lower[self.target]
            upper[self.target] = upper[self.target] if case.full else self.rest
        if not case.kept:
            lower[self.kept] = -np.inf
        for rise, steps in case.rises:
            mine = self.rise_of_row == rise
            upper[self.rise_row[mine]] += steps * self.rise_unit[mine]
        return lower, upper

    def best(self, case: _Case, pay: float = 0.0) -> tuple[float, Floats]:
        """Best value and its point, with ``pay`` steps for each unit that the target gets beyond the plan."""
        program = self.program
        if pay:
            program = replace(program, objective=program.objective + pay * self.unit_pay * self.per_unit)
        return self.work.best(program, *self.bounds(case))

    def fewest(self, rises: tuple[int, ...], most: Ints, worth: float) -> Steps | None:
        """The fewest rises, and of them the fewest steps, with which the target can be filled.

        Only points worth at least ``worth`` more than the plan count. () if nothing helps, None if not known.
        """
        program, size, count = self.program, len(self.program.columns), len(rises)
        entry = [np.flatnonzero(self.rise_of_row == rise) for rise in rises]
        several = count > 1  # a switch for each rise, and a row that says: no steps without it
        link = len(program.rows) + np.arange(count) if several else np.zeros(0, dtype=np.int64)
        columns = [
            (self.rise_row[at], -self.rise_unit[at], 1.0, most[rise]) for at, rise in zip(entry, rises, strict=True)
        ]
        if several:
            scale = float(most[list(rises)].max()) * count + 1.0
            columns = [
                (np.append(row, link[at]), np.append(value, 1.0), cost, upper)
                for at, (row, value, cost, upper) in enumerate(columns)
            ] + [(link[[at]], np.array([-float(most[rise])]), scale, 1) for at, rise in enumerate(rises)]
        stepped = replace(
            program,
            columns=np.append(program.columns, size + np.arange(len(columns))),
            rows=np.append(program.rows, link),
            objective=np.append(np.zeros(size), [-cost for _, _, cost, _ in columns]),
            lower=np.append(program.lower, np.zeros(len(columns))),
            upper=np.append(program.upper, [float(upper) for *_, upper in columns]),
            integral=np.append(program.integral, np.ones(len(columns), dtype=bool)),
            start=np.append(program.start, program.start[-1] + np.cumsum([len(row) for row, *_ in columns])),
            row=np.concatenate([program.row, *(row for row, *_ in columns)]),
            value=np.concatenate([program.value, *(value for _, value, *_ in columns)]),
            row_lower=np.append(program.row_lower, np.full(len(link), -np.inf)),
            row_upper=np.append(program.row_upper, np.zeros(len(link))),
            values=np.append(program.values, np.zeros(len(columns))),
        )
        lower, upper = self.bounds(_Case(full=True, worth=worth))
        links = np.zeros(len(link))
        value, point = self.work.best(stepped, np.append(lower, links - np.inf), np.append(upper, links))
        if np.isnan(value):
            return None
        if value == IMPOSSIBLE:
            return ()
        taken = np.rint(point[size : size + count]).astype(int).tolist()
        return tuple((rise, steps) for rise, steps in zip(rises, taken, strict=True) if steps > 0)

    def filled(self, rises: Steps, full: float) -> dict[str, Any]:
        """The whole answer about one way to fill the target, known to be possible and worth ``full``."""
        pay, point = self.pay(_Case(full=False, rises=rises), full)
        gains = self.changes(point) if point is not None else {}
        return {
            "rises": [list(rise) for rise in rises],
            "fewest": True,
            "full": full,
            "pay": pay,
            "gains": [[place, amount] for place, amount in gains.items() if amount > 0],
        }

    def pay(self, case: _Case, full: float) -> tuple[int | None, Floats | None]:
        """The fewest steps of pay at which filling the target (worth ``full`` without) is no worse than not.

        Also the best point that does not fill it where it is worth more without pay. Each point that is worth more is
        turned round by some pay, the next at that pay by a little more. Every pay tried is too little for the point
        before, so the first that suffices is the least.
        """
        pay, first = 0, None
        for _ in range(MOST_ROUNDS):
            goal = full + pay * self.unit_pay * self.short + EQUAL
            rest, point = self.best(case, pay)
            if np.isnan(rest):
                return None, first
            if rest <= goal:
                return pay, first
            first = point if first is None else first
            lacking = self.total - float(self.per_unit @ point)
            if self.unit_pay <= 0 or lacking <= 0:
                return None, first
            step = ceil((rest - goal) / (self.unit_pay * lacking))
            if step <= 0 or pay + step > MOST_PAY:
                return None, first
            pay += step
        return None, first

    def outbid(self) -> tuple[int | None, list[list[int]]]:
        """The least pay that fills the target if the kept rows may lose, and what they lose."""
        full, point = self.best(_Case(full=True, kept=False))
        if not np.isfinite(full):
            return None, []
        losses = [[place, -amount] for place, amount in self.changes(point).items() if amount < 0]
        return self.pay(_Case(full=False, kept=False), full)[0], losses

    def changes(self, point: Floats) -> dict[int, int]:
        """How much more (or less) than in the plan the point gives each kept row."""
        now, before = self.program.activity(point), self.program.used
        difference = np.rint(now[self.kept] - before[self.kept]).astype(np.int64)
        return {int(place): int(difference[place]) for place in np.flatnonzero(difference)}
