"""`report.html`: what a planner opens first. One file, no network, no clock: the same run gives the same bytes."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from optimizer.report import charts, facts, plan_sections, price_words, shorts_block, words
from optimizer.report.bundle import RunBundle
from optimizer.report.conflict_page import conflict_parts
from optimizer.report.goal_rows import goal_rows
from optimizer.report.sections import contract_rows, flat, warehouse_rows
from optimizer.solution.ledger import Ledger

if TYPE_CHECKING:
    from jinja2 import Environment

SHOWN_PRICES = 12
TOLD_FACTS = (
    "termination", "best_bound", "abs_gap", "rel_gap", "gap_over_controllable_cost", "certified_bound", "certified_gap",
    "model", "seed", "threads", "tie_break", "warm_start", "versions",
)  # fmt: skip
"""Keys of `run.json` that the page lists as they stand."""


def render(bundle: RunBundle) -> str:
    """The page for a run, with or without a plan."""
    parts = {**_frame(bundle), **(_plan_parts(bundle) if bundle.has_plan else {})}
    return page("report.html.j2" if bundle.has_plan else "failed.html.j2", parts, scripted=True)


def page(template: str, parts: Mapping[str, Any], scripted: bool = False, styles: tuple[str, ...] = ()) -> str:
    """A self-contained page: style, script (if it has any) and the policy that allows no more than these."""
    environment = page_environment()
    style = "".join(environment.get_template(name).render() for name in ("report.css", *styles))
    script = environment.get_template("report.js").render() if scripted else ""
    made = {"style": style, "script": script, "policy": content_policy(style, script)}
    return environment.get_template(template).render({**parts, **made})


def content_policy(style: str, script: str) -> str:
    """What the page may do: run its own two inline blocks, named by digest, and nothing else."""

    def source(text: str) -> str:
        return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"

    rules = ("default-src 'none'", f"style-src {source(style)}", f"script-src {source(script)}")
    return "; ".join([*rules, "img-src data:", "base-uri 'none'", "form-action 'none'"])


@lru_cache(maxsize=1)
def page_environment() -> Environment:
    """The templates of all pages; the manners of each: no markup from data, no name unknown."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("optimizer.report"),
        autoescape=lambda name: name is None or name.endswith(".html.j2"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"count": words.count, "percent": words.percent, "title_text": words.title}
    environment.globals |= {"bar": charts.bar, "plural": words.plural}
    return environment


def prepare() -> None:
    """Compile the templates ahead of their use, for whoever has time to spare."""
    for name in page_environment().list_templates():
        page_environment().get_template(name)


def _frame(bundle: RunBundle) -> dict[str, Any]:
    """What every page says: what it is, how it ended, from what and with what it was made."""
    run, scenario = bundle.run, bundle.scenario
    level, badge, banner = words.status(run, bundle.has_plan, bundle.verification)
    told = run.get("scenario") or {}
    return {
        "name": scenario.name,
        "as_of": scenario.as_of.isoformat(),
        "currency": scenario.currency,
        "run_id": str(run.get("run_id", "")),
        "level": level,
        "badge": badge,
        "banner": banner,
        "headline": words.headline(run, scenario.currency),
        "checked": _checked(bundle.verification),
        "rules": _rules(bundle.verification),
        "failures": [str(failure) for failure in (bundle.verification or {}).get("failures") or []],
        "gap_parts": gap_parts(bundle.verification, scenario.currency),
        "settings": flat({"set": told.get("settings") or [], **(told.get("resolved") or {})}),
        "changes": [flat(change) for change in told.get("changes") or []],
        "inputs": list(run.get("inputs") or []),
        "engine": flat(run.get("engine") or {}),
        "facts": flat({key: run[key] for key in TOLD_FACTS if run.get(key) is not None}),
        "pruned": flat(run.get("pruned") or {}),
        "warnings": [str(warning) for warning in run.get("warnings") or []],
        "has_plan": bundle.has_plan,
        "goals": goal_rows(run),
        **conflict_parts(bundle.conflict, scenario.currency),
    }


