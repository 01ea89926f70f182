"""Plans the change of a client's configuration. It writes nothing."""

import difflib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rotor_mcp.installer import backups
from rotor_mcp.installer.catalog import Client
from rotor_mcp.installer.entry import (
    Prompt,
    ServerEntry,
    is_own_server,
    mask_server,
    merge_server,
    prompts,
    secret_of,
)
from rotor_mcp.installer.entry_format import Entry, RemoteServer
from rotor_mcp.installer.errors import BY_HAND, CannotEdit, NameTaken, ParseError
from rotor_mcp.installer.targets import Target

_BOM = b"\xef\xbb\xbf"
"""A byte order mark. It is skipped and not written again: Claude Desktop empties a file that begins with one,
Gemini CLI cannot read it, and no client needs it."""


@dataclass(frozen=True)
class ConfigChange:
    """A configuration before and after a change."""

    file: Path
    before: bytes | None
    """None if the file does not exist."""
    after: bytes | None
    """None if the file is to be deleted."""
    preview: tuple[str, ...]
    secret_before: bool = False
    """Whether the file contained the API key or a token."""
    secret_after: bool = False


def plan_install(target: Target, entry: ServerEntry) -> ConfigChange | None:
    """Plan to add or update an entry. Returns None if the file has it already.

    Raises:
        NameTaken: if another server has that name.
        CannotEdit: if the file cannot be read or edited.
    """
    before = read_config(target.file)
    text = _text(before)
    value = _parse(target, text)
    old = _servers(target, value).get(entry.name)
    known = target.client.entry_format.read(old)
    url = entry.server.url if isinstance(entry.server, RemoteServer) else None
    if old is not None and not is_own_server(known, url):
        raise NameTaken(entry.name, known)
    server = merge_server(known, entry.server)
    new = target.client.entry_format.write(entry.name, server, old)
    after = _with_entry(target, text, entry.name, new, entry.prompt)
    _check_only_entry_differs(target, value, after, entry.name, new, prompt=entry.prompt)
    if after.encode() == before:
        return None
    preview = list(_preview(target, entry.name, old, new))
    if entry.prompt:
        preview.append("  It asks for this when it starts the server, and keeps it in its own store.")
    if has_bom(before):
        preview.append("  The byte order mark at the start goes: not every client can read it.")
    return ConfigChange(
        target.file,
        before,
        after.encode(),
        tuple(preview),
        secret_before=secret_of(known) is not None,
        secret_after=secret_of(server) is not None,
    )


def plan_removal(target: Target, name: str | None = None, url: str | None = None) -> ConfigChange | None:
    """Plan to remove our entries, or only that of a name. Returns None if there is none.

    An entry of a remote server is ours if it has `url`. If a file equals a backup plus an entry, byte for
    byte, the backup is restored; a file that was created for the entry is deleted.

    Raises:
        CannotEdit: if the file cannot be read or edited, or the entry of that name is another server's.
    """
    before = content = read_config(target.file)
    servers = _servers(target, _parse(target, _text(before)))
    own = _own(target, servers, url)
    if name is not None and name in servers and name not in own:
        raise CannotEdit(f"the server that is called {name} there is not this one, and was left as it is.")
    names = [found for found in own if name in (None, found)]
    if not names:
        return None
    preview: list[str] = []
    for found in reversed(names):  # the latest first, as a backup may hold the others
        content = _without_entry(target, content, found)
        preview = [*_preview(target, found, servers[found], None), *preview]
    secrets = [secret_of(target.client.entry_format.read(servers[found])) for found in names]
    return ConfigChange(target.file, before, content, tuple(preview), secret_before=any(secrets))


def own_entries(target: Target, url: str | None = None) -> dict[str, Entry]:
    """Return the entries of a configuration that start this server, or reach it at `url`: name → entry.

    Raises:
        CannotEdit: if the file cannot be read.
    """
    return _own(target, _read_servers(target), url)


def remote_entries(target: Target) -> dict[str, Entry]:
    """Return the entries of remote servers with a name like ours that Rotor does not run: name → entry.

    Raises:
        CannotEdit: if the file cannot be read.
    """
    found: dict[str, Entry] = {}
    for name, entry in _read_servers(target).items():
        server = target.client.entry_format.read(entry)
        if name.lower().startswith("rotor") and isinstance(server, RemoteServer) and not server.is_of_rotor:
            found[name] = entry
    return found


def read_config(file: Path) -> bytes | None:
    """Return the content of a file; None if it does not exist.

    Raises:
        CannotEdit: if it cannot be read.
    """
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise CannotEdit(f"it cannot be read: {exc.strerror}.") from None


def has_bom(content: bytes | None) -> bool:
    """Whether a file's content begins with a byte order mark."""
    return (content or b"").startswith(_BOM)


def _text(content: bytes | None) -> str:
    try:
        return (content or b"").removeprefix(_BOM).decode()
    except UnicodeDecodeError:
        raise CannotEdit("it is not UTF-8 text. Save it as UTF-8 in an editor, and try again.") from None


