"""What a configuration says about who hears of a night."""

from __future__ import annotations

import os

from optimizer.scenario.schema import Frozen

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
"""Where collectors are named by everyone; the second is a base that the path of traces is added to."""


class LogSettings(Frozen):
    """``file``: JSON lines are added to it, whatever is shown on the terminal."""

    file: str | None = None


class MetricsSettings(Frozen):
    """``textfile``: for the textfile collector of Prometheus' node exporter; its name ends with ``.prom``."""

    textfile: str | None = None


class TraceSettings(Frozen):
    """``endpoint``: of a collector that takes OTLP over HTTP, such as http://localhost:4318/v1/traces."""

    endpoint: str | None = None

    def address(self) -> str | None:
        """The address of the configuration, or of the environment; None: no traces."""
        exact, base = (os.environ.get(name) for name in ENDPOINTS)
        return self.endpoint or exact or (f"{base.rstrip('/')}/v1/traces" if base else None)
