"""The commands `rotor-mcp install` and `rotor-mcp uninstall`."""

import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from rotor_mcp import keychain
from rotor_mcp.cli import api_key
from rotor_mcp.cli.options import given_flags, is_interactive, settings_flags
from rotor_mcp.config import ConfigError, Settings, environment_variable
from rotor_mcp.installer import apply, changes
from rotor_mcp.installer.catalog import CLIENTS, Client, HostSystem
from rotor_mcp.installer.entry import (
    KEY_VARIABLE,
    KEYCHAIN_VARIABLE,
    KEYRING_VARIABLES,
    LaunchCommand,
    ServerEntry,
    build_entry,
)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}", re.ASCII)
_PLACEHOLDER = "rotor_…"

_clients = click.argument(
    "names", metavar="[CLIENT]...", nargs=-1, type=click.Choice(list(CLIENTS), case_sensitive=False)
)
_name = click.option(
    "--name",
    default="rotor",
    show_default=True,
    help="Name of the server in the client.",
    metavar="TEXT",
)
_yes = click.option("--yes", is_flag=True, help="Write without asking.")


@dataclass(frozen=True)
class _KeySource:
    """Where the server that a client starts reads its key."""

    key: str | None
    in_keychain: bool
    """Whether the key is stored in the keychain instead of the configuration."""

    def variables(self) -> dict[str, str]:
        if self.in_keychain:
            found = {name: os.environ[name] for name in KEYRING_VARIABLES if os.environ.get(name)}
            return {KEYCHAIN_VARIABLE: "true"} | found
        return {KEY_VARIABLE: self.key} if self.key else {}

    def save(self) -> None:
        """Store the key in the keychain, unless it is there already."""
        try:
            if self.in_keychain and self.key and keychain.read_key() != self.key:
                keychain.save_key(self.key)
                click.echo("The API key is in this system's keychain.")
        except keychain.KeychainError as exc:
            raise click.ClickException(f"{exc}. Nothing was written.") from None


@click.command("install")
@_clients
@_name
@_yes
@click.option("--print", "only_print", is_flag=True, help="Print the entries and their files; write nothing.")
@click.option(
    "--sandbox",
    is_flag=True,
    help="Serve an embedded Rotor with sample leads instead of the real one. Needs no key.",
)
@click.option(
    "--keychain",
    "in_keychain",
    is_flag=True,
    help="Keep the API key in this system's keychain instead of in the configuration. "
    "Needs the extra keychain.",
)
@settings_flags("api_key", "keychain", "redis_url")
def install_(
    names: tuple[str, ...],
    *,
    name: str,
    yes: bool,
    only_print: bool,
    sandbox: bool,
    in_keychain: bool,
    **values: str | None,
) -> None:
    """Add this server to the configurations of MCP clients.

    CLIENT is claude-desktop, claude-code, cursor, vscode, vscode-insiders, windsurf, codex or gemini.
    Without one, all clients that are found on this machine are connected.

    The changes are shown first, and written after a confirmation or with --yes. The rest of each file stays
    as it is, and a backup is written beside it.

    The API key is read from ROTOR_API_KEY or asked for. It is written to the configuration, since clients do
    not pass on the environment; VS Code asks for it itself. The settings below are written too, if given.

    The exit status is 0 if all clients are connected.
    """
    _check_name(name)
    if sandbox and in_keychain:
        raise click.UsageError("--sandbox needs no key and --keychain keeps one: give one of them")
    settings = _settings(values)
    launch = LaunchCommand.of_interpreter(Path(sys.executable), "serve", *(["--sandbox"] if sandbox else []))
    machine = HostSystem()

    def entry_for(client: Client, source: _KeySource) -> ServerEntry:
        return build_entry(client, name, launch, source.variables() | settings)

    targets, absent = apply.find_targets(names, machine)
    if only_print:
        source = _KeySource(None if sandbox else _PLACEHOLDER, in_keychain)
        _print_entries(names, machine, targets, lambda client: entry_for(client, source))
        return
    apply.print_found(targets)
    for client in absent:
        apply.print_absent(client, machine)
    if not targets:
        sys.exit(1)
    if launch.is_in_cache:
        click.echo(
            f"Warning: {launch.command} is in a cache, from which it may be deleted at any time, and the "
            "client would not find it any more. Better install it to stay, with `uv tool install rotor-mcp` "
            "or `pipx install rotor-mcp`, and then run `rotor-mcp install` again.",
            err=True,
        )
    mode: apply.InstallMode = "write" if yes else "ask" if is_interactive() else "show"
    source = _key_source(targets, mode, sandbox=sandbox, in_keychain=in_keychain)
    done = apply.apply_changes(
        targets,
        lambda target: changes.plan_install(target.client, target.file, entry_for(target.client, source)),
        unchanged_text="nothing to do, it is connected just so.",
        done_text=lambda client: f"{client.restart_hint}.",
        mode=mode,
        before_writing=source.save,
    )
    sys.exit(0 if done and not absent else 1)


