"""What several commands have in common: a flag for each setting, the sandbox, and the way to Rotor.

Each setting is a flag and an environment variable; the flag wins.
"""

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from rotor_mcp.config import ConfigError, Settings, environment_variable
from rotor_mcp.server.backend import load_sandbox, load_settings

if TYPE_CHECKING:
    from rotor_mcp.api.pool import TransportFactory
    from rotor_mcp.sandbox import Sandbox

Command = Callable[..., Any]
Flag = Callable[[Command], Command]


def is_interactive() -> bool:
    """Whether a person can be asked: standard input is a terminal."""
    return sys.stdin is not None and sys.stdin.isatty()


def together(flags: Sequence[Flag]) -> Flag:
    """Make one decorator of several, in their order."""

    def add(command: Command) -> Command:
        for flag in reversed(flags):
            command = flag(command)
        return command

    return add


def settings_flags(*left_out: str) -> Flag:
    """A flag for each setting, except those named."""
    return together(
        [
            click.option(
                f"--{name.replace('_', '-')}",
                envvar=environment_variable(name),
                show_envvar=True,
                metavar="TEXT",
                help=f"{field.description}.",
            )
            for name, field in Settings.model_fields.items()
            if name not in left_out
        ]
    )


sandbox_flag = click.option(
    "--sandbox",
    "file",
    is_flag=False,
    flag_value=":memory:",
    metavar="[FILE]",
    help="Use an embedded Rotor with sample leads instead of the real one: no key, no network. "
    "Its leads live in FILE, or without one as long as this process.",
)


def connection(
    sandbox_file: str | None, values: dict[str, str | None]
) -> "tuple[Settings, TransportFactory | None]":
    """Return the settings, and what carries the requests: None for the network, or a sandbox.

    Raises:
        click.UsageError: if a setting cannot be used.
        click.ClickException: if the file cannot be used as a sandbox.
    """
    if sandbox_file is not None:
        # No real key comes near a sandbox, and no request of a sandbox near the network.
        values |= {"api_key": load_sandbox().FULL_KEY, "base_url": "https://sandbox.invalid/open-api"}
        values.pop("redis_url", None)  # every sandbox has this key, and leads of its own
    try:
        settings = load_settings(values)
    except ConfigError as exc:
        raise click.UsageError(str(exc)) from None
    return settings, None if sandbox_file is None else open_sandbox(sandbox_file).transport


def open_sandbox(file: str, *, leads: int = 150, quota: int = 1_000) -> "Sandbox":
    """Open the embedded Rotor that a file holds, or create one.

    Raises:
        click.ClickException: if the file cannot be used.
    """
    import sqlite3  # takes as long to load as the rest of this module

    try:
        sandbox: Sandbox = load_sandbox().Sandbox(file, leads=leads, quota=quota)
    except (ValueError, sqlite3.Error) as exc:
        raise click.ClickException(f"{file} cannot be used as a sandbox: {exc}") from None
    return sandbox
