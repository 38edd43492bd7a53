"""What the documents tell a reader to type works as written."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
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
    if words[1] == "schedule" and "--dry-run" not in words:
        return stopped(command, place, environment)
    return subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, timeout=280)


def stopped(command: list[str], place: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """A command that stays: it says when it will start next, and ends when it is asked to."""
    running = subprocess.Popen(command, cwd=place, env=environment, text=True, stderr=subprocess.PIPE)
    assert running.stderr is not None
    first = running.stderr.readline()
    running.send_signal(signal.SIGTERM)
    _, rest = running.communicate(timeout=60)
    code = running.returncode if first.startswith("next start") else 1
    return subprocess.CompletedProcess(command, code, "", first + rest)


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


def five_commands() -> list[str]:
    """Those of the README from zero to a scheduled night."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").split("## From zero to a scheduled night")[1]
    return [line for _, text in BLOCK.findall(section.split("\n## ")[0]) for line in text.splitlines()]


def test_there_are_five_commands_from_zero_to_a_scheduled_night() -> None:
    commands = five_commands()
    assert len(commands) == 5
    assert "-m venv" in commands[0]
    assert [line.split()[:2] for line in commands[1:]] == [
        ["allot", "check"], ["allot", "nightly"], ["allot", "runs"], ["allot", "schedule"]
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_five_commands_run_on_a_machine_that_has_nothing(tmp_path: Path) -> None:
    """In one shell, in a copy of the repository, into an environment of their own; the last until it is stopped."""
    for name in ("optimizer", "data", "scenarios", "docs"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path / name)
    commands = five_commands()
    commands[2] += " || test $? -eq 4"  # a plan at its time limit
    commands[-1] = f"timeout --signal TERM 20 {commands[-1]} || test $? -eq 124"
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        ["bash", "-ec", "\n".join(commands)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=1700,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "next start" in done.stderr
    assert (tmp_path / "night/published/current/chilled-food/report.html").exists()
