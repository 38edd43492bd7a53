"""A configuration is understood or refused with a place and a cure, and what is secret is said nowhere."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from optimizer.errors import InputError, UsageError
from optimizer.nightly.config import read_config
from optimizer.nightly.migrations import MIGRATIONS
from optimizer.nightly.night import run_night
from optimizer.nightly.store import WRITE, Store, insert, utc_now
from tests.nightly.nights import CONFIG, allot, make

CANARY = "canary-4711"


def findings(place: Path, text: str) -> list[tuple[int | None, str | None, str]]:
    (place / "night.toml").write_text(text)
    with pytest.raises(InputError) as caught:
        read_config(place / "night.toml")
    return [(issue.row, issue.column, issue.code) for issue in caught.value.issues]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (('"Europe/Berlin"', '"Mars/Base"'), [(6, "time_zone", "bad_setting")]),
        (("time_zone =", "timezone ="), [(None, "time_zone", "missing_setting"), (6, "timezone", "unknown_setting")]),
        (('"night"', '"../night"'), [(2, "name", "bad_setting")]),
        (('"case/scenario.toml"', '["a/x.toml", "b/x.toml"]'), [(3, "scenarios", "bad_setting")]),
        (('as_of = "scenario"', "[tables.stok]\nmin_rows = 1"), [(7, "tables.stok", "bad_setting")]),
        (('as_of = "scenario"', "[tables.stock]\nmax_age_days = 1"), [(7, "tables.stock", "bad_setting")]),
        (('as_of = "scenario"', "[limits]\nwall_limit_s = 0"), [(8, "limits.wall_limit_s", "bad_setting")]),
        (("name =", "name"), [(None, None, "bad_toml")]),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, change: tuple[str, str], expected: list[object]) -> None:
    assert CONFIG.count(change[0])
    assert sorted(findings(tmp_path, CONFIG.replace(*change)), key=str) == sorted(expected, key=str)


@pytest.mark.parametrize(
    "store",
    [
        f'"mysql://planner:{CANARY}@db.example/allot"',
        f'"postgresql://planner:{CANARY}@db.example:{CANARY}/allot"',
        f'"postgresql:/planner:{CANARY}@db.example/allot"',
        f'"sqlite:///night/allot.db?key={CANARY}"',
        f'["{CANARY}"]',
        f'"{CANARY}',
    ],
)
def test_a_secret_is_said_nowhere(tmp_path: Path, store: str) -> None:
    make(tmp_path)
    text = CONFIG.replace('"sqlite:///night/allot.db"', store)
    assert CANARY in text
    (tmp_path / "night.toml").write_text(text)
    done = allot("nightly", tmp_path / "night.toml")
    assert done.returncode == 2
    assert "error" in done.stderr
    assert CANARY not in done.stderr + done.stdout
    assert not (tmp_path / "night").exists()


def test_a_store_from_the_environment_is_on_no_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = make(tmp_path)
    config.write_text(CONFIG.replace('"sqlite:///night/allot.db"', '"env:NIGHT_STORE"'))
    with pytest.raises(UsageError, match="NIGHT_STORE is not set"):
        run_night(config)
    monkeypatch.setenv("NIGHT_STORE", f"sqlite:///night/{CANARY}.db")
    (tmp_path / "case/stock.csv").write_text("warehouse_id\n")
    assert run_night(config).exit_code == 2
    written = [path for path in (tmp_path / "night").rglob("*") if path.is_file()]
    assert f"{CANARY}.db" in [path.name for path in written]
    for path in written:
        assert CANARY.encode() not in path.read_bytes(), path


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-03-29T00:59:00", "2026-03-29"),
        ("2026-10-24T21:59:00", "2026-10-24"),
        ("2026-10-24T22:00:00", "2026-10-25"),
        ("2026-10-25T22:59:00", "2026-10-25"),
        ("2026-10-25T23:00:00", "2026-10-26"),
        ("2026-12-31T23:00:00", "2027-01-01"),
    ],
)
def test_the_business_date_is_that_of_the_zone(tmp_path: Path, moment: str, expected: str) -> None:
    """The night of 25 October 2026 has 25 hours in Berlin, and is one date."""
    now = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert read_config(make(tmp_path)).business_date(now).isoformat() == expected


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("[tables.kits]\nmin_rows = 1", "a table that scenario.toml reads"),
        ('[tables.stock]\ndate_column = "on_hand_qty"\nmax_age_days = 1', "a date column of stock"),
    ],
)
def test_a_rule_that_fits_no_table_is_told(tmp_path: Path, rule: str, words: str) -> None:
    outcome = run_night(make(tmp_path, rule))
    assert outcome.exit_code == 2
    assert words in outcome.summary[1]


def test_migrations_are_applied_once_and_a_newer_store_is_refused(tmp_path: Path) -> None:
    url, versions = "sqlite:///allot.db", list(range(1, len(MIGRATIONS) + 1))
    for _ in range(2):
        store = Store(url, tmp_path)
        assert [row["version"] for row in store.rows("SELECT version FROM schema_migrations")] == versions
        store.close()
    store = Store(url, tmp_path)
    with store.transaction(WRITE) as connection:
        newer = {"version": len(MIGRATIONS) + 1, "name": "from the future", "applied_at": utc_now()}
        insert(connection, "schema_migrations", [newer])
    store.close()
    with pytest.raises(UsageError, match="use a newer allot"):
        Store(url, tmp_path)


def test_half_a_transaction_is_nothing(tmp_path: Path) -> None:
    """Readers see nothing of a write that is not committed, and nothing ever of one that was not."""
    store, reader = (Store("sqlite:///allot.db", tmp_path) for _ in range(2))
    row = {"run_id": "r", "config": "c", "business_date": "d", "started_at": "", "host": "", "pid": 1, "settings": "",
           "versions": ""}  # fmt: skip

    def half() -> None:
        with store.transaction(WRITE) as connection:
            insert(connection, "runs", [row])
            assert reader.rows("SELECT * FROM runs") == []
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    assert reader.rows("SELECT * FROM runs") == []
