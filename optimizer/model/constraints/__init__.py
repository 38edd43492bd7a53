"""The table of contents of the model: every family of rows, in the order in which they stand in the matrix."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from optimizer.model.constraints.budget import budget
from optimizer.model.constraints.contract_minimum import contract_minimum
from optimizer.model.constraints.contract_quota import contract_quota
from optimizer.model.constraints.credit_limit import credit_limit
from optimizer.model.constraints.day_capacity_kg import day_capacity_kg
from optimizer.model.constraints.day_capacity_lines import day_capacity_lines
from optimizer.model.constraints.day_capacity_shipments import day_capacity_shipments
from optimizer.model.constraints.day_capacity_units import day_capacity_units
from optimizer.model.constraints.delivery_policy import delivery_policy
from optimizer.model.constraints.fair_level import fair_level
from optimizer.model.constraints.fair_share import fair_share
from optimizer.model.constraints.frozen import frozen
from optimizer.model.constraints.kit_draw import kit_draw
from optimizer.model.constraints.lane_capacity_kg import lane_capacity_kg
from optimizer.model.constraints.lane_capacity_shipments import lane_capacity_shipments
from optimizer.model.constraints.lane_capacity_units import lane_capacity_units
from optimizer.model.constraints.line_demand import line_demand
from optimizer.model.constraints.line_link import line_link
from optimizer.model.constraints.line_pick import line_pick
from optimizer.model.constraints.lot_multiple import lot_multiple
from optimizer.model.constraints.lot_stock import lot_stock
from optimizer.model.constraints.max_shipments import max_shipments
from optimizer.model.constraints.min_fill import min_fill
from optimizer.model.constraints.minimum_charge import minimum_charge
from optimizer.model.constraints.objective_stage import objective_stage
from optimizer.model.constraints.pins import pins
from optimizer.model.constraints.reserve import reserve
from optimizer.model.constraints.service_floor import service_floor
from optimizer.model.constraints.service_full import service_full
from optimizer.model.constraints.shipment_link import shipment_link
from optimizer.model.constraints.stability import stability
from optimizer.model.constraints.tariff_band import tariff_band
from optimizer.model.constraints.tariff_charge import tariff_charge
from optimizer.model.constraints.tariff_range import tariff_range
from optimizer.model.constraints.tariff_weight import tariff_weight
from optimizer.model.constraints.transfer_capacity import transfer_capacity
from optimizer.model.constraints.transfer_link import transfer_link
from optimizer.model.constraints.transfer_source import transfer_source
from optimizer.model.constraints.warehouse_capacity_kg import warehouse_capacity_kg
from optimizer.model.constraints.warehouse_capacity_lines import warehouse_capacity_lines
from optimizer.model.constraints.warehouse_capacity_shipments import warehouse_capacity_shipments
from optimizer.model.constraints.warehouse_capacity_units import warehouse_capacity_units
from optimizer.model.constraints.warehouse_opening import warehouse_opening
from optimizer.model.constraints.warehouse_opening_units import warehouse_opening_units
from optimizer.model.constraints.warehouse_stock import warehouse_stock
from optimizer.model.formulation import Formulation
from optimizer.model.linear_model import Rows

Family = Callable[[Formulation], Rows]

FAMILIES: Mapping[str, Family] = {
    family.__name__: family
    for family in (
        # one order's own rules
        line_demand,
        shipment_link,
        line_link,
        minimum_charge,
        tariff_band,
        tariff_weight,
        tariff_range,
        tariff_charge,
        delivery_policy,
        min_fill,
        lot_multiple,
        kit_draw,
        max_shipments,
        line_pick,
        service_full,
        pins,
        stability,
        frozen,
        # moves between warehouses
        transfer_link,
        # what orders share: the rows that carry prices
        warehouse_stock,
        lot_stock,
        warehouse_capacity_units,
        warehouse_capacity_lines,
        warehouse_capacity_shipments,
        warehouse_capacity_kg,
        lane_capacity_units,
        lane_capacity_kg,
        lane_capacity_shipments,
        day_capacity_units,
        day_capacity_lines,
        day_capacity_shipments,
        day_capacity_kg,
        reserve,
        transfer_source,
        transfer_capacity,
        contract_minimum,
        contract_quota,
        credit_limit,
        budget,
        service_floor,
        fair_share,
        fair_level,
        warehouse_opening,
        objective_stage,
        # implied by the above for whole numbers, stronger for fractions
        warehouse_opening_units,
    )
}
