"""Pages of leads that searches read recently, so that a refined search needs no second request.

Only searches use them. A write is always planned from a fresh read, and invalidates all pages.
"""

import itertools
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import anyio

from rotor_mcp.api.models import Page

MAX_CACHED_BYTES = 64_000_000
"""Bytes of the cached pages of all companies of a process."""
_BYTES_IN_MEMORY = 2
"""Bytes in memory for one of an answer; as measured, if no leads have texts in common."""

CacheGeneration = int | str
"""Identifies the interval between two writes in which a page was read."""


@dataclass(frozen=True)
class CachedPage:
    """The result of a look into the cache."""

    page: Page | None
    at: float
    """When it was read, by `anyio.current_time`."""
    generation: CacheGeneration
    """For a page that is read from now on."""


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
        """Estimated bytes of all of them."""

    def owner(self) -> int:
        """Return a new owner of pages."""
        return next(self._owners)

    def find(self, owner: int, query: str) -> tuple[float, Page | None]:
        """Return when a page was read, and the page; None if it is not cached."""
        stored = self._pages.get((owner, query))
        return (stored.at, stored.page) if stored else (-math.inf, None)

    def keep(self, owner: int, query: str, page: Page, seconds: float) -> None:
        """Cache a page, and drop those that are older than so many seconds, or too many.

        It stays for those who wait for it even if nothing is to be cached.
        """
        now = anyio.current_time()
        self._drop((owner, query))
        stored = self._pages[owner, query] = _Stored(page, now, max(page.size, 1) * _BYTES_IN_MEMORY)
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


@dataclass
class _Fetch:
    lock: anyio.Lock = field(default_factory=anyio.Lock)
    waiting: int = 0


class SearchCache:
    """Pages of leads read recently by searches of one company, within one process."""

    def __init__(self, seconds: float, pages: BoundedPages | None = None) -> None:
        """Create a cache that uses a page for so many seconds; 0 caches nothing."""
        self.seconds = seconds
        self._pages = pages or BoundedPages()
        self._owner = self._pages.owner()
        self._writes = 0
        self._fetches: dict[str, _Fetch] = {}

    async def get_or_fetch(
        self, query: str, fetch: Callable[[], Awaitable[Page]], *, fresh: bool = False
    ) -> tuple[Page, float]:
        """Return a page, and how many seconds before this call it was read; 0 if it was read by this call.

        Calls that ask for one page at the same time share one request. If a `fresh` page is wanted, one that
        was read before this call does not do.
        """
        asked = anyio.current_time()
        shared = self._fetches.setdefault(query, _Fetch())
        shared.waiting += 1
        try:
            async with shared.lock:
                found = await self.find(query)
                recent = not fresh and anyio.current_time() - found.at < self.seconds
                if found.page is not None and (recent or found.at >= asked):
                    return found.page, max(asked - found.at, 0.0)
                page = await fetch()
                await self.keep(query, page, found.generation)
                return page, 0.0
        finally:
            shared.waiting -= 1
            if not shared.waiting:
                del self._fetches[query]

    async def find(self, query: str) -> CachedPage:
        """Look for a page, whatever its age."""
        at, page = self._pages.find(self._owner, query)
        return CachedPage(page, at, self._writes)

    async def keep(self, query: str, page: Page, generation: CacheGeneration) -> None:
        """Cache a page, unless something was written since it was looked for."""
        if generation == self._writes:
            self._pages.keep(self._owner, query, page, self.seconds)

    async def invalidate(self) -> None:
        """Drop all pages, because something is being written, and cache no page whose reading has begun."""
        self._writes += 1
        if self._pages.size:
            self._pages.drop_all(self._owner)
