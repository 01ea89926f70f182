"""The tool `search_leads`: finds, lists and counts leads.

Its arguments are `SearchRequest`, in `leads/requests.py`.
"""

import json
import math
from typing import Annotated, Any

from pydantic import BaseModel, Field, PlainSerializer
from pydantic.json_schema import SkipJsonSchema

from rotor_mcp.api.models import whole_if_it_is
from rotor_mcp.concurrency import paced
from rotor_mcp.leads.context import CallContext
from rotor_mcp.leads.requests import SearchRequest
from rotor_mcp.leads.search import SearchOutcome, search
from rotor_mcp.sanitize import one_line
from rotor_mcp.tools.lead_view import LeadView, lead_line, view_row
from rotor_mcp.tools.phrases import Count, cost, count_texts, counted, worth
from rotor_mcp.tools.results import Result, call_facts
from rotor_mcp.tools.tool import Tool

ROW_FIELDS = (
    "id",
    "name",
    "stage",
    "priority",
    "projected_value",
    "follow_up_date",
    "address_city",
    "address_state",
    "service_type",
    "tags",
    "archived",
)
"""The fields of a lead that a row shows, beside its phone or, without one, its e-mail."""
MAX_COUNTS = 30
"""Counts of one result, the most numerous; a company has fewer stages and sources than that."""
MAX_ROWS_CHARS = 10_000
"""Characters of all rows together, in either channel; beyond that the result says how to go on."""

_NO_FILTERS = {"archived", "order", "count_by", "fields", "limit", "cursor"}
_ORDERS = {
    "newest": "newest first",
    "oldest": "oldest first",
    "follow_up": "by follow-up, most overdue first",
    "value": "most valuable first",
    "name": "by name",
}
_ARCHIVED = {"exclude": "; archived ones left out", "include": "", "only": "; archived ones only"}


class UnusedWord(BaseModel):
    """A stage, source or tag that no lead read recently has."""

    kind: str
    word: str
    in_use: list[str]
    """Those in use, the most used first."""


class SearchResult(Result):
    """The result of `search_leads`."""

    leads: list[LeadView]
    count: int | None = None
    """Leads that match; None if Rotor did not say."""
    value: Annotated[float, PlainSerializer(whole_if_it_is)] | None = None
    """Sum of the values of all that match."""
    counts: list[Count] = []
    counts_left_out: SkipJsonSchema[int] = 0
    counted_by: SkipJsonSchema[str | None] = None
    looked_at: SkipJsonSchema[int | None] = None
    """Leads that were read, if there are more that were not."""
    exist: SkipJsonSchema[int | None] = None
    """Leads that Rotor has of those that could match."""
    continues: SkipJsonSchema[bool] = False
    """Whether this goes on from an earlier result."""
    cursor: str | None = None
    order: SkipJsonSchema[str] = "newest"
    archived: SkipJsonSchema[str]
    lines: Annotated[SkipJsonSchema[list[str]], Field(exclude=True)] = []
    """The leads as the text shows them: each was rendered to see whether there is room for it."""
    compared_here: SkipJsonSchema[bool] = False
    """Whether Rotor's search found nothing, and leads were read to compare their texts in every spelling."""
    rotor_alone: SkipJsonSchema[bool] = False
    """Whether nothing matches by Rotor's own comparison, and no request was left for other spellings."""
    filters: SkipJsonSchema[dict[str, Any]] = {}
    """What was filtered by, if nothing matches."""
    unused: SkipJsonSchema[list[UnusedWord]] = []
    """Stages, sources and tags that were asked for and that no lead read recently has."""
    age_seconds: SkipJsonSchema[int] = 0
    """Age of the oldest part, if some of it was read by an earlier search."""


async def search_leads(request: SearchRequest, call: CallContext) -> SearchResult:
    """Find leads.

    Raises:
        InvalidArguments: if the cursor does not belong to this search.
        RotorError: if Rotor could not be asked or refused.
    """
    outcome = await search(request, call)
    request, scan = outcome.request, outcome.scan
    rows, lines = await _rows(outcome, call)
    return SearchResult(
        leads=rows,
        count=outcome.count,
        value=outcome.value,
        counts=Count.first(outcome.counts, MAX_COUNTS),
        counts_left_out=max(len(outcome.counts) - MAX_COUNTS, 0),
        counted_by=outcome.counted_by,
        looked_at=scan.looked_at if outcome.counts_partial else None,
        exist=scan.exist if outcome.counts_partial else None,
        continues=request.cursor is not None,
        cursor=outcome.cursor_after(len(rows)),
        order=request.order,
        archived=request.archived,
        lines=lines,
        compared_here=scan.compares_text,
        rotor_alone=outcome.compared_by_rotor_alone,
        filters=(
            {}
            if outcome.matched
            else request.model_dump(mode="json", exclude_defaults=True, exclude=_NO_FILTERS)
        ),
        unused=[
            UnusedWord(kind=word.kind, word=word.word, in_use=list(word.in_use)) for word in outcome.unused
        ],
        age_seconds=math.ceil(scan.age),
        **call_facts(call),
    )


