"""Writes the texts of `rotor-mcp import` about rows: the preview and the result. Pure.

It also writes the CSV of the rows that need attention, with the reason, to be corrected and imported again.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rotor_mcp.import_export import lead_rows
from rotor_mcp.import_export.formats.formula_guard import guard
from rotor_mcp.import_export.row_reading import FIELDS
from rotor_mcp.leads.batch import RowOutcome
from rotor_mcp.sanitize import one_line
from rotor_mcp.tools.error_text import row_failure
from rotor_mcp.tools.upsert_lead import Write, change_texts, lead_label, plan_lines
from rotor_mcp.tools.upsert_leads import batch_warnings, row_numbers

MAX_EXAMPLES = 20
"""Rows of each kind that are shown; further ones are counted."""

ROW, CONFIRM, REASON = "row", "confirm", "reason"
"""Columns of the rows that need attention, besides the fields."""

RowResult = tuple[RowOutcome, Write | None]
"""The outcome of a row, and the result of its write if there was one."""


def describe_rows(rows: Sequence[RowResult], timezone: str) -> dict[str, list[str]]:
    """Return title → lines: the rows that change a lead or need attention, and warnings.

    The rows are in the order of the file; dates are shown in the time zone.
    """
    return {
        "Changes": [
            _line(outcome, write, timezone)
            for outcome, write in rows
            if outcome.status == "updated" or (write and write.kept and outcome.is_stored)
        ],
        "Not known whether written": [
            _line(outcome, write, timezone) for outcome, write in rows if outcome.status == "unknown"
        ],
        "Rows that need attention": [
            _line(outcome, write, timezone) for outcome, write in rows if needs_attention(outcome)
        ],
        "Worth knowing": batch_warnings(rows),
    }


def needs_attention(outcome: RowOutcome) -> bool:
    """Whether a row has to be corrected or approved."""
    return outcome.status in ("needs_confirmation", "invalid")


def first_lines(title: str, lines: Sequence[str]) -> Iterator[str]:
    """Yield a title and the first of its lines."""
    if lines:
        yield f"{title}:"
        yield from (f"  {one_line(line)}" for line in lines[:MAX_EXAMPLES])
    if len(lines) > MAX_EXAMPLES:
        yield f"  and {len(lines) - MAX_EXAMPLES:,} more"


def _line(outcome: RowOutcome, write: Write | None, timezone: str) -> str:
    which = row_numbers(outcome.rows)
    if outcome.is_stored and write:
        return f"{which}, {lead_label(write)}: {'; '.join(change_texts(write, timezone))}"
    return f"{which}, {outcome.status}: {reason(outcome, write, timezone)}"


def reason(outcome: RowOutcome, write: Write | None, timezone: str) -> str:
    """Return why a row needs attention, and what to do."""
    if outcome.failure is not None:
        return "; ".join(row_failure(outcome.failure))
    if write is None:
        return ""
    text = "; ".join(write.reasons)
    if outcome.status == "unknown":
        return "; ".join([text, *write.warnings])
    plan = "; ".join(line.strip() for line in plan_lines(write, timezone))
    return f"{text}. The plan for {lead_label(write)}: {plan}. To approve it, confirm: {write.confirm}"


def corrections_csv(given: Mapping[int, Mapping[str, Any]], rows: Iterable[RowResult], timezone: str) -> str:
    """Return the rows that need attention as CSV, with a column to approve, and the reason.

    The values are the parsed ones, under the names of the fields, so that reading them again gives the same.
    The approval token is only in the reason, so that whoever copies it has read the plan.
    """
    wrong = [(outcome, write) for outcome, write in rows if needs_attention(outcome)]
    names = [
        name
        for name in FIELDS
        if name != CONFIRM and any(name in given[number] for outcome, _ in wrong for number in outcome.rows)
    ]
    lines = [[ROW, *names, CONFIRM, REASON]]
    for outcome, write in wrong:
        why = reason(outcome, write, timezone)
        for number in outcome.rows:
            values = [given[number].get(name, "") for name in names]
            cells = [
                lead_rows.tags_text(value) if isinstance(value, list) else str(value) for value in values
            ]
            lines.append([str(number), *cells, "", why])
    return lead_rows.BYTE_ORDER_MARK + lead_rows.csv_text([[guard(cell) for cell in line] for line in lines])
