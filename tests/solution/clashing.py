"""Random tiny batches whose hard rules cannot all hold, and what becomes of them when some rules are left out."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from optimizer.engines.base import SolveServer
from optimizer.engines.result import SolveOptions
from optimizer.errors import InputError
from optimizer.model.build import Model, build_model
from tests.instances import Case, random_case
from tests.typed_cases import typed

EXACT = SolveOptions(time_limit_s=60, gap=0.0)


def demanding(seed: int) -> Case:
    """A random batch that asks for more than usual: hard contracts, floors and pins."""
    rng, case = random.Random(seed), copy.deepcopy(random_case(seed, families=0.15))
    tables, settings = case["tables"], case["scenario"]
    lines, orders = tables["order_lines"], {row["order_id"]: row for row in tables["orders"]}
    contracts = tables.setdefault("contracts", [])
    reach = {(row["warehouse_id"], row["product_id"]) for row in tables["stock"]}
    lanes = {(lane["warehouse_id"], lane["zone_id"]) for lane in tables["lanes"]}
    served = [
        line for line in lines
        if not orders[line["order_id"]].get("hold")
        and any((w, orders[line["order_id"]]["zone_id"]) in lanes for w, p in reach if p == line["product_id"])
    ]  # fmt: skip
    for number in range(rng.randint(2, 4)):
        line = rng.choice(served or lines)
        scope = rng.choice([{"product_id": line["product_id"]}, {"order_id": line["order_id"]}])
        asks: dict[str, Any] = {"min_fill_rate": Decimal(rng.randint(3, 8)) / 10}
        if rng.random() < 0.8:  # no more than there is, so that it is rather the rules together that cannot hold
            zone = orders[line["order_id"]]["zone_id"]
            there = [
                row["on_hand_qty"] - row.get("reserved_qty", 0) - row.get("safety_stock_qty", 0)
                for row in tables["stock"]
                if row["product_id"] == line["product_id"] and (row["warehouse_id"], zone) in lanes
            ]
            asks = {"min_qty": max(1, min(line["qty"], max(there, default=1)))}
        contracts.append({"contract_id": f"H{number}", **scope, **asks})
    if rng.random() < 0.5:
        channel = rng.choice(tables["orders"]).get("channel")
        scope = rng.choice(["overall", f"channel.{channel}"] if channel else ["overall"])
        settings["service.min_level"] = {scope: Decimal(rng.randint(4, 10)) / 10}
    if rng.random() < 0.5:
        line = rng.choice(lines)
        order = orders[line["order_id"]]
        houses = sorted(w for w, product in reach if product == line["product_id"] and (w, order["zone_id"]) in lanes)
        if houses and not order.get("hold"):
            pin = {"order_id": line["order_id"], "line_id": line["line_id"], "warehouse_id": rng.choice(houses)}
            mode = rng.choice(["exactly", "at_least"])
            tables.setdefault("pins", [])
            tables["pins"] = [row for row in tables["pins"] if {**row, **pin, "mode": mode} != row]
            tables["pins"].append({**pin, "mode": mode, "qty": rng.randint(1, line["qty"])})
    return case


def clashing(count: int, first: int = 0) -> Iterator[tuple[int, Case, Model]]:
    """So many seeded batches that are valid input and that scip finds infeasible."""
    seed = first
    with SolveServer("scip") as server:
        while count:
            case = demanding(seed)
            try:
                model = build_model(*typed(case))
            except InputError:
                model = None
            if model is not None and server.solve(model.linear, EXACT).termination.reason == "INFEASIBLE":
                yield seed, case, model
                count -= 1
            seed += 1


def is_named(rule: dict[str, Any], family: str, row: dict[str, Any]) -> bool:
    """Whether a rule of `conflict.json` is this row of its table."""
    keys = ("contract_id",) if family == "contract_minimum" else ("order_id", "line_id", "warehouse_id", "mode")
    return rule["family"] == family and all(rule[key] == row[key] for key in keys)


def with_only(case: Case, kept: list[dict[str, Any]]) -> Case:
    """The batch in which of all rules that ask for something only the ``kept`` ones stand; limits stay."""
    made = copy.deepcopy(case)
    tables, settings = made["tables"], made["scenario"]
    for row in tables.get("contracts", []):
        hard = row.get("shortfall_penalty") is None
        if hard and not any(is_named(rule, "contract_minimum", row) for rule in kept):
            row.pop("min_qty", None)
            row.pop("min_fill_rate", None)
            row.setdefault("max_qty", 10**6)
    if "pins" in tables:
        tables["pins"] = _pins_with_only(tables["pins"], kept)
    levels = settings.get("service.min_level", {})
    scopes = {rule["scope"] for rule in kept if rule["family"] == "service_floor"}
    settings["service.min_level"] = {scope: level for scope, level in levels.items() if scope in scopes}
    return made


def _pins_with_only(pins: list[dict[str, Any]], kept: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The pins of which only the kept ones ask for anything; what the others allow at most stays."""
    made: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in pins:
        asks = row["mode"] in ("exactly", "at_least") and row["qty"] > 0
        if asks and not any(is_named(rule, "pins", row) for rule in kept):
            if row["mode"] == "at_least":
                continue
            row = {**row, "mode": "at_most"}
        key = (row["order_id"], row["line_id"], row["warehouse_id"], row["mode"])
        if key in made and row["mode"] == "at_most":
            row = min(row, made[key], key=lambda pin: int(pin["qty"]))
        made[key] = row
    return list(made.values())


def repaired(case: Case, repair: dict[str, Any]) -> Case:
    """The batch with the repair written into its rows by hand."""
    made = copy.deepcopy(case)
    for lowered in repair["rules"]:
        rule = {"family": lowered["rule"], **lowered["keys"]}
        if rule["family"] == "service_floor":
            made["scenario"]["service.min_level"][rule["scope"]] = lowered["to"]
            continue
        table = "contracts" if rule["family"] == "contract_minimum" else "pins"
        for row in made["tables"][table]:
            if is_named(rule, rule["family"], row):
                row.pop("min_fill_rate", None)
                row["min_qty" if table == "contracts" else "qty"] = int(lowered["to"])
    return made
