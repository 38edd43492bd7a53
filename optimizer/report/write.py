"""Write a run folder: stage it aside, let it be verified there, put it in place in one step.

    with stage(bundle, out) as staged:              # tables, run.json, certificate.json, conflict.json
        verification = verify(staged.path)          # whoever verifies reads the very files that will be published
        staged.seal(verification, timing)           # verification.json, report.html, plan.xlsx, timing.json
        staged.commit()                             # one rename: whole, or not there

Leaving the block without `commit` discards everything. `publish` does all of it in one call.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from optimizer.errors import UsageError, naming
from optimizer.report import csv_out, jsonx
from optimizer.report.bundle import IF_ASKED, PLAN_TABLES, RUN_FILES, SCHEMA_VERSION, RunBundle
from optimizer.report.place import Workspace, make_durable, write_file

Format = Literal["csv", "parquet"]


def stage(bundle: RunBundle, out_dir: Path, fmt: Format = "csv", replace: bool = False) -> StagedFolder:
    """Write the data files of a run into a hidden folder beside ``out_dir``.

    ``replace`` allows an older run folder of ours to be replaced at `commit`; anything else at ``out_dir`` is refused
    at once.
    """
    target = check_target(out_dir, replace)
    staged = StagedFolder(bundle, Workspace(target), replace)
    try:
        staged.write_data(fmt)
    except BaseException:
        staged.discard()
        raise
    return staged


def publish(bundle: RunBundle, out_dir: Path, fmt: Format = "csv", replace: bool = False) -> Path:
    """Stage, seal with what the bundle says, and put in place; returns the folder."""
    with stage(bundle, out_dir, fmt, replace) as staged:
        staged.seal(bundle.verification, bundle.timing)
        return staged.commit()


def check_target(out_dir: Path, replace: bool = False) -> Path:
    """The absolute target, or a refusal that says what is in the way. Worth asking before hours of solving."""
    target = Path(out_dir).absolute()
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise UsageError(f"{target} is not a folder; choose another --out")
    if target.is_dir() and any(target.iterdir()):
        if not replace:
            raise UsageError(f"{target} exists already; choose another --out")
        foreign = foreign_content(target)
        if foreign:
            raise UsageError(f"{target} exists and is not a run folder of allot ({foreign}); choose another --out")
    return target


def foreign_content(folder: Path) -> str:
    """Why ``folder`` is not a run folder of ours and nothing else; empty if it is one."""
    strangers = sorted(entry.name for entry in folder.iterdir() if entry.name not in RUN_FILES)
    if strangers:
        return f"it holds {strangers[0]!r}"
    try:
        run = json.loads((folder / "run.json").read_bytes())
    except (OSError, ValueError):
        return "its run.json is missing or unreadable"
    return "" if isinstance(run, dict) and "run_id" in run and "schema_version" in run else "its run.json is not ours"


class StagedFolder:
    """A run folder that is written but not yet in place. ``path`` is where it lies until `commit`."""

    def __init__(self, bundle: RunBundle, workspace: Workspace, replace: bool) -> None:
        self.bundle = bundle
        self._workspace = workspace
        self._replace = replace
        self._sealed = False

    @property
    def path(self) -> Path:
        return self._workspace.folder

    def __enter__(self) -> StagedFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()  # after a commit there is nothing left to discard

    def write_data(self, fmt: Format) -> None:
        """The files from which a program can check the run: tables, run, certificate, conflict, copies."""
        bundle = self.bundle
        if bundle.has_plan:
            for name in PLAN_TABLES:
                if name in bundle.tables or name not in IF_ASKED:
                    self._write_table(name, fmt)
        self._write_json("certificate.json", bundle.certificate)
        self._write_json("conflict.json", bundle.conflict)
        self._write_json("run.json", bundle.run)
        for name, content in bundle.copies.items():
            self._copy(name, content)

    def seal(self, verification: Mapping[str, Any] | None, timing: Mapping[str, Any]) -> None:
        """Add what people read, and last the timing with the digest of every other file."""
        from optimizer.report.excel import write_workbook
        from optimizer.report.html import render

        if self._sealed:
            raise RuntimeError("a staged folder is sealed once")
        self.bundle = self.bundle.replace(verification=verification, timing=timing)
        self._write_json("verification.json", verification)
        self._write("report.html", [render(self.bundle).encode("utf-8", "backslashreplace")])
        if self.bundle.has_plan:
            workbook, made = self.path / "plan.xlsx", self._workspace.path / "plan.xlsx"
            with naming("write", workbook):
                write_workbook(self.bundle, made)
                made.rename(workbook)
            make_durable(workbook)
        self._write_json("timing.json", {"schema_version": SCHEMA_VERSION, **timing, "files": digests(self.path)})
        self._sealed = True

    def commit(self) -> Path:
        """Put the sealed folder in place; what stood there before is gone in the same step."""
        if not self._sealed:
            raise RuntimeError("seal the staged folder before committing it")
        target = check_target(self._workspace.target, self._replace)
        self._workspace.place(self._replace)
        return target

    def discard(self) -> None:
        """Remove everything that was staged; nothing outside the workspace was touched."""
        self._workspace.remove()

    def _write(self, name: str, pieces: Iterable[bytes]) -> None:
        write_file(self.path / name, pieces)

    def _write_json(self, name: str, value: Mapping[str, Any] | None) -> None:
        if value is not None:
            self._write(name, [jsonx.to_bytes(value)])

    def _write_table(self, name: str, fmt: Format) -> None:
        table = self.bundle.tables[name]
        if fmt == "csv":
            self._write(f"{name}.csv", csv_out.table_bytes(table))
        else:
            from optimizer.report.parquet_out import table_bytes

            self._write(f"{name}.parquet", table_bytes(table, str(self.bundle.run.get("run_id", ""))))

    def _copy(self, name: str, content: Path | bytes) -> None:
        path = self.path / name
        if not path.resolve().is_relative_to(self.path.resolve()):
            raise ValueError(f"the copy {name!r} would leave the run folder")
        with naming("create", path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Path):
            with naming("read", content):
                content = content.read_bytes()
        write_file(path, [content])
        make_durable(path.parent)


def digests(folder: Path) -> dict[str, str]:
    """sha256 of every file of a folder except `timing.json`, by its path inside, sorted."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "timing.json")
    found = {}
    for path in files:
        with naming("read", path), open(path, "rb") as file:
            found[path.relative_to(folder).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return found
