"""What `rotor-mcp import` says: what a file was taken for, what would happen, what happened. Pure.

Here is also the file of rows that need attention: as they were read, with the reason, ready to be corrected
and imported again.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rotor_mcp.import_export import lead_rows
from rotor_mcp.import_export.columns import FIELDS, Columns
from rotor_mcp.import_export.formats.formula_guard import guard
from rotor_mcp.import_export.formats.table import Table
from rotor_mcp.leads.batch import Ending
from rotor_mcp.sanitize import one_line
from rotor_mcp.tools import batch_report, batch_text, error_text, phrases

MAX_EXAMPLES = 20
"""Rows of one kind that are shown; the others are counted."""

ROW, CONFIRM, REASON = "row", "confirm", "reason"
"""Columns of the file of rows that need attention, beside those of the fields."""

_TO_CORRECT = frozenset({"needs_confirmation", "invalid"})


def taken_for(table: Table, columns: Columns) -> Iterator[str]:
    """Say what a file was taken for, and what becomes of its columns."""
    yield f"{table.form}; {phrases.counted(len(table.rows), 'row')}."
    yield from (f"  {line}" for line in columns.lines())
    if table.rows:
        first = table.rows[0]
        yield f"Row {first.number}, for example: {_example(columns.arguments(first))}"


def _cell(value: Any) -> str:
    return lead_rows.tags_text(value) if isinstance(value, list) else str(value)


def _example(arguments: Mapping[str, Any]) -> str:
    return one_line(" · ".join(f"{name}: {_text(value)}" for name, value in arguments.items()))


def _text(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)


def counts(endings: Iterable[Ending], *, would: bool = False) -> str:
    """Say how many rows ended how, or would."""
    return f"{'Plan for ' if would else ''}{batch_text.outcomes(batch_report.counts(endings))}"


def details(endings: Iterable[Ending], timezone: str) -> dict[str, list[str]]:
    """Tell of the rows that change a lead or need attention, and what is worth knowing of all, by title."""
    told = sorted(endings, key=lambda ending: ending.rows)
    return {
        "Changes": [
            _told(ending, timezone)
            for ending in told
            if ending.outcome == "updated" or (ending.told and ending.told.kept and ending.went_well)
        ],
        "Not known whether written": [
            _told(ending, timezone) for ending in told if ending.outcome == "unknown"
        ],
        "Rows that need attention": [_told(ending, timezone) for ending in to_correct(told)],
        "Worth knowing": batch_report.warnings(told),
    }


def to_correct(endings: Iterable[Ending]) -> list[Ending]:
    """Choose the rows that somebody has to correct or approve, in the order of the file."""
    return sorted((end for end in endings if end.outcome in _TO_CORRECT), key=lambda ending: ending.rows)


def some(title: str, lines: Sequence[str]) -> Iterator[str]:
    """Show the first of some lines, under their title."""
    if lines:
        yield f"{title}:"
        yield from (f"  {one_line(line)}" for line in lines[:MAX_EXAMPLES])
    if len(lines) > MAX_EXAMPLES:
        yield f"  and {len(lines) - MAX_EXAMPLES:,} more"


def _told(ending: Ending, timezone: str) -> str:
    which = batch_text.rows(ending.rows)
    if ending.went_well and ending.told:
        return f"{which}, {phrases.called(ending.told)}: {'; '.join(phrases.changes(ending.told, timezone))}"
    return f"{which}, {ending.outcome}: {reason(ending, timezone)}"


def reason(ending: Ending, timezone: str) -> str:
    """Say why a row needs attention, and what to do."""
    if ending.trouble is not None:
        return "; ".join(error_text.of_row(ending.trouble))
    if ending.told is None:
        return ""
    told = ending.told
    text = "; ".join(told.reasons)
    if ending.outcome == "unknown":
        return "; ".join([text, *told.warnings])
    plan = "; ".join(line.strip() for line in phrases.plan(told, timezone))
    return f"{text}. The plan for {phrases.called(told)}: {plan}. To approve it, confirm: {told.confirm}"


def corrections(given: Mapping[int, Mapping[str, Any]], endings: Iterable[Ending], timezone: str) -> str:
    """Write the rows that need attention as CSV, with a column to approve, and the reason.

    The values stand there as they were read, under the fields' own names, with what was given for all rows:
    so they mean the same when they are read again. The token is only in the reason: whoever moves it to its
    column has read what it approves.

    Args:
        given: row → the arguments that it gives.
        endings: how the rows ended.
        timezone: in which dates are shown.
    """
    told = to_correct(endings)
    names = [
        name for name in FIELDS if name != CONFIRM and any(name in given[n] for e in told for n in e.rows)
    ]
    lines = [[ROW, *names, CONFIRM, REASON]]
    for ending in told:
        why = reason(ending, timezone)
        for number in ending.rows:
            lines.append([str(number), *(_cell(given[number].get(name, "")) for name in names), "", why])
    return lead_rows.BYTE_ORDER_MARK + lead_rows.csv_text([[guard(cell) for cell in line] for line in lines])
