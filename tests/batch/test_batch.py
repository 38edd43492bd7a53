"""Batches of real runs in real worker processes: isolated, resumable, warm-started, summed up."""

from __future__ import annotations

import csv
import json
import signal
import threading
from html.parser import HTMLParser
from pathlib import Path

import openpyxl
import psutil
import pytest

from optimizer.batch.run_batch import BatchOutcome, Where, run_batch
from optimizer.batch.summary import HEADER, table_lines
from optimizer.proof import certify
from optimizer.run import run
from tests.batch.cases import contents, write_batch
from tests.report.browser import needs_browser, result, visit

CONTRACT = '[data]\ncontracts = "contracts.csv"\n'


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A baseline, two what-ifs, one that has no plan, one that cannot be read."""
    place = tmp_path_factory.mktemp("batch")
    what_ifs = write_batch(place, 2)
    (what_ifs / "contracts.csv").write_text("contract_id,min_qty\nK,10000\n")
    (what_ifs / "impossible.toml").write_text(f'base = "../baseline.toml"\n{CONTRACT}')
    (what_ifs / "wrong.toml").write_text('base = "../baseline.toml"\n[[change]]\ntable = "stok"\ndrop = true\n')
    return place


@pytest.fixture(scope="module")
def found(place: Path) -> BatchOutcome:
    return run_batch([place / "baseline.toml", place / "what-ifs"], place / "out", where=Where(workers=2))


def test_one_that_fails_stops_no_other(found: BatchOutcome) -> None:
    assert {row.name: row.exit_code for row in found.rows} == {
        "test": 0, "impossible": 3, "more 00": 0, "more 01": 0, "wrong": 2
    }  # fmt: skip
    assert found.exit_code == 2
    assert "wrong.toml:2" in next(row.words for row in found.rows if row.name == "wrong")


def test_every_folder_is_that_of_a_single_run(place: Path, found: BatchOutcome, tmp_path: Path) -> None:
    alone = run(place / "what-ifs" / "more-01.toml", out=tmp_path / "run", warm_start=place / "out" / "test")
    assert contents(alone.folder) == contents(place / "out" / "more-01")
    assert certify(place / "out" / "more-01").exit_code == 0
    assert json.loads((place / "out" / "more-01" / "run.json").read_text())["warm_start"] is True


def test_the_summary_says_the_same_four_times(found: BatchOutcome) -> None:
    rows = list(csv.DictReader((found.folder / "summary.csv").open(newline="")))
    assert tuple(rows[0]) == HEADER
    more = rows[3]
    assert (more["run"], more["status"], more["against"], more["folder"]) == (
        "more 01",
        "within the gap",
        "test",
        "more-01",
    )
    assert int(more["value"]) - int(rows[0]["value"]) == int(more["difference"])
    sheet = openpyxl.load_workbook(found.folder / "summary.xlsx")["Runs"]
    assert [cell.value for cell in next(sheet.iter_rows(min_row=5, max_row=5))][:4] == [
        "more 01", "within the gap", 0, int(more["value"])
    ]  # fmt: skip
    page = (found.folder / "summary.html").read_text()
    assert 'href="more-01/report.html"' in page
    assert "more 01" in "\n".join(table_lines(found.rows))


@needs_browser
@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_shows_the_summary_without_errors_or_requests(
    found: BatchOutcome, tmp_path: Path, width: int
) -> None:
    act = "document.title = JSON.stringify([document.documentElement.scrollWidth, window.innerWidth])"
    page = found.folder / "summary.html"
    seen = visit(page, tmp_path, width)
    assert (seen.console, seen.requests) == ([], [])
    assert "more 01" in seen.document
    content, window = result(visit(page, tmp_path, width, act))
    assert content <= window


class Balance(HTMLParser):
    """Tags that are open, and everything that a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "link", "br", "rect", "input", "img"):
            self.open.append(tag)
        named = [value or "" for name, value in attrs if name in ("src", "href") and tag != "a"]
        self.fetched += [value for value in named if not value.startswith("data:")]

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("rect",):
            assert self.open.pop() == tag


def test_the_page_is_whole_and_fetches_nothing(found: BatchOutcome) -> None:
    balance = Balance()
    balance.feed((found.folder / "summary.html").read_text())
    assert (balance.open, balance.fetched) == ([], [])


def test_what_is_finished_is_not_solved_again_and_what_changed_is(place: Path, found: BatchOutcome) -> None:
    words = [place / "baseline.toml", place / "what-ifs" / "more-00.toml", place / "what-ifs" / "more-01.toml"]
    before = {path: path.stat().st_mtime_ns for path in place.glob("out/*/run.json")}
    changed = words[2]
    text = changed.read_text()
    changed.write_text(text.replace("add = { on_hand_qty = 1 }", "add = { on_hand_qty = 2 }"))
    (place / "out" / "test" / "report.html").write_text("scribbled on")
    said: list[str] = []
    run_batch(words, place / "out", where=Where(workers=1), say=said.append)
    changed.write_text(text)
    after = {path: path.stat().st_mtime_ns for path in place.glob("out/*/run.json")}
    assert {path.parent.name for path in before if before[path] != after[path]} == {"test", "more-01"}
    assert any("more 00" in line and "taken as it stands" in line for line in said)


def test_a_stop_ends_what_runs_and_begins_no_more(tmp_path: Path) -> None:
    stop = threading.Event()
    words = [write_batch(tmp_path, 2)]
    found = run_batch(words, tmp_path / "out", where=Where(workers=1), progress=lambda line: stop.set(), stop=stop)
    assert found.rows[0].exit_code in (5, 130)  # no plan yet, or not even time to write that
    assert found.rows[1].status == "not run"
    assert (tmp_path / "out" / "summary.html").exists()
    again = run_batch(words, tmp_path / "out", where=Where(workers=1))
    assert [row.exit_code for row in again.rows] == [0, 0]


def test_a_worker_killed_in_the_middle_costs_nothing(tmp_path: Path) -> None:
    write_batch(tmp_path, 0)
    killed: list[int] = []

    def kill_once(line: str) -> None:
        alive = [child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE]
        workers = [child for child in alive if "optimizer.engines.worker" in child.cmdline()]
        if not killed and workers:
            killed.append(workers[0].pid)
            workers[0].send_signal(signal.SIGKILL)

    found = run_batch([tmp_path / "baseline.toml"], tmp_path / "out", where=Where(workers=1), progress=kill_once)
    assert killed
    assert [row.exit_code for row in found.rows] == [0]
    assert certify(tmp_path / "out" / "test").exit_code == 0
