"""`allot outbound`: the plan of a run folder, or the plans of a configuration that count, as files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from optimizer.errors import UsageError
from optimizer.nightly.outbound.count import Counted, Plan, outbound_of
from optimizer.nightly.outbound.files import Format, place_outbound, target_of, totals


def hand_over(source: Path, out: Path, fmt: Format, inputs: Path | None = None) -> list[str]:
    """Write the outbound files of a run folder to ``out``, or those of each scenario of a configuration below it.

    Returns what was written in words. Raises `UsageError`, `InputError`, and `VerificationError` where a plan does not
    add up or its inputs changed; then nothing is written.
    """
    target_of(out)  # what is in the way is told before anything is counted
    if source.is_dir():
        parts: Mapping[str, Counted] = {"": outbound_of(source, inputs)}
    elif inputs is not None:
        raise UsageError("--inputs goes with a run folder; a configuration says where its data are")
    else:
        parts = _current(source)
    folder = place_outbound(parts, out, fmt)
    return [_words(name, counted) for name, counted in parts.items()] + [f"folder    {folder}"]


def _current(config_file: Path) -> dict[str, Counted]:
    """The plan that counts of each scenario that has one."""
    from optimizer.nightly import publish
    from optimizer.nightly.config import read_config
    from optimizer.nightly.store import Store

    config = read_config(config_file)
    store = Store(config.store_url(), config.folder, must_exist=True)
    try:
        rows = publish.current(store, config.name)
    finally:
        store.close()
    known = {name: rows[name] for name in config.scenario_paths() if name in rows}
    if not known:
        raise UsageError(f"no plan of {config.name} is published yet; allot nightly does that")
    return {name: _of_plan(config.publish_folder, row["plan_id"]) for name, row in known.items()}


def _of_plan(publish_folder: Path, plan_id: str) -> Counted:
    """From the files that were published with a plan, else counted from its folder and its inputs as they are now."""
    from optimizer.nightly.outbound.shelf import OutboundShelf
    from optimizer.nightly.shelf import Shelf

    shelf = Shelf(publish_folder)
    folder, found = shelf.plan_folder(plan_id), OutboundShelf(shelf).known(plan_id)
    return outbound_of(folder) if found is None else Counted(found, Plan.read(folder), None)


def _words(name: str, counted: Counted) -> str:
    found, units = counted.outbound, totals(counted.outbound)
    return (
        f"{name or found.scenario}: {units['allocated']:,} units to pick for orders and "
        f"{units['transferred_out']:,} to move, from {len(found.warehouses):,} warehouses; "
        f"{units['on_hand']:,} on hand before, {units['on_hand_after']:,} after"
    )
