"""The result of `upsert_leads` → the text a model reads. Pure."""

from collections.abc import Iterable, Iterator, Mapping

from rotor_mcp.sanitize import one_line
from rotor_mcp.tools.phrases import called, counted, plan, sentence, spent
from rotor_mcp.tools.results import BatchResult, RowLine, RowOutcome, RowShown


def render_batch(result: BatchResult) -> str:
    """Say how all rows ended: first how many, then those that need attention, then a line for each other."""
    return "\n".join(
        [
            _headline(result),
            *(line for row in result.attention for line in _shown(row, result)),
            *_left_out(result),
            *(_line(row, result) for row in result.rows),
            *(f"Changed in {text}." for text in result.changed),
            *(f"Note: {one_line(warning)}." for warning in result.warnings),
        ]
    )


def rows(numbers: Iterable[int]) -> str:
    """Name rows as shortly as can be: rows 1-3, 7."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and number == parts[-1][-1] + 1:
            parts[-1][1:] = [number]
        else:
            parts.append([number])
    several = len(parts) > 1 or len(parts[0]) > 1
    return f"{'rows' if several else 'row'} {', '.join('-'.join(map(str, part)) for part in parts)}"


def outcomes(counts: Mapping[RowOutcome, int]) -> str:
    """Say how many rows there are, and how many ended how."""
    parts = [f"{count:,} {outcome}" for outcome, count in counts.items()]
    return f"{counted(sum(counts.values()), 'row')}: {', '.join(parts) or 'nothing to do'}."


def _headline(result: BatchResult) -> str:
    said = f"{outcomes(result.counts)} {spent(result.requests)}"
    if not result.dry_run:
        return said
    return f"Dry run, nothing was written. {said} To do this takes {result.would_spend} more."


def _shown(row: RowShown, result: BatchResult) -> Iterator[str]:
    yield f"{rows(row.rows or [row.row]).capitalize()}, {row.outcome}: {sentence(row.reasons)}"
    if row.changes or row.tags_added or row.candidates:
        which = f", id {row.id}" if row.id else ""
        yield f"  The plan for {called(row)}{which}:"
        yield from (f"  {line}" for line in plan(row, result.timezone))
    if row.confirm:
        yield f'  confirm "{row.confirm}"'


def _left_out(result: BatchResult) -> Iterator[str]:
    if any(row.confirm for row in result.attention):
        yield (
            "If the user approves exactly such a plan, call again with that row and its confirm in it. If it "
            "is another person, do not confirm: add a note to the lead, or enter the person without the "
            "phone or e-mail by which Rotor finds it. If another lead is meant, give its id."
        )
    if result.not_shown:
        yield (
            f"There is no room to show {rows(result.not_shown)}, which need attention too: send them again "
            "by themselves."
        )
    if result.shortened:
        yield "There is no room for all changes and ids; search_leads and get_lead show them."


_WOULD = {"created": "would create", "updated": "would update"}


def _line(row: RowLine, result: BatchResult) -> str:
    outcome = _WOULD.get(row.outcome, row.outcome) if result.dry_run else row.outcome
    if row.same_as is not None:
        return f"{row.row} {outcome} with row {row.same_as}: the same person"
    line = f"{row.row} {outcome} {row.name or '(no name)'}"
    if row.changed:
        line += f": {row.changed}"
    return f"{line} · id {row.id}" if row.id else line