def _parse(target: Target, text: str) -> dict[str, Any]:
    try:
        value = target.client.syntax.read(text)
    except ParseError as exc:
        raise _cannot_read(target.client, exc) from None
    if not isinstance(value, dict):
        raise _cannot_read(target.client, ParseError("there should be an object"))
    return value


def _cannot_read(client: Client, why: ParseError) -> CannotEdit:
    return CannotEdit(
        f"{client.title} cannot read it ({why}). Nothing was changed; correct it, and try again."
    )


def _servers(target: Target, value: dict[str, Any]) -> dict[str, Any]:
    """Return the servers of a configuration. A missing section counts as an empty one."""
    servers: Any = value
    for key in target.section:
        servers = servers.get(key, {}) if isinstance(servers, dict) else None
    if not isinstance(servers, dict):
        why = ParseError(f"there should be an object where {target.section[-1]} belongs")
        raise _cannot_read(target.client, why)
    return servers


def _read_servers(target: Target) -> dict[str, Any]:
    return _servers(target, _parse(target, _text(read_config(target.file))))


def _own(target: Target, servers: dict[str, Any], url: str | None) -> dict[str, Entry]:
    read = target.client.entry_format.read
    return {name: entry for name, entry in servers.items() if is_own_server(read(entry), url)}


def _with_entry(target: Target, text: str, name: str, entry: Entry, prompt: Prompt | None) -> str:
    syntax = target.client.syntax
    try:
        text = syntax.put(text, (*target.section, name), entry)
        if prompt is None:
            return text
        inputs = syntax.read(text).get("inputs", [])
        if not isinstance(inputs, list):
            raise ParseError("there should be an array where inputs belong")  # noqa: TRY301 - reported as those below
        if prompt["id"] in [item.get("id") for item in inputs if isinstance(item, dict)]:
            return text
        return syntax.put(text, ("inputs", len(inputs)), prompt)
    except ParseError as exc:
        raise _cannot_read(target.client, exc) from None


def _without_entry(target: Target, content: bytes | None, name: str) -> bytes | None:
    """Return a file's content without an entry; None if it was created for the entry."""
    client, text = target.client, _text(content)
    value = _parse(target, text)
    entry, prompt = _servers(target, value)[name], _own_prompt(client, value, name)
    after = client.syntax.take(text, (*target.section, name))
    if prompt and f"${{input:{prompt['id']}}}" not in json.dumps(_parse(target, after)):
        after = client.syntax.take(after, ("inputs", value["inputs"].index(prompt)))
    _check_only_entry_differs(target, value, after, name, {}, prompt=prompt)
    for old in [*backups.read_backups(target.file), None]:
        try:
            old_text = _text(old)
            without = name not in _servers(target, _parse(target, old_text))
            if without and _with_entry(target, old_text, name, entry, prompt) == text:
                return old
        except CannotEdit:
            continue
    return after.encode()


def _own_prompt(client: Client, value: dict[str, Any], name: str) -> Prompt | None:
    """Return our prompt in the client's `inputs`; None if there is none."""
    inputs = value.get("inputs") if client.asks_for_secrets else None
    return next((p for p in prompts(name) if p in inputs), None) if isinstance(inputs, list) else None


def _check_only_entry_differs(
    target: Target,
    before: dict[str, Any],
    text: str,
    name: str,
    entry: Entry,
    *,
    prompt: Prompt | None,
) -> None:
    """Check that the edited text parses to the same value as before, except for the entry and its prompt."""
    try:
        after = target.client.syntax.read(text)
    except ParseError:
        raise CannotEdit(BY_HAND) from None
    there = _servers(target, after).get(name, {})
    if there != entry or _others(target, before, name, prompt) != _others(target, after, name, prompt):
        raise CannotEdit(BY_HAND)


def _others(target: Target, value: dict[str, Any], name: str, prompt: Prompt | None) -> dict[str, Any]:
    """Return a configuration without the entry. A missing section counts as an empty one."""
    servers = {key: server for key, server in _servers(target, value).items() if key != name}
    others = _with_value(value, target.section, servers)
    if prompt:
        others["inputs"] = [item for item in value.get("inputs", []) if item != prompt]
    return others


def _with_value(value: dict[str, Any], path: Sequence[str], new: Any) -> dict[str, Any]:
    key, *rest = path
    return {**value, key: _with_value(value.get(key, {}), rest, new) if rest else new}


def _preview(target: Target, name: str, old: object, new: Entry | None) -> Iterator[str]:
    """Yield the diff of the entry. Other entries are not shown, since they may contain secrets."""
    read = target.client.entry_format.read
    secrets = [secret_of(read(entry)) for entry in (old, new)]
    ages = ("old ", "new ") if None not in secrets and secrets[0] != secrets[1] else ("", "")
    removed = _entry_lines(target, name, old, ages[0]) if isinstance(old, dict) else []
    added = _entry_lines(target, name, new, ages[1]) if new else []
    for line in difflib.ndiff(removed, added):
        if not line.startswith("?"):
            yield line


def _entry_lines(target: Target, name: str, entry: Entry, age: str) -> list[str]:
    entry_format = target.client.entry_format
    server = entry_format.read(entry)
    masked = entry_format.with_server(entry, mask_server(server, age)) if server else entry
    return target.client.syntax.show((*target.section, name), masked).splitlines()
