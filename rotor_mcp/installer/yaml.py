"""Edits one entry in the text of a YAML file and preserves every other character."""

import re
from typing import Any

import yaml

from rotor_mcp.installer.errors import BY_HAND, CannotEdit, ParseError
from rotor_mcp.installer.jsonc_edit import KeyPath

_INDENT = 2
_LINE = re.compile(r"[^\r\n\x85\u2028\u2029]*(?:\r\n|[\r\n\x85\u2028\u2029])|[^\r\n\x85\u2028\u2029]+")
"""A line as YAML counts them, with its line break."""


class Yaml:
    """The syntax of Goose's configuration: a mapping of sections in block style."""

    def read(self, text: str) -> Any:
        """Return the value of a text. An empty text, and a section without a value, are empty objects.

        Raises:
            ParseError: if it is not one YAML document, or a section is in it twice.
        """
        root = _compose(text)
        if isinstance(root, yaml.MappingNode):
            keys = [key.value for key, _ in root.value]
            if twice := [key for key in keys if keys.count(key) > 1]:
                raise ParseError(f'"{twice[0]}" is in it twice')
        try:
            value = {} if root is None else yaml.safe_load(text)
        except (yaml.YAMLError, ValueError) as exc:
            raise ParseError(_reason(exc)) from None
        if isinstance(value, dict):
            return {key: {} if section is None else section for key, section in value.items()}
        return value

    def put(self, text: str, path: KeyPath, value: Any) -> str:
        """Replace an entry of a section in its place, or append it to the section.

        Raises:
            ParseError: if the text is not YAML.
            CannotEdit: if the section is written in braces.
        """
        section_key, name = path
        lines = _LINE.findall(text)
        section = _member(_compose(text), section_key)
        if section is None:
            block = _block({section_key: {name: value}}, 0)
            return _spliced(lines, len(lines), len(lines), block)
        if not _is_block(section[1]):
            if self.read(text)[section_key]:
                raise CannotEdit(BY_HAND)
            line = section[0].start_mark.line  # `extensions: {}`, or without a value
            return _spliced(lines, line, _end_line(section[1]), _block({section_key: {name: value}}, 0))
        first_key, _ = section[1].value[0]
        block = _block({name: value}, first_key.start_mark.column)
        if entry := _member(section[1], name):
            return _spliced(lines, entry[0].start_mark.line, _end_line(entry[1]), block)
        end = _end_line(section[1])
        return _spliced(lines, end, end, block)

    def take(self, text: str, path: KeyPath) -> str:
        """Remove an entry of a section.

        Raises:
            ParseError: if the text is not YAML.
            CannotEdit: if the section is written in braces.
        """
        section_key, name = path
        section = _member(_compose(text), section_key)
        entry = _member(section[1], name) if section else None
        if section is None or entry is None:
            return text
        if not _is_block(section[1]):
            raise CannotEdit(BY_HAND)
        lines = _LINE.findall(text)
        if len(section[1].value) == 1:
            block = _block({section_key: {}}, 0)
            return _spliced(lines, section[0].start_mark.line, _end_line(entry[1]), block)
        return _spliced(lines, entry[0].start_mark.line, _end_line(entry[1]), [])

    def show(self, path: KeyPath, value: Any) -> str:
        """Return an entry as it would be written in a file."""
        return "\n".join(_block({path[-1]: value}, 0))


def _compose(text: str) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as exc:
        raise ParseError(_reason(exc)) from None


def _reason(exc: Exception) -> str:
    mark = getattr(exc, "problem_mark", None)
    place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return f"{place}{getattr(exc, 'problem', None) or 'this cannot be read'}"


def _member(node: yaml.Node | None, key: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    members = node.value if isinstance(node, yaml.MappingNode) else []
    return next(((name, value) for name, value in members if name.value == key), None)


def _is_block(node: yaml.Node) -> bool:
    return isinstance(node, yaml.MappingNode) and not node.flow_style and bool(node.value)


def _end_line(node: yaml.Node) -> int:
    """Return the line after a value. The end mark of a block is behind the comments that follow it."""
    if isinstance(node, yaml.CollectionNode) and node.value and not node.flow_style:
        last = node.value[-1]
        return _end_line(last[1] if isinstance(last, tuple) else last)
    at_line_start = node.end_mark.column == 0 and node.end_mark.line > node.start_mark.line
    return node.end_mark.line + (0 if at_line_start else 1)


def _block(value: Any, column: int) -> list[str]:
    text = yaml.safe_dump(value, indent=_INDENT, sort_keys=False, allow_unicode=True, width=10_000)
    return [" " * column + line for line in text.splitlines()]


def _spliced(lines: list[str], start: int, end: int, block: list[str]) -> str:
    line_break = "\r\n" if any(line.endswith("\r\n") for line in lines) else "\n"
    before = "".join(lines[:start])
    if block and before and not before.endswith(("\n", "\r")):
        before += line_break
    return before + "".join(line + line_break for line in block) + "".join(lines[end:])
