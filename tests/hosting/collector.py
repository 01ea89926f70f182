"""A small collector: takes what the OTLP exporter sends over HTTP, and reads it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Collector(ThreadingHTTPServer):
    """What it was sent: the bytes, and what they mean."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[tuple[str, bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def everything(self) -> bytes:
        return b"\n".join(body for _, body in self.received)

    def resources(self) -> list[dict[str, Any]]:
        """Who sent metrics, each once."""
        sent = [_attributes(part.resource.attributes) for part in self._metrics()]
        return [resource for number, resource in enumerate(sent) if resource not in sent[:number]]

    def spans(self) -> list[dict[str, Any]]:
        """All spans, in the order in which they began."""
        bodies = [body for path, body in self.received if path == "/v1/traces"]
        spans = [
            (scope.scope.name, span)
            for body in bodies
            for part in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in part.scope_spans
            for span in scope.spans
        ]
        names = {span.span_id: span.name for _, span in spans}
        return [
            {
                "name": span.name,
                "of": scope,
                "within": names.get(span.parent_span_id),
                "kind": {2: "server", 3: "client"}[span.kind],
                "seconds": (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
                "failed": span.status.code == 2,
                "words": span.status.message + "".join(str(event) for event in span.events),
                "attributes": _attributes(span.attributes),
            }
            for scope, span in sorted(spans, key=lambda one: one[1].start_time_unix_nano)
        ]

    def sums(self) -> dict[str, dict[str, float]]:
        """For each metric, what it came to by its attributes; of a histogram how many there were."""
        latest: dict[tuple[str, str, str], float] = {}
        for part in self._metrics():
            who = str(_attributes(part.resource.attributes)["service.instance.id"])
            for scope in part.scope_metrics:
                for metric in scope.metrics:
                    kind = metric.WhichOneof("data")
                    for point in getattr(metric, kind).data_points:
                        what = " ".join(
                            f"{key}={value}" for key, value in _attributes(point.attributes).items()
                        )
                        count = point.count if kind == "histogram" else point.as_int
                        latest[metric.name, what, who] = count
        sums: dict[str, dict[str, float]] = {}
        for (name, what, _), count in sorted(latest.items()):
            of_name = sums.setdefault(name, {})
            of_name[what] = of_name.get(what, 0) + count
        return sums

    def _metrics(self) -> Iterator[Any]:
        for path, body in self.received:
            if path == "/v1/metrics":
                yield from ExportMetricsServiceRequest.FromString(body).resource_metrics


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        self.server.received.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(200)
        self.send_header("content-type", "application/x-protobuf")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def _attributes(given: Any) -> dict[str, Any]:
    return {
        one.key: getattr(one.value, one.value.WhichOneof("value"))
        for one in sorted(given, key=lambda one: str(one.key))
    }


@contextmanager
def collecting() -> Iterator[Collector]:
    """Run a collector."""
    with Collector() as collector:
        thread = threading.Thread(target=collector.serve_forever)
        thread.start()
        try:
            yield collector
        finally:
            collector.shutdown()
            thread.join()
