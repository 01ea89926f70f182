"""The bytes of a file → a table: a header, and rows of text under it.

What a file is, its content says: people rename files, and programs name them wrongly. Nothing is guessed that
would change what is read. A file that cannot be read as it stands is refused whole, with words on how to save
it again: half a name in a lead is worse than no import.
"""

import codecs
import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import NoReturn

from rotor_mcp.files.cells import unguard
from rotor_mcp.sanitize import one_line

Record = tuple[int, list[str]]
"""A row's number and its cells, before it is known which row is the header."""

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}

_OLE = bytes.fromhex("d0cf11e0a1b11ae1")  # the container of XLS, and of an XLSX with a password
_SEP_LINE = re.compile('"?sep=([^\\w\\s"]|\t)"?(?:\r\n|\r|\n|$)', re.IGNORECASE)
_JSON = re.compile(r"\s*(?:\{|\[\s*[{\]])")


class TableError(ValueError):
    """A file that cannot be read as a table. The words say what to do, and show no cell."""


@dataclass(frozen=True)
class Row:
    """A row that holds something."""

    number: int
    """As a spreadsheet counts: the header is row 1. For JSON the line, or the object's place in a list."""
    cells: dict[str, str]
    """Every column of the table → its text, blank if the row has none."""


@dataclass(frozen=True)
class Table:
    """What a file holds. Rows and columns without anything in them are not part of it."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    form: str
    """What the file was taken to be, such as "CSV, UTF-8, separated by commas"."""


def read(data: bytes, name: str) -> Table:
    """Read a file.

    Args:
        data: CSV, a workbook (XLSX, XLS, ODS), JSON lines or a JSON list of objects.
        name: the file's name, or "-". Its ending counts only where the content leaves a doubt.

    Raises:
        TableError: if it cannot be read.
    """
    if data.startswith((b"PK\x03\x04", _OLE)):
        from rotor_mcp.files import workbooks

        return workbooks.read(data)
    text, encoding = _decode(data)
    name = name.lower()
    if _JSON.match(text) or name.endswith((".json", ".jsonl", ".ndjson")):
        return _read_json(text)
    if text.lstrip().startswith("<"):
        raise TableError("This is a web page or XML. Open it in a spreadsheet and save it as CSV or XLSX")
    return _read_csv(text, encoding, usual="\t" if name.endswith((".tsv", ".tab")) else ",")


def tabulate(records: Iterable[Record], form: str) -> Table:
    """Make a table of records: the first that holds anything is the header.

    Raises:
        TableError: if there is none, or a row has cells that no column stands over.
    """
    filled = [(number, cells) for number, cells in records if any(cell.strip() for cell in cells)]
    if not filled:
        raise TableError("The file is empty. Its first line must name the columns")
    (_, header), *body = filled
    for number, cells in body:
        if any(cell.strip() for cell in cells[len(header) :]):
            raise TableError(
                f"Row {number} has more cells than the {len(header)} columns that the first line names. "
                "Put a text that holds a separator into quotes, and name every column in the first line"
            )
    rows = [(number, cells + [""] * (len(header) - len(cells))) for number, cells in body]
    titles = [one_line(title) for title in header]
    kept = [
        place for place, title in enumerate(titles) if title or any(cells[place].strip() for _, cells in rows)
    ]
    columns = _distinct([titles[place] or f"column {place + 1}" for place in kept])
    return Table(
        columns=columns,
        rows=tuple(
            Row(number, dict(zip(columns, (cells[place] for place in kept), strict=True)))
            for number, cells in rows
        ),
        form=form,
    )


def number_text(number: float) -> str:
    """Write a number as people do: 7635550102, never 7635550102.0 nor 1e-07."""
    if isinstance(number, int) or number.is_integer():
        return str(int(number))
    return format(Decimal(repr(number)), "f")


def truth_text(value: bool) -> str:
    """Write a truth value as people do."""
    return "yes" if value else "no"


def _distinct(titles: list[str]) -> tuple[str, ...]:
    """Tell columns of the same title apart. Capitals make no difference: a person may name a column by it."""
    taken: dict[str, str] = {}
    for title in titles:
        name, count = title, 1
        while name.casefold() in taken:
            count += 1
            name = f"{title} ({count})"
        taken[name.casefold()] = name
    return tuple(taken.values())


def _decode(data: bytes) -> tuple[str, str]:
    """Read bytes as text, and say in which encoding.

    A byte that has no meaning is not replaced: it stands in somebody's name, which would be written wrong.
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
        if "\0" not in text:
            return text, words
    raise TableError(
        "This cannot be read as text. Open it in a spreadsheet and save it as CSV (UTF-8) or XLSX"
    )


# CSV


def _read_csv(text: str, encoding: str, *, usual: str) -> Table:
    if spoken := _SEP_LINE.match(text):
        separator = spoken[1]
        text = text[spoken.end() :]
    else:
        separator = _separator(text, usual)
    words = SEPARATORS.get(separator, separator)
    return tabulate(_records(text, separator), f"CSV, {encoding}, separated by {words}")


def _separator(text: str, usual: str) -> str:
    """Choose the separator that the header holds most often outside quotes; `usual` where that is open."""
    quoted = False
    counts = dict.fromkeys([usual, *SEPARATORS], 0)
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
    # Strict, because otherwise a quote that is never closed swallows the rest of the file without a word.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    number = 0
    try:
        for number, cells in enumerate(reader, start=1):
            yield number, [unguard(cell) for cell in cells]
    except csv.Error as exc:
        _refuse_record(number + 1, exc)


def _refuse_record(number: int, exc: csv.Error) -> NoReturn:
    # The limit of the csv module is far above what a lead can hold, so a longer cell is a lost quote.
    if "field limit" in str(exc):
        fault = (
            f"has a cell longer than {csv.field_size_limit():,} characters; a closing quote may be missing"
        )
    elif "unexpected end" in str(exc):
        fault = "begins a quoted cell that is never closed"
    else:
        fault = "has text behind a closing quote; a quote inside a cell is written twice"
    raise TableError(f"Row {number} {fault}. Mend the row, or save the file as XLSX") from None


# JSON


def _read_json(text: str) -> Table:
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
        # A lone surrogate is JSON, but no text that could be sent or shown.
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
            return truth_text(value)
        case int() | float():
            return number_text(value)
        case list() if not any(isinstance(item, list | dict) for item in value):
            texts = [_json_text(item, where) for item in value if item is not None]
            return json.dumps(texts, ensure_ascii=False) if texts else ""
        case _:
            raise TableError(f"{where} holds an object inside an object. Bring its values to the top level")
