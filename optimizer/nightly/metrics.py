"""Metrics for Prometheus as a text file, replaced in one step after each night, also after one that failed.

Times are timestamps, not ages: an age would stand still until the next night; `time() - x` in a rule does not. What a
night did not come to know (the last success, figures of plans where the store failed) stays as it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from optimizer.errors import LOCKED, UsageError
from optimizer.nightly.watch import NightStory, Told

STATES = ("published", "partial", "kept", "unchanged", "interrupted", "failed")
HELP = {
    "allot_night_last_start_timestamp_seconds": "When the last night began.",
    "allot_night_last_end_timestamp_seconds": "When the last night ended.",
    "allot_night_last_success_timestamp_seconds": "When a night last ended with every plan of its date published.",
    "allot_night_duration_seconds": "How long the last night took.",
    "allot_night_stage_seconds": "How long each stage of the last night took.",
    "allot_night_exit_code": "How the last night ended.",
    "allot_night_state": "1 for what the last night came to, 0 for the other states.",
    "allot_plan_objective": "Value of the plan that counts, in the currency of the scenario.",
    "allot_plan_gap_ratio": "Proven gap of the plan that counts.",
    "allot_plan_lines_short": "Order lines that the plan that counts does not fill.",
    "allot_plan_published_timestamp_seconds": "When the plan that counts was published.",
    "allot_plan_business_date_timestamp_seconds": "Begin (UTC) of the business date of the plan that counts.",
    "allot_input_rows": "Rows of each input table, as the last night read it.",
    "allot_input_changed_timestamp_seconds": "When the file of each input table was last changed.",
}
Labels = tuple[tuple[str, str], ...]
Sample = tuple[str, Labels, float]


class MetricsFile:
    """Writes at the end; hears of nothing before."""

    def __init__(self, path: Path) -> None:
        try:
            import prometheus_client as _  # noqa: F401
        except ModuleNotFoundError:
            raise UsageError("[metrics] needs the extra allot[ops]: pip install 'allot[ops]'") from None
        self.path = path

    def hear(self, story: NightStory, told: Told) -> None:
        """See the class."""

    def end(self, story: NightStory) -> None:
        """Replace the file: what this night knows, and of other families and configurations what was there."""
        from prometheus_client import CollectorRegistry, Gauge, write_to_textfile

        if story.exit_code == LOCKED:
            return  # the run that is at work will tell
        samples = list(samples_of(story))
        stated = {(name, dict(labels)["config"]) for name, labels, _ in samples}
        before = [each for each in self._before() if (each[0], dict(each[1]).get("config", "")) not in stated]
        registry, gauges = CollectorRegistry(), dict[str, Gauge]()
        for name, labels, value in [*before, *samples]:
            if name in HELP:
                gauge = gauges.get(name) or Gauge(name, HELP[name], [key for key, _ in labels], registry=registry)
                gauges[name] = gauge
                gauge.labels(**dict(labels)).set(value)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_to_textfile(str(self.path), registry)

    def _before(self) -> Iterator[Sample]:
        """What the file says now; nothing if it is not there or damaged."""
        from prometheus_client.parser import text_string_to_metric_families

        try:
            families = list(text_string_to_metric_families(self.path.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return
        for family in families:
            for sample in family.samples:
                yield sample.name, tuple(sample.labels.items()), sample.value


def samples_of(story: NightStory) -> Iterator[Sample]:
    """What is known of a night."""

    def sample(name: str, value: float, **labels: str) -> Sample:
        return f"allot_{name}", (("config", story.config), *labels.items()), float(value)

    end = datetime.now(UTC).timestamp()
    yield sample("night_last_start_timestamp_seconds", story.started.timestamp())
    yield sample("night_last_end_timestamp_seconds", end)
    if story.succeeded:
        yield sample("night_last_success_timestamp_seconds", end)
    yield sample("night_duration_seconds", story.seconds)
    yield sample("night_exit_code", story.exit_code)
    for state in STATES:
        yield sample("night_state", story.state == state, state=state)
    for stage, seconds in story.stage_seconds().items():
        yield sample("night_stage_seconds", seconds, stage=stage)
    for scenario, plan in story.plans.items():
        for name, value in _plan_figures(plan):
            yield sample(f"plan_{name}", value, scenario=scenario)
    for (scenario, table), known in story.tables.items():
        yield sample("input_rows", known["rows"], scenario=scenario, table=table)
        if known["changed"] is not None:
            yield sample(
                "input_changed_timestamp_seconds", known["changed"].timestamp(), scenario=scenario, table=table
            )


def _plan_figures(plan: Any) -> Iterator[tuple[str, float]]:
    begin = date.fromisoformat(plan["business_date"])
    yield "published_timestamp_seconds", plan["published"].timestamp()
    yield "business_date_timestamp_seconds", datetime(begin.year, begin.month, begin.day, tzinfo=UTC).timestamp()
    for name, key in (("objective", "objective"), ("gap_ratio", "gap"), ("lines_short", "lines_short")):
        if plan[key] is not None:
            yield name, float(plan[key])
