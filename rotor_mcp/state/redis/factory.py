"""What servers share through Redis: whose turn it is, what searches read lately, and the count of requests.

Each part is the one of `company.py` with something more inside. If Redis cannot be asked, what is left is the
one of `company.py`: each server for itself, until Redis is back. Two servers can then write to the same
person at once, and results of writes say so. Where Redis is required, nothing is written before it could be
used for the first time.

This package is imported by servers that are told of a Redis, and by no others: it needs the extra `redis`.
"""

import asyncio
from typing import TYPE_CHECKING

from rotor_mcp.state.redis.connection import RedisCacheConnection, RedisConnection, RedisFault
from rotor_mcp.state.redis.key_names import KeyNames
from rotor_mcp.state.redis.keyed_locks import RedisKeyedLocks
from rotor_mcp.state.redis.locks import RedisLocks
from rotor_mcp.state.redis.request_counter import RedisBudget, RedisRequestCounter
from rotor_mcp.state.redis.search_cache import RedisSearchCache
from rotor_mcp.state.request_counter import Budget
from rotor_mcp.state.search_cache import SearchCache
from rotor_mcp.state.tenant_state import StateFactory, StateHealth, TenantState

if TYPE_CHECKING:
    from pydantic import SecretStr


class RedisStateFactory(StateFactory):
    """Makes what calls for one company share, on every server that has the same Redis."""

    def __init__(self, url: "SecretStr", search_memory: float, *, required: bool = False) -> None:
        """Begin without a connection: the first call makes it, or `start`.

        Raises:
            ValueError: if the address has options that do not exist.
        """
        super().__init__(search_memory)
        self._connection = RedisConnection(url.get_secret_value(), required=required)
        self._cache = RedisCacheConnection(self._connection)
        self._locks = RedisLocks(self._connection)
        self._checking: asyncio.Task[RedisFault | None] | None = None

    def for_key(self, key: str | None) -> TenantState:
        """Begin with a company, for which this is the Rotor key."""
        if key is None:  # without one nothing can be asked, and nothing is to be shared
            return super().for_key(key)
        names, seconds = KeyNames(key), self._search_memory
        return TenantState(
            search_cache=(
                RedisSearchCache(seconds, self._pages, names, self._cache) if seconds else SearchCache(0)
            ),
            locks=RedisKeyedLocks(names, self._locks),
            request_counter=RedisRequestCounter(names, self._connection),
        )

    def budget(self, caller: str) -> Budget:
        """Begin to count what one caller spends, on every server together."""
        return RedisBudget(KeyNames(f"caller {caller}"), self._connection)

    def start(self) -> None:
        """Check Redis in the background, and log what is wrong with it."""
        self._checking = asyncio.create_task(self._connection.check())

    async def check(self) -> StateHealth:
        """Say whether Redis can be used."""
        fault = await self._connection.check()
        return StateHealth(fault.reason if fault else None, self._connection.is_ready)

    async def aclose(self) -> None:
        """Close the connections. Locks that are still held end by themselves."""
        if self._checking is not None:
            await self._checking
        await self._locks.aclose()
        await self._connection.aclose()
