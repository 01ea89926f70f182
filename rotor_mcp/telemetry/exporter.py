"""Exports spans and metrics to the OTLP endpoint of the environment, over HTTP, and metrics to Prometheus."""

import re
from collections.abc import Sequence
from threading import Thread
from time import monotonic

import anyio
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.trace import Status

from rotor_mcp import __version__
from rotor_mcp.telemetry.instruments import Instruments
from rotor_mcp.telemetry.prometheus import MetricsEndpoint

NAME = "rotor_mcp"
EXPORT_TIMEOUT_SECONDS = 5.0
"""For the last export, so that a collector that is down does not delay the shutdown for longer."""

_WORD = re.compile(r"[A-Za-z_/]{1,60}")
_ALLOWED = {
    "error.type": re.compile(r"[\w.-]{1,60}"),
    "gen_ai.operation.name": _WORD,
    "gen_ai.prompt.name": _WORD,
    "gen_ai.tool.name": _WORD,
    "mcp.method.name": _WORD,
    "mcp.protocol.version": re.compile(r"\d{4}-\d\d-\d\d"),
    "rpc.response.status_code": re.compile(r"-?\d{1,6}"),
}
"""Attributes of the MCP SDK's spans that are exported, if the value matches."""


class Telemetry(Instruments):
    """The instruments with their exporters."""

    def __init__(self, *, traces: bool, metrics: bool, endpoint: MetricsEndpoint | None = None) -> None:
        """Export traces and metrics to the collector, and metrics at an endpoint, each if it is wanted."""
        given = OTELResourceDetector().detect().attributes
        resource = Resource.create({"service.name": "rotor-mcp", "service.version": __version__, **given})
        self._traces = TracerProvider(resource=resource, shutdown_on_exit=False)
        if traces:
            self._traces.add_span_processor(BatchSpanProcessor(_RedactingExporter()))
            trace.set_tracer_provider(self._traces)  # for the MCP SDK's spans
        self._endpoint = endpoint
        readers: list[MetricReader] = [endpoint.reader] if endpoint else []
        if metrics:
            readers.append(PeriodicExportingMetricReader(OTLPMetricExporter()))
        self._metrics = MeterProvider(readers, resource, shutdown_on_exit=False)
        super().__init__(
            self._traces.get_tracer(NAME, __version__), self._metrics.get_meter(NAME, __version__)
        )

    async def aclose(self) -> None:
        """Export what has not been exported yet, within `EXPORT_TIMEOUT_SECONDS`."""
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._shut_down)

    def _shut_down(self) -> None:
        if self._endpoint is not None:
            self._endpoint.close()
        # Daemon threads: one that still waits for the collector ends with the process.
        providers = (self._traces, self._metrics)
        threads = [Thread(target=provider.shutdown, daemon=True) for provider in providers]
        deadline = monotonic() + EXPORT_TIMEOUT_SECONDS
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(deadline - monotonic(), 0))


class _RedactingExporter(OTLPSpanExporter):
    """Exports spans without attributes that may hold personal data.

    The MCP SDK's span of a message holds the tool name that the client sent, its id, and an error's text.
    """

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export spans, those of the SDK redacted."""
        return super().export([span if _is_own_span(span) else _redacted(span) for span in spans])


def _is_own_span(span: ReadableSpan) -> bool:
    return span.instrumentation_scope is not None and span.instrumentation_scope.name == NAME


def _redacted(span: ReadableSpan) -> ReadableSpan:
    kept = {
        name: value
        for name, value in (span.attributes or {}).items()
        if name in _ALLOWED and isinstance(value, str) and _ALLOWED[name].fullmatch(value)
    }
    names = (kept.get(name) for name in ("mcp.method.name", "gen_ai.tool.name", "gen_ai.prompt.name"))
    return ReadableSpan(
        " ".join(name for name in names if name) or "message",
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=kept,
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )
