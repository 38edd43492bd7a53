"""Time and memory of one exact evaluation of the bound: every stock row priced, fixed charges on every lane.

python -m benchmarks.proof 100000 10 2000        # lines, warehouses, products
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np

from benchmarks.instances import Size, make_batch
from optimizer.proof.bound import bound

MEAN_PRICE = 5.0


def main(lines: int, warehouses: int, products: int) -> None:
    """Price the stock of a generated batch at random around `MEAN_PRICE`, evaluate, print seconds and peak memory."""
    tables, scenario = make_batch(Size(lines, warehouses=warehouses, products=products))
    rng = np.random.default_rng(1)
    prices = np.round(MEAN_PRICE * (0.7 + 0.6 * rng.random(len(tables.stock))), 6)
    keys = zip(tables.stock["warehouse_id"], tables.stock["product_id"], prices.tolist(), strict=True)
    rows = [[warehouse, product, f"{price:.6f}"] for warehouse, product, price in keys]
    certificate = {"prices": {"warehouse_stock": {"keys": ["warehouse_id", "product_id"], "rows": rows}}}
    start = time.process_time()
    found = bound(tables, scenario, certificate)
    seconds = time.process_time() - start
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    whole = 100 * found.searched.mean()
    print(f"{lines:,} lines x {warehouses}: {seconds:.1f} CPU-s, {peak_mb:,} MB, {whole:.1f} % searched")
    print(f"bound {found.value}")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:4]))
