"""Shows the planned changes of clients' configurations, asks, and writes them."""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import click

from rotor_mcp.atomic_file import open_atomic
from rotor_mcp.installer import backups, changes
from rotor_mcp.installer.catalog import CLIENTS, Client, HostSystem
from rotor_mcp.installer.changes import ConfigChange
from rotor_mcp.installer.entry import ServerEntry, mask_entry
from rotor_mcp.installer.errors import CannotEdit

InstallMode = Literal["ask", "write", "show"]

_COLOURS = {"+": "green", "-": "red"}


@dataclass(frozen=True)
class Target:
    """One configuration of one client."""

    client: Client
    file: Path

    @property
    def title(self) -> str:
        return f"{self.client.title}, {self.file}"


def find_targets(names: Sequence[str], machine: HostSystem) -> tuple[list[Target], list[Client]]:
    """Return the configurations of the named clients, or of all installed clients if none is named.

    The second list has the clients that were named and are not on this machine.
    """
    targets: list[Target] = []
    absent: list[Client] = []
    for name in dict.fromkeys(names) or CLIENTS:
        client = CLIENTS[name]
        used = [Target(client, location.file) for location in client.locations(machine) if location.is_used]
        targets += used
        if names and not used:
            absent.append(client)
    return targets, absent


def print_found(targets: Sequence[Target]) -> None:
    """Print the clients that were found on this machine."""
    titles = dict.fromkeys(target.client.title for target in targets)
    click.echo(f"Found: {', '.join(titles) or 'none of ' + ', '.join(c.title for c in CLIENTS.values())}.")


def print_absent(client: Client, machine: HostSystem) -> None:
    """Print that a named client was not found, and what to do."""
    directory = client.locations(machine)[0].directory
    click.echo(
        f"{client.title}: not found, for there is no {directory}. "
        "If it is installed, start it once and try again.",
        err=True,
    )


def apply_changes(
    targets: Sequence[Target],
    plan: Callable[[Target], ConfigChange | None],
    *,
    unchanged_text: str,
    done_text: Callable[[Client], str],
    mode: InstallMode,
    before_writing: Callable[[], None] = lambda: None,
) -> bool:
    """Show the planned changes, ask, and write them. Returns whether every target has the planned state.

    `plan` returns the change of a target, None if there is none, or raises `CannotEdit`. `before_writing` is
    called before the first file is written, even if there is none; it may raise.
    """
    passed = True
    changes: list[tuple[Target, ConfigChange]] = []
    for target in targets:
        try:
            change = plan(target)
        except CannotEdit as exc:
            click.echo(f"{target.title}: {exc}", err=True)
            passed = False
            continue
        if change is None:
            click.echo(f"{target.title}: {unchanged_text}")
        else:
            _print_change(target, change)
            changes.append((target, change))
    if changes and not _is_confirmed(mode, len(changes)):
        return False
    if mode != "show":
        before_writing()
    # A failed write does not stop the others.
    results = [_carry_out(target, change, done_text(target.client)) for target, change in changes]
    return all(results) and passed


def print_entry(client: Client, files: Sequence[Path], entry: ServerEntry) -> None:
    """Print the files that an entry belongs into, and the content of a file with only this entry."""
    for file in files:
        click.secho(f"{client.title}, {file}", bold=True)
    alone = client.syntax.put("", (client.section, entry.name), mask_entry(entry.server, "«API key»"))
    if entry.prompt:
        alone = client.syntax.put(alone, ("inputs", 0), entry.prompt)
    click.echo(alone)


def _print_change(target: Target, change: ConfigChange) -> None:
    what = "" if change.before is not None else " (a new file)"
    click.secho(f"{target.title}{what}", bold=True)
    click.echo(f"  in {target.client.section}:")
    for line in change.preview:
        click.secho(f"  {line}", fg=_COLOURS.get(line[0]))


def _is_confirmed(mode: InstallMode, count: int) -> bool:
    if mode == "show":
        click.echo(
            "Nothing was written: there is nobody to ask. Add --yes to write without asking.", err=True
        )
        return False
    if mode == "write":
        return True
    if click.confirm("Write this?" if count == 1 else f"Write these {count} files?"):
        return True
    click.echo("Nothing was written.")
    return False


def _carry_out(target: Target, change: ConfigChange, done_text: str) -> bool:
    try:
        backup = _write_change(change)
    except CannotEdit as exc:
        click.echo(f"{target.title}: {exc}", err=True)
        return False
    except OSError as exc:
        click.echo(f"{target.title}: it cannot be written: {exc.strerror}. It is as it was.", err=True)
        return False
    click.echo(" ".join([f"{target.client.title}: done.", *_notices(change, backup), done_text]))
    return True


def _write_change(change: ConfigChange) -> Path | None:
    """Write a file with the permissions it had, through a symbolic link. Returns the backup, if any."""
    if changes.read_config(change.file) != change.before:
        raise CannotEdit("it was changed by somebody else meanwhile, and was left as it is. Try again.")
    if change.after is None:
        change.file.resolve().unlink()
        return None
    mode = None if change.before is None else stat.S_IMODE(change.file.stat().st_mode)
    backup = None if change.before is None else backups.create_backup(change.file, change.before)
    with open_atomic(change.file) as stream:
        stream.write(change.after)
    if mode is not None:
        change.file.chmod(mode)
    return backup


def _notices(change: ConfigChange, backup: Path | None) -> Iterator[str]:
    if backup:
        yield f"The file as it was is kept beside it as {backup.name}."
    if backup and change.key_before:
        yield "That copy holds the API key: delete it when all is well."
    if change.key_after and os.name == "posix" and change.file.stat().st_mode & 0o044:
        yield "Others who use this machine can read the key there; with --keychain it is in no file."
