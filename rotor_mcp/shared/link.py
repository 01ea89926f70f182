"""The link to Redis: whoever asks gets an answer soon, or is told that Redis cannot be asked."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.commands.core import AsyncScript
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

PATIENCE = 1.0
"""Seconds that a connection, or an answer, may take."""
TRIES = 2
"""How often a question is asked. An idle connection may have been cut; and a process that was frozen finds
that the time of its questions has passed, although Redis is well."""
PAUSE = 3.0
"""Seconds for which nobody asks after a question went wrong."""
GAP = "rotor-mcp:gap"
"""The moment until which not everything was told to Redis: what happened before is not known."""

_MARK_GAP = """
local time = redis.call('time')
redis.call('set', KEYS[1], string.format('%.0f', time[1] * 1000000 + time[2]))
"""

Answer = TypeVar("Answer")

logger = logging.getLogger(__name__)


class Away(Exception):
    """Redis cannot be asked. Whoever asked goes on without it."""


class Link:
    """The connections of this process to Redis. The first question opens them."""

    def __init__(self, url: str) -> None:
        """Take the address.

        Raises:
            ValueError: if it has options that do not exist. The text does not repeat it.
        """
        try:
            self._redis = Redis.from_url(
                url,
                protocol=2,  # all that is needed, and every Redis and Valkey speaks it
                socket_timeout=PATIENCE,
                socket_connect_timeout=PATIENCE,
                retry=Retry(NoBackoff(), 0),
            )
            self._redis.connection_pool.make_connection()  # type: ignore[no-untyped-call]
        except Exception:
            raise ValueError("has options that the Redis client does not know") from None
        self._mark_gap = self.script(_MARK_GAP)
        self._well = True
        self._silent = False
        self._not_before = 0.0

    def script(self, lua: str) -> AsyncScript:
        """Make a script of Redis, for questions."""
        return self._redis.register_script(lua)

    async def ask(self, question: Callable[[Redis], Awaitable[Answer]], *, insist: bool = False) -> Answer:
        """Ask something.

        While Redis is away it is not asked at all, but now and then by one who finds out whether it is back.
        A question is brought to its end even if the call is cancelled: it does not take long, and what was
        begun in Redis is known to be done.

        Args:
            question: what is asked. It can be asked twice.
            insist: ask even if a question went wrong just now. After one that insisted and met with silence,
                nobody does: that takes too long.

        Raises:
            Away: if there is no answer.
        """
        now = anyio.current_time()
        if not self._well and (self._silent or not insist):
            if now < self._not_before:
                raise Away
            self._not_before = now + PAUSE
        for _ in range(TRIES):
            try:
                # What interrupted the client while it deals with an interruption would cost it a connection.
                # So anyio does not, and the client's own timeouts come first.
                with anyio.CancelScope(shield=True):
                    async with asyncio.timeout(2 * PATIENCE + 0.5):
                        if not self._well:
                            await self._mark_gap([GAP])
                        answer = await question(self._redis)
            except (RedisError, OSError) as exc:  # a timeout is an OSError
                trouble = exc
            else:
                self._is_well()
                return answer
        self._silent = insist and isinstance(trouble, (TimeoutError, RedisTimeoutError))
        self._is_away(trouble)
        raise Away from None

    async def aclose(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    def _is_away(self, trouble: Exception) -> None:
        self._not_before = anyio.current_time() + PAUSE
        if self._well:
            self._well = False
            # Of an error only what it is called: its text could repeat a command, and with it a password.
            logger.warning(
                "Redis cannot be asked (%s): until it is back, this server shares nothing with others",
                type(trouble).__name__,
            )

    def _is_well(self) -> None:
        if not self._well:
            self._well = True
            logger.info("Redis is back")
