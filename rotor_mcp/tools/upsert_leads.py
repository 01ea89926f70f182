"""The tool `upsert_leads`: creates or updates many leads, each with an outcome of its own.

Rows that need attention are shown in full, the others in a line each; changes that several rows have in
common are shown once. If a result is too long, first the details of stored rows are left out, then rows that
need attention are only named: nobody is asked to approve what was not shown.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Self, get_args

from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema, model_validator
from pydantic.json_schema import SkipJsonSchema

from rotor_mcp.api.models import read_items, read_list
from rotor_mcp.errors import InvalidArguments, TooManyRequests
from rotor_mcp.leads.batch import Batch, BatchObserver, RowOutcome, RowStatus, with_whole_ids
from rotor_mcp.leads.context import CallContext
from rotor_mcp.leads.dedupe import ClashError, RowGroup, combine
from rotor_mcp.leads.locale import Locale
from rotor_mcp.leads.requests import SharedFields, UpsertRequest
from rotor_mcp.leads.validation import parse, read_object
from rotor_mcp.sanitize import cut
from rotor_mcp.tools.phrases import counted, notes, sentence, spent
from rotor_mcp.tools.results import Result, call_facts
from rotor_mcp.tools.row_failure import failure_reasons
from rotor_mcp.tools.tool import Tool
from rotor_mcp.tools.upsert_lead import (
    UpsertResult,
    Write,
    change_texts,
    lead_label,
    plan_lines,
    shorten_candidates,
    upsert_result,
)

MAX_ROWS = 100
"""Rows and ids of one call at most. For more there is `rotor-mcp import`."""
MAX_RESULT_CHARS = 6_500
"""Characters that a result may take, in either channel."""
MAX_NAME_CHARS = 30
"""Characters of a name in a line."""
MAX_WARNINGS = 10
"""Different warnings in a result, those that concern most rows."""


# Arguments


def _read_rows(value: object) -> object:
    """Read rows that came as a JSON list in a string, which some clients make of them."""
    rows = read_list(value) if isinstance(value, str) else None
    return value if rows is None else rows


def _split_ids(value: object) -> object:
    """Read ids that came as a list, as a JSON list in a text, or separated by commas or blanks."""
    return read_items(value, lambda text: text.replace(",", " ").split())


class UpsertLeadsArguments(SharedFields):
    """The arguments of `upsert_leads`. Each row and id is read alone, so that a bad one stops no other."""

    ids: Annotated[
        list[Annotated[Any, WithJsonSchema({"type": "string"})]],
        BeforeValidator(_split_ids),
        Field(description="Leads that get the fields for all"),
    ] = []
    rows: Annotated[
        list[Any],
        BeforeValidator(_read_rows),
        Field(description="Up to 100 leads with fields of their own"),
    ] = []
    dry_run: Annotated[bool, Field(description="Only show the plan")] = False

    @model_validator(mode="after")
    def _check_that_there_is_something_to_write(self) -> Self:
        if not (self.rows or self.ids):
            raise ValueError("give at least one row, or ids with the fields that these leads get")
        if self.ids and not self.shared:
            raise ValueError(
                "give beside ids at least one field that these leads get, such as follow_up_date"
            )
        if len(self.rows) + len(self.ids) > MAX_ROWS:
            given = len(self.rows) + len(self.ids)
            raise ValueError(f"{given:,} rows and ids are given, at most {MAX_ROWS} are allowed in one call")
        return self


# Result


class RowShown(Write):
    """A row that needs attention, in full."""

    row: int
    rows: list[int] = []
    """All that are the same person, if there are several."""
    outcome: RowStatus


class RowLine(BaseModel):
    """A row that needs no attention, in short."""

    row: int
    outcome: RowStatus
    name: str | None = None
    id: str | None = None
    """Only where the lead could not be found again by a phone or e-mail."""
    same_as: int | None = None
    """The row that is the same person and was written with it."""
    changed: str | None = None
    """What changed in this row alone."""


class BatchResult(Result):
    """The result of `upsert_leads`."""

    dry_run: SkipJsonSchema[bool] = False
    ids_from: SkipJsonSchema[int | None] = None
    """The number of the first row that is one of `ids`; 1 if there are no others."""
    counts: dict[RowStatus, int]
    """Rows by outcome."""
    would_spend: SkipJsonSchema[int] = 0
    """Further requests that it would take to carry out what a dry run shows."""
    attention: list[RowShown] = []
    not_shown: SkipJsonSchema[list[int]] = []
    """Rows that need attention, and for which there was no room."""
    not_sent: SkipJsonSchema[list[int]] = []
    """Rows whose turn did not come. The warnings say why."""
    rows: list[RowLine] = []
    short_ids: Annotated[SkipJsonSchema[dict[str, str]], Field(exclude=True)] = {}
    """Ids of the rows → as the text shows them."""
    changed: SkipJsonSchema[list[str]] = []
    """What changed in the same way in several rows."""
    shortened: SkipJsonSchema[bool] = False
    """Whether there was no room for all changes and ids."""
    warnings: SkipJsonSchema[list[str]] = []


# Run


async def upsert_leads(arguments: UpsertLeadsArguments, call: CallContext) -> BatchResult:
    """Create and update leads, each row with an outcome of its own.

    Raises:
        TooManyRequests: if it would take more requests than one call may spend.
        RotorError: if Rotor could not be asked or refused before anything was written.
    """
    ids_from = len(arguments.rows) + 1 if arguments.ids else None
    refused: list[RowOutcome] = []
    groups = list(_read_groups(arguments, call.locale, refused))
    batch = Batch(await with_whole_ids(groups, call, refused), call)
    batch.outcomes += refused
    await batch.plan(call.batch_requests)
    if arguments.dry_run:
        return await batch_result(batch.preview(), call, would_spend=batch.cost, ids_from=ids_from)
    if call.api.requests + batch.cost > call.batch_requests:
        raise TooManyRequests(call.api.requests + batch.cost, call.batch_requests, batch.cost)
    observer = _ProgressReporter(call, len(batch.writes))
    await batch.write(observer)
    return await batch_result([*batch.outcomes, *observer.outcomes], call, ids_from=ids_from)


def _read_groups(
    arguments: UpsertLeadsArguments, locale: Locale, refused: list[RowOutcome]
) -> Iterator[RowGroup]:
    """Read the rows, each with what is given for all of them. Those that cannot be read are refused."""
    for number, row in enumerate([*arguments.rows, *({"id": lead_id} for lead_id in arguments.ids)], 1):
        try:
            request = _read_row(row, arguments)
            group = RowGroup.of((number,), request, locale.region)
            for remark in request.given.remarks:
                arguments.remark(f"row {number}: {remark}")
            yield combine([group], locale)  # its notes may contain those for all rows
        except (InvalidArguments, ClashError) as exc:
            refused.append(RowOutcome((number,), "invalid", failure=exc))
        except Exception as exc:
            refused.append(RowOutcome.crashed((number,), exc))


def _read_row(row: object, shared: SharedFields) -> UpsertRequest:
    row = read_object(row)
    if not isinstance(row, dict):
        raise InvalidArguments(["a row must be an object with the arguments of upsert_lead"])
    if "dry_run" in row:
        raise InvalidArguments(["dry_run is not for one row: give it beside rows"])
    return shared.fill(parse(UpsertRequest, row))


class _ProgressReporter(BatchObserver):
    """Reports each row to the client, and lets no write start when the time of the call runs out."""

    def __init__(self, call: CallContext, writes: int) -> None:
        self.outcomes: list[RowOutcome] = []
        self._call = call
        self._writes = writes

    def stop(self) -> str | None:
        return "the time of this call ran out" if self._call.api.running_out else None

    async def after_write(self, outcome: RowOutcome) -> None:
        self.outcomes.append(outcome)
        done = len(self.outcomes)
        await self._call.progress(done, self._writes, f"row {outcome.rows[0]}: {outcome.status}")


# From the outcomes to the result


def ordered_counts(counts: Mapping[RowStatus, int]) -> dict[RowStatus, int]:
    """Return numbers of rows by status, in the order of the statuses and without zeros."""
    return {status: counts[status] for status in get_args(RowStatus) if counts.get(status)}


def row_result(outcome: RowOutcome, call: CallContext) -> UpsertResult | None:
    """Return the result of the write of a row, if there was one."""
    return upsert_result(outcome.upsert, call) if outcome.upsert else None


async def batch_result(
    outcomes: Iterable[RowOutcome],
    call: CallContext,
    *,
    would_spend: int | None = None,
    ids_from: int | None = None,
) -> BatchResult:
    """Return the result of all rows, shortened to `MAX_RESULT_CHARS`.

    Args:
        outcomes: of the rows, in any order.
        call: in which they were written.
        would_spend: requests that writing would take, if this was a dry run.
        ids_from: the number of the first row that is one of `ids`.
    """
    in_order = sorted(outcomes, key=lambda outcome: outcome.rows)
    rows = [(outcome, row_result(outcome, call)) for outcome in in_order]
    stored = [
        (outcome, write, _changes(outcome, write, call)) for outcome, write in rows if outcome.is_stored
    ]
    changes = _by_text((changed, outcome.rows) for outcome, _, changed in stored if changed)
    shared = {text: numbers for text, numbers in changes.items() if len(numbers) > 1}
    counts = ordered_counts(Counter(outcome.status for outcome in in_order for _ in outcome.rows))
    warnings = RowWarnings()
    for outcome, write in rows:
        warnings.add(outcome, write)
    attention = [
        _shown(outcome, write)
        for outcome, write in rows
        if not outcome.is_stored and outcome.status != "not_sent"
    ]
    for row in attention:
        if row.candidates:
            await shorten_candidates(row, call)
    lines = [
        line
        for outcome, write, changed in stored
        if write
        for line in _lines(outcome, write, "" if changed in shared else changed)
    ]
    result = BatchResult(
        failed=not counts.keys().isdisjoint({"unknown", "not_sent"}) or counts.keys() == {"invalid"},
        dry_run=would_spend is not None,
        ids_from=ids_from,
        counts=counts,
        would_spend=would_spend or 0,
        attention=attention,
        not_sent=sorted(number for row, _ in rows if row.status == "not_sent" for number in row.rows),
        rows=lines,
        short_ids=await call.state.shown_ids.shorten([line.id for line in lines if line.id]),
        changed=[f"{row_numbers(numbers)}: {text}" for text, numbers in shared.items()],
        warnings=warnings.texts(),
        **call_facts(call),
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
    structured = json.dumps(
        result.model_dump(mode="json", exclude_defaults=True), ensure_ascii=False, separators=(",", ":")
    )
    return max(len(render_batch(result)), len(structured))


def _by_text(texts: Iterable[tuple[str, Iterable[int]]]) -> dict[str, list[int]]:
    """Group rows by text: text → rows."""
    together: dict[str, list[int]] = {}
    for text, rows in texts:
        together.setdefault(text, []).extend(rows)
    return together


def _changes(outcome: RowOutcome, write: Write | None, call: CallContext) -> str:
    """Return the changes of a lead, and the values that it keeps; nothing for a new one."""
    if write is None or outcome.status not in ("updated", "unchanged"):
        return ""
    shown = write if outcome.status == "updated" else Write(kept=write.kept)
    return "; ".join(change_texts(shown, str(call.locale.zone)))


def _shown(outcome: RowOutcome, write: Write | None) -> RowShown:
    values = write.model_dump(include=set(Write.model_fields) - {"warnings"}) if write else {}
    row = RowShown(row=outcome.rows[0], outcome=outcome.status, **values)
    if len(outcome.rows) > 1:
        row.rows = list(outcome.rows)
    if outcome.failure is not None:
        row.reasons = failure_reasons(outcome.failure)
    return row


def _lines(outcome: RowOutcome, write: Write, changed: str) -> Iterator[RowLine]:
    first, *others = outcome.rows
    # A new lead with neither phone nor e-mail is found again only by its id.
    has_contact = write.matched_by is not None or {"phone", "email"} & {one.field for one in write.changes}
    yield RowLine(
        row=first,
        outcome=outcome.status,
        name=cut(write.name or "", MAX_NAME_CHARS) or None,
        id=None if has_contact else write.id,
        changed=changed or None,
    )
    yield from (RowLine(row=row, outcome=outcome.status, same_as=first) for row in others)


class RowWarnings:
    """Collects the warnings about rows: each once, with the rows that it is about."""

    def __init__(self) -> None:
        self._rows: dict[str, list[int]] = {}

    def add(self, outcome: RowOutcome, write: Write | None) -> None:
        """Add the warnings about a row."""
        texts: list[str] = []
        if outcome.status == "not_sent":
            texts = [f"nothing was sent: {'; '.join(failure_reasons(outcome.failure or ''))}"]
        elif write:
            texts = [*([write.evidence] if write.evidence else []), *write.warnings]
        for text in texts:
            self._rows.setdefault(text, []).extend(outcome.rows)

    def texts(self) -> list[str]:
        """Return the warnings that concern most rows, at most `MAX_WARNINGS`."""
        most = sorted(self._rows.items(), key=lambda item: (-len(item[1]), min(item[1])))
        return [f"{row_numbers(rows)}: {text}" for text, rows in most[:MAX_WARNINGS]]


# From the result to the text


def render_batch(result: BatchResult) -> str:
    """Return the text: the counts, the rows that need attention, and a line for each other row."""
    return "\n".join(
        [
            _headline(result),
            *(line for row in result.attention for line in _attention_lines(row, result)),
            *_next_steps(result),
            *(_row_line(row, result) for row in result.rows),
            *(f"Changed in {text}." for text in result.changed),
            *notes(result.warnings),
        ]
    )


def row_numbers(numbers: Iterable[int]) -> str:
    """Return the numbers of rows, in ranges: rows 1-3, 7."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and number == parts[-1][-1] + 1:
            parts[-1][1:] = [number]
        else:
            parts.append([number])
    several = len(parts) > 1 or len(parts[0]) > 1
    return f"{'rows' if several else 'row'} {', '.join('-'.join(map(str, part)) for part in parts)}"


