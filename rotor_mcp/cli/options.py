"""What several commands have in common: a flag for each setting, the sandbox, and the way to Rotor.

Each setting is a flag and an environment variable; the flag wins.
"""

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from rotor_mcp.config import SANDBOX_URL, ConfigError, Settings, environment_variable, is_given
from rotor_mcp.server.backend import load_sandbox, load_settings

if TYPE_CHECKING:
    from rotor_mcp.api.pool import TransportFactory
    from rotor_mcp.sandbox import Sandbox

SANDBOX_VARIABLE = "ROTOR_MCP_SANDBOX"
IN_MEMORY = ":memory:"

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


def _sandbox_file(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Read the variable as yes or no: clients fill it in from a tick box. FILE is for the flag only.

    Raises:
        click.UsageError: if it is neither.
    """
    source = context.get_parameter_source(parameter.name or "")
    if value is None or source is not ParameterSource.ENVIRONMENT:
        return value
    wanted = click.BOOL.str_to_bool(value) if is_given(value) else False
    if wanted is None:
        raise click.UsageError(f"{SANDBOX_VARIABLE}: must be true or false")
    return IN_MEMORY if wanted else None


sandbox_flag = click.option(
    "--sandbox",
    "file",
    is_flag=False,
    flag_value=IN_MEMORY,
    envvar=SANDBOX_VARIABLE,
    show_envvar=True,
    callback=_sandbox_file,
    metavar="[FILE]",
    help="Use an embedded Rotor with sample leads instead of the real one: no key, no network. "
    "Its leads live in FILE, or without one as long as this process. The variable is true or false.",
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
        values |= {"api_key": load_sandbox().FULL_KEY, "base_url": SANDBOX_URL}
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
