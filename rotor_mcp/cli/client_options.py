"""What the commands for clients have in common: the clients, the name of the server, and a remote one."""

import re

import click

from rotor_mcp.config import check_secret_address
from rotor_mcp.installer.catalog import CLIENTS

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}", re.ASCII)


def check_name(_ctx: click.Context, _param: click.Parameter, name: str | None) -> str | None:
    """Return the name of a server if every client can have it.

    Raises:
        click.UsageError: if it cannot.
    """
    if name is not None and not _NAME.fullmatch(name):
        raise click.UsageError("--name: must be letters, digits, - and _, and begin with a letter or digit")
    return name


def _check_url(_ctx: click.Context, _param: click.Parameter, url: str | None) -> str | None:
    if url is not None:
        try:
            check_secret_address(url, "https://mcp.acme.com/mcp", "token")
        except ValueError as exc:
            raise click.UsageError(f"--http: {exc}") from None
    return url


clients_argument = click.argument(
    "names", metavar="[CLIENT]...", nargs=-1, type=click.Choice(list(CLIENTS), case_sensitive=False)
)
yes_flag = click.option("--yes", is_flag=True, help="Write without asking.")
http_flag = click.option(
    "--http",
    "url",
    metavar="URL",
    callback=_check_url,
    help="Address of a remote server, such as https://mcp.acme.com/mcp.",
)