async def _rows(outcome: SearchOutcome, call: CallContext) -> tuple[list[LeadView], list[str]]:
    """Return the hits as rows, as many as there is room for, and as lines of text."""
    request = outcome.request
    rows: list[LeadView] = []
    lines: list[str] = []
    text = structured = 0
    async for _, lead in paced(outcome.hits[: request.limit]):
        fields = (
            ("id", *request.fields) if request.fields else (*ROW_FIELDS, "phone" if lead.phone else "email")
        )
        row = view_row(lead, call.locale, fields)
        line = lead_line(row, request.fields)
        text += len(line)
        structured += len(row.model_dump_json(exclude_defaults=True))
        if rows and max(text, structured) > MAX_ROWS_CHARS:
            break
        rows.append(row)
        lines.append(line)
    return rows, lines


def render_search(result: SearchResult) -> str:
    """Return how many leads match, and a line for each."""
    lines = [f"{_extent(result)}{_ARCHIVED[result.archived]}. {cost(result)}"]
    if result.age_seconds:
        lines.append(f"Remembered from a search up to {counted(result.age_seconds, 'second')} ago.")
    lines += (
        f"No lead read lately has the {unused.kind} {one_line(unused.word)}. "
        f"In use: {', '.join(map(one_line, unused.in_use)) or 'none'}."
        for unused in result.unused
    )
    lines += _counts(result)
    if result.compared_here and not result.continues:
        lines.append(
            "Rotor's own search gave no match, so names, e-mails and phones were compared here as well, "
            "without accents and punctuation."
        )
    if result.rotor_alone:
        lines.append(
            "Rotor alone has compared: no request was left to look for other spellings "
            "(ROTOR_MCP_SEARCH_REQUESTS)."
        )
    if result.looked_at is not None:
        of = f" of {result.exist:,}" if result.exist is not None else ""
        lines.append(f"Only the newest {result.looked_at:,}{of} leads were looked at, and counted.")
    lines += result.lines
    if result.cursor:
        lines.append(f"More: the same search with cursor {result.cursor}")
    return "\n".join(lines)


def _extent(result: SearchResult) -> str:
    """Return how many leads are shown, and of how many."""
    shown, count = len(result.leads), result.count
    if count == 0:
        filters = ", ".join(f"{name} {_filter(value)}" for name, value in result.filters.items())
        if result.looked_at is not None:
            return f"No match so far for {filters}"
        return f"No lead matches {filters}" if filters else "There is no lead"
    if not shown and result.continues:
        return "No further lead"
    if not shown and count is not None:
        return counted(count, "lead")
    more = "more " if result.continues else ""
    extent = counted(shown, f"{more}lead") if count is None else f"{shown} {more}of {count:,} leads"
    return f"{extent}, {_ORDERS[result.order]}"


def _filter(value: Any) -> str:
    if isinstance(value, list):
        return " or ".join(map(_filter, value))
    return f'"{one_line(value)}"' if isinstance(value, str) else json.dumps(value)


def _counts(result: SearchResult) -> list[str]:
    if not result.counts:
        return []
    parts = count_texts(result.counts)
    if result.counts_left_out:
        parts.append(f"and {result.counts_left_out:,} others")
    return [f"{worth(result.value)}By {result.counted_by}: {', '.join(parts)}."]


SEARCH_LEADS = Tool(
    name="search_leads",
    title="Search leads",
    description=(
        "Lists leads, a line each with the id; notes are in get_lead. Filters hold together, without "
        "case and accents; days are inclusive. Phones are found in any spelling. count_by counts all matches "
        "and their value. Costs 1 request; with more than search, stage, tags and archived 1 per 1,000 leads."
    ),
    arguments=SearchRequest,
    result=SearchResult,
    run=search_leads,
    render=render_search,
    read_only=True,
)
