"""The command `rotor-mcp`. Each setting is a flag and an environment variable; the flag wins.

Imports are made where they are needed: a client waits for `serve` to start.
"""

import logging
import sys
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING

import click

from rotor_mcp import __version__
from rotor_mcp.config import ConfigError, Settings, environment_variable

if TYPE_CHECKING:
    import httpx2

    from rotor_mcp.sandbox import Sandbox


SETTINGS_FLAGS: list[click.Parameter] = [
    click.Option(
        [f"--{name.replace('_', '-')}"],
        envvar=environment_variable(name),
        show_envvar=True,
        metavar="TEXT",
        help=f"{field.description}.",
    )
    for name, field in Settings.model_fields.items()
]

_sandbox_flag = click.option(
    "--sandbox",
    "file",
    is_flag=False,
    flag_value=":memory:",
    metavar="[FILE]",
    help="Use an embedded Rotor with sample leads instead of the real one: no key, no network. "
    "Its leads live in FILE, or without one as long as this process.",
)


class _ServeByDefault(click.Group):
    """`rotor-mcp` alone, or with nothing but flags, is `rotor-mcp serve`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] not in ("--help", "--version")):
            args = ["serve", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_ServeByDefault)
@click.version_option(__version__, prog_name="rotor-mcp")
def main() -> None:
    """Rotor leads for assistants: an MCP server.

    Without a command it serves on standard input and output, as clients start it.
    """


@main.command(params=[*SETTINGS_FLAGS])
@_sandbox_flag
def serve(file: str | None, **values: str | None) -> None:
    """Serve MCP on standard input and output."""
    import gc

    gc.disable()  # collecting while modules load finds nothing and takes a fifth of the start
    from rotor_mcp import logs
    from rotor_mcp.server import build_server, serve_stdio

    settings, transport = _connection(file, values)
    logs.configure(settings)
    if warning := settings.key_trouble or settings.key_warning:
        logging.getLogger(__name__).warning(warning)
    server = build_server(settings, transport=transport)
    gc.freeze()
    gc.enable()
    if sys.stdin.isatty():
        click.echo(
            "Waiting for an MCP client on standard input. To see a conversation: rotor-mcp demo", err=True
        )
    serve_stdio(server)


@main.command(params=[*SETTINGS_FLAGS])
@_sandbox_flag
def check(file: str | None, **values: str | None) -> None:
    """Check the key and the way to Rotor; costs one request. The exit status is 0 if all is well."""
    from rotor_mcp import checks

    settings, transport = _connection(file, values)
    sys.exit(0 if checks.run(settings, transport) else 1)


@main.command()
def demo() -> None:
    """Show a short conversation with the server, on the embedded Rotor: no key, no network."""
    from rotor_mcp import demo

    demo.run()


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
    from rotor_mcp.sandbox import DEFAULT_KEYS, serving

    with closing(_open_sandbox(file, leads=leads, quota=quota)) as served:
        try:
            listener = serving.listen(host, port)
        except OSError as exc:
            raise click.ClickException(f"cannot listen on {host}, port {port}: {exc.strerror}") from None
        click.echo(f"Rotor's Leads API, embedded: {serving.base_url(listener)}")
        for key, scopes in DEFAULT_KEYS.items():
            click.echo(f"  x-api-key: {key}  ({', '.join(scopes)})")
        click.echo("Stop it with Ctrl-C.")
        serving.serve(served, listener)


def _connection(
    sandbox_file: str | None, values: dict[str, str | None]
) -> "tuple[Settings, Callable[[], httpx2.AsyncBaseTransport] | None]":
    """Settings, and what carries the requests: the network, unless there is a sandbox."""
    if sandbox_file is not None:
        from rotor_mcp.sandbox import FULL_KEY

        # No real key comes near a sandbox, and no request of a sandbox near the network.
        values |= {"api_key": FULL_KEY, "base_url": "https://sandbox.invalid/open-api"}
    try:
        settings = Settings.load(values)
    except ConfigError as exc:
        raise click.UsageError(str(exc)) from None
    return settings, None if sandbox_file is None else _open_sandbox(sandbox_file).transport


def _open_sandbox(file: str, *, leads: int = 150, quota: int = 1_000) -> "Sandbox":
    import sqlite3

    from rotor_mcp.sandbox import Sandbox

    try:
        return Sandbox(file, leads=leads, quota=quota)
    except (ValueError, sqlite3.Error) as exc:
        raise click.ClickException(f"{file} cannot be used as a sandbox: {exc}") from None
