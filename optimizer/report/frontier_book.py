"""`frontier.xlsx`: a frontier as a workbook, its figures as numbers, its curve as a chart of the spreadsheet's own."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from optimizer.report.excel import Formats, workbook, write_table
from optimizer.report.frontier import Curve, proof_sentence, table_of, whole_sentence

SHEET = "Frontier"


def write_workbook(curve: Curve, path: Path) -> None:
    """Two sheets: what the frontier says, with the curve; and the rows of `frontier.csv`."""
    with workbook(path, curve.name, date.fromisoformat(curve.as_of)) as book:
        formats = Formats.of(book, curve.currency)
        sheet = book.add_worksheet("Summary")
        sheet.hide_gridlines(2)
        sheet.write_string(0, 0, f"{curve.name}: {curve.y.label} against {curve.x.noun}", formats.title)
        steps = (f"From point {place + 1}: {curve.step_sentence(step.rate)}." for place, step in curve.steps.items())
        for row, text in enumerate((proof_sentence(curve), whole_sentence(curve), *steps), start=2):
            sheet.write_string(row, 0, text)
        table = table_of(curve)
        write_table(book.add_worksheet(SHEET), table, formats)
        sheet.insert_chart(4 + len(curve.points), 0, _chart(book, curve, list(table.columns)))


def _chart(book: Any, curve: Curve, columns: list[str]) -> Any:
    """The points that are in the table, joined."""
    chart = book.add_chart({"type": "scatter", "subtype": "straight_with_markers"})
    last = len(curve.points)
    x, y = ([SHEET, 1, columns.index(name), last, columns.index(name)] for name in ("x", "y"))
    chart.add_series({"name": curve.y.label, "categories": x, "values": y})
    chart.set_title({"name": f"{curve.y.label} against {curve.x.noun}"})
    for axis, title in ((chart.set_x_axis, curve.x.label), (chart.set_y_axis, curve.y.label)):
        axis({"name": title, "major_gridlines": {"visible": True, "line": {"color": "#E2E4E2"}}})
    chart.set_legend({"none": True})
    chart.set_size({"width": 760, "height": 420})
    return chart
