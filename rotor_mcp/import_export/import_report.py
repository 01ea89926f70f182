"""Writes the texts of `rotor-mcp import` about rows: the preview and the result. Pure.

It also writes the CSV of the rows that need attention, with the reason, to be corrected and imported again.
"""

from bisect import insort
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, get_args

from rotor_mcp.import_export import lead_rows
from rotor_mcp.import_export.formats.formula_guard import guard
from rotor_mcp.import_export.row_reading import CONFIRM, FIELDS, REASON, ROW
from rotor_mcp.leads.batch import RowOutcome, RowStatus
from rotor_mcp.sanitize import one_line
from rotor_mcp.tools.row_failure import failure_reasons
from rotor_mcp.tools.upsert_lead import UpsertResult, change_texts, lead_label, plan_lines
from rotor_mcp.tools.upsert_leads import RowWarnings, ordered_counts, row_numbers

MAX_EXAMPLES = 20
"""Rows of each kind that are shown; further ones are counted."""

_Title = Literal["Changes", "Not known whether written", "Rows that need attention", "One person"]


class RowReport:
    """Collects what is said about rows, one row after the other: counts, and the lines that are shown.

    Of a file of 100,000 rows not all lines fit into memory.
    """

    def __init__(self, timezone: str, reported: set[int]) -> None:
        """Begin without rows.

        Args:
            timezone: in which dates are shown.
            reported: the hashes of lines that are not to be shown again. Those of new lines are added.
        """
        self.attention: list[tuple[tuple[int, ...], str]] = []
        """Rows that have to be corrected or approved, and why."""
        self.is_all_stored = True
        """Whether Rotor holds what all rows ask for."""
        self._timezone = timezone
        self._reported = reported
        self._counts: Counter[RowStatus] = Counter()
        self._sections = {title: _Section() for title in get_args(_Title)}
        self._warnings = RowWarnings()
        self._texts: dict[str, str] = {}
        """Each reason once."""

    def add(self, outcome: RowOutcome, write: UpsertResult | None) -> None:
        """Add the outcome of a row, and the result of its write if there was one."""
        self._counts[outcome.status] += len(outcome.rows)
        self.is_all_stored &= outcome.is_stored
        which = row_numbers(outcome.rows)
        if write and (outcome.status == "updated" or (write.kept and outcome.is_stored)):
            changes = "; ".join(change_texts(write, self._timezone))
            self._add_line("Changes", outcome, f"{which}, {lead_label(write)}: {changes}")
        if outcome.status in ("unknown", "needs_confirmation", "invalid"):
            why = _reason(outcome, write, self._timezone)
            line = f"{which}, {outcome.status}: {why}"
            if outcome.status == "unknown":
                self._add_line("Not known whether written", outcome, line)
            else:
                self._add_line("Rows that need attention", outcome, line)
                self.attention.append((outcome.rows, self._texts.setdefault(why, why)))
        if write and write.dry_run and len(outcome.rows) > 1:
            name = one_line(write.name or "") or "a lead without a name"
            self._add_line("One person", outcome, f"{which}: {name}")
        self._warnings.add(outcome, write)

    def _add_line(self, title: _Title, outcome: RowOutcome, line: str) -> None:
        if self._is_new(line):
            self._sections[title].add(outcome.rows, line)

    def _is_new(self, line: str) -> bool:
        before = len(self._reported)
        self._reported.add(hash(line))
        return len(self._reported) > before

    @property
    def counts(self) -> dict[RowStatus, int]:
        """Rows by status."""
        return ordered_counts(self._counts)

    def lines(self) -> Iterator[str]:
        """Yield the lines about rows that change a lead or need attention, and the warnings."""
        for title, section in self._sections.items():
            yield from titled_lines(title, section.first, section.count)
        warnings = list(filter(self._is_new, self._warnings.texts()))
        yield from titled_lines("Worth knowing", warnings, len(warnings))


class _Section:
    """The lines of one kind: the first in the order of the rows, and how many there are."""

    def __init__(self) -> None:
        self.count = 0
        self._first: list[tuple[tuple[int, ...], str]] = []

    @property
    def first(self) -> list[str]:
        return [line for _, line in self._first]

    def add(self, rows: tuple[int, ...], line: str) -> None:
        self.count += 1
        insort(self._first, (rows, line))
        del self._first[MAX_EXAMPLES:]


def titled_lines(title: str, lines: Sequence[str], count: int) -> Iterator[str]:
    """Yield a title and the first of its lines, and how many more there are of `count`."""
    if lines:
        yield f"{title}:"
        yield from (f"  {one_line(line)}" for line in lines)
    if count > len(lines):
        yield f"  and {count - len(lines):,} more"


def _reason(outcome: RowOutcome, write: UpsertResult | None, timezone: str) -> str:
    """Return why a row needs attention, and what to do."""
    if outcome.failure is not None:
        return "; ".join(failure_reasons(outcome.failure))
    if write is None:
        return ""
    text = "; ".join(write.reasons)
    if outcome.status == "unknown":
        return "; ".join([text, *write.warnings])
    plan = "; ".join(line.strip() for line in plan_lines(write, timezone))
    return f"{text}. The plan for {lead_label(write)}: {plan}. To approve it, confirm: {write.confirm}"


def corrections_csv(
    attention: Sequence[tuple[tuple[int, ...], str]], arguments: Callable[[int], Mapping[str, Any]]
) -> Iterator[str]:
    """Yield the rows that need attention as lines of CSV, with a column to approve, and the reason.

    The values are the parsed ones, under the names of the fields, so that reading them again gives the same.
    The approval token is only in the reason, so that whoever copies it has read the plan.

    Args:
        attention: rows and why.
        arguments: returns those of a row, by its number.
    """
    given = {name for rows, _ in attention for number in rows for name in arguments(number)}
    names = [name for name in FIELDS if name in given and name != CONFIRM]
    yield lead_rows.BYTE_ORDER_MARK + _line([ROW, *names, CONFIRM, REASON])
    for rows, why in sorted(attention):
        for number in rows:
            own = arguments(number)
            values = [own.get(name, "") for name in names]
            cells = [
                lead_rows.tags_text(value) if isinstance(value, list) else str(value) for value in values
            ]
            yield _line([str(number), *cells, "", why])


def _line(cells: Iterable[str]) -> str:
    return lead_rows.csv_text([[guard(cell) for cell in cells]])
