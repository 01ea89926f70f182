"""Obtains the API key, or the access token of a remote server, for `rotor-mcp install`."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module

import click

from rotor_mcp import keychain
from rotor_mcp.cli.options import is_interactive
from rotor_mcp.config import Settings, environment_variable, is_sendable

_VARIABLE = environment_variable("api_key")
TOKEN_VARIABLE = "ROTOR_MCP_TOKEN"  # noqa: S105 - the name of a variable


@dataclass(frozen=True)
class FoundKey:
    """An API key in the configuration of a client."""

    key: str = field(repr=False)
    client: str


def obtain_key(
    found: Sequence[FoundKey], settings: Mapping[str, str | None], *, from_keychain: bool, asks: bool
) -> str | None:
    """Return the key from the environment, else the keychain if asked for, else a client, else a prompt.

    A key that is entered or found is tested with Rotor if `asks` and the person agrees. Returns None if there
    is no key and no terminal to ask on.

    Args:
        found: the keys of clients that have the same address of Rotor in their configuration.
        settings: with which a key is tested.
        from_keychain: whether a key in the keychain is used.
        asks: whether a person can be asked for more than the key.

    Raises:
        click.UsageError: if the key in the environment cannot be sent in a header.
        KeychainError: if the keychain cannot be used.
    """
    if given := os.environ.get(_VARIABLE, "").strip():
        loaded = Settings.load({"api_key": given})
        if trouble := loaded.key_trouble:
            raise click.UsageError(f"{trouble}.")
        if warning := loaded.key_warning:
            click.echo(f"Warning: {warning}.", err=True)
        return given
    if from_keychain and (known := keychain.read_key()):
        return known
    for candidate in found:
        if _wants(candidate, asks=asks) and (not asks or _passes_test(settings, candidate.key)):
            return candidate.key
    if not is_interactive():
        return None
    while True:
        key = _prompt()
        if not asks or _passes_test(settings, key):
            return key


def obtain_token() -> str | None:
    """Return the access token of a remote server from the environment, else from a prompt; None without one.

    Raises:
        click.UsageError: if the token in the environment cannot be sent in a header.
    """
    if given := os.environ.get(TOKEN_VARIABLE, "").strip():
        if not is_sendable(given):
            raise click.UsageError(
                f"{TOKEN_VARIABLE} holds a space, a line break or a character no token has."
            )
        return given
    if not is_interactive():
        return None
    while True:
        text = "Access token (empty if the client is to sign in with a browser)"
        token: str = click.prompt(text, default="", show_default=False, hide_input=True).strip()
        if not token or is_sendable(token):
            return token or None
        click.echo("A token holds no spaces and no accents. Try again.", err=True)


def _wants(found: FoundKey, *, asks: bool) -> bool:
    if not asks:
        click.echo(f"The API key is the one that is in {found.client}'s configuration.")
        return True
    return click.confirm(f"An API key is in {found.client}'s configuration. Use it?", default=True)


def _prompt() -> str:
    click.echo(
        "In Rotor, an API key is made under Settings → Integrations. It is not shown while you enter it."
    )
    refused = None
    while True:
        key: str = click.prompt("Rotor API key", hide_input=True).strip()
        settings = Settings.load({"api_key": key})
        if settings.key_trouble:
            click.echo(f"{_about_input(settings.key_trouble)}. Try again.", err=True)
        elif settings.key_warning and key != refused:
            refused = key
            click.echo(
                f"{_about_input(settings.key_warning)}. Try again, or enter the same once more to use it.",
                err=True,
            )
        else:
            return key


def _about_input(text: str) -> str:
    return text.replace(_VARIABLE, "What you entered", 1)


def _passes_test(settings: Mapping[str, str | None], key: str) -> bool:
    """Whether the person keeps a key after a test with Rotor, or without one."""
    if not click.confirm("Test this key now? It costs 1 request of Rotor's 1,000 a day.", default=True):
        return True
    # Only here a connection is needed, and its libraries.
    works: bool = import_module("rotor_mcp.cli.key_test").run_key_test(
        Settings.load({**settings, "api_key": key})
    )
    return works or click.confirm("Use this key all the same?", default=False)
