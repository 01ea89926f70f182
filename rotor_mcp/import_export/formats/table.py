"""A table: a header, and rows of text under it. What every kind of file is read into."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from rotor_mcp.sanitize import one_line

Record = tuple[int, list[str]]
"""A row's number and its cells, before it is known which row is the header."""


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
    format_text: str
    """What the file was taken to be, such as "CSV, UTF-8, separated by commas"."""


MAX_ROWS = 200_000
"""Of a table. An import of so many rows takes 200 days of requests, and about 200 MB of memory."""
MAX_COLUMNS = 1_000
"""Of a table. Exports of other programs have a few hundred."""


def tabulate(records: Iterable[Record], format_text: str) -> Table:
    """Make a table of records: the first that holds anything is the header.

    Raises:
        TableError: if there is none, or a row has cells that no column stands over.
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
    """Write a number as people do: 7635550102, never 7635550102.0 nor 1e-07.

    One that nobody writes out, such as 5e-324, stays in its short form.
    """
    if isinstance(number, float) and number and not 1e-15 < abs(number) < 1e21:
        return repr(number)
    if isinstance(number, int) or number.is_integer():
        return str(int(number))
    return format(Decimal(repr(number)), "f")


def bool_text(value: bool) -> str:
    """Write a truth value as people do."""
    return "yes" if value else "no"


def _distinct(titles: list[str]) -> tuple[str, ...]:
    """Tell columns of the same title apart. Capitals make no difference: a person may name a column by it."""
    used: dict[str, str] = {}
    counts: dict[str, int] = {}
    for title in titles:
        name, key = title, title.casefold()
        while name.casefold() in used:
            counts[key] = counts.get(key, 1) + 1
            name = f"{title} ({counts[key]})"
        used[name.casefold()] = name
    return tuple(used.values())
