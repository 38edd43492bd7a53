"""What a night tells to those who watch: JSON lines, metrics that Prometheus reads, a trace; also when it fails."""

from __future__ import annotations

import gzip
import http.server
import json
import threading
from datetime import UTC, date, datetime
from pathlib import Path
from typing import ClassVar

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from prometheus_client.parser import text_string_to_metric_families

from optimizer.nightly import trace
from optimizer.nightly.lock import NightLock
from optimizer.nightly.log_lines import KEYS, LogLines, line
from optimizer.nightly.metrics import HELP, STATES, MetricsFile, samples_of
from optimizer.nightly.night import run_night
from optimizer.nightly.registry import Entry
from optimizer.nightly.trace import Trace
from optimizer.nightly.watch import NightStory, Watch
from optimizer.nightly.watch_config import TraceSettings
from tests.nightly.nights import allot, assert_whole, configure, make, published, query

MONDAY, TUESDAY = date(2026, 11, 23), date(2026, 11, 24)
WATCHED = '[log]\nfile = "night.log"\n[metrics]\ntextfile = "metrics/allot.prom"\n'
STALE = WATCHED + "[tables.stock]\nmin_rows = 2\n"


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(each) for each in text.splitlines()]


def metrics(place: Path) -> dict[tuple[str, ...], float]:
    """Samples of the text file, read as Prometheus reads it, by name and labels other than the configuration."""
    text = (place / "metrics/allot.prom").read_text()
    found = {}
    for family in text_string_to_metric_families(text):
        assert family.type == "gauge"
        assert family.documentation
        for sample in family.samples:
            assert sample.labels["config"] == "night"
            labels = [value for name, value in sorted(sample.labels.items()) if name != "config"]
            found[sample.name.removeprefix("allot_"), *labels] = sample.value
    return found


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, float]:
    """A place where Monday was published under watch; what stood on standard error; when it began."""
    place, begun = tmp_path_factory.mktemp("watched"), datetime.now(UTC).timestamp()
    done = allot("nightly", make(place, WATCHED), "--business-date", MONDAY, "--log-format", "json")
    assert done.returncode == 0, done.stderr
    return place, done.stderr, begun


def test_the_log_is_an_object_a_line(watched: tuple[Path, str, float]) -> None:
    place, said, _ = watched
    told = lines(said)
    assert {tuple(each) for each in told} == {KEYS}
    run_id = query(place, "SELECT run_id FROM runs")[0][0]
    assert {(each["run_id"], each["config"], each["business_date"]) for each in told} == {
        (run_id, "night", MONDAY.isoformat())
    }
    assert [each["stage"] for each in told] == [
        "start", "pull", "check", "solve", "solve", "verify", "record", "end"
    ]  # fmt: skip
    assert [each["seconds"] for each in told] == sorted(each["seconds"] for each in told)
    assert (told[4]["scenario"], told[4]["step"], told[4]["state"]) == ("scenario", "full", "done")
    assert (told[-1]["level"], told[-1]["state"], told[-1]["exit_code"]) == ("info", "published", 0)
    assert all(datetime.fromisoformat(each["time"]).tzinfo for each in told)
    assert (place / "night.log").read_text().splitlines()[:-1] == said.splitlines()[:-1]


def test_metrics_of_a_night_that_published(watched: tuple[Path, str, float]) -> None:
    place, _, begun = watched
    found = metrics(place)
    assert {name for name, *_ in found} == {name.removeprefix("allot_") for name in HELP}
    assert begun <= found["night_last_start_timestamp_seconds",] <= found["night_last_success_timestamp_seconds",]
    assert found["night_exit_code",] == 0
    assert [state for state in STATES if found["night_state", state]] == ["published"]
    run = json.loads((place / "night/published/current/scenario/run.json").read_text())
    assert found["plan_objective", "scenario"] == run["objective_value"]
    assert found["plan_gap_ratio", "scenario"] == float(run["rel_gap"])
    shorts = (place / "night/published/current/scenario/shorts.csv").read_text().splitlines()
    assert found["plan_lines_short", "scenario"] == len(shorts) - 1
    assert found["plan_business_date_timestamp_seconds", "scenario"] == datetime(2026, 11, 23, tzinfo=UTC).timestamp()
    stock = place / "case/stock.csv"
    changed = found["input_changed_timestamp_seconds", "scenario", "stock"]
    assert changed == pytest.approx(stock.stat().st_mtime, abs=0.01)
    assert found["input_rows", "scenario", "stock"] == len(stock.read_text().splitlines()) - 1
    stages = [key[1] for key in found if key[0] == "night_stage_seconds"]
    assert sorted(stages) == ["check", "pull", "record", "solve", "start", "verify"]
    total = sum(found["night_stage_seconds", stage] for stage in stages)
    assert 0 < total <= found["night_duration_seconds",]


