"""Serves the metrics of this process in Prometheus's format, at an address of their own."""

from wsgiref.simple_server import WSGIServer

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server


class MetricsEndpoint:
    """An address at which Prometheus reads the metrics."""

    def __init__(self, host: str, port: int) -> None:
        """Listen, in a thread.

        Args:
            host: address of this machine.
            port: to listen on; 0 for a free one.

        Raises:
            OSError: if the port cannot be used.
        """
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)  # memory, CPU time and open files
        # Without the name of the instrumentation on each line: there is only one.
        self.reader = PrometheusMetricReader(scope_info_enabled=False, registry=registry)
        self._server: WSGIServer = start_http_server(port, host, registry)[0]

    @property
    def url(self) -> str:
        """The address of the metrics."""
        host, port = self._server.server_address[:2]
        host = host if isinstance(host, str) else host.decode()
        return f"http://{f'[{host}]' if ':' in host else host}:{port}/metrics"

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
