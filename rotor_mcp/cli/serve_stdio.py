"""`rotor-mcp serve` over standard input and output, for one client."""

import logging
import os

import click

from rotor_mcp import gc_tuning, log_setup
from rotor_mcp.cli.options import connection, is_interactive
from rotor_mcp.config import ConfigError
from rotor_mcp.config_file import GivenSettings
from rotor_mcp.server import stdio
from rotor_mcp.server.backend import open_listeners
from rotor_mcp.server.mcp_server import build_server

logger = logging.getLogger(__name__)


def serve_stdio(file: str | None, given: GivenSettings) -> None:
    """Serve until standard input is closed.

    Raises:
        click.ClickException: if a setting or the file of the sandbox cannot be used.
    """
    settings, transport = connection(file, given)
    log_setup.configure(settings)
    log_setup.warn_of_key(settings)
    try:
        listeners = open_listeners(os.environ)
    except ConfigError as exc:
        # Clients hand down variables that are meant for themselves: no reason to be a dead server.
        logger.warning("no telemetry: %s", exc, extra={"event": "telemetry_unavailable", "reason": exc})
        listeners = ()
    server = build_server(settings, transport=transport, listeners=listeners)
    gc_tuning.tune_for_serving()
    if is_interactive():
        click.echo(
            "Waiting for an MCP client on standard input. To see a conversation: rotor-mcp demo", err=True
        )
    stdio.serve_stdio(server)
