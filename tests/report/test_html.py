import base64
import hashlib
import json
import re
import subprocess
import sys
import zlib
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from optimizer.report import shorts_block
from optimizer.report.html import render
from optimizer.solution.plan import Plan
from optimizer.tables.tables import Table
from tests.report.browser import needs_browser, result, visit
from tests.report.sample import bundle_of, sample, verification

MARKUP = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</script><h1>x", "</title><b>", "{{ 7 * 7 }}",
    "{% raw %}", "<!-- ", "&lt;b&gt;", "' onmouseover='x", "javascript:alert(1)",
    "\u202egnp.exe", "<svg/onload=alert(1)>",
)  # fmt: skip


class Page(HTMLParser):
    """The elements of a page, their attributes, and their text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data) -> None:
        self.texts.append(data)

    @property
    def shape(self) -> list[str]:
        return [tag for tag, _ in self.tags]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def rows_in(text: str) -> dict:
    block = re.search(r'id="short-lines">([^<]*)<', text)
    assert block is not None
    return json.loads(zlib.decompress(base64.b64decode(block[1])))["columns"]


def cells(column: dict) -> list[str]:
    return [column["texts"][code] for code in column["codes"]]


def everything_short(orders: int):
    bundle = sample(orders)
    nothing = np.zeros(0, dtype=np.int64)
    return bundle_of(bundle.inputs, bundle.scenario, Plan(nothing, nothing, nothing))


def test_the_page_says_first_what_the_plan_is_worth_and_how_far_it_is_from_the_best() -> None:
    bundle = sample(20)
    run = {**bundle.run, "objective_value": Fraction("123456.785"), "certified_bound": 123600, "best_bound": None}
    text = Page(render(bundle.replace(run=run))).text
    worth = text.index("This plan is worth 123,456.78 EUR.")
    bound = text.index("No plan can be worth more than 123,600.00 EUR: at most 0.12 % (143.22 EUR) better.")
    checked = text.index("Checked independently: 7 rules, 0 violations.")
    assert worth < bound < checked < text.index("Unit fill rate") < text.index("Where stock was scarce")


def test_the_sections_stand_in_the_order_of_questions() -> None:
    page = Page(render(sample(20)))
    sections = [attrs["id"] for tag, attrs in page.tags if tag == "section"]
    assert sections == ["value", "look", "fill", "scarce", "buy", "flow", "contracts", "shorts", "made"]
    links = [attrs["href"] for tag, attrs in page.tags if tag == "a"]
    assert links == ["#main", *(f"#{section}" for section in sections)]


def test_nothing_outside_the_page_is_referred_to() -> None:
    page = Page(render(sample(20)))
    for _, attrs in page.tags:
        for name in ("src", "href", "action", "style", "srcset", "data"):
            value = attrs.get(name)
            assert value is None or value.startswith("#") or value == "data:,", (name, value)
        assert not any(name.startswith("on") for name in attrs)
    assert "url(" not in render(sample(20))
    assert "@import" not in render(sample(20))


def test_the_policy_names_exactly_the_two_blocks_of_the_page() -> None:
    text = render(sample(20))
    policy = next(attrs["content"] for tag, attrs in Page(text).tags if attrs.get("http-equiv"))
    for tag in ("style", "script"):
        (block,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(block.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy


@pytest.mark.parametrize("payload", MARKUP)
def test_no_text_of_the_data_becomes_markup(payload) -> None:
    harmless, hostile = (sample(8, prefix=text, name=text[:1] + "x", short_text=text) for text in ("id ", payload))
    expected, page = Page(render(harmless)), Page(render(hostile))
    assert page.shape == expected.shape
    assert [sorted(attrs) for _, attrs in page.tags] == [sorted(attrs) for _, attrs in expected.tags]
    ids = cells(rows_in(render(hostile))["order_id"])
    assert ids
    assert all(found.startswith(payload) for found in ids)


def test_every_short_line_is_in_the_page_with_its_reason() -> None:
    bundle = sample(200)
    table, columns = bundle.tables["shorts"], rows_in(render(bundle))
    keys = list(zip(*(cells(columns[name]) for name in ("order_id", "line_id", "reason", "detail")), strict=True))
    own = list(zip(*(table[name].tolist() for name in ("order_id", "line_id", "reason", "detail")), strict=True))
    assert len(keys) == len(table) > 30
    assert sorted(keys) == sorted(own)
    assert columns["lost_minor"] == sorted(columns["lost_minor"], reverse=True)


def test_ten_thousand_short_lines_stay_below_three_megabytes() -> None:
    bundle = everything_short(5_200)
    assert len(bundle.tables["shorts"]) >= 10_000
    text = render(bundle)
    assert len(text.encode()) < 3_000_000
    assert len(rows_in(text)["short_qty"]) == len(bundle.tables["shorts"])


def test_too_many_lines_are_cut_and_the_page_says_so(monkeypatch) -> None:
    bundle = sample(300)
    total = len(bundle.tables["shorts"])
    monkeypatch.setattr(shorts_block, "MOST_BYTES", 5_000)
    text = render(bundle)
    shown = len(rows_in(text)["short_qty"])
    assert 0 < shown < total
    assert f"This page holds the {shown} that miss the most margin" in Page(text).text


def test_a_plan_without_short_lines_says_so() -> None:
    bundle = sample(10)
    none = {name: values[:0] for name, values in bundle.tables["shorts"].columns.items()}
    tables = {**bundle.tables, "shorts": Table("shorts", none)}
    assert "None: every line got all that was ordered." in render(bundle.replace(tables=tables))


def test_an_empty_plan_can_be_shown() -> None:
    text = Page(render(everything_short(5))).text
    assert "Nothing ships." in text
    assert "0.0 %" in text


@pytest.mark.parametrize(
    ("reason", "limit", "checks", "badge", "sentence"),
    [
        ("OPTIMAL", "", verification(), "Verified", None),
        ("FEASIBLE", "time", verification(), "Limit hit", "The time limit ended the search"),
        ("FEASIBLE", "interrupted", verification(), "Interrupted", "the best verified plan up to then"),
        ("OPTIMAL", "", None, "Not verified", "has not been checked independently"),
        ("OPTIMAL", "", verification(2), "Rejected", "rejected this plan"),
    ],
)
def test_the_banner_tells_every_state_of_a_plan(reason, limit, checks, badge, sentence) -> None:
    bundle = sample(8)
    run = {**bundle.run, "termination": {"reason": reason, "limit": limit, "detail": ""}}
    text = Page(render(bundle.replace(run=run, verification=checks))).text
    assert f"Regional demand spike {badge}" in text
    assert sentence is None or sentence in text


@pytest.mark.parametrize(
    ("reason", "limit", "sentence"),
    [
        ("INFEASIBLE", "", "No plan can keep all hard rules at once"),
        ("NO_SOLUTION", "time", "No plan was found before the time limit ended the search"),
        ("ERROR", "", "The run failed; there is no plan."),
    ],
)
def test_a_page_without_a_plan_says_why(reason, limit, sentence) -> None:
    bundle = sample(8)
    run = {**bundle.run, "termination": {"reason": reason, "limit": limit, "detail": "<b>"}}
    page = Page(render(bundle.replace(run=run, plan=None, tables={}, verification=None)))
    assert sentence in page.text
    assert "There is no plan in this folder." in page.text
    assert "b" not in page.shape


def test_same_run_same_bytes_under_any_hash_seed(tmp_path) -> None:
    """Every file of the folder but the timing, written by processes with different hash seeds."""
    root = Path(__file__).parents[2]
    script = (
        "import sys, json; from pathlib import Path; from optimizer.report.write import publish;"
        "from tests.report.sample import sample; folder = publish(sample(30), Path(sys.argv[1]));"
        "print(json.dumps(json.loads((folder / 'timing.json').read_bytes())['files']))"
    )
    found = set()
    for seed in ("0", "1", "77"):
        command = [sys.executable, "-c", script, str(tmp_path / seed)]
        environment = {"PYTHONHASHSEED": seed, "PATH": "", "TZ": f"UTC{seed}"}
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=True)
        found.add(done.stdout)
    (files,) = found
    assert len(json.loads(files)) == 15


@needs_browser
def test_a_browser_shows_the_page_without_errors_or_requests(tmp_path) -> None:
    page = tmp_path / "report.html"
    page.write_text(render(sample(150)), encoding="utf-8")
    seen = visit(page, tmp_path)
    assert seen.console == []
    assert seen.requests == []
    total = len(sample(150).tables["shorts"])
    assert f"{total} lines," in seen.document
    body = seen.document[seen.document.index('id="shorts-table"') :]
    assert body[: body.index("</table>")].count("<tr>") == 1 + min(total, 100)


@needs_browser
def test_the_browser_would_have_told(tmp_path) -> None:
    """The same eyes see a page that does ask the network and does fail."""
    page = tmp_path / "bad.html"
    page.write_text('<img src="http://example.invalid/x.png"><script>missing()</script>', encoding="utf-8")
    seen = visit(page, tmp_path)
    assert "http://example.invalid/x.png" in seen.requests
    assert any("missing is not defined" in line for line in seen.console)


@needs_browser
def test_hostile_ids_stay_text_in_the_browser(tmp_path) -> None:
    page = tmp_path / "report.html"
    payload = '"><img src=x onerror=alert(1)></script><script>alert(2)</script>'
    page.write_text(render(sample(20, prefix=payload, name=payload, short_text=payload)), encoding="utf-8")
    seen = visit(page, tmp_path)
    assert seen.console == []
    assert Page(seen.document).shape.count("script") == 2
    assert "img" not in Page(seen.document).shape


ACT = """
setTimeout(() => {
  const lines = () => [...document.querySelectorAll("#shorts-table tbody tr")];
  const rows = () => lines().map((row) => [...row.children].map((cell) => cell.innerText));
  const steps = [];
  const search = document.getElementById("search");
  const chip = document.querySelector(".chips button");
  document.querySelector('th[data-key="short"] button').click();
  steps.push(rows().map((row) => Number(row[4])));
  document.querySelector('th[data-key="short"] button').click();
  steps.push(rows().map((row) => Number(row[4])));
  chip.click();
  steps.push([chip.value, [...new Set(rows().map((row) => row[6]))], rows().length]);
  chip.click();
  search.value = rows()[0][0].split("\\n")[0].toLowerCase();
  search.dispatchEvent(new Event("input"));
  setTimeout(() => {
    steps.push([search.value, rows().map((row) => row.join(" ").toLowerCase())]);
    steps.push([document.documentElement.scrollWidth, window.innerWidth]);
    document.title = JSON.stringify(steps);
  }, 400);
}, 800);
"""


@needs_browser
@pytest.mark.parametrize("width", [1280, 390])
def test_sort_filter_and_search_work_and_nothing_sticks_out(tmp_path, width) -> None:
    page = tmp_path / "report.html"
    bundle = sample(80)
    page.write_text(render(bundle), encoding="utf-8")
    down, up, (reason, reasons, many), (wanted, found), (content, window) = result(visit(page, tmp_path, width, ACT))
    quantities = sorted(bundle.tables["shorts"]["short_qty"].tolist())
    assert up == quantities[:100]
    assert down == quantities[::-1][:100]
    assert reasons == [reason.replace("_", " ")]
    assert many == bundle.tables["shorts"]["reason"].tolist().count(reason)
    assert found
    assert all(wanted in row for row in found)
    assert content <= window
