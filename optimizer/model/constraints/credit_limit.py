"""The family `credit_limit`."""

from __future__ import annotations

import numpy as np

from optimizer.model.constraints._money import money_rows
from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows
from optimizer.model.ragged import totals
from optimizer.model.terms import Ratio


def credit_limit(f: Formulation) -> Rows:
    """A customer is allocated no more goods, at their price, than the credit limit.

    Index: customers c with credit_limit
    Formula: Σ_{a of lines of c} unit_price[l] · step[a] · ship_qty[a] ≤ credit_limit[c]
    Dual: τ[c] ≥ 0
    Unit: money
    Absent: where no limit is stated, or all that the customer could get stays below it
    Meaning: money gained by one more unit of credit to c
    """
    tables, arcs = f.tables, f.arcs
    stated = tables.customers.given("credit_limit")
    customer = tables.order_customer[arcs.order]
    arc = np.flatnonzero(stated[customer])
    price = tables.order_lines["unit_price"].take(arcs.line[arc]) * arcs.step[arc]
    lines = tables.order_lines
    reach = np.minimum(totals(arcs.line, arcs.cap, len(lines)), lines["qty"])
    of_line = tables.order_customer[tables.line_order]
    most = np.bincount(of_line, lines["unit_price"].floats() * reach, len(tables.customers))
    entries, limit = (customer[arc], arc, Ratio.of(price)), tables.customers["credit_limit"]
    return money_rows("credit_limit", "customer", entries, limit, stated, most.astype(np.float64), f.part)
