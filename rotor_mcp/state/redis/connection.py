"""The connection pool of this process to Redis, with retries and circuit breakers.

Two circuit breakers share the pool. After a failure each sends nothing for `RETRY_PAUSE_SECONDS`:
`RedisConnection` for locks and counts, and `RedisCacheConnection` for cached pages and short ids, whose
failures do not affect the locks.
"""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import anyio
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.commands.core import AsyncScript
from redis.exceptions import (
    AuthenticationError,
    AuthenticationWrongNumberOfArgsError,
    AuthorizationError,
    BusyLoadingError,
    ClusterDownError,
    InvalidResponse,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import TimeoutError as RedisTimeoutError

ANSWER_TIMEOUT_SECONDS = 1.0
"""Time to connect, or to receive a reply."""
MAX_TRIES = 2
"""Attempts of a command. An idle connection may have been closed; and after a process was suspended, its
commands have timed out although Redis works."""
RETRY_PAUSE_SECONDS = 3.0
"""Nothing is sent for this time after a command failed."""
CHECK_INTERVAL_SECONDS = 5.0
"""Time between two checks while Redis can be used."""
MAX_CACHE_SHARE = 0.5
"""Share of Redis's memory (maxmemory) above which nothing is cached, so that locks and counts have room."""
MEMORY_SECONDS = 1.0
"""How long the memory in use is known after Redis was asked for it."""
MEMORY_BYTES = 100_000
"""Bytes that this process caches before it asks again: other processes cache as well."""
GAP = "rotor-mcp:gap"
"""Key of the end of the last outage. Which locks were held before that time is unknown."""
PROBE = "rotor-mcp:probe"
"""Key that each check writes."""

_MARK_GAP = """
local time = redis.call('time')
redis.call('set', KEYS[1], string.format('%.0f', time[1] * 1000000 + time[2]))
"""
_WRITE_PROBE = "redis.call('set', KEYS[1], '', 'px', 1000)"

Result = TypeVar("Result")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RedisFault:
    """What is wrong with Redis."""

    reason: str
    """A clause about Redis, without address and password."""
    permanent: bool
    """Whether it remains until a setting is changed."""
    usable: bool = False
    """Whether locks work nevertheless."""


class RedisUnavailable(Exception):
    """Redis cannot be used, for the reason in the text. The caller continues without it."""


class RedisConnection:
    """The connections of this process to Redis. The first command opens and checks them."""

    def __init__(self, url: str, *, required: bool = False) -> None:
        """Create the pool. If `required`, writes are refused until Redis could be used once.

        Raises:
            ValueError: if the URL has unknown options. The message does not contain it.
        """
        try:
            self.redis = Redis.from_url(
                url,
                protocol=2,  # sufficient, and supported by every Redis and Valkey
                socket_timeout=ANSWER_TIMEOUT_SECONDS,
                socket_connect_timeout=ANSWER_TIMEOUT_SECONDS,
                retry=Retry(NoBackoff(), 0),
            )
            self.redis.connection_pool.make_connection()  # type: ignore[no-untyped-call]
        except Exception:
            raise ValueError("has options that the Redis client does not know") from None
        self._mark_gap, self._write_probe = self.script(_MARK_GAP), self.script(_WRITE_PROBE)
        self._required = required
        self.fault: RedisFault | None = None
        """What is wrong with Redis, as far as known."""
        self.verified = False
        """Whether Redis was checked since the last failure."""
        self._verified_at = 0.0
        self._was_usable = False
        self._timed_out = False
        self._retry_at = 0.0

    @property
    def refuses_writes(self) -> bool:
        """Whether no write may start: Redis is required and could not be used since the start."""
        return self._required and not self._was_usable

    @property
    def is_ready(self) -> bool:
        """Whether this server may receive requests, also during a temporary outage of Redis."""
        if not self._required or self.fault is None:
            return True
        return self._was_usable and not self.fault.permanent

    def script(self, lua: str) -> AsyncScript:
        """Create a Lua script, to be run in a command."""
        return self.redis.register_script(lua)

    async def check(self) -> RedisFault | None:
        """Check Redis, at most once per `CHECK_INTERVAL_SECONDS` while it works. Returns what is wrong."""
        if anyio.current_time() - self._verified_at >= CHECK_INTERVAL_SECONDS:
            self.verified = False
        if not self.verified:
            with suppress(RedisUnavailable):  # `fault` says why
                await self.execute(_no_command)
        return self.fault

    async def execute(
        self, command: Callable[[Redis], Awaitable[Result]], *, ignore_pause: bool = False
    ) -> Result:
        """Run a command, and return its result.

        While Redis is down, one command per `RETRY_PAUSE_SECONDS` is sent, to see whether it works again. A
        command ends even if the call is cancelled: it is short, and then its effect is known.

        Args:
            command: sends the command and parses the reply. It may run twice. Any error in it counts as no
                reply.
            ignore_pause: send the command even within the pause, unless the last one sent so timed out.

        Raises:
            RedisUnavailable: if there is no reply.
        """
        now = anyio.current_time()
        if self.fault is not None and self._is_down and (self._timed_out or not ignore_pause):
            if now < self._retry_at:
                raise RedisUnavailable(self.fault.reason)
            self._retry_at = now + RETRY_PAUSE_SECONDS
        try:
            result = await _try_twice(lambda: self._verify_and_execute(command))
        except (RedisError, OSError) as exc:  # a timeout is an OSError
            self._timed_out = ignore_pause and isinstance(exc, (TimeoutError, RedisTimeoutError))
            self._retry_at = anyio.current_time() + RETRY_PAUSE_SECONDS
            self.verified = False
            fault = _fault_of(exc)
            self._set_fault(fault)
            raise RedisUnavailable(fault.reason) from None
        return result

    async def aclose(self) -> None:
        """Close the connections."""
        await self.redis.aclose()

    @property
    def _is_down(self) -> bool:
        return self.fault is not None and not self.fault.usable

    async def _verify_and_execute(self, command: Callable[[Redis], Awaitable[Result]]) -> Result:
        fault = self.fault
        if not self.verified:
            fault = await self._verify()
        result = await command(self.redis)
        if not self.verified:
            self.verified, self._verified_at = True, anyio.current_time()
            self._was_usable = self._was_usable or fault is None
            self._set_fault(fault)
        return result

    async def _verify(self) -> RedisFault | None:
        """Check that locks can be written. Returns the fault if Redis may evict them; other faults raise."""
        await self.redis.ping()
        memory: object = await self.redis.info("memory")
        if not isinstance(memory, dict) or not isinstance(memory.get("used_memory"), int):
            raise InvalidResponse  # not a Redis
        if self._is_down:
            await self._mark_gap([GAP])
        else:
            await self._write_probe([PROBE])
        policy = memory.get("maxmemory_policy")
        if memory.get("maxmemory") and policy != "noeviction":
            reason = (
                f"it may delete locks when its memory is full: set maxmemory-policy {policy} to noeviction"
            )
            return RedisFault(reason, permanent=True, usable=True)
        return None

    def _set_fault(self, fault: RedisFault | None) -> None:
        """Keep the fault, and log it if it changed."""
        before, self.fault = self.fault, fault
        if fault is None:
            if before is not None:
                logger.info("Redis can be used again", extra={"event": "redis_available"})
            return
        if before is not None and before.reason == fault.reason:
            return
        if self.refuses_writes:
            consequence = (
                "This server is not ready and refuses writes until that is mended; "
                "ROTOR_MCP_REDIS_REQUIRED=false lets it write all the same"
            )
        elif fault.usable:
            consequence = "Two servers can then write to one person at once"
        else:
            consequence = "Until it can, this server shares nothing with others"
        level = logging.ERROR if fault.permanent else logging.WARNING
        logger.log(
            level,
            "Redis cannot be relied on: %s. %s",
            fault.reason,
            consequence,
            extra={"event": "redis_unavailable", "reason": fault.reason, "permanent": fault.permanent},
        )


class RedisCacheConnection:
    """A second circuit breaker for the cache: its failures do not affect the locks."""

    def __init__(self, connection: RedisConnection) -> None:
        self._connection = connection
        self._retry_at = 0.0
        self._fault: RedisFault | None = None
        self._room = math.inf
        """Bytes that may be cached, as far as known."""
        self._room_known_until = 0.0
        self._cached_since = 0
        """Bytes that were cached since Redis was asked."""

    def script(self, lua: str) -> AsyncScript:
        """Create a Lua script, to be run in a command."""
        return self._connection.script(lua)

    async def execute(self, command: Callable[[Redis], Awaitable[Result]]) -> Result:
        """Run a command, which may run twice, and return its result.

        Raises:
            RedisUnavailable: if there is no reply. Then nothing is sent for `RETRY_PAUSE_SECONDS`.
        """
        if self._fault is not None and anyio.current_time() < self._retry_at:
            raise RedisUnavailable(self._fault.reason)
        if not self._connection.verified:
            await self._connection.execute(_no_command)
        try:
            result = await _try_twice(lambda: command(self._connection.redis))
        except (RedisError, OSError) as exc:
            self._retry_at = anyio.current_time() + RETRY_PAUSE_SECONDS
            before, self._fault = self._fault, _fault_of(exc)
            if before is None:
                logger.warning(
                    "Redis does not keep what searches read: %s. Locks and counts go on",
                    self._fault.reason,
                    extra={"event": "redis_cache_unavailable", "reason": self._fault.reason},
                )
            raise RedisUnavailable(self._fault.reason) from None
        self._fault = None
        return result

    async def has_room(self, size: int) -> bool:
        """Whether Redis has room for so many bytes beside locks and counts.

        Raises:
            RedisUnavailable: if there is no reply.
        """
        self._cached_since += size
        if anyio.current_time() >= self._room_known_until or self._cached_since > MEMORY_BYTES:
            memory: dict[str, Any] = await self.execute(lambda redis: redis.info("memory"))
            before = self._room
            self._room = MAX_CACHE_SHARE * (memory.get("maxmemory") or math.inf) - memory.get(
                "used_memory", 0
            )
            self._room_known_until, self._cached_since = anyio.current_time() + MEMORY_SECONDS, size
            if self._room < size <= before:
                logger.warning(
                    "Redis uses %.0f %% of its memory (maxmemory): nothing more is cached. "
                    "Locks and counts go on",
                    100 * MAX_CACHE_SHARE,
                    extra={"event": "redis_cache_full"},
                )
        return self._cached_since <= self._room


async def _try_twice(attempt: Callable[[], Awaitable[Result]]) -> Result:
    """Run a command, and once more if the connection failed, but not if Redis refused it.

    Raises:
        RedisError, OSError: if there is no reply.
    """
    for tries_left in reversed(range(MAX_TRIES)):
        try:
            # A cancelled client loses its connection. So cancellation is shielded, and the client's own
            # timeouts are shorter than this one.
            with anyio.CancelScope(shield=True):
                async with asyncio.timeout(2 * ANSWER_TIMEOUT_SECONDS + 0.5):
                    return await attempt()
        except (RedisError, OSError) as exc:
            if not tries_left or _fault_of(exc).permanent:
                raise
        except Exception as exc:  # the client or the command cannot parse the reply
            raise InvalidResponse from exc
    raise AssertionError("unreachable")


async def _no_command(_: Redis) -> None:
    """Do nothing: only the check before a command is needed."""


def _fault_of(exc: Exception) -> RedisFault:
    """Describe an error of the Redis client, without its text, which could contain a password."""
    match exc:
        case AuthenticationError() | AuthenticationWrongNumberOfArgsError() | AuthorizationError():
            return RedisFault("it refuses the user name or password in ROTOR_MCP_REDIS_URL", permanent=True)
        case NoPermissionError():
            return RedisFault("its user may not use a command that is needed", permanent=True)
        case InvalidResponse():
            return RedisFault(
                "what answers at the address in ROTOR_MCP_REDIS_URL is no Redis", permanent=True
            )
        case OutOfMemoryError():
            return RedisFault("its memory is full (maxmemory)", permanent=True)
        case ReadOnlyError():
            return RedisFault("it is a replica, which takes no writes", permanent=True)
        case BusyLoadingError() | ClusterDownError() | TryAgainError():
            return RedisFault("it is not ready yet", permanent=False)
        case ResponseError():
            return RedisFault("it refuses a command that is needed", permanent=True)
        case RedisTimeoutError() | TimeoutError():
            return RedisFault(f"it does not answer within {ANSWER_TIMEOUT_SECONDS:g} s", permanent=False)
        case _:
            return RedisFault("there is no connection to it", permanent=False)
