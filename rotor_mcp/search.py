"""A search → the cheapest requests that answer it.

What Rotor can filter alone costs one request of the size shown. For anything else the leads are read in pages
of 1,000, newest first, as far as needed or allowed, and `filter.py` does the rest.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from rotor_mcp import filter as filters
from rotor_mcp import wording
from rotor_mcp.call import Call
from rotor_mcp.cursor import Cursor, Mark, digest, unseen
from rotor_mcp.models import PAGE_LIMIT, Lead, Page, SearchLeads
from rotor_mcp.results import Count, SearchResult, ShownLead
from rotor_mcp.sanitize import one_line

ROW = (
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

COUNTS = 30
"""Counts of one result, the most numerous; a company has fewer stages and sources than that."""
CHARACTERS = 10_000
"""Characters of all rows together, in either channel; beyond that the result says how to go on."""


async def search(wanted: SearchLeads, call: Call) -> SearchResult:
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
    if wanted.stage:
        spellings = call.company.vocabulary.spellings("stage", wanted.stage)
        if len(spellings) == 1:
            wanted = wanted.model_copy(update={"stage": spellings[0]})
        elif spellings and not wanted.cursor:
            alone, begin = False, replace(begin, pushed=False, size=PAGE_LIMIT)
    reading = _Reading(wanted, begin, call)
    await reading.go(enough=1 if alone else reading.enough)
    if begin.pushed and not wanted.cursor and reading.seems_incomplete:
        # Rotor may compare stages and tags letter by letter. Without its help nothing is missed.
        begin = replace(begin, pushed=False, size=PAGE_LIMIT)
        reading = _Reading(wanted, begin, call)
        await reading.go(enough=reading.enough)
    return _result(reading, counted_by_rotor=alone and begin.pushed)


@dataclass
class _Reading:
    """Rotor's list, as far as one call reads it."""

    wanted: SearchLeads
    begin: Cursor
    call: Call
    matched: list[tuple[int, Lead]] = field(default_factory=list)
    """Leads that match, newest first, each with the page it stood on."""
    looked_at: int = 0
    tags: set[str] = field(default_factory=set)
    """The tags of the leads looked at."""
    exist: int | None = None
    """Leads on Rotor's list, by its own word."""
    age: float = 0.0
    """Seconds since the oldest part was read."""
    next_page: int | None = None
    """The page to go on with; None at the end of the list."""
    last: Mark | None = None
    """The last lead looked at."""

    @property
    def enough(self) -> int | None:
        """Leads to find before reading may stop: few, to go on in Rotor's order; to count or sort, all."""
        return self.wanted.limit + 1 if self.wanted.cursor and self.wanted.order == "newest" else None

    @property
    def seems_incomplete(self) -> bool:
        """Whether Rotor found nothing, or nothing with one of the tags, which may be a matter of capitals."""
        if not self.tags.issuperset(self.wanted.tags):
            return True
        return bool(self.wanted.stage) and self.exist == 0

    async def go(self, enough: int | None) -> None:
        """Read until there are enough leads, or the list ends, or the requests of one search are spent."""
        wanted, begin, call = self.wanted, self.begin, self.call
        self.next_page, self.last = begin.page, begin.seen
        # What stood on so many pages may have been pushed to one more.
        for number in range(1, call.search_requests + 1 + bool(begin.until)):
            at = self.next_page
            page, age = await self._page(at)
            self.age = max(self.age, age)
            self.exist = page.total
            leads = unseen(page.leads, self.last)
            end = next((place for place, lead in enumerate(leads) if lead.id == begin.until), None)
            if end is not None:
                leads = leads[: end + 1]
            self.looked_at += len(leads)
            self.tags.update(tag for lead in leads for tag in lead.tags)
            self.matched += ((at, lead) for lead in leads if filters.matches(lead, wanted, call.context))
            self.next_page = at + 1 if page.has_more else None
            if leads:
                self.last = Mark.of(leads[-1])
                if filters.is_past(leads[-1], wanted, call.context):
                    self.next_page = None
            if end is not None:
                self.next_page = at
                break
            if self.next_page is None or (enough is not None and len(self.matched) >= enough):
                break
            pages = None if page.total is None else -(-page.total // begin.size)
            await call.progress(number, pages, f"looked at {self.looked_at:,} leads")

    async def _page(self, page: int) -> tuple[Page, float]:
        wanted, pushed, size = self.wanted, self.begin.pushed, self.begin.size
        stage = wanted.stage if pushed else None
        tags = wanted.tags if pushed and not any("," in tag for tag in wanted.tags) else []
        archived = wanted.archived != "exclude"
        rotor = self.call.rotor
        return await self.call.company.memory.recall(
            json.dumps([wanted.search, stage, tags, archived, size, page]),
            lambda: rotor.list_leads(
                search=wanted.search, stage=stage, tags=tags, archived=archived, limit=size, page=page
            ),
        )

    def key(self, lead: Lead) -> filters.SortKey:
        """What this search sorts by."""
        return filters.sort_key(lead, self.wanted.order, self.call.context)

    def in_order(self) -> list[tuple[int, Lead]]:
        """What matches, in the order wanted, from where the cursor says."""
        if self.wanted.order == "newest":
            return self.matched
        after = self.begin.after
        entries = sorted(self.matched, key=lambda entry: self.key(entry[1]))
        return [entry for entry in entries if after is None or self.key(entry[1]) > after]

    def onward(self, found: Sequence[tuple[int, Lead]], shown: int) -> Cursor | None:
        """Where to go on: with the rest of what was found, else with what was not read."""
        if 0 < shown < len(found):
            page, last = found[shown - 1]
            if self.wanted.order != "newest":
                until = self.last.id if self.last and self.next_page is not None else ""
                return replace(self.begin, after=self.key(last), until=until)
            return replace(self.begin, page=page, seen=Mark.of(last))
        if self.next_page is not None and self.wanted.limit:
            return replace(self.begin, page=self.next_page, seen=self.last, after=None, until="")
        return None


def _result(reading: _Reading, *, counted_by_rotor: bool) -> SearchResult:
    wanted, call = reading.wanted, reading.call
    found = reading.in_order()
    rows = _rows([lead for _, lead in found][: wanted.limit], wanted, call)
    onward = reading.onward(found, len(rows))
    leads = [lead for _, lead in reading.matched]
    whole = reading.next_page is None
    # What goes on from an earlier result was counted there; what Rotor filtered alone, Rotor has counted.
    counts_all = not wanted.cursor and (whole or not counted_by_rotor)
    by = wanted.count_by or "stage"
    counts = filters.count(leads, by) if counts_all and (wanted.count_by or len(leads) > 1) else {}
    return SearchResult(
        leads=rows,
        count=len(leads) if counts_all else reading.exist if counted_by_rotor else None,
        value=sum(lead.projected_value or 0 for lead in leads) if counts_all else None,
        counts=[
            Count(name=one_line(name)[:100], count=number, value=value)
            for name, (number, value) in list(counts.items())[:COUNTS]
        ],
        counts_left_out=max(len(counts) - COUNTS, 0),
        counted_by=by if counts else None,
        looked_at=reading.looked_at if counts_all and not whole else None,
        exist=reading.exist if counts_all and not whole else None,
        continues=wanted.cursor is not None,
        cursor=onward.encode() if onward else None,
        order=wanted.order,
        archived=wanted.archived,
        fields=wanted.fields,
        age_seconds=math.ceil(reading.age),
        **call.setting(),
    )


def _rows(leads: Sequence[Lead], wanted: SearchLeads, call: Call) -> list[ShownLead]:
    """Show leads as rows, as many as there is room for."""
    rows: list[ShownLead] = []
    text = structured = 0
    for lead in leads:
        fields = ("id", *wanted.fields) if wanted.fields else (*ROW, "phone" if lead.phone else "email")
        row = call.row(lead, fields)
        text += len(wording.row(row, wanted.fields))
        structured += len(row.model_dump_json(exclude_defaults=True))
        if rows and max(text, structured) > CHARACTERS:
            break
        rows.append(row)
    return rows
