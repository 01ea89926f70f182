"""`rotor-mcp serve`: over standard input and output, or over HTTP."""

import logging
import os
from typing import TYPE_CHECKING

import click

from rotor_mcp import gc_tuning
from rotor_mcp.cli.options import connection, is_interactive, sandbox_flag, settings_flags
from rotor_mcp.config import ConfigError, Settings, environment_variable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from socket import socket

    import httpx2

    from rotor_mcp.events import EventListener
    from rotor_mcp.hosting.settings import HostSettings


@click.command()
@settings_flags()
@sandbox_flag
@click.option(
    "--http",
    is_flag=False,
    flag_value="127.0.0.1:8080",
    envvar="ROTOR_MCP_HTTP",
    show_envvar=True,
    metavar="[HOST:PORT]",
    help="Serve many callers over HTTP instead. What else there is to decide about that are environment "
    "variables; the README lists them.",
)
def serve_(file: str | None, http: str | None, **values: str | None) -> None:
    """Serve MCP on standard input and output, or over HTTP."""
    if http is None:
        _serve_stdio(file, values)
    else:
        _serve_http(http, file, values)


def _serve_stdio(file: str | None, values: dict[str, str | None]) -> None:
    gc_tuning.loading()
    from rotor_mcp import log_setup
    from rotor_mcp.server.access import AccessControl
    from rotor_mcp.server.mcp_server import build_server, serve_stdio
    from rotor_mcp.tenant_registry import TenantRegistry

    settings, transport = connection(file, values)
    log_setup.configure(settings)
    if warning := settings.key_trouble or settings.key_warning:
        logging.getLogger(__name__).warning(warning)
    access = AccessControl(TenantRegistry(settings, transport, listeners=_listeners()))
    server = build_server(settings, access=access)
    gc_tuning.serving()
    if is_interactive():
        click.echo(
            "Waiting for an MCP client on standard input. To see a conversation: rotor-mcp demo", err=True
        )
    serve_stdio(server)


def _listeners() -> "Sequence[EventListener]":
    """What makes traces and metrics, if it is wanted."""
    if not any(name.startswith("OTEL_") for name in os.environ):
        return ()
    from rotor_mcp.telemetry.environment import event_listeners

    try:
        return event_listeners(os.environ)
    except ConfigError as exc:
        # Clients hand down variables that are meant for themselves: no reason to be a dead server.
        logging.getLogger(__name__).warning("no telemetry: %s", exc)
        return ()


def _serve_http(http: str, file: str | None, values: dict[str, str | None]) -> None:
    from rotor_mcp.hosting import startup
    from rotor_mcp.telemetry.environment import wanted

    settings, transport = connection(file, dict(values))
    try:
        host = startup.host_settings(http)
        startup.check(settings, host, in_sandbox=file is not None)
        wanted(os.environ)
        if host.workers == 1:
            _serve_in_one_process(settings, host, transport)
        else:
            # Each process begins anew and finds its settings in its environment.
            given = {environment_variable(name): value for name, value in values.items() if value}
            os.environ.update(given)
            _serve_in_several(settings, host)
    except ConfigError as exc:
        raise click.UsageError(str(exc)) from None


def _serve_in_one_process(
    settings: Settings, host: "HostSettings", transport: "Callable[[], httpx2.AsyncBaseTransport] | None"
) -> None:
    from rotor_mcp.hosting import server, startup

    sockets = _listen(host)
    try:
        app = startup.start(settings, host, transport)
    except (OSError, ValueError) as exc:
        raise click.ClickException(str(exc)) from None
    click.echo(f"Serving MCP at {_url(host, sockets)}. Stop it with Ctrl-C.", err=True)
    server.run(app, settings, host, sockets)


def _serve_in_several(settings: Settings, host: "HostSettings") -> None:
    from rotor_mcp.hosting import server

    sockets = _listen(host)
    if len(sockets) > 1:
        raise ConfigError(f"ROTOR_MCP_WORKERS: several processes serve one address, and {host.http} has more")
    address, port = sockets[0].getsockname()[:2]
    serve = server.workers(settings, host, address, port)
    click.echo(
        f"Starting {host.workers} processes that serve MCP at {_url(host, sockets)}. Stop them with Ctrl-C.",
        err=True,
    )
    sockets[0].close()  # each process takes the port itself
    serve()


def _listen(host: "HostSettings") -> "Sequence[socket]":
    from rotor_mcp.sockets import listen_on_all

    try:
        return listen_on_all(host.host, host.port)
    except OSError as exc:
        raise click.ClickException(f"cannot listen on {host.http}: {exc.strerror}") from None


def _url(host: "HostSettings", sockets: "Sequence[socket]") -> str:
    from rotor_mcp.hosting.settings import PATH
    from rotor_mcp.sockets import address

    return f"{host.public_url or address(sockets[0])}{PATH}"
