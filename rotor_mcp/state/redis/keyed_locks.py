"""Mutual exclusion by key on all servers that share a Redis."""

import math
import random
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import anyio

from rotor_mcp.errors import NotSent, Uncoordinated
from rotor_mcp.state.keyed_locks import KeyedLocks, Lease
from rotor_mcp.state.redis.connection import RedisUnavailable
from rotor_mcp.state.redis.fenced_locks import RedisLock, RedisLocks
from rotor_mcp.state.redis.key_names import KeyNames

POLL_SECONDS = (0.02, 0.08)
"""Shortest and longest pause between two attempts to take a lock; random, to spread the load."""


@dataclass(kw_only=True)
class RedisLease(Lease):
    """Keys that are held in this process and in Redis.

    The locks are verified before each write, but Rotor does not know them. So a write that was sent before
    its process was suspended or its lock was lost may reach Rotor after a write of the next holder: one
    request for each lock that is lost so. While Redis is unavailable, the keys held in this process suffice.
    """

    shared: RedisLocks
    names: KeyNames
    taken: list[RedisLock] = field(default_factory=list)

    async def extend(self, keys: Iterable[str], deadline: float) -> float:
        """Wait until no other call on any server holds any of these keys, and hold them.

        Returns when another call last held one of them, by Redis's clock; at the latest possible time.
        """
        sorted_keys = sorted(keys)
        released_at = await super().extend(sorted_keys, deadline)
        for key in sorted_keys:
            lock = RedisLock.on(key, self.names)
            self.held.push_async_callback(self.shared.release, lock)
            self.taken.append(lock)
            released_at = max(released_at, await self._take(lock, deadline))
        return released_at

    async def verify(self) -> None:
        """Check that no other server has held one of the keys since this lease took it.

        Raises:
            LockLost: if a server has.
        """
        if not self.taken:
            return
        try:
            # Locks that were taken in Redis are always verified there; others only once Redis works again.
            await self.shared.renew(self.taken, ignore_pause=any(lock.fence for lock in self.taken))
        except RedisUnavailable as exc:
            self.fault = str(exc)
        else:
            fault = self.shared.connection.fault
            self.fault = fault.reason if fault and fault.usable else self.fault

    async def _take(self, lock: RedisLock, deadline: float) -> float:
        """Wait for a lock. Returns when another call last held it; -inf if Redis is unavailable."""
        while True:
            try:
                ago = await self.shared.take(lock)
            except RedisUnavailable:
                return -math.inf
            now = anyio.current_time()
            if ago is not None:
                return now - ago
            if now >= deadline:
                raise NotSent("other calls for the same person took all the time of this one")
            pause = random.uniform(*POLL_SECONDS)  # noqa: S311 - not a secret
            await anyio.sleep(min(pause, deadline - now))


class RedisKeyedLocks(KeyedLocks):
    """A lock of this process for each key, and within it a lock in Redis.

    So only one call per person and process waits in Redis, and without Redis the calls of a process still
    exclude each other.
    """

    shared = True

    def __init__(self, names: KeyNames, locks: RedisLocks) -> None:
        super().__init__()
        self._names = names
        self._locks = locks

    @asynccontextmanager
    async def hold(self, keys: Iterable[str], deadline: float) -> AsyncIterator[Lease]:
        """Hold keys on all servers for the length of a block."""
        await self.check()
        async with AsyncExitStack() as held:
            lease = RedisLease(self, held, shared=self._locks, names=self._names)
            lease.released_at = await lease.extend(keys, deadline)
            yield lease

    async def check(self) -> None:
        """Check that a write may start.

        Raises:
            Uncoordinated: if Redis is required for writes and could not be used since the start.
        """
        connection = self._locks.connection
        if connection.refuses_writes:
            await connection.check()
        if connection.refuses_writes:
            reason = connection.fault.reason if connection.fault else "it was not reached yet"
            raise Uncoordinated(
                f"Redis, by which several servers take turns at writing, cannot be relied on: {reason}. "
                "Writes are refused until it can. Whoever runs this server can mend that, or set "
                "ROTOR_MCP_REDIS_REQUIRED=false"
            )