@click.command("uninstall")
@_clients
@_name
@_yes
@click.option("--keychain", "in_keychain", is_flag=True, help="Delete the API key from the keychain, too.")
def uninstall_(names: tuple[str, ...], *, name: str, yes: bool, in_keychain: bool) -> None:
    """Remove this server from the configurations of MCP clients.

    CLIENT is as for install; without one, all clients that are found on this machine are searched. Only the
    entry of this server is removed: one of that name that starts another program stays. The changes are shown
    and confirmed as for install.

    The exit status is 0 if no client has this server under that name any more.
    """
    _check_name(name)
    targets, absent = apply.find_targets(names, HostSystem())
    apply.print_found(targets)
    for client in absent:
        click.echo(f"{client.title}: nothing to do, it is not on this machine.")
    mode: apply.InstallMode = "write" if yes else "ask" if is_interactive() else "show"
    done = apply.apply_changes(
        targets,
        lambda target: changes.plan_removal(target.client, target.file, name),
        unchanged_text=f"nothing to do, there is no {name}.",
        done_text=lambda client: f"The server is gone when {client.title} is started again.",
        mode=mode,
    )
    if in_keychain and done and mode != "show":
        _delete_key()
    sys.exit(0 if done else 1)


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise click.UsageError("--name: must be letters, digits, - and _, and begin with a letter or digit")


def _settings(values: dict[str, str | None]) -> dict[str, str]:
    """Return the environment variables for the given settings, if the server can start with them."""
    try:
        Settings.load(values, given_flags())
    except ConfigError as exc:
        raise click.UsageError(str(exc)) from None
    return {environment_variable(n): value.strip() for n, value in values.items() if value and value.strip()}


def _key_source(
    targets: Sequence[apply.Target], mode: apply.InstallMode, *, sandbox: bool, in_keychain: bool
) -> _KeySource:
    if sandbox:
        return _KeySource(None, in_keychain=False)
    if not in_keychain and all(target.client.asks_for_key for target in targets):
        return _KeySource(_PLACEHOLDER, in_keychain=False)
    try:
        key = api_key.obtain_key(from_keychain=in_keychain)
    except keychain.KeychainError as exc:
        raise click.ClickException(f"{exc}.") from None
    if key is None and mode == "write":
        raise click.UsageError(
            "there is no API key. Set ROTOR_API_KEY, or run this in a terminal, where it is asked for; "
            "with --sandbox none is needed"
        )
    return _KeySource(key or _PLACEHOLDER, in_keychain)


def _print_entries(
    names: tuple[str, ...],
    machine: HostSystem,
    targets: Sequence[apply.Target],
    entry_for: Callable[[Client], ServerEntry],
) -> None:
    """Print the entries of the named clients, else of those found, else of all supported ones."""
    clients = [CLIENTS[name] for name in dict.fromkeys(names)] or [target.client for target in targets]
    for client in dict.fromkeys(clients or CLIENTS.values()):
        locations = client.locations(machine)
        files = [location.file for location in locations if location.is_used] or [locations[0].file]
        apply.print_entry(client, files, entry_for(client))


def _delete_key() -> None:
    try:
        gone = keychain.delete_key()
    except keychain.KeychainError as exc:
        raise click.ClickException(f"{exc}.") from None
    click.echo("The API key is out of the keychain." if gone else "There was no API key in the keychain.")
