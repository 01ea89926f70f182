"""A search cache in Redis: pages of leads that searches on any server read recently.

A page expires in Redis when searches may no longer use it. Stored data is validated like a response of Rotor;
invalid data counts as not cached.
"""

import logging
import math
import secrets
import zlib
from contextlib import suppress
from typing import Any

import anyio
from pydantic import BaseModel, ValidationError
from redis.asyncio import Redis

from rotor_mcp.api.models import Page
from rotor_mcp.state.redis.connection import RedisCacheConnection, RedisUnavailable
from rotor_mcp.state.redis.key_names import KeyNames
from rotor_mcp.state.search_cache import BoundedPages, CachedPage, CacheGeneration, SearchCache

MAX_UNPACKED_BYTES = 5_000_000
"""Limit of a page. A thousand leads with the longest possible notes have a few million."""
MAX_PACKED_BYTES = 1_000_000
"""Limit of a compressed page. Every Redis accepts values of a mebibyte."""
MAX_COMPANY_BYTES = 16_000_000
"""Limit of all compressed pages of a company."""
MAX_COMPANY_PAGES = 500
MAX_MEMORY_SHARE = 0.5
"""Share of Redis's memory (maxmemory) above which no page is stored, so that locks have room."""
PAGE_TTL_SECONDS = 86_400
"""How long the mark of a write is kept: longer than any page is cached."""

# A sorted set holds the names of a company's pages by the time when they were stored.

_STORE = """
local page, pages = KEYS[1], KEYS[2]
local data, milliseconds, kept = ARGV[1], ARGV[2], ARGV[3]
local most_bytes, most_pages = tonumber(ARGV[4]), tonumber(ARGV[5])
local time = redis.call('time')
local bytes, count = #data, 1
for _, other in ipairs(redis.call('zrevrange', pages, 0, -1)) do
  local size = other == page and 0 or redis.call('strlen', other)
  bytes, count = bytes + size, count + 1
  if size == 0 or bytes > most_bytes or count > most_pages then
    redis.call('del', other)
    redis.call('zrem', pages, other)
  end
end
redis.call('set', page, data, 'px', milliseconds)
redis.call('zadd', pages, string.format('%.0f', time[1] * 1000000 + time[2]), page)
redis.call('expire', pages, kept)
"""

_INVALIDATE = """
local mark, pages = KEYS[1], KEYS[2]
for _, page in ipairs(redis.call('zrange', pages, 0, -1)) do redis.call('del', page) end
redis.call('del', pages)
redis.call('set', mark, ARGV[1], 'ex', ARGV[2])
"""

logger = logging.getLogger(__name__)


class _StoredPage(BaseModel):
    """A page as it is stored in Redis."""

    mark: str
    seconds: float
    """How long it was to be stored; with the remaining time to live, this gives its age."""
    page: Page


class RedisSearchCache(SearchCache):
    """A cache in Redis; while Redis is unavailable, in this process.

    Each write sets a new random mark, the generation, and a page is valid only with the mark that was set
    when its reading began. A mark that could not be set is set before the next use of the cache.
    """

    def __init__(
        self, seconds: float, store: BoundedPages, names: KeyNames, connection: RedisCacheConnection
    ) -> None:
        super().__init__(seconds, store)
        self._names = names
        self._connection = connection
        self._store_script, self._invalidate_script = (
            connection.script(_STORE),
            connection.script(_INVALIDATE),
        )
        self._mark_key, self._pages_key = names.of("mark"), names.of("pages")
        self._invalidation_pending = False

    async def find(self, query: str) -> CachedPage:
        """Look for a page, whatever its age."""
        name = self._names.of("page", query)

        async def look(redis: Redis) -> tuple[str, _StoredPage | None, int]:
            pipeline = redis.pipeline(transaction=True)
            pipeline.mget(self._mark_key, name)
            pipeline.pttl(name)
            (mark, data), milliseconds = await pipeline.execute()
            return (
                (mark or b"").decode("ascii", "replace"),
                _unpack(data) if data else None,
                int(milliseconds),
            )

        try:
            await self._send_pending_invalidation()
            current_mark, stored, milliseconds = await self._connection.execute(look)
        except RedisUnavailable:
            return await super().find(query)
        await super().invalidate()  # pages cached while Redis was unavailable
        found = CachedPage(None, 0.0, current_mark)
        if stored is None or stored.mark != found.generation or milliseconds <= 0:
            return found
        age = max(stored.seconds - milliseconds / 1e3, 0.0)
        return CachedPage(stored.page, anyio.current_time() - age, found.generation)

    async def keep(self, query: str, page: Page, generation: CacheGeneration) -> None:
        """Cache a page, unless something was written since it was looked for."""
        if not isinstance(generation, str):
            await super().keep(query, page, generation)
            return
        data = _pack(_StoredPage(mark=generation, seconds=self.seconds, page=page))
        if data is None:
            return
        names = [self._names.of("page", query), self._pages_key]
        milliseconds = round(self.seconds * 1e3)

        async def keep(redis: Redis) -> None:
            memory: dict[str, Any] = await redis.info("memory")
            if memory.get("used_memory", 0) + len(data) > MAX_MEMORY_SHARE * (
                memory.get("maxmemory") or math.inf
            ):
                logger.info(
                    "Redis is too full to keep what a search read", extra={"event": "redis_cache_full"}
                )
                return
            await self._store_script(
                names, [data, milliseconds, PAGE_TTL_SECONDS, MAX_COMPANY_BYTES, MAX_COMPANY_PAGES]
            )

        with suppress(RedisUnavailable):
            await self._send_pending_invalidation()
            await self._connection.execute(keep)

    async def invalidate(self) -> None:
        """Drop all pages on all servers, and cache no page whose reading has begun."""
        await super().invalidate()
        self._invalidation_pending = True
        with suppress(RedisUnavailable):
            await self._send_pending_invalidation()

    async def _send_pending_invalidation(self) -> None:
        if self._invalidation_pending:
            self._invalidation_pending = False
            try:
                arguments: list[str | float] = [secrets.token_hex(8), PAGE_TTL_SECONDS]
                await self._connection.execute(
                    lambda _: self._invalidate_script([self._mark_key, self._pages_key], arguments)
                )
            except RedisUnavailable:
                self._invalidation_pending = True
                raise


def _pack(stored: _StoredPage) -> bytes | None:
    """Compress a page; None if it is too large to be stored."""
    unpacked = stored.model_dump_json(exclude_defaults=True).encode()
    if len(unpacked) > MAX_UNPACKED_BYTES:
        return None
    packed = zlib.compress(unpacked, level=1)
    return packed if len(packed) <= MAX_PACKED_BYTES else None


def _unpack(data: bytes) -> _StoredPage | None:
    try:
        unpacking = zlib.decompressobj()
        text = unpacking.decompress(data, MAX_UNPACKED_BYTES)
        return _StoredPage.model_validate_json(text) if unpacking.eof else None
    except (zlib.error, ValidationError):
        return None
