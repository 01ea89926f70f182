"""A table: named columns and the rows under them, without the titles, totals and footers around it.

People and programs put a title above the names of the columns, a total below the last row, or the names of
the columns once more on every page. What is not a row of the table is left out and named; a row that is
damaged stays, with the reason why it cannot be used.
"""

import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import overload

from rotor_mcp.import_export.cells.looks import looks_like_contact, looks_like_value
from rotor_mcp.import_export.formats.detect import read_sheet
from rotor_mcp.import_export.formats.sheet import (
    MAX_COLUMNS,
    MAX_HEADER_ROW,
    ReadOptions,
    Record,
    Records,
    Sheet,
    TableError,
)
from rotor_mcp.import_export.header_synonyms import count_known_headers
from rotor_mcp.sanitize import cut, one_line

_MAX_SHOWN_CHARS = 60
_MAX_SHOWN_CELLS = 12
_SAMPLE = 200
_MAX_NAME_WORDS = 4

_TOTAL = re.compile(r"(?:grand |sub-?)?totals?\b\s*(?:[:(#\d$].*)?|sum:?|average:?|count:?", re.IGNORECASE)
_FOOTER = re.compile(
    r"(?:generated|exported|printed|created|report|prepared|downloaded|run) (?:by|on|at|from|date)\b.*"
    r"|as of:? .*|page:? \d+.*|confidential\b.*|.*\ball rights reserved.*|(?:©|copyright\b) ?[\w(].*"
    r"|end of (?:report|list|file).*"
    r"|.*\b\d[\d,]* (?:records?|rows?|results?|contacts?|customers?|clients?|leads?)\b\W*",
    re.IGNORECASE,
)
_TEST_LEAD = re.compile(r"<test lead: .*>")  # of Facebook lead ads


@dataclass(frozen=True)
class Row:
    """A row of a table."""

    number: int
    """As in a spreadsheet: the first row is 1. For JSON the line, or the position in the list."""
    cells: dict[str, str]
    """Every column of the table → its text."""


class Rows(Sequence[Row]):
    """The rows of a table, in little memory: a row is read again each time that it is asked for."""

    def __init__(self, records: Records, kept: Sequence[int], columns: Mapping[str, int]) -> None:
        self._records = records
        self._kept = kept
        """Positions of the rows in `records`."""
        self._columns = columns
        """Column → its position in a record."""

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[Row]:
        for at in range(len(self)):
            yield self[at]

    @overload
    def __getitem__(self, at: int) -> Row: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[Row]: ...

    def __getitem__(self, at: int | slice) -> Row | Sequence[Row]:
        if isinstance(at, slice):
            return [self[place] for place in range(len(self))[at]]
        number, cells = self._records[self._kept[at]]
        width = len(cells)
        return Row(
            number, {column: cells[place] if place < width else "" for column, place in self._columns.items()}
        )


@dataclass(frozen=True)
class Table:
    """The table in a file, without blank rows and columns."""

    columns: tuple[str, ...]
    rows: Sequence[Row]
    format_text: str
    """The detected format, such as "CSV, UTF-8, separated by commas"."""
    has_header: bool = True
    """Whether a row of the file names the columns."""
    remarks: tuple[str, ...] = ()
    """What was left out of the table, or read by a guess."""
    damaged: Mapping[int, str] = field(default_factory=dict)
    """Number of a row → why it cannot be used."""


def read_table(data: bytes, name: str, options: ReadOptions, *, region: str) -> Table:
    """Read the table in a file.

    Args:
        data: the file's content.
        name: of the file; its ending is used only if the content is ambiguous.
        options: what the person says about the file.
        region: country (ISO 3166) of phones without a country code, which tell a row from a header.

    Raises:
        TableError: if there is none, or no row can be told to be its header.
    """
    sheet = read_sheet(data, name, options)
    if not len(sheet.records):
        raise TableError("The file is empty. Its first line must name the columns")
    at = _header_position(sheet, options, region)
    if at is not None and len(sheet.records[at][1]) > MAX_COLUMNS:
        raise TableError(
            f"The header names {len(sheet.records[at][1]):,} columns, at most {MAX_COLUMNS:,} are read. "
            "Leave out those that say nothing of leads"
        )
    return _Layout(sheet, at, region).table()


# The header


