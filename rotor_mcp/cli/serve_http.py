"""`rotor-mcp serve --http`: over HTTP, in one process or in several."""

import logging
import os
from collections.abc import Sequence
from socket import socket

import click

from rotor_mcp import __version__, gc_tuning
from rotor_mcp.api.pool import TransportFactory
from rotor_mcp.cli.options import connection
from rotor_mcp.config import ConfigError, Settings, environment_variable
from rotor_mcp.config_file import GivenSettings
from rotor_mcp.hosting import server, startup
from rotor_mcp.hosting.settings import PATH, HostSettings
from rotor_mcp.sockets import http_url, listen_on_all
from rotor_mcp.telemetry.environment import requested_signals

logger = logging.getLogger(__name__)


def serve_http(file: str | None, given: GivenSettings) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        click.ClickException: if a setting cannot be used, or the port cannot be had.
    """
    settings, transport = connection(file, given)
    try:
        host = HostSettings.load(given.values, given.sources)
        startup.check(settings, host, in_sandbox=file is not None)
        requested_signals(os.environ)
        if host.workers == 1:
            _serve_in_one_process(settings, host, transport)
        else:
            # Each process begins anew and finds its settings in its environment.
            os.environ.update(
                {environment_variable(name): value for name, value in given.values.items() if value}
            )
            _serve_in_several(settings, host)
    except ConfigError as exc:
        raise click.UsageError(str(exc)) from None


def _serve_in_one_process(settings: Settings, host: HostSettings, transport: TransportFactory | None) -> None:
    sockets = _listen(host)
    app = startup.start(settings, host, transport)
    _log_start(host, sockets)
    server.run(app, settings, host, sockets)


def _serve_in_several(settings: Settings, host: HostSettings) -> None:
    sockets = _listen(host)
    if len(sockets) > 1:
        raise ConfigError(f"ROTOR_MCP_WORKERS: several processes serve one address, and {host.http} has more")
    name, port = sockets[0].getsockname()[:2]
    serve = server.workers(settings, host, name, port)
    startup.configure_log(settings)
    _log_start(host, sockets)
    sockets[0].close()  # each process takes the port itself
    gc_tuning.tune_for_serving()  # each process does that as well
    serve()


def _listen(host: HostSettings) -> Sequence[socket]:
    try:
        return listen_on_all(host.host, host.port)
    except OSError as exc:
        raise click.ClickException(f"cannot listen on {host.http}: {exc.strerror}") from None


def _log_start(host: HostSettings, sockets: Sequence[socket]) -> None:
    addresses = [http_url(listener) for listener in sockets]
    url = f"{host.public_url or addresses[0]}{PATH}"
    doing = f"Starting {host.workers} processes that serve" if host.workers > 1 else "Serving"
    logger.info(
        "%s MCP at %s, listening on %s",
        doing,
        url,
        " and ".join(addresses),
        extra={
            "event": "server_started",
            "version": __version__,
            "transport": "http",
            "url": url,
            "addresses": addresses,
            "processes": host.workers,
        },
    )
