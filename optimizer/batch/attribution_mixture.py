"""Scenarios between two: each change by which the second differs from the first, on or off."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from optimizer.errors import InputError
from optimizer.scenario.load import LoadedScenario, PlacedChange
from optimizer.scenario.schema import Change, Scenario
from optimizer.tables.assemble import assemble
from optimizer.tables.changes import apply_changes
from optimizer.tables.connections import Snapshots
from optimizer.tables.findings import Findings
from optimizer.tables.previous import read_previous
from optimizer.tables.raw import RawTable
from optimizer.tables.read import read_table
from optimizer.tables.tables import Tables
from optimizer.tables.typed import without_refused

BY_FIELD = ("weights", "service")
"""Sections of which each field is a change of its own."""

WHOLE = ("as_of", "objective", "stability", "finance")
"""Settings that change as a whole. How a model is solved is no change of what is asked."""


@dataclass(frozen=True)
class Piece:
    """One change: what it is in words, old -> new."""

    words: str


@dataclass(frozen=True)
class Step:
    """A change of the tables and when it holds: with ``piece`` on or off; always if None."""

    placed: PlacedChange
    piece: int | None = None
    with_piece: bool = True

    def holds(self, chosen: frozenset[int]) -> bool:
        return self.piece is None or (self.piece in chosen) == self.with_piece


class Mixture:
    """What lies between two scenarios. ``pieces`` are the changes; `build` makes the inputs of any choice of them."""

    def __init__(self, old: LoadedScenario, new: LoadedScenario) -> None:
        self._old, self._new = old, new
        self.pieces: list[Piece] = []
        self._edits: dict[int, Callable[[Scenario], Scenario]] = dict(self._settings())
        self._raws, self._swaps = self._read()
        self._steps = list(self._merged(old.table_changes, new.table_changes))

    def build(self, chosen: frozenset[int]) -> tuple[Tables, Scenario]:
        """Tables and scenario with the chosen pieces on. Raises `InputError` where they make no valid input."""
        found = Findings(self._new.stack.place)
        scenario = self._old.scenario.model_copy(update={"solve": self._new.scenario.solve})
        for piece in sorted(chosen & self._edits.keys()):
            scenario = self._edits[piece](scenario)
        raws = dict(self._raws)
        for piece in sorted(chosen & self._swaps.keys()):
            name, raw = self._swaps[piece]
            raws.pop(name, None)
            raws |= {} if raw is None else {name: raw}
        changes = apply_changes(raws, [step.placed for step in self._steps if step.holds(chosen)], found)
        raws = {name: without_refused(raw, found) for name, raw in raws.items()}
        near = self._old if scenario.stability == self._old.scenario.stability else self._new
        previous = None if scenario.stability is None else read_previous(near, found)
        tables, _ = assemble(raws, scenario, found, changes=changes, previous=previous)
        return tables, scenario

    def words(self, chosen: frozenset[int]) -> str:
        """A choice in words."""
        return " + ".join(self.pieces[piece].words for piece in sorted(chosen)) or "no change"

    def _piece(self, words: str) -> int:
        self.pieces.append(Piece(words))
        return len(self.pieces) - 1

    # -- settings -------------------------------------------------------------------------------------------------
    def _settings(self) -> Iterator[tuple[int, Callable[[Scenario], Scenario]]]:
        old, new = self._old.scenario, self._new.scenario
        for section in BY_FIELD:
            before, after = getattr(old, section), getattr(new, section)
            for field in type(before).model_fields:
                values = getattr(before, field), getattr(after, field)
                if values[0] != values[1]:
                    words = f"{section}.{field} {_value(values[0])} → {_value(values[1])}"
                    yield self._piece(words), _field_edit(section, field, values[1])
        for name in WHOLE:
            values = getattr(old, name), getattr(new, name)
            if values[0] != values[1]:
                told = f" {values[0]} → {values[1]}" if name == "as_of" else ""
                yield self._piece(f"{name}{told}"), _edit(name, values[1])

    # -- data -----------------------------------------------------------------------------------------------------
    def _read(self) -> tuple[dict[str, RawTable], dict[int, tuple[str, RawTable | None]]]:
        """The tables of the old scenario as text, and by piece those that the new one takes from elsewhere."""
        found = Findings(self._new.stack.place)
        old, new = self._old.scenario.data, self._new.scenario.data
        raws, swaps = dict[str, RawTable](), dict[int, tuple[str, RawTable | None]]()
        with Snapshots() as snapshots:
            for name in dict.fromkeys([*old, *new]):
                sides = [
                    read_table(loaded, name, ref, found, snapshots) if ref is not None else None
                    for loaded, ref in ((self._old, old.get(name)), (self._new, new.get(name)))
                ]
                raws |= {} if sides[0] is None else {name: sides[0]}
                if not _same_rows(*sides):
                    swaps[self._piece(f"other rows in the table {name}")] = (name, sides[1])
        if found.errors:
            raise InputError(found.errors, found.warnings)
        return raws, swaps

    # -- changes of the tables ------------------------------------------------------------------------------------
    def _merged(self, old: Sequence[PlacedChange], new: Sequence[PlacedChange]) -> Iterator[Step]:
        """Both lists as one, in order; a change that only says another amount is one piece, old -> new."""
        before, after = ([placed.change.model_dump_json() for placed in side] for side in (old, new))
        for kind, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
            if kind == "equal":
                yield from (Step(placed) for placed in new[c:d])
                continue
            added = list(new[c:d])
            for placed in old[a:b]:
                twin = next((other for other in added if _subject(other.change) == _subject(placed.change)), None)
                if twin is None:
                    yield Step(placed, self._piece(f"without: {change_words(placed.change)}"), with_piece=False)
                    continue
                added.remove(twin)
                piece = self._piece(f"{change_words(placed.change)} → {change_words(twin.change)}")
                yield Step(placed, piece, with_piece=False)
                yield Step(twin, piece)
            yield from (Step(placed, self._piece(change_words(placed.change))) for placed in added)


def _field_edit(section: str, field: str, value: Any) -> Callable[[Scenario], Scenario]:
    def edit(scenario: Scenario) -> Scenario:
        return scenario.model_copy(update={section: getattr(scenario, section).model_copy(update={field: value})})

    return edit


def _edit(name: str, value: Any) -> Callable[[Scenario], Scenario]:
    return lambda scenario: scenario.model_copy(update={name: value})


def _same_rows(old: RawTable | None, new: RawTable | None) -> bool:
    if old is None or new is None:
        return old is new
    return old.columns.keys() == new.columns.keys() and all(
        values.equals(new.columns[name]) for name, values in old.columns.items()
    )


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {inner}" for key, inner in value.items()) or "none"
    return str(value)


def _subject(change: Change) -> str:
    """What a change is about, without its amounts."""
    parts = [sorted(part) for part in (change.set, change.scale, change.add)]
    return repr((change.table, sorted(change.where.items(), key=str), parts, change.drop, bool(change.append)))


def change_words(change: Change) -> str:
    """A change of a table in words: ``stock.on_hand_qty × 0.8 where warehouse_id W2``."""
    where = " and ".join(f"{name} {_listed(value)}" for name, value in change.where.items())
    where = f" where {where}" if where else ""
    if change.append:
        return f"{change.table}: {len(change.append)} rows more"
    if change.drop:
        return f"{change.table}: rows dropped{where}"
    edits = [f"{change.table}.{name} = {value}" for name, value in change.set.items()]
    edits += [f"{change.table}.{name} × {value}" for name, value in change.scale.items()]
    edits += [f"{change.table}.{name} {'+' if value >= 0 else '−'} {abs(value)}" for name, value in change.add.items()]
    return ", ".join(edits) + where


def _listed(value: Any) -> str:
    return " or ".join(map(str, value)) if isinstance(value, list) else str(value)