def _header_position(sheet: Sheet, options: ReadOptions, region: str) -> int | None:
    """Return the position of the header among the rows that are not blank; None if there is none.

    Raises:
        TableError: if the row that was named is blank, or no row can be told to be the header.
    """
    if options.header_row == 0:
        return None
    if options.header_row is not None:
        for at, (number, _) in enumerate(sheet.records):
            if number == options.header_row:
                return at
        raise TableError(f"Row {options.header_row} (--header-row) is blank, or behind the end of the file")
    if sheet.begins_with_header:
        return 0
    first = [cells for _, cells in islice(sheet.records, MAX_HEADER_ROW)]
    known = [0 if _holds_values(cells, region) else count_known_headers(cells) for cells in first]
    filled = [_filled(cells) for cells in first]
    best = known.index(max(known))
    if known[best] > 1 or (known[best] and all(filled[at] < filled[best] for at in range(best))):
        return best
    counts = Counter(filled)
    usual = max(counts, key=lambda count: (counts[count], count))
    at = next(at for at, count in enumerate(filled) if 2 * count > usual)
    if _holds_values(first[at], region) and len(first) > 1:
        raise TableError(_no_header_text(sheet.records[at]))
    return at


def _filled(cells: Iterable[str]) -> int:
    return sum(1 for cell in cells if cell.strip())


def _holds_values(cells: Iterable[str], region: str) -> bool:
    return any(looks_like_value(cell, region) for cell in cells if cell.strip())


def _no_header_text(record: Record) -> str:
    number, cells = record
    return (
        f"No row names the columns: row {number} holds {_shown(cells)}. If that is a lead, say --no-header: "
        "the columns are then told by what they hold, and --map 'column 1=name' says it where that is not "
        "enough. If another row names the columns, say --header-row and its number"
    )


# The rows


