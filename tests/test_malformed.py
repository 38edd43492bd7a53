"""Two thousand damaged inputs: never a traceback, always the file and the place, exit 2 and nothing written.

By hand: ``python -m tests.test_malformed [COUNT [SEED]]`` prints what was found.
"""

from __future__ import annotations

import contextlib
import io
import json
import random
import re
import shutil
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from optimizer.cli import main as allot
from optimizer.errors import BAD_INPUT, OK, InputError, UsageError
from optimizer.nightly.config import read_config
from optimizer.nightly.databases import find_database
from optimizer.tables.schema import TABLES
from tests.malformed import (
    Damage,
    csv_damage,
    excel_damage,
    parquet_damage,
    rows_of,
    toml_damage,
)

ROOT = Path(__file__).parent.parent
SHARES = {"csv": 0.35, "parquet": 0.15, "xlsx": 0.12, "scenario": 0.23, "nightly": 0.15}
NIGHT = (ROOT / "docs" / "nightly.toml").read_text()
NUMBERS = ("int", "decimal")


@dataclass
class Trials:
    """A complete case; one of its files is damaged, checked and restored, again and again."""

    place: Path
    violations: list[str] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        data, case = self.place / "data" / "chilled-food", self.place / "scenarios"
        shutil.copytree(ROOT / "data" / "chilled-food", data)
        case.mkdir()
        (self.place / ".allot-root").touch()
        for name in ("chilled-food.toml", "chilled-calendar.toml"):
            shutil.copy(ROOT / "scenarios" / name, case)
        self.scenario, self.base = case / "chilled-calendar.toml", case / "chilled-food.toml"
        self.night = self.place / "night.toml"
        self.night.write_text(NIGHT.replace("../", "").replace("chilled-food.toml", "chilled-calendar.toml"))
        self.tables = re.findall(r'^(\w+) = "\.\./data/chilled-food/\1\.csv"', self.base.read_text(), re.MULTILINE)
        assert self._check() == OK, self.said

    def one(self, form: str, dice: random.Random) -> None:
        """One damaged input, and what is wrong with how it was refused."""
        if form in ("csv", "parquet", "xlsx"):
            damage, file, named = self._table(form, dice)
        else:
            file = self.night if form == "nightly" else dice.choice((self.scenario, self.base))
            damage, named = toml_damage(file.read_bytes(), dice), file.name
        kept = {path: path.read_bytes() for path in (file, self.base)}
        before = self._files()
        try:
            file.write_bytes(damage.content)
            if form in ("parquet", "xlsx"):
                self.base.write_bytes(self.base.read_bytes().replace(f"{file.stem}.csv".encode(), file.name.encode()))
            found = list(self._judge(form, damage, named))
            found += [f"written: {self._files() - before - {file}}"] if self._files() - before - {file} else []
        finally:
            for path, content in kept.items():
                path.write_bytes(content)
        self.violations += [f"{form} {named}: {damage.words}: {each}" for each in found]

    def _table(self, form: str, dice: random.Random) -> tuple[Damage, Path, str]:
        table = dice.choice(self.tables)
        schema, file = TABLES[table], self.place / "data" / "chilled-food" / f"{table}.csv"
        kinds = {column.name: "number" if column.kind in NUMBERS else column.kind for column in schema.columns}
        required = {column.name for column in schema.columns if column.required}
        if form == "csv":
            return csv_damage(file.read_bytes(), kinds, required, dice), file, f"{table}.csv"
        make = parquet_damage if form == "parquet" else excel_damage
        file = file.with_suffix(f".{form}")
        file.touch()
        return make(rows_of(file.with_suffix(".csv").read_text()), kinds, required, dice), file, file.name

    def _judge(self, form: str, damage: Damage, named: str) -> Iterator[str]:
        try:
            code = self._check_night() if form == "nightly" else self._check()
        except Exception:
            yield f"a traceback: {traceback.format_exc()}"
            return
        self.outcomes[f"{form}: {'refused' if code else 'harmless'}"] += 1
        if code not in (OK, BAD_INPUT):
            yield f"exit {code}: {self.said}"
        if code == OK and damage.must_fail:
            yield "accepted"
        if code != BAD_INPUT:
            return
        errors = [each for each in self.issues if each["severity"] == "error"]
        about = [each for each in errors if _about(each, named, sure=damage.must_fail)]
        if not errors or not all(each["expected"] and each["remedy"] for each in errors):
            yield f"no finding that says what to do: {self.said}"
        elif not about:
            yield f"the file is not named: {errors[:3]}"
        elif damage.row is not None and damage.row not in [each["row"] for each in about]:
            yield f"row {damage.row} is not named: {about[:3]}"
        elif damage.column is not None and damage.column not in [each["column"] for each in about]:
            yield f"column {damage.column} is not named: {about[:3]}"

    def _check(self) -> int:
        return self._run("check", str(self.scenario), "--json")

    def _check_night(self) -> int:
        """`allot nightly` refuses a configuration before it writes; one that it accepts is not run here."""
        try:
            config = read_config(self.night)
            find_database(config.store_url(), config.folder)
        except (InputError, UsageError) as error:
            self.issues = [vars(issue) for issue in error.issues] if isinstance(error, InputError) else []
            code = self._run("nightly", str(self.night), "--quiet")
            if isinstance(error, UsageError):
                file = self.said.removeprefix("error: ").partition(":")[0]
                told = {"expected": self.said, "remedy": self.said}
                self.issues = [{"file": file, "row": None, "column": None, "severity": "error", **told}]
            return code
        return OK

    def _run(self, *words: str) -> int:
        out, err = io.StringIO(), io.StringIO()
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                allot(list(words))
        except SystemExit as end:
            self.said = err.getvalue() + out.getvalue()
            if "--json" in words and out.getvalue():
                self.issues: list[dict[str, Any]] = json.loads(out.getvalue())
            elif words[0] == "check":
                self.issues = []
            return int(end.code or 0)
        raise AssertionError("no exit")

    def _files(self) -> set[Path]:
        return set(self.place.rglob("*"))


def _about(issue: dict[str, Any], named: str, *, sure: bool) -> bool:
    """Whether a finding is about a file; of a sheet too, and where a cut left a sound but shorter table or base, of
    what now leads nowhere."""
    file, stem = Path(issue["file"].partition(" [")[0]).name, named.partition(".")[0]
    of_base = named == "chilled-food.toml" and file == "chilled-calendar.toml"
    return file == named or of_base or (not sure and stem in issue["expected"] + issue["remedy"])


def mutate(place: Path, count: int, seed: int, tell: Callable[[str], None] = lambda line: None) -> Trials:
    """``count`` damaged inputs of all forms, from one seed."""
    trials = Trials(place)
    for form, share in SHARES.items():
        dice = random.Random(f"{seed} {form}")
        for _ in range(round(count * share)):
            trials.one(form, dice)
        tell(f"{form}: {len(trials.violations)} violations so far")
    return trials


def test_a_sample_of_damaged_inputs(tmp_path: Path) -> None:
    assert mutate(tmp_path, 60, seed=7).violations == []


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_two_thousand_damaged_inputs(tmp_path: Path) -> None:
    assert mutate(tmp_path, 2000, seed=1).violations == []


def main(count: int = 2000, seed: int = 1) -> int:
    """The figures of a run by hand."""
    with tempfile.TemporaryDirectory() as folder:
        trials = mutate(Path(folder), count, seed, print)
    print(f"{count} damaged inputs, {dict(trials.outcomes)}: {len(trials.violations)} violations")
    print("\n".join(trials.violations))
    return int(bool(trials.violations))


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
