"""Looks at the cells of each column once, before its field is decided."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rotor_mcp.import_export.cells.looks import Look, look_of_column
from rotor_mcp.import_export.table import Table
from rotor_mcp.sanitize import cut

_SAMPLE = 200
"""Cells of a column that are looked at, from all parts of the file; up to twice as many in a short file."""
MAX_SHOWN_CHARS = 40
"""Characters of a cell that is shown as an example."""
_MIN_ROWS_TO_JUDGE = 5


@dataclass
class ColumnProfile:
    """What the cells of a column hold."""

    filled: int = 0
    """Rows in which the column is not blank."""
    example: str = ""
    """Its first cell that is not blank, on one line."""
    sample: list[str] = field(default_factory=list)
    """Some cells from all parts of the file."""
    look: Look | None = None

    @property
    def is_repeated(self) -> bool:
        """Whether many rows hold the same, as with the name of an employee."""
        return len(self.sample) >= _MIN_ROWS_TO_JUDGE and 2 * len(set(self.sample)) <= len(self.sample)

    @property
    def shown(self) -> str:
        """The example as the preview shows it, with the number of rows; blank if the column is blank."""
        if not self.filled:
            return ""
        rows = "1 row" if self.filled == 1 else f"{self.filled:,} rows"
        return f'such as "{cut(self.example, MAX_SHOWN_CHARS)}" ({rows})'


def profile_columns(table: Table, region: str) -> dict[str, ColumnProfile]:
    """Return column → what its cells hold.

    Args:
        table: the table.
        region: country (ISO 3166) of phones without a country code.
    """
    profiles = {column: ColumnProfile() for column in table.columns}
    step = max(1, len(table.rows) // _SAMPLE)
    for at, row in enumerate(table.rows):
        for column, cell in row.cells.items():
            if text := cell.strip():
                profile = profiles[column]
                profile.filled += 1
                profile.example = profile.example or text
                if at % step == 0 or len(profile.sample) < _MIN_ROWS_TO_JUDGE:
                    profile.sample.append(text)
    for profile in profiles.values():
        profile.look = look_of_column(profile.sample, region)
    return profiles


def column_cells(table: Table, column: str) -> Sequence[str]:
    """Return all cells of a column."""
    return [row.cells[column] for row in table.rows]
