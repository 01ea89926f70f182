"""The connections of this process to Redis, and whether Redis can be used.

Two circuit breakers share the connections. After a failure each sends nothing for `RETRY_PAUSE_SECONDS`:
`RedisConnection` for locks and counts, and `RedisCacheConnection` for cached pages, whose failures do not
stop the locks.
"""

import asyncio
import logging
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
"""Seconds that a connection, or an answer, may take."""
MAX_TRIES = 2
"""How often a command is asked. An idle connection may have been cut; and a process that was frozen finds
that the time of its commands has passed, although Redis is well."""
RETRY_PAUSE_SECONDS = 3.0
"""Seconds for which nobody asks after a command went wrong."""
CHECK_INTERVAL_SECONDS = 5.0
"""Between two checks of a Redis that can be used."""
GAP = "rotor-mcp:gap"
"""The moment until which not everything was told to Redis: what happened before is not known."""
PROBE = "rotor-mcp:probe"
"""Written by each check, to see that writing works."""

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
    """A clause about Redis. It holds no address and no password."""
    permanent: bool
    """Whether it stays until somebody changes a setting."""
    usable: bool = False
    """Whether locks work all the same, as long as nothing else goes wrong."""


class RedisUnavailable(Exception):
    """Redis cannot be asked, for the reason in the text. Whoever asked goes on without it."""


