"""The leads of one search result, as rows and as lines of text, as many as there is room for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from pydantic import BaseModel

from rotor_mcp.api.models import Lead
from rotor_mcp.concurrency import paced
from rotor_mcp.leads.context import CallContext
from rotor_mcp.leads.filters import is_missing
from rotor_mcp.leads.requests import SearchRequest
from rotor_mcp.leads.search import SearchOutcome
from rotor_mcp.sanitize import one_line
from rotor_mcp.tools.lead_view import (
    NOTES_ARE_DATA,
    LeadView,
    cut_notes,
    field_values,
    is_told_apart,
    json_chars,
    lead_line,
    lead_lines,
    view_lead,
    view_row,
)
from rotor_mcp.tools.phrases import counted

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
MAX_GROUP_LEADS = 20
"""Leads of one group that are shown, if not more are asked for."""
MAX_SHARED = 5
"""Phones and e-mails that are named of those which the leads of a group share."""
MAX_SHARED_CHARS = 100
"""Characters of a phone or an e-mail that several leads share."""

ShortIds = Mapping[str, str]
"""Id → as the text shows it."""


class SharedContacts(BaseModel):
    """Leads that share a phone or an e-mail."""

    shared: list[str]
    leads: int
    """How many of the leads listed, one after the other."""
    more: int = 0
    """Further leads that share it and for which there was no room."""


@dataclass
class SearchPage:
    """The leads of one result."""

    rows: list[LeadView] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    groups: list[SharedContacts] = field(default_factory=list)
    """Which of the rows share what, if duplicates were asked for."""
    taken: int = 0
    """Hits that this result deals with: those shown, and those that are only counted."""
    without_fields: int = 0
    """Hits with none of the fields that were asked for."""
    cut: bool = False
    """Whether there was no room for all that were asked for."""
    _chars: tuple[int, int] = (0, 0)
    """Characters of the lines, and of the rows as JSON."""

    def has_room(self, rows: Sequence[LeadView], lines: Sequence[str]) -> bool:
        """Whether rows and their lines fit, and count them if they do. What comes first always fits."""
        text, structured = self._chars
        text += sum(map(len, lines))
        structured += json_chars(rows)
        if self.rows and max(text, structured) > MAX_ROWS_CHARS:
            self.cut = True
            return False
        self._chars = text, structured
        return True


async def page_of(outcome: SearchOutcome, call: CallContext) -> SearchPage:
    """Return the leads of a result: the only match in full, groups of duplicates, or rows."""
    request = outcome.request
    if outcome.duplicates:
        return await _page_of_duplicates(outcome, call)
    is_only_match = request.search is not None and outcome.count == len(outcome.hits) == 1
    if is_only_match and request.limit and not request.fields:
        return await _page_of_one(outcome.hits[0][1], call)
    return await _page_of_rows(outcome, call)


async def _page_of_one(lead: Lead, call: CallContext) -> SearchPage:
    """Return all that is known of the only match, as `get_lead` shows it."""
    view = view_lead(lead, call.locale)
    notes_go_on_at = cut_notes(view)
    await _short_ids([lead], call)
    lines = [*([f"name: {view.name}"] if view.name else []), *lead_lines(view, str(call.locale.zone))]
    if notes_go_on_at is not None:
        lines.append(f"The notes go on: get_lead with notes_from {notes_go_on_at}.")
    return SearchPage(rows=[view], lines=lines, taken=1)


async def _page_of_rows(outcome: SearchOutcome, call: CallContext) -> SearchPage:
    request = outcome.request
    place, chosen = _choose(outcome)
    short_ids = await _short_ids([lead for _, lead in chosen], call)
    rows = [view_row(lead, call.locale, _row_fields(lead, request)) async for _, lead in paced(chosen)]
    lines = [_line(row, request, short_ids) for row in rows]
    fit = _that_fit(rows, lines)
    page = SearchPage(rows[:fit], lines[:fit], taken=place)
    if fit < len(rows):
        page.taken, page.cut = chosen[fit][0], True
    page.without_fields = page.taken - len(page.rows)
    if request.fields and page.rows:
        lines = _with_ids(page.rows, page.lines, request.fields, short_ids)
        page.lines = [_header(request.fields), *lines]
    return page


def _choose(outcome: SearchOutcome) -> tuple[int, list[tuple[int, Lead]]]:
    """Return the place of the hit after the leads to show, and these leads, each with its place.

    A lead with none of the fields that were asked for is not shown.
    """
    request = outcome.request
    facts = [name for name in request.fields if name != "id"]
    chosen: list[tuple[int, Lead]] = []
    for place, (_, lead) in enumerate(outcome.hits):
        if len(chosen) == request.limit:
            return place, chosen
        if not facts or any(_is_known(lead, name) for name in facts):
            chosen.append((place, lead))
    return len(outcome.hits), chosen


def _is_known(lead: Lead, name: str) -> bool:
    """Whether a lead has a value to show in a field: 0 is one, and not to be archived is none."""
    return not is_missing(lead, name) and getattr(lead, name) is not False


async def _page_of_duplicates(outcome: SearchOutcome, call: CallContext) -> SearchPage:
    """Return groups of duplicates, each with what its leads share.

    A group is shown whole, also if it alone has more leads than were asked for, unless it has more than
    `MAX_GROUP_LEADS` or there is no room.
    """
    request, page = outcome.request, SearchPage()
    fields = ("id", *request.fields) if request.fields else DUPLICATE_FIELDS
    most = max(request.limit, MAX_GROUP_LEADS) if request.limit else 0
    short_ids = await _short_ids([lead for _, lead in outcome.hits[:most]], call)
    for group in outcome.duplicates:
        shown = group.leads[:most]
        if not shown or (page.rows and len(page.rows) + len(shown) > request.limit):
            break
        rows = [view_row(lead, call.locale, fields) for lead in shown]
        lines = [_line(row, request, short_ids) for row in rows]
        if request.fields:
            lines = _with_ids(rows, lines, request.fields, short_ids)
        fit = _that_fit(rows, lines)
        rows, lines, more = rows[:fit], lines[:fit], len(group.leads) - fit
        if more:
            lines.append(f"and {counted(more, 'more lead')}")
        shared = [one_line(text)[:MAX_SHARED_CHARS] for text in group.shared[:MAX_SHARED]]
        others = f" and {len(group.shared) - MAX_SHARED:,} others" if len(group.shared) > MAX_SHARED else ""
        lines = [f"{', '.join(shared)}{others}:", *(f"  {line}" for line in lines)]
        if not page.has_room(rows, lines):
            break
        page.groups.append(SharedContacts(shared=shared, leads=len(rows), more=more))
        page.rows += rows
        page.lines += lines
        page.taken += len(group.leads)
    if request.fields and page.lines:
        page.lines.insert(0, _header(request.fields))
    return page


def _that_fit(rows: Sequence[LeadView], lines: Sequence[str]) -> int:
    """Return how many of the first rows and their lines there is room for; one at least, if there are any."""
    if max(sum(map(len, lines)), json_chars(rows)) <= MAX_ROWS_CHARS:
        return len(rows)
    sizes = zip(accumulate(map(len, lines)), accumulate(json_chars([row]) for row in rows), strict=True)
    return max(sum(max(size) <= MAX_ROWS_CHARS for size in sizes), 1)


# Rows and lines


def _row_fields(lead: Lead, request: SearchRequest) -> tuple[str, ...]:
    if request.fields:
        return ("id", *request.fields)
    return (*ROW_FIELDS, "phone" if lead.phone else "email")


def _line(row: LeadView, request: SearchRequest, short_ids: ShortIds) -> str:
    short_id = short_ids.get(row.id or "", row.id)
    return field_values(row, request.fields, short_id) if request.fields else lead_line(row, short_id)


def _header(fields: Sequence[str]) -> str:
    return " · ".join(f"notes ({NOTES_ARE_DATA})" if name == "notes" else name for name in fields)


def _with_ids(
    rows: Sequence[LeadView], lines: Sequence[str], fields: Sequence[str], short_ids: ShortIds
) -> list[str]:
    """Return the lines, with an id where nothing else tells a lead apart from those beside it."""
    return [
        line
        if "id" in fields or (is_told_apart(row, fields) and lines.count(line) == 1)
        else f"{line} · id {short_ids.get(row.id or '', row.id)}"
        for row, line in zip(rows, lines, strict=True)
    ]


async def _short_ids(leads: Sequence[Lead], call: CallContext) -> ShortIds:
    """Return the ids of leads as the text shows them, and keep that they were shown."""
    return await call.state.shown_ids.shorten([lead.id for lead in leads if lead.id])
