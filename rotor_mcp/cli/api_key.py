"""Obtains the API key for `rotor-mcp install`."""

import os

import click

from rotor_mcp import keychain
from rotor_mcp.cli.options import is_interactive
from rotor_mcp.config import Settings, environment_variable

_VARIABLE = environment_variable("api_key")


def obtain_key(*, from_keychain: bool) -> str | None:
    """Return the key from the environment, else from the keychain if asked for, else from a prompt.

    Returns None if there is no key and no terminal to ask on.

    Raises:
        click.UsageError: if the key in the environment cannot be sent in a header.
        KeychainError: if the keychain cannot be used.
    """
    if given := os.environ.get(_VARIABLE, "").strip():
        if trouble := Settings.load({"api_key": given}).key_trouble:
            raise click.UsageError(f"{trouble}.")
        key = given
    elif from_keychain and (known := keychain.read_key()):
        return known
    elif is_interactive():
        key = _prompt()
    else:
        return None
    if warning := Settings.load({"api_key": key}).key_warning:
        click.echo(f"Warning: {warning}.", err=True)
    return key


def _prompt() -> str:
    click.echo(
        "In Rotor, an API key is made under Settings → Integrations. It is not shown while you enter it."
    )
    while True:
        key: str = click.prompt("Rotor API key", hide_input=True).strip()
        trouble = Settings.load({"api_key": key}).key_trouble
        if not trouble:
            return key
        click.echo(f"{trouble.replace(_VARIABLE, 'What you entered', 1)}. Try again.", err=True)
