"""A table: a header and rows of text. Every file format is read into one."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

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


@dataclass(frozen=True)
class Table:
    """The content of a file, without blank rows and columns."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
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
    filled: list[Record] = []
    for number, cells in records:
        if any(cell.strip() for cell in cells):
            filled.append((number, cells))
        if len(filled) > MAX_ROWS:
            raise TableError(f"The file has more than {MAX_ROWS:,} rows. Split it into several files")
    if not filled:
        raise TableError("The file is empty. Its first line must name the columns")
    (_, header), *body = filled
    if len(header) > MAX_COLUMNS:
        raise TableError(
            f"The first line names {len(header):,} columns, at most {MAX_COLUMNS:,} are read. Leave out "
            "those that say nothing of leads"
        )
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
