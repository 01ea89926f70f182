"""Writes what `rotor-mcp import` says about a file: its columns, what is left out or guessed, examples."""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rotor_mcp.import_export.column_profile import MAX_SHOWN_CHARS
from rotor_mcp.import_export.import_report import MAX_EXAMPLES, titled_lines
from rotor_mcp.import_export.row_reading import CellRemark, ColumnMapping, RemarkKind, RowReading
from rotor_mcp.import_export.row_requests import RowRequest
from rotor_mcp.import_export.table import Table
from rotor_mcp.sanitize import cut, one_line
from rotor_mcp.tools.phrases import counted

MAX_EXAMPLE_ROWS = 3
"""Rows that are shown as they would be stored."""
_MAX_EXAMPLES = 5
"""Cells of one column that are shown for each kind of remark."""
_MAX_VALUE_CHARS = 80

_TITLES: dict[RemarkKind, str] = {
    "read_as": "Read differently",
    "blank": "Read as blank",
    "noted": "Added to the notes",
    "left_out": "Left out",
}


@dataclass
class _Remarks:
    """The remarks of one kind about one column."""

    count: int = 0
    examples: list[tuple[int, CellRemark]] = field(default_factory=list)
    """Row and remark."""

    def add(self, row: int, remark: CellRemark) -> None:
        self.count += 1
        if len(self.examples) < _MAX_EXAMPLES:
            self.examples.append((row, remark))


class FileReport:
    """Collects what is to be said about a file while its rows are read."""

    def __init__(self, table: Table, columns: ColumnMapping) -> None:
        self._table = table
        self._columns = columns
        self._remarks: dict[tuple[RemarkKind, str, str], _Remarks] = {}
        self._telling: list[tuple[int, int, dict[str, Any]]] = []
        """The rows with the most telling content: score, negative number of the row, arguments."""
        self.has_contacts = False
        """Whether a row has a phone, an e-mail or an id."""

    def add(self, number: int, row: RowRequest) -> None:
        """Take what a row says into the report."""
        reading = row.reading
        self.has_contacts = self.has_contacts or not reading.arguments.keys().isdisjoint(
            {"phone", "email", "id"}
        )
        for remark in reading.remarks:
            word = remark.cell.strip().lower() if remark.kind == "blank" else ""
            self._remarks.setdefault((remark.kind, remark.column, word), _Remarks()).add(number, remark)
        if row.request is not None:
            telling = (_score(reading), -number, reading.arguments)
            if len(self._telling) < MAX_EXAMPLE_ROWS:
                heapq.heappush(self._telling, telling)
            elif telling[:2] > self._telling[0][:2]:
                heapq.heapreplace(self._telling, telling)

    def lines(self) -> Iterator[str]:
        """Yield the report."""
        yield f"{self._table.format_text}; {counted(len(self._table.rows), 'row')}."
        yield from (f"  {line}" for line in self._columns.describe())
        yield from _first_lines("Check before it is written", self._columns.warnings)
        yield from _first_lines("About the file", self._table.remarks)
        for kind, title in _TITLES.items():
            lines = [
                line
                for (of_kind, _, _), remarks in self._remarks.items()
                if of_kind == kind
                for line in _remark_lines(remarks)
            ]
            yield from _first_lines(title, lines)
        for _, number, arguments in sorted(self._telling, key=lambda telling: -telling[1]):
            yield f"Row {-number}, for example: {_shown(arguments)}"


def _first_lines(title: str, lines: Sequence[str]) -> Iterator[str]:
    return titled_lines(title, lines[:MAX_EXAMPLES], len(lines))


def _score(reading: RowReading) -> int:
    """Return how much a row shows: its fields, letters beyond ASCII, cells that are read differently."""
    shown = [value for name, value in reading.arguments.items() if isinstance(value, str)]
    return len(reading.arguments) + 4 * (not "".join(shown).isascii()) + 2 * bool(reading.remarks)


def _remark_lines(remarks: _Remarks) -> Iterator[str]:
    first_row, first = remarks.examples[0]
    if first.kind == "blank":
        which = (
            f"row {first_row}" if remarks.count == 1 else f"{remarks.count:,} rows, such as row {first_row}"
        )
        yield f'{first.column}: "{cut(first.cell, MAX_SHOWN_CHARS)}" ({which})'
        return
    for place, (row, remark) in enumerate(remarks.examples, start=1):
        line = f'row {row}, {remark.column}: "{cut(remark.cell, _MAX_VALUE_CHARS)}"'
        if remark.text:
            text = cut(remark.text, _MAX_VALUE_CHARS)
            line += f" is read as {text}" if remark.kind == "read_as" else f": {text}"
        more = remarks.count - len(remarks.examples)
        if place == len(remarks.examples) and more:
            line += f" (and {more:,} more rows)" if more > 1 else " (and 1 more row)"
        yield line


def _shown(arguments: Mapping[str, Any]) -> str:
    texts = {
        name: ", ".join(value) if isinstance(value, list) else str(value) for name, value in arguments.items()
    }
    return one_line(" · ".join(f"{name}: {cut(text, _MAX_VALUE_CHARS)}" for name, text in texts.items()))
