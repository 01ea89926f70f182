"""Rotor's list of leads, page after page, newest first, with what it was not asked to filter left out."""

import json
from dataclasses import dataclass, field, replace
from typing import Self

from rotor_mcp import filter as filters
from rotor_mcp.call import Call
from rotor_mcp.cursor import Cursor, Mark, unseen
from rotor_mcp.inputs import SearchLeads
from rotor_mcp.models import PAGE_LIMIT, Lead, Page

Match = tuple[int, Lead]
"""A lead that matches, with the page it stood on."""


@dataclass
class Reading:
    """Rotor's list from where a cursor says, as far as it was read. How far that is, the reader decides."""

    wanted: SearchLeads
    begin: Cursor
    call: Call
    page: int = field(init=False)
    """The page to read next."""
    last: Mark | None = field(init=False)
    """The last lead looked at."""
    ended: bool = field(default=False, init=False)
    """Whether the list ended, or holds only leads that are too old from here on."""
    pages: int = field(default=0, init=False)
    """Pages read."""
    looked_at: int = field(default=0, init=False)
    """Leads on them, those that do not match as well."""
    tags: set[str] = field(default_factory=set, init=False)
    """The tags of the leads looked at."""
    exist: int | None = field(default=None, init=False)
    """Leads on Rotor's list, by its own word."""
    age: float = field(default=0.0, init=False)
    """Seconds since the oldest part was read."""

    def __post_init__(self) -> None:
        self.page, self.last = self.begin.page, self.begin.seen

    async def read_on(self, enough: int | None = None) -> list[Match]:
        """Read until there are enough leads, or all was read, or the requests of one search are spent.

        Raises:
            RotorError: if Rotor could not be asked or refused.
        """
        matched: list[Match] = []
        # What stood on so many pages may have been pushed to one more.
        for number in range(1, self.call.search_requests + 1 + bool(self.begin.until)):
            at = self.page
            matched += [(at, lead) for lead in await self.read()]
            if self.done or (enough is not None and len(matched) >= enough):
                break
            pages = None if self.exist is None else -(-self.exist // self.begin.size)
            await self.call.progress(number, pages, f"looked at {self.looked_at:,} leads")
        return matched

    async def read(self) -> list[Lead]:
        """Read the next page, and return the leads of it that match and were not looked at before.

        Raises:
            RotorError: if Rotor could not be asked or refused.
        """
        page, age = await self._ask()
        self.pages += 1
        self.age = max(self.age, age)
        self.exist = page.total
        leads = unseen(page.leads, self.last)
        end = next((place for place, lead in enumerate(leads) if lead.id == self.begin.until), None)
        if end is not None:
            # The rest of this page is for whoever goes on from here.
            leads = leads[: end + 1]
        else:
            self.page += 1
            self.ended = not page.has_more
        self.looked_at += len(leads)
        self.tags.update(tag for lead in leads for tag in lead.tags)
        if leads:
            self.last = Mark.of(leads[-1])
            if end is None and filters.is_past(leads[-1], self.wanted, self.call.context):
                self.ended = True
        return filters.matching(leads, self.wanted, self.call.context)

    @property
    def done(self) -> bool:
        """Whether all was read: to the end of the list, or as far as the cursor says."""
        until = self.begin.until
        return self.ended or (bool(until) and self.last is not None and self.last.id == until)

    @property
    def seems_incomplete(self) -> bool:
        """Whether Rotor found nothing, or nothing with one of the tags, which may be a matter of capitals."""
        stage, tags = self._asked
        return not self.tags.issuperset(tags) or (stage is not None and not self.looked_at)

    def unaided(self) -> Self:
        """The same from the beginning, without Rotor's filter by stage and tags.

        Rotor may compare them letter by letter. Without its help nothing is missed.
        """
        return replace(self, begin=replace(self.begin, pushed=False, size=PAGE_LIMIT))

    @property
    def _asked(self) -> tuple[str | None, list[str]]:
        """The stage and the tags that Rotor is asked to filter by."""
        if not self.begin.pushed:
            return None, []
        tags = self.wanted.tags
        return self.wanted.stage, [] if any("," in tag for tag in tags) else tags

    async def _ask(self) -> tuple[Page, float]:
        wanted, size, page = self.wanted, self.begin.size, self.page
        stage, tags = self._asked
        archived = wanted.archived != "exclude"
        rotor = self.call.rotor
        return await self.call.company.memory.recall(
            json.dumps([wanted.search, stage, tags, archived, size, page]),
            lambda: rotor.list_leads(
                search=wanted.search, stage=stage, tags=tags, archived=archived, limit=size, page=page
            ),
        )
