"""What-ifs of the benchmark are scenarios that change about what they say."""

from benchmarks.what_ifs import CHANGED, write_what_ifs
from optimizer.scenario.load import load_scenario
from optimizer.tables.read import load_tables


def test_what_ifs_change_about_one_percent(tmp_path):
    baseline, paths = write_what_ifs(tmp_path, 1_500, 4, 0.01)
    before, _ = load_tables(load_scenario(baseline))
    for path in paths:
        tables, _ = load_tables(load_scenario(path))
        stock = int((tables.stock["on_hand_qty"] != before.stock["on_hand_qty"]).sum())
        lines = int((tables.order_lines["qty"] != before.order_lines["qty"]).sum())
        assert bool(stock) != bool(lines)
        assert stock <= 2 * CHANGED * len(before.stock)
        assert lines <= 10 * CHANGED * len(before.order_lines)
