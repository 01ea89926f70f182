"""A search → the cheapest requests that answer it.

What Rotor can filter alone costs one request of the size shown. For anything else the leads are read in pages
of 1,000, newest first, as far as needed or allowed, and `filter.py` does the rest.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rotor_mcp.api.models import PAGE_LIMIT, Lead
from rotor_mcp.concurrency import paced
from rotor_mcp.leads import filters
from rotor_mcp.leads.context import CallContext
from rotor_mcp.leads.cursor import ApiFilters, Cursor, ScanPosition, digest
from rotor_mcp.leads.requests import SearchLeads
from rotor_mcp.leads.scan import Hit, LeadScan
from rotor_mcp.state.vocabulary import Kind, Unused
from rotor_mcp.tools import phrases
from rotor_mcp.tools.results import Count, LeadView, SearchResult, UnusedWord

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
"""The fields of a lead that a search shows, beside its phone or, without one, its e-mail."""

_NO_FILTERS = {"archived", "order", "count_by", "fields", "limit", "cursor"}

MAX_COUNTS = 30
"""Counts of one result, the most numerous; a company has fewer stages and sources than that."""
MAX_ROWS_CHARS = 10_000
"""Characters of all rows together, in either channel; beyond that the result says how to go on."""


async def search(wanted: SearchLeads, call: CallContext) -> SearchResult:
    """Answer a search.

    Raises:
        RotorError: if Rotor could not be asked or refused.
        CursorError: if the cursor does not belong to this search.
    """
    alone = filters.is_for_the_api(wanted)
    if wanted.cursor:
        begin = Cursor.decode(wanted.cursor, wanted)
    else:
        begin = Cursor(search=digest(wanted), size=max(wanted.limit, 1) if alone else PAGE_LIMIT)
    asked = wanted
    if wanted.stage:
        spellings = call.state.vocabulary.spellings("stage", wanted.stage)
        if len(spellings) == 1:
            asked = wanted.model_copy(update={"stage": spellings[0]})
        elif spellings and not wanted.cursor and not wanted.search:
            alone, begin = False, replace(begin, asked=ApiFilters.NOTHING, size=PAGE_LIMIT)
        elif spellings and not wanted.cursor:
            alone, begin = False, replace(begin, asked=ApiFilters.TEXT, size=PAGE_LIMIT)
    reading = LeadScan(asked, begin, call)
    matched = await reading.read_on(enough=1 if alone else _enough(wanted))
    while not wanted.cursor and (without_api_filters := reading.without_api_filters(found=bool(matched))):
        if not call.search_requests_left:
            break
        reading, alone = without_api_filters, False
        pages = 1 if reading.compares_text else call.search_requests_left
        matched = await reading.read_on(enough=_enough(wanted), pages=pages)
    unused = await _unused_words(wanted, call, matched) if not wanted.cursor else []
    return await _result(reading, matched, unused, counted_by_rotor=alone)


async def _unused_words(wanted: SearchLeads, call: CallContext, matched: Sequence[Hit]) -> list[Unused]:
    """Return the stage, source and tags asked for that no lead has, as far as that explains the result."""
    given: dict[Kind, list[str]] = {
        "stage": [wanted.stage] if wanted.stage and not matched else [],
        "source": [wanted.source] if wanted.source and not matched else [],
        "tag": wanted.tags,
    }
    if not matched and any(given.values()) and call.search_requests_left:
        await call.learn_words()
    vocabulary = call.state.vocabulary
    return [
        unused
        for kind, words in given.items()
        for unused in vocabulary.unused(kind, words, part=kind == "source")
    ]


def _enough(wanted: SearchLeads) -> int | None:
    """Leads to find before reading may stop: few, to go on in Rotor's order; to count or sort, all."""
    return wanted.limit + 1 if wanted.cursor and wanted.order == "newest" else None


def _key(reading: LeadScan, lead: Lead) -> filters.SortKey:
    """What a search sorts by."""
    return filters.sort_key(lead, reading.wanted.order, reading.call.context)


