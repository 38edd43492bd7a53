"""Small forgeries of a run folder, one file each, and changes of a plan."""

from __future__ import annotations

import csv
import io
import json
import random
import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from optimizer.proof import certified_bound
from tests.brute_force import Batch, close, combine, limits_of, line_plans, score
from tests.instances import Case
from tests.proof.runs import Chosen, Folder

Mutation = Callable[[Folder, random.Random], bool]
"""Changes one file in place; False if the folder has nothing to change this way."""


def rows_of(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))


def put_rows(path: Path, rows: list[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def edit(name: str, change: Callable[[list[list[str]], random.Random], bool]) -> Mutation:
    def mutate(folder: Folder, rng: random.Random) -> bool:
        path = folder.path / f"{name}.csv"
        rows = rows_of(path) if path.is_file() else []
        if len(rows) < 2 or not change(rows, rng):
            return False
        put_rows(path, rows)
        return True

    return mutate


def add_to(column: str, amounts: tuple[str, ...]) -> Callable[[list[list[str]], random.Random], bool]:
    def change(rows: list[list[str]], rng: random.Random) -> bool:
        at, row = rows[0].index(column), rng.choice(rows[1:])
        if row[at] == "":
            return False
        row[at] = format(Decimal(row[at]) + Decimal(rng.choice(amounts)), "f")
        return True

    return change


def drop(rows: list[list[str]], rng: random.Random) -> bool:
    del rows[rng.randrange(1, len(rows))]
    return True


def repeat(rows: list[list[str]], rng: random.Random) -> bool:
    at = rng.randrange(1, len(rows))
    rows.insert(at, list(rows[at]))
    return True


def swap(rows: list[list[str]], rng: random.Random) -> bool:
    if len(rows) < 3:
        return False
    at = rng.randrange(1, len(rows) - 1)
    rows[at], rows[at + 1] = rows[at + 1], rows[at]
    return True


def move_unit(rows: list[list[str]], rng: random.Random) -> bool:
    """One unit from one allocation to another."""
    if len(rows) < 3:
        return False
    at = rows[0].index("qty")
    giver, taker = rng.sample(rows[1:], 2)
    giver[at], taker[at] = str(int(giver[at]) - 1), str(int(taker[at]) + 1)
    return True


def other_warehouse(rows: list[list[str]], rng: random.Random) -> bool:
    at, row = rows[0].index("warehouse_id"), rng.choice(rows[1:])
    row[at] = rng.choice([house for house in ("W1", "W2", "W3", "W9") if house != row[at]])
    return True


def other_product(rows: list[list[str]], rng: random.Random) -> bool:
    row = rng.choice(rows[1:])
    row[rows[0].index("ship_product_id")] += "x"
    return True


def later(rows: list[list[str]], rng: random.Random) -> bool:
    rng.choice(rows[1:])[rows[0].index("ship_date")] = "2026-11-21"
    return True


def extra_column(rows: list[list[str]], rng: random.Random) -> bool:
    for row, text in zip(rows, ["bonus", *["1"] * len(rows)], strict=False):
        row.append(text)
    return True


def figure(pattern: str) -> Mutation:
    """A number of run.json, found by the name before it, raised by a cent."""

    def mutate(folder: Folder, rng: random.Random) -> bool:
        path = folder.path / "run.json"
        found = list(re.finditer(rf'"({pattern})": (-?[0-9.]+)', path.read_text(encoding="utf-8")))
        if not found:
            return False
        match, text = rng.choice(found), path.read_text(encoding="utf-8")
        raised = format(Decimal(match[2]) + Decimal("0.01"), "f")
        path.write_text(text[: match.start(2)] + raised + text[match.end(2) :], encoding="utf-8")
        return True

    return mutate


def price(change: Callable[[Fraction], Fraction]) -> Mutation:
    """A price of the certificate, where it matters to the bound."""

    def mutate(folder: Folder, rng: random.Random) -> bool:
        path = folder.path / "certificate.json"
        certificate = json.loads(path.read_text(encoding="utf-8"), parse_float=str)
        priced = [row for family in certificate["prices"].values() for row in family["rows"]]
        if not priced:
            return False
        row = rng.choice(priced)
        after = change(Fraction(row[-1]))
        positive = Fraction(row[-1]) > 0
        row[-1] = format(Decimal(after.numerator) / Decimal(after.denominator), "f")
        if (after > 0) == positive:
            bound = certified_bound(folder.tables, folder.scenario, certificate)
            if bound == Fraction(certificate["certified_bound"]):
                return False
        path.write_text(json.dumps(certificate), encoding="utf-8")
        return True

    return mutate


def lost(name: str) -> Mutation:
    def mutate(folder: Folder, rng: random.Random) -> bool:
        (folder.path / name).unlink()
        return True

    return mutate


CENT, UNIT = ("0.01", "-0.01"), ("1", "-1")
MUTATIONS: dict[str, Mutation] = {
    "a unit more or less": edit("allocations", add_to("qty", UNIT)),
    "a unit moved": edit("allocations", move_unit),
    "an allocation dropped": edit("allocations", drop),
    "an allocation twice": edit("allocations", repeat),
    "allocations swapped": edit("allocations", swap),
    "another warehouse": edit("allocations", other_warehouse),
    "another product": edit("allocations", other_product),
    "another date": edit("allocations", later),
    "a column more": edit("allocations", extra_column),
    "a cent of margin": edit("allocations", add_to("margin", CENT)),
    "a cent of service": edit("allocations", add_to("service_value", CENT)),
    "a cent of cost": edit("allocations", add_to("variable_cost", CENT)),
    "a day of delay": edit("allocations", add_to("days_late", ("1",))),
    "a shipment dropped": edit("shipments", drop),
    "a cent of freight": edit("shipments", add_to("variable_cost", CENT)),
    "a gram": edit("shipments", add_to("weight_kg", ("0.001",))),
    "a line of a shipment": edit("shipments", add_to("lines", UNIT)),
    "a warehouse dropped": edit("warehouses", drop),
    "units of a warehouse": edit("warehouses", add_to("used_units", UNIT)),
    "a cent of opening": edit("warehouses", add_to("opening_cost", CENT)),
    "a short line dropped": edit("shorts", drop),
    "a short unit": edit("shorts", add_to("short_qty", UNIT)),
    "a contract's minimum": edit("contracts", add_to("required_qty", UNIT)),
    "a contract's price": edit("contracts", add_to("shadow_price", CENT)),
    "a KPI": figure("[a-z_]+_rate|margin|[a-z]+_cost|shipments|backorder_value|stock_value_left|contracts_met"),
    "the value": figure("objective_value"),
    "the bound": figure("certified_bound"),
    "the gap": figure("certified_gap|rel_gap"),
    "a price raised": price(lambda value: value * 2),
    "a price off by a hair": price(lambda value: value + Fraction(1, 10**9)),
    "a price of the other sign": price(lambda value: -value),
    "no certificate": lost("certificate.json"),
    "no shipments": lost("shipments.csv"),
}


def mutated_plan(case: Case, chosen: Chosen, rng: random.Random) -> tuple[Chosen, bool]:
    """A plan with one quantity changed on some lane of the order, and whether the search calls it valid."""
    batch = Batch(case)
    changed = {key: dict(shipped) for key, shipped in chosen.items()}
    key = rng.choice(sorted(changed))
    zone = batch.orders[key[0]]["zone_id"]
    lanes = [(row["warehouse_id"], row["service_id"]) for row in batch.rows["lanes"] if row["zone_id"] == zone]
    if lanes:
        lane = rng.choice(lanes)
        changed[key][lane] = max(0, changed[key].get(lane, 0) + rng.choice([-2, -1, 1, 1, 2]))
        changed[key] = {lane: qty for lane, qty in changed[key].items() if qty}
    return changed, is_valid(batch, changed)


def is_valid(batch: Batch, chosen: Chosen) -> bool:
    states, limits = {(): Fraction(0)}, limits_of(batch)
    for order, row in batch.orders.items():
        lines = batch.lines(order)
        plans = [chosen.get((order, line["line_id"]), {}) for line in lines]
        if any(plan not in line_plans(batch, line) for plan, line in zip(plans, lines, strict=True)):
            return False
        full = [sum(plan.values()) == line["qty"] for plan, line in zip(plans, lines, strict=True)]
        shipments = {key for plan in plans for key in plan}
        if row.get("delivery_policy") == "order_complete" and any(plans) and not all(full):
            return False
        if row.get("max_shipments") is not None and len(shipments) > row["max_shipments"]:
            return False
        money, used = score(batch, order, lines, plans, full, shipments)
        states = combine(states, [(money, tuple(used.items()))], limits)
    return any(close(batch, dict(used)) is not None for used in states)
