"""`rotor-mcp serve`: over standard input and output, or over HTTP."""

import os
from dataclasses import replace
from importlib import import_module

import click

from rotor_mcp.cli.options import config_flag, given_flags, read_settings, sandbox_flag, settings_flags
from rotor_mcp.config import environment_variable, is_given
from rotor_mcp.hosting.settings import HostSettings
from rotor_mcp.server.deferred_models import defer_models

DEFAULT_ADDRESS = "127.0.0.1:8080"
_NO_ADDRESS = ""
"""What `--http` alone gives: the address is that of the variable or the file, if one of these has one."""


@click.command()
@sandbox_flag
@click.option(
    "--http",
    is_flag=False,
    flag_value=_NO_ADDRESS,
    envvar="ROTOR_MCP_HTTP",
    show_envvar=True,
    metavar="[HOST:PORT]",
    help="Serve many callers over HTTP instead; docs/hosting.md explains the flags that are for HTTP only.",
)
@click.option(
    "--check-config",
    is_flag=True,
    help="With --http: say what would be served, with which settings, and what is wrong with them. Nothing "
    "is served and nothing is sent. The exit status is 0 if nothing is wrong.",
)
@config_flag
@settings_flags()
@settings_flags("http", of=HostSettings)
def serve_(
    *, file: str | None, http: str | None, check_config: bool, config: str | None, **values: str | None
) -> None:
    """Serve MCP on standard input and output, or over HTTP."""
    address = os.environ.get(environment_variable("http")) if http == _NO_ADDRESS else http
    given = read_settings(config, {"http": address, **values})
    if http == _NO_ADDRESS and not is_given(given.values["http"] or ""):
        given = replace(given, values={**given.values, "http": DEFAULT_ADDRESS})
    # Each of the two loads only what it needs, and the help and the completion of the shell load neither.
    if check_config and given.values["http"]:
        import_module("rotor_mcp.cli.serve_check").check_config(file, given)
    elif given.values["http"]:
        import_module("rotor_mcp.cli.serve_http").serve_http(file, given)
    else:
        _reject_http_flags()
        defer_models()  # a client waits for this start
        import_module("rotor_mcp.cli.serve_stdio").serve_stdio(file, given)


def _reject_http_flags() -> None:
    """Refuse flags that have no effect on standard input and output. Variables may be meant for others.

    Raises:
        click.UsageError: if there is one.
    """
    for name, flag in given_flags().items():
        if name in HostSettings.model_fields or name == "check_config":
            raise click.UsageError(f"{flag} is for serving over HTTP: add --http, or leave {flag} out")
