"""Reads from OpenTelemetry's environment variables whether traces or metrics are requested.

| variable                                                             | effect                           |
|----------------------------------------------------------------------|----------------------------------|
| `OTEL_SDK_DISABLED=true`                                             | neither, whatever else is set    |
| `OTEL_TRACES_EXPORTER`, `OTEL_METRICS_EXPORTER`                      | `otlp` or `none`                 |
| `OTEL_EXPORTER_OTLP_ENDPOINT`                                        | both, unless those above are set |
| `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, `…_METRICS_ENDPOINT`           | that signal, likewise            |
| `OTEL_EXPORTER_OTLP_PROTOCOL`, `…_TRACES_PROTOCOL`, `…_METRICS_PROTOCOL` | `http/protobuf`, nothing else |

OpenTelemetry itself reads the endpoint, the interval and the service name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

from rotor_mcp.config import ConfigError
from rotor_mcp.extras import install_hint

PROTOCOL = "http/protobuf"


@dataclass(frozen=True)
class Signals:
    """Which signals are exported."""

    traces: bool
    metrics: bool


def requested_signals(environment: Mapping[str, str]) -> Signals:
    """Return the signals that the environment requests.

    Raises:
        ConfigError: if a value is not supported, or the extra `telemetry` is missing.
    """
    given = {name: value.strip() for name, value in environment.items() if value.strip()}
    if given.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return Signals(traces=False, metrics=False)
    signals = Signals(traces=_is_requested("TRACES", given), metrics=_is_requested("METRICS", given))
    if (signals.traces or signals.metrics) and not _installed():
        raise ConfigError(
            "OTEL_… variables ask for telemetry, which needs other packages: "
            f"{install_hint('telemetry')}, or set OTEL_SDK_DISABLED=true"
        )
    return signals


def check_endpoint(environment: Mapping[str, str]) -> None:
    """Check that metrics can be served at an endpoint.

    Raises:
        ConfigError: if they are switched off, or the extra `telemetry` is missing.
    """
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        raise ConfigError("ROTOR_MCP_METRICS: OTEL_SDK_DISABLED=true switches all metrics off")
    if not _installed():
        raise ConfigError(f"ROTOR_MCP_METRICS: metrics need other packages: {install_hint('telemetry')}")


def _is_requested(signal: Literal["TRACES", "METRICS"], given: Mapping[str, str]) -> bool:
    variable = f"OTEL_{signal}_EXPORTER"
    exporter = given.get(variable)
    if exporter not in (None, "none", "otlp"):
        raise ConfigError(
            f"{variable}: must be otlp or none; nothing else is built in, but for Prometheus there is "
            "ROTOR_MCP_METRICS"
        )
    endpoints = ("OTEL_EXPORTER_OTLP_ENDPOINT", f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")
    if exporter == "none" or (exporter is None and not any(name in given for name in endpoints)):
        return False
    variable = f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL"
    if variable not in given:
        variable = "OTEL_EXPORTER_OTLP_PROTOCOL"
    if given.get(variable, PROTOCOL) != PROTOCOL:
        raise ConfigError(f"{variable}: must be {PROTOCOL}; nothing else is built in")
    return True


def _installed() -> bool:
    try:
        return all(
            find_spec(name)
            for name in (
                "opentelemetry.sdk",
                "opentelemetry.exporter.otlp.proto.http",
                "opentelemetry.exporter.prometheus",
            )
        )
    except ModuleNotFoundError:
        return False
