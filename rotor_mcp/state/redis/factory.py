"""Creates the state of tenants that servers share through Redis: locks, search cache, short ids, counter.

Each class extends its counterpart in `state/`. While Redis is unavailable, only the counterpart works, within
each server: two servers can then write to the same person at once, and results of writes say so. If Redis is
required, nothing is written before it could be used once.

Only servers with a Redis URL import this package, which needs the extra `redis`.
"""

import asyncio

from pydantic import SecretStr

from rotor_mcp.dates import Clock, utc_now
from rotor_mcp.state.redis.connection import RedisCacheConnection, RedisConnection, RedisFault
from rotor_mcp.state.redis.fenced_locks import RedisLocks
from rotor_mcp.state.redis.key_names import KeyNames
from rotor_mcp.state.redis.keyed_locks import RedisKeyedLocks
from rotor_mcp.state.redis.request_counter import RedisBudget, RedisRequestCounter
from rotor_mcp.state.redis.search_cache import RedisSearchCache
from rotor_mcp.state.redis.shown_ids import RedisShownIds
from rotor_mcp.state.request_counter import Budget
from rotor_mcp.state.search_cache import SearchCache
from rotor_mcp.state.tenant_state import StateFactory, StateHealth, TenantState


class RedisStateFactory(StateFactory):
    """Creates the state of tenants, shared by all servers with the same Redis."""

    def __init__(
        self, url: SecretStr, search_memory: float, clock: Clock = utc_now, *, required: bool = False
    ) -> None:
        """Create a factory without connecting; the first call or `start` does.

        Raises:
            ValueError: if the URL has unknown options.
        """
        super().__init__(search_memory, clock)
        self._connection = RedisConnection(url.get_secret_value(), required=required)
        self._cache = RedisCacheConnection(self._connection)
        self._locks = RedisLocks(self._connection)
        self._checking: asyncio.Task[RedisFault | None] | None = None

    def for_key(self, key: str | None) -> TenantState:
        """Create the state of calls with a Rotor key. Returns a new instance on each call."""
        if key is None:  # no requests are possible, so nothing is shared
            return super().for_key(key)
        names, seconds = KeyNames(key), self._search_memory
        return TenantState(
            search_cache=(
                RedisSearchCache(seconds, self._pages, names, self._cache) if seconds else SearchCache(0)
            ),
            shown_ids=RedisShownIds(names, self._cache),
            locks=RedisKeyedLocks(names, self._locks),
            request_counter=RedisRequestCounter(names, self._connection, self._clock),
        )

    def budget(self, caller: str) -> Budget:
        """Create the count of what one caller spends on all servers."""
        return RedisBudget(KeyNames(f"caller {caller}"), self._connection, self._clock)

    def start(self) -> None:
        """Check Redis in the background, and log its faults."""
        self._checking = asyncio.create_task(self._connection.check())

    async def check(self) -> StateHealth:
        """Check whether Redis can be used."""
        fault = await self._connection.check()
        return StateHealth(fault.reason if fault else None, self._connection.is_ready)

    async def aclose(self) -> None:
        """Close the connections. Locks that are still held expire."""
        if self._checking is not None:
            await self._checking
        await self._locks.aclose()
        await self._connection.aclose()
