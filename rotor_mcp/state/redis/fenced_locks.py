"""Locks in Redis with token, expiry, fencing token and time of release, one for each person and company.

A lock expires after `LOCK_TTL_SECONDS` unless this process renews it, so a killed process does not block
others for long. The fencing token ("fence") is a number that grows with each acquisition and outlives the
lock. It shows whether another process held the lock in between, for example while this one was suspended.

The lock of redis-py has no fencing token, and does not record when it was released.
"""

import asyncio
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

import anyio
from redis.asyncio import Redis

from rotor_mcp.errors import LockLost
from rotor_mcp.state.redis.connection import GAP, RedisConnection, RedisUnavailable
from rotor_mcp.state.redis.key_names import KeyNames

LOCK_TTL_SECONDS = 8.0
"""A lock that is not renewed expires after this time."""
RENEW_SECONDS = LOCK_TTL_SECONDS / 4
"""Time between two renewals. Three in a row may fail."""
RECORD_TTL_SECONDS = 3_600.0
"""How long the fence and the time of release are kept. No plan is made from a read that old."""

# Times are microseconds of Redis's clock, the only one that all servers share.

_NOW = """
local time = redis.call('time')
local now = time[1] * 1000000 + time[2]
local function text(number) return string.format('%.0f', number) end
local function fence(past)
  local last = redis.call('hget', past, 'fence')
  return text(math.max(now, last and tonumber(last) + 1 or 0))
end
local function take(lock, past, token, expiry, kept)
  redis.call('set', lock, token, 'px', expiry)
  redis.call('hset', past, 'fence', fence(past))
  redis.call('hdel', past, 'left')
  redis.call('pexpire', past, kept)
end
"""

_TAKE = (
    _NOW
    + """
local lock, past, gap = unpack(KEYS)
local token, expiry, kept = unpack(ARGV)
local holder = redis.call('get', lock)
if holder and holder ~= token then return {} end
-- Holders before the gap are unknown. In an empty Redis, the gap is now.
redis.call('set', gap, text(now), 'nx')
local left = tonumber(redis.call('get', gap))
local before, until_then = unpack(redis.call('hmget', past, 'fence', 'left'))
if until_then then
  left = math.max(left, tonumber(until_then))
elseif before then
  left = now -- the last holder did not release it: it was killed or suspended
end
take(lock, past, token, expiry, kept)
return {redis.call('hget', past, 'fence'), text(now - left)}
"""
)

_RENEW = (
    _NOW
    + """
local expiry, kept = ARGV[1], ARGV[2]
local function of(number)
  return KEYS[2 * number - 1], KEYS[2 * number], unpack(ARGV, 3 * number, 3 * number + 2)
end
for number = 1, #KEYS / 2 do
  local lock, past, token, mine, since = of(number)
  local holder = redis.call('get', lock)
  if holder and holder ~= token then return {} end
  local last, left = unpack(redis.call('hmget', past, 'fence', 'left'))
  -- The lock has expired, or Redis lost it. If nobody held it since, it can be taken again.
  if not holder and last and last ~= mine then
    if mine ~= '' or not left or now - tonumber(left) <= tonumber(since) then return {} end
  end
end
local fences = {}
for number = 1, #KEYS / 2 do
  local lock, past, token = of(number)
  if redis.call('get', lock) == token then
    redis.call('pexpire', lock, expiry)
    redis.call('pexpire', past, kept)
  else
    take(lock, past, token, expiry, kept)
  end
  fences[number] = redis.call('hget', past, 'fence') or ''
end
return fences
"""
)

_RELEASE = (
    _NOW
    + """
local lock, past = unpack(KEYS)
local token, kept = unpack(ARGV)
local holder = redis.call('get', lock)
if holder == token then redis.call('del', lock) end
if not holder or holder == token then
  -- With a new fence, so that a late renewal does not take the lock again.
  redis.call('hset', past, 'left', text(now), 'fence', fence(past))
  redis.call('pexpire', past, kept)
end
"""
)


