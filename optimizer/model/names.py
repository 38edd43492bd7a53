"""Readable names of rows and columns, made from their keys only when a model is exported.

A name is its family and its ids, ``ship_qty__SO1001_2__W1__standard``: letters, digits and underscores, the family
first, so that no reader takes it for a number or a word of its own. Distinct keys whose names would be equal get a
number.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.model.build import Model
from optimizer.model.linear_model import Block
from optimizer.tables.tables import Tables

KEY_COLUMNS = (
    "order_id",
    "line_id",
    "warehouse_id",
    "product_id",
    "zone_id",
    "service_id",
    "contract_id",
    "scope",
    "mode",
    "side",
)
LONGEST = 120
"""Characters of a name before it is cut: CBC crashes on MPS names of more than 160, LP readers stop at 255."""

Texts = NDArray[np.object_]


@dataclass(frozen=True)
class Names:
    """Names of columns and rows in the order of the matrix, and for each block its ids by key column."""

    columns: list[str]
    rows: list[str]
    column_keys: list[dict[str, Texts]]
    row_keys: list[dict[str, Texts]]


def name_model(model: Model) -> Names:
    """See `Names`."""
    column_keys = [block_ids(model, block) for block in model.linear.column_blocks]
    row_keys = [block_ids(model, block) for block in model.linear.row_blocks]
    columns = _unique(_names(model.linear.column_blocks, column_keys))
    return Names(columns, _unique(_names(model.linear.row_blocks, row_keys)), column_keys, row_keys)


def block_ids(model: Model, block: Block) -> dict[str, Texts]:
    """The ids that name the rows or columns of a block, by key column."""
    tables, keys = model.tables, block.keys
    ids: dict[str, Texts] = {}
    for key, positions in keys.items():
        ids |= {column: texts[positions] for column, texts in _key_texts(model, tables, key).items()}
    return {column: ids[column] for column in KEY_COLUMNS if column in ids}


def _key_texts(model: Model, tables: Tables, key: str) -> dict[str, Texts]:
    """What a key of a block says: for each position in its table, the ids."""
    table, columns = {
        "order": (tables.orders, ("order_id",)),
        "line": (tables.order_lines, ("order_id", "line_id")),
        "lane": (tables.lanes, ("warehouse_id", "zone_id", "service_id")),
        "warehouse": (tables.warehouses, ("warehouse_id",)),
        "product": (tables.products, ("product_id",)),
        "stock": (tables.stock, ("warehouse_id", "product_id")),
        "contract": (tables.contracts, ("contract_id",)),
        "pin": (tables.pins, ("order_id", "line_id", "warehouse_id", "service_id", "mode")),
    }.get(key, (None, ()))
    if table is not None:
        return {column: table[column] for column in columns}
    lists = {
        "zone": ("zone_id", tables.zones),
        "service": ("service_id", tables.services),
        "scope": ("scope", np.array(list(model.scenario.service.min_level), dtype=object)),
        "side": ("side", np.array(["min", "max"], dtype=object)),
    }
    column, texts = lists[key]
    return {column: texts}


def _names(blocks: Sequence[Block], ids: Sequence[dict[str, Texts]]) -> list[str]:
    names: list[str] = []
    for block, columns in zip(blocks, ids, strict=True):
        parts = [columns[column] for column in KEY_COLUMNS if column in columns and not _implied(column, columns)]
        lines = [_clean(part) for part in parts]
        if "line_id" in columns:
            lines[:2] = [[f"{order}_{line}" for order, line in zip(*lines[:2], strict=True)]]
        names += ["__".join((block.family, *filter(None, row))) for row in zip(*lines, strict=True)]
    return names


def _implied(column: str, columns: dict[str, Texts]) -> bool:
    """The zone of an order is no part of a name."""
    return column == "zone_id" and "order_id" in columns


def _clean(texts: Texts) -> list[str]:
    distinct = {text: re.sub(r"[^A-Za-z0-9_]", "_", text) for text in set(texts.tolist())}
    return [distinct[text] for text in texts.tolist()]


def _unique(names: list[str]) -> list[str]:
    """Cut to `LONGEST`, and numbered where equal."""
    names = [name[:LONGEST] for name in names]
    if len(set(names)) == len(names):
        return names
    taken, made = set(names), []
    met: dict[str, int] = {}
    for name in names:
        count = met.get(name, 0) + 1
        unique = name
        while count > 1 and unique in taken:
            unique = f"{name}__{count}"
            count += 1
        met[name] = max(count - 1, 1)
        taken.add(unique)
        made.append(unique)
    return made
