"""Calls for the same person wait for each other, on whichever server they are."""

import math
import random
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar

import anyio

from rotor_mcp.errors import NotSent, Uncoordinated
from rotor_mcp.state.redis.connection import RedisUnavailable
from rotor_mcp.state.redis.key_names import Names
from rotor_mcp.state.redis.locks import Lock, Locks
from rotor_mcp.state.tenant_state import KeyedLocks

POLL_SECONDS = (0.02, 0.08)
"""Seconds after which a waiting call asks again, at least and at most. At random, lest all ask at once."""

_held: ContextVar[tuple[tuple[KeyedLocks, Lock], ...]] = ContextVar("held", default=())
"""The locks of the turns that this task is in. A write finds them here: who writes need not know of them."""


class RedisKeyedLocks(KeyedLocks):
    """The queue of this process, and inside each of its turns a lock in Redis.

    So a process asks Redis for one call per person at a time, and without Redis its own calls still queue up.

    Right before a write goes out its locks are looked at once more. Rotor itself knows of no lock. So what
    nothing here can keep apart is a write that left before its process was frozen, or its lock was lost, and
    that Rotor gets after a write of the next holder: one request for each lock that is lost that way. And if
    Redis cannot be asked, a write goes out that its own process has the turn for.
    """

    def __init__(self, names: Names, locks: Locks) -> None:
        super().__init__()
        self._names = names
        self._locks = locks

    @asynccontextmanager
    async def hold(self, keys: Iterable[str], patience: float) -> AsyncIterator[float]:
        """Wait until nobody else holds any of these keys, on any server, and hold them.

        When somebody last held one of them is reckoned from Redis's clock: rather a little late than early.

        Raises:
            NotSent: if that took longer than `patience` seconds.
            Uncoordinated: if Redis is required and could not be used since the start.
        """
        until = anyio.current_time() + patience
        await self.check()
        wanted = sorted(keys)
        outer = _held.get()
        async with super().hold(wanted, patience) as left, AsyncExitStack() as held:
            try:
                for key in wanted:
                    lock = Lock.on(key, self._names)
                    held.push_async_callback(self._locks.leave, lock)
                    left = max(left, await self._take(lock, until))  # noqa: PLW2901 - the latest of all
                    _held.set((*_held.get(), (self, lock)))
                yield left
            finally:
                _held.set(outer)

    async def check(self) -> None:
        """Make sure that a write may begin.

        Raises:
            Uncoordinated: if Redis is required and could not be used since the start.
        """
        link = self._locks.link
        if link.refuses_writes:
            await link.check()
        if link.refuses_writes:
            reason = link.fault.reason if link.fault else "it was not reached yet"
            raise Uncoordinated(
                f"Redis, by which several servers take turns at writing, cannot be relied on: {reason}. "
                "Writes are refused until it can. Whoever runs this server can mend that, or set "
                "ROTOR_MCP_REDIS_REQUIRED=false"
            )

    async def verify(self) -> str | None:
        """Make sure that nobody else has had a turn of this task's since it began.

        Returns why that is not certain, if it is not.

        Raises:
            LockLost: if somebody has.
        """
        link = self._locks.link
        if locks := [lock for queue, lock in _held.get() if queue is self]:
            try:
                # What was taken in Redis is always asked for there, what was not only if Redis is back.
                await self._locks.hold(locks, insist=any(lock.fence for lock in locks))
            except RedisUnavailable as exc:
                return str(exc)
        return link.fault.reason if link.fault and link.fault.usable else None

    async def _take(self, lock: Lock, until: float) -> float:
        """Wait for a lock. Returns when somebody last had it, as far as Redis knows."""
        while True:
            try:
                ago = await self._locks.take(lock)
            except RedisUnavailable:
                return -math.inf
            now = anyio.current_time()
            if ago is not None:
                return now - ago
            if now >= until:
                raise NotSent("other calls for the same person took all the time of this one")
            pause = random.uniform(*POLL_SECONDS)  # noqa: S311 - it spreads load and keeps no secret
            await anyio.sleep(min(pause, until - now))
