"""The families of policies, as in `tests.model.cases`: a plan that keeps each, one that breaks it, a change without."""

from __future__ import annotations

from fractions import Fraction

from optimizer.model.goals import StageRow
from tests.model.cases import FREE, HEAVY, PAID, TWO, Case, lane, line, stock

PRICED = [line("A", 3, unit_price=2), line("B", 4, unit_price=2)]
STABLE = {"stability": {"previous_plan": "previous", "cost_per_unit": 1}}
BEFORE = [{"order_id": "A", "line_id": "1", "warehouse_id": "W1", "product_id": "P", "qty": 2}]


def band(rate: str, start: str, end: str | None = None, **more: object) -> dict[str, object]:
    return {"warehouse_id": "W1", "zone_id": "Z", "rate_id": rate, "from_kg": start, "to_kg": end} | more


BANDS = [band("light", "0", flat_cost=2, min_charge=3, cost_per_kg=1), band("heavy", "0.7", "9", cost_per_kg="2.5")]
"""Below 0.7 kg at least 3, else 2 and 1 a kg; from 0.7 kg on 2.5 a kg."""
SHIPPED_BY_WEIGHT = TWO | {"products": HEAVY, "lanes": FREE, "rate_bands": BANDS}

SHARED = {"group_id": "G", "between": "order"}
MOVED = {
    "order_lines": [line("A", 4)],
    "stock": [stock("W1", 5), stock("W2", 1)],
    "lanes": [lane("W2"), lane("W3")],
    "warehouses": [{"warehouse_id": "W1"}, {"warehouse_id": "W2"}, {"warehouse_id": "W3"}],
}
ROUTE = {"from_warehouse_id": "W1", "to_warehouse_id": "W2"}
ONWARD = {"from_warehouse_id": "W2", "to_warehouse_id": "W3"}

POLICY_CASES: dict[str, Case] = {
    "tariff_band": Case(
        SHIPPED_BY_WEIGHT,
        kept={("A", "1", "W1"): 3},
        broken={("A", "1", "W1"): 3},
        broken_columns={"band_used": 1},
        absent={"rate_bands": []},
    ),
    "tariff_weight": Case(
        SHIPPED_BY_WEIGHT,
        kept={("A", "1", "W1"): 3},
        broken={("A", "1", "W1"): 3},
        broken_columns={"band_weight": 2},
        absent={"rate_bands": []},
    ),
    "tariff_range": Case(
        SHIPPED_BY_WEIGHT,
        kept={("A", "1", "W1"): 2, ("B", "1", "W1"): 3},
        broken={("A", "1", "W1"): 3},
        broken_columns={"band_used": 0},
        absent={"rate_bands": []},
    ),
    "tariff_charge": Case(
        SHIPPED_BY_WEIGHT | {"rate_bands": [band("all", "0", flat_cost=2, min_charge="2.6", cost_per_kg=1)]},
        kept={("A", "1", "W1"): 2},
        broken={("A", "1", "W1"): 2},
        broken_columns={"band_topup": 0},
        absent={"rate_bands": [band("all", "0", flat_cost=2, min_charge="2.2", cost_per_kg=1)]},
    ),
    "stability": Case(
        TWO | {"previous": BEFORE},
        scenario=STABLE,
        kept={("A", "1", "W1"): 1, ("A", "1", "W2"): 2},
        broken={("A", "1", "W1"): 1},
        broken_columns={"moved": 0},
        absent={"previous": None, "scenario": {}},
    ),
    "frozen": Case(
        TWO | {"orders": [{"order_id": "A", "frozen": True}, {"order_id": "B"}], "previous": BEFORE},
        scenario=STABLE,
        kept={("A", "1", "W1"): 2, ("B", "1", "W1"): 3},
        broken={("A", "1", "W1"): 1},
        absent={"orders": [{"order_id": "A"}, {"order_id": "B"}]},
    ),
    "reserve": Case(
        TWO
        | {
            "orders": [{"order_id": "A", "channel": "vip"}, {"order_id": "B"}],
            "reserves": [{"reserve_id": "R", "channel": "vip", "warehouse_id": "W1", "qty": 3}],
        },
        kept={("A", "1", "W1"): 3, ("B", "1", "W1"): 2},
        broken={("B", "1", "W1"): 3},
        absent={"reserves": [{"reserve_id": "R", "channel": "vip", "warehouse_id": "W1", "qty": 0}]},
    ),
    "credit_limit": Case(
        TWO | {"order_lines": PRICED, "customers": [{"customer_id": "C", "credit_limit": 9}]},
        kept={("A", "1", "W1"): 3, ("B", "1", "W1"): 1},
        broken={("A", "1", "W1"): 3, ("B", "1", "W1"): 2},
        absent={"customers": [{"customer_id": "C", "credit_limit": 18}]},
    ),
    "budget": Case(
        TWO | {"lanes": PAID, "budgets": [{"budget_id": "F", "kind": "shipping_cost", "limit": 5}]},
        kept={("A", "1", "W1"): 3, ("B", "1", "W1"): 1},
        broken={("A", "1", "W1"): 3, ("B", "1", "W2"): 1},
        absent={"budgets": [{"budget_id": "F", "kind": "shipping_cost", "limit": 99}]},
    ),
    "fair_share": Case(
        TWO | {"fair_share": [SHARED | {"rule": "proportional"}]},
        kept={("A", "1", "W1"): 3, ("B", "1", "W2"): 2},
        broken={("A", "1", "W1"): 3, ("B", "1", "W2"): 1},
        absent={"fair_share": [SHARED | {"rule": "max_min"}]},
    ),
    "fair_level": Case(
        TWO | {"fair_share": [SHARED | {"rule": "max_min"}]},
        stages=(StageRow("fair_share[1:G]", "max", Fraction(1, 4)), StageRow("fair_share[2:G]", "max", Fraction(1))),
        kept={("A", "1", "W1"): 2, ("B", "1", "W2"): 2},
        broken={("A", "1", "W1"): 2, ("B", "1", "W2"): 1},
        broken_columns={"level_gap": 0},
        absent={},
    ),
    "transfer_source": Case(
        MOVED | {"stock": [*MOVED["stock"], stock("W3", 1)], "transfers": [ROUTE, ONWARD]},
        kept={("A", "1", "W3"): 2},
        moves={("W2", "W3"): 1},
        broken={("A", "1", "W3"): 3},
        broken_columns={"transfer_qty": 2},
        absent={"transfers": [ONWARD]},
    ),
    "transfer_capacity": Case(
        MOVED | {"transfers": [ROUTE | {"capacity_units": 2}]},
        kept={("A", "1", "W2"): 3},
        moves={("W1", "W2"): 2},
        broken={("A", "1", "W2"): 3},
        broken_columns={"transfer_qty": 3},
        absent={"transfers": [ROUTE | {"capacity_units": 6}]},
    ),
    "transfer_link": Case(
        MOVED | {"transfers": [ROUTE | {"fixed_cost": 3}]},
        kept={("A", "1", "W2"): 3},
        moves={("W1", "W2"): 2},
        broken={("A", "1", "W2"): 3},
        broken_columns={"transfer_qty": 2, "transfer_used": 0},
        absent={"transfers": [ROUTE]},
    ),
}
