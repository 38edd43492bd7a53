"""A batch on a Dask cluster: the same jobs on real workers, which may die; no job is lost.

Only paths, digests and bytes travel: a job names its files by digest, a file's bytes go to the cluster once, each
worker keeps them in a folder of its own, and a run folder comes back whole. Workers need no file system in common with
us.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import tempfile
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optimizer import __version__
from optimizer.batch.cores import usable_cores
from optimizer.batch.job import Outcome, run_job
from optimizer.batch.jobs import Job
from optimizer.batch.pool import Board, Payload, Tell
from optimizer.engines.idle import keep_children
from optimizer.errors import DEFECT, AllotError, UsageError
from optimizer.scenario.load import load_scenario
from optimizer.scenario.paths import MARKERS

if TYPE_CHECKING:
    from distributed import Client, Future

CONNECT_S = "20s"
RETRIES = 4
"""So often does the scheduler itself hand on a job whose worker died."""
TRIES = 10
"""So often is a job sent that the scheduler gives up or forgets; a lost machine may cost every waiting job one."""
WAIT_S = 0.2


@dataclass(frozen=True)
class Parcel:
    """A job as it travels: ``files`` by path below a common folder, each by the digest of its bytes."""

    payload: dict[str, Any]
    scenario: str
    start: str | None
    files: Mapping[str, str]


class Cluster:
    """A running cluster. Raises `UsageError` where there is none, or where its workers cannot run this batch."""

    def __init__(self, address: str) -> None:
        try:
            from distributed import Client
        except ImportError:
            raise UsageError(
                "--cluster needs Dask: install allot with its extra, pip install 'allot[cluster]'"
            ) from None
        try:
            self.client: Client = Client(address, timeout=CONNECT_S)
        except (OSError, ValueError, TimeoutError) as error:
            raise UsageError(f"--cluster {address}: no scheduler answers there ({error})") from error
        self.sent: dict[str, Future] = {}
        self.threads = self._examine()

    def _examine(self) -> int:
        """The threads that each solve may have so that no machine is asked for more than its cores."""
        said = self.client.run(about_here)
        if not said:
            raise UsageError("the cluster has no workers; start some with: dask worker ADDRESS --nthreads 1")
        wrong = sorted({version for version, _, _ in said.values()} - {__version__})
        if wrong:
            raise UsageError(
                f"the cluster's workers have allot {', '.join(wrong)}, this is {__version__}; install the same"
            )
        workers = self.client.scheduler_info(n_workers=-1)["workers"]
        slots: dict[str, int] = {}
        cores: dict[str, int] = {}
        for worker, (_, host, own) in said.items():
            slots[host] = slots.get(host, 0) + int(workers[worker]["nthreads"])
            cores[host] = own
        return max(min(cores[host] // slots[host] for host in slots), 1)

    def run(
        self,
        jobs: Sequence[Job],
        payload: Payload,
        *,
        tell: Tell,
        done: Callable[[Job, Outcome], None],
        stop: threading.Event,
    ) -> dict[str, Outcome]:
        """Run all jobs; outcomes by name. A stop gives up what is not finished."""
        board = Board.of(jobs)
        running: dict[Future, Job] = {}
        tries: dict[str, int] = {}
        try:
            while not stop.is_set():
                while (job := board.ready()) is not None:
                    running[self._submit(job, payload(job, board.ended))] = job
                    tries[job.name] = tries.get(job.name, 0) + 1
                    tell(job, "sent to the cluster")
                if not running:
                    break
                for future in self._ended(running):
                    job = running.pop(future)
                    outcome = self._outcome(job, future, tries[job.name])
                    if outcome is None:
                        tell(job, "its workers died; it is sent again")
                        self.sent.clear()  # what only they held is gone too
                        board.put_back(job)
                        continue
                    done(job, outcome)
                    board.end(outcome)
        finally:
            self.client.cancel(list(running))
            self.client.close()
        return board.ended

    def _submit(self, job: Job, payload: dict[str, Any]) -> Future:
        try:
            parcel, contents = pack(payload)
        except (AllotError, OSError) as error:
            outcome = asdict(Outcome(job.name, getattr(error, "exit_code", DEFECT), "", str(error)))
            return self.client.submit(lambda: (outcome, {}), pure=False)
        new = {digest: content for digest, content in contents.items() if digest not in self.sent}
        for digest, content in new.items():  # as tasks, which the scheduler can repeat where a worker took data with it
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # that they are large
                self.sent[digest] = self.client.submit(bytes, content, pure=False, retries=RETRIES)
        blobs = {digest: self.sent[digest] for digest in contents}
        return self.client.submit(run_parcel, parcel, blobs, pure=False, retries=RETRIES)

    def _ended(self, running: Mapping[Future, Job]) -> list[Future]:
        """Those that are finished, failed or forgotten, waiting a little for the first."""
        from concurrent.futures import CancelledError

        from distributed import wait

        with contextlib.suppress(TimeoutError, CancelledError):
            wait(list(running), timeout=WAIT_S, return_when="FIRST_COMPLETED")
        return [future for future in running if future.done() or future.cancelled()]

    def _outcome(self, job: Job, future: Future, tries: int) -> Outcome | None:
        """What a job came to, its folder put in place; None where it is worth another try."""
        if future.status == "finished":
            said, files = future.result()
            if files:
                unpack(job, files)
            return replace(Outcome(**said), folder=str(job.out) if files else "")
        if tries < TRIES:
            return None
        why = "forgotten" if future.cancelled() else future.exception()
        return Outcome(job.name, DEFECT, "", f"the cluster lost it {tries} times: {why}")


def about_here() -> tuple[str, str, int]:
    """On a worker: the version, the machine and its cores."""
    import platform

    return __version__, platform.node(), usable_cores()


# -- what travels -----------------------------------------------------------------------------------------------------
def pack(payload: dict[str, Any]) -> tuple[Parcel, dict[str, bytes]]:
    """A job and the bytes of all files that it reads, by digest."""
    scenario = Path(payload["scenario"])
    loaded = load_scenario(scenario, payload["settings"], payload["allow_outside"])
    paths = [layer.path for layer in loaded.stack.layers if layer.path is not None]
    for name, ref in loaded.scenario.data.items():
        if ref.path is not None:
            paths.append((loaded.stack.layer(("data", name)).folder / ref.path).resolve())
    if loaded.scenario.stability is not None:
        folder = loaded.stack.layer(("stability", "previous_plan")).folder / loaded.scenario.stability.previous_plan
        paths += [path for path in sorted(folder.resolve().iterdir()) if path.is_file()]
    root = Path("/") if payload["allow_outside"] else loaded.root
    files, contents = _digests(paths, root)
    start = None
    if payload["start"] is not None:
        start = Path(payload["start"])
        more, plan = _digests([path for path in sorted(start.iterdir()) if path.suffix in PLAN_SUFFIXES], start)
        files |= {f"{START}/{name}": digest for name, digest in more.items()}
        contents |= plan
    place = scenario.resolve().relative_to(root).as_posix()
    return Parcel(payload, f"{TREE}/{place}", None if start is None else START, files), contents


TREE, START, OUT = "tree", "start", "out"
PLAN_SUFFIXES = (".csv", ".parquet", ".json")


def _digests(paths: Sequence[Path], root: Path) -> tuple[dict[str, str], dict[str, bytes]]:
    files, contents = {}, {}
    for path in dict.fromkeys(paths):
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        name = path.relative_to(root).as_posix()
        files[name] = digest
        contents[digest] = content
    return files, contents


def unpack(job: Job, files: Mapping[str, bytes]) -> None:
    """Put a run folder that came back in place, whole or not at all; it names the scenario where it is here."""
    timing = json.loads(files["timing.json"])
    timing["scenario_path"] = str(job.scenario.resolve())
    text = json.dumps(timing, indent=2, ensure_ascii=False) + "\n"
    from optimizer.report.place import Workspace
    from optimizer.report.write import check_target

    workspace = Workspace(check_target(job.out, replace=True))
    try:
        for name, content in (dict(files) | {"timing.json": text.encode()}).items():
            path = workspace.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        workspace.place(replace=True)
    finally:
        workspace.remove()


# -- on a worker ------------------------------------------------------------------------------------------------------
_lock = threading.Lock()


def _keep(folder: Path, digest: str, content: bytes) -> Path:
    """The file of a digest in a folder, written once, whole or not at all."""
    path = folder / digest
    with _lock:
        if not path.exists():
            half = path.with_suffix(".half")
            half.write_bytes(content)
            half.replace(path)
    return path


def run_parcel(parcel: Parcel, blobs: Mapping[str, bytes]) -> tuple[dict[str, Any], dict[str, bytes]]:
    """On a worker: lay the files out as they were, run the job, hand its folder back as bytes by name.

    All in the worker's own folder: Dask removes it with the worker, that of a killed one before the next begins.
    """
    from distributed import get_worker

    own = Path(get_worker().local_directory)
    place = Path(tempfile.mkdtemp(prefix="job-", dir=own))
    try:
        for name, digest in parcel.files.items():
            path = place / (name if name.startswith(f"{START}/") else f"{TREE}/{name}")
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(_keep(own, digest, blobs[digest]), path)
        (place / TREE / MARKERS[0]).touch()
        words = parcel.payload | {"scenario": str(place / parcel.scenario), "out": str(place / OUT)}
        words["start"] = None if parcel.start is None else str(place / parcel.start)
        keep_children()
        outcome = run_job(words)
        folder = place / OUT
        found = sorted(path for path in folder.rglob("*") if path.is_file()) if folder.exists() else []
        return asdict(outcome), {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}
    finally:
        shutil.rmtree(place, ignore_errors=True)
