"""What this server knows of one company between calls. None of it decides what is written."""

import itertools
import math
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import anyio

from rotor_mcp.api.hooks import ApiHooks
from rotor_mcp.api.models import Lead, Page
from rotor_mcp.errors import NotSent
from rotor_mcp.state.vocabulary import Vocabulary

MAX_RELEASED_KEYS = 2_000
"""Keys of which is kept when they were last held. In the length of a call there are far fewer."""
MAX_CACHED_BYTES = 64_000_000
"""Of the pages that searches of all companies of a process remember."""
_LEAD_BYTES = 1_100
"""Of a lead, beside the values of its fields; as measured."""


@dataclass
class _Turn:
    lock: anyio.Lock = field(default_factory=anyio.Lock)
    wanted: int = 0


class KeyedLocks:
    """Calls for the same person wait for each other; calls for different people do not."""

    def __init__(self) -> None:
        self._turns: dict[str, _Turn] = {}
        self._left: dict[str, float] = {}

    @asynccontextmanager
    async def hold(self, keys: Iterable[str], patience: float) -> AsyncIterator[float]:
        """Wait until nobody else holds any of these keys, and hold them.

        Yields when somebody last held one of them (as `anyio.current_time` tells it): what was read before
        that may have changed. Whoever holds keys and wants more takes them in one order, contacts before
        ids: so nobody waits for somebody who waits for him.

        Raises:
            NotSent: if that took longer than `patience` seconds.
        """
        wanted = sorted(keys)
        until = anyio.current_time() + patience
        async with AsyncExitStack() as held:
            for key in wanted:
                turn = self._turns.setdefault(key, _Turn())
                turn.wanted += 1
                held.callback(self._leave, key)
                with anyio.move_on_after(until - anyio.current_time()) as waiting:
                    await held.enter_async_context(turn.lock)
                    held.callback(self._note, key)
                if waiting.cancelled_caught:
                    raise NotSent("other calls for the same person took all the time of this one")
            yield max((self._left.get(key, -math.inf) for key in wanted), default=-math.inf)

    async def check(self) -> None:
        """Make sure that a write may begin. Within one process it may.

        Raises:
            Uncoordinated: if it may not.
        """

    async def verify(self) -> str | None:
        """Make sure that the turns that this task holds are still its own. Within one process they are.

        Returns why other servers could not be asked, if they could not; a clause about Redis.

        Raises:
            LockLost: if they are not.
        """
        return None

    def _leave(self, key: str) -> None:
        turn = self._turns[key]
        turn.wanted -= 1
        if not turn.wanted:
            del self._turns[key]

    def _note(self, key: str) -> None:
        self._left.pop(key, None)
        self._left[key] = anyio.current_time()
        if len(self._left) > MAX_RELEASED_KEYS:
            del self._left[next(iter(self._left))]


CacheGeneration = int | str
"""Says between which two writes something was read."""


@dataclass(frozen=True)
class CachedPage:
    """What lies on a shelf."""

    page: Page | None
    at: float
    """When it was read (as `anyio.current_time` tells it)."""
    mark: CacheGeneration
    """For what is read from now on."""


@dataclass(frozen=True)
class _Stored:
    page: Page
    at: float
    size: int


class BoundedPages:
    """Pages of leads of all companies of a process. Beyond a number of bytes the oldest are dropped."""

    def __init__(self, max_bytes: int = MAX_CACHED_BYTES) -> None:
        self._max_bytes = max_bytes
        self._pages: dict[tuple[int, str], _Stored] = {}
        """By owner and query, the oldest first."""
        self._owners = itertools.count()
        self.size = 0
        """Bytes that all of them take, about."""

    def owner(self) -> int:
        """Return a new owner of pages."""
        return next(self._owners)

    def find(self, owner: int, query: str) -> tuple[float, Page | None]:
        """Return when a page was read, and the page; None if it is not there."""
        stored = self._pages.get((owner, query))
        return (stored.at, stored.page) if stored else (-math.inf, None)

    def keep(self, owner: int, query: str, page: Page, seconds: float) -> None:
        """Put a page there, and drop those that are older than so many seconds, or too many.

        It stays for those who wait for it even if nothing is to be remembered.
        """
        now = anyio.current_time()
        self._drop((owner, query))
        stored = self._pages[owner, query] = _Stored(page, now, _memory_of(page))
        self.size += stored.size
        while self._pages:
            oldest, held = next(iter(self._pages.items()))
            fresh = held is stored or now - held.at < seconds
            if fresh and self.size <= self._max_bytes:
                return
            self._drop(oldest)

    def drop_all(self, owner: int) -> None:
        """Drop all pages of an owner."""
        for key in [key for key in self._pages if key[0] == owner]:
            self._drop(key)

    def _drop(self, key: tuple[int, str]) -> None:
        if stored := self._pages.pop(key, None):
            self.size -= stored.size


