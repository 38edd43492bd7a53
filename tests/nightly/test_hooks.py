"""Events reach their receivers at least once, under one key, signed; nothing that a receiver does fails a night."""

from __future__ import annotations

import http.server
import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, get_args

import pytest

from optimizer.errors import InputError
from optimizer.nightly.config import NightlyConfig, read_config
from optimizer.nightly.hooks.deliver import deliver
from optimizer.nightly.hooks.outbox import emit, pending
from optimizer.nightly.hooks.send import retry_after, signature
from optimizer.nightly.hooks.settings import Kind
from optimizer.nightly.night import run_night
from optimizer.nightly.store import WRITE, Store
from tests.nightly.nights import CONFIG, ROOT, assert_tidy, assert_whole, command, configure, environment, make, query

MONDAY, TUESDAY = date(2026, 11, 23), date(2026, 11, 24)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Receiver(http.server.ThreadingHTTPServer):
    """Answers as ``script`` says, one entry a request, 200 after that; an entry is a status or a way to misbehave."""

    daemon_threads = True

    def __init__(self, *script: int | str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script, self.seen = list(script), list[tuple[dict[str, str], bytes]]()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"

    @property
    def kinds(self) -> list[str]:
        return [json.loads(body)["kind"] for _, body in self.seen]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Callers that went away are part of the play."""


class Handler(http.server.BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.server.seen.append(({name.lower(): value for name, value in self.headers.items()}, body))
        answer = self.server.script.pop(0) if self.server.script else 200
        if answer == "drop":
            self.connection.close()
        elif answer == "garbage":
            self.wfile.write(b"not HTTP at all\r\n\r\n")
        elif answer == "drip":
            for letter in b"HTTP/1.1 200 OK and then some more":
                self.wfile.write(bytes([letter]))
                time.sleep(0.1)
        else:
            status, _, retry_after = str(answer).partition(", retry after ")
            self.send_response(int(status))
            self.send_header("Location", "/elsewhere")
            if retry_after:
                self.send_header("Retry-After", retry_after)
            self.end_headers()

    do_GET = do_POST  # noqa: N815

    def log_message(self, *words: Any) -> None:
        """Nothing."""


@contextmanager
def receiving(*script: int | str) -> Iterator[Receiver]:
    with Receiver(*script) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def hook(url: str, more: str = "", kinds: str = '["published", "kept", "failed", "crashed"]') -> str:
    return f'[[hook]]\nname = "erp"\non = {kinds}\nurl = "{url}"\nbackoff_s = 0.01\n{more}\n'


@contextmanager
def opened(place: Path, text: str) -> Iterator[tuple[Store, NightlyConfig]]:
    """A store and a configuration without a night."""
    (place / "night.toml").write_text(CONFIG + text)
    config = read_config(place / "night.toml")
    store = Store(config.store_url(), place)
    try:
        yield store, config
    finally:
        store.close()


def event(store: Store, config: NightlyConfig, number: int = 1) -> None:
    with store.transaction(WRITE) as connection:
        emit(connection, config, "published", {"number": number})


def wait_for(path: Path) -> None:
    until = time.monotonic() + 120
    while not path.exists() and time.monotonic() < until:
        time.sleep(0.01)
    assert path.exists()


def outcomes(store: Store) -> list[str]:
    return [row["outcome"] for row in store.rows("SELECT outcome FROM hook_attempts ORDER BY number")]


def test_the_signature_is_that_of_the_specification() -> None:
    """The reference vector that the libraries of Standard Webhooks test themselves with."""
    found = signature(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_what_is_posted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    with receiving(500, "drop") as server, opened(tmp_path, hook(server.url, 'secret = "env:HOOK_SECRET"')) as parts:
        event(*parts)
        assert deliver(*parts).delivered == 1
        assert outcomes(parts[0]) == ["failed", "failed", "delivered"]
        assert len({body for _, body in server.seen}) == 1
        for headers, body in server.seen:
            told = json.loads(body)
            assert told["number"] == 1
            assert told["config"] == "night"
            assert headers["idempotency-key"] == headers["webhook-id"] == told["event_id"]
            stamp = int(headers["webhook-timestamp"])
            assert abs(stamp - time.time()) < 60
            assert headers["webhook-signature"] == signature(SECRET, told["event_id"], stamp, body)
        assert deliver(*parts).delivered == 0
        assert len(server.seen) == 3


@pytest.mark.parametrize(
    ("answer", "seen", "outcome", "words"),
    [
        (500, 3, "failed", "it answered 500"),
        (429, 3, "failed", "it answered 429"),
        ("429, retry after 0", 3, "failed", "it answered 429"),
        ("503, retry after 61", 1, "failed", "it answered 503"),
        ("503, retry after Fri, 31 Dec 2999 23:59:59 GMT", 1, "failed", "it answered 503"),
        ("503, retry after Sun, 06 Nov 1994 08:49:37 GMT", 3, "failed", "it answered 503"),
        (302, 3, "failed", "it answered 302"),
        (401, 1, "failed", "it answered 401"),
        (410, 1, "refused", "it answered 410"),
        ("drop", 3, "failed", "it could not be reached"),
        ("garbage", 3, "failed", "it could not be reached"),
        ("drip", 3, "failed", "no answer within 0.3 s"),
    ],
)
def test_receivers_that_misbehave(tmp_path: Path, answer: int | str, seen: int, outcome: str, words: str) -> None:
    with receiving(*[answer] * seen) as server, opened(tmp_path, hook(server.url, "timeout_s = 0.3")) as parts:
        event(*parts)
        event(*parts, number=2)
        told = deliver(*parts)
        assert words in told.problems[0]
        assert set(outcomes(parts[0])) - {"delivered"} == {outcome}
        assert [json.loads(body)["number"] for _, body in server.seen][:seen] == [1] * seen
        assert len(pending(parts[0], "night")) == (0 if outcome == "refused" else 2)
        again = deliver(*parts)
        assert again.pending == 0
        numbers = [json.loads(body)["number"] for _, body in server.seen]
        assert numbers[seen:] == ([2] if outcome == "refused" else [1, 2])
        first = {headers["idempotency-key"] for headers, body in server.seen if json.loads(body)["number"] == 1}
        assert len(first) == 1


def test_a_receiver_is_left_alone_for_as_long_as_it_asks(tmp_path: Path) -> None:
    with receiving("503, retry after 1") as server, opened(tmp_path, hook(server.url)) as parts:
        event(*parts)
        start = time.monotonic()
        assert deliver(*parts).delivered == 1
        assert time.monotonic() - start >= 1
        assert len(server.seen) == 2


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, 0),
        ("", 0),
        ("120", 120),
        ("-5", 0),
        ("soon", 0),
        ("1.5", 0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 7),
        ("Sun, 06 Nov 1994 08:49:27 GMT", 0),
        ("Sun, 99 Nov 1994 08:49:37 GMT", 0),
        ("9" * 400, math.inf),
    ],
)
def test_how_long_a_receiver_asks_to_wait(value: str | None, seconds: float) -> None:
    now = datetime(1994, 11, 6, 8, 49, 30, tzinfo=UTC).timestamp()
    assert retry_after(value, now) == seconds


def test_an_address_that_is_none_is_a_receiver_that_fails(tmp_path: Path) -> None:
    with opened(tmp_path, hook("http://[bad/canary-4711", "attempts = 1")) as parts:
        event(*parts)
        assert deliver(*parts).problems == ["erp: published failed: it could not be reached: ValueError"]


def test_nobody_listens_and_one_receiver_does_not_wait_for_another(tmp_path: Path) -> None:
    with receiving() as server:
        both = hook("http://127.0.0.1:9/", "attempts = 1") + hook(server.url).replace('"erp"', '"wms"')
        with opened(tmp_path, both) as parts:
            event(*parts)
            told = deliver(*parts)
        assert (told.delivered, told.pending) == (1, 1)
        assert told.problems == ["erp: published failed: it could not be reached: Connection refused"]


def test_events_that_nobody_can_take_any_more_are_dropped(tmp_path: Path) -> None:
    with receiving() as server, opened(tmp_path, hook(server.url)) as parts:
        with parts[0].transaction(WRITE) as connection:
            emit(connection, parts[1], "published", {})
            connection.exec_driver_sql("DROP TRIGGER hook_outbox_no_update")
            connection.exec_driver_sql("UPDATE hook_outbox SET at = '2026-01-01T00:00:00.000+00:00'")
        assert deliver(*parts).problems == ["erp: published dropped: older than 7 days"]
        event(*parts)
        assert deliver(parts[0], parts[1].model_copy(update={"hook": ()})).given_up == 1
        assert server.seen == []
        assert outcomes(parts[0]) == ["dropped", "dropped"]


def command_hook(code: str, more: str = "") -> str:
    words = json.dumps([sys.executable, "-c", code])
    return f'[[hook]]\nname = "tool"\non = "published"\ncommand = {words}\nattempts = 1\n{more}\n'


def test_a_command_reads_the_event(tmp_path: Path) -> None:
    code = "import os, sys; open('told', 'w').write(os.environ['ALLOT_EVENT_ID'] + sys.stdin.read())"
    with opened(tmp_path, command_hook(code)) as parts:
        event(*parts)
        assert deliver(*parts).delivered == 1
        [row] = parts[0].rows("SELECT event_id, body FROM hook_outbox")
        assert (tmp_path / "told").read_text() == row["event_id"] + row["body"]


def test_a_command_has_the_whole_event_even_if_we_are_killed(tmp_path: Path) -> None:
    code = (
        "import os, sys, time; open('begun', 'w').close(); "
        "[time.sleep(0.01) for _ in iter(lambda: os.path.exists('go'), True)]; "
        "open('aside', 'w').write(sys.stdin.read()); os.rename('aside', 'told')"
    )
    deliver_it = (
        "import sys; from pathlib import Path; from optimizer.nightly.config import read_config; "
        "from optimizer.nightly.hooks.deliver import deliver; from optimizer.nightly.store import Store; "
        "config = read_config(Path(sys.argv[1])); deliver(Store(config.store_url(), config.folder), config)"
    )
    with opened(tmp_path, command_hook(code, "timeout_s = 100")) as (store, config):
        with store.transaction(WRITE) as connection:
            emit(connection, config, "published", {"text": "x" * 200_000})  # more than a pipe holds
        words = [sys.executable, "-c", deliver_it, str(tmp_path / "night.toml")]
        with subprocess.Popen(words, env=environment(), cwd=tmp_path) as caller:
            wait_for(tmp_path / "begun")
            caller.kill()
        (tmp_path / "go").touch()
        wait_for(tmp_path / "told")
        [row] = store.rows("SELECT body FROM hook_outbox")
        assert (tmp_path / "told").read_text() == row["body"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (command_hook("raise SystemExit(3)"), "it ended with 3"),
        (command_hook("import time; time.sleep(60)", "timeout_s = 0.2"), "it did not end within 0.2 s"),
        ('[[hook]]\nname = "tool"\non = "published"\ncommand = ["./no-such-tool"]', "it could not be started"),
    ],
)
def test_commands_that_fail(tmp_path: Path, text: str, words: str) -> None:
    with opened(tmp_path, text) as parts:
        event(*parts)
        told = deliver(*parts)
        assert told.pending == 1
        assert words in told.problems[0]


@pytest.mark.parametrize(
    "text",
    [
        hook("ftp://host/canary-4711"),
        hook("file:///etc/canary-4711"),
        hook("https://user:canary-4711@host/"),
        hook("http://host/", 'secret = "canary-4711"'),
        hook("http://canary-4711/", "command = ['x']"),
        hook("http://host/canary-4711").replace("[[hook]]", "[hook]"),
        hook("http://host/canary-4711", "attempts = 0"),
        hook("http://host/canary-4711", kinds='["no-such-event"]'),
        hook("http://host/canary-4711") * 2,
    ],
)
def test_a_wrong_hook_is_refused_and_its_secrets_are_not_shown(tmp_path: Path, text: str) -> None:
    (tmp_path / "night.toml").write_text(CONFIG + text)
    with pytest.raises(InputError) as caught:
        read_config(tmp_path / "night.toml")
    assert "hook" in str(caught.value.issues[0].column)
    assert "canary-4711" not in str(caught.value)


def test_no_secret_reaches_a_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving(500, 500) as server:
        monkeypatch.setenv("HOOK_URL", server.url + "/canary-4711")
        monkeypatch.setenv("HOOK_SECRET", "canary-4712")
        told: list[str] = []
        more = hook("env:HOOK_URL", 'secret = "env:HOOK_SECRET"\nattempts = 2')
        outcome = run_night(make(tmp_path, more), MONDAY, observe=told.append)
        assert outcome.exit_code == 0
        assert server.kinds == ["published", "published"]
        monkeypatch.delenv("HOOK_SECRET")
        run_night(tmp_path / "night.toml", MONDAY, observe=told.append)
    assert any("HOOK_SECRET is not set" in line for line in told)
    assert "canary" not in "\n".join(told)
    for path in (tmp_path / "night").rglob("*"):
        assert not path.is_file() or b"canary" not in path.read_bytes(), path


def test_a_night_tells_of_what_it_did(tmp_path: Path) -> None:
    """Published while nobody listens, kept when somebody does again: both arrive, in order, and the night stands."""
    with receiving(503, 503, 503) as server:
        config = make(tmp_path, hook(server.url))
        assert run_night(config, MONDAY).exit_code == 0
        status = json.loads((tmp_path / "night/published/status.json").read_text())
        assert status["state"] == "published"
        assert status["hooks"]["pending"] == 1
        assert "erp: published failed: it answered 503" in status["hooks"]["problems"]
        assert query(tmp_path, "SELECT outcome, reason FROM hook_attempts") == [("failed", "it answered 503")] * 3
        (tmp_path / "case/stock.csv").write_text("warehouse_id\n")
        assert run_night(config, TUESDAY).exit_code == 2
        assert server.kinds == ["published"] * 4 + ["kept"]
        kept = json.loads(server.seen[-1][1])
        assert kept["plan_id"] == json.loads(server.seen[0][1])["plan_id"]
        assert kept["business_date"] == "2026-11-24"
        assert json.loads((tmp_path / "night/published/status.json").read_text())["hooks"]["delivered"] == 2
    assert_tidy(tmp_path)


def test_a_night_that_cannot_go_on_tells_so(tmp_path: Path) -> None:
    with receiving() as server:
        config = make(tmp_path, hook(server.url))
        with opened(tmp_path, hook(server.url)) as parts, parts[0].transaction(WRITE) as connection:
            connection.exec_driver_sql(
                "CREATE TRIGGER broken BEFORE INSERT ON run_inputs BEGIN SELECT RAISE(ABORT, 'broken'); END"
            )
        done = subprocess.run(command("nightly", config), capture_output=True, text=True, env=environment(), timeout=90)
        assert done.returncode == 1
        assert server.kinds == ["failed"]
        assert "broken" in json.loads(server.seen[0][1])["reason"]


def test_killed_between_commit_and_delivery(tmp_path: Path) -> None:
    """The receiver has the event and has not answered when the night is killed: the next start delivers it again."""
    with receiving("drip", 200, 200) as server:
        config = make(tmp_path, hook(server.url, "timeout_s = 600"))
        night = subprocess.Popen(command("nightly", config, "--business-date", MONDAY, "--quiet"), env=environment(),
                                 stdout=subprocess.DEVNULL)  # fmt: skip
        until = time.monotonic() + 120
        while not server.seen and time.monotonic() < until:
            time.sleep(0.01)
        os.kill(night.pid, signal.SIGKILL)
        night.wait()
        assert query(tmp_path, "SELECT count(*) FROM hook_pending") == [(1,)]
        assert_whole(tmp_path)
        assert run_night(config, MONDAY).exit_code == 0
        assert server.kinds == ["published"] * 2
        assert len({headers["idempotency-key"] for headers, _ in server.seen}) == 1
        assert query(tmp_path, "SELECT state FROM events WHERE stage = 'record'") == [("published",), ("unchanged",)]
    assert_tidy(tmp_path)


def test_a_crashed_night_is_told_of_by_the_next(tmp_path: Path) -> None:
    with receiving() as server:
        configure(tmp_path, hook(server.url))
        make(tmp_path, hook(server.url))
        night = subprocess.Popen(command("nightly", tmp_path / "night.toml", "--business-date", MONDAY), text=True,
                                 env=environment(), stderr=subprocess.PIPE)  # fmt: skip
        assert night.stderr is not None
        assert any(line.startswith("solve") for line in night.stderr)
        night.kill()
        night.wait()
        night.stderr.close()
        run_night(tmp_path / "night.toml", MONDAY)
        assert server.kinds == ["crashed", "published"]


def test_the_example_of_the_documents_is_a_configuration(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "hooks.md").read_text()
    (tmp_path / "night.toml").write_text(CONFIG + page.split("```toml\n")[1].split("```")[0])
    assert [hook.name for hook in read_config(tmp_path / "night.toml").hook] == ["erp", "pager"]
    for kind in get_args(Kind):
        assert f"`{kind}`" in page
