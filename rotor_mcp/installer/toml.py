"""Edits one table in the text of a TOML file and preserves every other character."""

import re
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import tomlkit
from tomlkit.container import Container
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, Comment, Table, Whitespace

from rotor_mcp.installer.errors import BY_HAND, CannotEdit, ParseError

KeyPath = tuple[str | int, ...]

_MARK = "\0\n"
"""Marks the place of a removed table. TOML allows no such character. tomlkit begins a table on a new line."""
_ARRAY_HEADER = re.compile(r"^[ \t]*\[\[", re.MULTILINE)
_MARK_AFTER_BLANK_LINE = re.compile(r"(?:(?<=\n)\r?\n)?\0\n")


class Toml:
    """The syntax of Codex's configuration."""

    def read(self, text: str) -> Any:
        """Parse a text into the values of its tables.

        Raises:
            ParseError: if it is not TOML.
        """
        try:
            return tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as exc:
            raise ParseError(str(exc)) from None

    def put(self, text: str, path: KeyPath, value: Any) -> str:
        """Replace a table in its place, or append it if there is none.

        Comments in the table go, those behind it stay.

        Raises:
            ParseError: if the text is not TOML.
            CannotEdit: if the table cannot be told apart from the rest.
        """
        line_break = "\r\n" if "\r\n" in text else "\n"
        block = self.show(path, value).replace("\n", line_break) + line_break
        if _holds(self.read(text), path):
            first, *others = _cut(text, path).split(_MARK)
            if others:
                return first + block + _MARK_AFTER_BLANK_LINE.sub("", _MARK.join(others))
        if text and not text.endswith("\n"):
            text += line_break
        return text + (line_break if text else "") + block

    def take(self, text: str, path: KeyPath) -> str:
        """Remove a table, its subtables and the blank line before each. Comments after it stay.

        Raises:
            ParseError: if the text is not TOML.
            CannotEdit: if the table cannot be told apart from the rest.
        """
        return _MARK_AFTER_BLANK_LINE.sub("", _cut(text, path)) if _holds(self.read(text), path) else text

    def show(self, path: KeyPath, value: Any) -> str:
        """Return the text of a table."""
        table = tomlkit.item(value)
        for key in reversed(path):
            outer = tomlkit.table(is_super_table=True)
            table = outer.append(str(key), table)
        return tomlkit.dumps(table).strip("\n")


def _holds(value: Any, path: KeyPath) -> bool:
    for key in path:
        if not isinstance(value, dict) or key not in value:
            return False
        value = value[key]
    return True


def _cut(text: str, path: KeyPath) -> str:
    """Replace each part of a table that has its own header by a mark."""
    marked = ""
    try:
        for part in _parts(text):
            document = tomlkit.parse(part)
            _mark(document, path)
            marked += document.as_string()
    except (TOMLKitError, RecursionError):  # tomlkit has faults of its own: tomllib has read this text
        raise CannotEdit(BY_HAND) from None
    rest = ".*".join(re.escape(part) for part in marked.split(_MARK))
    if not re.fullmatch(rest, text, re.DOTALL):
        raise CannotEdit(BY_HAND)
    return marked


def _parts(text: str) -> Iterator[str]:
    """Split a text before each array of tables, because tomlkit reorders what is around them."""
    starts = [found.start() for found in _ARRAY_HEADER.finditer(text) if _is_toml(text[: found.start()])]
    for start, end in pairwise([0, *starts, len(text)]):
        yield text[start:end]


def _is_toml(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False  # it ends within an array or a text
    return True


def _mark(container: Container, path: KeyPath) -> None:
    for index, (key, item) in reversed([*enumerate(container.body)]):
        if key is None or key.key != path[0] or key.is_dotted() or not isinstance(item, Table):
            continue
        if path[1:]:
            _mark(item.value, path[1:])
        else:
            # A comment in the body of a table without a header would be given one.
            container.body[index] = (None, Whitespace(_MARK + _behind(item)))


def _behind(table: Table) -> str:
    """Return the comments and blank lines after the last value of a table: tomlkit puts them into it."""
    kept = ""
    for _, item in reversed(table.value.body):
        if isinstance(item, Table | AoT):
            return _behind(item.body[-1] if isinstance(item, AoT) else item) + kept
        if not isinstance(item, Comment | Whitespace):
            break
        kept = item.as_string() + kept
    return kept
