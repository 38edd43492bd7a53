"""What positions in the keys of rows and columns stand for: the ids that people know."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from optimizer.model.batch import Batch

Texts = NDArray[np.object_]

COLUMNS = {
    "order": ("orders", ("order_id",)),
    "line": ("order_lines", ("order_id", "line_id")),
    "lane": ("lanes", ("warehouse_id", "zone_id", "service_id")),
    "warehouse": ("warehouses", ("warehouse_id",)),
    "product": ("products", ("product_id",)),
    "contract": ("contracts", ("contract_id",)),
    "customer": ("customers", ("customer_id",)),
    "reserve": ("reserves", ("reserve_id",)),
    "budget": ("budgets", ("budget_id",)),
    "fair_share": ("fair_share", ("group_id",)),
    "transfer": ("transfers", ("from_warehouse_id", "to_warehouse_id", "product_id")),
    "band": ("rate_bands", ("rate_id",)),
    "previous": ("previous", ("order_id", "line_id", "warehouse_id", "product_id", "service_id", "lot_id")),
    "pin": ("pins", ("order_id", "line_id", "warehouse_id", "service_id", "mode")),
}
"""For each key that is a row of a table: the table, and the ids of a row."""


def id_texts(batch: Batch, key: str) -> dict[str, Texts]:
    """The ids by column that each position of a key stands for; nothing for keys that have no ids (such as days)."""
    tables = batch.tables
    if key in COLUMNS:
        table, columns = COLUMNS[key]
        return {column: getattr(tables, table)[column] for column in columns}
    if key == "party":
        return {"group_id": tables.fair_share["group_id"][batch.shares.group], "party": batch.shares.name}
    lists: dict[str, Callable[[], tuple[str, Texts]]] = {
        "source": lambda: ("lot_id", np.append(batch.supply.lot, "")),  # -1: a kit has no lot
        "component": lambda: ("component_id", tables.products["product_id"]),
        "from_warehouse": lambda: ("from_warehouse_id", tables.warehouses["warehouse_id"]),
        "zone": lambda: ("zone_id", tables.zones),
        "service": lambda: ("service_id", tables.services),
        "scope": lambda: ("scope", np.array(list(batch.scenario.service.min_level), dtype=object)),
        "side": lambda: ("side", np.array(["min", "max"], dtype=object)),
        "off": lambda: ("side", np.array(["above", "below"], dtype=object)),
    }
    if key not in lists:
        return {}
    column, texts = lists[key]()
    return {column: texts}
