"""The commands `rotor-mcp install` and `rotor-mcp uninstall`."""

import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from rotor_mcp import keychain
from rotor_mcp.cli import api_key
from rotor_mcp.cli.options import settings_flags
from rotor_mcp.config import ConfigError, Settings, environment_variable
from rotor_mcp.installer import apply, changes
from rotor_mcp.installer.catalog import CLIENTS, Client, HostSystem
from rotor_mcp.installer.entry import KEY, KEYCHAIN, REACHES_KEYCHAIN, Launch, ServerEntry, entry

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}", re.ASCII)
_PLACEHOLDER = "rotor_…"

_clients = click.argument(
    "names", metavar="[CLIENT]...", nargs=-1, type=click.Choice(list(CLIENTS), case_sensitive=False)
)
_name = click.option(
    "--name",
    default="rotor",
    show_default=True,
    help="What the server is called in the client.",
    metavar="TEXT",
)
_yes = click.option("--yes", is_flag=True, help="Write without asking.")


@dataclass(frozen=True)
class _Source:
    """Where the server that a client starts has its key from."""

    key: str | None
    kept: bool
    """Whether the keychain holds it, and not the configuration."""

    def variables(self) -> dict[str, str]:
        if self.kept:
            found = {name: os.environ[name] for name in REACHES_KEYCHAIN if os.environ.get(name)}
            return {KEYCHAIN: "true"} | found
        return {KEY: self.key} if self.key else {}

    def keep(self) -> None:
        """Put the key into the keychain, unless it is there."""
        if self.kept and self.key and keychain.read_key() != self.key:
            keychain.save_key(self.key)
            click.echo("The API key is in this system's keychain.")


@dataclass(frozen=True)
class _Recipe:
    """What the entry of every client has in common."""

    name: str
    launch: Launch
    settings: dict[str, str]

    def entry(self, client: Client, source: _Source) -> ServerEntry:
        return entry(client, self.name, self.launch, source.variables() | self.settings)


@click.command("install")
@_clients
@_name
@_yes
@click.option("--print", "only_print", is_flag=True, help="Only print what belongs where; touch no file.")
@click.option(
    "--sandbox",
    is_flag=True,
    help="Serve an embedded Rotor with sample leads instead of the real one: no key.",
)
@click.option(
    "--keychain",
    "kept",
    is_flag=True,
    help="Keep the API key in this system's keychain instead of in the configuration. "
    "Needs the extra rotor-mcp[keychain].",
)
@settings_flags(*(name for name in Settings.model_fields if name not in ("api_key", "keychain", "redis_url")))
def install_(
    names: tuple[str, ...],
    *,
    name: str,
    yes: bool,
    only_print: bool,
    sandbox: bool,
    kept: bool,
    **values: str | None,
) -> None:
    """Connect this server to the programs that use it.

    CLIENT is claude-desktop, claude-code, cursor, vscode, vscode-insiders, windsurf, codex or gemini.
    Without one, all that are found on this machine are connected.

    First it is shown what would change in which configuration, and then asked whether to do it, unless --yes
    says. All else in these files stays as it is, and a copy of each is kept beside it.

    The API key is taken from ROTOR_API_KEY, or asked for. It goes into the configuration, for clients do not
    pass on the environment; VS Code asks for it itself. The settings below go there too, if they are given.

    The exit status is 0 if all clients are connected.
    """
    _check_name(name)
    if sandbox and kept:
        raise click.UsageError("--sandbox needs no key and --keychain keeps one: give one of them")
    settings = _settings(values)
    launch = Launch.by(Path(sys.executable), "serve", *(["--sandbox"] if sandbox else []))
    recipe = _Recipe(name, launch, settings)
    machine = HostSystem()
    found = apply.find(names, machine)
    if only_print:
        source = _Source(None if sandbox else _PLACEHOLDER, kept)
        _print(names, machine, found, lambda client: recipe.entry(client, source))
        return
    apply.say_found(found)
    for client in found.absent:
        apply.say_absent(client, machine)
    if not found.targets:
        sys.exit(1)
    if launch.may_vanish:
        _warn_of_vanishing(launch)
    mode = apply.mode(yes=yes)
    source = _source(found, mode, sandbox=sandbox, kept=kept)
    done = apply.run(
        found.targets,
        lambda target: changes.to_install(target.client, target.file, recipe.entry(target.client, source)),
        unchanged="nothing to do, it is connected just so.",
        then=lambda client: f"{client.restart}.",
        mode=mode,
        first=lambda: _keep(source),
    )
    sys.exit(0 if done and not found.absent else 1)


