"""Change one table in the text of a TOML file and leave every other character as it is."""

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from rotor_mcp.installer.errors import ParseError

KeyPath = tuple[str | int, ...]

_TOKEN = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\\r\n]|\\.)*"|\'[^\'\r\n]*\'|#[^\r\n]*|\r?\n|.',
    re.DOTALL,
)
_BARE = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_TRAILING = re.compile(r"(?:^[ \t]*(?:#[^\r\n]*)?(?:\r?\n|\Z))*\Z", re.MULTILINE)
_BLANK_LINE = re.compile(r"(?<=\n)\r?\n\Z")


@dataclass(frozen=True)
class _Table:
    """A header such as `[a.b]` with all that follows it up to the next."""

    start: int
    end: int
    path: KeyPath


class Toml:
    """TOML, as Codex reads it."""

    def read(self, text: str) -> Any:
        """The value of all tables.

        Raises:
            Broken: if it is not TOML.
        """
        try:
            return tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as exc:
            raise ParseError(str(exc)) from None

    def put(self, text: str, path: KeyPath, value: Any) -> str:
        """Write a table anew where it is, or at the end if there is none.

        Raises:
            Broken: if the text is not TOML, or holds what cannot be written again.
        """
        self.read(text)
        line_break = "\r\n" if "\r\n" in text else "\n"
        block = self.show(path, value).replace("\n", line_break) + line_break
        if starts := [table.start for table in _tables(text) if _is_below(table, path)]:
            return text[: starts[0]] + block + _without(text[starts[0] :], path)
        if text and not text.endswith("\n"):
            text += line_break
        return text + (line_break if text else "") + block

    def take(self, text: str, path: KeyPath) -> str:
        """Take a table out, with those below it; comments behind it stay.

        Raises:
            Broken: if the text is not TOML.
        """
        self.read(text)
        return _without(text, path)

    def show(self, path: KeyPath, value: Any) -> str:
        """How a table looks in a file.

        Raises:
            Broken: if it holds what cannot be written again, such as a date.
        """
        plain = {key: item for key, item in value.items() if not isinstance(item, dict)}
        tables = {key: item for key, item in value.items() if isinstance(item, dict)}
        lines = [f"[{'.'.join(_key(key) for key in path)}]"]
        lines += [f"{_key(key)} = {_value(item)}" for key, item in plain.items()]
        return "\n\n".join(
            ["\n".join(lines), *(self.show((*path, key), item) for key, item in tables.items())]
        )


def _without(text: str, path: KeyPath) -> str:
    """Leave tables out, each with one blank line before it."""
    for table in reversed([table for table in _tables(text) if _is_below(table, path)]):
        blank = _BLANK_LINE.search(text, 0, table.start)
        trailing = _TRAILING.search(text, table.start, table.end)
        start = blank.start() if blank else table.start
        text = text[:start] + text[trailing.start() if trailing else table.end :]
    return text


def _is_below(table: _Table, path: KeyPath) -> bool:
    return table.path[: len(path)] == path


def _tables(text: str) -> Iterator[_Table]:
    """Every header of a text that was read before, with what follows it."""
    for (start, header), (end, _) in pairwise([*_headers(text), (len(text), "")]):
        yield _Table(start, end, _path(header))


def _headers(text: str) -> Iterator[tuple[int, str]]:
    depth, line_start, fresh = 0, 0, True
    for token in _TOKEN.finditer(text):
        word = token[0]
        if word in ("\n", "\r\n"):
            line_start, fresh = token.end(), True
        elif word in "[{":
            if fresh and depth == 0 and word == "[":
                yield line_start, text[token.start() :].splitlines()[0]
            depth, fresh = depth + 1, False
        elif word in "]}":
            depth -= 1
        elif not word.isspace():
            fresh = False


def _path(header: str) -> KeyPath:
    """The keys of a header. Items of an array of tables are no place for an entry."""
    value, path = tomllib.loads(header), []
    while isinstance(value, dict) and value:
        (key, value) = next(iter(value.items()))
        path.append(key)
    return tuple(path)


def _key(key: str | int) -> str:
    return str(key) if _BARE.fullmatch(str(key)) else _value(key)


def _value(value: Any) -> str:
    if isinstance(value, bool | int | float):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(_value(item) for item in value)}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{_key(key)} = {_value(item)}' for key, item in value.items())} }}"
    if isinstance(value, str):
        # TOML's strings are JSON's, but for one character that JSON leaves as it is.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    raise ParseError(f"it holds a {type(value).__name__}, which is not written here")
