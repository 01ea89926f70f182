"""The tool `search_leads`: finds, lists and counts leads.

Its arguments are `SearchRequest`, in `leads/requests.py`.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Annotated, Any

from pydantic import BaseModel, Field, PlainSerializer
from pydantic.json_schema import SkipJsonSchema

from rotor_mcp.api.models import Lead, whole_if_it_is
from rotor_mcp.concurrency import paced
from rotor_mcp.leads.context import CallContext
from rotor_mcp.leads.requests import SearchRequest
from rotor_mcp.leads.search import SearchOutcome, search
from rotor_mcp.sanitize import one_line
from rotor_mcp.tools.count_view import Count, count_lines, counts_of
from rotor_mcp.tools.lead_view import (
    NOTES_ARE_DATA,
    LeadView,
    cut_notes,
    field_values,
    is_told_apart,
    lead_line,
    lead_lines,
    view_lead,
    view_row,
)
from rotor_mcp.tools.phrases import cost, counted, worth
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
    "service_type",
    "archived",
    "has_notes",
)
"""The fields of a lead that a row shows, beside its phone or, without one, its e-mail."""
DUPLICATE_FIELDS = ("id", "name", "stage", "created_at", "archived")
"""The fields of a lead in a group of duplicates, beside what the group shares."""
MAX_ROWS_CHARS = 10_000
"""Characters of all rows together, in either channel; beyond that the result says how to go on."""
MAX_SHARED_CHARS = 100
"""Characters of a phone or an e-mail that several leads share."""
MAX_SHARED = 5
"""Phones and e-mails that are named of those which the leads of a group share."""
MAX_GROUP_LEADS = 100
"""Leads that are shown of one group; the others are counted."""

_NO_FILTERS = {"archived", "order", "count_by", "fields", "limit", "cursor"}
_ORDERS = {
    "newest": "newest first",
    "oldest": "oldest first",
    "follow_up": "most overdue first",
    "value": "most valuable first",
    "name": "by name",
}
_ARCHIVED = {"exclude": "", "include": ", archived ones too", "only": ", archived ones only"}


class UnusedWord(BaseModel):
    """A stage, source or tag that no lead read recently has."""

    kind: str
    word: str
    in_use: list[str]
    """Those in use, the most used first."""


class SharedContacts(BaseModel):
    """Leads that share a phone or an e-mail."""

    shared: list[str]
    leads: int
    """How many of the leads listed, one after the other."""


class SearchResult(Result):
    """The result of `search_leads`."""

    leads: list[LeadView]
    count: int | None = None
    """Leads that match; None if Rotor did not say."""
    value: Annotated[float, PlainSerializer(whole_if_it_is)] | None = None
    """Sum of the values of all that match."""
    counts: list[Count] = []
    counted_by: SkipJsonSchema[list[str]] = []
    others: SkipJsonSchema[Count | None] = None
    """What the groups that `counts` leaves out add up to; its name is their number."""
    totals: SkipJsonSchema[list[Count]] = []
    """Of two facts, all leads by the second."""
    groups: SkipJsonSchema[list[SharedContacts]] = []
    """Which of the leads share what, if duplicates were asked for."""
    group_count: SkipJsonSchema[int | None] = None
    """All groups of duplicates."""
    looked_at: SkipJsonSchema[int | None] = None
    """Leads that were read, if there are more that were not."""
    exist: SkipJsonSchema[int | None] = None
    """Leads that Rotor has of those that could match."""
    without_fields: SkipJsonSchema[int] = 0
    """Leads that match, have none of the fields that were asked for, and are not listed."""
    continues: SkipJsonSchema[bool] = False
    """Whether this goes on from an earlier result."""
    shown_before: SkipJsonSchema[int] = 0
    """Leads on the earlier pages of this search."""
    cut: SkipJsonSchema[bool] = False
    """Whether fewer leads are shown than asked for, because there is no room for more."""
    cursor: str | None = None
    order: SkipJsonSchema[str] = "newest"
    archived: SkipJsonSchema[str] = "exclude"
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
    page = await _page(outcome, call)
    cursor = outcome.cursor_after(page.taken)
    shows_value = bool(request.count_by) or not (request.limit and (request.fields or request.duplicates))
    return SearchResult(
        leads=page.rows,
        count=outcome.count,
        value=outcome.value if shows_value or "projected_value" in request.fields else None,
        **counts_of(outcome.counts),
        groups=page.groups,
        group_count=outcome.groups,
        looked_at=scan.looked_at if outcome.counts_partial else None,
        exist=scan.exist if outcome.counts_partial else None,
        without_fields=page.without_fields,
        continues=request.cursor is not None,
        shown_before=scan.begin.shown,
        cut=page.cut or (cursor is not None and scan.begin.size <= page.taken < request.limit),
        cursor=cursor,
        order=request.sorted_by,
        archived=request.archived,
        lines=page.lines,
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


# The leads of one result


@dataclass
class _Page:
    """The leads of one result, as many as there is room for, and as lines of text."""

    rows: list[LeadView] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    groups: list[SharedContacts] = field(default_factory=list)
    taken: int = 0
    """Hits that this result deals with: those shown, and those without any of the fields."""
    without_fields: int = 0
    cut: bool = False
    _chars: tuple[int, int] = (0, 0)
    """Characters of the lines, and of the rows as JSON."""

    def has_room(self, rows: Sequence[LeadView], lines: Sequence[str]) -> bool:
        """Whether rows and their lines fit, and count them if they do. What comes first always fits."""
        text, structured = self._chars
        text += sum(map(len, lines))
        structured += sum(len(row.model_dump_json(exclude_defaults=True)) for row in rows)
        if self.rows and max(text, structured) > MAX_ROWS_CHARS:
            self.cut = True
            return False
        self._chars = text, structured
        return True


async def _page(outcome: SearchOutcome, call: CallContext) -> _Page:
    request = outcome.request
    if outcome.duplicates:
        return await _page_of_duplicates(outcome, call)
    one = outcome.hits[0][1] if outcome.count == len(outcome.hits) == 1 else None
    if one is not None and request.search and request.limit and not (request.fields or request.cursor):
        return await _page_of_one(one, call)
    place, chosen = _choose(outcome)
    short_ids = await call.state.shown_ids.shorten([lead.id for _, lead in chosen if lead.id])
    page = _Page(taken=place)
    async for place, lead in paced(chosen):
        row = view_row(lead, call.locale, _row_fields(lead, request))
        short_id = short_ids.get(lead.id or "", lead.id)
        line = field_values(row, request.fields, short_id) if request.fields else lead_line(row, short_id)
        if not page.has_room([row], [line]):
            page.taken = place
            break
        page.rows.append(row)
        page.lines.append(line)
    page.without_fields = page.taken - len(page.rows)
    if request.fields and page.rows:
        lines = _with_ids(page.rows, page.lines, request.fields, short_ids)
        page.lines = [_header(request.fields), *lines]
    return page


def _choose(outcome: SearchOutcome) -> tuple[int, list[tuple[int, Lead]]]:
    """Return the leads to show, each with its place among the hits, and the place of the next hit.

    A lead with none of the fields that were asked for is not shown.
    """
    request = outcome.request
    facts = [name for name in request.fields if name != "id"]
    chosen: list[tuple[int, Lead]] = []
    for place, (_, lead) in enumerate(outcome.hits):
        if len(chosen) == request.limit:
            return place, chosen
        if not facts or any(getattr(lead, name) not in (None, "", [], False) for name in facts):
            chosen.append((place, lead))
    return len(outcome.hits), chosen


def _row_fields(lead: Lead, request: SearchRequest) -> tuple[str, ...]:
    if request.fields:
        return ("id", *request.fields)
    return (*ROW_FIELDS, "phone" if lead.phone else "email")


def _header(fields: Sequence[str]) -> str:
    return " · ".join(f"notes ({NOTES_ARE_DATA})" if name == "notes" else name for name in fields)


def _with_ids(
    rows: Sequence[LeadView], lines: Sequence[str], fields: Sequence[str], short_ids: dict[str, str]
) -> list[str]:
    """Return the lines, with an id where nothing else tells a lead apart from those beside it."""
    return [
        line
        if "id" in fields or (is_told_apart(row, fields) and lines.count(line) == 1)
        else f"{line} · id {short_ids.get(row.id or '', row.id)}"
        for row, line in zip(rows, lines, strict=True)
    ]


async def _page_of_one(lead: Lead, call: CallContext) -> _Page:
    """Return all that is known of the only match, as `get_lead` shows it."""
    view = view_lead(lead, call.locale)
    notes_go_on_at = cut_notes(view)
    if lead.id:
        await call.state.shown_ids.shorten([lead.id])
    lines = [*([f"name: {view.name}"] if view.name else []), *lead_lines(view, str(call.locale.zone))]
    if notes_go_on_at is not None:
        lines.append(f"The notes go on: get_lead with notes_from {notes_go_on_at}.")
    return _Page(rows=[view], lines=lines, taken=1)


def _that_fit(rows: Sequence[LeadView], lines: Sequence[str]) -> int:
    """Return how many of the first rows and their lines there is room for; one at least."""
    sizes = (
        max(len(line), len(row.model_dump_json(exclude_defaults=True)))
        for row, line in zip(rows, lines, strict=True)
    )
    return max(sum(size <= MAX_ROWS_CHARS for size in accumulate(sizes)), 1)


async def _page_of_duplicates(outcome: SearchOutcome, call: CallContext) -> _Page:
    """Return groups of duplicates, each with what its leads share.

    A group is whole, unless it alone has more leads than there is room for.
    """
    request, page = outcome.request, _Page()
    fields = ("id", *request.fields) if request.fields else DUPLICATE_FIELDS
    for group in outcome.duplicates if request.limit else ():
        leads = group.leads[:MAX_GROUP_LEADS]
        if page.rows and len(page.rows) + len(leads) > request.limit:
            break
        short_ids = await call.state.shown_ids.shorten([lead.id for lead in leads if lead.id])
        rows = [view_row(lead, call.locale, fields) for lead in leads]
        if request.fields:
            lines = [field_values(row, request.fields, short_ids.get(row.id or "")) for row in rows]
            lines = _with_ids(rows, lines, request.fields, short_ids)
        else:
            lines = [lead_line(row, short_ids.get(row.id or "")) for row in rows]
        fit = _that_fit(rows, lines)
        rows, lines = rows[:fit], [f"  {line}" for line in lines[:fit]]
        if left_out := len(group.leads) - fit:
            lines.append(f"  and {counted(left_out, 'more lead')}")
        shared = [one_line(text)[:MAX_SHARED_CHARS] for text in group.shared[:MAX_SHARED]]
        more = f" and {len(group.shared) - MAX_SHARED:,} others" if len(group.shared) > MAX_SHARED else ""
        lines.insert(0, f"{', '.join(shared)}{more}:")
        if not page.has_room(rows, lines):
            break
        page.groups.append(SharedContacts(shared=shared, leads=len(rows)))
        page.rows += rows
        page.lines += lines
        page.taken += len(group.leads)
    if request.fields and page.lines:
        page.lines.insert(0, _header(request.fields))
    return page


# From the result to the text


def render_search(result: SearchResult) -> str:
    """Return how many leads match, and a line for each."""
    value = worth(result.value) if result.count != 1 or not result.leads else ""
    age = f" Read up to {counted(result.age_seconds, 'second')} ago." if result.age_seconds else ""
    lines = [f"{_extent(result)}{_ARCHIVED[result.archived]}. {value}{cost(result)}{age}"]
    lines += (
        f"No lead read lately has the {unused.kind} {one_line(unused.word)}. "
        f"In use: {', '.join(map(one_line, unused.in_use)) or 'none'}."
        for unused in result.unused
    )
    lines += count_lines(
        result.counted_by,
        result.counts,
        result.others,
        result.totals,
        count=result.count or 0,
        value=result.value or 0,
    )
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
        compared = "compared" if result.group_count is not None else "looked at, and counted"
        lines.append(f"Only the newest {result.looked_at:,}{of} leads were {compared}.")
    lines += result.lines
    if result.without_fields:
        lines.append(f"Not listed, with none of these fields: {counted(result.without_fields, 'lead')}.")
    if result.cursor:
        lines.append(f"More: the same search with cursor {result.cursor}")
    return "\n".join(lines)


def _extent(result: SearchResult) -> str:
    """Return how many leads are shown, and of how many."""
    shown, count = len(result.leads) + result.without_fields, result.count
    if count == 0:
        return _no_match(result)
    groups = ""
    if result.group_count is not None:
        groups = f" in {counted(result.group_count, 'group')} that share a phone or e-mail"
    if not shown and result.continues:
        return "No further lead"
    if not shown and count is not None:
        return f"{counted(count, 'lead')}{groups}"
    if result.continues:
        of = f", {result.shown_before + shown:,}" + (f" of {count:,}" if count is not None else "")
        extent = f"{shown:,} more{of} shown"
    elif count is None or shown == count:
        extent = f"{counted(shown, 'lead')}{groups}"
    else:
        extent = f"{shown:,} of {counted(count, 'lead')}{groups}"
    cut = ", as many as fit" if result.cut else ""
    return f"{extent}{cut}, {_ORDERS[result.order]}" if shown > 1 else f"{extent}{cut}"


def _no_match(result: SearchResult) -> str:
    filters = ", ".join(f"{name} {_filter(value)}" for name, value in result.filters.items())
    if result.looked_at is not None:
        return f"No match so far for {filters}"
    left_out = "; archived ones left out" if result.archived == "exclude" else ""
    return f"No lead matches {filters}{left_out}" if filters else f"There is no lead{left_out}"


def _filter(value: Any) -> str:
    if isinstance(value, list):
        return " or ".join(map(_filter, value))
    return f'"{one_line(value)}"' if isinstance(value, str) else json.dumps(value)


SEARCH_LEADS = Tool(
    name="search_leads",
    title="Search leads",
    description=(
        "Lists and counts leads. Filters hold together and compare without case and accents. Notes are shown "
        "if one lead matches a search, or if fields names them. Costs 1 request; with other filters than "
        "search, one stage, tags and archived, 1 per 1,000 leads."
    ),
    arguments=SearchRequest,
    result=SearchResult,
    run=search_leads,
    render=render_search,
    read_only=True,
)
