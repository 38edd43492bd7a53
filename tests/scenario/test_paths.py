"""Which files a scenario may read: within its tree, links resolved, regular files only."""

from __future__ import annotations

import os

import pytest

from optimizer.scenario.paths import MARKERS
from tests.builders import write_case
from tests.tables.inputs import codes, findings, good


def moved(tmp_path, written, **options):
    """The findings when the stock table is said to be at ``written``; the scenario lies in tmp/project/scenarios."""
    path = write_case(tmp_path / "project" / "scenarios", good(), {"data": {"stock": written}})
    return findings(path, **options)


@pytest.fixture
def outside(tmp_path):
    """Stock files beside and above the scenario's folder."""
    text = "warehouse_id,product_id,on_hand_qty\nW1,P1,20\nW2,P2,9\n"
    for place in ("project/data", "elsewhere", "project/scenarios/sub", "project/scenarios-evil"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "stock.csv").write_text(text)
    return tmp_path


ESCAPES = [
    "../data/stock.csv",
    "../../elsewhere/stock.csv",
    "sub/../../../elsewhere/stock.csv",
    "../scenarios-evil/stock.csv",
]


@pytest.mark.parametrize("written", ESCAPES)
def test_files_outside_the_folder_are_refused_unless_allowed(outside, written):
    errors, _ = moved(outside, written)
    assert [(e.code, e.file, e.column, e.value) for e in errors] == [
        ("outside_path", "scenario.toml", "data.stock", written)
    ]
    assert errors[0].row is not None
    assert moved(outside, written, allow_outside=True) == ([], [])


def test_an_absolute_path_is_judged_by_where_it_leads(outside):
    assert codes(moved(outside, str(outside / "elsewhere/stock.csv"))[0]) == {"outside_path"}
    assert moved(outside, str(outside / "project/scenarios/sub/stock.csv")) == ([], [])


@pytest.mark.parametrize("marker", MARKERS)
def test_a_marked_folder_is_the_root_of_the_tree(outside, marker):
    (outside / "project" / marker).touch()
    assert moved(outside, "../data/stock.csv") == ([], [])
    assert codes(moved(outside, "../../elsewhere/stock.csv")[0]) == {"outside_path"}


def test_links_are_followed_before_they_are_judged(outside):
    link = outside / "project/scenarios/link.csv"
    link.symlink_to(outside / "elsewhere/stock.csv")
    assert codes(moved(outside, "link.csv")[0]) == {"outside_path"}
    (outside / "project/scenarios/folder").symlink_to(outside / "elsewhere")
    assert codes(moved(outside, "folder/stock.csv")[0]) == {"outside_path"}
    (outside / "project/scenarios/round.csv").symlink_to(outside / "project/scenarios/round.csv")
    assert codes(moved(outside, "round.csv")[0]) == {"missing_file"}


@pytest.mark.parametrize(("written", "code"), [
    ("http://example.org/stock.csv", "url"), ("file:///etc/passwd", "url"), ("s3://bucket/stock.csv", "url"),
    ("C:\\data\\stock.csv", "bad_path"), ("\\\\server\\share\\stock.csv", "bad_path"), ("//server/share/stock.csv",
     "bad_path"),
    ("stock.csv\u0000.txt", "bad_path"), ("sto\nck.csv", "bad_path"), ("", "bad_path"), (" ", "bad_path"), ("sub",
     "not_a_file"),
    (".", "not_a_file"), ("stok.csv", "missing_file"), ("x" * 5000, "missing_file"), ("stock.csv/x", "missing_file"),
    ("../../../../../../../../etc/passwd", "outside_path"), ("/dev/zero", "outside_path"), ("stock.txt",
     "missing_file"),
    ("/etc/shadow", "outside_path"), ("..", "outside_path"), ("~/stock.csv", "missing_file"),
])  # fmt: skip
def test_odd_paths(outside, written, code):
    errors, _ = moved(outside, written)
    assert codes(errors) == {code}
    assert all(error.remedy for error in errors)


def test_devices_and_pipes_are_not_read(outside):
    os.mkfifo(outside / "project/scenarios-evil/pipe.csv")
    assert codes(moved(outside, "../scenarios-evil/pipe.csv", allow_outside=True)[0]) == {"not_a_file"}
    assert codes(moved(outside, "/dev/zero", allow_outside=True)[0]) == {"not_a_file"}


def test_a_missing_file_offers_the_nearest_name_but_not_of_foreign_folders(outside):
    assert moved(outside, "stok.csv")[0][0].remedy == "did you mean 'stock.csv'?"
    assert "did you mean" not in moved(outside, "../../elsewhere/stok.csv")[0][0].remedy


@pytest.mark.parametrize(
    ("name", "code"), [("stock.txt", "unknown_format"), ("stock", "unknown_format"), ("stock.xls", "unknown_format")]
)
def test_files_of_unknown_kinds_are_refused(outside, name, code):
    (outside / "project/scenarios").mkdir(exist_ok=True)
    (outside / "project/scenarios" / name).write_text("x")
    assert codes(moved(outside, name)[0]) == {code}


def test_a_sheet_belongs_to_a_workbook(outside):
    errors, _ = moved(outside, {"path": "stock.csv", "sheet": "S"})
    assert [(e.code, e.column) for e in errors] == [("bad_setting", "data.stock.sheet")]


def test_an_unreadable_file_is_told(outside, monkeypatch):
    def deny(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("optimizer.tables.read_csv.read_csv", deny)
    errors, _ = moved(outside, "stock.csv")
    assert {(e.code, e.remedy) for e in errors} == {("unreadable", "Permission denied")}
