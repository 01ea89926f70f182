"""Counts the requests of all servers in a day: of a key's quota, or of a caller's budget."""

import math
import secrets
from contextlib import suppress

from redis.asyncio import Redis

from rotor_mcp.dates import Clock, utc_now
from rotor_mcp.state.redis.connection import RedisConnection, RedisUnavailable
from rotor_mcp.state.redis.key_names import KeyNames
from rotor_mcp.state.request_counter import Budget, RequestCounter

RECORD_TTL_SECONDS = 2 * 86_400
"""How long the counts of a day are kept."""

_COUNT = """
local day, me, mine, kept = KEYS[1], ARGV[1], tonumber(ARGV[2]), ARGV[3]
-- Reports may arrive in another order than they were sent: the larger count is the newer one.
if mine > tonumber(redis.call('hget', day, me) or 0) then redis.call('hset', day, me, mine) end
redis.call('expire', day, kept)
local spent = 0
for number, count in ipairs(redis.call('hvals', day)) do spent = spent + tonumber(count) end
local others = spent - tonumber(redis.call('hget', day, me) or 0)
"""

_SYNC = (
    _COUNT
    + """
return others
"""
)

# A reservation is a member `<requests>:<token>` of a sorted set. Its score is its expiry, because a killed
# server does not settle.

_RESERVE = (
    _COUNT
    + """
local reservations = KEYS[2]
local token, requests, limit, expiry = ARGV[4], ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7])
local now = tonumber(redis.call('time')[1])
redis.call('zremrangebyscore', reservations, '-inf', now)
local held = redis.call('zrange', reservations, 0, -1)
local reserved = 0
for number, member in ipairs(held) do reserved = reserved + tonumber(string.match(member, '^%d+')) end
local granted = 0
if spent < limit and (#held == 0 or spent + reserved < limit) then
  granted = 1
  redis.call('zadd', reservations, now + expiry, requests .. ':' .. token)
  redis.call('expire', reservations, expiry)
end
return {others, granted}
"""
)

_SETTLE = (
    _COUNT
    + """
redis.call('zrem', KEYS[2], ARGV[4])
return others
"""
)


class RedisRequestCounter(RequestCounter):
    """Each server reports its own count of the day to Redis; the sum of all counts was spent.

    So nothing is counted twice, and the next report makes up for one that failed or that Redis lost. While
    Redis is unavailable, the last known counts of the other servers are used.
    """

    def __init__(self, names: KeyNames, connection: RedisConnection, clock: Clock = utc_now) -> None:
        super().__init__(clock)
        self._names = names
        self._connection = connection
        self._script = connection.script(_SYNC)
        self._server_id = secrets.token_hex(8)
        self._others = 0

    async def add(self, requests: int = 1) -> None:
        """Count requests that were sent."""
        await super().add(requests)
        await self._sync()

    async def today(self) -> int:
        """Return how many all servers sent today."""
        own = await super().today()
        await self._sync()
        return self._others + own

    async def _sync(self) -> None:
        day, report = self._day, self._report
        name = self._names.of(f"spent:{day}")

        async def sync(_: Redis) -> int:
            return int(await self._script([name], report))

        try:
            others = await self._connection.execute(sync)
        except RedisUnavailable:
            return
        if day == self._day:
            self._others = max(others, self._others)

    @property
    def _report(self) -> list[str | int]:
        """The first arguments of each script."""
        return [self._server_id, self._count, RECORD_TTL_SECONDS]

    def _start_day(self) -> None:
        super()._start_day()
        self._others = 0


class RedisBudget(RedisRequestCounter, Budget):
    """A budget shared by all servers. While Redis is unavailable, only this server's reservations count."""

    def __init__(self, names: KeyNames, connection: RedisConnection, clock: Clock = utc_now) -> None:
        super().__init__(names, connection, clock)
        self._reserving, self._settling = connection.script(_RESERVE), connection.script(_SETTLE)
        self._reservations = names.of("reserved")

    async def reserve(self, token: str, requests: int, limit: int, expiry: float) -> tuple[int, bool]:
        """Reserve requests for a call. Returns what was spent before, and whether the call may start."""
        await RequestCounter.today(self)  # starts a new day if it is one
        arguments = [*self._report, token, requests, limit, math.ceil(expiry)]

        async def reserve(_: Redis) -> tuple[int, bool]:
            others, granted = await self._reserving(self._keys, arguments)
            return int(others), bool(granted)

        granted = False
        try:
            others, granted = await self._connection.execute(reserve)
        except RedisUnavailable:
            granted = self._fits(self._others + self._count, limit)
        else:
            self._others = max(others, self._others)
        if granted:
            self._reserved[token] = requests
        return self._others + self._count, granted

    async def settle(self, token: str, spent: int) -> None:
        """Count what a call has spent, instead of what it had reserved."""
        await RequestCounter.add(self, spent)
        reserved = self._reserved.pop(token, 0)
        with suppress(RedisUnavailable):
            arguments = [*self._report, f"{reserved}:{token}"]
            await self._connection.execute(lambda _: self._settling(self._keys, arguments))

    @property
    def _keys(self) -> list[str]:
        return [self._names.of(f"spent:{self._day}"), self._reservations]
