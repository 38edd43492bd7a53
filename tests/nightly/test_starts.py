"""However many nights of one key start at once, one publishes; of two configurations on one store, each.

By hand: ``python -m tests.nightly.test_starts [ROUNDS [SEED]]`` prints what was found.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import pytest

from optimizer.errors import LOCKED, OK
from tests.nightly.governed_invariants import undelivered
from tests.nightly.invariants import Site, uncertified, violations
from tests.nightly.nights import CONFIG, EVERYTHING, RECEIVED, command, environment, make, site

FIRST = date(2026, 1, 5)
MOST = 8
TWO_EVERY = 4
"""In every so many rounds half of the starts are of a second configuration."""


@dataclass
class Rounds:
    """One business date after another, each started several times at once or nearly so."""

    place: Path
    dice: random.Random
    exits: Counter[int] = field(default_factory=Counter)
    starts: int = 0
    violations: list[str] = field(default_factory=list)

    def run(self, rounds: int) -> None:
        configs = [make(self.place, EVERYTHING), self.place / "other.toml"]
        configs[1].write_text(
            CONFIG.replace('"night"', '"other"').replace("night/published", "other/published") + EVERYTHING
        )
        first = site(self.place)
        self.sites = [first, Site(self.place / "other", first.read, "other")]
        for number in range(rounds):
            several = 2 if number % TWO_EVERY == TWO_EVERY - 1 else 1
            self._round(configs[:several], FIRST + timedelta(days=number))
        self.violations += uncertified(first)
        for each in self.sites:
            self.violations += undelivered(each, self.place / RECEIVED)

    def _round(self, configs: list[Path], when: date) -> None:
        plans, history = [each.plans() for each in self.sites], self.sites[0].history()
        count, apart = self.dice.randint(2, MOST), self.dice.choice((0.0, 0.0, 0.1, 1.0))
        nights = []
        for number in range(count):
            words = command("nightly", configs[number % len(configs)], "--business-date", when)
            nights.append(subprocess.Popen(words, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                           text=True))  # fmt: skip
            time.sleep(self.dice.uniform(0, apart))
        said = [night.communicate(timeout=300)[1] for night in nights]
        found = []
        for night, words in zip(nights, said, strict=True):
            self.exits[night.returncode] += 1
            locked = night.returncode == LOCKED and "another run holds" in words
            if night.returncode != OK and not locked:
                found.append(f"exit {night.returncode}: {words}")
        self.starts += count
        for number, each in enumerate(self.sites[: len(configs)]):
            more = each.plans()[len(plans[number]) :]
            if len(more) != 1 or not more[0].startswith(str(when)):
                found.append(f"{each.config} published {more}")
            found += violations(each, settled=True, before=history)
        self.violations += [f"{when}, {count} starts: {words}" for words in found]


def start(place: Path, rounds: int, seed: int) -> Rounds:
    """So many rounds of 2 to 8 starts."""
    made = Rounds(place, random.Random(seed))
    made.run(rounds)
    return made


@pytest.mark.slow
@pytest.mark.timeout(14400)
def test_a_hundred_rounds_of_simultaneous_starts(tmp_path: Path) -> None:
    assert start(tmp_path, 100, seed=1).violations == []


def main(rounds: int = 100, seed: int = 1) -> int:
    """The figures of a run by hand."""
    with tempfile.TemporaryDirectory() as folder:
        found = start(Path(folder), rounds, seed)
    print(f"{rounds} rounds, {found.starts} starts, exit codes {dict(found.exits)}: {len(found.violations)} violations")
    print("\n".join(found.violations))
    return int(bool(found.violations))


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
