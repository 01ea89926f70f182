"""Reads text as a sheet: CSV as spreadsheets export it, and JSON."""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, islice

from rotor_mcp.import_export.formats.encoding import DecodedText
from rotor_mcp.import_export.formats.formula_guard import unguard
from rotor_mcp.import_export.formats.sheet import Record, Records, Sheet, TableError, number_text

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}

_SAMPLE_ROWS = 50
_SAMPLE_CHARS = 100_000
_SEP_LINE = re.compile('"?sep=([^\\w\\s"]|\t)"?(?:\r\n|\r|\n|$)', re.IGNORECASE)
# Lines are found one by one: `splitlines` and `io.StringIO` would hold a large file once more, or four times.
_LINE = re.compile("[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_JSON_LINE = re.compile("[^\n]*\n|[^\n]+")
_LIST_BEGIN = re.compile(r"\s*\[\s*(\]\s*\Z)?")
_LIST_NEXT = re.compile(r"\s*(?:,\s*|(\]\s*\Z))")
"""What stands before an entry of a list of JSON; its group: the end of the list."""
_DECODER = json.JSONDecoder()
_NO_JSON = "{} is not JSON that can be read"


# CSV


def read_csv(decoded: DecodedText, *, delimiter: str | None, default: str) -> Sheet:
    """Read CSV.

    Args:
        decoded: the text.
        delimiter: the character between cells, if it is known.
        default: the one to take if the content does not show it.

    Raises:
        TableError: if it cannot be read.
    """
    text = decoded.text
    declared = _SEP_LINE.match(text)
    separator = delimiter or (declared[1] if declared else _separator(text, default))
    words = SEPARATORS.get(separator, separator)
    return Sheet(
        Records(_records(text, declared.end() if declared else 0, separator)),
        f"CSV, {decoded.encoding}, separated by {words}",
        is_ragged=True,
        remarks=decoded.remarks,
    )


def _separator(text: str, default: str) -> str:
    """Return the separator that divides the largest share of the first rows into equally many cells."""
    others = [separator for separator in SEPARATORS if separator != default]
    return max([default, *others], key=lambda separator: _rows_alike(text, separator))


def _rows_alike(text: str, separator: str) -> tuple[float, int]:
    """Return the share of rows with the most frequent number of cells beyond one, and that number.

    It is a share, because a separator that is none divides cells of several lines into more rows.
    """
    widths: Counter[int] = Counter()
    sample = io.StringIO(text[:_SAMPLE_CHARS], newline="")
    reader = csv.reader(sample, delimiter=separator, strict=len(text) <= _SAMPLE_CHARS)
    try:
        for cells in islice(reader, _SAMPLE_ROWS):
            if any(cell.strip() for cell in cells):
                widths[len(cells)] += 1
    except csv.Error:
        return 0, 0
    several = {width: count for width, count in widths.items() if width > 1}
    best = max(several, key=lambda width: (several[width], width), default=0)
    return several.get(best, 0) / max(widths.total(), 1), best


def _records(text: str, start: int, separator: str) -> Iterator[Record]:
    lines = (line[0] for line in _LINE.finditer(text, start))
    # Strict, because otherwise an unclosed quote would silently include the rest of the file in a cell.
    reader = csv.reader(lines, delimiter=separator, strict=True)
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


def read_json(text: str) -> Sheet:
    """Read JSON lines, or one list of objects.

    Raises:
        TableError: if it cannot be read.
    """
    whole = text.lstrip().startswith("[")
    objects = _listed if whole else _lines
    # Parsed twice, because the objects take many times the memory of their text.
    keys = list(dict.fromkeys(key for _, _, entry in objects(text) for key in entry))
    records = (
        (number, [_json_text(entry.get(key), where) for key in keys])
        for number, where, entry in objects(text)
    )
    filled = Records(chain([(0, keys)], records))
    return Sheet(filled, "JSON" if whole else "JSON lines", begins_with_header=True)


def _lines(text: str) -> Iterator[tuple[int, str, dict[str, object]]]:
    for number, line in enumerate(_JSON_LINE.finditer(text), start=1):
        if line[0].strip():
            with _faults_of(f"Line {number}"):
                entry = json.loads(line[0])
                _check_that_it_can_be_encoded(entry)
            if not isinstance(entry, dict):
                raise TableError(f'Line {number} is not a JSON object, such as {{"name": "Jane Doe"}}')
            yield number, f"Line {number}", entry


def _listed(text: str) -> Iterator[tuple[int, str, dict[str, object]]]:
    """Yield the entries of a list, of which one at a time is parsed."""
    number = 0
    mark = _LIST_BEGIN.match(text)
    while mark is not None and mark[1] is None:
        number += 1
        with _faults_of("The file"):
            entry, end = _DECODER.raw_decode(text, mark.end())
            _check_that_it_can_be_encoded(entry)
        if not isinstance(entry, dict):
            raise TableError(f"Entry {number} of the list is not a JSON object")
        yield number, f"Entry {number} of the list", entry
        mark = _LIST_NEXT.match(text, end)
    if mark is None:
        raise TableError(_NO_JSON.format("The file"))


@contextmanager
def _faults_of(where: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, RecursionError):
        raise TableError(_NO_JSON.format(where)) from None


def _check_that_it_can_be_encoded(value: object) -> None:
    """Raise ValueError if a text has a lone surrogate, which JSON may contain."""
    json.dumps(value, ensure_ascii=False).encode()


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