def count_text(counts: Mapping[RowStatus, int], noun: str = "row") -> str:
    """Return the number of rows, and of each status."""
    parts = [f"{count:,} {status}" for status, count in counts.items()]
    return f"{counted(sum(counts.values()), noun)}: {', '.join(parts) or 'nothing to do'}."


def _headline(result: BatchResult) -> str:
    text = f"{count_text(result.counts, 'lead' if result.ids_from == 1 else 'row')} {spent(result.requests)}"
    if result.ids_from is not None and result.ids_from > 1:
        text += f" Row {result.ids_from} is the first of the ids."
    if not result.dry_run:
        return text
    return f"Dry run, nothing was written. {text} To do this takes {result.would_spend} more."


def _attention_lines(row: RowShown, result: BatchResult) -> Iterator[str]:
    yield f"{row_numbers(row.rows or [row.row]).capitalize()}, {row.outcome}: {sentence(row.reasons)}"
    if row.changes or row.tags_added or row.candidates:
        which = f", id {row.id}" if row.id else ""
        yield f"  The plan for {lead_label(row)}{which}:"
        yield from (f"  {line}" for line in plan_lines(row, result.timezone))
    if row.confirm:
        yield f'  confirm "{row.confirm}"'


def _next_steps(result: BatchResult) -> Iterator[str]:
    if any(row.confirm for row in result.attention):
        yield (
            "If the user approves exactly such a plan, call again with that row and its confirm in it. If it "
            "is another person, do not confirm: add a note to the lead, or enter the person without the "
            "phone or e-mail by which Rotor finds it. If another lead is meant, give its id."
        )
    if result.not_shown:
        yield (
            f"There is no room to show {row_numbers(result.not_shown)}, which need attention too: send them "
            "again by themselves."
        )
    if result.shortened:
        yield "There is no room for all changes and ids; search_leads and get_lead show them."


_WOULD = {"created": "would create", "updated": "would update"}


def _row_line(row: RowLine, result: BatchResult) -> str:
    outcome = _WOULD.get(row.outcome, row.outcome) if result.dry_run else row.outcome
    if row.same_as is not None:
        return f"{row.row} {outcome} with row {row.same_as}: the same person"
    line = f"{row.row} {outcome} {row.name or '(no name)'}"
    if row.changed:
        line += f": {row.changed}"
    return f"{line} · id {result.short_ids.get(row.id, row.id)}" if row.id else line


UPSERT_LEADS = Tool(
    name="upsert_leads",
    title="Enter many leads",
    description=(
        "Creates or updates many leads as upsert_lead does: rows with fields of their own, ids that get the "
        "same fields. Fields for all replace values in leads given by id, and only fill blanks in leads "
        "found by phone or e-mail. Costs 1 request per change."
    ),
    arguments=UpsertLeadsArguments,
    result=BatchResult,
    run=upsert_leads,
    render=render_batch,
    read_only=False,
)