async def _in_order(reading: LeadScan, matched: list[Hit]) -> list[Hit]:
    """What matches, in the order wanted, from where the cursor says."""
    if reading.wanted.order == "newest":
        return matched
    after = reading.begin.after
    keyed = [(_key(reading, entry[1]), entry) async for entry in paced(matched)]
    keyed.sort(key=lambda pair: pair[0])
    return [entry for key, entry in keyed if after is None or key > after]


def _onward(reading: LeadScan, found: Sequence[Hit], shown: int) -> Cursor | None:
    """Where to go on: with the rest of what was found, else with what was not read."""
    wanted, begin = reading.wanted, reading.begin
    if 0 < shown < len(found):
        page, last = found[shown - 1]
        if wanted.order != "newest":
            until = reading.last.id if reading.last and not reading.ended else ""
            return replace(begin, after=_key(reading, last), until=until)
        return replace(begin, page=page, seen=ScanPosition.of(last))
    if not reading.ended and wanted.limit:
        return replace(begin, page=reading.page, seen=reading.last, after=None, until="")
    return None


async def _result(
    reading: LeadScan, matched: list[Hit], unused: Sequence[Unused], *, counted_by_rotor: bool
) -> SearchResult:
    wanted, call, whole = reading.wanted, reading.call, reading.ended
    found = await _in_order(reading, matched)
    rows, lines = await _rows([lead for _, lead in found][: wanted.limit], wanted, call)
    onward = _onward(reading, found, len(rows))
    leads = [lead for _, lead in matched]
    # What goes on from an earlier result was counted there; what Rotor filtered alone, Rotor has counted.
    counts_all = not wanted.cursor and (whole or not counted_by_rotor)
    by = wanted.count_by or "stage"
    counts = filters.count(leads, by) if counts_all and (wanted.count_by or len(leads) > 1) else {}
    return SearchResult(
        leads=rows,
        count=len(leads) if counts_all else reading.exist if counted_by_rotor else None,
        value=sum(lead.projected_value or 0 for lead in leads) if counts_all else None,
        counts=Count.first(counts, MAX_COUNTS),
        counts_left_out=max(len(counts) - MAX_COUNTS, 0),
        counted_by=by if counts else None,
        looked_at=reading.looked_at if counts_all and not whole else None,
        exist=reading.exist if counts_all and not whole else None,
        continues=wanted.cursor is not None,
        cursor=onward.encode() if onward else None,
        order=wanted.order,
        archived=wanted.archived,
        lines=lines,
        compared_here=reading.compares_text,
        rotor_alone=not (matched or wanted.cursor) and reading.without_api_filters(found=False) is not None,
        filters={} if matched else _filters(wanted),
        unused=[UnusedWord(kind=word.kind, word=word.word, in_use=list(word.in_use)) for word in unused],
        age_seconds=math.ceil(reading.age),
        **call.setting(),
    )


def _filters(wanted: SearchLeads) -> dict[str, Any]:
    """Return what the leads were filtered by."""
    return wanted.model_dump(mode="json", exclude_defaults=True, exclude=_NO_FILTERS)


async def _rows(
    leads: Sequence[Lead], wanted: SearchLeads, call: CallContext
) -> tuple[list[LeadView], list[str]]:
    """Show leads as rows, as many as there is room for, and as the lines that say the same."""
    rows: list[LeadView] = []
    lines: list[str] = []
    text = structured = 0
    async for lead in paced(leads):
        fields = (
            ("id", *wanted.fields) if wanted.fields else (*ROW_FIELDS, "phone" if lead.phone else "email")
        )
        row = call.row(lead, fields)
        line = phrases.row(row, wanted.fields)
        text += len(line)
        structured += len(row.model_dump_json(exclude_defaults=True))
        if rows and max(text, structured) > MAX_ROWS_CHARS:
            break
        rows.append(row)
        lines.append(line)
    return rows, lines