def _memory_of(page: Page) -> int:
    """Estimate how many bytes a page takes in this process."""
    return sum(
        _LEAD_BYTES + sum(map(sys.getsizeof, vars(lead).values())) + sum(map(sys.getsizeof, lead.tags or ()))
        for lead in page.leads
    )


class PageStore:
    """Where pages of leads lie for a while, each under what was asked for."""

    def __init__(self, seconds: float, store: BoundedPages) -> None:
        self._seconds = seconds
        self._store = store
        self._owner = store.owner()
        self._writes = 0

    async def find(self, query: str) -> CachedPage:
        """Look for a page, whatever its age."""
        at, page = self._store.find(self._owner, query)
        return CachedPage(page, at, self._writes)

    async def keep(self, query: str, page: Page, mark: CacheGeneration) -> None:
        """Put a page there, unless something was written since it was looked for."""
        if mark == self._writes:
            self._store.keep(self._owner, query, page, self._seconds)

    async def clear(self) -> None:
        """Take everything away, and keep nothing of what is being read now."""
        self._writes += 1
        self._store.drop_all(self._owner)


class SearchCache:
    """Pages of leads read lately, so that a question asked more precisely costs no second reading.

    Only searches remember. A write is always planned from a fresh read, and makes everything here forgotten.
    """

    def __init__(self, seconds: float, shelf: PageStore | None = None) -> None:
        self._seconds = seconds
        self._shelf = shelf or PageStore(seconds, BoundedPages())
        self._reading: dict[str, _Turn] = {}

    @property
    def lasts(self) -> bool:
        """Whether anything is remembered."""
        return self._seconds > 0

    async def get_or_fetch(self, query: str, read: Callable[[], Awaitable[Page]]) -> tuple[Page, float]:
        """Return a page, and how many seconds before this call it was read: 0 if not before.

        Whoever asks for the same at the same time waits for one reading.

        Args:
            query: what is asked for, in one form.
            read: asks Rotor.
        """
        asked = anyio.current_time()
        turn = self._reading.setdefault(query, _Turn())
        turn.wanted += 1
        try:
            async with turn.lock:
                found = await self._shelf.find(query)
                fresh = found.at >= asked or anyio.current_time() - found.at < self._seconds
                if found.page is not None and fresh:
                    return found.page, max(asked - found.at, 0.0)
                page = await read()
                await self._shelf.keep(query, page, found.mark)
                return page, 0.0
        finally:
            turn.wanted -= 1
            if not turn.wanted:
                del self._reading[query]

    async def invalidate(self) -> None:
        """Something is being written: nothing read until now can be relied on."""
        await self._shelf.clear()


def utc_day() -> date:
    """The day by which requests are counted. When Rotor's own day begins is not documented."""
    return datetime.now(UTC).date()


class RequestCounter:
    """How many requests went out today with a company's key, by this server's own count."""

    def __init__(self, today: Callable[[], date] = utc_day) -> None:
        self._today = today
        self._day = today()
        self._count = 0

    async def add(self, requests: int = 1) -> None:
        """Count requests that went out."""
        self._turn_the_page()
        self._count += requests

    async def today(self) -> int:
        """Say how many there were today."""
        self._turn_the_page()
        return self._count

    @property
    def known(self) -> int:
        """How many of today this process knows of, without asking anybody."""
        return self._count if self._today() == self._day else 0

    def _turn_the_page(self) -> None:
        if (day := self._today()) != self._day:
            self._day, self._count = day, 0


