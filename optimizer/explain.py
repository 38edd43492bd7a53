"""`allot explain`: the story of one order line, from a run folder and the inputs it names."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from optimizer.errors import UsageError

if TYPE_CHECKING:
    from optimizer.tables.tables import Tables

TIME_LIMIT_S = 60.0
"""Seconds that the re-solves of one line may take."""
MOST_WAYS = 40
"""Ways that the text names; ``--json`` has them all."""


def explain(folder: Path, order: str, line: str | None = None, inputs: Path | None = None) -> list[dict[str, Any]]:
    """The stories of a line, or of all lines of an order. Raises `UsageError` where there is nothing to tell."""
    from optimizer.model.build import build_model
    from optimizer.proof.verdict import read_inputs
    from optimizer.solution.explain import Explainer
    from optimizer.warm_start import read_plan

    _, tables, scenario = read_inputs(folder, inputs)
    lines = lines_named(tables, order, line)
    model = build_model(tables, scenario)
    teller = Explainer(model, read_plan(model, folder), stock_prices(folder), TIME_LIMIT_S)
    return [teller.story(each) for each in lines]


def lines_named(tables: Tables, order: str, line: str | None) -> list[int]:
    """Positions of the lines that are asked for."""
    from optimizer.tables.findings import did_you_mean

    known = tables.order_lines["order_id"]
    mine = np.flatnonzero(known == order)
    if not len(mine):
        advice = did_you_mean(order, sorted(set(known.tolist())), "order_lines names no such order")
        raise UsageError(f"--order {order}: {advice}")
    if line is None:
        return [int(each) for each in mine]
    names = tables.order_lines["line_id"][mine].tolist()
    if line not in names:
        raise UsageError(f"--line {line}: order {order} has the lines {', '.join(names)}")
    return [int(mine[names.index(line)])]


def stock_prices(folder: Path) -> dict[tuple[str, str, str], float]:
    """Prices of stock by warehouse, product and date, as certificate.json states them."""
    path = folder / "certificate.json"
    if not path.is_file():
        return {}
    priced = json.loads(path.read_text(encoding="utf-8")).get("prices", {}).get("warehouse_stock", {})
    keys = priced.get("keys", [])
    found = {}
    for row in priced.get("rows", []):
        named = dict(zip(keys, row[:-1], strict=True))
        found[named["warehouse_id"], named["product_id"], named.get("date", "")] = float(row[-1])
    return found


def text(stories: Sequence[Mapping[str, Any]]) -> str:
    """The stories for a person."""
    return "\n\n".join("\n".join(_story(story)) for story in stories)


def _story(story: Mapping[str, Any]) -> list[str]:
    short = story["ordered_qty"] - story["allocated_qty"]
    lines = [
        f"{story['order_id']}/{story['line_id']}: {story['allocated_qty']} of {story['ordered_qty']} units of "
        f"{story['product_id']} for {story['customer_id']} in {story['zone_id']}",
        f"  earns {story['earns_per_unit_before_costs']:.2f} a unit before costs",
    ]
    for row in story["got"]:
        late = f", {row['days_late']} days late" if row["days_late"] else ""
        lines.append(f"  got  {row['units']} from {_way(row)}{late}, earning {row['earns_per_unit']:.2f} a unit")
    if short:
        lines.append(f"  short {short}: {story['reason']}: {story['detail']}")
        lines += [f"  taken by {story['taken_by']}"] if story["taken_by"] else []
        lines += _least(story)
    lines.append("  ways, what a unit would earn, and why no more came:")
    for way in story["ways"][:MOST_WAYS]:
        price = f", stock priced {way['stock_price']:.2f}" if way["stock_price"] else ""
        first = f", {way['before_first_unit']:.2f} before the first" if way["before_first_unit"] else ""
        lines.append(f"    {_way(way)}: {way['earns_per_unit']:.2f}{first}{price}: {way['why']}")
    more = len(story["ways"]) - MOST_WAYS
    return lines if more <= 0 else [*lines, f"    and {more} more; --json has them all"]


def _way(way: Mapping[str, Any]) -> str:
    return f"{way['warehouse_id']} by {way['service_id']} on {way['ship_date']} with {way['ship_product_id']}"


def _least(story: Mapping[str, Any]) -> list[str]:
    """The changes that would have filled the line."""
    found = story["least_change"]
    if found is None or not (found["changes"] or found["outbid_per_unit"]):
        return [f"  least change: {story['estimate'] or 'none is known'} (not verified)"]
    lines = []
    for change in found["changes"]:
        rivals = ", ".join(f"{name} ({units})" for name, units in change["rivals"])
        after = f"; {rivals} would rather have it" if rivals else ""
        words = change["words"] or "a longer solve"
        lines.append(f"  would be filled by {words}: worth {float(change['worth']):.2f}{after}")
    if found["outbid_per_unit"]:
        losers = ", ".join(f"{name} ({units})" for name, units in found["outbid_losers"])
        lines.append(f"  would win it from {losers} with a unit margin higher by {found['outbid_per_unit']}")
    return lines
