"""Prepares a process to serve HTTP: settings, logging, telemetry and the application."""

import logging
import os
from collections.abc import Callable, Iterator, Sequence

from starlette.applications import Starlette

from rotor_mcp import gc_tuning, log_setup
from rotor_mcp.api.pool import TransportFactory
from rotor_mcp.config import ConfigError, Settings
from rotor_mcp.config_file import unknown_variables
from rotor_mcp.events import EventListener
from rotor_mcp.hosting.app import build_app
from rotor_mcp.hosting.settings import SETTING_NAMES, HostSettings
from rotor_mcp.hosting.single_process import NEED_REDIS, claim
from rotor_mcp.server.backend import open_listeners, open_registry

_SERVER_LOGGERS = ("uvicorn", "uvicorn.error", "gunicorn.error", "_granian", "granian")
"""Loggers of ASGI servers, which give them handlers of their own. Access logs are left alone: with
`--no-access-log` they have no handler."""

logger = logging.getLogger(__name__)


def check(settings: Settings, host: HostSettings, *, in_sandbox: bool = False) -> None:
    """Check that the settings are valid together.

    Raises:
        ConfigError: if they are not.
    """
    if found := [*conflicts(settings, host, in_sandbox=in_sandbox)]:
        raise ConfigError("; ".join(found))


def conflicts(settings: Settings, host: HostSettings, *, in_sandbox: bool = False) -> Iterator[str]:
    """Yield what is wrong with settings that are valid by themselves."""
    if host.workers > 1 and settings.redis_url is None:
        yield f"ROTOR_MCP_WORKERS: {NEED_REDIS}"
    if host.workers > 1 and host.metrics is not None:
        yield (
            "ROTOR_MCP_METRICS: each of several processes counts for itself, and one address shows one of "
            "them. Serve several servers of one process, each with an address for its metrics; or let "
            "OTEL_METRICS_EXPORTER=otlp send them to a collector"
        )
    if host.workers > 1 and in_sandbox:
        yield (
            "ROTOR_MCP_WORKERS: each process would have a sandbox of its own; serve one by rotor-mcp sandbox"
        )
    if "redis_required" in settings.model_fields_set and settings.redis_required and not settings.redis_url:
        yield f"{settings.source('redis_required')} is true, but no Redis is named: set ROTOR_MCP_REDIS_URL"
    shared = host.workers > 1 or settings.redis_url is not None
    if shared and host.state_secret is None and settings.key is None:
        yield (
            "set ROTOR_MCP_STATE_SECRET: what one process asks a person may be answered to another, and they "
            "have no Rotor key in common to seal it with"
        )


def configure_log(settings: Settings, redact: Callable[[str], str] | None = None) -> None:
    """Log to stderr, with the lines of the ASGI server in the same form.

    `redact` removes secrets from a line; that of the settings if None.
    """
    log_setup.configure(settings, redact, default_level="info")
    for name in _SERVER_LOGGERS:
        theirs = logging.getLogger(name)
        theirs.handlers, theirs.propagate = [], True


def start(
    settings: Settings,
    host: HostSettings,
    transport: TransportFactory | None = None,
) -> Starlette:
    """Set up this process, and return the application that it serves.

    Raises:
        ConfigError: if settings or their files cannot be used, or another process serves the same without
            Redis.
    """
    if transport is None and settings.redis_url is None:
        claim(settings, host)
    tenants = open_registry(settings, transport, listeners=_open_listeners(host))
    configure_log(settings, tenants.redact)
    for variable, setting in unknown_variables(os.environ, SETTING_NAMES):
        logger.warning(
            "%s is no setting: is %s meant?",
            variable,
            setting,
            extra={"event": "variable_unknown", "variable": variable, "setting": setting},
        )
    if host.key_from == "server":
        log_setup.warn_of_key(settings)
    if host.metrics is not None:
        logger.info(
            "Metrics for Prometheus are at http://%s/metrics",
            host.metrics,
            extra={"event": "metrics_started", "address": host.metrics},
        )
    app = build_app(settings, host, tenants)
    gc_tuning.tune_for_serving()
    return app


def _open_listeners(host: HostSettings) -> Sequence[EventListener]:
    try:
        return open_listeners(os.environ, host.metrics_at)
    except OSError as exc:
        raise ConfigError(
            f"ROTOR_MCP_METRICS: cannot listen on {host.metrics}: {exc.strerror}. Each process needs a port "
            "of its own"
        ) from None
