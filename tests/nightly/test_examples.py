"""The examples for cron, systemd and Kubernetes say what they should, and the commands in them run."""

from __future__ import annotations

import configparser
import json
import os
import shlex
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from optimizer.nightly.schedule import next_start
from tests.nightly.nights import ROOT, assert_whole, environment, make, published
from tests.nightly.test_schedule import BERLIN

EXAMPLES = ROOT / "docs" / "examples"
HOME = "/srv/allot"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the examples expect below /srv/allot: a configuration, its data, and a program."""
    place = tmp_path_factory.mktemp("srv")
    make(place).rename(place / "nightly.toml")
    program = place / ".venv" / "bin" / "allot"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m optimizer "$@"\n')
    program.chmod(0o755)
    return place


def unit(name: str) -> configparser.ConfigParser:
    found = configparser.ConfigParser(interpolation=None, strict=True)
    found.optionxform = str
    found.read_string((EXAMPLES / name).read_text())
    return found


def cron_job() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((EXAMPLES / "cronjob.yaml").read_text())
    return found


def cron_line() -> list[str]:
    written = (EXAMPLES / "crontab").read_text().splitlines()
    (line,) = [line for line in written if line and not line.startswith("#") and "=" not in line.split()[0]]
    return line.split(maxsplit=5)


def run(command: str, home: Path) -> subprocess.CompletedProcess[str]:
    search = f"{home / '.venv/bin'}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(["sh", "-c", command.replace(HOME, str(home))], capture_output=True, text=True, timeout=200,
                          env={**environment(), "PATH": search})  # fmt: skip


def test_the_command_of_each_example_runs(home: Path) -> None:
    """One after the other on one configuration: the first plans and publishes, the others find its plan."""
    container = cron_job()["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]
    commands = [unit("allot-nightly.service")["Service"]["ExecStart"], cron_line()[5],
                shlex.join([*container["command"], *container["args"]])]  # fmt: skip
    ended = []
    for command in commands:
        done = run(command, home)
        assert done.returncode == 0, done.stderr
        ended += [json.loads(line)["state"] for line in done.stderr.splitlines() if '"stage": "end"' in line]
    assert ended == ["published", "unchanged"]
    assert len(published(home)) == 1
    assert_whole(home)


def test_the_timer_and_its_service() -> None:
    timer, service = unit("allot-nightly.timer"), unit("allot-nightly.service")["Service"]
    assert timer["Timer"]["Persistent"] == "true"
    assert timer["Timer"]["OnCalendar"] == "*-*-* 02:00:00 Europe/Berlin"
    assert timer["Install"]["WantedBy"] == "timers.target"
    assert (service["Type"], service["KillMode"], service["TimeoutStopSec"], service["MemoryMax"]) == (
        "oneshot", "mixed", "120", "8G"
    )  # fmt: skip
    assert service["SuccessExitStatus"].split() == ["4", "75", "143"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_takes_the_units(home: Path, tmp_path: Path) -> None:
    for name in ("allot-nightly.service", "allot-nightly.timer"):
        text = (EXAMPLES / name).read_text().replace(HOME, str(home)).replace("User=allot", "User=root")
        (tmp_path / name).write_text(text)
    units = [str(path) for path in sorted(tmp_path.iterdir())]
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, timeout=60)
    said = [line for line in done.stderr.splitlines() if "allot-nightly" in line]
    assert said == []
    when = subprocess.run(["systemd-analyze", "calendar", unit("allot-nightly.timer")["Timer"]["OnCalendar"]],
                          capture_output=True, text=True, timeout=60)  # fmt: skip
    assert when.returncode == 0, when.stderr


def test_the_cron_job() -> None:
    job = cron_job()
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "CronJob")
    spec, nested = job["spec"], job["spec"]["jobTemplate"]["spec"]
    assert (spec["timeZone"], spec["concurrencyPolicy"]) == ("Europe/Berlin", "Forbid")
    assert spec["startingDeadlineSeconds"] == nested["activeDeadlineSeconds"] == 4 * 3600
    assert nested["backoffLimit"] == 2
    assert nested["podFailurePolicy"]["rules"][0]["onExitCodes"]["values"] == [2, 3]
    pod = nested["template"]["spec"]
    assert pod["restartPolicy"] == "Never"
    assert pod["terminationGracePeriodSeconds"] > 60
    assert pod["containers"][0]["resources"]["limits"]["memory"] == "8Gi"
    mounted = {mount["name"] for mount in pod["containers"][0]["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}


def test_all_three_begin_at_two_o_clock() -> None:
    noon = datetime(2026, 11, 23, 12, tzinfo=UTC)
    for line in (" ".join(cron_line()[:5]), cron_job()["spec"]["schedule"]):
        start = next_start(line, BERLIN, noon)
        assert (start.hour, start.minute) == (2, 0)
        assert start - noon < timedelta(days=1)
