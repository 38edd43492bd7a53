"""The same batch on real Dask workers of this machine: identical folders, and no run lost when a worker is killed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import psutil
import pytest

from optimizer.batch.cluster import pack
from optimizer.batch.job import payload_of
from optimizer.batch.jobs import jobs_of
from optimizer.batch.run_batch import BatchOutcome, Where, run_batch
from optimizer.errors import UsageError
from optimizer.proof import certify
from tests.batch.cases import contents, write_batch

ROOT = Path(__file__).parents[2]
START_S = 60


class LocalCluster:
    """A scheduler and workers as processes of their own, as on several machines."""

    def __init__(self, folder: Path, workers: int) -> None:
        self.folder, self.processes = folder, list[subprocess.Popen[str]]()
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        self.address = self._said(scheduler, r"Scheduler at:\s+(tcp://\S+)")
        self.workers = [self._start("worker", self.address, "--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1")
                        for _ in range(workers)]  # fmt: skip
        for worker in self.workers:
            self._said(worker, r"Registered to:\s+(tcp://\S+)")

    def _start(self, what: str, *words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "distributed.cli.dask_" + what, *words]
        ours = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "TMPDIR": str(self.temporary)}
        environment = {**os.environ, **ours}
        process = subprocess.Popen(command, cwd=self.folder, env=environment, stderr=subprocess.STDOUT,
                                   stdout=subprocess.PIPE, text=True)  # fmt: skip
        self.processes.append(process)
        return process

    def _said(self, process: subprocess.Popen[str], pattern: str) -> str:
        """Wait for a line of its log, then let the rest run off."""
        found: list[str] = []
        heard = threading.Event()

        def listen() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                if not found and (match := re.search(pattern, line)):
                    found.append(match[1])
                    heard.set()

        threading.Thread(target=listen, daemon=True).start()
        assert heard.wait(START_S), f"{process.args} did not say {pattern}"
        return found[0]

    def kill_a_worker(self) -> int:
        """SIGKILL to the process that runs the jobs of the first worker; its nanny starts another."""
        nanny = psutil.Process(self.workers[0].pid)
        victim = max(nanny.children(recursive=False), key=lambda child: child.memory_info().rss)
        victim.send_signal(signal.SIGKILL)
        return victim.pid

    def close(self) -> None:
        """The workers first: one that loses its scheduler while it ends takes eight seconds more."""
        for processes in (self.workers, self.processes):
            for process in processes:
                process.terminate()
            for process in processes:
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    process.kill()

    def left_behind(self) -> set[str]:
        """Temporary folders of workers that have ended; those of solvers are removed by the next one."""
        scratch = self.temporary / "dask-scratch-space"
        return {path.name for path in [*self.temporary.iterdir(), *scratch.iterdir()] if path.is_dir()
                and path != scratch and not path.name.startswith("allot-worker-")}  # fmt: skip


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[LocalCluster]:
    started = LocalCluster(tmp_path, 2)
    try:
        yield started
    finally:
        started.close()


def with_a_kill(cluster: LocalCluster, scenarios: list[Path], out: Path, after: int) -> BatchOutcome:
    """The batch on the cluster, of which a worker is killed once so many runs have ended."""
    ended: list[str] = []

    def say(line: str) -> None:
        ended.append(line)
        if len(ended) == after:
            cluster.kill_a_worker()

    return run_batch(scenarios, out, where=Where(cluster=cluster.address), say=say)


def compare(tmp_path: Path, cluster: LocalCluster, count: int, after: int) -> None:
    what_ifs = write_batch(tmp_path, count)
    scenarios = [tmp_path / "baseline.toml", what_ifs]
    found = with_a_kill(cluster, scenarios, tmp_path / "on-cluster", after)
    assert found.exit_code == 0, [row for row in found.rows if row.exit_code]
    serial = run_batch(scenarios, tmp_path / "serial", where=Where(workers=1))
    assert [row.status for row in serial.rows] == ["within the gap"] * (count + 1)
    assert contents(tmp_path / "on-cluster") == contents(tmp_path / "serial")
    assert certify(tmp_path / "on-cluster" / f"more-{count - 1:02d}").exit_code == 0


def test_a_worker_killed_in_the_middle_costs_nothing(tmp_path: Path, cluster: LocalCluster) -> None:
    compare(tmp_path, cluster, 3, 2)
    cluster.close()
    assert not cluster.left_behind()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_forty_scenarios_survive_a_killed_worker(tmp_path: Path, cluster: LocalCluster) -> None:
    compare(tmp_path, cluster, 39, 10)


def test_a_cluster_that_is_not_there_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("optimizer.batch.cluster.CONNECT_S", "1s")
    what_ifs = write_batch(tmp_path, 1)
    with pytest.raises(UsageError, match="no scheduler"):
        run_batch([what_ifs], tmp_path / "out", where=Where(cluster="tcp://127.0.0.1:1"))
    assert not (tmp_path / "out").exists()


def test_a_parcel_holds_what_a_job_reads_once(tmp_path: Path) -> None:
    what_ifs = write_batch(tmp_path, 2)
    jobs = jobs_of(sorted(what_ifs.glob("*.toml")), tmp_path / "out")
    parcels = [pack(payload_of(job, start=None, allow_outside=False, fresh=False)) for job in jobs]
    first, second = (parcel for parcel, _ in parcels)
    assert set(first.files) == {
        "baseline.toml", "what-ifs/more-00.toml", "order_lines.csv", "stock.csv", "lanes.csv",
        *(name for name in first.files if name.endswith(".csv")),
    }  # fmt: skip
    shared = set(first.files.values()) & set(second.files.values())
    assert len(shared) == len(first.files) - 1  # all but the scenario itself travels once


def test_the_cluster_of_the_documents_is_well_formed() -> None:
    """YAML that parses, selectors that meet their pods, commands and options that exist."""
    import yaml

    parts = list(yaml.safe_load_all((ROOT / "docs" / "cluster.yaml").read_text()))
    by_kind = {(part["kind"], part["metadata"]["name"]): part["spec"] for part in parts}
    labels = set()
    for (kind, _), spec in by_kind.items():
        if kind == "Deployment":
            assert spec["selector"]["matchLabels"] == spec["template"]["metadata"]["labels"]
            labels.add(spec["selector"]["matchLabels"]["app"])
            for container in spec["template"]["spec"]["containers"]:
                command = container["command"]
                assert all(option in dask_options(command[1]) for option in command if option.startswith("--"))
    assert by_kind["Service", "allot-scheduler"]["selector"]["app"] in labels
    page = (ROOT / "docs" / "operations.md").read_text()
    for what in ("scheduler", "worker"):
        for line in re.findall(rf"^dask {what} .*$", page, re.MULTILINE):
            assert set(re.findall(r"--[a-z-]+", line)) <= dask_options(what)


@cache
def dask_options(what: str) -> set[str]:
    """The options of a command of Dask's."""
    command = [sys.executable, "-m", f"distributed.cli.dask_{what}", "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"--[a-z-]+", shown))
