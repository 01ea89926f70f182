"""The command `rotor-mcp token`: the access tokens in the token file of an HTTP server."""

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import click

from rotor_mcp.config import environment_variable
from rotor_mcp.hosting.auth import SCOPES
from rotor_mcp.hosting.token_file import (
    ALL_SCOPES,
    TokenEntry,
    add_line,
    format_time,
    new_token,
    parse_entries,
    parse_scopes,
    remove_line,
)
from rotor_mcp.hosting.token_file_edit import edit_token_file
from rotor_mcp.private_file import check_private

DEFAULT_EXPIRY = "90d"
_DURATION = re.compile(r"(\d{1,5})([dh])", re.ASCII)


class _Expiry(click.ParamType[datetime | None]):
    """A time from now on, such as `90d` or `12h`, a day, or `never`."""

    name = "expiry"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime | None:
        if value is None or isinstance(value, datetime) or value == "never":
            return None if value == "never" else value
        now = datetime.now(UTC)
        try:
            if duration := _DURATION.fullmatch(value):
                number = int(duration[1])
                expires = now + (timedelta(hours=number) if duration[2] == "h" else timedelta(days=number))
            else:  # the end of a day
                expires = datetime.combine(date.fromisoformat(value), time(23, 59, 59), UTC)
        except (ValueError, OverflowError):
            self.fail("must be such as 90d, 12h, 2027-01-31 or never", param, ctx)
        if expires <= now:
            self.fail("must be in the future", param, ctx)
        return expires


class _Scopes(click.ParamType[tuple[str, ...]]):
    """Scopes, separated by commas."""

    name = "scopes"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        try:
            return parse_scopes([word for word in value.replace(",", " ").split() if word])
        except ValueError:
            self.fail(f"must be {', '.join(SCOPES)} or both, or {ALL_SCOPES}", param, ctx)


_file_option = click.option(
    "--file",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar=environment_variable("token_file"),
    show_envvar=True,
    required=True,
    help="The token file.",
)


@click.group("token")
def token_() -> None:
    """Create, list and revoke the access tokens in the token file of an HTTP server.

    A server reads the file again with the next request.
    """


@token_.command("new")
@click.argument("name")
@click.option(
    "--scopes",
    type=_Scopes(),
    required=True,
    metavar="SCOPE,…",
    help=f"What the token allows: {', '.join(SCOPES)} or both, or {ALL_SCOPES}.",
)
@click.option(
    "--expires",
    type=_Expiry(),
    default=DEFAULT_EXPIRY,
    show_default=True,
    metavar="WHEN",
    help="Until when it is valid: a time from now on such as 90d or 12h, the end of a day (UTC) such as "
    "2027-01-31, or never.",
)
@_file_option
def new(name: str, scopes: tuple[str, ...], expires: datetime | None, file: Path) -> None:
    """Create a token for a caller, and print it.

    The file gets a line with its hash. The token itself is kept nowhere and cannot be shown again.
    """
    try:
        token, entry = new_token(name, scopes, expires)
        edit_token_file(file, partial(add_line, entry=entry))
    except (OSError, ValueError) as exc:
        raise _error(file, exc) from None
    click.echo(token)
    click.echo(f"{file} has a line for {name} now, valid {_until(entry)}. The token is shown once.", err=True)


@token_.command("list")
@_file_option
def list_(file: Path) -> None:
    """List the callers of the token file."""
    try:
        check_private(file)
        entries = parse_entries(file.read_text("utf-8"))
    except (OSError, ValueError) as exc:
        raise _error(file, exc) from None
    rows = [("NAME", "SCOPES", "VALID", "TOKEN")]
    rows += [
        (entry.name, ",".join(entry.scopes), _until(entry), "hashed" if entry.hashed else "plain text")
        for entry in entries
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


@token_.command()
@click.argument("name")
@_file_option
def revoke(name: str, file: Path) -> None:
    """Remove the token of a caller.

    A server refuses it from the next request on.
    """
    left = 0

    def change(text: str) -> str:
        nonlocal left
        changed = remove_line(text, name)
        left = len(parse_entries(changed))
        return changed

    try:
        edit_token_file(file, change)
    except (OSError, ValueError) as exc:
        raise _error(file, exc) from None
    click.echo(f"{file} has no token for {name} any more.")
    if not left:
        click.echo(
            "It holds no token now. A server that runs refuses everybody within 30 seconds, and does not "
            "start again with it."
        )


def _error(file: Path, exc: OSError | ValueError) -> click.ClickException:
    """Return what is said when a token file cannot be used."""
    if isinstance(exc, FileNotFoundError) and not file.parent.is_dir():
        return click.ClickException(f"{file}: the folder {file.parent} does not exist: create it first")
    if isinstance(exc, UnicodeDecodeError):
        return click.ClickException(f"{file}: it is no text in UTF-8, so it is no token file")
    return click.ClickException(f"{file}: {exc.strerror if isinstance(exc, OSError) else exc}")


def _until(entry: TokenEntry) -> str:
    if entry.expires is None:
        return "for ever"
    expired = "expired at" if entry.has_expired(datetime.now(UTC)) else "until"
    return f"{expired} {format_time(entry.expires)}"
