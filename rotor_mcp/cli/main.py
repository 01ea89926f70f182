"""The command `rotor-mcp`.

Imports are made where they are needed: a client waits for `serve` to start.
"""

import logging
import os
import sys
from contextlib import closing
from importlib import import_module
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any

import click

from rotor_mcp import __version__, gc_tuning
from rotor_mcp.cli.options import connection, is_interactive, open_sandbox, sandbox_flag, settings_flags

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rotor_mcp.events import EventListener

_LOADED_LATER = {
    "check": "rotor_mcp.cli.check",
    "export": "rotor_mcp.cli.import_export",
    "import": "rotor_mcp.cli.import_export",
    "install": "rotor_mcp.cli.install",
    "uninstall": "rotor_mcp.cli.install",
}
"""Commands → the module that has them, under the name of the command and an underscore."""
_OUTPUT_CLOSED = 128 + 13
"""Exit status when the reader of the output is gone: that of a process that SIGPIPE ended."""


class _Commands(click.Group):
    """`rotor-mcp` alone, or with nothing but flags, is `rotor-mcp serve`."""

    def main(self, *args: Any, **options: Any) -> Any:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):  # None if it was closed before the start
                # What the encoding of a redirected output lacks is replaced: a "?" ends no command.
                stream.reconfigure(errors="replace")
        return super().main(*args, **options)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command. What the system refuses ends it with a sentence, and a closed output without one."""
        failure: OSError | None = None
        try:
            return super().invoke(ctx)
        except* OSError as group:  # tasks raise what went wrong in groups
            failure = _first(group)
        # Every output was flushed when it was printed. What could not be written is tried once more when
        # Python exits, which would complain.
        _discard(1)
        if not isinstance(failure, BrokenPipeError):
            raise click.ClickException(str(failure))
        _discard(2)
        return ctx.exit(_OUTPUT_CLOSED)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] not in ("--help", "--version")):
            args = ["serve", *args]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *_LOADED_LATER])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if module := _LOADED_LATER.get(cmd_name):
            command: click.Command = getattr(import_module(module), f"{cmd_name}_")
            return command
        return super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as exc:  # click would suggest only what is loaded
            raise click.NoSuchCommand(
                exc.command_name, possibilities=self.list_commands(ctx), ctx=ctx
            ) from None


def _discard(stream: int) -> None:
    """Let what is written to a standard stream from now on go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream)


def _first(group: BaseExceptionGroup[OSError]) -> OSError:
    member = group.exceptions[0]
    return _first(member) if isinstance(member, BaseExceptionGroup) else member


@click.group(cls=_Commands)
@click.version_option(__version__, prog_name="rotor-mcp")
def main() -> None:
    """Rotor leads for assistants: an MCP server.

    Without a command it serves on standard input and output, as clients start it.
    """
    gc_tuning.resume_collection()


@main.command()
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
def serve(file: str | None, http: str | None, **values: str | None) -> None:
    """Serve MCP on standard input and output, or over HTTP."""
    if http is not None:
        from rotor_mcp.hosting.server import serve as serve_http

        serve_http(http, values, file)
        return
    gc_tuning.pause_collection()
    from rotor_mcp import log_setup
    from rotor_mcp.server.mcp_server import build_server
    from rotor_mcp.server.stdio import serve_stdio

    settings, transport = connection(file, values)
    log_setup.configure(settings)
    if warning := settings.key_trouble or settings.key_warning:
        logging.getLogger(__name__).warning(warning)
    server = build_server(settings, transport=transport, listeners=_listeners())
    gc_tuning.tune_for_serving()
    if is_interactive():
        click.echo(
            "Waiting for an MCP client on standard input. To see a conversation: rotor-mcp demo", err=True
        )
    serve_stdio(server)


def _listeners() -> "Sequence[EventListener]":
    """What makes traces and metrics, if it is wanted."""
    if not any(name.startswith("OTEL_") for name in os.environ):
        return ()
    from rotor_mcp.config import ConfigError
    from rotor_mcp.server.backend import open_listeners

    try:
        return open_listeners(os.environ)
    except ConfigError as exc:
        # Clients hand down variables that are meant for themselves: no reason to be a dead server.
        logging.getLogger(__name__).warning("no telemetry: %s", exc)
        return ()


@main.command()
def demo() -> None:
    """Show a short conversation with the server, on the embedded Rotor: no key, no network."""
    from rotor_mcp.cli import demo

    demo.run_demo()


@main.command()
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=8787, show_default=True, help="0 takes a free one."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Interface to listen on.")
@click.option("--file", default=":memory:", show_default=True, help="SQLite file that keeps the leads.")
@click.option(
    "--leads", type=click.IntRange(0), default=150, show_default=True, help="Sample leads to begin with."
)
@click.option(
    "--quota", type=click.IntRange(1), default=1_000, show_default=True, help="Requests per key and day."
)
def sandbox(port: int, host: str, file: str, leads: int, quota: int) -> None:
    """Serve an embedded Rotor over HTTP, for any client of its Leads API."""
    from rotor_mcp.sandbox import DEFAULT_KEYS, server
    from rotor_mcp.sockets import listen

    with closing(open_sandbox(file, leads=leads, quota=quota)) as served:
        try:
            listener = listen(host, port)
        except OSError as exc:
            raise click.ClickException(f"cannot listen on {host}, port {port}: {exc.strerror}") from None
        click.echo(f"Rotor's Leads API, embedded: {server.base_url(listener)}")
        for key, scopes in DEFAULT_KEYS.items():
            click.echo(f"  x-api-key: {key}  ({', '.join(scopes)})")
        click.echo("Stop it with Ctrl-C.")
        server.serve(served, listener)
