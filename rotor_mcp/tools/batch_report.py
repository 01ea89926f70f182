"""How the rows of a batch ended → the result of `upsert_leads`, in the room that a result may take.

Rows that need attention are told in full, the others in a line each; what several rows have in common is
told once. Where there is no room for all of it, first what is told of single rows that went well is left out,
then rows that need attention are only named: nobody is asked to approve what was not shown.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import get_args

from rotor_mcp.leads.batch import Ending
from rotor_mcp.leads.context import CallContext
from rotor_mcp.sanitize import one_line
from rotor_mcp.tools import batch_text, error_text, phrases
from rotor_mcp.tools.results import BatchResult, RowLine, RowOutcome, RowShown, Write

MAX_RESULT_CHARS = 6_500
"""Characters that a result may take, in either channel."""
MAX_NAME_CHARS = 30
"""Characters of a name in a line."""
MAX_WARNINGS = 10
"""Different warnings in a result, those that concern most rows."""


def counts(endings: Iterable[Ending]) -> dict[RowOutcome, int]:
    """Count rows by outcome."""
    counted = Counter(ending.outcome for ending in endings for _ in ending.rows)
    return {outcome: counted[outcome] for outcome in get_args(RowOutcome) if counted[outcome]}


def summarise(endings: Iterable[Ending], call: CallContext, *, would_spend: int | None = None) -> BatchResult:
    """Tell how all rows ended.

    Args:
        endings: of all of them, in any order.
        call: in which this happened.
        would_spend: of a dry run, the further requests that it would take to do what it shows.
    """
    told = sorted(endings, key=lambda ending: ending.rows)
    well = [(ending, ending.told, _changes(ending, call)) for ending in told if ending.went_well]
    changes = _together((changed, ending.rows) for ending, _, changed in well if changed)
    shared = {text: rows for text, rows in changes.items() if len(rows) > 1}
    result = BatchResult(
        dry_run=would_spend is not None,
        counts=counts(told),
        would_spend=would_spend or 0,
        attention=[_shown(end) for end in told if not end.went_well and end.outcome != "not_sent"],
        not_sent=sorted(row for ending in told if ending.outcome == "not_sent" for row in ending.rows),
        rows=[
            line
            for ending, write, changed in well
            if write
            for line in _lines(ending, write, "" if changed in shared else changed)
        ],
        changed=[f"{batch_text.rows(rows)}: {text}" for text, rows in shared.items()],
        warnings=warnings(told),
        **call.setting(),
    )
    for smaller in _ever_smaller(result):
        result = smaller
        if _size(result) <= MAX_RESULT_CHARS:
            break
    return result


def _ever_smaller(result: BatchResult) -> Iterator[BatchResult]:
    yield result
    for left_out in ({"changed": None}, {"changed": None, "id": None}):
        lines = [line.model_copy(update=left_out) for line in result.rows]
        result = result.model_copy(
            update={"rows": lines, "shortened": lines != result.rows or result.shortened}
        )
        yield result
    for shown in reversed(range(len(result.attention))):
        not_shown = [row for other in result.attention[shown:] for row in other.rows or [other.row]]
        yield result.model_copy(update={"attention": result.attention[:shown], "not_shown": not_shown})


def _size(result: BatchResult) -> int:
    structured = json.dumps(result.content(), ensure_ascii=False, separators=(",", ":"))
    return max(len(batch_text.render_batch(result)), len(structured))


def _together(told: Iterable[tuple[str, Iterable[int]]]) -> dict[str, list[int]]:
    """Find what is told of several rows: text → rows."""
    together: dict[str, list[int]] = {}
    for text, rows in told:
        together.setdefault(text, []).extend(rows)
    return together


def _changes(ending: Ending, call: CallContext) -> str:
    """Say what changed in a lead, and what it keeps. Of a new one all is new, and the caller has it."""
    if ending.told is None or ending.outcome not in ("updated", "unchanged"):
        return ""
    write: Write = ending.told if ending.outcome == "updated" else Write(kept=ending.told.kept)
    return "; ".join(map(one_line, phrases.changes(write, str(call.context.zone))))


def _shown(ending: Ending) -> RowShown:
    told = ending.told.model_dump(include=set(Write.model_fields) - {"warnings"}) if ending.told else {}
    row = RowShown(row=ending.rows[0], outcome=ending.outcome, **told)
    if len(ending.rows) > 1:
        row.rows = list(ending.rows)
    if ending.trouble is not None:
        row.reasons = error_text.of_row(ending.trouble)
    return row


def _lines(ending: Ending, told: Write, changed: str) -> Iterator[RowLine]:
    name = one_line(told.name or "")
    first, *others = ending.rows
    yield RowLine(
        row=first,
        outcome=ending.outcome,
        name=(name if len(name) <= MAX_NAME_CHARS else f"{name[:MAX_NAME_CHARS]}…") or None,
        id=told.id if _is_known_by_id_only(told) else None,
        changed=changed or None,
    )
    yield from (RowLine(row=row, outcome=ending.outcome, same_as=first) for row in others)


def _is_known_by_id_only(told: Write) -> bool:
    """Whether a new lead has neither phone nor e-mail."""
    return told.matched_by is None and not {"phone", "email"} & {change.field for change in told.changes}


def warnings(told: Iterable[Ending]) -> list[str]:
    """Every warning once, with the rows that it is about."""
    together = _together((text, ending.rows) for ending in told for text in _warnings_of(ending))
    most = sorted(together, key=lambda text: -len(together[text]))
    return [f"{batch_text.rows(together[text])}: {text}" for text in most[:MAX_WARNINGS]]


def _warnings_of(ending: Ending) -> list[str]:
    if ending.outcome == "not_sent":
        why = "; ".join(error_text.of_row(ending.trouble or ""))
        return [f"nothing was sent: {why}"]
    return ending.told.warnings if ending.told else []
