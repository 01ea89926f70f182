"""A table: a header and rows of text. Every file format is read into one."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rotor_mcp.sanitize import one_line

Record = tuple[int, list[str]]
"""A row's number and its cells, before the header is known."""


class TableError(ValueError):
    """The file cannot be read as a table. The text says what to do, and contains no cell."""


@dataclass(frozen=True)
class Row:
    """A row that is not blank."""

    number: int
    """As in a spreadsheet: the header is row 1. For JSON the line, or the position in the list."""
    cells: dict[str, str]
    """Every column of the table → its text."""


class PackedRows(Sequence[Row]):
    """Rows as JSON, decoded when they are asked for."""

    def __init__(self, columns: Sequence[str], packed: list[bytes], kept: Sequence[int]) -> None:
        self._columns = columns
        self._packed = packed
        self._kept = kept

    def __len__(self) -> int:
        return len(self._packed)

    def __iter__(self) -> Iterator[Row]:
        return map(self._row, self._packed)

    def __getitem__(self, place: Any) -> Any:
        return self._row(self._packed[place])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def _row(self, packed: bytes) -> Row:
        number, cells = json.loads(packed)
        cells += [""] * (max(self._kept) + 1 - len(cells))
        return Row(number, {name: cells[at] for name, at in zip(self._columns, self._kept, strict=True)})


@dataclass(frozen=True)
class Table:
    """The content of a file, without blank rows and columns."""

    columns: tuple[str, ...]
    rows: Sequence[Row]
    format_text: str
    """The detected format, such as "CSV, UTF-8, separated by commas"."""


MAX_ROWS = 200_000
"""Of a table. An import of 200,000 rows takes 200 days of requests, and about 200 MB of memory."""
MAX_COLUMNS = 1_000
"""Of a table. Exports of other programs have a few hundred."""


def tabulate(records: Iterable[Record], format_text: str) -> Table:
    """Return the table of some records. The first that is not blank is the header.

    Raises:
        TableError: if all are blank, there are too many, or a row has more cells than the header.
    """
    filled: list[bytes] = []
    for number, cells in records:
        if any(cell.strip() for cell in cells):
            filled.append(json.dumps([number, cells]).encode())
        if len(filled) > MAX_ROWS:
            raise TableError(f"The file has more than {MAX_ROWS:,} rows. Split it into several files")
    if not filled:
        raise TableError("The file is empty. Its first line must name the columns")
    _, header = json.loads(filled.pop(0))
    if len(header) > MAX_COLUMNS:
        raise TableError(
            f"The first line names {len(header):,} columns, at most {MAX_COLUMNS:,} are read. Leave out "
            "those that say nothing of leads"
        )
    filled_columns: set[int] = set()
    for number, cells in map(json.loads, filled):
        filled_columns.update(at for at, cell in enumerate(cells) if cell.strip())
        if any(cell.strip() for cell in cells[len(header) :]):
            raise TableError(
                f"Row {number} has more cells than the {len(header)} columns that the first line names. "
                "Put a text that holds a separator into quotes, and name every column in the first line"
            )
    titles = [one_line(title) for title in header]
    kept = [place for place, title in enumerate(titles) if title or place in filled_columns]
    columns = _distinct([titles[place] or f"column {place + 1}" for place in kept])
    return Table(
        columns=columns,
        rows=PackedRows(columns, filled, kept),
        format_text=format_text,
    )


def number_text(number: float) -> str:
    """Return a number in decimal notation: 7635550102, not 7635550102.0, and 0.0000001, not 1e-07.

    Extreme numbers, such as 5e-324, stay in scientific notation.
    """
    if isinstance(number, float) and number and not 1e-15 < abs(number) < 1e21:
        return repr(number)
    if isinstance(number, int) or number.is_integer():
        return str(int(number))
    return format(Decimal(repr(number)), "f")


def _distinct(titles: list[str]) -> tuple[str, ...]:
    """Number repeated titles. Case is ignored, as in `--map`."""
    used: dict[str, str] = {}
    counts: dict[str, int] = {}
    for title in titles:
        name, key = title, title.casefold()
        while name.casefold() in used:
            counts[key] = counts.get(key, 1) + 1
            name = f"{title} ({counts[key]})"
        used[name.casefold()] = name
    return tuple(used.values())
