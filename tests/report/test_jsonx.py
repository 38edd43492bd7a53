import json
from datetime import date
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimizer.exact import Exact
from optimizer.report import jsonx


def read(text: str):
    return json.loads(text, parse_float=Decimal)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Fraction(1, 3), "0.333333333333"),
        (Fraction(2, 3), "0.666666666667"),
        (Fraction(1, 2**20), "0.00000095367431640625"),
        (Decimal("100.00"), "100"),
        (Decimal("1E+3"), "1000"),
        (10**40 + 1, "1" + "0" * 39 + "1"),
        (np.int64(-7), "-7"),
        (np.bool_(True), "true"),
        (False, "false"),
        (None, "null"),
        (date(2026, 11, 20), '"2026-11-20"'),
        (np.datetime64("NaT", "D"), "null"),
        (0.1, "0.1"),
        ("</script>\n\u2028é", '"</script>\\n\u2028é"'),
    ],
)  # fmt: skip
def test_plain_values(value, text) -> None:
    assert jsonx.scalar(value) == text


def test_layout_keeps_the_order_of_keys() -> None:
    text = jsonx.dumps(
        {"b": [1, Fraction(1, 8)], "a": {"z": [{"k": "v"}, []], "e": {}}, "x": Exact.of([Decimal("1.50")])}
    )
    assert text == (
        '{\n  "b": [1, 0.125],\n  "a": {\n    "z": [\n      {\n        "k": "v"\n      },\n      []\n    ],\n'
        '    "e": {}\n  },\n  "x": [1.5]\n}\n'
    )


PLAIN = st.none() | st.booleans() | st.integers() | st.text() | st.decimals(-(10**9), 10**9, places=9)
NESTED = st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@given(NESTED)
def test_every_value_comes_back(value) -> None:
    assert read(jsonx.to_bytes(value).decode("utf-8")) == value


@pytest.mark.parametrize(
    ("value", "where"),
    [({"a": {1, 2}}, r"\$\.a: set"), ({"a": [float("nan")]}, r"\$\.a\[0\]: nan"), ({1: 2}, "key 1"),
     ({"a": Decimal("Infinity")}, "Infinity"), ([object()], r"\$\[0\]: object")],
)  # fmt: skip
def test_what_has_no_exact_form_is_refused_with_its_place(value, where) -> None:
    with pytest.raises((TypeError, ValueError), match=where):
        jsonx.dumps(value)


def test_a_file_name_that_is_not_utf8_is_written_as_an_escape() -> None:
    assert read(jsonx.to_bytes({"source": "a\udcff.csv"}).decode("utf-8")) == {"source": "a\udcff.csv"}
