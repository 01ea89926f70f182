"""Edits one value in the text of a JSON file and preserves every other character."""

import json
import re
from dataclasses import dataclass
from typing import Any

from rotor_mcp.installer.errors import ParseError
from rotor_mcp.installer.jsonc_parse import Child, Grammar, Node, end_of_match

KeyPath = tuple[str | int, ...]

_BREAK = re.compile(r"\r\n|\r|\n")
_SAME_LINE_COMMENTS = re.compile(r"(?:[ \t]*(?://[^\r\n]*|/\*[^\r\n]*?\*/))*")
_REST_IS_BLANK = re.compile(r"[ \t]*(?:[\r\n]|\Z)")
_STRINGS = re.compile(r'\[\n\s+"(?:[^"\\]|\\.)*"(?:,\n\s+"(?:[^"\\]|\\.)*")*\n\s*\]')
_INDENT = re.compile(r"(?:\r\n|\r|\n)?[ \t]*\Z")


@dataclass(frozen=True)
class Json:
    """Reads and edits JSON in the dialect of a client."""

    grammar: Grammar

    def read(self, text: str) -> Any:
        """Return the value of a text; an empty text is an empty object.

        Raises:
            ParseError: if the client cannot parse it.
        """
        root = self.grammar.parse(text)
        return {} if root is None else root.value

    def put(self, text: str, path: KeyPath, value: Any) -> str:
        """Return the text with a value set at a path. Missing objects and arrays are created.

        Of an existing object only the members that differ are changed.

        Raises:
            ParseError: if the text is not JSON, or the path leads through another kind of value.
        """
        node = self.grammar.parse(text)
        if node is None:
            return self.put(f"{text}{{}}{_line_break(text)}", path, value)
        style = _Style.of(text, node)
        for depth, key in enumerate(path):
            _check_holds(node, key)
            child = node.child(key)
            if child is None:
                return _insert(text, node, key, _wrap(path[depth + 1 :], value), style)
            node = child.node
        if isinstance(node.value, dict) and isinstance(value, dict):
            for name in [name for name in node.value if name not in value]:
                text = self.take(text, (*path, name))
            for name, item in value.items():
                text = self.put(text, (*path, name), item)
            return text
        if json.dumps(node.value) == json.dumps(value):
            return text
        return text[: node.start] + style.render(value, _indent_at(text, node.start)) + text[node.end :]

    def take(self, text: str, path: KeyPath) -> str:
        """Return the text without a member or an item. It is unchanged if there is none at the path.

        Raises:
            ParseError: if the text is not JSON.
        """
        container = self.grammar.parse(text)
        for key in path[:-1]:
            child = container.child(key) if container else None
            container = child.node if child else None
        child = container.child(path[-1]) if container else None
        return _remove_child(text, container, child) if container and child else text

    def show(self, path: KeyPath, value: Any) -> str:
        """Return a member as it would be written in a file."""
        return f"{json.dumps(path[-1])}: {_dump(value, '  ')}"


@dataclass(frozen=True)
class _Style:
    """The line breaks and the indentation of a file."""

    line_break: str
    unit: str

    @classmethod
    def of(cls, text: str, root: Node) -> "_Style":
        for container in root.containers():
            outer = _indent_at(text, container.start)
            first = container.children[0].start
            inner = _indent_at(text, first)
            if _is_first_on_line(text, first) and inner.startswith(outer) and inner != outer:
                return cls(_line_break(text), inner.removeprefix(outer))
        return cls(_line_break(text), "  ")

    def render(self, value: Any, indent: str) -> str:
        return f"{self.line_break}{indent}".join(_dump(value, self.unit).split("\n"))


def _dump(value: Any, unit: str) -> str:
    """Return indented JSON, with lists of strings on one line."""
    text = json.dumps(value, indent=unit, ensure_ascii=False)
    return _STRINGS.sub(lambda found: re.sub(r"\n\s*", " ", found[0]).replace("[ ", "[", 1)[:-2] + "]", text)


def _check_holds(node: Node, key: str | int) -> None:
    if not isinstance(node.value, dict if isinstance(key, str) else list):
        wanted = "an object" if isinstance(key, str) else "an array"
        raise ParseError(f"there should be {wanted} where {key!r} belongs")


def _wrap(path: KeyPath, value: Any) -> Any:
    for key in reversed(path):
        value = {key: value} if isinstance(key, str) else [value]
    return value


def _insert(text: str, container: Node, key: str | int, value: Any, style: _Style) -> str:
    """Insert a member or an item after the last one."""
    name = f"{json.dumps(key, ensure_ascii=False)}: " if isinstance(key, str) else ""
    if not container.children:
        return _insert_first(text, container, name, value, style)
    last = container.children[-1]
    at = last.end if last.comma is None else last.comma + 1
    if _BREAK.search(text, container.start, container.children[0].start):
        indent = _indent_at(text, last.start)
        added = f"{style.line_break}{indent}{name}{style.render(value, indent)}"
        at = end_of_match(_SAME_LINE_COMMENTS, text, at)
    else:
        added = f" {name}{json.dumps(value, ensure_ascii=False)}"
    if last.comma is not None:
        return f"{text[:at]}{added},{text[at:]}"
    return f"{text[: last.end]},{text[last.end : at]}{added}{text[at:]}"


def _insert_first(text: str, container: Node, name: str, value: Any, style: _Style) -> str:
    outer = _indent_at(text, container.start)
    indent = outer + style.unit
    at = end_of_match(_SAME_LINE_COMMENTS, text, container.start + 1)
    closing = "" if _BREAK.search(text, at, container.end) else style.line_break + outer
    return f"{text[:at]}{style.line_break}{indent}{name}{style.render(value, indent)}{closing}{text[at:]}"


def _remove_child(text: str, container: Node, child: Child) -> str:
    index = container.children.index(child)
    previous = container.children[index - 1] if index else None
    end, other = child.end, child.comma
    if child.comma is not None and not text[child.end : child.comma].strip():
        end, other = child.comma + 1, None
    elif child.comma is None and previous:
        other = previous.comma
    after = container.start if previous is None or previous.comma is None else previous.comma
    start = _removal_start(text, after + 1, child.start, end)
    cuts = sorted([(start, end), *([(other, other + 1)] if other is not None else [])])
    for begin, stop in reversed(cuts):
        text = text[:begin] + text[stop:]
    if len(container.children) > 1:
        return text
    closing = container.end - 1 - sum(stop - begin for begin, stop in cuts)
    inside = text[container.start + 1 : closing]
    return text if inside.strip() else text[: container.start + 1] + text[closing:]


def _removal_start(text: str, after: int, start: int, end: int) -> int:
    """Return where the whitespace before a child starts, with the line break if it is on its own line."""
    found = _INDENT.search(text, after, start)
    begin = found.start() if found else start
    if not _BREAK.search(text, begin, start) or _REST_IS_BLANK.match(text, end):
        return begin
    # Otherwise a // comment on the line before would comment out the rest of this line.
    return start if "//" in text[after:begin] else begin


def _line_break(text: str) -> str:
    found = _BREAK.search(text)
    return found[0] if found else "\n"


def _line_start(text: str, at: int) -> int:
    return max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) + 1


def _indent_at(text: str, at: int) -> str:
    """Return the indentation of the line at a position."""
    line = text[_line_start(text, at) : at]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _is_first_on_line(text: str, at: int) -> bool:
    start = _line_start(text, at)
    return start > 0 and not text[start:at].strip(" \t")
