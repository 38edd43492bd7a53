"""What only a store on a server can do: be lost in the middle, be shared by hosts, tell its password."""

from __future__ import annotations

import itertools
import os
import socket
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path

import pytest

from optimizer.errors import AllotError
from optimizer.nightly.lock import LockedError
from optimizer.nightly.night import NightOutcome, run_night
from optimizer.nightly.store import WRITE, Store, StoreError, insert
from optimizer.proof import certify
from tests.nightly.nights import CONFIG, FILE, allot, assert_tidy, assert_whole, make, published, query
from tests.postgresql import Server

MONDAY = date(2026, 11, 23)
RUN = {"run_id": "r", "config": "c", "business_date": "d", "started_at": "", "host": "", "pid": 1, "settings": "",
       "versions": ""}  # fmt: skip


def store_at(url: str) -> Store:
    return Store(url, Path())


def end_connections(server: Server, url: str) -> None:
    """As an administrator, or the end of the server, would."""
    name = url.rpartition("/")[2]
    server.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")


def test_a_reader_sees_one_moment_throughout_its_transaction(postgres: str) -> None:
    writer, reader = store_at(postgres), store_at(postgres)
    with reader.transaction() as connection:
        count = connection.exec_driver_sql("SELECT count(*) FROM runs").scalar_one
        assert count() == 0
        with writer.transaction(WRITE) as other:
            insert(other, "runs", [RUN])
        assert connection.exec_driver_sql("SELECT count(*) FROM runs").scalar_one() == 0
    assert len(reader.rows("SELECT * FROM runs")) == 1
    with pytest.raises(StoreError, match="read-only"), reader.transaction() as connection:
        insert(connection, "runs", [RUN | {"run_id": "s"}])
    writer.close()
    reader.close()


def test_writers_take_turns(postgres: str) -> None:
    """Each reads what the one before it wrote, as in a chain of hashes: no number is given twice."""

    def append() -> None:
        store = store_at(postgres)
        for _ in range(10):
            with store.transaction(WRITE) as connection:
                last = connection.exec_driver_sql("SELECT coalesce(max(pid), 0) FROM runs").scalar_one()
                insert(connection, "runs", [RUN | {"run_id": f"{threading.get_ident()}-{last}", "pid": last + 1}])
        store.close()

    threads = [threading.Thread(target=append) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store = store_at(postgres)
    assert [row["pid"] for row in store.rows("SELECT pid FROM runs ORDER BY pid")] == list(range(1, 31))
    store.close()


def test_two_hosts_open_a_new_store_at_once(postgres: str) -> None:
    stores: list[Store] = []
    threads = [threading.Thread(target=lambda: stores.append(store_at(postgres))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stores) == 4
    for store in stores:
        store.close()


def test_a_configuration_is_at_work_on_one_host_at_a_time(postgres: str, tmp_path: Path) -> None:
    """Another publish folder stands for another host: the lock of the folder does not reach there."""
    store = store_at(postgres)
    config = make(tmp_path, store=postgres)
    with store.exclusive("night"):
        with pytest.raises(LockedError, match=f"another run of night .* process {os.getpid()}, since 20"):
            run_night(config, MONDAY)
        done = allot("nightly", config, "--business-date", MONDAY)
        assert done.returncode == 75, done.stderr
        assert published(tmp_path) == []
        with store.exclusive("day"):
            pass
    with store.exclusive("night"):
        pass
    store.close()


def test_who_lost_the_lock_publishes_nothing_once_somebody_else_took_over(
    postgres: str, postgres_server: Server, tmp_path: Path
) -> None:
    config, taken = make(tmp_path, store=postgres), []

    def take_over(line: str) -> None:
        """All connections are lost while the night plans; another host starts, and finds a run that seems dead."""
        if line.startswith("verify") and not taken:
            end_connections(postgres_server, postgres)
            other = tmp_path / "other"
            other.mkdir()
            short = "[tables.stock]\nmin_rows = 9"
            taken.append(run_night(make(other, short, store=postgres), MONDAY))

    with pytest.raises(StoreError, match="has ended on record"):
        run_night(config, MONDAY, observe=take_over)
    assert [outcome.exit_code for outcome in taken] == [2]
    assert published(tmp_path) == []
    assert query(tmp_path, "SELECT state FROM events WHERE stage = 'record' ORDER BY event_id") == [
        ("crashed",),
        ("kept",),
    ]


def run_with_loss(config: Path, server: Server, url: str, stage: str) -> NightOutcome:
    """A night whose connections are all ended at the first word of a stage."""
    lost = itertools.count()

    def lose(line: str) -> None:
        if line.startswith(stage) and next(lost) == 0:
            end_connections(server, url)

    return run_night(config, MONDAY, observe=lose)


def test_connections_that_were_lost_between_two_transactions_are_opened_again(
    postgres: str, postgres_server: Server, tmp_path: Path
) -> None:
    config = make(tmp_path, store=postgres)
    assert run_with_loss(config, postgres_server, postgres, "check").exit_code == 0
    assert len(published(tmp_path)) == 1
    assert_whole(tmp_path)
    assert_tidy(tmp_path)


class Relay:
    """A way to the server that can be cut: when the client commits the publication, its words go through or do not."""

    def __init__(self, target: int, reaches: bool) -> None:
        self.target, self.reaches, self.cut = target, reaches, False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.target))
                silent = threading.Event()
                for way in (self._up, self._down):
                    threading.Thread(target=way, args=(client, server, silent), daemon=True).start()

    def _up(self, client: socket.socket, server: socket.socket, silent: threading.Event) -> None:
        publishing = False
        with suppress(OSError):
            while data := client.recv(65536):
                publishing = publishing or b"INSERT INTO plan_allocations" in data
                if publishing and not self.cut and b"COMMIT" in data:
                    self.cut = True
                    silent.set()
                    if self.reaches:
                        server.sendall(data)
                        time.sleep(0.5)
                    break
                server.sendall(data)
        for end in (server, client):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _down(self, client: socket.socket, server: socket.socket, silent: threading.Event) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                if not silent.is_set():
                    client.sendall(data)


