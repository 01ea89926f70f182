"""The metrics and spans, named by OpenTelemetry's semantic conventions where these have a name.

No attribute comes from a lead or names a caller: callers are persons, their number is not bounded, and the
audit log records who did what.
"""

from collections.abc import Iterable
from time import time_ns

from opentelemetry.metrics import CallbackOptions, Meter, Observation
from opentelemetry.trace import SpanKind, StatusCode, Tracer
from opentelemetry.util.types import AttributeValue

from rotor_mcp.errors import NotSent
from rotor_mcp.events import CallFinished, CallSummary, EventListener, RequestEvent, SpentToday

DURATION_BUCKETS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)
"""Upper bounds of the histograms' buckets in seconds: from a cached result to more than any call takes."""

Attributes = dict[str, AttributeValue]


class Instruments(EventListener):
    """Records events as metrics and spans."""

    def __init__(self, tracer: Tracer, meter: Meter) -> None:
        self._tracer = tracer
        self._meter = meter
        self._calls = meter.create_counter(
            "rotor_mcp.calls", "{call}", "Calls that were let in, by what they called and how they ended."
        )
        self._rejections = meter.create_counter(
            "rotor_mcp.refusals", "{call}", "Calls that were not let in, by the reason."
        )
        self._call_seconds = meter.create_histogram(
            "mcp.server.operation.duration",
            "s",
            "Duration of calls.",
            explicit_bucket_boundaries_advisory=DURATION_BUCKETS,
        )
        self._requests = meter.create_counter(
            "rotor_mcp.requests", "{request}", "Requests to Rotor, by method and status."
        )
        self._ready = meter.create_gauge(
            "rotor_mcp.ready", "1", "Whether the last readiness probe was told that the server is ready."
        )
        self._request_seconds = meter.create_histogram(
            "http.client.request.duration",
            "s",
            "Duration of requests to Rotor.",
            explicit_bucket_boundaries_advisory=DURATION_BUCKETS,
        )

    def started(self, spent_today: SpentToday) -> None:
        """Register a gauge of each company's spent quota."""

        def spent(_: CallbackOptions) -> Iterable[Observation]:
            for company, requests in spent_today():
                yield Observation(requests, {"rotor_mcp.company": company})

        self._meter.create_observable_gauge(
            "rotor_mcp.quota.spent",
            [spent],
            "{request}",
            "Requests of a company's day (UTC) that were spent, as far as this process knows.",
        )

    def call_rejected(self, rejection: NotSent) -> None:
        """Count a rejected call."""
        self._rejections.add(1, {"rotor_mcp.reason": type(rejection).__name__})

    def readiness_told(self, *, ready: bool) -> None:
        """Note what a probe was told."""
        self._ready.set(int(ready))

    def call_finished(self, finished: CallFinished) -> None:
        """Count a call, and record its duration."""
        if (summary := finished.summary) is None:
            return
        self._calls.add(1, {"rotor_mcp.call": summary.operation, "rotor_mcp.outcome": summary.outcome})
        self._call_seconds.record(summary.seconds, _operation_attributes(summary))

    def request_finished(self, request: RequestEvent) -> None:
        """Count a request, record its duration, and create its span."""
        attributes: Attributes = {
            "http.request.method": request.method,
            "server.address": request.host,
            "url.template": request.path_template,
        }
        if request.status is not None:
            attributes["http.response.status_code"] = request.status
        if request.failure is not None or (request.status or 0) >= 400:
            attributes["error.type"] = request.failure or str(request.status)
        status = str(request.status or ("none" if request.sent else "not sent"))
        self._requests.add(1, {"http.request.method": request.method, "rotor_mcp.status": status})
        self._request_seconds.record(request.seconds, attributes)
        # Created afterwards with its start time, so that it never is the current span and its id is not sent.
        now = time_ns()
        span = self._tracer.start_span(
            f"{request.method} {request.path_template}",
            kind=SpanKind.CLIENT,
            attributes=attributes,
            start_time=now - round(1e9 * request.seconds),
        )
        if "error.type" in attributes:
            span.set_status(StatusCode.ERROR)
        span.end(now)


def _operation_attributes(summary: CallSummary) -> Attributes:
    """Return the attributes of a call: the protocol's method, and what it was called on."""
    match summary.operation.split():
        case ["resource", name]:
            attributes: Attributes = {"mcp.method.name": "resources/read", "rotor_mcp.resource": name}
        case ["completion"]:
            attributes = {"mcp.method.name": "completion/complete"}
        case _:
            attributes = {"mcp.method.name": "tools/call", "gen_ai.tool.name": summary.operation}
    return attributes | {"rotor_mcp.outcome": summary.outcome}
