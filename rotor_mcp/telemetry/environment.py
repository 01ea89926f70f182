"""Whether somebody wants traces or metrics, by the environment variables that OpenTelemetry has for that.

| variable                                                             | what it says                     |
|----------------------------------------------------------------------|----------------------------------|
| `OTEL_SDK_DISABLED=true`                                             | nothing, whatever else is set    |
| `OTEL_TRACES_EXPORTER`, `OTEL_METRICS_EXPORTER`                      | `otlp` or `none`                 |
| `OTEL_EXPORTER_OTLP_ENDPOINT`                                        | both, if the former do not say   |
| `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, `…_METRICS_ENDPOINT`           | that one, if the former do not   |
| `OTEL_EXPORTER_OTLP_PROTOCOL`, `…_TRACES_PROTOCOL`, `…_METRICS_PROTOCOL` | `http/protobuf`, nothing else |

Where it goes, how often, and by which name is read by OpenTelemetry itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

from rotor_mcp.config import ConfigError

PROTOCOL = "http/protobuf"


@dataclass(frozen=True)
class Signals:
    """What somebody wants to have."""

    traces: bool
    metrics: bool


def requested_signals(environment: Mapping[str, str]) -> Signals:
    """Read what is wanted.

    Raises:
        ConfigError: if it cannot be had.
    """
    signals = _read(environment)
    if (signals.traces or signals.metrics) and not _installed():
        raise ConfigError(
            "OTEL_… variables ask for telemetry, which needs other packages: pip install "
            "'rotor-mcp[telemetry]', or set OTEL_SDK_DISABLED=true"
        )
    return signals


def _read(environment: Mapping[str, str]) -> Signals:
    given = {name: value.strip() for name, value in environment.items() if value.strip()}
    if given.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return Signals(traces=False, metrics=False)
    return Signals(traces=_is_requested("TRACES", given), metrics=_is_requested("METRICS", given))


def _is_requested(signal: Literal["TRACES", "METRICS"], given: Mapping[str, str]) -> bool:
    variable = f"OTEL_{signal}_EXPORTER"
    exporter = given.get(variable)
    if exporter not in (None, "none", "otlp"):
        raise ConfigError(f"{variable}: must be otlp or none; nothing else is built in")
    endpoints = ("OTEL_EXPORTER_OTLP_ENDPOINT", f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")
    if exporter == "none" or (exporter is None and not any(name in given for name in endpoints)):
        return False
    for variable in (f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        protocol = given.get(variable)
        if protocol is not None:
            if protocol != PROTOCOL:
                raise ConfigError(f"{variable}: must be {PROTOCOL}; nothing else is built in")
            break
    return True


def _installed() -> bool:
    try:
        return all(
            find_spec(name) for name in ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
        )
    except ModuleNotFoundError:
        return False