def _rules(verification: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    return list((verification or {}).get("rules") or [])


def _checked(verification: Mapping[str, Any] | None) -> str:
    """Such as "Checked independently: 23 rules, 0 violations."."""
    if verification is None:
        return ""
    rules = _rules(verification)
    broken = sum(1 for rule in rules if not rule.get("passed"))
    return f"Checked independently: {words.plural(len(rules), 'rule')}, {words.plural(broken, 'violation')}."


def gap_parts(verification: Mapping[str, Any] | None, currency: str) -> list[tuple[str, str]]:
    """Where the certified gap sits: its parts, then the orders, products and warehouses that hold most of it."""
    parts = (verification or {}).get("gap_attribution") or {}
    rows = [
        (words.title(name), words.money(amount, currency))
        for name, value in parts.items()
        if (amount := words.number(value))
    ]
    for kind in ("orders", "products", "warehouses"):
        named = [f"{item['id']} {words.amount(item['amount'], currency)}" for item in parts.get(f"top_{kind}") or []]
        rows += [(f"Most in {kind}", ", ".join(named[:5]))] if named else []
    return rows


def _plan_parts(bundle: RunBundle) -> dict[str, Any]:
    """The sections of a page with a plan."""
    assert bundle.plan is not None
    inputs, currency = bundle.inputs, bundle.scenario.currency
    ledger = Ledger(inputs, bundle.scenario, bundle.plan)
    kpis = bundle.run.get("kpis") or {}
    prices = price_words.prices(bundle.tables.get("shadow_prices"))
    stock = [price for price in prices if price.family == price_words.STOCK]
    return {
        "tiles": list(_tiles(kpis, currency)),
        "waterfall": waterfall(facts.value_steps(kpis, bundle.scenario.weights), currency),
        "tiers": facts.fills(inputs, ledger.allocated, facts.tier_of_order(inputs)),
        "channels": facts.fills(inputs, ledger.allocated, inputs.orders["channel"]),
        "warehouses": warehouse_rows(bundle, ledger),
        "scarce": price_rows(stock[:SHOWN_PRICES], currency),
        "scarce_count": len(stock),
        "limits": price_rows([row for row in prices if row.family != price_words.STOCK][:SHOWN_PRICES], currency),
        "flow": _flow(ledger),
        "contracts": contract_rows(bundle),
        "reasons": shorts_block.reasons(bundle.tables["shorts"]),
        "shorts": shorts_block.make(bundle),
        **_policy_parts(bundle, kpis),
    }  # fmt: skip


def _policy_parts(bundle: RunBundle, kpis: Mapping[str, Any]) -> dict[str, Any]:
    """The sections that are there only if the plan has something to say about them."""
    swaps, swaps_total = plan_sections.swap_rows(bundle)
    moves, moves_total = plan_sections.transfer_rows(bundle)
    replenish, replenish_total = plan_sections.replenish_rows(bundle)
    flags = plan_sections.flag_counts(bundle)
    return {
        "exceptions": plan_sections.exception_rows(bundle),
        "exceptions_total": len(plan_sections.table_of(bundle, "exceptions")),
        "outcomes": plan_sections.outcome_rows(bundle),
        "flags": flags,
        "days": plan_sections.day_rows(bundle),
        "late": plan_sections.late_rows(bundle),
        "late_total": dict(flags).get("late", 0),
        "swaps": swaps,
        "swaps_total": swaps_total,
        "moves": moves,
        "moves_total": moves_total,
        "shares": plan_sections.share_groups(bundle),
        "replenish": replenish,
        "replenish_total": replenish_total,
        "capital": plan_sections.capital_rows(kpis, bundle.scenario.currency),
    }


def _tiles(kpis: Mapping[str, Any], currency: str) -> Iterable[tuple[str, str, str]]:
    """``(label, value, note)`` of the figures that planners ask for first."""

    def rate(key: str) -> str:
        return words.percent(words.number(kpis.get(key)))

    def money(key: str) -> str:
        value = words.number(kpis.get(key))
        return "–" if value is None else words.amount(value, currency)

    def count(key: str) -> str:
        value = words.number(kpis.get(key))
        return "–" if value is None else words.count(value)

    yield "Unit fill rate", rate("unit_fill_rate"), f"{count('units_allocated')} of {count('units_ordered')} units"
    yield "Orders in full", rate("order_fill_rate"), f"{rate('line_fill_rate')} of lines in full"
    late = words.number(kpis.get("late_orders"))
    told = f" · {words.count(late)} late" if late else ""
    yield "On time, in full", rate("otif_rate"), f"of orders, by due date{told}"
    yield "Weighted service", rate("weighted_service_level"), "service level by weights"
    yield "Margin", money("margin"), currency
    yield "Freight", money("shipping_cost"), f"{currency} · {money('cost_per_order')} per order served"
    split = words.number(kpis.get("split_orders"))
    yield "Shipments", count("shipments"), "–" if split is None else f"{words.plural(int(split), 'order')} split"
    yield "Backorder", count("backorder_units"), f"units · {money('backorder_value')} {currency}"


def waterfall(steps: list[facts.Step], currency: str) -> list[tuple[str, str, Any, str]]:
    """Rows ``(label, amount, mark, kind)`` from the first term to the value."""
    points = [float(point) for step in steps for point in (step.before, step.after)]
    low, high = min([0.0, *points]), max([0.0, *points])
    size = (high - low) or 1.0
    zero = -low / size

    def place(value: Any) -> float:
        return (float(value) - low) / size

    rows = []
    for step in steps:
        text = words.amount(step.amount, currency)
        label = step.label if step.weight == 1 else f"{step.label} × {words.count(step.weight)}"
        tone = "main" if step.amount >= 0 else "minus"
        mark = charts.span(place(step.before), place(step.after), f"{label}: {text} {currency}", tone, zero)
        rows.append((label, text, mark, "step"))
    if steps:
        text = words.amount(steps[-1].after, currency)
        mark = charts.span(zero, place(steps[-1].after), f"Value: {text} {currency}", "total", zero)
        rows.append(("Value of the plan", text, mark, "total"))
    return rows


def price_rows(prices: list[price_words.Price], currency: str) -> list[dict[str, Any]]:
    """Prices as rows of a chart: bar = price, line = from the worth of one more to the cost of one fewer.

    The axis ends a little beyond the largest price; a line that goes further is cut there, its number stands beside it.
    """
    peak = max((abs(float(row.price)) for row in prices), default=0.0) * 1.15 or 1.0

    def mark(row: price_words.Price) -> Any:
        label, share = row.sentence(currency), abs(float(row.price)) / peak
        if row.gain is None or row.loss is None:
            return charts.span(0.0, share, label, "soft")
        return charts.interval(share, abs(float(row.gain)) / peak, abs(float(row.loss)) / peak, label)

    def text(value: Any) -> str:
        return "–" if value is None else words.amount(value, currency)

    return [
        {
            "subject": row.subject,
            "limit": price_words.rhs_text(row, currency),
            "mark": mark(row),
            "gain": text(row.gain),
            "loss": text(row.loss),
            "price": text(row.price),
            "basis": price_words.BASES.get(row.basis, words.title(row.basis)),
            "sentence": row.sentence(currency),
        }
        for row in prices
    ]


def _flow(ledger: Ledger) -> dict[str, Any]:
    flow = facts.flow(ledger)
    peak = float(flow.units.max()) if flow.units.size else 0.0
    rows = [
        (name, [(int(units), charts.heat(float(units), peak)) for units in row], int(row.sum()))
        for name, row in zip(flow.warehouses, flow.units, strict=True)
    ]
    return {"zones": flow.zones, "rows": rows, "totals": [int(total) for total in flow.units.sum(axis=0)]}
