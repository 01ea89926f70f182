"""Locks in Redis, one for each person and company.

A lock expires after `LOCK_TTL_SECONDS` unless this process renews it, so a killed process delays nobody for
long. With each lock comes a fence, a number that grows with every taking and is kept when the lock
has ended. So it shows whether somebody else has had the lock since, which a process that was frozen meanwhile
cannot know of itself.

Who waits asks again and again, and leaves a wish: when the lock is free, whoever wished first comes first.
Else the calls that wait in the process that leaves would all come before one that waits in another.

The library's own lock knows none of this: it has no fence, lets anybody overtake, and does not tell when
somebody last held it.
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
from rotor_mcp.state.redis.key_names import Names

LOCK_TTL_SECONDS = 8.0
"""Seconds after which a lock ends that nobody renews."""
RENEW_SECONDS = LOCK_TTL_SECONDS / 4
"""Seconds after which a lock is renewed. Three times in a row that may fail."""
RECORD_TTL_SECONDS = 3_600.0
"""Seconds for which it is kept who had a lock. Nothing that was read is planned with for as long."""
WISHED = 1.0
"""Seconds for which a wish stands. Whoever waits renews it."""

# Numbers are microseconds of Redis's own clock, which is the only one that all servers have in common.

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
local lock, past, wish, gap = unpack(KEYS)
local token, expiry, kept, wished = unpack(ARGV)
local holder, first = redis.call('get', lock), redis.call('get', wish)
if holder ~= token and (holder or (first and first ~= token)) then
  if not first or first == token then redis.call('set', wish, token, 'px', wished) end
  return {}
end
-- Nothing is known of the time before the gap. With an empty Redis, the gap is now.
redis.call('set', gap, text(now), 'nx')
local left = tonumber(redis.call('get', gap))
local before, until_then = unpack(redis.call('hmget', past, 'fence', 'left'))
if until_then then
  left = math.max(left, tonumber(until_then))
elseif before then
  left = now -- whoever had it never said that he left: he was killed, or frozen
end
take(lock, past, token, expiry, kept)
if first then redis.call('del', wish) end
return {redis.call('hget', past, 'fence'), text(now - left)}
"""
)

_HOLD = (
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
  -- The lock has ended, or Redis has lost it. If nobody had it since, it can be taken again.
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

_LEAVE = (
    _NOW
    + """
local lock, past, wish = unpack(KEYS)
local token, kept = unpack(ARGV)
local holder = redis.call('get', lock)
if holder == token then redis.call('del', lock) end
if not holder or holder == token then
  -- With a fence of its own, lest a renewal that comes late takes the lock again.
  redis.call('hset', past, 'left', text(now), 'fence', fence(past))
  redis.call('pexpire', past, kept)
end
if redis.call('get', wish) == token then redis.call('del', wish) end
"""
)


@dataclass(eq=False)
class Lock:
    """The turn of one call for one person, as Redis is asked for it."""

    lock: str
    """Name of who has it."""
    past: str
    """Name of who had it last, and until when."""
    wish: str
    """Name of who comes next."""
    token: str = field(default_factory=lambda: secrets.token_hex(8))
    """Says whose turn it is."""
    fence: str = ""
    """What Redis gave when it was taken; empty if Redis was away."""
    since: float = field(default_factory=anyio.current_time)
    """When this call began to want it."""

    @classmethod
    def on(cls, key: str, names: Names) -> Self:
        """Begin to want the turn of whoever has this key."""
        return cls(names.of("lock", key), names.of("past", key), names.of("wish", key))


class Locks:
    """The locks that this process has, kept alive as long as it has them."""

    def __init__(self, link: RedisConnection) -> None:
        self.link = link
        self._take, self._hold, self._leave = map(link.script, (_TAKE, _HOLD, _LEAVE))
        self._held: set[Lock] = set()
        self._renewing: asyncio.Task[None] | None = None
        self._closing = anyio.Event()

    async def take(self, lock: Lock) -> float | None:
        """Take a lock, if it is free: then say how many seconds ago somebody last had it, at most.

        Raises:
            Away: if Redis cannot be asked. It is then tried again while the lock is wanted.
        """
        names = [lock.lock, lock.past, lock.wish, GAP]
        times = [_milliseconds(seconds) for seconds in (LOCK_TTL_SECONDS, RECORD_TTL_SECONDS, WISHED)]

        async def take(_: Redis) -> tuple[str, int] | None:
            taken = await self._take(names, [lock.token, *times])
            return (taken[0].decode(), int(taken[1])) if taken else None

        try:
            taken = await self.link.ask(take)
        except RedisUnavailable:
            self._keep_alive(lock)
            raise
        if taken is None:
            return None
        self._keep_alive(lock)
        lock.fence, microseconds = taken
        return max(microseconds / 1e6, 0.0)

    async def hold(self, locks: Sequence[Lock], *, insist: bool = False) -> None:
        """Make sure that nobody else has, or has had, any of these locks, and hold them from now on.

        Args:
            locks: of this process.
            insist: ask Redis even if it was away just now.

        Raises:
            LockLost: if somebody else has, or has had, one of them.
            Away: if Redis cannot be asked.
        """
        now = anyio.current_time()
        names = [name for lock in locks for name in (lock.lock, lock.past)]
        given: list[str | float] = [_milliseconds(LOCK_TTL_SECONDS), _milliseconds(RECORD_TTL_SECONDS)]
        for lock in locks:
            given.extend((lock.token, lock.fence, int((now - lock.since) * 1e6)))

        async def hold(_: Redis) -> list[tuple[Lock, str]]:
            fences = await self._hold(names, given)
            return (
                [(lock, fence.decode()) for lock, fence in zip(locks, fences, strict=True)] if fences else []
            )

        held = await self.link.ask(hold, insist=insist)
        if not held:
            raise LockLost("another server has begun to write to the same person meanwhile")
        for lock, fence in held:
            lock.fence = fence

    async def leave(self, lock: Lock) -> None:
        """Give a lock back, or the wish for it. If Redis is away, it ends by itself."""
        self._held.discard(lock)
        names = [lock.lock, lock.past, lock.wish]
        given: list[str | float] = [lock.token, _milliseconds(RECORD_TTL_SECONDS)]
        with suppress(RedisUnavailable):
            await self.link.ask(lambda _: self._leave(names, given))

    async def aclose(self) -> None:
        """Renew nothing any more."""
        self._held.clear()
        if self._renewing is not None:
            self._closing.set()
            await self._renewing
            self._renewing, self._closing = None, anyio.Event()

    def _keep_alive(self, lock: Lock) -> None:
        self._held.add(lock)
        if self._renewing is None or self._renewing.done():
            # A task of asyncio, because it outlives the call that began it; Redis's client needs asyncio too.
            self._renewing = asyncio.create_task(self._renew())

    async def _renew(self) -> None:
        while self._held:
            with anyio.move_on_after(RENEW_SECONDS):
                await self._closing.wait()
            for lock in list(self._held):
                if lock in self._held:
                    try:
                        await self.hold([lock])
                    except LockLost:
                        self._held.discard(lock)  # its holder finds out when it matters
                    except RedisUnavailable:
                        break


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1e3)
