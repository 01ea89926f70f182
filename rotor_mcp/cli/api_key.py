"""Where the API key comes from when a client is connected."""

import os

import click

from rotor_mcp import keychain
from rotor_mcp.cli.options import is_interactive
from rotor_mcp.config import Settings, environment_variable

_VARIABLE = environment_variable("api_key")


def obtain(*, kept: bool) -> str | None:
    """The key in the environment, else the one that is kept already, else the one that somebody types.

    Args:
        kept: whether the keychain is asked too.

    Returns:
        None if there is nobody to ask.

    Raises:
        click.UsageError: if the environment holds a key that no header could carry.
        KeychainError: if the keychain cannot be used.
    """
    if given := os.environ.get(_VARIABLE, "").strip():
        if trouble := _trouble(given):
            raise click.UsageError(f"{trouble}.")
        return _warned(given)
    if kept and (known := keychain.read_key()):
        return known
    return _warned(_ask()) if is_interactive() else None


def _ask() -> str:
    click.echo(
        "In Rotor, an API key is made under Settings → Integrations. It is not shown while you enter it."
    )
    while True:
        key: str = click.prompt("Rotor API key", hide_input=True).strip()
        trouble = _trouble(key)
        if not trouble:
            return key
        click.echo(f"{trouble.replace(_VARIABLE, 'What you entered', 1)}. Try again.", err=True)


def _trouble(key: str) -> str | None:
    return Settings.load({"api_key": key}).key_trouble


def _warned(key: str) -> str:
    warning = Settings.load({"api_key": key}).key_warning
    if warning:
        click.echo(f"Warning: {warning}.", err=True)
    return key
