"""Looks up the leads that requests refer to.

One person is looked up by id, phone, e-mail or name. For many it can be cheaper to read all of the company's
leads, in pages; of these only those are kept that a request could mean. `LeadIndex` holds the leads and sends
nothing; `LeadLoader` sends the requests.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import anyio

from rotor_mcp.api.client import LeadsClient
from rotor_mcp.api.models import PAGE_LIMIT, Lead, Page
from rotor_mcp.concurrency import for_each, paced
from rotor_mcp.errors import FINAL_ERRORS, NotFound, Refused, RotorError, TooManyRequests
from rotor_mcp.leads.matching import Match, lead_keys, request_keys, resolve, resolve_by_name
from rotor_mcp.leads.phones import parse_phones
from rotor_mcp.leads.requests import UpsertRequest
from rotor_mcp.normalize import caseless, email_forms, name_search
from rotor_mcp.state.known_behavior import KnownBehavior

PLAN_TTL_SECONDS = 30.0
"""Seconds for which a read may be used for a plan. A tool call is shorter; an import is longer."""
MAX_REFRESH_PAGES = 5
"""Pages that are read to catch up with leads created meanwhile: 5,000 of them."""


@dataclass(frozen=True)
class Lookup:
    """The lead that a request means, and when that was so, by `anyio.current_time`."""

    match: Match
    asked_at: float
    """When Rotor was asked which leads could be meant."""
    read_at: float
    """When the leads that are or could be meant were read, the oldest of them."""


async def look_up(
    request: UpsertRequest, api: LeadsClient, region: str, known: KnownBehavior | None = None
) -> Lookup:
    """Look up the lead that a request means: 1 request, or 2 at once with phone and e-mail.

    A Rotor that is known to search for the beginnings of words takes 2 more for a phone.

    Raises:
        NotFound: if no lead has the id that was given.
        RotorError: if Rotor could not be asked or refused.
    """
    keys = request_keys(request, region)
    index = LeadIndex([keys], region)
    await LeadLoader(index, api, known or KnownBehavior()).look_up(request, keys, at_once=True)
    return index.match(request, keys)


class Wanted(Protocol):
    """A request whose lead is looked up."""

    @property
    def keys(self) -> Sequence[str]:
        """Its keys, as `request_keys` returns them."""

    @property
    def request(self) -> UpsertRequest:
        """The request. It may be read anew each time."""


class LeadIndex:
    """The leads that some requests could mean, by the keys that the requests look for."""

    def __init__(self, keys_of_all: Iterable[Sequence[str]], region: str) -> None:
        """Begin without leads.

        Args:
            keys_of_all: the keys of each request.
            region: country (ISO 3166) of phones without a country code.
        """
        self.region = region
        self._keys = {key for keys in keys_of_all for key in keys}
        self._kinds = {key.partition(" ")[0] for key in self._keys}
        self._leads: dict[str, dict[str | int, Lead]] = {}
        """Key → the leads that have it, by id."""
        self._keys_of: dict[str | None, list[str]] = {}
        """Id of a lead → the keys under which it is held."""
        self.read_at: dict[str | None, float] = {}
        """Id of a lead → when it was read."""
        self.asked_at: dict[str, float] = {}
        """Key → when Rotor was asked which leads have it."""
        self.all_read_at = 0.0
        """When all leads of the company were read, if they were."""
        self._failures: dict[tuple[str, ...], Exception] = {}
        """Keys of a request → why it could not be looked up."""

    def add(self, lead: Lead, read_at: float) -> None:
        """Hold a lead if a request could mean it, in the place of an older read of it."""
        if lead.id:
            for key in self._keys_of.pop(lead.id, ()):
                self._leads[key].pop(lead.id, None)
        keys = [key for key in lead_keys(lead, self.region, self._kinds) if key in self._keys]
        for key in keys:
            self._leads.setdefault(key, {})[lead.id or id(lead)] = lead
        if keys:
            self._keys_of[lead.id] = keys
            self.read_at[lead.id] = read_at

    def fail(self, keys: Sequence[str], failure: Exception) -> None:
        """Record why the look-up of the request with these keys failed. Other requests are not affected."""
        self._failures[tuple(keys)] = failure

    def match(self, request: UpsertRequest, keys: Sequence[str]) -> Lookup:
        """Return the lead that a request with these keys means, among those that are held.

        Requests that were combined meanwhile have keys of theirs together.

        Raises:
            NotFound: if no lead has the id that was given.
            Exception: the failure of this request's own look-up, such as `Refused`.
        """
        if failure := self._failures.get(tuple(keys)):
            raise failure
        # In Rotor's own order, however they were read: a plan shown before fits the same leads read again.
        leads = {
            key.partition(" ")[0]: sorted(
                self._leads.get(key, {}).values(),
                key=lambda lead: (lead.created_at or "", lead.id or ""),
                reverse=True,
            )
            for key in keys
        }
        if request.id:
            if not leads["id"]:
                raise NotFound("no lead has this id", 404)
            match = Match(leads["id"][0], "id")
        elif request.phone or request.email:
            match = resolve(leads.get("phone", ()), leads.get("email", ()), request.name)
        else:
            match = resolve_by_name(leads["name"], request.name or "")
        asked_at = min(max(self.asked_at.get(key, 0.0), self.all_read_at) for key in keys)
        read_at = [self.read_at[lead.id] for lead in (match.lead, *match.alternatives) if lead]
        return Lookup(match, asked_at, min(read_at, default=asked_at))

    def is_settled(self, request: UpsertRequest, keys: Sequence[str]) -> bool:
        """Whether one lead has both phone and e-mail: then other leads with the e-mail do not matter."""
        with_phone = [
            lead for key in keys if key.startswith("phone ") for lead in self._leads.get(key, {}).values()
        ]
        if len(with_phone) != 1 or with_phone[0].archived:  # a lead that is not archived would come first
            return False
        return caseless(request.email or "") in email_forms(with_phone[0].email or "")


@dataclass
class LeadLoader:
    """Reads the leads of an index from Rotor."""

    index: LeadIndex
    api: LeadsClient
    known: KnownBehavior = field(default_factory=KnownBehavior)
    _first_page: tuple[float, bool] | None = None
    """When the newest leads were read for their names, and whether there are no others."""
    _all_read_at: float | None = None
    """When the newest of all leads were read, if all were."""
    _newest: set[str | None] = field(default_factory=set)
    """The ids of the newest leads, if all leads were read."""
    _refreshing: anyio.Lock = field(default_factory=anyio.Lock)
    _reading_first_page: anyio.Lock = field(default_factory=anyio.Lock)

    async def look_up(self, request: UpsertRequest, keys: Sequence[str], *, at_once: bool = False) -> None:
        """Read the leads with an id; or a phone and, unless that settles it, an e-mail; or a name.

        With `at_once`, the e-mail is searched for while the phone is: a caller waits less, and a request is
        lost if the phone settles it.

        Raises:
            NotFound: if no lead has the id.
            RotorError: if Rotor could not be asked or refused.
        """
        began, index = anyio.current_time(), self.index
        if request.id:
            index.add(await self.api.get_lead(request.id), began)
        elif at_once and request.phone and request.email:
            searches: list[Callable[[float], Awaitable[object]]]
            searches = [partial(self._search_phone, request), partial(self._search, request.email)]
            await for_each(searches, lambda search: search(began))
        elif request.phone or request.email:
            await self._search_phone(request, began)
            if request.email and not index.is_settled(request, keys):
                await self._search(request.email, began)
        else:
            began = await self._look_up_name(request.name or "")
        async for lead in paced(self.api.written.all()):  # a search may not show them yet
            if lead.id not in index.read_at:
                index.add(lead, began)
        index.asked_at |= dict.fromkeys(keys, began)

    async def read_for_all(self, wanted: Sequence[Wanted], limit: int) -> None:
        """Read what it takes to match all that are wanted, in the fewest requests.

        An id that no lead has is an error only when its request is matched.

        Raises:
            TooManyRequests: if it would take more.
            RotorError: if Rotor could not be asked or refused.
        """
        # A search for each phone and e-mail; for names, one reading of the newest leads as well.
        singly = sum(len(one.keys) for one in wanted) + any(one.keys[0].startswith("name ") for one in wanted)
        # Only the first page tells how many pages there are.
        if singly > 2 and await self._read_all(at_most=singly, limit=limit):
            return
        if self.api.requests + singly > limit:
            raise TooManyRequests(self.api.requests + singly, limit)

        async def read(one: Wanted) -> None:
            try:
                await self.look_up(one.request, one.keys)
            except NotFound:
                pass
            except FINAL_ERRORS:
                raise
            except Exception as exc:
                if isinstance(exc, RotorError) and not isinstance(exc, Refused):
                    raise
                self.index.fail(one.keys, exc)

        await for_each(wanted, read)

    async def refresh(self) -> None:
        """If all leads were read and that read will soon expire, read those created since: 1 request.

        A lead that was changed in between is not seen by this: one that was read too long ago has to be read
        again.

        Raises:
            RotorError: if Rotor could not be asked or refused.
        """
        async with self._refreshing:
            began = anyio.current_time()
            if self._all_read_at is None or began - self._all_read_at < PLAN_TTL_SECONDS * 2 / 3:
                return
            known, newest = self._newest, set[str | None]()
            number, more = 0, True
            while more and number < MAX_REFRESH_PAGES:
                number += 1
                page = await self._page(number, began)
                newest |= {lead.id for lead in page.leads}
                more = page.has_more and known.isdisjoint(newest)
            self._note_all_read(began, newest)

    async def _read_all(self, *, at_most: int, limit: int) -> bool:
        """Read all leads, archived ones too, unless it takes more than so many requests.

        Pages are read a few at a time. A lead created meanwhile pushes all others back, so that one may slip
        from a page not yet read to one that was read before. Then Rotor counts fewer leads on that page than
        on the one before it, and the page is read again.
        """
        began = anyio.current_time()
        first = await self._page(1, began)
        if first.total is None and first.has_more:
            return False
        pages = -(-(first.total or 0) // PAGE_LIMIT)
        if pages > at_most:
            return False
        needed = self.api.requests + pages - 1
        if needed > limit:
            raise TooManyRequests(needed, limit)
        # Without their leads, most of which nobody wants.
        read = {1: (first.total or 0, first.has_more)}

        async def read_page(number: int) -> None:
            page = await self._page(number, began)
            read[number] = page.total or 0, page.has_more

        await for_each(range(2, pages + 1), read_page)
        number = 1
        while read[number][1]:
            number += 1
            if number not in read or read[number][0] < read[number - 1][0]:
                if self.api.requests >= limit:  # whatever Rotor says of how many leads there are
                    raise TooManyRequests(self.api.requests + 1, limit)
                await read_page(number)
        async for lead in paced(self.api.written.all()):
            if lead.id not in self.index.read_at:
                self.index.add(lead, began)
        self._note_all_read(began, {lead.id for lead in first.leads})
        return True

    def _note_all_read(self, at: float, newest: set[str | None]) -> None:
        self._all_read_at, self._newest = at, newest
        self.index.all_read_at = at

    async def _look_up_name(self, name: str) -> float:
        """Read the leads that may have a name; return when.

        Rotor does not document how it compares names. So the names of the newest leads, 1,000 or all there
        are, are compared here: 1 request for all names. Only older leads are found by Rotor's own search.
        """
        async with self._reading_first_page:
            if self._first_page is None:
                began = anyio.current_time()
                self._first_page = began, not (await self._page(1, began)).has_more
        read_at, is_all = self._first_page
        if not is_all:
            await self._search(name_search(name), anyio.current_time())
        return read_at

    async def _search_phone(self, request: UpsertRequest, began: float) -> None:
        phone = parse_phones(request.phone, self.index.region) if request.phone else None
        if phone is not None and phone.forms and self.known.search == "word_beginnings":
            await for_each(phone.beginnings, lambda text: self._search(text, began))
        elif phone is not None and phone.forms:
            # If two digits find more than a page, four are searched for.
            more = await self._search(phone.search, began)
            if more and phone.longer_search != phone.search:
                await self._search(phone.longer_search, began)

    async def _search(self, text: str, began: float) -> bool:
        """Read the leads that Rotor finds by a text. Returns whether there are more than a page of them."""
        page = await self.api.list_leads(search=text, archived=True, limit=PAGE_LIMIT)
        async for lead in paced(page.leads):
            self.index.add(lead, began)
        return page.has_more

    async def _page(self, number: int, began: float) -> Page:
        page = await self.api.list_leads(archived=True, limit=PAGE_LIMIT, page=number)
        async for lead in paced(page.leads):
            self.index.add(lead, began)
        return page
