"""The columns of the outbound tables and their kinds; docs/outbound.md says what each means."""

from __future__ import annotations

INSTRUCTIONS = {
    "warehouse_id": "text", "kind": "text", "ship_date": "date", "service_id": "text", "ship_product_id": "text",
    "lot_id": "text", "qty": "int", "shipment_id": "text", "order_id": "text", "line_id": "text", "product_id": "text",
    "to_warehouse_id": "text", "arrive_date": "date",
}  # fmt: skip
RESERVATIONS = {
    "warehouse_id": "text", "product_id": "text", "lot_id": "text", "supply": "text", "receipt_id": "text",
    "from_warehouse_id": "text", "available_date": "date", "kind": "text", "order_id": "text", "line_id": "text",
    "to_warehouse_id": "text", "ship_date": "date", "qty": "int",
}  # fmt: skip
BALANCES = {
    "warehouse_id": "text", "product_id": "text", "lot_id": "text", "expiry_date": "date", "on_hand_qty": "int",
    "reserved_qty": "int", "safety_stock_qty": "int", "inbound_qty": "int", "transferred_in_qty": "int",
    "transferred_out_qty": "int", "allocated_qty": "int", "on_hand_after_qty": "int", "left_qty": "int",
}  # fmt: skip

SOURCE = ["warehouse_id", "product_id", "lot_id"]
"""What names a source: stock of one product at one warehouse in one lot (blank: goods that are not kept by lot)."""

ORDER, TRANSFER = "order", "transfer"
"""What is picked for: ``kind`` of instructions and reservations."""
ON_HAND, INBOUND, MOVED = "on_hand", "inbound", "transfer"
"""Where reserved units come from: ``supply`` of reservations. Of supplies of one day the first goes first."""
