"""What the docstring of a family says, and the section of the documentation that says the same."""

from __future__ import annotations

import inspect
import re

from optimizer.model.constraints import FAMILIES

ENTRIES = ("Index", "Formula", "Dual", "Unit", "Absent", "Meaning")


def stated(family: str) -> dict[str, str]:
    """The summary and the entries of a family's docstring, each on one line."""
    text = inspect.getdoc(FAMILIES[family]) or ""
    summary, _, rest = text.partition("\n\n")
    said = {"Summary": " ".join(summary.split())}
    for entry in re.split(r"\n(?=[A-Z][a-z]+: )", rest):
        name, _, value = entry.partition(": ")
        said[name.strip()] = " ".join(value.split())
    return said


def section(family: str) -> str:
    """The family's section of docs/model.md."""
    said = stated(family)
    return "\n".join(
        [
            f"### {family}",
            "",
            said["Summary"],
            "",
            f"- **Index set**: {said['Index']}",
            f"- **Formula**: `{said['Formula'].replace('`', '')}`",
            f"- **Dual**: {said['Dual']}",
            f"- **Unit**: {said['Unit']}",
            f"- **Absent**: {said['Absent']}",
            f"- **Meaning of the dual**: {said['Meaning']}",
            f"- **File**: `optimizer/model/constraints/{family}.py`",
            "",
        ]
    )
