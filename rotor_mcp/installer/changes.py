"""Plans the change of a client's configuration. It writes nothing."""

import difflib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rotor_mcp.installer import backups
from rotor_mcp.installer.catalog import Client
from rotor_mcp.installer.entry import (
    KEY_VARIABLE,
    Server,
    ServerEntry,
    has_key,
    is_own_entry,
    key_prompt,
    mask_entry,
    merge_server,
    variables_of,
)
from rotor_mcp.installer.errors import BY_HAND, CannotEdit, ParseError

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
    key_before: bool = False
    """Whether the file contained the API key."""
    key_after: bool = False


def plan_install(client: Client, file: Path, entry: ServerEntry) -> ConfigChange | None:
    """Plan to add or update an entry. Returns None if the file has it already.

    Raises:
        CannotEdit: if the file cannot be read or edited, or another server has that name.
    """
    before = read_config(file)
    text = _text(before)
    value = _parse(client, text)
    old = _server(client, value, entry.name)
    if old is not None and not is_own_entry(old):
        raise CannotEdit(
            f"another server is called {entry.name} there, and was left as it is. Choose another --name."
        )
    entry = ServerEntry(entry.name, merge_server(old or {}, entry.server), entry.prompt)
    after = _with_entry(client, text, entry)
    _check_only_entry_differs(client, value, after, entry)
    if after.encode() == before:
        return None
    return ConfigChange(
        file,
        before,
        after.encode(),
        (
            *_preview(client, entry.name, old, entry),
            *(["  The byte order mark at the start goes: not every client can read it."] * has_bom(before)),
        ),
        key_before=has_key(old or {}),
        key_after=has_key(entry.server),
    )


def plan_removal(client: Client, file: Path, name: str) -> ConfigChange | None:
    """Plan to remove our entry. Returns None if there is none.

    If the file equals a backup plus this entry, byte for byte, the backup is restored; a file that was
    created for the entry is deleted.

    Raises:
        CannotEdit: if the file cannot be read or edited, or the entry of that name is another server's.
    """
    before = read_config(file)
    text = _text(before)
    value = _parse(client, text)
    old = _server(client, value, name)
    if old is None:
        return None
    if not is_own_entry(old):
        raise CannotEdit(f"the server that is called {name} there is not this one, and was left as it is.")
    index = _prompt_index(client, value, name)
    entry = ServerEntry(name, old, None if index is None else key_prompt(name))
    after = client.syntax.take(text, (client.section, name))
    if index is not None and f"${{input:{key_prompt(name)['id']}}}" not in json.dumps(_parse(client, after)):
        after = client.syntax.take(after, ("inputs", index))
    _check_only_entry_differs(client, value, after, ServerEntry(name, {}, entry.prompt))
    return ConfigChange(
        file,
        before,
        _original_content(client, file, before, entry, after.encode()),
        tuple(_preview(client, name, old, None)),
        key_before=has_key(old),
    )


def own_entries(client: Client, file: Path) -> dict[str, Server]:
    """Return the entries of a configuration that start this server: name → entry.

    Raises:
        CannotEdit: if the file cannot be read.
    """
    servers = _parse(client, _text(read_config(file))).get(client.section, {})
    return {name: server for name, server in servers.items() if is_own_entry(server)}


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


def _parse(client: Client, text: str) -> dict[str, Any]:
    try:
        value = client.syntax.read(text)
    except ParseError as exc:
        raise _cannot_read(client, exc) from None
    if not isinstance(value, dict) or not isinstance(value.get(client.section, {}), dict):
        raise _cannot_read(client, ParseError(f"there should be an object where {client.section} belongs"))
    return value


def _cannot_read(client: Client, why: ParseError) -> CannotEdit:
    return CannotEdit(
        f"{client.title} cannot read it ({why}). Nothing was changed; correct it, and try again."
    )


def _server(client: Client, value: dict[str, Any], name: str) -> Server | None:
    server = value.get(client.section, {}).get(name)
    return server if isinstance(server, dict) or server is None else {"command": None}


def _prompt_index(client: Client, value: dict[str, Any], name: str) -> int | None:
    """Return the index of our prompt for the key in the client's `inputs`; None if there is none."""
    inputs = value.get("inputs") if client.asks_for_key else None
    return inputs.index(key_prompt(name)) if isinstance(inputs, list) and key_prompt(name) in inputs else None


def _with_entry(client: Client, text: str, entry: ServerEntry) -> str:
    try:
        text = client.syntax.put(text, (client.section, entry.name), entry.server)
        if entry.prompt is None:
            return text
        inputs = client.syntax.read(text).get("inputs", [])
        if not isinstance(inputs, list):
            raise ParseError("there should be an array where inputs belong")  # noqa: TRY301 - reported as those below
        if entry.prompt["id"] in [item.get("id") for item in inputs if isinstance(item, dict)]:
            return text
        return client.syntax.put(text, ("inputs", len(inputs)), entry.prompt)
    except ParseError as exc:
        raise _cannot_read(client, exc) from None


def _check_only_entry_differs(client: Client, before: dict[str, Any], text: str, entry: ServerEntry) -> None:
    """Check that the edited text parses to the same value as before, except for the entry."""
    try:
        after = client.syntax.read(text)
    except ParseError:
        raise CannotEdit(BY_HAND) from None
    there = after.get(client.section, {}).get(entry.name, {})
    if there != entry.server or _others(client, before, entry) != _others(client, after, entry):
        raise CannotEdit(BY_HAND)


def _others(client: Client, value: dict[str, Any], entry: ServerEntry) -> dict[str, Any]:
    """Return a configuration without the entry. A missing section counts as an empty one."""
    servers = {name: server for name, server in value.get(client.section, {}).items() if name != entry.name}
    others = {**value, client.section: servers}
    if entry.prompt:
        others["inputs"] = [item for item in value.get("inputs", []) if item != entry.prompt]
    return others


def _original_content(
    client: Client, file: Path, before: bytes | None, entry: ServerEntry, otherwise: bytes
) -> bytes | None:
    """Return the content from before the entry was added, if a backup or an empty file proves it."""
    for old in [*backups.read_backups(file), None]:
        try:
            text = _text(old)
            without = _server(client, _parse(client, text), entry.name) is None
            if without and _with_entry(client, text, entry).encode() == (before or b"").removeprefix(_BOM):
                return old
        except CannotEdit:
            continue
    return otherwise


def _preview(client: Client, name: str, old: Server | None, new: ServerEntry | None) -> Iterator[str]:
    """Yield the diff of the entry. Other entries are not shown, since they may contain secrets."""
    changed = (
        old is not None
        and new is not None
        and variables_of(old).get(KEY_VARIABLE) != variables_of(new.server).get(KEY_VARIABLE)
    )
    words = ("«old API key»", "«new API key»") if changed else ("«API key»",) * 2
    removed = _entry_lines(client, name, mask_entry(old, words[0])) if old is not None else []
    added = _entry_lines(client, name, mask_entry(new.server, words[1])) if new else []
    for line in difflib.ndiff(removed, added):
        if not line.startswith("?"):
            yield line
    if new and new.prompt:
        yield "  It asks for the key when it starts the server, and keeps it in its own store."


def _entry_lines(client: Client, name: str, server: Server) -> list[str]:
    return client.syntax.show((client.section, name), server).splitlines()
