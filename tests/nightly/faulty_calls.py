"""Let the n-th system call of a kind fail below a folder, or the clock be set, in a command and all that it starts.

A small library that is compiled on the spot (it needs a C compiler as ``cc``) stands between the programs and the
C library: Python, SQLite, Arrow and the engines all reach the kernel through it.
"""

from __future__ import annotations

import errno
import shutil
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.nightly.nights import command, environment

SOURCE = Path(__file__).with_suffix(".c")
KINDS = ("", "write", "sync", "rename", "open", "mkdir", "unlink")
ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES)
LAYOUT = struct.Struct("=iiiiiiiiii1024s1024s64s")
COMPILER = shutil.which("cc")


@dataclass(frozen=True)
class Fault:
    """The ``nth`` call of a kind fails with ``error``, or if ``lasting`` all from then on; nth 0: none does.

    Only calls on files of this ``name`` count, where there is one.
    The clock of the day goes by ``shift_s`` seconds wrong from the ``shift_from``-th time on that it is asked for.
    """

    kind: str = ""
    error: int = errno.EIO
    nth: int = 0
    lasting: bool = False
    shift_s: int = 0
    shift_from: int = 1
    name: str = ""

    def __str__(self) -> str:
        of = f" of {self.name}" if self.name else ""
        return f"{self.kind} {self.nth}{of}{' and later' if self.lasting else ''} {errno.errorcode[self.error]}"


@dataclass(frozen=True)
class Ended:
    """How the command ended, and the fault: ``path`` is where it struck first, ``calls`` how many there were;
    ``asked``: how often the clock was asked for, where it was wrong at all."""

    exit_code: int
    words: str
    path: str
    calls: int
    failed: int
    asked: int


class FaultyCalls:
    """Compiles the library into ``folder`` and keeps the order there."""

    def __init__(self, folder: Path) -> None:
        self.library, self.plan = folder / "faulty_calls.so", folder / "plan"
        assert COMPILER is not None
        build = [COMPILER, "-O1", "-shared", "-fPIC", "-o", str(self.library), str(SOURCE), "-ldl"]
        subprocess.run(build, check=True, capture_output=True)

    def run(self, fault: Fault, below: Path, *words: object) -> Ended:
        """``allot WORDS`` with the fault below a folder."""
        folder = str(below.resolve()).encode()
        order = (KINDS.index(fault.kind), fault.error, fault.nth, int(fault.lasting), 0, 0)
        name = f"/{fault.name}".encode() if fault.name else b""
        self.plan.write_bytes(LAYOUT.pack(*order, fault.shift_s, fault.shift_from, 0, 0, folder, b"", name))
        faulty = {**environment(), "LD_PRELOAD": str(self.library), "ALLOT_FAULT_PLAN": str(self.plan)}
        done = subprocess.run(command(*words), capture_output=True, text=True, timeout=300, env=faulty)
        *_, calls, failed, _, _, asked, _, _, path, _ = LAYOUT.unpack(self.plan.read_bytes())
        return Ended(done.returncode, done.stdout + done.stderr, path.rstrip(b"\0").decode(), calls, failed, asked)