class Budget(RequestCounter):
    """What one caller has spent today, and what its calls under way may spend yet.

    A call reserves before it begins and settles when it ends. It is granted its reservation if the limit is
    not reached even when all others spend all of theirs, or if there are no others. So all calls together go
    beyond a limit by less than what one of them spends.
    """

    def __init__(self, today: Callable[[], date] = utc_day) -> None:
        super().__init__(today)
        self._reserved: dict[str, int] = {}

    async def reserve(
        self,
        token: str,
        requests: int,
        limit: int,
        expiry: float,  # noqa: ARG002 - within a process every call is settled
    ) -> tuple[int, bool]:
        """Reserve requests for a call. Returns what was spent before, and whether the call may begin.

        Args:
            token: names the call.
            requests: that it may spend.
            limit: requests of a day.
            expiry: seconds after which a reservation ends that nobody settles, where it outlives a process.
        """
        spent = await self.today()
        granted = self._fits(spent, limit)
        if granted:
            self._reserved[token] = requests
        return spent, granted

    async def settle(self, token: str, spent: int) -> None:
        """Count what a call has spent, in the place of what it had reserved."""
        self._reserved.pop(token, None)
        await self.add(spent)

    def _fits(self, spent: int, limit: int) -> bool:
        return spent < limit and (not self._reserved or spent + sum(self._reserved.values()) < limit)


@dataclass(frozen=True)
class TenantState:
    """What calls for one company share."""

    search_cache: SearchCache
    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    locks: KeyedLocks = field(default_factory=KeyedLocks)
    request_counter: RequestCounter = field(default_factory=RequestCounter)

    def seen(self, lead: Lead) -> None:
        """Take note of a lead that was read."""
        self.vocabulary.learn(lead)

    async def spent(self) -> None:
        """Count a request."""
        await self.request_counter.add()

    async def before_write(self) -> str | None:
        """Forget what was read, and make sure that it is still this call's turn.

        Returns why other servers could not be asked, if they could not.

        Raises:
            LockLost: if it is not.
        """
        await self.search_cache.invalidate()
        return await self.locks.verify()

    async def after_write(self) -> None:
        """Forget what was read meanwhile."""
        await self.search_cache.invalidate()


@dataclass
class CallHooks(ApiHooks):
    """What one call does around its requests."""

    state: TenantState
    unshared: str | None = None
    """Why other servers could not be asked about a write of this call, if they could not."""

    def seen(self, lead: Lead) -> None:
        """Take note of a lead that was read."""
        self.state.seen(lead)

    async def spent(self) -> None:
        """Count a request."""
        await self.state.spent()

    async def before_write(self) -> None:
        """Forget what was read, and make sure that it is still this call's turn.

        Raises:
            LockLost: if it is not.
        """
        self.unshared = await self.state.before_write() or self.unshared

    async def after_write(self) -> None:
        """Forget what was read meanwhile."""
        await self.state.after_write()


@dataclass(frozen=True)
class StateHealth:
    """Whether what several servers share can be used."""

    trouble: str | None = None
    """What is wrong with Redis; a clause about it."""
    ready: bool = True
    """Whether this server may be sent requests all the same."""


class StateFactory:
    """Makes what calls for one company share; here, within this process."""

    def __init__(self, search_memory: float) -> None:
        self._search_memory = search_memory
        self._store = BoundedPages()

    def for_key(self, key: str | None) -> TenantState:  # noqa: ARG002 - who shares more has to tell companies apart
        """Begin with a company, for which this is the Rotor key. Whoever calls twice gets two."""
        seconds = self._search_memory
        return TenantState(SearchCache(seconds, PageStore(seconds, self._store)))

    def budget(self, caller: str) -> Budget:  # noqa: ARG002
        """Begin to count what one caller spends. Returns a new count with each call."""
        return Budget()

    def start(self) -> None:
        """Begin to find out whether what is shared can be used."""

    async def check(self) -> StateHealth:
        """Say whether what is shared can be used. Within a process it can."""
        return StateHealth()

    async def aclose(self) -> None:
        """Let go of what holds them together. With the next call it is there again."""
