"""The command `rotor-mcp uninstall`."""

import sys
from pathlib import Path

import click

from rotor_mcp import keychain
from rotor_mcp.cli.client_options import check_name, clients_argument, http_flag, yes_flag
from rotor_mcp.cli.options import is_interactive
from rotor_mcp.installer import apply, changes
from rotor_mcp.installer.errors import CannotEdit
from rotor_mcp.installer.host_system import HostSystem
from rotor_mcp.installer.targets import Target, find_project_targets, find_targets


@click.command("uninstall")
@clients_argument
@click.option(
    "--name",
    metavar="TEXT",
    callback=check_name,
    help="Name of the server in the client; all names without it.",
)
@yes_flag
@click.option("--keychain", "in_keychain", is_flag=True, help="Delete the API key from the keychain, too.")
@http_flag
def uninstall_(
    names: tuple[str, ...], *, name: str | None, yes: bool, in_keychain: bool, url: str | None
) -> None:
    """Remove this server from the configurations of MCP clients.

    CLIENT is as for install; without one, all clients that are found on this machine are searched, and the
    project in the current directory. Only entries of this server are removed, and with --http those that
    connect to that address: one of the same name that starts another program stays. The changes are shown and
    confirmed as for install.

    The exit status is 0 if no client has this server any more.
    """
    machine = HostSystem()
    targets, absent = find_targets(names, machine)
    apply.print_found(targets)
    for client in absent:
        click.echo(f"{client.title}: nothing to do, it is not on this machine.")
    mode: apply.InstallMode = "write" if yes else "ask" if is_interactive() else "show"
    projects = [t for t in find_project_targets(names, machine, Path.cwd()) if _has_own_entry(t, url)]
    done = apply.apply_changes(
        [*targets, *projects],
        lambda target: changes.plan_removal(target, name, url),
        unchanged_text=f"nothing to do, there is no {name}."
        if name
        else "nothing to do, it is not connected.",
        done_text=lambda client: f"The server is gone when {client.title} is started again.",
        mode=mode,
    )
    if in_keychain and done and mode != "show":
        _delete_key()
    sys.exit(0 if done else 1)


def _has_own_entry(target: Target, url: str | None) -> bool:
    try:
        return bool(changes.own_entries(target, url))
    except CannotEdit:
        return False


def _delete_key() -> None:
    try:
        gone = keychain.delete_key()
    except keychain.KeychainError as exc:
        raise click.ClickException(f"{exc}.") from None
    click.echo("The API key is out of the keychain." if gone else "There was no API key in the keychain.")
