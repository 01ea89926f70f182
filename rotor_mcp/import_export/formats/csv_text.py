"""Reads text of unknown encoding as a table: CSV as spreadsheets export it, and JSON."""

import codecs
import csv
import io
import json
import re
from collections.abc import Iterator

from rotor_mcp.import_export.formats.formula_guard import unguard
from rotor_mcp.import_export.formats.table import Record, Table, TableError, number_text, tabulate

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}

_SEP_LINE = re.compile('"?sep=([^\\w\\s"]|\t)"?(?:\r\n|\r|\n|$)', re.IGNORECASE)


def decode(data: bytes) -> tuple[str, str]:
    """Decode a text. Returns it with the name of its encoding.

    Invalid bytes are not replaced, because they may be part of a name.

    Raises:
        TableError: if the bytes are not text.
    """
    if data.startswith(codecs.BOM_UTF8):
        encodings = {"utf-8-sig": "UTF-8"}
    elif data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings = {"utf-16": "UTF-16"}
    else:
        encodings = {"utf-8": "UTF-8", "cp1252": "Windows-1252"}
    for encoding, words in encodings.items():
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        # Many null characters show a binary file, or UTF-16 without a byte order mark; a few may be text.
        if text.count("\0") * 100 <= len(text):
            return text, words
    raise TableError(
        "This cannot be read as text. Open it in a spreadsheet and save it as CSV (UTF-8) or XLSX"
    )


# CSV


def read_csv(text: str, encoding: str, *, default: str) -> Table:
    """Read CSV, with the separator `default` if the header does not show one.

    Raises:
        TableError: if it cannot be read.
    """
    if declared := _SEP_LINE.match(text):
        separator = declared[1]
        text = text[declared.end() :]
    else:
        separator = _separator(text, default)
    words = SEPARATORS.get(separator, separator)
    return tabulate(_records(text, separator), f"CSV, {encoding}, separated by {words}")


def _separator(text: str, default: str) -> str:
    """Return the most frequent separator in the header, outside quotes; `default` if there is none."""
    quoted = False
    counts = dict.fromkeys([default, *SEPARATORS], 0)
    for char in text.lstrip("\r\n"):
        if char == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif char in "\r\n":
            break
        elif char in counts:
            counts[char] += 1
    return max(counts, key=lambda separator: counts[separator])


def _records(text: str, separator: str) -> Iterator[Record]:
    # Strict, because otherwise an unclosed quote would silently include the rest of the file in a cell.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    number = 0
    try:
        for number, cells in enumerate(reader, start=1):
            yield number, [unguard(cell) for cell in cells]
    except csv.Error as exc:
        raise TableError(f"Row {number + 1} {_fault(exc)}. Mend the row, or save the file as XLSX") from None


def _fault(exc: csv.Error) -> str:
    # The csv module's limit is far above any field of a lead, so a longer cell shows an unclosed quote.
    if "field limit" in str(exc):
        return f"has a cell longer than {csv.field_size_limit():,} characters; a closing quote may be missing"
    if "unexpected end" in str(exc):
        return "begins a quoted cell that is never closed"
    return "has text behind a closing quote; a quote inside a cell is written twice"


# JSON


def read_json(text: str) -> Table:
    """Read JSON lines, or one list of objects.

    Raises:
        TableError: if it cannot be read.
    """
    whole = text.lstrip().startswith("[")
    objects = list(_listed(text) if whole else _lines(text))
    keys = list(dict.fromkeys(key for _, _, entry in objects for key in entry))
    records = (
        (number, [_json_text(entry.get(key), where) for key in keys]) for number, where, entry in objects
    )
    return tabulate([(0, keys), *records], "JSON" if whole else "JSON lines")


def _lines(text: str) -> Iterator[tuple[int, str, dict[str, object]]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            entry = _parse(line, f"Line {number}")
            if not isinstance(entry, dict):
                raise TableError(f'Line {number} is not a JSON object, such as {{"name": "Jane Doe"}}')
            yield number, f"Line {number}", entry


def _listed(text: str) -> Iterator[tuple[int, str, dict[str, object]]]:
    entries = _parse(text, "The file")
    assert isinstance(entries, list)  # noqa: S101 - it begins with a bracket
    for number, entry in enumerate(entries, start=1):
        if not isinstance(entry, dict):
            raise TableError(f"Entry {number} of the list is not a JSON object")
        yield number, f"Entry {number} of the list", entry


def _parse(text: str, where: str) -> object:
    try:
        value: object = json.loads(text)
        # JSON may contain a lone surrogate, which cannot be encoded.
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise TableError(f"{where} is not JSON that can be read") from None
    return value


def _json_text(value: object, where: str) -> str:
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return number_text(value)
        case list() if not any(isinstance(item, list | dict) for item in value):
            texts = [_json_text(item, where) for item in value if item is not None]
            return json.dumps(texts, ensure_ascii=False) if texts else ""
        case _:
            raise TableError(f"{where} holds an object inside an object. Bring its values to the top level")
