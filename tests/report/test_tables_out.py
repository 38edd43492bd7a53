import csv
import io
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimizer.exact import Exact
from optimizer.report import csv_out, parquet_out
from optimizer.tables.tables import Table

FORMULAS = (
    "=1+1", "+1", "-1", "-5+cmd|' /C calc'!A0", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1+1", "\x00=1", "＝1", "－1",
    '=HYPERLINK("http://x","y")', "'=1", "'", "''x",
)  # fmt: skip
PLAIN = ("", "00123", "NA", "a,b", 'say "hi"', "two\nlines", "cr\rhere", "W1-2", "x=1", "  padded ", "é", "1E5")


def texts(values) -> np.ndarray:
    made = np.empty(len(values), dtype=object)
    made[:] = values
    return made


def rows_of(table: Table, **options) -> list[list[str]]:
    text = b"".join(csv_out.table_bytes(table, **options)).decode("utf-8")
    return list(csv.reader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("text", [*FORMULAS, *PLAIN])
def test_guarding_is_reversible_and_disarms(text) -> None:
    cell = csv_out.guard(text)
    assert csv_out.unguard(cell) == text
    assert not cell or cell[0] not in csv_out.RISKY_FIRST
    assert (cell == text) == (text in PLAIN)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=12), min_size=1, max_size=6))
def test_any_text_survives_the_file(values) -> None:
    table = Table("t", {"id": texts(values), "n": np.arange(len(values))})
    header, *rows = rows_of(table)
    assert header == ["id", "n"]
    assert [csv_out.unguard(row[0]) for row in rows] == values


def test_one_column_of_blanks_keeps_its_rows() -> None:
    assert rows_of(Table("t", {"id": texts(["", "a", ""])})) == [["id"], [""], ["a"], [""]]


def test_every_type_has_one_exact_text() -> None:
    table = Table(
        "t",
        {
            "id": texts(["=a", "b"]),
            "qty": np.array([-3, 0], dtype=np.int64),
            "cost": Exact.of([Decimal("-0.10"), Fraction(1, 3)]),
            "day": np.array(["2026-11-20", "NaT"], dtype="datetime64[D]"),
            "flag": np.array([True, False]),
        },
        filled={"qty": np.array([True, False])},
        extra={"x_note": texts(["@b", ""])},
    )
    assert b"".join(csv_out.table_bytes(table)) == (
        b"id,qty,cost,day,flag,x_note\n'=a,-3,-0.1,2026-11-20,true,'@b\nb,,0.333333333333,,false,\n"
    )


def test_a_negative_number_is_not_text() -> None:
    assert csv_out.column_texts(np.array([-1]), slice(None)) == ["-1"]
    assert csv_out.column_texts(Exact.of([-1]), slice(None)) == ["-1"]


def test_copies_of_inputs_are_left_as_they_are() -> None:
    table = Table("t", {"id": texts(["'x", "-1", "=a,b"])})
    assert rows_of(table, guarded=False)[1:] == [["'x"], ["-1"], ["=a,b"]]


def test_long_tables_are_written_in_pieces(monkeypatch) -> None:
    table = Table("t", {"id": texts([f"r{at}" for at in range(10)]), "n": Exact.of(range(10))})
    whole = b"".join(csv_out.table_bytes(table))
    monkeypatch.setattr(csv_out, "CHUNK_ROWS", 3)
    assert b"".join(csv_out.table_bytes(table)) == whole


def test_a_float_column_is_refused() -> None:
    with pytest.raises(TypeError, match="float64"):
        b"".join(csv_out.table_bytes(Table("t", {"x": np.array([0.5])})))


def test_parquet_keeps_types_digits_and_blanks() -> None:
    table = Table(
        "t",
        {
            "id": texts(["=1+1", "00123"]),
            "qty": np.array([2, 0], dtype=np.int64),
            "cost": Exact.of([Decimal("-1.25"), Decimal("900000000.05")]),
            "third": Exact.of([Fraction(1, 3), 0]),
            "day": np.array(["2026-11-20", "NaT"], dtype="datetime64[D]"),
        },
        filled={"qty": np.array([True, False]), "cost": np.array([False, True])},
    )
    (data,) = parquet_out.table_bytes(table, "run-1")
    assert parquet_out.table_bytes(table, "run-1") == [data]
    read = pq.read_table(io.BytesIO(data))
    assert read.schema.metadata[b"run_id"] == b"run-1"
    assert [str(kind) for kind in read.schema.types] == [
        "string", "int64", "decimal128(38, 2)", "decimal128(38, 12)", "date32[day]"]  # fmt: skip
    assert read.column("id").to_pylist() == ["=1+1", "00123"]
    assert read.column("qty").to_pylist() == [2, None]
    assert read.column("cost").to_pylist() == [None, Decimal("900000000.05")]
    assert read.column("third").to_pylist() == [Decimal("0.333333333333"), Decimal(0)]


@given(st.lists(st.integers(-(2**61), 2**61), max_size=8), st.integers(0, 12))
def test_parquet_decimals_are_the_numbers(numbers, scale) -> None:
    array = parquet_out.arrow_array(Exact(np.array(numbers, dtype=np.int64), scale), None)
    assert array.to_pylist() == [Decimal(number).scaleb(-scale) for number in numbers]


def test_numbers_beyond_the_type_keep_their_digits_as_text() -> None:
    huge = Exact.of([10**40, Decimal("0.5")])
    assert parquet_out.arrow_array(huge, None).to_pylist() == ["1" + "0" * 40, "0.5"]
