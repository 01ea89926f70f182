"""The processes that serve: one, or several behind one port. SIGTERM lets calls in hand end, for a while."""

import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import click
import uvicorn
from starlette.applications import Starlette

from rotor_mcp import gc_tuning, log_setup
from rotor_mcp.cli.options import connection
from rotor_mcp.config import ConfigError, Settings, environment_variable
from rotor_mcp.events import EventListener
from rotor_mcp.hosting.app import build_app
from rotor_mcp.hosting.connections import MAX_BUSY_CONNECTIONS, LimitedProtocol
from rotor_mcp.hosting.middleware import access_log
from rotor_mcp.hosting.processes import Processes, listeners
from rotor_mcp.hosting.settings import PATH, HostSettings
from rotor_mcp.server.backend import open_listeners, open_registry
from rotor_mcp.sockets import http_url
from rotor_mcp.telemetry.environment import requested_signals

if TYPE_CHECKING:
    import httpx2

SHUTDOWN_GRACE_SECONDS = 5
"""Seconds that calls in hand get beyond what a call may take."""


def serve(http: str, values: Mapping[str, str | None], sandbox_file: str | None = None) -> None:
    """Serve until SIGINT or SIGTERM, and return. What `HostSettings` holds comes from the environment.

    Args:
        http: host and port.
        values: settings of the server, by name.
        sandbox_file: of an embedded Rotor to use instead of the real one.

    Raises:
        click.ClickException: if a setting cannot be used, or the port cannot be had.
    """
    settings, transport = connection(sandbox_file, dict(values))
    host = _host(http)
    _check_together(settings, host, sandbox_file)
    _check_telemetry()
    try:
        sockets = listeners(host.host, host.port, host.workers)
    except OSError as exc:
        raise click.ClickException(f"cannot listen on {host.http}: {exc.strerror}") from None
    if host.workers == 1:
        app: Starlette | str = _application(settings, host, transport)
    else:
        # Each process begins anew and finds its settings in its environment.
        given = {
            environment_variable(name): value for name, value in {**values, "http": http}.items() if value
        }
        os.environ.update(given)
        app = f"{__name__}:create"
    click.echo(
        f"Serving MCP at {host.public_url or http_url(sockets[0][0])}{PATH}. Stop it with Ctrl-C.", err=True
    )
    config = uvicorn.Config(
        app,
        factory=host.workers > 1,
        workers=host.workers,
        http=LimitedProtocol,
        limit_concurrency=MAX_BUSY_CONNECTIONS,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=host.keep_alive,
        timeout_graceful_shutdown=int(settings.timeout) + SHUTDOWN_GRACE_SECONDS,
    )
    # uvicorn raises a signal once more when all is done; by then there is nothing to interrupt.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    if host.workers == 1:
        uvicorn.Server(config).run(sockets[0])
    else:
        Processes(config, sockets).run()


def create() -> Starlette:
    """Build the application of one of several processes, from its environment."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    values = {name: os.environ.get(environment_variable(name)) for name in Settings.model_fields}
    settings, transport = connection(None, values)
    return _application(settings, _host(os.environ["ROTOR_MCP_HTTP"]), transport)


def _end_with_parent() -> None:
    """End as on SIGTERM when the first process is gone: without it nobody would ever stop this one."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def _application(
    settings: Settings, host: HostSettings, transport: "Callable[[], httpx2.AsyncBaseTransport] | None"
) -> Starlette:
    tenants = open_registry(settings, transport, listeners=_listeners())
    log_setup.configure(settings, tenants.redact)
    lines = logging.StreamHandler(sys.stderr)
    lines.setFormatter(logging.Formatter("%(message)s"))
    access_log.handlers, access_log.propagate = [lines], False
    access_log.setLevel(logging.INFO)
    if host.key_from == "server" and (warning := settings.key_trouble or settings.key_warning):
        logging.getLogger(__name__).warning(warning)
    try:
        app = build_app(settings, host, tenants)
    except (OSError, ValueError) as exc:
        raise click.ClickException(str(exc)) from None
    gc_tuning.tune_for_serving()
    return app


def _host(http: str) -> HostSettings:
    values = {name: os.environ.get(environment_variable(name)) for name in HostSettings.model_fields}
    try:
        return HostSettings.load(values | {"http": http})
    except ConfigError as exc:
        raise click.UsageError(str(exc)) from None


def _listeners() -> Sequence[EventListener]:
    try:
        return open_listeners(os.environ)
    except ConfigError as exc:
        raise click.UsageError(str(exc)) from None


def _check_telemetry() -> None:
    """See that telemetry can be had, before any process begins with it."""
    try:
        requested_signals(os.environ)
    except ConfigError as exc:
        raise click.UsageError(str(exc)) from None


def _check_together(settings: Settings, host: HostSettings, sandbox_file: str | None) -> None:
    """See that what is right by itself is right together.

    Raises:
        click.UsageError: if it is not.
    """
    if host.workers > 1 and settings.redis_url is None:
        raise click.UsageError(
            "ROTOR_MCP_WORKERS: several processes need ROTOR_MCP_REDIS_URL, since there calls for one person "
            "wait for each other; without it one person could be filed twice"
        )
    if host.workers > 1 and sandbox_file is not None:
        raise click.UsageError(
            "ROTOR_MCP_WORKERS: each process would have a sandbox of its own; serve one by rotor-mcp sandbox"
        )
    shared = host.workers > 1 or settings.redis_url is not None
    if shared and host.state_secret is None and settings.key is None:
        raise click.UsageError(
            "set ROTOR_MCP_STATE_SECRET: what one process asks a person may be answered to another, and they "
            "have no Rotor key in common to seal it with"
        )