class RedisConnection:
    """The connections of this process to Redis. The first command opens them and checks Redis."""

    def __init__(self, url: str, *, required: bool = False) -> None:
        """Take the address.

        Args:
            url: of Redis.
            required: whether writes are refused until Redis could be used for the first time.

        Raises:
            ValueError: if it has options that do not exist. The text does not repeat it.
        """
        try:
            self._redis = Redis.from_url(
                url,
                protocol=2,  # all that is needed, and every Redis and Valkey speaks it
                socket_timeout=ANSWER_TIMEOUT_SECONDS,
                socket_connect_timeout=ANSWER_TIMEOUT_SECONDS,
                retry=Retry(NoBackoff(), 0),
            )
            self._redis.connection_pool.make_connection()  # type: ignore[no-untyped-call]
        except Exception:
            raise ValueError("has options that the Redis client does not know") from None
        self._mark_gap, self._write_probe = self.script(_MARK_GAP), self.script(_WRITE_PROBE)
        self._required = required
        self.fault: RedisFault | None = None
        """What is wrong with Redis, as far as is known."""
        self._was_usable = False
        self._verified = False
        self._verified_at = 0.0
        self._timed_out = False
        self._retry_at = 0.0

    @property
    def redis(self) -> Redis:
        """The client, for commands."""
        return self._redis

    @property
    def verified(self) -> bool:
        """Whether Redis was checked since something last went wrong."""
        return self._verified

    @property
    def refuses_writes(self) -> bool:
        """Whether no write may begin: Redis is required and could not be used since the start."""
        return self._required and not self._was_usable

    @property
    def is_ready(self) -> bool:
        """Whether a server may be sent requests. One that lost its Redis under way may."""
        if not self._required or self.fault is None:
            return True
        return self._was_usable and not self.fault.permanent

    def script(self, lua: str) -> AsyncScript:
        """Make a script of Redis, for commands."""
        return self._redis.register_script(lua)

    async def check(self) -> RedisFault | None:
        """Find out what is wrong with Redis, unless that was found out just now."""
        now = anyio.current_time()
        if self._verified and now - self._verified_at >= CHECK_INTERVAL_SECONDS:
            self._verified = False
        if not self._verified:
            with suppress(RedisUnavailable):  # `fault` says why
                await self.execute(_no_command)
        return self.fault

    async def execute(
        self, command: Callable[[Redis], Awaitable[Result]], *, ignore_pause: bool = False
    ) -> Result:
        """Ask something.

        While Redis is away it is not asked at all, but now and then by one who finds out whether it is back.
        A command is brought to its end even if the call is cancelled: it does not take long, and what was
        begun in Redis is known to be done.

        Args:
            command: what is asked, and how the answer is read: whatever goes wrong with that, there is none.
                It can be asked twice.
            ignore_pause: ask even if a command went wrong just now. After one that insisted and met with silence,
                nobody does: that takes too long.

        Raises:
            RedisUnavailable: if there is no answer.
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
            self._verified = False
            fault = _fault_of(exc)
            self._set_fault(fault)
            raise RedisUnavailable(fault.reason) from None
        return result

    async def aclose(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    @property
    def _is_down(self) -> bool:
        return self.fault is not None and not self.fault.usable

    async def _verify_and_execute(self, command: Callable[[Redis], Awaitable[Result]]) -> Result:
        fault = self.fault
        if not self._verified:
            fault = await self._verify()
        result = await command(self._redis)
        if not self._verified:
            self._verified, self._verified_at = True, anyio.current_time()
            self._was_usable = self._was_usable or fault is None
            self._set_fault(fault)
        return result

    async def _verify(self) -> RedisFault | None:
        """See that locks can be written and will not be deleted. Returns what endangers them."""
        memory = await self._memory_info()
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

    async def _memory_info(self) -> dict[str, Any]:
        """Ask how much memory there is, which is used and what happens when it is full.

        Raises:
            InvalidResponse: if what answers is no Redis.
            RedisError: if there is no answer.
            OSError: likewise.
        """
        await self._redis.ping()
        memory: object = await self._redis.info("memory")
        if not isinstance(memory, dict) or not isinstance(memory.get("used_memory"), int):
            raise InvalidResponse
        return memory

    def _set_fault(self, fault: RedisFault | None) -> None:
        before, self.fault = self.fault, fault
        if fault is None:
            if before is not None:
                logger.info("Redis can be used again")
            return
        if before is not None and before.reason == fault.reason:
            return
        if self.refuses_writes:
            consequence = (
                "this server is not ready and refuses writes until that is mended; "
                "ROTOR_MCP_REDIS_REQUIRED=false lets it write all the same"
            )
        elif fault.usable:
            consequence = "two servers can then write to one person at once"
        else:
            consequence = "until it can, this server shares nothing with others"
        level = logging.ERROR if fault.permanent else logging.WARNING
        logger.log(level, "Redis cannot be relied on: %s. %s", fault.reason, _sentence(consequence))


class RedisCacheConnection:
    """Redis as a cache. What it refuses, or fails at, says nothing about the locks and leaves them on."""

    def __init__(self, connection: RedisConnection) -> None:
        """Use the connections of a connection."""
        self._connection = connection
        self._retry_at = 0.0
        self._fault: RedisFault | None = None

    def script(self, lua: str) -> AsyncScript:
        """Make a script of Redis, for commands."""
        return self._connection.script(lua)

    async def execute(self, command: Callable[[Redis], Awaitable[Result]]) -> Result:
        """Ask something.

        Args:
            command: what is asked. It can be asked twice.

        Raises:
            RedisUnavailable: if there is no answer. Then nobody asks for `RETRY_PAUSE_SECONDS` seconds.
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
                    "Redis does not keep what searches read: %s. Locks and counts go on", self._fault.reason
                )
            raise RedisUnavailable(self._fault.reason) from None
        self._fault = None
        return result


async def _try_twice(attempt: Callable[[], Awaitable[Result]]) -> Result:
    """Ask Redis, and once more if the connection failed, but not if Redis refused.

    Raises:
        RedisError: if there is no answer.
        OSError: likewise.
    """
    for tries_left in reversed(range(MAX_TRIES)):
        try:
            # What interrupted the client while it deals with an interruption would cost it a connection.
            # So anyio does not, and the client's own timeouts come first.
            with anyio.CancelScope(shield=True):
                async with asyncio.timeout(2 * ANSWER_TIMEOUT_SECONDS + 0.5):
                    return await attempt()
        except (RedisError, OSError) as exc:
            if not tries_left or _fault_of(exc).permanent:
                raise
        except Exception as exc:  # what the client, or the command, makes of an answer that no Redis gives
            raise InvalidResponse from exc
    raise AssertionError("unreachable")


async def _no_command(_: Redis) -> None:
    """Ask nothing: the check that comes before a command is all that is wanted."""


def _fault_of(exc: Exception) -> RedisFault:
    """Say what an error of Redis's client means. Its text could repeat a command, and with it a password."""
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


def _sentence(clause: str) -> str:
    return clause[0].upper() + clause[1:]
