"""Obtains the API key for `rotor-mcp install`."""

import os

import click

from rotor_mcp import keychain
from rotor_mcp.cli.options import is_interactive
from rotor_mcp.config import Settings, environment_variable

_VARIABLE = environment_variable("api_key")


def obtain_key(*, from_keychain: bool) -> str | None:
    """Return the key from the environment, else from the keychain, else from a prompt.

    Args:
        from_keychain: whether to read the keychain too.

    Returns:
        None if there is no key and no terminal to ask on.

    Raises:
        click.UsageError: if the key in the environment cannot be sent in a header.
        KeychainError: if the keychain cannot be used.
    """
    if given := os.environ.get(_VARIABLE, "").strip():
        if trouble := _key_trouble(given):
            raise click.UsageError(f"{trouble}.")
        return _with_warning(given)
    if from_keychain and (known := keychain.read_key()):
        return known
    return _with_warning(_prompt()) if is_interactive() else None


def _prompt() -> str:
    click.echo(
        "In Rotor, an API key is made under Settings → Integrations. It is not shown while you enter it."
    )
    while True:
        key: str = click.prompt("Rotor API key", hide_input=True).strip()
        trouble = _key_trouble(key)
        if not trouble:
            return key
        click.echo(f"{trouble.replace(_VARIABLE, 'What you entered', 1)}. Try again.", err=True)


def _key_trouble(key: str) -> str | None:
    return Settings.load({"api_key": key}).key_trouble


def _with_warning(key: str) -> str:
    warning = Settings.load({"api_key": key}).key_warning
    if warning:
        click.echo(f"Warning: {warning}.", err=True)
    return key