@dataclass(eq=False)
class RedisLock:
    """A lock that one call waits for or holds."""

    lock: str
    """Key of the holder's token."""
    past: str
    """Key of the fence and of the time of release."""
    token: str = field(default_factory=lambda: secrets.token_hex(8))
    """Identifies the holder."""
    fence: str = ""
    """The fencing token from Redis; empty if Redis was unavailable."""
    wanted_at: float = field(default_factory=anyio.current_time)
    """When this call began to wait, by `anyio.current_time`."""

    @classmethod
    def on(cls, key: str, names: KeyNames) -> Self:
        """Return the lock of a key."""
        return cls(names.of("lock", key), names.of("past", key))


class RedisLocks:
    """The locks of this process, renewed while they are held."""

    def __init__(self, connection: RedisConnection) -> None:
        self.connection = connection
        self._take, self._renew, self._release = map(connection.script, (_TAKE, _RENEW, _RELEASE))
        self._held: set[RedisLock] = set()
        self._renewing: asyncio.Task[None] | None = None
        self._closing = anyio.Event()

    async def take(self, lock: RedisLock) -> float | None:
        """Take a lock if it is free, and return how many seconds ago, at most, another call last held it.

        Returns None if another call holds it.

        Raises:
            RedisUnavailable: if Redis cannot be used. A background task then keeps trying.
        """
        names = [lock.lock, lock.past, GAP]
        times = [_milliseconds(seconds) for seconds in (LOCK_TTL_SECONDS, RECORD_TTL_SECONDS)]

        async def take(_: Redis) -> tuple[str, int] | None:
            taken = await self._take(names, [lock.token, *times])
            return (taken[0].decode(), int(taken[1])) if taken else None

        try:
            taken = await self.connection.execute(take)
        except RedisUnavailable:
            self._keep_alive(lock)
            raise
        if taken is None:
            return None
        self._keep_alive(lock)
        lock.fence, microseconds = taken
        return max(microseconds / 1e6, 0.0)

    async def renew(self, locks: Sequence[RedisLock], *, ignore_pause: bool = False) -> None:
        """Check that no other process has held any of these locks, and renew them.

        Raises:
            LockLost: if another process has held one of them.
            RedisUnavailable: if Redis cannot be used; `ignore_pause` is that of `RedisConnection.execute`.
        """
        now = anyio.current_time()
        names = [name for lock in locks for name in (lock.lock, lock.past)]
        arguments: list[str | float] = [_milliseconds(LOCK_TTL_SECONDS), _milliseconds(RECORD_TTL_SECONDS)]
        for lock in locks:
            arguments.extend((lock.token, lock.fence, int((now - lock.wanted_at) * 1e6)))

        async def renew(_: Redis) -> list[tuple[RedisLock, str]]:
            fences = await self._renew(names, arguments)
            return (
                [(lock, fence.decode()) for lock, fence in zip(locks, fences, strict=True)] if fences else []
            )

        held = await self.connection.execute(renew, ignore_pause=ignore_pause)
        if not held:
            raise LockLost("another server has begun to write to the same person meanwhile")
        for lock, fence in held:
            lock.fence = fence

    async def release(self, lock: RedisLock) -> None:
        """Release a lock. If Redis is unavailable, it expires."""
        self._held.discard(lock)
        names = [lock.lock, lock.past]
        arguments: list[str | float] = [lock.token, _milliseconds(RECORD_TTL_SECONDS)]
        with suppress(RedisUnavailable):
            await self.connection.execute(lambda _: self._release(names, arguments))

    async def aclose(self) -> None:
        """Stop renewing."""
        self._held.clear()
        if self._renewing is not None:
            self._closing.set()
            await self._renewing
            self._renewing, self._closing = None, anyio.Event()

    def _keep_alive(self, lock: RedisLock) -> None:
        self._held.add(lock)
        if self._renewing is None or self._renewing.done():
            # An asyncio task, because it outlives the call that starts it.
            self._renewing = asyncio.create_task(self._renew_all())

    async def _renew_all(self) -> None:
        while self._held:
            with anyio.move_on_after(RENEW_SECONDS):
                await self._closing.wait()
            for lock in list(self._held):
                if lock in self._held:
                    try:
                        await self.renew([lock])
                    except LockLost:
                        self._held.discard(lock)  # its holder learns that from `verify`
                    except RedisUnavailable:
                        break


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1e3)
