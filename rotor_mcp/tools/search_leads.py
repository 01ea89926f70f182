"""The tool `search_leads`: finds, lists and counts leads.

Its arguments are `SearchRequest`, in `leads/requests.py`.
"""

import json
import math
from typing import Annotated, Any

from pydantic import BaseModel, Field, PlainSerializer
from pydantic.json_schema import SkipJsonSchema

from rotor_mcp.api.models import whole_if_it_is
from rotor_mcp.leads.context import CallContext
from rotor_mcp.leads.requests import SearchRequest
from rotor_mcp.leads.search import search
from rotor_mcp.sanitize import one_line
from rotor_mcp.tools.count_view import Count, count_lines, counts_of
from rotor_mcp.tools.lead_view import LeadView
from rotor_mcp.tools.phrases import cost, counted, worth
from rotor_mcp.tools.results import Result, call_facts
from rotor_mcp.tools.search_page import SharedContacts, page_of
from rotor_mcp.tools.tool import Tool

_NO_FILTERS = {"archived", "order", "count_by", "fields", "limit", "cursor"}
_ALL_OF = {"has", "lacks"}
"""Filters of which each part has to hold; of other lists one is enough."""
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
    page = await page_of(outcome, call)
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
        shares = "shares" if result.group_count == 1 else "share"
        groups = f" in {counted(result.group_count, 'group')} that {shares} a phone or e-mail"
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
    given = {name: value for name, value in result.filters.items() if name != "duplicates"}
    filters = ", ".join(
        f"{name} {_filter(value, 'and' if name in _ALL_OF else 'or')}" for name, value in given.items()
    )
    so_far = " so far" if result.looked_at is not None else ""
    if result.group_count is not None:
        which = f" with one that matches {filters}" if filters else ""
        text = f"No leads share a phone or e-mail{which}{so_far}"
    elif so_far:
        text = f"No match so far for {filters}"
    else:
        text = f"No lead matches {filters}" if filters else "There is no lead"
    return f"{text}; archived ones left out" if result.archived == "exclude" else text


def _filter(value: Any, between: str = "or") -> str:
    if isinstance(value, list):
        return f" {between} ".join(map(_filter, value))
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
    always_load=True,
)
