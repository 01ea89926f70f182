"""`rotor-mcp sandbox`: the embedded Rotor alone, over HTTP."""

from contextlib import closing

import click

from rotor_mcp.behavior import ASSUMED, Behavior
from rotor_mcp.cli.options import WholeNumber, open_sandbox
from rotor_mcp.sandbox import DEFAULT_KEYS, server
from rotor_mcp.sockets import listen


@click.command()
@click.option(
    "--port", type=WholeNumber(0, 65_535), default=8787, show_default=True, help="0 takes a free one."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Interface to listen on.")
@click.option(
    "--file",
    type=click.Path(),
    default=":memory:",
    show_default=True,
    help="SQLite file that keeps the leads.",
)
@click.option(
    "--leads", type=WholeNumber(0), default=150, show_default=True, help="Sample leads to begin with."
)
@click.option(
    "--quota", type=WholeNumber(1), default=1_000, show_default=True, help="Requests per key and day."
)
@click.option(
    "--assume",
    metavar="NAME=ANSWER,…",
    help="What it does where Rotor's reference is silent, or a report of rotor-mcp probe. "
    "rotor_mcp/sandbox/ASSUMPTIONS.md lists names and answers.",
)
def sandbox_(*, port: int, host: str, file: str, leads: int, quota: int, assume: str | None) -> None:
    """Serve an embedded Rotor over HTTP, for any client of its Leads API."""
    try:
        behavior = Behavior.parse(assume) if assume else ASSUMED
    except ValueError as exc:
        raise click.UsageError(f"--assume: {exc}") from None
    with closing(open_sandbox(file, behavior, leads=leads, quota=quota)) as served:
        try:
            listener = listen(host, port)
        except OSError as exc:
            raise click.ClickException(f"cannot listen on {host}, port {port}: {exc.strerror}") from None
        click.echo(f"Rotor's Leads API, embedded: {server.base_url(listener)}")
        for key, scopes in DEFAULT_KEYS.items():
            click.echo(f"  x-api-key: {key}  ({', '.join(scopes)})")
        click.echo("Stop it with Ctrl-C.")
        server.serve(served, listener)
