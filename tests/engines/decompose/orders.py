"""Random matrices of orders that share stock, with every rule that a block can hold."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from optimizer.model.linear_model import Block, LinearModel


class Matrix:
    """Collects rows of entries {column: value} with bounds, own ones and shared ones apart."""

    def __init__(self) -> None:
        self.objective: list[float] = []
        self.upper: list[float] = []
        self.own: list[tuple[dict[int, float], float, float]] = []
        self.shared: list[tuple[dict[int, float], float, float]] = []

    def column(self, value: float, upper: float) -> int:
        self.objective.append(value)
        self.upper.append(upper)
        return len(self.upper) - 1

    def at_most(self, entries: dict[int, float], upper: float) -> None:
        self.own.append((entries, -np.inf, upper))

    def model(self) -> LinearModel:
        rows = self.own + self.shared
        size = len(self.upper)
        return LinearModel(
            objective=np.array(self.objective),
            offset=0.0,
            col_lower=np.zeros(size),
            col_upper=np.array(self.upper, dtype=float),
            integral=np.ones(size, dtype=bool),
            granularity=np.ones(size),
            indptr=np.cumsum([0, *(len(entries) for entries, _, _ in rows)]).astype(np.int64),
            indices=np.concatenate([list(entries) for entries, _, _ in rows]).astype(np.int32),
            data=np.concatenate([list(entries.values()) for entries, _, _ in rows]).astype(float),
            row_lower=np.array([lower for _, lower, _ in rows]),
            row_upper=np.array([upper for _, _, upper in rows]),
            column_blocks=(),
            row_blocks=(
                Block("own", 0, len(self.own), {}),
                Block("shared", len(self.own), len(rows), {}, coupling=True),
            ),
        )


def random_orders(seed: int, orders: int, houses: int = 4, products: int = 3, rules: bool = True) -> LinearModel:
    """Orders of one to three lines from a few warehouses; stock for about half of what they ask."""
    rng = np.random.default_rng(seed)
    m = Matrix()
    stock: list[dict[int, float]] = [{} for _ in range(houses * products)]
    shipments: list[dict[int, float]] = [{} for _ in range(houses)]
    for _ in range(orders):
        reach = np.flatnonzero(rng.random(houses) < 0.8)
        doors = {int(w): m.column(-float(rng.integers(0, 9)), 1) for w in reach}
        for w, door in doors.items():
            shipments[w][door] = 1.0
        lines = [_line(rng, m, doors, stock, products) for _ in range(int(rng.integers(1, 4)))]
        if rules:
            asked = {tuple(sorted(line[1])) for line in lines if line[1]}
            used = {column for entries, _, _ in m.own for column, value in entries.items() if value < 0}
            _rules(rng, m, [line for line in lines if line[1]], [door for door in doors.values() if door in used])
            asked -= {tuple(sorted(set(e) & {a for line in lines for a in line[1]})) for e, lo, up in m.own if lo == up}
        else:
            asked = {tuple(line[1]) for line in lines if line[1]}
        for qty, arcs in lines:  # a line that is full or nothing needs no limit of its own
            if tuple(sorted(arcs)) in asked:
                m.at_most(dict(arcs), float(qty))
    for entries in stock:
        if entries:
            m.shared.append((entries, -np.inf, float(rng.integers(0, orders + 1))))
    for entries in shipments:
        if entries:
            m.shared.append((entries, -np.inf, float(rng.integers(orders // 3, orders + 1))))
    return m.model()


def _line(
    rng: np.random.Generator, m: Matrix, doors: dict[int, int], stock: list[dict[int, float]], products: int
) -> tuple[int, dict[int, float]]:
    """(units ordered, its quantity columns)."""
    qty, product = int(rng.integers(1, 6)), int(rng.integers(products))
    arcs: dict[int, float] = {}
    for w, door in doors.items():
        cap = int(rng.integers(0, qty + 1))
        if cap:
            arc = m.column(float(rng.integers(-2, 9)) + round(float(rng.random()), 2), cap)
            arcs[arc] = 1.0
            m.at_most({arc: 1.0, door: -float(cap)}, 0.0)
            stock[w * products + product][arc] = 1.0
    return qty, arcs


def _rules(rng: np.random.Generator, m: Matrix, lines: list[tuple[int, dict[int, float]]], doors: list[int]) -> None:
    if len(doors) > 1 and rng.random() < 0.3:
        m.at_most(dict.fromkeys(doors, 1.0), float(rng.integers(1, len(doors))))
    kind = rng.integers(6)
    if kind == 0 and lines:  # the whole order, or nothing
        full = m.column(float(rng.integers(0, 4)), 1)
        for qty, arcs in lines:
            m.own.append(({**arcs, full: -float(qty)}, 0.0, 0.0))
    elif kind == 1 and lines:  # a prize for all of it
        full = m.column(float(rng.integers(0, 6)), 1)
        for qty, arcs in lines:
            m.own.append(({**arcs, full: -float(qty)}, 0.0, np.inf))
    elif kind <= 4:
        for qty, arcs in lines:
            if kind == 2:  # each line in full, or nothing
                m.own.append(({**arcs, m.column(float(rng.integers(0, 3)), 1): -float(qty)}, 0.0, 0.0))
            elif kind == 3:  # a bonus for each full line
                m.own.append(({**arcs, m.column(float(rng.integers(0, 6)), 1): -float(qty)}, 0.0, np.inf))
            else:  # nothing, or at least so many
                used = m.column(0.0, 1)
                least = int(rng.integers(1, qty + 1))
                m.own.append(({**arcs, used: -float(least)}, 0.0, np.inf))
                m.own.append(({**arcs, used: -float(qty)}, -np.inf, 0.0))


class Deaf:
    """A reporter whom nobody hears."""

    def incumbent(self, values: np.ndarray, bound: float, proof: dict[str, np.ndarray]) -> None: ...
    def progress(self, value: float, bound: float) -> None: ...
    def on_stop(self, action: Callable[[], object]) -> None: ...
    def stopped(self) -> bool:
        return False
