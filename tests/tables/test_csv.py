"""CSV: what is sound is read to the letter with the editor's line numbers; what is not is named, never repaired."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.tables import read_csv as reader
from optimizer.tables.findings import Findings
from optimizer.tables.read_csv import read_csv
from tests.tables.inputs import with_file


def read(path, content: bytes):
    path.write_bytes(content)
    found = Findings()
    raw = read_csv(path, "orders", "orders.csv", found)
    cells = None if raw is None else {name: text.to_pylist() for name, text in raw.columns.items()}
    return cells, None if raw is None else raw.rows.tolist(), found.issues


@pytest.fixture
def file(tmp_path):
    return tmp_path / "orders.csv"


@pytest.mark.parametrize(("content", "cells", "rows"), [
    (b"a,b\n1,2\n", {"a": ["1"], "b": ["2"]}, [2]),
    (b"a,b\n1,2", {"a": ["1"], "b": ["2"]}, [2]),
    (b"a,b\r\n1,2\r\n\r\n3,4\r\n", {"a": ["1", "3"], "b": ["2", "4"]}, [2, 4]),
    (b"a,b\r1,2\r3,4\r", {"a": ["1", "3"], "b": ["2", "4"]}, [2, 3]),
    (b'a,b\n"1\n1",2\n3,4\n', {"a": ["1\n1", "3"], "b": ["2", "4"]}, [2, 4]),
    (b'a,b\n"x ""y"" z","u,v"\n', {"a": ['x "y" z'], "b": ["u,v"]}, [2]),
    (b'a,b\n"",""""\n', {"a": [""], "b": ['"']}, [2]),
    (b"a,b\n,\n\n,2\n,\n", {"a": [""], "b": ["2"]}, [4]),
    (b" a , b \n1, 2 \n", {"a": ["1"], "b": [" 2 "]}, [2]),
    (b'"a","b"\nNA,null\n', {"a": ["NA"], "b": ["null"]}, [2]),
    (b"a\n", {"a": []}, []),
    (b"a,0\n1,2\n", {"a": ["1"], "0": ["2"]}, [2]),
])  # fmt: skip
def test_sound_files_are_read_to_the_letter(file, content, cells, rows):
    assert read(file, content) == (cells, rows, [])


@pytest.mark.parametrize(("content", "code", "row"), [
    (b"", "empty_file", None),
    (b"\n", "no_header", 1),
    (b"\n\na,b\n1,2\n", "no_header", 1),
    (b"a,\n1,2\n", "blank_header", 1),
    (b"a,b\x07\n1,2\n", "bad_header", 1),
    (b"a\tb\n1\t2\n", "separator", 1),
    (b'a,b\n1,2"3\n', "unclosed_quote", 2),
    (b'a,b\n1,2"3"\n', "stray_quote", 2),
    (b'a,b\n1,2\n"3"4,5\n', "stray_quote", 3),
    (b'a,b\n1,2\n"3" ,5\n', "stray_quote", 3),
    (b"a,b\n1,2\n3\n", "field_count", 3),
    (b"a,b\n  \n3,4\n", "field_count", 2),
    (b'a,b\n"1\n2",3\n4,5,6\n', "field_count", 4),
    (b"a,b\n1,\xff\n", "encoding", 2),
])  # fmt: skip
def test_unsound_files_are_named_by_line(file, content, code, row):
    cells, _, issues = read(file, content)
    assert [(issue.code, issue.row) for issue in issues] == [(code, row)]
    assert code in ("bad_header",) or cells is None
    assert all(issue.remedy and issue.file == "orders.csv" for issue in issues)


CELL = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0\r"), max_size=8)


@settings(max_examples=300, deadline=None)
@given(rows=st.lists(st.lists(CELL, min_size=3, max_size=3), max_size=6), quoting=st.sampled_from([csv.QUOTE_MINIMAL,
    csv.QUOTE_ALL]),
       end=st.sampled_from(["\n", "\r\n"]))  # fmt: skip
