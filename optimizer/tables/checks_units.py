"""Values that look as if written in another unit: cents for euros, grams for kilograms, cases for pieces."""

from __future__ import annotations

import numpy as np

from optimizer.exact import Exact, decimal_text
from optimizer.scenario.schema import Scenario
from optimizer.tables.findings import Findings
from optimizer.tables.resolve import Draft
from optimizer.tables.schema import TABLES
from optimizer.tables.typed import TypedTable

LEAST_VALUES = 5
FAR_OFF = 2.5
"""Powers of ten from the median: beyond about 300 times it a value is suspect."""
SPREADS = 6.0
"""And beyond so many robust standard deviations, so that columns that vary widely stay silent."""


def magnitudes(draft: Draft, scenario: Scenario, found: Findings) -> None:
    """One warning for each column with values orders of magnitude off its median."""
    for name, schema in TABLES.items():
        for column in schema.columns:
            if column.magnitude and len(draft.typed[name]) >= LEAST_VALUES:
                _outliers(draft.typed[name], column.name, found)


def _outliers(typed: TypedTable, column: str, found: Findings) -> None:
    """By the distance of log10 from its median, in powers of ten and in median absolute deviations."""
    values = typed.table[column]
    numbers = np.abs(values.floats() if isinstance(values, Exact) else values.astype(np.float64))
    used = np.flatnonzero((numbers > 0) & typed.table.given(column))
    if len(used) < LEAST_VALUES:
        return
    logs = np.log10(numbers[used])
    distance = np.abs(logs - np.median(logs))
    limit = max(FAR_OFF, SPREADS * 1.4826 * float(np.median(distance)))
    off = distance > limit
    if not off.any():
        return
    worst = int(used[int(np.argmax(np.where(off, distance, 0)))])
    shown = decimal_text(values.item(worst)) if isinstance(values, Exact) else str(values[worst])
    median = 10 ** float(np.median(logs))
    found.say(typed.place.source, f"values near {median:.3g}, the median of {column}",
              f"check the unit here and in the {int(off.sum()):,} rows that are more than {10**limit:,.0f} times off",
              "order_of_magnitude", row=int(typed.place.rows[worst]) or None, column=column, value=shown,
              table=typed.table.name, severity="warning")  # fmt: skip


UNIT_CHECKS = (magnitudes,)
