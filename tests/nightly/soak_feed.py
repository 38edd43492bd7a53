"""The data of a simulated night: orders in SQLite, stock in DuckDB, the rest as CSV; demand drifts."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import duckdb

SCENARIO = """
name = "soak"
as_of = 2026-01-01

[data]
orders = { connection = "orders.db", sql = "SELECT * FROM orders" }
order_lines = { connection = "orders.db", sql = "SELECT * FROM order_lines" }
stock = { connection = "stock.duckdb", sql = "SELECT * FROM stock" }
warehouses = "warehouses.csv"
lanes = "lanes.csv"
contracts = "contracts.csv"
"""
RULES = """
[tables.orders]
date_column = "order_date"
max_age_days = 1

[tables.order_lines]
min_rows = 5
max_drop_percent = 50

[tables.contracts]
max_file_age_hours = 26
"""
LEAST_LINES, MOST_LINES = 8, 14
SUPPLY = 30
MIN_QTY = 3


@dataclass
class Feed:
    """What arrives every evening; ``drift`` is demand against supply, a bounded random walk."""

    case: Path
    dice: random.Random
    drift: float = 0.8
    lines: list[tuple[str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.case.mkdir(parents=True)
        (self.case / "scenario.toml").write_text(SCENARIO)
        (self.case / "warehouses.csv").write_text("warehouse_id,handling_cost_per_unit\nN,0.10\nS,0.20\n")
        (self.case / "lanes.csv").write_text("warehouse_id,zone_id,cost_per_unit\nN,Z,1\nN,Y,2\nS,Z,2\nS,Y,1\n")

    def arrive(self, when: date) -> None:
        """Sound data of one evening."""
        self.drift = min(1.6, max(0.4, self.drift + self.dice.uniform(-0.1, 0.1)))
        count = self.dice.randint(LEAST_LINES, MOST_LINES)
        each = 4 * SUPPLY * self.drift / count
        self.lines = [("P" if number % 2 == 0 else "Q", max(2, round(self.dice.uniform(0.5, 1.5) * each)))
                      for number in range(count)]  # fmt: skip
        self._orders(when, self.lines)
        (self.case / "stock.duckdb").unlink(missing_ok=True)
        with closing(duckdb.connect(str(self.case / "stock.duckdb"))) as store:
            store.execute("CREATE TABLE stock (warehouse_id VARCHAR, product_id VARCHAR, on_hand_qty INTEGER)")
            rows = [(w, p, SUPPLY + self.dice.randint(-5, 5)) for w in "NS" for p in "PQ"]
            store.executemany("INSERT INTO stock VALUES (?, ?, ?)", rows)
        self._contract(MIN_QTY)

    def damage(self, kind: str, when: date) -> None:
        """What may be wrong with the data of an evening."""
        made: dict[str, Callable[[], None]] = {
            "stale": lambda: self._orders(when - timedelta(days=9), self.lines),
            "half": lambda: self._orders(when, self.lines[:3]),
            "bad row": lambda: self._orders(when, [*self.lines, ("P", "many")]),
            "infeasible": lambda: self._promise_too_much(when),
            "future": lambda: os.utime(self.case / "contracts.csv", (time.time() + 9e3,) * 2),
            "torn": lambda: os.truncate(self.case / "stock.duckdb", 5000),
        }
        made[kind]()

    def _promise_too_much(self, when: date) -> None:
        """A contract counts no more than is ordered: so more is ordered than there is, and all of it promised."""
        self._orders(when, [*self.lines, ("P", 100 * SUPPLY)])
        self._contract(100 * SUPPLY)

    def _orders(self, when: date, lines: list[tuple[str, int]] | list[tuple[str, object]]) -> None:
        with closing(sqlite3.connect(self.case / "orders.db")) as store, store:
            store.executescript(
                "DROP TABLE IF EXISTS orders; DROP TABLE IF EXISTS order_lines;"
                "CREATE TABLE orders (order_id TEXT, customer_id TEXT, zone_id TEXT, order_date TEXT);"
                "CREATE TABLE order_lines (order_id TEXT, line_id TEXT, product_id TEXT, qty, unit_margin INTEGER)"
            )
            names = [f"{when:%m%d}-{number}" for number in range(len(lines))]
            store.executemany("INSERT INTO orders VALUES (?, 'C', ?, ?)",
                              [(name, "ZY"[number % 2], str(when)) for number, name in enumerate(names)])  # fmt: skip
            rows = [(name, *line, 5 + int(name[-1]) % 4) for name, line in zip(names, lines, strict=True)]
            store.executemany("INSERT INTO order_lines VALUES (?, '1', ?, ?, ?)", rows)

    def _contract(self, min_qty: int) -> None:
        (self.case / "contracts.csv").write_text(f"contract_id,product_id,min_qty\nK,P,{min_qty}\n")


DAMAGES = {"stale": (2,), "half": (2,), "bad row": (2,), "infeasible": (3,), "future": (2,), "torn": (2,)}
"""How the data may be damaged, and the exit codes that tell it."""
