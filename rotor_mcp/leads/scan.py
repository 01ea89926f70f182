"""Reads Rotor's list of leads page by page, newest first, and applies the filters that Rotor did not.

Where all pages are needed, they are read a few at a time, as soon as the first has told how many there are.
"""

from dataclasses import dataclass, field, replace
from typing import Self

import anyio
from anyio.abc import TaskGroup

from rotor_mcp.api.models import PAGE_LIMIT, Lead, Page
from rotor_mcp.concurrency import MAX_CONCURRENT_REQUESTS, background_tasks, for_each, paced
from rotor_mcp.leads import filters
from rotor_mcp.leads.context import CallContext, ignore_progress
from rotor_mcp.leads.cursor import ApiFilters, Cursor, ScanPosition, created_ms, is_in_order, unseen
from rotor_mcp.leads.phones import is_phone_query, parse_phones
from rotor_mcp.leads.requests import SearchRequest

MAX_PAGES_AHEAD = 8
"""Pages that are under way or held at a time: few, since a page takes half a megabyte."""

Hit = tuple[int, Lead]
"""A matching lead, and the number of its page."""


@dataclass
class _PageAhead:
    """A page that is requested before its turn."""

    ended: anyio.Event = field(default_factory=anyio.Event)
    read: tuple[Page, float] | None = None
    """The page and its age; None before the end of the request, or if it failed."""
    failure: Exception | None = None


class StagesTooLong(Exception):
    """The lists of the stages are longer than a search may read."""


