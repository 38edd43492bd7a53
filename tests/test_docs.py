"""What the documents tell a reader to type works as written."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#]+?)(?:#[^)]*)?\)")


def blocks(kind: str) -> list[tuple[str, str]]:
    """(document, text) of every block of a language, each text once; set-up commands left out (CI runs those)."""
    found: dict[str, str] = {}
    for document in DOCUMENTS:
        for language, text in BLOCK.findall(document.read_text(encoding="utf-8")):
            if language == kind and "-m venv" not in text:
                found.setdefault(text, document.name)
    return [(document, text) for text, document in found.items()]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a reader has, with the run of the first README command in it."""
    place = tmp_path_factory.mktemp("reader")
    for name in ("scenarios", "data"):
        shutil.copytree(ROOT / name, place / name)
    (place / "docs").mkdir()
    for config in (ROOT / "docs").glob("*.toml"):
        shutil.copy(config, place / "docs")
    (place / "pyproject.toml").touch()
    solved = run_line("allot solve scenarios/regional-demand-spike.toml --out runs/spike", place)
    assert solved.returncode == 0, solved.stderr
    return place


def run_line(line: str, place: Path) -> subprocess.CompletedProcess[str]:
    words = shlex.split(line)
    assert words[0] == "allot", f"documents show commands of ours only: {line}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "optimizer", *words[1:]]
    return subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, timeout=280)


@pytest.mark.parametrize(("document", "text"), blocks("bash"), ids=lambda value: value.split("\n")[0][:60])
def test_commands_run(document: str, text: str, workspace: Path) -> None:
    for line in filter(None, text.splitlines()):
        done = run_line(line, workspace)
        assert done.returncode in (0, 4), f"{document}: {line}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize(("document", "text"), blocks("python"), ids=lambda value: value.split("\n")[0][:60])
def test_snippets_run(document: str, text: str, workspace: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", text], cwd=workspace, env=environment, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, f"{document}\n{done.stderr}"


LINKED = [*DOCUMENTS, ROOT / "CONTRIBUTING.md", ROOT / "data" / "README.md"]


@pytest.mark.parametrize("document", LINKED, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    broken = [
        target
        for target in LINK.findall(document.read_text(encoding="utf-8"))
        if "://" not in target and not (document.parent / target).exists()
    ]
    assert broken == []


def test_every_command_and_option_is_documented() -> None:
    from optimizer.cli import app

    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    for name, command in app.commands.items():
        assert f"## allot {name}" in page
        section = page.split(f"## allot {name}")[1].split("\n## ")[0]
        assert command.help
        for option in command.params:
            if option.param_type_name == "option":
                assert option.opts[0] in section, f"{name} {option.opts[0]}"