def test_what_a_csv_writer_writes_is_read_back(tmp_path_factory, rows, quoting, end):
    out = io.StringIO()
    csv.writer(out, quoting=quoting, lineterminator=end).writerows([["a", "b", "c"], *rows])
    cells, lines, issues = read(tmp_path_factory.mktemp("t") / "orders.csv", out.getvalue().encode())
    filled = [row for row in rows if any(row)]
    assert not issues
    assert [list(row) for row in zip(*cells.values(), strict=True)] == filled
    starts, line = [], 2
    for row in rows:
        starts += [line] if any(row) else []
        line += 1 + sum(cell.count("\n") for cell in row)
    assert lines == starts


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.lists(CELL, min_size=2, max_size=2), min_size=1, max_size=6), block=st.integers(1, 7))
def test_blocks_of_any_size_read_the_same(tmp_path_factory, rows, block):
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows([["a", "é"], *rows])
    path = tmp_path_factory.mktemp("t") / "orders.csv"
    whole = read(path, out.getvalue().encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "BLOCK", block)
        assert read(path, out.getvalue().encode()) == whole


@pytest.mark.parametrize("block", [1, 2, 3, 64])
def test_faults_are_placed_alike_whatever_the_block(file, block, monkeypatch):
    monkeypatch.setattr(reader, "BLOCK", block)
    for content, row, words in [
        ("a,b\r\né,2\r\n3,".encode() + b"\xe9\r\n", 3, "byte 13"),
        (b"a,b\n1,2\n3,\0", 3, "byte 10"),
    ]:
        issue = read(file, content)[2][0]
        assert (issue.code, issue.row) == ("encoding", row)
        assert words in issue.expected


def test_a_byte_sequence_cut_at_the_end_is_named(file):
    issue = read(file, "a,b\n1,é".encode()[:-1])[2][0]
    assert (issue.code, issue.row) == ("encoding", 2)


def test_huge_cells_and_files_are_refused(file, monkeypatch):
    monkeypatch.setattr(reader, "MAX_CELL_BYTES", 100)
    for content in (b"a,b\n1,2\n1," + b"x" * 150 + b"\n", b'a,b\n1,2\n1,"' + b"x\n" * 75 + b'"\n'):
        assert [(i.code, i.row) for i in read(file, content)[2]] == [("huge_cell", 3)]
    monkeypatch.setattr(reader, "BLOCK", 30)
    assert [(i.code, i.row) for i in read(file, b"a,b\n1,2\n1," + b"x" * 150)[2]] == [("huge_cell", 3)]
    monkeypatch.setattr(reader, "MAX_ROWS", 3)
    assert [(i.code, i.value) for i in read(file, b"a,b\n" + b"1,2\n" * 3)[2]] == [("too_large", "4")]
    monkeypatch.setattr(reader, "MAX_BYTES", 50)
    assert [i.code for i in read(file, b"a,b\n" + b"1,2\n" * 20)[2]] == ["too_large"]


def test_too_many_columns_are_refused(file):
    assert [i.code for i in read(file, ",".join(f"c{n}" for n in range(1001)).encode())[2]] == ["too_many_columns"]


def test_an_excess_of_wrong_rows_is_counted(file, monkeypatch):
    monkeypatch.setattr(reader, "MAX_TOLD", 3)
    issues = read(file, b"a,b\n" + b"1\n" * 10)[2]
    assert [issue.row for issue in issues] == [2, 3, 4, None]
    assert "7 more rows" in issues[-1].remedy


def test_what_the_parser_itself_refuses_is_told(file, monkeypatch):
    monkeypatch.setattr(reader, "_block_size", lambda path: 4)
    cells, _, issues = read(file, b'a,b\n"1\n2\n3\n4\n5\n6\n7",3\n')
    assert cells is None
    assert [issue.code for issue in issues] == ["malformed"]


def test_findings_quote_values_safely(tmp_path):
    cell = "x" * 200 + "\x1b[31m"
    issues = with_file(tmp_path, "stock", f"warehouse_id,product_id,on_hand_qty\nW1,P1,{cell}\n".encode())
    value = next(issue.value for issue in issues if issue.code == "not_int")
    assert value == "x" * 80 + "…"
    issues = with_file(tmp_path, "stock", b"warehouse_id,product_id,on_hand_qty\nW1,P1,\x1b[31m5\n")
    assert next(issue.value for issue in issues if issue.code == "not_int") == "\\x1b[31m5"
