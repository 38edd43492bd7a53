"""Excel workbooks (.xlsx, .xlsm): one sheet, header in row 1, cells by their stored type.

A workbook is a zip of XML. Its directory and the sheet's extent are checked before anything is unpacked, and formulas
without a stored value and error cells, which readers show as blank, are found in the sheet's XML.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from optimizer.tables.convert import raw_table
from optimizer.tables.findings import Findings, did_you_mean, quote
from optimizer.tables.header import MAX_COLUMNS, RefusedError, check_header
from optimizer.tables.raw import RawTable, drop_blank_rows
from optimizer.tables.schema import TableSchema

MAX_RATIO = 200
SMALL_PART = 1 << 20
MAX_UNPACKED = 2**29
MAX_CELLS = 20_000_000
CHUNK = 1 << 20
REFERENCE = re.compile(rb'<c [^>]*?r="([A-Z]{1,3})([0-9]{1,7})"')
SUSPECT = re.compile(rb'<f[ />]|t="e"')
MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
STRICT = "{http://purl.oclc.org/ooxml/spreadsheetml/main}"
RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
STRICT_RELATION = "{http://purl.oclc.org/ooxml/officeDocument/relationships}id"


def read_excel(path: Path, schema: TableSchema, sheet: str | None, source: str, found: Findings) -> RawTable | None:
    """The sheet as text; None (and findings) if the workbook is not sound."""
    shown = f"{source} [{sheet}]" if sheet else source
    try:
        with zipfile.ZipFile(path) as archive:
            _check_directory(archive, shown, schema.name, found)
            parts = _sheet_parts(archive)
            name = _choose(sheet, list(parts), schema.name, shown, found)
            shown = f"{source} [{name}]"
            _check_sheet(archive, parts[name], shown, schema.name, found)
        return _cells(path, name, schema, shown, found)
    except RefusedError:
        return None
    except _broken() as error:
        found.say(
            shown, "a sound Excel workbook", f"save it again as .xlsx: {quote(error)}", "malformed", table=schema.name
        )
        return None


def _broken() -> tuple[type[BaseException], ...]:
    """What a damaged workbook makes the readers raise."""
    import xml.etree.ElementTree as Tree
    import zlib

    from defusedxml import DefusedXmlException
    from python_calamine import CalamineError

    return (zipfile.BadZipFile, zlib.error, Tree.ParseError, DefusedXmlException, CalamineError, KeyError, ValueError,
            NotImplementedError, RuntimeError, EOFError, OSError)  # fmt: skip


def _check_directory(archive: zipfile.ZipFile, source: str, table: str, found: Findings) -> None:
    """Sizes and ratios by the directory; then each part is read once to see that the directory did not lie."""
    parts = archive.infolist()
    total = sum(part.file_size for part in parts)
    worst = max(
        (part.file_size / max(part.compress_size, 1) for part in parts if part.file_size > SMALL_PART), default=0
    )
    if total > MAX_UNPACKED or worst > MAX_RATIO or len(parts) > 10_000:
        found.say(source, f"a workbook of at most {MAX_UNPACKED:,} bytes unpacked and {MAX_RATIO} times smaller packed",
                  "it may be a decompression bomb; export the sheet as CSV or Parquet", "too_large",
                  value=f"{total:,} bytes, ratio {worst:.0f}", table=table)  # fmt: skip
        raise RefusedError
    for part in parts:
        if part.filename.endswith((".xml", ".rels")):
            with archive.open(part) as stream:
                while stream.read(CHUNK):
                    pass


def _xml(archive: zipfile.ZipFile, name: str) -> Any:
    from defusedxml.ElementTree import fromstring

    return fromstring(archive.read(name))


def _sheet_parts(archive: zipfile.ZipFile) -> dict[str, str]:
    """The sheets of the workbook: name -> its XML part."""
    book = _xml(archive, "xl/workbook.xml")
    targets = {link.get("Id"): link.get("Target", "") for link in _xml(archive, "xl/_rels/workbook.xml.rels")}
    sheets = [element for space in (MAIN, STRICT) for element in book.iter(f"{space}sheet")]
    parts = {}
    for element in sheets:
        target = targets.get(element.get(RELATION) or element.get(STRICT_RELATION), "")
        parts[element.get("name", "")] = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
    return parts


def _choose(sheet: str | None, names: list[str], table: str, source: str, found: Findings) -> str:
    """The named sheet; without a name, the one called like the table, or the only one."""
    wanted = sheet if sheet is not None else (table if table in names else (names[0] if len(names) == 1 else None))
    if wanted in names:
        return str(wanted)
    remedy = did_you_mean(sheet or table, names, f"sheets here: {', '.join(names)}")
    found.say(source, "the name of a sheet of this workbook", remedy, "unknown_sheet", value=sheet or "", table=table)
    raise RefusedError


def _check_sheet(archive: zipfile.ZipFile, part: str, source: str, table: str, found: Findings) -> None:
    """The extent of the sheet, and the cells that have no value although they should."""
    height, width, suspect = 0, 0, False
    with archive.open(part) as stream:
        for chunk in _overlapping(stream):
            suspect = suspect or SUSPECT.search(chunk) is not None
            for column, row in REFERENCE.findall(chunk):
                height, width = max(height, int(row)), max(width, _column_number(column))
    if width > MAX_COLUMNS or height * width > MAX_CELLS:
        remedy = "delete stray cells far from the table"
        found.say(source, f"at most {MAX_COLUMNS} columns and {MAX_CELLS:,} cells", remedy, "too_large",
                  value=f"{height:,} rows, {width:,} columns", table=table)  # fmt: skip
        raise RefusedError
    if suspect:
        with archive.open(part) as stream:
            _valueless_cells(stream, source, table, found)


def _overlapping(stream: IO[bytes]) -> Iterator[bytes]:
    """Chunks that begin with the end of the one before, so that no tag is cut unseen."""
    tail = b""
    while chunk := stream.read(CHUNK):
        yield tail + chunk
        tail = chunk[-200:]


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _valueless_cells(stream: IO[bytes], source: str, table: str, found: Findings) -> None:
    """Error values, and formulas whose value was never computed."""
    from defusedxml.ElementTree import iterparse

    for _, element in iterparse(stream):
        tag = element.tag.rpartition("}")[2]
        if tag == "row":
            element.clear()
        if tag != "c":
            continue
        formula = next((child for child in element if child.tag.endswith("}f")), None)
        value = next((child.text for child in element if child.tag.endswith("}v")), None)
        place = re.match(r"([A-Z]+)([0-9]+)", element.get("r", ""))
        row, column = (int(place[2]), place[1]) if place else (None, None)
        if element.get("t") == "e":
            found.say(source, "a value", "repair the formula or type the value", "error_cell", row=row, column=column,
                      value=value or "", table=table)  # fmt: skip
        elif formula is not None and not value and element.get("t") != "str":
            remedy = "open the workbook in a spreadsheet program and save it"
            found.say(source, "a formula with its computed value", remedy, "uncomputed_formula", row=row, column=column,
                      value=f"={formula.text or ''}", table=table)  # fmt: skip


def _cells(path: Path, name: str, schema: TableSchema, source: str, found: Findings) -> RawTable:
    from python_calamine import CalamineWorkbook

    with CalamineWorkbook.from_path(str(path)) as book:
        lines = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
    header = [str(value).strip() if isinstance(value, str) else str(value) for value in lines[0]] if lines else []
    while header and header[-1] == "" and all(line[len(header) - 1] == "" for line in lines):
        header.pop()
    if not header:
        found.say(source, "the column names in row 1", "name the right sheet", "empty_file", row=1, table=schema.name)
        raise RefusedError
    check_header(header, source, schema.name, found)
    columns = [[line[at] for line in lines[1:]] for at in range(len(header))]
    rows = np.arange(2, len(lines) + 1)
    return drop_blank_rows(raw_table(schema, source, header, columns, rows, found))
