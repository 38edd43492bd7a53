"""Folders of small scenarios for tests of batches."""

from __future__ import annotations

from pathlib import Path

from tests.builders import write_case

TABLES = {
    "order_lines": [
        {"order_id": f"O{number}", "product_id": f"P{number % 3}", "qty": 2 + number % 4, "unit_margin": 3 + number % 5}
        for number in range(8)
    ],
    "stock": [
        {"warehouse_id": house, "product_id": f"P{product}", "on_hand_qty": 3 + product}
        for house in ("W1", "W2")
        for product in range(3)
    ],
    "lanes": [
        {"warehouse_id": "W1", "zone_id": "Z", "fixed_cost": 2},
        {"warehouse_id": "W2", "zone_id": "Z", "fixed_cost": 1},
    ],
}


def write_batch(folder: Path, count: int, more: str = "") -> Path:
    """`baseline.toml` and so many scenarios that change its stock a little, in a folder of their own; that folder."""
    write_case(folder, TABLES, {"solve": {"gap": 0, "threads": 1}}).rename(folder / "baseline.toml")
    what_ifs = folder / "what-ifs"
    what_ifs.mkdir()
    (folder / ".allot-root").touch()
    for number in range(count):
        where = f'where = {{ product_id = "P{number % 3}" }}'
        change = f'[[change]]\ntable = "stock"\n{where}\nadd = {{ on_hand_qty = {number} }}\n'
        text = f'name = "more {number:02d}"\nbase = "../baseline.toml"\n{more}\n{change}'
        (what_ifs / f"more-{number:02d}.toml").write_text(text)
    return what_ifs


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a batch by its path, timings left out."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "timing.json")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
