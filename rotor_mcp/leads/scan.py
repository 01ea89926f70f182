"""Reads Rotor's list of leads page by page, newest first, and filters what Rotor was not asked to filter."""

from dataclasses import dataclass, field, replace
from typing import Self

from rotor_mcp.api.models import PAGE_LIMIT, Lead, Page
from rotor_mcp.concurrency import paced
from rotor_mcp.leads import filters
from rotor_mcp.leads.context import CallContext
from rotor_mcp.leads.cursor import ApiFilters, Cursor, ScanPosition, unseen
from rotor_mcp.leads.phones import is_phone_query, parse_phones
from rotor_mcp.leads.requests import SearchRequest

Hit = tuple[int, Lead]
"""A lead that matches, with the page it stood on."""


@dataclass
class LeadScan:
    """Rotor's list from where a cursor says, as far as it was read. How far that is, the reader decides."""

    request: SearchRequest
    begin: Cursor
    call: CallContext
    page: int = field(init=False)
    """The page to read next."""
    last: ScanPosition | None = field(init=False)
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

    async def read_until(self, enough: int | None = None, pages: int | None = None) -> list[Hit]:
        """Read until there are enough leads, or all was read, or the requests of one search are spent.

        Args:
            enough: leads that match; all if None.
            pages: to read at most; as many as one search may spend requests if None.

        Raises:
            RotorError: if Rotor could not be asked or refused.
        """
        matched: list[Hit] = []
        # What stood on so many pages may have been pushed to one more.
        most = (pages or self.call.search_requests) + bool(self.begin.until)
        for number in range(1, most + 1):
            at = self.page
            matched += [(at, lead) for lead in await self.read()]
            if self.done or (enough is not None and len(matched) >= enough):
                break
            of = None if self.exist is None else -(-self.exist // self.begin.size)
            await self.call.progress(number, of, f"looked at {self.looked_at:,} leads")
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
            self.last = ScanPosition.of(leads[-1])
            if end is None and filters.is_past(leads[-1], self.request, self.call.locale):
                self.ended = True
        compare_text = self.compares_text or is_phone_query(self.request.search or "")
        matches = filters.matcher(self.request, self.call.locale, compare_text=compare_text)
        return [lead async for lead in paced(leads) if matches(lead)]

    @property
    def done(self) -> bool:
        """Whether all was read: to the end of the list, or as far as the cursor says."""
        until = self.begin.until
        return self.ended or (bool(until) and self.last is not None and self.last.id == until)

    def without_api_filters(self, *, found: bool) -> Self | None:
        """Return the same from the beginning with less left to Rotor, if Rotor may have missed leads.

        Rotor may compare letter by letter. What it is not asked is compared here, in every spelling: first
        the stage and the tags, then, if nothing is found, the text.
        """
        _, stage, tags = self._asked
        has_text = self.request.search is not None
        if not self.tags.issuperset(tags) or (stage is not None and not self.looked_at):
            return self._with(ApiFilters.TEXT if has_text else ApiFilters.NOTHING)
        if has_text and not found and self.begin.asked is not ApiFilters.NOTHING:
            return self._with(ApiFilters.NOTHING)
        return None

    def _with(self, asked: ApiFilters) -> Self:
        return replace(self, begin=replace(self.begin, asked=asked, size=PAGE_LIMIT))

    @property
    def compares_text(self) -> bool:
        """Whether all leads are read to compare their names, e-mails and phones here."""
        return self.request.search is not None and self.begin.asked is ApiFilters.NOTHING

    @property
    def _asked(self) -> tuple[str | None, str | None, list[str]]:
        """The text, the stage and the tags that Rotor is asked to filter by."""
        request, asked = self.request, self.begin.asked
        text, stage, tags = request.search, request.stage, request.tags
        if text is not None:
            region = self.call.locale.region
            text = parse_phones(text, region).search if is_phone_query(text) else " ".join(text.split())
        if not filters.are_for_the_api(tags):
            tags = []
        match asked:
            case ApiFilters.NOTHING:
                return None, None, []
            case ApiFilters.TEXT:
                return text, None, []
            case ApiFilters.ALL:
                return text, stage, tags

    async def _ask(self) -> tuple[Page, float]:
        text, stage, tags = self._asked
        archived = self.request.archived != "exclude"
        return await self.call.page(
            self.page, search=text, stage=stage, tags=tags, archived=archived, size=self.begin.size
        )