def test_metrics_and_trace_of_a_night_that_kept_its_plan(watched: tuple[Path, str, float]) -> None:
    """The last success and the plan stay as they were; the trace has an error in the stage that ended it."""
    place, before, exporter = watched[0], metrics(watched[0]), InMemorySpanExporter()
    outcome = run_night(configure(place, STALE), TUESDAY, listeners=[Trace(exporter)])
    assert outcome.exit_code == 2
    found = metrics(place)
    assert found["night_exit_code",] == 2
    assert [state for state in STATES if found["night_state", state]] == ["kept"]
    for name in ("night_last_success_timestamp_seconds",), ("plan_objective", "scenario"):
        assert found[name] == before[name]
    assert found["night_last_start_timestamp_seconds",] > before["night_last_start_timestamp_seconds",]
    spans = {span.name: span for span in exporter.get_finished_spans()}
    assert list(spans) == ["start", "pull", "check", "record", "night"]
    night = spans["night"]
    assert all(span.parent.span_id == night.context.span_id for name, span in spans.items() if name != "night")
    assert (night.attributes["allot.state"], night.attributes["allot.exit_code"]) == ("kept", 2)
    assert spans["check"].status.status_code == StatusCode.ERROR
    assert "1 rows, at least 2 expected" in spans["check"].status.description
    assert night.start_time <= spans["pull"].start_time <= spans["pull"].end_time <= night.end_time
    assert night.resource.attributes["service.name"] == "allot"


class Collector(http.server.BaseHTTPRequestHandler):
    """Takes what is posted; ``taken`` are the names of the spans in it."""

    taken: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        body = gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.taken.extend(span.name for scope in resource.scope_spans for span in scope.spans)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *words: object) -> None:
        pass


def told_to(address: str) -> list[str]:
    """What a watch with a trace to an address warns of."""
    warnings: list[str] = []
    watch = Watch("night", [Trace.to(address)], warnings.append, datetime.now(UTC))
    watch.hear(Entry("pull", "done"))
    watch.end()
    return warnings


def test_a_collector_takes_the_trace_over_http(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "PATIENCE_S", 0.5)
    with http.server.HTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", base)
        assert told_to(str(TraceSettings().address())) == []
        server.shutdown()
    assert Collector.taken == ["pull", "night"]
    (warning,) = told_to(f"{base}/v1/traces")  # nobody is there any more
    assert warning == "Trace failed and is left out: OutputError: the collector did not take the trace"


def test_errors_before_a_night_are_lines_too_and_no_metrics(tmp_path: Path) -> None:
    config = make(tmp_path, WATCHED)
    with NightLock(tmp_path / "night/published", datetime.now(UTC)):
        done = allot("nightly", config, "--log-format", "json")
    assert done.returncode == 75
    (told,) = lines(done.stderr)
    assert (told["config"], told["stage"], told["level"], told["exit_code"]) == ("night", "end", "error", 75)
    assert "another run holds" in str(told["reason"])
    assert not (tmp_path / "metrics").exists()


def test_a_store_that_cannot_be_opened_is_told_once_and_counts_as_failed(tmp_path: Path) -> None:
    config = make(tmp_path, WATCHED)
    config.write_text(config.read_text().replace("night/allot.db", "case/stock.csv/allot.db"))
    done = allot("nightly", config, "--log-format", "json")
    assert done.returncode == 1
    (told,) = lines(done.stderr)
    assert (told["stage"], told["state"], told["exit_code"]) == ("end", "failed", 1)
    found = metrics(tmp_path)
    assert found["night_exit_code",] == 1
    assert found["night_state", "failed"] == 1
    assert ("night_last_success_timestamp_seconds",) not in found


def test_a_listener_that_fails_stops_no_night(tmp_path: Path) -> None:
    """The folder of the metrics is a file."""
    (tmp_path / "metrics").write_text("")
    said: list[str] = []
    assert run_night(make(tmp_path, WATCHED), MONDAY, observe=said.append).exit_code == 0
    assert any(each.startswith("MetricsFile failed and is left out: FileExistsError") for each in said)
    assert len(published(tmp_path)) == 1
    assert_whole(tmp_path)


def test_a_damaged_file_of_metrics_is_written_anew_and_another_configuration_stays(tmp_path: Path) -> None:
    file = tmp_path / "metrics/allot.prom"
    file.parent.mkdir()
    file.write_text("allot_night_exit_code{config=")
    for name in ("night", "other", "night"):
        story = NightStory(name, datetime.now(UTC), state="published", exit_code=0)
        MetricsFile(file).end(story)
    families = {family.name: family for family in text_string_to_metric_families(file.read_text())}
    configs = sorted(sample.labels["config"] for sample in families["allot_night_exit_code"].samples)
    assert configs == ["night", "other"]
    assert [path.name for path in file.parent.iterdir()] == ["allot.prom"]


def test_a_plan_whose_folder_is_harmed_has_figures_without_its_lines(tmp_path: Path) -> None:
    watch = Watch("night", [], lambda warning: None, datetime.now(UTC))
    row = {"gap": "0.01", "objective_value": "19", "published_at": "2026-11-23T01:00:00.000+00:00",
           "business_date": "2026-11-23", "folder": str(tmp_path / "gone")}  # fmt: skip
    watch.concluded("kept", 2, "stale", {"scenario": row})
    assert watch.story.plans["scenario"]["lines_short"] is None
    names = {name for name, *_ in samples_of(watch.story)}
    assert "allot_plan_gap_ratio" in names
    assert "allot_plan_lines_short" not in names


def test_no_password_of_an_address_is_told() -> None:
    said: list[str] = []
    story = NightStory("night", datetime.now(UTC), reason="OperationalError: postgresql://allot:canary@db/x: gone")
    LogLines(said.append).end(story)
    assert "postgresql://allot:***@db/x: gone" in said[0]
    assert "canary" not in said[0] + line(reason="mysql://:canary@db")
