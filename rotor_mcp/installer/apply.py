"""Shows the planned changes of clients' configurations, asks, and writes them."""

import os
import stat
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import click

from rotor_mcp.atomic_file import open_atomic
from rotor_mcp.installer import backups, changes
from rotor_mcp.installer.catalog import CLIENTS, Client
from rotor_mcp.installer.changes import ConfigChange
from rotor_mcp.installer.entry import ServerEntry, mask_server
from rotor_mcp.installer.errors import CannotEdit
from rotor_mcp.installer.host_system import HostSystem
from rotor_mcp.installer.targets import Target

InstallMode = Literal["ask", "write", "show"]

_COLOURS = {"+": "green", "-": "red"}


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
            planned = plan(target)
        except CannotEdit as exc:
            click.echo(f"{target.title}: {exc}", err=True)
            passed = False
            continue
        if planned is None:
            click.echo(f"{target.title}: {unchanged_text}")
        else:
            _print_change(target, planned)
            changes.append((target, planned))
    if changes and not _is_confirmed(mode, len(changes)):
        return False
    if mode != "show":
        before_writing()
    written: set[Path] = set()
    for target, planned in changes:
        # A file that holds several sections of servers has changed since. A failure does not stop the others.
        replan = partial(plan, target) if target.file in written else None
        passed = _carry_out(target, planned, replan, done_text(target.client)) and passed
        written.add(target.file)
    return passed


def print_entry(client: Client, files: Sequence[Path], entry: ServerEntry) -> None:
    """Print the files that an entry belongs into, and the content of a file with only this entry."""
    for file in files:
        click.secho(f"{client.title}, {file}", bold=True)
    if not files:
        click.secho(f"{client.title}: {client.restart_hint}.", bold=True)
    written = client.entry_format.write(entry.name, mask_server(entry.server))
    alone = client.syntax.put("", (client.section, entry.name), written)
    if entry.prompt:
        alone = client.syntax.put(alone, ("inputs", 0), entry.prompt)
    click.echo(alone)


def _print_change(target: Target, change: ConfigChange) -> None:
    what = "" if change.before is not None else " (a new file)"
    click.secho(f"{target.title}{what}", bold=True)
    click.echo(f"  in {target.section[-1]}:")
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


def _carry_out(
    target: Target,
    planned: ConfigChange,
    replan: Callable[[], ConfigChange | None] | None,
    done_text: str,
) -> bool:
    try:
        change = replan() if replan else planned
        notices = _write_change(change) if change else []
    except CannotEdit as exc:
        click.echo(f"{target.title}: {exc}", err=True)
        return False
    except OSError as exc:
        click.echo(f"{target.title}: it cannot be written: {exc.strerror}. It is as it was.", err=True)
        return False
    click.echo(" ".join([f"{target.client.title}: done.", *notices, done_text]))
    return True


def _write_change(change: ConfigChange) -> list[str]:
    """Write a file through a symbolic link, and return what a person should know about it.

    A file keeps the permissions it had, except that nobody else can read one that holds a secret.
    """
    if changes.read_config(change.file) != change.before:
        raise CannotEdit("it was changed by somebody else meanwhile, and was left as it is. Try again.")
    if change.after is None:
        change.file.resolve().unlink()
        return []
    notices = []
    mode = None
    if change.before is not None:
        mode = stat.S_IMODE(change.file.stat().st_mode)
        backup = backups.create_backup(change.file, change.before)
        notices.append(f"The file as it was is kept beside it as {backup.name}.")
        if change.secret_before:
            notices.append("That copy holds the secret: delete it when all is well.")
        if change.secret_after and os.name == "posix" and mode & 0o077:
            mode &= 0o700
            notices.append(
                "Other users of this machine cannot read the file any more, because it holds a secret."
            )
    change.file.parent.mkdir(parents=True, exist_ok=True)
    with open_atomic(change.file) as stream:
        stream.write(change.after)
    if mode is not None:
        change.file.chmod(mode)
    return notices
