"""`rotor-mcp serve`: over standard input and output, or over HTTP."""

import logging
import os
from importlib import import_module

import click

from rotor_mcp import gc_tuning, log_setup
from rotor_mcp.cli.options import connection, is_interactive, sandbox_flag, settings_flags
from rotor_mcp.config import ConfigError
from rotor_mcp.server.backend import open_listeners
from rotor_mcp.server.mcp_server import build_server
from rotor_mcp.server.stdio import serve_stdio


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
    "variables; docs/hosting.md lists them.",
)
def serve_(file: str | None, http: str | None, **values: str | None) -> None:
    """Serve MCP on standard input and output, or over HTTP."""
    if http is not None:
        # A start that serves a client on this machine needs nothing of it.
        import_module("rotor_mcp.cli.serve_http").serve_http(http, file, values)
        return
    settings, transport = connection(file, values)
    log_setup.configure(settings)
    if warning := settings.key_trouble or settings.key_warning:
        logging.getLogger(__name__).warning(warning)
    try:
        listeners = open_listeners(os.environ)
    except ConfigError as exc:
        # Clients hand down variables that are meant for themselves: no reason to be a dead server.
        logging.getLogger(__name__).warning("no telemetry: %s", exc)
        listeners = ()
    server = build_server(settings, transport=transport, listeners=listeners)
    gc_tuning.tune_for_serving()
    if is_interactive():
        click.echo(
            "Waiting for an MCP client on standard input. To see a conversation: rotor-mcp demo", err=True
        )
    serve_stdio(server)