@click.command("uninstall")
@_clients
@_name
@_yes
@click.option("--keychain", "kept", is_flag=True, help="Take the API key out of this system's keychain, too.")
def uninstall_(names: tuple[str, ...], *, name: str, yes: bool, kept: bool) -> None:
    """Take this server out of the programs that it was connected to.

    CLIENT is as for install; without one, all that are found on this machine are looked through. Only the
    entry that install put in goes: one of that name that starts another program is left. It is shown and
    asked first, as for install.

    The exit status is 0 if no client starts this server by that name any more.
    """
    _check_name(name)
    found = apply.find(names, HostSystem())
    apply.say_found(found)
    for client in found.absent:
        click.echo(f"{client.title}: nothing to do, it is not on this machine.")
    mode = apply.mode(yes=yes)
    done = apply.run(
        found.targets,
        lambda target: changes.to_remove(target.client, target.file, name),
        unchanged=f"nothing to do, there is no {name}.",
        then=lambda client: f"The server is gone when {client.title} is started again.",
        mode=mode,
    )
    if kept and done and mode != "show":
        _forget()
    sys.exit(0 if done else 1)


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise click.UsageError("--name: must be letters, digits, - and _, and begin with a letter or digit")


def _settings(values: dict[str, str | None]) -> dict[str, str]:
    """Variables for the settings that are given, if the server could start with them."""
    try:
        Settings.load(values)
    except ConfigError as exc:
        raise click.UsageError(str(exc)) from None
    return {environment_variable(n): value.strip() for n, value in values.items() if value and value.strip()}


def _source(found: apply.Found, mode: apply.InstallMode, *, sandbox: bool, kept: bool) -> _Source:
    if sandbox:
        return _Source(None, kept=False)
    if not kept and all(target.client.asks for target in found.targets):
        return _Source(_PLACEHOLDER, kept=False)
    try:
        key = api_key.obtain(kept=kept)
    except keychain.KeychainError as exc:
        raise click.ClickException(f"{exc}.") from None
    if key is None and mode == "write":
        raise click.UsageError(
            "there is no API key. Set ROTOR_API_KEY, or run this in a terminal, where it is asked for; "
            "with --sandbox none is needed"
        )
    return _Source(key or _PLACEHOLDER, kept)


def _print(
    names: tuple[str, ...],
    machine: HostSystem,
    found: apply.Found,
    written: Callable[[Client], ServerEntry],
) -> None:
    """Print entries for the clients that are named, or found, or else for all there are."""
    clients = [CLIENTS[name] for name in dict.fromkeys(names)] or [target.client for target in found.targets]
    for client in dict.fromkeys(clients or CLIENTS.values()):
        places = client.places(machine)
        files = [place.file for place in places if place.used] or [places[0].file]
        apply.show_entry(client, files, written(client))


def _keep(source: _Source) -> None:
    try:
        source.keep()
    except keychain.KeychainError as exc:
        raise click.ClickException(f"{exc}. Nothing was written.") from None


def _forget() -> None:
    try:
        gone = keychain.delete_key()
    except keychain.KeychainError as exc:
        raise click.ClickException(f"{exc}.") from None
    click.echo("The API key is out of the keychain." if gone else "There was no API key in the keychain.")


def _warn_of_vanishing(launch: Launch) -> None:
    click.echo(
        f"Warning: {launch.command} is in a cache, from which it may be deleted at any time, and the client "
        "would not find it any more. Better install it to stay, with `uv tool install rotor-mcp` or "
        "`pipx install rotor-mcp`, and then run `rotor-mcp install` again.",
        err=True,
    )
