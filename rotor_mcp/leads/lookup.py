"""Leads that were read in order to find somebody among them, and the requests that read them.

One person is looked up by id, phone, e-mail or name. For many it can be cheaper to read all of the company's
leads, in pages; of these only those are kept that somebody who is wanted could be.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import anyio

from rotor_mcp import parallel
from rotor_mcp.api.client import LeadsClient
from rotor_mcp.api.models import PAGE_LIMIT, Lead, Page
from rotor_mcp.concurrency import paced
from rotor_mcp.errors import FINAL_ERRORS, NotFound, Refused, RotorError
from rotor_mcp.leads.matching import Match, keys_of, resolve, resolve_by_name, wanted_keys
from rotor_mcp.leads.normalize import (
    caseless,
    email_forms,
    is_possible_phone,
    longer_phone_search,
    name_search,
    phone_search,
)
from rotor_mcp.leads.requests import UpsertLead

PLAN_TTL_SECONDS = 30.0
"""Seconds for which what was read may be planned with. A tool call does not last as long; an import does."""


MAX_REFRESH_PAGES = 5
"""Pages that are read to catch up with leads created meanwhile: 5,000 of them."""


class TooManyRequestsError(Exception):
    """What was asked for takes more requests than it may spend. Nothing was written."""

    def __init__(self, requests: int, limit: int, writes: int = 0) -> None:
        super().__init__(f"{requests} requests, {limit} allowed")
        self.requests = requests
        self.limit = limit
        self.writes = writes
        """How many of the requests would be writes, as far as that is known."""


@dataclass(frozen=True)
class Lookup:
    """Who is meant, and when that was so (as `anyio.current_time` tells it)."""

    found: Match
    asked_at: float
    """When it was asked who could be meant."""
    read_at: float
    """When the leads that are or could be meant were read, the oldest of them."""


async def find(wanted: UpsertLead, rotor: LeadsClient, region: str) -> Lookup:
    """Find out who is meant from a reading of its own: 1 request, or 2 with phone and e-mail.

    Raises:
        NotFound: if there is no lead with the id that was given.
        RotorError: if Rotor could not be asked or refused.
    """
    directory = LeadIndex([wanted], region)
    await directory.look_up(wanted, rotor)
    return directory.find(wanted)


class LeadIndex:
    """The leads that some people could be."""

    def __init__(self, wanted: Sequence[UpsertLead], region: str) -> None:
        """Begin with nothing read.

        Args:
            wanted: everybody who will be looked for.
            region: country of phones without a country code.
        """
        self._wanted = wanted
        self._region = region
        self._leads: dict[str, dict[str | int, Lead]] = {
            key: {} for one in wanted for key in wanted_keys(one, region)
        }
        """Key (an id, phone, e-mail or name that is looked for) → the leads that have it, by id."""
        self._keys: dict[str | None, list[str]] = {}
        """Id of a lead → the keys under which it stands."""
        self._read_at: dict[str | None, float] = {}
        """Id of a lead → when it was read."""
        self._asked_at: dict[str, float] = {}
        """Key → when Rotor was asked who has it."""
        self._all_at: float | None = None
        """When the newest of all leads were read, if all were."""
        self._newest: set[str | None] = set()
        """Their ids."""
        self._failed: dict[int, Exception] = {}
        """Identity of one that is wanted → why looking for it failed, where others are not concerned."""
        self._first_page: tuple[float, bool] | None = None
        """When the newest leads were read for their names, and whether there are no others."""
        self._catching_up = anyio.Lock()
        self._reading_first_page = anyio.Lock()

    def find(self, wanted: UpsertLead) -> Lookup:
        """Find out who is meant, among the leads that were read.

        Raises:
            NotFound: if there is no lead with the id that was given.
            Exception: what looking for this one alone failed with, such as `Refused`.
        """
        if failure := self._failed.get(id(wanted)):
            raise failure
        having = {key.partition(" ")[0]: key for key in wanted_keys(wanted, self._region)}
        leads = {kind: _newest_first(self._leads[key].values()) for kind, key in having.items()}
        if wanted.id:
            if not leads["id"]:
                raise NotFound("no lead has this id", 404)
            found = Match(leads["id"][0], "id")
        elif wanted.phone or wanted.email:
            found = resolve(leads.get("phone", ()), leads.get("email", ()), wanted.name)
        else:
            found = resolve_by_name(leads["name"], wanted.name or "")
        asked_at = min(max(self._asked_at.get(key, 0.0), self._all_at or 0.0) for key in having.values())
        read_at = [self._read_at[lead.id] for lead in (found.lead, *found.alternatives) if lead]
        return Lookup(found, asked_at, min(read_at, default=asked_at))

    async def read(self, rotor: LeadsClient, limit: int) -> None:
        """Read what it takes to find everybody, in the fewest requests.

        An id that nobody has is no error here, but when it is looked for.

        Args:
            rotor: to ask.
            limit: requests that it may take.

        Raises:
            TooManyRequestsError: if it would take more.
            RotorError: if Rotor could not be asked or refused.
        """
        singly = sum(map(_requests_for, self._wanted)) + any(map(_is_name_alone, self._wanted))
        # How many pages there are is said on the first.
        if singly > 2 and await self._read_all(rotor, at_most=singly, limit=limit):
            return
        if rotor.requests + singly > limit:
            raise TooManyRequestsError(rotor.requests + singly, limit)

        async def look_up(one: UpsertLead) -> None:
            try:
                await self.look_up(one, rotor)
            except NotFound:
                pass
            except FINAL_ERRORS:
                raise
            except Exception as exc:
                if isinstance(exc, RotorError) and not isinstance(exc, Refused):
                    raise
                self._failed[id(one)] = exc

        await parallel.each(self._wanted, look_up)

    async def look_up(self, wanted: UpsertLead, rotor: LeadsClient) -> None:
        """Ask Rotor for the leads with an id; or a phone and, unless that settles it, an e-mail; or a name.

        Raises:
            NotFound: if there is no lead with the id.
            RotorError: if Rotor could not be asked or refused.
        """
        began = anyio.current_time()
        keys = wanted_keys(wanted, self._region)
        if wanted.id:
            await self._add([await rotor.get_lead(wanted.id)], began)
        elif wanted.phone or wanted.email:
            if wanted.phone and is_possible_phone(wanted.phone, self._region):
                await self._add(await _with_phone(wanted.phone, rotor, self._region), began)
            if wanted.email and not self._is_settled(wanted):
                await self._add(await _with_text(wanted.email, rotor), began)
        else:
            began = await self._look_up_name(wanted.name or "", rotor)
        self._asked_at |= dict.fromkeys(keys, began)

    async def _look_up_name(self, name: str, rotor: LeadsClient) -> float:
        """Read the leads that may have a name; return when.

        How Rotor compares names is not documented. So the names of the newest leads, 1,000 or all there are,
        are compared here: 1 request for all names. Only older leads are found by Rotor's own search.
        """
        async with self._reading_first_page:
            if self._first_page is None:
                began = anyio.current_time()
                page = await _page(1, rotor)
                await self._add(page.leads, began)
                self._first_page = began, not page.has_more
        read_at, is_all = self._first_page
        if not is_all:
            await self._add(await _with_text(name_search(name), rotor), anyio.current_time())
        return read_at

    def _is_settled(self, wanted: UpsertLead) -> bool:
        """Whether one lead has the phone, and the e-mail too: then it does not matter who else has that."""
        if not wanted.phone or not is_possible_phone(wanted.phone, self._region):
            return False
        with_phone = list(self._leads[wanted_keys(wanted, self._region)[0]].values())
        if len(with_phone) != 1 or with_phone[0].archived:  # somebody not archived would come first
            return False
        return caseless(wanted.email or "") in email_forms(with_phone[0].email or "")

    async def _read_all(self, rotor: LeadsClient, *, at_most: int, limit: int) -> bool:
        """Read all leads, archived ones too, unless it takes more than so many requests.

        Pages are read a few at a time. A lead created meanwhile pushes all others back, so that one may slip
        from a page not yet read to one that was read before. Then Rotor counts fewer leads on that page than
        on the one before it, and the page is read again.
        """
        began = anyio.current_time()
        first = await _page(1, rotor)
        await self._add(first.leads, began)
        if first.total is None and first.has_more:
            return False
        pages = -(-(first.total or 0) // PAGE_LIMIT)
        if pages > at_most:
            return False
        needed = rotor.requests + pages - 1
        if needed > limit:
            raise TooManyRequestsError(needed, limit)
        read = {1: first}

        async def read_page(number: int) -> None:
            read[number] = await _page(number, rotor)
            await self._add(read[number].leads, began)

        await parallel.each(range(2, pages + 1), read_page)
        number = 1
        while read[number].has_more:
            number += 1
            if number not in read or (read[number].total or 0) < (read[number - 1].total or 0):
                if rotor.requests >= limit:  # whatever Rotor says of how many leads there are
                    raise TooManyRequestsError(rotor.requests + 1, limit)
                await read_page(number)
        self._all_at, self._newest = began, {lead.id for lead in first.leads}
        return True

    async def refresh(self, rotor: LeadsClient) -> None:
        """If all leads were read and that will soon be too long ago, read those created since: 1 request.

        Who changed in between is not seen by this: a lead that was read too long ago has to be read again.

        Raises:
            RotorError: if Rotor could not be asked or refused.
        """
        async with self._catching_up:
            began = anyio.current_time()
            if self._all_at is None or began - self._all_at < PLAN_TTL_SECONDS * 2 / 3:
                return
            known, newest = self._newest, set[str | None]()
            number, more = 0, True
            while more and number < MAX_REFRESH_PAGES:
                number += 1
                page = await _page(number, rotor)
                await self._add(page.leads, began)
                newest |= {lead.id for lead in page.leads}
                more = page.has_more and known.isdisjoint(newest)
            self._all_at, self._newest = began, newest

    async def _add(self, leads: Sequence[Lead], read_at: float) -> None:
        """Keep those leads that could be meant, each as it was read last."""
        async for lead in paced(leads):
            if lead.id:
                for key in self._keys.pop(lead.id, ()):
                    self._leads[key].pop(lead.id, None)
            keys = [key for key in keys_of(lead, self._region) if key in self._leads]
            for key in keys:
                self._leads[key][lead.id or id(lead)] = lead
            if keys:
                self._keys[lead.id] = keys
                self._read_at[lead.id] = read_at


def _requests_for(wanted: UpsertLead) -> int:
    """How many requests it takes to look somebody up, at most."""
    return 2 if wanted.phone and wanted.email and not wanted.id else 1


def _is_name_alone(wanted: UpsertLead) -> bool:
    return not (wanted.id or wanted.phone or wanted.email)


def _newest_first(leads: Iterable[Lead]) -> list[Lead]:
    """Sort as Rotor lists them, whatever they were read by: what was shown then fits what is read now."""
    return sorted(leads, key=lambda lead: (lead.created_at or "", lead.id or ""), reverse=True)


async def _with_phone(phone: str, rotor: LeadsClient, region: str) -> list[Lead]:
    """Read the leads that may have a phone. If two digits find more than a page, four are searched for."""
    text, longer = phone_search(phone, region), longer_phone_search(phone, region)
    page = await rotor.list_leads(search=text, archived=True, limit=PAGE_LIMIT)
    return page.leads + (await _with_text(longer, rotor) if page.has_more and longer != text else [])


async def _with_text(text: str, rotor: LeadsClient) -> list[Lead]:
    return (await rotor.list_leads(search=text, archived=True, limit=PAGE_LIMIT)).leads


async def _page(number: int, rotor: LeadsClient) -> Page:
    return await rotor.list_leads(archived=True, limit=PAGE_LIMIT, page=number)
