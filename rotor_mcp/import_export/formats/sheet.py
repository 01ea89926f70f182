"""A sheet: the rows of a file as text, before it is known which of them is the header."""

import json
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

Record = tuple[int, list[str]]
"""A row's number, as a spreadsheet counts, and its cells."""


class TableError(ValueError):
    """The file cannot be read as a table. The text says what to do."""


@dataclass(frozen=True)
class ReadOptions:
    """What the person says about a file, where a guess is not enough. None: it is detected."""

    encoding: str | None = None
    delimiter: str | None = None
    """One character."""
    sheet: str | None = None
    """Of a workbook: its name or number."""
    header_row: int | None = None
    """The number of the row that names the columns; 0 if there is none."""


MAX_ROWS = 200_000
"""Of a table. An import of 200,000 rows takes 200 days of requests."""
MAX_HEADER_ROW = 30
"""Rows that are not blank in which the header is looked for."""
MAX_COLUMNS = 1_000
"""Of a table. Exports of other programs have a few hundred."""


class Records:
    """Rows that are not blank, in little memory: each is kept as JSON and read again when it is needed."""

    def __init__(self, records: Iterable[Record], most: int = MAX_ROWS) -> None:
        """Keep those records that are not blank.

        Raises:
            TableError: if there are more than `most`.
        """
        self._numbers = array("L")
        self._packed = bytearray()
        """All records, one behind the other."""
        self._ends = array("Q", [0])
        """Where each record ends, after where the first begins."""
        for number, cells in records:
            if not any(cell.strip() for cell in cells):
                continue
            self._numbers.append(number)
            self._packed += json.dumps(cells, ensure_ascii=False, separators=(",", ":")).encode()
            self._ends.append(len(self._packed))
            if len(self) > most:
                raise TableError(f"The file has more than {MAX_ROWS:,} rows. Split it into several files")

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[Record]:
        for at in range(len(self)):
            yield self[at]

    def __getitem__(self, at: int) -> Record:
        return self._numbers[at], json.loads(self._packed[self._ends[at] : self._ends[at + 1]])


@dataclass(frozen=True)
class Sheet:
    """The content of a file."""

    records: Records
    format_text: str
    """The detected format, such as "CSV, UTF-8, separated by commas"."""
    begins_with_header: bool = False
    """Whether the first record is known to be the header."""
    is_ragged: bool = False
    """Whether a row may have fewer or more cells than it should: in CSV, where separators are typed."""
    remarks: tuple[str, ...] = field(default=())
    """What was left out, or read by a guess."""


def number_text(number: float) -> str:
    """Return a number in decimal notation: 7635550102, not 7635550102.0, and 0.0000001, not 1e-07.

    Extreme numbers, such as 5e-324, stay in scientific notation.
    """
    if isinstance(number, float) and number and not 1e-15 < abs(number) < 1e21:
        return repr(number)
    if isinstance(number, int) or number.is_integer():
        return str(int(number))
    return format(Decimal(repr(number)), "f")
