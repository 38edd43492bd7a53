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
from optimizer.model.calendar import date_texts
from optimizer.model.ids import id_texts
from optimizer.model.linear_model import Block

KEY_COLUMNS = (
    "order_id",
    "line_id",
    "warehouse_id",
    "product_id",
    "from_warehouse_id",
    "to_warehouse_id",
    "zone_id",
    "service_id",
    "date",
    "ship_product_id",
    "lot_id",
    "component_id",
    "rate_id",
    "contract_id",
    "customer_id",
    "reserve_id",
    "budget_id",
    "group_id",
    "level",
    "party",
    "scope",
    "mode",
    "side",
    "stage",
)
NUMBERS = ("stage", "level")
"""Keys that are shown as the numbers they are."""

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
    columns = _unique(_names(model, model.linear.column_blocks, column_keys))
    return Names(columns, _unique(_names(model, model.linear.row_blocks, row_keys)), column_keys, row_keys)


def block_ids(model: Model, block: Block) -> dict[str, Texts]:
    """The ids that name the rows or columns of a block, by key column."""
    ids: dict[str, Texts] = {}
    for key, positions in block.keys.items():
        ids |= {column: texts[positions] for column, texts in id_texts(model.batch, key).items()}
    if "day" in block.keys:
        ids["date"] = date_texts(model.scenario, block.keys["day"])
    for number in NUMBERS:
        if number in block.keys:
            ids[number] = block.keys[number].astype(str).astype(object)
    if "line" in block.keys and "product" in block.keys:
        ids["ship_product_id"] = ids.pop("product_id")
    return {column: ids[column] for column in KEY_COLUMNS if column in ids}


def _shown(model: Model, block: Block, ids: dict[str, Texts]) -> dict[str, Texts]:
    """The ids that stand in names: dates only other than `as_of`, shipped products only other than ordered."""
    shown = {column: texts for column, texts in ids.items() if not (column == "zone_id" and "order_id" in ids)}
    if "date" in shown:
        shown["date"] = np.where(block.keys["day"] == 0, "", shown["date"])
    if "ship_product_id" in shown:
        same = model.tables.line_product[block.keys["line"]] == block.keys["product"]
        shown["ship_product_id"] = np.where(same, "", shown["ship_product_id"])
    return shown


def _names(model: Model, blocks: Sequence[Block], ids: Sequence[dict[str, Texts]]) -> list[str]:
    names: list[str] = []
    for block, columns in zip(blocks, ids, strict=True):
        shown = _shown(model, block, columns)
        lines = [_clean(shown[column]) for column in KEY_COLUMNS if column in shown]
        if "line_id" in columns:
            lines[:2] = [[f"{order}_{line}" for order, line in zip(*lines[:2], strict=True)]]
        names += ["__".join((block.family, *filter(None, row))) for row in zip(*lines, strict=True)]
    return names


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