class _Layout:
    """Divides the rows of a sheet into the table and what stands around it."""

    def __init__(self, sheet: Sheet, header_at: int | None, region: str) -> None:
        self._sheet = sheet
        self._region = region
        self._remarks = [*sheet.remarks]
        self._damaged: dict[int, str] = {}
        first = self._titles() if header_at is None else header_at + 1
        self._body = range(first, len(sheet.records))
        widths = [len(_trimmed(cells)) for cells in self._cells(self._body)]
        self._has_header = header_at is not None
        self._header = [] if header_at is None else _trimmed(sheet.records[header_at][1])
        self._width = self._table_width(widths)
        self._header += [""] * (self._width - len(self._header))
        if header_at is not None:
            above = [sheet.records[at] for at in range(header_at)]
            self._leave_out(above, "above the header")
            if above:
                self._remarks.append(f"row {sheet.records[header_at][0]} names the columns")

    def _titles(self) -> int:
        """Leave out titles above a table without a header. Returns their number."""
        first = [*islice(self._sheet.records, MAX_HEADER_ROW)]
        rows = (at for at, (_, cells) in enumerate(first) if _filled(cells) > 1 or self._has_contact(cells))
        titles = next(rows, 0)
        self._leave_out(first[:titles], "above the table")
        return titles

    def table(self) -> Table:
        """Return the table."""
        kept = self._without_footers(array("L", filter(self._is_row, self._body)))
        filled = self._filled_places(kept)
        titles = [one_line(title) for title in self._header]
        places = [place for place, title in enumerate(titles) if title or place in filled]
        names = _distinct([titles[place] or f"column {place + 1}" for place in places])
        return Table(
            columns=names,
            rows=Rows(self._sheet.records, kept, dict(zip(names, places, strict=True))),
            format_text=self._sheet.format_text,
            has_header=self._has_header,
            remarks=tuple(self._remarks),
            damaged=self._damaged,
        )

    def _cells(self, positions: Iterable[int]) -> Iterator[list[str]]:
        return (self._sheet.records[at][1] for at in positions)

    def _table_width(self, widths: Sequence[int]) -> int:
        """Return the number of columns: those of the header, or of most rows if these have more."""
        named = len(self._header)
        wider = [width for width in widths if width > named]
        if named and 2 * len(wider) <= len(widths):
            return named
        if named:
            return min(Counter(wider).most_common(1)[0][0], MAX_COLUMNS)
        return min(max(widths, default=0), MAX_COLUMNS)

    def _is_row(self, at: int) -> bool:
        """Whether a record is a row of the table. Others are left out and named."""
        number, cells = record = self._sheet.records[at]
        first = next(cell.strip() for cell in cells if cell.strip())
        if self._has_header and _filled(cells) > 1 and _same_texts(cells, self._header):
            self._leave_out([record], "the header once more")
        elif any(_TEST_LEAD.fullmatch(cell.strip()) for cell in cells if cell.startswith("<test")):
            self._leave_out([record], "a test lead of Facebook")
        elif _TOTAL.fullmatch(first) and not self._has_contact(cells):
            self._leave_out([record], "a total")
        elif self._width > 1 and _filled(cells) == 1 and _FOOTER.fullmatch(first):
            self._leave_out([record], "no lead but a text about the list")
        else:
            if extra := [cell for cell in cells[self._width :] if cell.strip()]:
                self._damaged[number] = (
                    f"the row has {len(_trimmed(cells))} cells where there are {self._width} columns; at its "
                    f"end stands {_shown(extra)}. Put a text that holds a separator into quotes"
                )
            elif self._is_text(cells):
                self._damaged[number] = (
                    f"the row holds only {_shown(cells)}, which reads like a text about the list. If it is a "
                    "lead, add a phone or an e-mail"
                )
            elif self._is_torn(cells):
                self._damaged[number] = (
                    f"the row has 1 cell, {_shown(cells)}, where others have {self._width}. If it belongs to "
                    "the row above, put the text with the line break into quotes there; if it is a lead, "
                    "complete it"
                )
            return True
        return False

    def _has_contact(self, cells: Iterable[str]) -> bool:
        return any(looks_like_contact(cell, self._region) for cell in cells if cell.strip())

    def _is_text(self, cells: Sequence[str]) -> bool:
        """Whether a row holds a single text that is no name."""
        return (
            self._width > 1 and _filled(cells) == 1 and _is_sentence(cells) and not self._has_contact(cells)
        )

    def _is_torn(self, cells: Sequence[str]) -> bool:
        """Whether a row seems to be a part of the row above, after a line break that is not in quotes."""
        return (
            self._sheet.is_ragged
            and self._width > 2
            and len(cells) == 1
            and self._most_are_whole
            and not self._has_contact(cells)
        )

    @cached_property
    def _most_are_whole(self) -> bool:
        sample = [len(cells) for cells in self._cells(islice(self._body, _SAMPLE))]
        return 2 * sum(width >= self._width for width in sample) > len(sample)

    def _without_footers(self, kept: "array[int]") -> "array[int]":
        """Leave out texts that stand below the table, apart from it."""
        records = self._sheet.records
        end = len(kept)
        while end > 1:
            number, cells = records[kept[end - 1]]
            if not self._is_text(cells):
                break
            end -= 1
            if number - records[kept[end - 1]][0] > 1:
                below = [records[at] for at in kept[end:]]
                self._leave_out(below, "below the table")
                for number, _ in below:
                    self._damaged.pop(number, None)
                return kept[:end]
        return kept

    def _filled_places(self, kept: Iterable[int]) -> set[int]:
        places: set[int] = set()
        for cells in self._cells(kept):
            places.update(place for place, cell in enumerate(cells[: self._width]) if cell.strip())
        return places

    def _leave_out(self, records: Iterable[Record], why: str) -> None:
        self._remarks += [f"row {number} is left out, {why}: {_shown(cells)}" for number, cells in records]


def _is_sentence(cells: Iterable[str]) -> bool:
    """Whether a row holds a sentence, or when the file was made, and not the name of somebody."""
    text = "".join(cells).strip()
    words = len(text.split())
    has_mark = any(map(str.isdigit, text)) or text.endswith((".", "!", "?", ":"))
    return words > _MAX_NAME_WORDS or (words > 1 and has_mark)


def _trimmed(cells: list[str]) -> list[str]:
    """Return cells without blank ones at the end."""
    end = len(cells)
    while end and not cells[end - 1].strip():
        end -= 1
    return cells[:end]


def _same_texts(cells: Iterable[str], header: Iterable[str]) -> bool:
    texts, titles = ([cell.strip().casefold() for cell in line if cell.strip()] for line in (cells, header))
    return texts == titles


def _shown(cells: Iterable[str]) -> str:
    """Return the texts of some cells, each cut to a few words."""
    texts = [cell for cell in cells if cell.strip()]
    shown = [f'"{cut(text, _MAX_SHOWN_CHARS)}"' for text in texts[:_MAX_SHOWN_CELLS]]
    more = len(texts) - _MAX_SHOWN_CELLS
    return " · ".join([*shown, *([f"{more} more"] if more > 0 else [])])


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