@contextmanager
def relay(server: Server, reaches: bool) -> Iterator[Relay]:
    way = Relay(server.port, reaches)
    try:
        yield way
    finally:
        way.listener.close()


@pytest.mark.parametrize("reaches", [True, False])
def test_the_connection_is_lost_as_the_plan_is_committed(
    postgres: str, postgres_server: Server, tmp_path: Path, reaches: bool
) -> None:
    """A commit that the server heard counts, though nobody said so; one that it did not hear is planned again."""
    with relay(postgres_server, reaches) as way:
        through = postgres.replace(f":{postgres_server.port}/", f":{way.port}/")
        config = make(tmp_path, store=through)
        if reaches:
            assert run_night(config, MONDAY).exit_code == 0
        else:
            with pytest.raises(StoreError):
                run_night(config, MONDAY)
            assert published(tmp_path) == []
        assert way.cut
        assert run_night(config, MONDAY).exit_code == 0
        assert len(published(tmp_path)) == 1
        assert_whole(tmp_path)
        assert_tidy(tmp_path)


# -- tables out of a database ------------------------------------------------------------------------------------------
def test_a_database_may_change_while_the_night_plans(
    postgres: str, postgres_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan is for the stock as it was found, is certified against it, and tells no address of the database."""
    monkeypatch.setenv("ERP_URL", postgres)
    database = postgres.rpartition("/")[2]
    postgres_server.run("CREATE TABLE book (w TEXT, p TEXT, qty INTEGER)", "INSERT INTO book VALUES ('W', 'P', 4)",
                        database=database)  # fmt: skip
    config = make(tmp_path)
    scenario = tmp_path / "case/scenario.toml"
    sql = "SELECT w AS warehouse_id, p AS product_id, qty AS on_hand_qty FROM book"
    text = scenario.read_text().replace(
        'stock = "stock.csv"', f'stock = {{ sql = "{sql}", connection = "env:ERP_URL" }}'
    )
    scenario.write_text(text)
    assert "ERP_URL" in text

    def sell(line: str) -> None:
        if line.startswith("solve   scenario full started"):
            postgres_server.run("UPDATE book SET qty = 0", database=database)

    assert run_night(config, MONDAY, observe=sell).exit_code == 0
    assert query(tmp_path, "SELECT sum(qty) FROM current_allocations") == [(4,)]
    assert query(tmp_path, "SELECT source FROM run_inputs WHERE table_name = 'stock'") == [("query on env:ERP_URL",)]
    plan = (tmp_path / "night/published/current/scenario").resolve()
    assert certify(plan).all_failures == []
    told = b"".join(path.read_bytes() for path in (tmp_path / "night").rglob("*") if path.is_file())
    assert postgres_server.password.encode() not in told
    assert_whole(tmp_path)
    assert_tidy(tmp_path)


# -- secrets -----------------------------------------------------------------------------------------------------------
def chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


@pytest.mark.parametrize("change", ["password", "database", "host", "port", "option", "scheme"])
def test_a_password_is_in_no_error(postgres: str, postgres_server: Server, tmp_path: Path, change: str) -> None:
    secret = "canary-4711"
    wrong = {
        "password": (postgres_server.password, secret),
        "database": (postgres.rpartition("/")[2], "nowhere"),
        "host": ("127.0.0.1", "no-such-host.invalid"),
        "port": (f":{postgres_server.port}/", ":1/"),
        "option": (postgres, f"{postgres}?password={secret}&sslmode={secret}"),
        "scheme": ("postgresql:", "postgresql+pg8000:"),
    }[change]
    url = postgres.replace(*wrong)
    assert url != postgres
    with pytest.raises(AllotError) as caught:
        run_night(make(tmp_path, store=url), MONDAY)
    told = "".join(f"{error!s} {error!r} {error.args}" for error in chain(caught.value))
    told += "".join(traceback.format_exception(caught.value))
    told += "".join(path.read_text() for path in (tmp_path / "night").rglob("*") if path.is_file())
    for hidden in (secret, postgres_server.password):
        assert hidden not in told
    assert "postgresql" in str(caught.value)


def test_a_store_in_the_environment_and_one_that_is_not_there(
    postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make(tmp_path)
    config.write_text(CONFIG.replace(FILE, "env:NIGHT_STORE"))
    monkeypatch.setenv("NIGHT_STORE", postgres)
    done = allot("runs", "list", config)
    assert done.returncode == 2
    assert "does not exist yet" in done.stderr
    Store(postgres, tmp_path).close()
    done = allot("runs", "list", config)
    assert done.stdout == "no runs yet\n", done.stderr


def test_an_account_that_may_only_read_lists_runs(postgres: str, postgres_server: Server, tmp_path: Path) -> None:
    Store(postgres, tmp_path).close()
    database = postgres.rpartition("/")[2]
    postgres_server.run("DROP ROLE IF EXISTS reader", "CREATE ROLE reader LOGIN PASSWORD 'reader-pw'")
    postgres_server.run("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader", database=database)
    url = postgres.replace(f"//allot:{postgres_server.password}@", "//reader:reader-pw@")
    store = Store(url, tmp_path, must_exist=True)
    assert store.rows("SELECT * FROM runs") == []
    with pytest.raises(StoreError, match="permission denied"), store.transaction(WRITE) as connection:
        insert(connection, "runs", [RUN])
    store.close()
