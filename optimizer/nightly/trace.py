"""A night as a trace for OpenTelemetry: a span for the night, and one within it for each stretch of a stage.

It is sent when the night is over: a collector that does not answer costs a few seconds then, and nothing before.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any

from optimizer.errors import OutputError, UsageError
from optimizer.nightly.watch import NightStory, Told, scrubbed

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

PATIENCE_S = 5
"""How long a collector may take."""


class Trace:
    """Sends by ``exporter``."""

    def __init__(self, exporter: SpanExporter) -> None:
        self.exporter = exporter

    @classmethod
    def to(cls, endpoint: str) -> Trace:
        """To a collector at an address, by OTLP over HTTP."""
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        except ModuleNotFoundError:
            raise UsageError("traces need the extra allot[otel]: pip install 'allot[otel]'") from None
        return cls(OTLPSpanExporter(endpoint=endpoint, timeout=PATIENCE_S))

    def hear(self, story: NightStory, told: Told) -> None:
        """Everything is sent at the end."""

    def end(self, story: NightStory) -> None:
        """Make the spans and send them. Raises `OutputError` where the collector did not take them."""
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # what it has to say is said below
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
        from opentelemetry.trace import Status, StatusCode, set_span_in_context

        provider = TracerProvider(resource=Resource.create({"service.name": "allot"}), shutdown_on_exit=False)
        memory = InMemorySpanExporter()
        provider.add_span_processor(SimpleSpanProcessor(memory))
        tracer = provider.get_tracer("allot.nightly")
        begin = story.started
        night = tracer.start_span("night", start_time=_nanoseconds(begin), attributes=_attributes(story))
        for stage, stretch in groupby(story.events, key=lambda told: told.entry.stage):
            events = list(stretch)
            first = events[0].at - timedelta(seconds=events[0].since_last)
            span = tracer.start_span(stage, context=set_span_in_context(night), start_time=_nanoseconds(first))
            for told in events:
                span.add_event(told.entry.state, _told(told), timestamp=_nanoseconds(told.at))
            if events[-1].entry.state == "failed":
                span.set_status(Status(StatusCode.ERROR, scrubbed(events[-1].entry.reason)))
            span.end(_nanoseconds(events[-1].at))
        if not story.succeeded:
            night.set_status(Status(StatusCode.ERROR, scrubbed(story.reason)))
        night.end(_nanoseconds(begin + timedelta(seconds=story.seconds)))
        if self.exporter.export(memory.get_finished_spans()) is not SpanExportResult.SUCCESS:
            raise OutputError("the collector did not take the trace")


def _attributes(story: NightStory) -> dict[str, Any]:
    return {
        "allot.config": story.config,
        "allot.run_id": story.run_id,
        "allot.business_date": story.business_date.isoformat() if story.business_date else "",
        "allot.state": story.state,
        "allot.exit_code": story.exit_code,
    }


def _told(told: Told) -> dict[str, Any]:
    entry = told.entry
    known = {"scenario": entry.scenario, "step": entry.step, "reason": scrubbed(entry.reason),
             "exit_code": entry.exit_code}  # fmt: skip
    return {f"allot.{name}": value for name, value in known.items() if value not in ("", None)}


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp() * 1e9)
