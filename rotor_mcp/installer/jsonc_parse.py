"""Parses JSON and keeps the position of each value in the text.

Comments and trailing commas are accepted if the client that reads the file accepts them.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rotor_mcp.installer.errors import ParseError

_SPACE = re.compile(r"[ \t\r\n]*")
_COMMENT = re.compile(r"//[^\r\n]*|/\*.*?\*/", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_SCALAR = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?|true|false|null", re.ASCII)
_CLOSING = {"{": "}", "[": "]"}


@dataclass(frozen=True)
class Node:
    """A value and its position."""

    start: int
    end: int
    value: Any
    children: "tuple[Child, ...]" = ()

    def child(self, key: str | int) -> "Child | None":
        """Return the member of that name or the item of that index; None if there is none.

        Raises:
            ParseError: if it is there twice, since parsers disagree on which one counts.
        """
        found = [child for child in self.children if child.key == key]
        if len(found) > 1:
            raise ParseError(f'"{key}" is in it twice')
        return found[0] if found else None

    def containers(self) -> "Iterator[Node]":
        """Yield this node and its descendants that have children."""
        if self.children:
            yield self
        for child in self.children:
            yield from child.node.containers()


@dataclass(frozen=True)
class Child:
    """A member of an object or an item of an array, from its key to the end of its value."""

    key: str | int
    start: int
    node: Node
    comma: int | None
    """The position of the comma after it, if there is one."""

    @property
    def end(self) -> int:
        return self.node.end


@dataclass(frozen=True)
class Grammar:
    """The dialect of JSON that a client accepts."""

    comments: bool = False
    trailing_commas: bool = False

    def parse(self, text: str) -> Node | None:
        """Parse a text; None if it contains only whitespace and comments.

        Raises:
            ParseError: if it is not JSON; the message says where and why.
        """
        reader = _Reader(self, text)
        try:
            at = reader.skip_space(0)
            if at == len(text):
                return None
            node = reader.value_at(at)
        except RecursionError:
            raise ParseError("it is nested too deeply") from None
        if reader.skip_space(node.end) != len(text):
            raise reader.error(reader.skip_space(node.end), "something follows the end")
        return node


class _Reader:
    def __init__(self, grammar: Grammar, text: str) -> None:
        self._grammar = grammar
        self._text = text

    def error(self, at: int, why: str) -> ParseError:
        lines = re.split(r"\r\n|\r|\n", self._text[:at])
        return ParseError(f"line {len(lines)}, column {len(lines[-1]) + 1}: {why}")

    def skip_space(self, at: int) -> int:
        """Return the position after whitespace and comments."""
        while True:
            at = end_of_match(_SPACE, self._text, at)
            if not (comment := _COMMENT.match(self._text, at)):
                return at
            if not self._grammar.comments:
                raise self.error(at, "this client reads no comments")
            at = comment.end()

    def value_at(self, at: int) -> Node:
        first = self._text[at : at + 1]
        if first in _CLOSING:
            return self._container(at, first)
        pattern = _STRING if first == '"' else _SCALAR
        end = end_of_match(pattern, self._text, at)
        if end == at:
            raise self.error(at, "there should be a value")
        return Node(at, end, self._scalar(at, end))

    def _scalar(self, start: int, end: int) -> Any:
        try:
            return json.loads(self._text[start:end])
        except ValueError:
            raise self.error(start, "this value cannot be read") from None

    def _container(self, start: int, opening: str) -> Node:
        closing = _CLOSING[opening]
        children: list[Child] = []
        at = self.skip_space(start + 1)
        while self._text[at : at + 1] != closing:
            if children and children[-1].comma is None:
                raise self.error(at, f"there should be a comma or {closing}")
            child = self._child(at, None if opening == "{" else len(children))
            children.append(child)
            at = self.skip_space(child.end if child.comma is None else child.comma + 1)
        if children and children[-1].comma is not None and not self._grammar.trailing_commas:
            raise self.error(children[-1].comma, f"this client reads no comma before {closing}")
        values = {c.key: c.node.value for c in children}
        return Node(start, at + 1, values if opening == "{" else list(values.values()), tuple(children))

    def _child(self, start: int, number: int | None) -> Child:
        key: str | int
        if number is None:
            end = end_of_match(_STRING, self._text, start)
            if end == start:
                raise self.error(start, "there should be a name in double quotes")
            key, at = self._scalar(start, end), self.skip_space(end)
            if self._text[at : at + 1] != ":":
                raise self.error(at, "there should be a colon")
            at = self.skip_space(at + 1)
        else:
            key, at = number, start
        node = self.value_at(at)
        comma = self.skip_space(node.end)
        return Child(key, start, node, comma if self._text[comma : comma + 1] == "," else None)


def end_of_match(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Return where a match that starts at a position ends; the position itself if there is none."""
    found = pattern.match(text, at)
    return found.end() if found else at