@dataclass
class LeadScan:
    """Reads Rotor's list from a cursor on, as far as the caller wants."""

    request: SearchRequest
    begin: Cursor
    call: CallContext
    tasks: TaskGroup | None = None
    """Requests pages before their turn; `read_until` has its own."""
    returns_all: bool = False
    """Whether leads that do not match are returned as well: whoever reads this list filters them."""
    page: int = field(init=False)
    """The page to read next."""
    last: ScanPosition | None = field(init=False)
    """The last lead examined."""
    ended: bool = field(default=False, init=False)
    """Whether the list has ended, or only leads remain that are too old."""
    pages: int = field(default=0, init=False)
    """Pages read."""
    looked_at: int = field(default=0, init=False)
    """Leads examined, matching or not."""
    tags: set[str] = field(default_factory=set, init=False)
    """The tags of these leads, if any are searched for."""
    exist: int | None = field(default=None, init=False)
    """Leads on the list, according to Rotor."""
    finds_no_lead_of_a_stage: bool = field(default=False, init=False)
    """Whether Rotor's list of one of the stages is empty; perhaps it spells the stage otherwise."""
    age: float = field(default=0.0, init=False)
    """Seconds since the oldest page was read."""
    _requests: int = field(default=0, init=False)
    """Pages asked for, each time that one was."""
    _ahead: dict[int, _PageAhead] = field(default_factory=dict, init=False)
    """Number of a page → the page that is requested before its turn."""
    _next_ahead: int = field(default=0, init=False)
    """The page to request next before its turn."""
    _max_requests: int = field(default=0, init=False)
    _matches: filters.Predicate = field(init=False)

    def __post_init__(self) -> None:
        self.page, self.last = self.begin.page, self.begin.seen
        compare_text = self.compares_text or is_phone_query(self.request.search or "")
        self._matches = filters.matcher(self.request, self.call.locale, compare_text=compare_text)

    async def read_until(self, enough: int | None = None, pages: int | None = None) -> list[Hit]:
        """Read until there are enough matching leads, the list ends, or the request limit is reached.

        Args:
            enough: number of matching leads; all if None.
            pages: to read at most; the request limit of a search if None.

        Raises:
            RotorError: if a request failed.
        """
        matched: list[Hit] = []
        # New leads may have moved the last lead to one more page.
        max_pages = (pages or self.call.search_requests) + bool(self.begin.until)

        async def read_one() -> bool:
            """Read a page. Returns whether another one is needed."""
            at = self.page
            matched.extend([(at, lead) for lead in await self.read()])
            return not self.done and (enough is None or len(matched) < enough)

        more = await read_one()
        if more:
            async with background_tasks() as self.tasks:
                while more and (self._requests < max_pages or await self._has_next_page()):
                    if enough is None:
                        self.read_ahead(max_pages)
                    more = await read_one()
        return matched

    async def read(self) -> list[Lead]:
        """Read the next page, and return its matching leads that were not examined before.

        Raises:
            RotorError: if a request failed.
        """
        if self.begin.api_filters is ApiFilters.EACH_STAGE:
            page, age = await self._read_each_stage()
            self._requests += 1
        else:
            page, age = await self._next_page()
        self.pages += 1
        self.age = max(self.age, age)
        self.exist = page.total
        known = self.call.state.known
        if not is_in_order(page.leads):
            known.created_at = "unordered"
        in_order = known.created_at != "unordered"
        leads = unseen(page.leads, self.last, in_order=in_order)
        end = None
        if until := self.begin.until:
            end = next((place for place, lead in enumerate(leads) if lead.id == until), None)
        if end is not None:
            # The rest of this page is for the next cursor.
            leads = leads[: end + 1]
        else:
            self.page += 1
            # Where Rotor does not tell how many there are, it may answer the same page again.
            self.ended = not page.has_more or (page.total is None and not leads)
        self.looked_at += len(leads)
        if self.request.tags:
            self.tags.update(tag for lead in leads for tag in lead.tags)
        if leads:
            self.last = ScanPosition.of(leads[-1])
            if end is None and in_order and filters.is_past(leads[-1], self.request, self.call.locale):
                self.ended = True
        of = None if page.total is None else -(-page.total // self.begin.size)
        if page.has_more and self.pages != of:
            await self.call.progress(self.pages, of, f"looked at {self.looked_at:,} leads")
        return leads if self.returns_all else [lead async for lead in paced(leads) if self._matches(lead)]

    async def _next_page(self) -> tuple[Page, float]:
        """Return the page whose turn it is, and its age in seconds."""
        if await self._has_next_page() and (read := self._ahead.pop(self.page).read):
            return read
        self._requests += 1
        return await self._request(self.page, fresh=self._ahead.pop(self.page, None) is not None)

    async def _has_next_page(self) -> bool:
        """Whether the page whose turn it is was read already, and is good.

        A lead that is created pushes all others back. One may have slipped from this page to the one before
        it, if that was read later. Then Rotor counted fewer leads with this page.

        Raises:
            RotorError: if its request failed.
        """
        ahead = self._ahead.get(self.page)
        if ahead is None:
            return False
        await ahead.ended.wait()
        if ahead.failure:
            raise ahead.failure
        return ahead.read is not None and (ahead.read[0].total or 0) >= (self.exist or 0)

    def read_ahead(self, max_requests: int) -> None:
        """Request the next pages, if all pages are needed, and further ones as soon as one has come.

        Args:
            max_requests: of this scan, those that were sent among them.
        """
        self._max_requests = max_requests
        self._next_ahead = max(self._next_ahead, self.page)
        self._request_next()

    def _request_next(self) -> None:
        """Request the next pages, as many at a time as are allowed."""
        if self.tasks is None or self.exist is None or not self._reads_to_the_end:
            return
        if any(ahead.failure for ahead in self._ahead.values()):
            return
        last = min(-(-self.exist // self.begin.size), self.page + MAX_PAGES_AHEAD - 1)
        under_way = sum(not ahead.ended.is_set() for ahead in self._ahead.values())
        most = min(MAX_CONCURRENT_REQUESTS - under_way, self._max_requests - self._requests)
        for number in range(self._next_ahead, min(last + 1, self._next_ahead + most)):
            self._ahead[number] = _PageAhead()
            self.tasks.start_soon(self._request_ahead, number, self._ahead[number])
            self._requests += 1
            self._next_ahead = number + 1

    async def _request_ahead(self, number: int, ahead: _PageAhead) -> None:
        try:
            ahead.read = await self._request(number)
        except Exception as exc:  # raised when it is its turn
            ahead.failure = exc
        finally:
            ahead.ended.set()
        self._request_next()

    async def _request(self, number: int, *, fresh: bool = False) -> tuple[Page, float]:
        text, stage, tags = self._api_filters
        return await self.call.page(
            number,
            search=text,
            stage=stage,
            tags=tags,
            archived=self._with_archived,
            size=self.begin.size,
            fresh=fresh,
        )

    async def _read_each_stage(self) -> tuple[Page, float]:
        """Read the whole list of each stage. Returns them as one page, newest first, and its age in seconds.

        Raises:
            StagesTooLong: if the requests that a search may spend do not suffice.
            RotorError: if a request failed.
        """
        scans = [self._of_stage(stage) for stage in self.request.stage]

        async def read_first(scan: Self) -> None:
            await scan.read_first_ahead()
            more = sum(other.pages_after_first or 0 for other in scans)
            first = sum(other.pages_after_first is None for other in scans)
            if more + first > self.call.search_requests_left:
                raise StagesTooLong

        await for_each(scans, read_first)
        leads: dict[str | int, Lead] = {}
        for scan in scans:
            found = await scan.read_until(pages=1 + self.call.search_requests_left)
            if not scan.ended:
                raise StagesTooLong
            leads |= {lead.id or id(lead): lead for _, lead in found}
            self.finds_no_lead_of_a_stage |= not scan.looked_at
        newest_first = sorted(leads.values(), key=created_ms, reverse=True)
        page = Page(leads=newest_first, total=len(newest_first), has_more=False)
        return page, max(scan.age for scan in scans)

    def _of_stage(self, stage: str) -> Self:
        """Return a scan of the list of a stage, whatever else is searched for."""
        request = SearchRequest(stage=[stage], archived="include" if self._with_archived else "exclude")
        begin = replace(self.begin, api_filters=ApiFilters.ALL)
        call = replace(self.call, progress=ignore_progress)
        return replace(self, request=request, begin=begin, call=call, returns_all=True)

    async def read_first_ahead(self) -> None:
        """Request the first page before its turn. A failure is raised when it is its turn."""
        self._ahead[self.page] = ahead = _PageAhead()
        self._requests += 1
        await self._request_ahead(self.page, ahead)

    @property
    def pages_after_first(self) -> int | None:
        """Pages that follow the first, as far as that one told; None if it was not read."""
        ahead = self._ahead.get(self.begin.page)
        if ahead is None or ahead.read is None:
            return None
        page, _ = ahead.read
        return int(page.has_more) if page.total is None else max(-(-page.total // self.begin.size) - 1, 0)

    @property
    def _reads_to_the_end(self) -> bool:
        """Whether only the end of the list ends the reading, and each page stands for itself."""
        return (
            self.begin.api_filters is not ApiFilters.EACH_STAGE
            and not self.begin.until
            and not self.request.created_from
        )

    @property
    def _with_archived(self) -> bool:
        return self.request.archived != "exclude"

    @property
    def done(self) -> bool:
        """Whether the list was read to its end, or to the last lead of the cursor."""
        until = self.begin.until
        return self.ended or (bool(until) and self.last is not None and self.last.id == until)

    def without_api_filters(self, *, found: bool) -> Self | None:
        """Return a scan from the start with fewer filters in Rotor, if Rotor may have missed leads.

        Rotor may compare exact text. Filters that are applied here match any spelling: first stage and tags,
        then, if nothing was found, the text.
        """
        if self.begin.api_filters is ApiFilters.EACH_STAGE:
            # Of a part of all leads less would be known than of the stages that were found.
            total = self.call.state.lead_totals.get((self._with_archived, None), 0)
            all_fit = -(-total // PAGE_LIMIT) <= self.call.search_requests_left
            return self._with(ApiFilters.NOTHING) if self.finds_no_lead_of_a_stage and all_fit else None
        _, stage, tags = self._api_filters
        has_text = self.request.search is not None
        if not self.tags.issuperset(tags) or (stage is not None and not self.looked_at):
            return self._with(ApiFilters.TEXT if has_text else ApiFilters.NOTHING)
        if (
            has_text
            and not found
            and not self._finds_all
            and self.begin.api_filters is not ApiFilters.NOTHING
        ):
            return self._with(ApiFilters.NOTHING)
        return None

    @property
    def _finds_all(self) -> bool:
        """Whether it is known that Rotor's search finds a text in every spelling."""
        known = self.call.state.known
        if is_phone_query(self.request.search or ""):
            return known.search_phone == "digits"  # else 0142 is not found where 01 42 is stored
        return known.search == "substring" and known.search_accents == "ignored"

    def _with(self, api_filters: ApiFilters) -> Self:
        return replace(self, begin=replace(self.begin, api_filters=api_filters, size=PAGE_LIMIT))

    @property
    def compares_text(self) -> bool:
        """Whether names, e-mails and phones of all leads are compared here."""
        return self.request.search is not None and self.begin.api_filters is ApiFilters.NOTHING

    @property
    def _api_filters(self) -> tuple[str | None, str | None, list[str]]:
        """The text, the stage and the tags that Rotor filters by."""
        if self.begin.api_filters is ApiFilters.NOTHING:
            return None, None, []
        text, tags = self.request.search, self.request.tags
        if text is not None:
            region = self.call.locale.region
            text = parse_phones(text, region).search if is_phone_query(text) else " ".join(text.split())
        if self.begin.api_filters is ApiFilters.TEXT:
            return text, None, []
        stage = self.request.stage[0] if len(self.request.stage) == 1 else None
        return text, stage, tags if filters.are_for_the_api(tags) else []
