"""`rotor-mcp serve`: over standard input and output, or over HTTP."""

from importlib import import_module

import click
from pydantic import BaseModel

from rotor_mcp.cli.options import sandbox_flag, settings_flags


@click.command()
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
@settings_flags()
def serve_(file: str | None, http: str | None, **values: str | None) -> None:
    """Serve MCP on standard input and output, or over HTTP."""
    # Each of the two loads only what it needs, and the help and the completion of the shell load neither.
    if http is None:
        # A client waits for this start. The SDK defines 500 models, and a start uses 30. From here on, each
        # model is built when it is first used. pydantic does not guard that against several threads: only the
        # thread of the event loop uses models here.
        BaseModel.model_config["defer_build"] = True
        import_module("rotor_mcp.cli.serve_stdio").serve_stdio(file, values)
    else:
        import_module("rotor_mcp.cli.serve_http").serve_http(http, file, values)
