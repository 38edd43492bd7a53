"""How much computing it takes to write a model down: ours against the same model in PuLP.

``python -m benchmarks.build`` builds a joint-shipment model of a million arcs (a line from a warehouse each; the lines
of an order share shipments with a fixed cost, the orders share stock) from tables in memory, twice: with `build_model`
and highspy's arrays, and with one PuLP object a variable and a constraint. Each side ends when HiGHS holds the model;
nothing is solved. Each runs in a process of its own; the figures are seconds of CPU, without making the tables and
without imports. First, on a small batch, the linear relaxations of both are solved and must agree.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from benchmarks.instances import Size, make_batch

MILLION_ARCS = Size(lines=104_000)
SMALL = Size(lines=600, products=40, zones=4)
REQUIRED_RATIO = 50
COUNTS = ("arcs", "columns", "rows", "nonzeros")
Result = dict[str, Any]


def ours(size: Size, solve: bool) -> Result:
    """Tables → arrays → HiGHS."""
    import highspy

    from optimizer.engines.highs import load_matrix
    from optimizer.model.build import build_model

    tables, scenario = make_batch(size)
    highs = highspy.Highs()
    highs.setOptionValue("output_flag", False)
    start = time.process_time()
    model = build_model(tables, scenario)
    built = time.process_time()
    load_matrix(highs, model.linear)
    return _result(highs, start, built, len(model.arcs), solve)


def pulp_side(size: Size, solve: bool) -> Result:
    """The same tables as plain Python values → PuLP objects → HiGHS through PuLP."""
    import highspy
    import pulp

    batch = _plain(size)
    start = time.process_time()
    problem, n_arcs = _formulate(batch)
    built = time.process_time()
    solver = pulp.HiGHS(msg=False)
    solver.createAndConfigureSolver(problem)
    solver.buildSolverModel(problem)
    highs: highspy.Highs = problem.solverModel
    return _result(highs, start, built, n_arcs, solve)


def _result(highs: Any, start: float, built: float, arcs: int, solve: bool) -> Result:
    done = time.process_time()
    result = {
        "build_cpu_s": built - start,
        "hand_over_cpu_s": done - built,
        "cpu_s": done - start,
        "arcs": arcs,
        "columns": highs.getNumCol(),
        "rows": highs.getNumRow(),
        "nonzeros": highs.getNumNz(),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    if solve:
        highs.setOptionValue("solve_relaxation", True)
        highs.run()
        result["optimum"] = abs(highs.getInfo().objective_function_value)
    return result


def _plain(size: Size) -> dict[str, Any]:
    """The batch as lists of Python numbers, which costs PuLP nothing here."""
    tables, _ = make_batch(size)
    lanes: dict[int, list[int]] = defaultdict(list)
    for lane, zone in enumerate(tables.lane_zone.tolist()):
        lanes[zone].append(lane)
    return {
        "lanes_of_zone": lanes,
        "zone": tables.order_zone.tolist(),
        "order": tables.line_order.tolist(),
        "product": tables.line_product.tolist(),
        "qty": tables.order_lines["qty"].tolist(),
        "margin": tables.order_lines["unit_margin"].floats().tolist(),
        "kg": tables.products["unit_weight_kg"].floats().tolist(),
        "warehouse": tables.lane_warehouse.tolist(),
        "fixed": tables.lanes["fixed_cost"].floats().tolist(),
        "per_kg": tables.lanes["cost_per_kg"].floats().tolist(),
        "per_unit": tables.lanes["cost_per_unit"].floats().tolist(),
        "atp": {
            (w, p): a
            for w, p, a in zip(
                tables.stock_warehouse.tolist(),
                tables.stock_product.tolist(),
                tables.stock["on_hand_qty"].tolist(),
                strict=True,
            )
        },
    }


def _formulate(b: dict[str, Any]) -> tuple[Any, int]:
    """The textbook way: dictionaries of variables, a comprehension a constraint; the rows that ours has, no others."""
    import pulp

    problem = pulp.LpProblem("joint_shipments", pulp.LpMaximize)
    ship: dict[tuple[int, int], Any] = {}
    opened: dict[tuple[int, int], Any] = {}
    of_shipment: dict[tuple[int, int], list[int]] = defaultdict(list)
    of_stock: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    of_line: dict[int, list[int]] = defaultdict(list)
    for line, order in enumerate(b["order"]):
        product, qty = b["product"][line], b["qty"][line]
        for lane in b["lanes_of_zone"][b["zone"][order]]:
            cap = min(qty, b["atp"].get((b["warehouse"][lane], product), 0))
            if cap:
                ship[line, lane] = pulp.LpVariable(f"x_{line}_{lane}", 0, cap, pulp.LpInteger)
                of_shipment[order, lane].append(line)
                of_stock[b["warehouse"][lane], product].append((line, lane))
                of_line[line].append(lane)
    own = {key: lines for key, lines in of_shipment.items() if len(lines) > 1 or ship[lines[0], key[1]].upBound > 1}
    for order, lane in own:
        opened[order, lane] = pulp.LpVariable(f"y_{order}_{lane}", cat=pulp.LpBinary)
    problem += pulp.lpSum(
        (b["margin"][line] - b["per_unit"][lane] - b["per_kg"][lane] * b["kg"][b["product"][line]]
         - (0 if (b["order"][line], lane) in own else b["fixed"][lane])) * x
        for (line, lane), x in ship.items()
    ) - pulp.lpSum(b["fixed"][lane] * y for (_, lane), y in opened.items())  # fmt: skip
    for line, lanes in of_line.items():
        if sum(ship[line, lane].upBound for lane in lanes) > b["qty"][line]:
            problem += pulp.lpSum(ship[line, lane] for lane in lanes) <= b["qty"][line], f"demand_{line}"
    for (order, lane), lines in own.items():
        for line in lines:
            problem += ship[line, lane] <= ship[line, lane].upBound * opened[order, lane], f"link_{line}_{lane}"
    for (house, product), arcs in of_stock.items():
        if sum(b["qty"][line] for line, _ in arcs) >= b["atp"][house, product]:
            stock = b["atp"][house, product]
            problem += pulp.lpSum(ship[arc] for arc in arcs) <= stock, f"stock_{house}_{product}"
    return problem, len(ship)


SIDES: dict[str, Callable[[Size, bool], Result]] = {"ours": ours, "pulp": pulp_side}


def measured(side: str, size: Size, *, solve: bool = False) -> Result:
    """One side in a process of its own."""
    words = [sys.executable, "-m", "benchmarks.build", "--side", side, "--lines", str(size.lines)]
    words += ["--products", str(size.products), "--zones", str(size.zones), *(["--solve"] if solve else [])]
    answer: Result = json.loads(
        subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()[-1]
    )
    return answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--lines", type=int, default=MILLION_ARCS.lines, help="order lines; arcs are about ten times as many"
    )
    parser.add_argument("--products", type=int, default=MILLION_ARCS.products)
    parser.add_argument("--zones", type=int, default=MILLION_ARCS.zones)
    parser.add_argument("--side", choices=SIDES, help="run this side only, in this process")
    parser.add_argument("--solve", action="store_true")
    given = parser.parse_args()
    size = Size(lines=given.lines, products=given.products, zones=given.zones)
    if given.side:
        print(json.dumps(SIDES[given.side](size, given.solve)))
        return
    small = {side: measured(side, SMALL, solve=True) for side in SIDES}
    if not math.isclose(small["ours"]["optimum"], small["pulp"]["optimum"], rel_tol=1e-6):
        sys.exit(f"the two models differ: {small}")
    results = {side: measured(side, size) for side in SIDES}
    for side, result in results.items():
        size_text = ", ".join(f"{result[what]:,} {what}" for what in COUNTS)
        seconds = (
            f"build {result['build_cpu_s']:.2f} + hand over {result['hand_over_cpu_s']:.2f} = {result['cpu_s']:.2f}"
        )
        print(f"{side:>5}: {size_text} | {seconds} CPU s | peak {result['peak_mb']:,.0f} MB")
    ratio = results["pulp"]["cpu_s"] / results["ours"]["cpu_s"]
    print(f"ratio: {ratio:.0f} times less CPU (required: {REQUIRED_RATIO})")
    if any(results["ours"][what] != results["pulp"][what] for what in COUNTS):
        sys.exit("the two models differ in size")
    sys.exit(0 if ratio >= REQUIRED_RATIO else 1)


if __name__ == "__main__":
    main()
