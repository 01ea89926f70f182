"""The command `rotor-mcp install`."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from rotor_mcp import keychain
from rotor_mcp.cli import api_key
from rotor_mcp.cli.client_options import check_name, clients_argument, http_flag, yes_flag
from rotor_mcp.cli.options import given_flags, is_interactive, settings_flags
from rotor_mcp.config import ConfigError, Settings, environment_variable
from rotor_mcp.installer import apply, changes
from rotor_mcp.installer.catalog import CLIENTS, Client
from rotor_mcp.installer.changes import ConfigChange
from rotor_mcp.installer.entry import (
    KEY_VARIABLE,
    KEYCHAIN_VARIABLE,
    KEYRING_VARIABLES,
    LaunchCommand,
    build_entry,
    secret_of,
)
from rotor_mcp.installer.entry_format import LocalServer, RemoteServer, Server
from rotor_mcp.installer.errors import CannotEdit, NameTaken
from rotor_mcp.installer.host_system import HostSystem
from rotor_mcp.installer.plugins import find_plugin
from rotor_mcp.installer.targets import Target, find_targets

_DEFAULT_NAME, _SECOND_NAME = "rotor", "rotor-leads"
"""The name of the server in a client, and the one that is taken where the client has another `rotor`."""
_OWN_PLUGIN = "rotor-mcp"
"""The name of the plugin that docs/plugins.md describes."""
_PLACEHOLDER = "rotor_…"
_BASE_URL_VARIABLE = environment_variable("base_url")
_EXAMPLE = "Who is overdue for a follow-up?"


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

    def server(self, launch: LaunchCommand, settings: Mapping[str, str]) -> LocalServer:
        """Return the server that clients start."""
        return LocalServer(launch.command, launch.args, self.variables() | dict(settings))

    def save(self) -> None:
        """Store the key in the keychain, unless it is there already."""
        try:
            if self.in_keychain and self.key and keychain.read_key() != self.key:
                keychain.save_key(self.key)
                click.echo("The API key is in this system's keychain.")
        except keychain.KeychainError as exc:
            raise click.ClickException(f"{exc}. Nothing was written.") from None


@click.command("install")
@clients_argument
@click.option(
    "--name",
    metavar="TEXT",
    callback=check_name,
    help=f"Name of the server in the client; without it {_DEFAULT_NAME}, or {_SECOND_NAME} where another "
    f"server is called {_DEFAULT_NAME}.",
)
@yes_flag
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
@http_flag
@settings_flags("api_key", "keychain", "redis_url")
def install_(
    names: tuple[str, ...],
    *,
    name: str | None,
    yes: bool,
    only_print: bool,
    sandbox: bool,
    in_keychain: bool,
    url: str | None,
    **values: str | None,
) -> None:
    """Add this server to the configurations of MCP clients.

    Without a CLIENT, the clients that are found on this machine are proposed. docs/clients.md lists all.

    The changes are shown first, and written after a confirmation or with --yes. The rest of each file stays
    as it is, and a backup is written beside it.

    The API key is read from ROTOR_API_KEY, taken from another client, or asked for. It is written to the
    configuration, since clients do not pass on the environment; VS Code asks for it itself. The settings
    below are written too, if given.

    With --http, clients connect to a server that runs elsewhere, with the access token in ROTOR_MCP_TOKEN or
    one that is asked for.

    The exit status is 0 if all clients are connected.
    """
    settings = _settings(values)
    _check_combination(sandbox=sandbox, in_keychain=in_keychain, url=url)
    machine = HostSystem()
    mode: apply.InstallMode = "write" if yes else "ask" if is_interactive() else "show"
    targets, absent = find_targets(names, machine)
    launch = LaunchCommand.of_interpreter(Path(sys.executable), "serve", *(["--sandbox"] if sandbox else []))
    if only_print:
        source = _KeySource(None if sandbox else _PLACEHOLDER, in_keychain)
        server = RemoteServer(url, "…") if url else source.server(launch, settings)
        _print_entries(names, machine, targets, name or _DEFAULT_NAME, server)
        return
    apply.print_found(targets)
    for client in absent:
        apply.print_absent(client, machine)
    if not names and mode == "ask":
        targets = _choose(targets)
    if launch.is_in_cache and not url:
        _warn_of_cache(launch)
    by_hand = _without_file(names, machine, targets, remote=url is not None)
    targets = [target for target in targets if target.client not in by_hand]
    source = _KeySource(None, in_keychain=False)
    if url:
        server = RemoteServer(url, api_key.obtain_token() if targets else None)
    else:
        if not sandbox and targets:
            source = _key_source(targets, mode, settings, machine, in_keychain=in_keychain)
        server = source.server(launch, settings)
    done = not targets or apply.apply_changes(
        targets,
        lambda target: _plan(target, name, server, machine),
        unchanged_text="nothing to do, it is connected just so.",
        done_text=lambda client: f"{client.restart_hint}.",
        mode=mode,
        before_writing=source.save,
    )
    for client in by_hand:
        _print_by_hand(client, name or _DEFAULT_NAME, server)
    if targets and done:
        click.echo(f"Then say to the assistant, for example: {_EXAMPLE}")
    sys.exit(0 if targets and done and not absent and not (names and by_hand) else 1)


def _check_combination(*, sandbox: bool, in_keychain: bool, url: str | None) -> None:
    if sandbox and in_keychain:
        raise click.UsageError("--sandbox needs no key and --keychain keeps one: give one of them")
    if url is None:
        return
    flags = given_flags()
    for name in ("sandbox", "in_keychain", *Settings.model_fields):
        if flag := flags.get(name):
            raise click.UsageError(f"--http connects to a server with settings of its own: leave {flag} out")


def _settings(values: dict[str, str | None]) -> dict[str, str]:
    """Return the environment variables for the given settings, if the server can start with them."""
    try:
        Settings.load(values, given_flags())
    except ConfigError as exc:
        raise click.UsageError(str(exc)) from None
    return {environment_variable(n): value.strip() for n, value in values.items() if value and value.strip()}


def _choose(targets: Sequence[Target]) -> list[Target]:
    """Ask which of several clients are to be connected."""
    found = list(dict.fromkeys(target.client.name for target in targets))
    if len(found) < 2:
        return list(targets)
    while True:
        answer = click.prompt(
            f"Connect which? Enter for all, or names: {' '.join(found)}", "", show_default=False
        )
        chosen = answer.replace(",", " ").lower().split() or found
        unknown = [name for name in chosen if name not in found]
        if not unknown:
            return [target for target in targets if target.client.name in chosen]
        click.echo(f"{unknown[0]} is none of these names. Try again.", err=True)


def _warn_of_cache(launch: LaunchCommand) -> None:
    click.echo(
        f"Warning: {launch.command} is in a cache, from which it may be deleted at any time, and the "
        "client would not find it any more. Better install it to stay, with `uv tool install` or "
        "`pipx install` in the place of `uvx` or `pipx run`, and then run `rotor-mcp install` again.",
        err=True,
    )


def _without_file(
    names: tuple[str, ...], machine: HostSystem, targets: Sequence[Target], *, remote: bool
) -> list[Client]:
    """Return the clients that this command cannot connect: those without a configuration file for it."""
    named = [CLIENTS[name] for name in dict.fromkeys(names)]
    cannot = [client for client in named if not client.locations(machine)]
    if remote:
        cannot += dict.fromkeys(target.client for target in targets if target.client.remote_by_hand)
    return cannot


def _plan(target: Target, name: str | None, server: Server, machine: HostSystem) -> ConfigChange | None:
    """Plan to connect a client. Without a name, this server gets the second one where the first is taken."""
    if own_plugin := find_plugin(target.client, _OWN_PLUGIN, machine):
        click.echo(
            f"{target.title}: the plugin {own_plugin} brings this server, too. Remove one of both, so that "
            "the assistant does not see every tool twice.",
            err=True,
        )
    if name is not None:
        return changes.plan_install(target, build_entry(target.client, name, server))
    own = changes.own_entries(target, server.url if isinstance(server, RemoteServer) else None)
    plugin = find_plugin(target.client, _DEFAULT_NAME, machine)
    try:
        if plugin is None or _DEFAULT_NAME in own:
            return changes.plan_install(target, build_entry(target.client, _DEFAULT_NAME, server))
        taken = f"{_DEFAULT_NAME} is the name of the plugin {plugin} there"
    except NameTaken as exc:
        taken = exc.what
    click.echo(f"{target.title}: {taken}; this server is called {_SECOND_NAME}.")
    return changes.plan_install(target, build_entry(target.client, _SECOND_NAME, server))


def _key_source(
    targets: Sequence[Target],
    mode: apply.InstallMode,
    settings: Mapping[str, str],
    machine: HostSystem,
    *,
    in_keychain: bool,
) -> _KeySource:
    if not in_keychain and all(target.client.asks_for_secrets for target in targets):
        return _KeySource(_PLACEHOLDER, in_keychain=False)
    base_url = settings.get(_BASE_URL_VARIABLE)
    try:
        key = api_key.obtain_key(
            _found_keys(machine, base_url),
            {"base_url": base_url},
            from_keychain=in_keychain,
            asks=mode == "ask",
        )
    except keychain.KeychainError as exc:
        raise click.ClickException(f"{exc}.") from None
    if key is None and mode == "write":
        raise click.UsageError(
            "there is no API key. Set ROTOR_API_KEY, or run this in a terminal, where it is asked for; "
            "with --sandbox none is needed"
        )
    return _KeySource(key or _PLACEHOLDER, in_keychain)


def _found_keys(machine: HostSystem, base_url: str | None) -> list[api_key.FoundKey]:
    """Return the keys in the clients' configurations that are meant for the same address, each once."""
    found: dict[str, api_key.FoundKey] = {}
    for target in find_targets((), machine)[0]:
        try:
            entries = changes.own_entries(target)
        except CannotEdit:
            continue
        for entry in entries.values():
            server = target.client.entry_format.read(entry)
            key = secret_of(server)
            if key and isinstance(server, LocalServer) and server.env.get(_BASE_URL_VARIABLE) == base_url:
                found.setdefault(key, api_key.FoundKey(key, target.client.title))
    return [known for known in found.values() if not Settings.load({"api_key": known.key}).key_trouble]


def _print_entries(
    names: tuple[str, ...], machine: HostSystem, targets: Sequence[Target], name: str, server: Server
) -> None:
    """Print the entries of the named clients, else of those found, else of all supported ones."""
    clients = [CLIENTS[client] for client in dict.fromkeys(names)] or [target.client for target in targets]
    for client in dict.fromkeys(clients or CLIENTS.values()):
        if isinstance(server, RemoteServer) and client.remote_by_hand:
            _print_by_hand(client, name, server)
            continue
        locations = client.locations(machine)
        files = [location.file for location in locations if location.is_used]
        files = files or [location.file for location in locations[:1]]
        apply.print_entry(client, files, build_entry(client, name, server))


def _print_by_hand(client: Client, name: str, server: Server) -> None:
    if isinstance(server, RemoteServer) and client.remote_by_hand:
        click.echo(f"{client.title}: {client.remote_by_hand}: {server.url}")
    else:
        apply.print_entry(client, [], build_entry(client, name, server))
