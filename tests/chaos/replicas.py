"""Several servers of one company that share a Redis, and which of them a call goes to.

Any call goes to any server while Redis is there. While it is not, servers know nothing of each other, and nobody
promises anything of two that write to one person at once. So before Redis is killed, and until it is back and
known to be, each person has a server of their own; in the middle of whose calls it happens.
"""

import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import anyio
from mcp import Client

from rotor_mcp.config import Settings
from rotor_mcp.server.mcp_server import build_server
from rotor_mcp.state.redis.connection import RETRY_PAUSE_SECONDS
from tests.chaos.script import Call
from tests.state.redis.servers import RedisServer

if TYPE_CHECKING:
    from tests.chaos.playing import Wire

NOW = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)

APART, KILLED, STARTED, TOGETHER = 0.3, 0.4, 0.55, 0.65
"""After which part of the calls each person gets a server of their own, Redis is killed, is there again, and the
servers may be together, if they have had the time to see it."""


class Replicas:
    """The servers. By itself there is one, and no Redis."""

    def __init__(self, number: int = 1, redis: RedisServer | None = None) -> None:
        self.number = number
        self.calls: dict[str, int] = {}
        """How many calls came in each state of things."""
        self._redis = redis
        self._rng = random.Random(number)
        self._state = "together"
        self._apart = False
        self._in_hand = 0
        self._gate = anyio.Lock()

    async def open(
        self, stack: AsyncExitStack, wire: "Wire", settings: Mapping[str, str], mode: str
    ) -> Sequence[Client]:
        """Start the servers until the stack is closed, and return a client of each.

        Args:
            stack: to be closed in the end.
            wire: the way to Rotor.
            settings: that all of them have.
            mode: of the clients.
        """
        url = self._redis.url if self._redis else None
        loaded = Settings.load({**settings, "redis_url": url})
        servers = [
            build_server(loaded, transport=lambda: wire, clock=lambda: NOW) for _ in range(self.number)
        ]
        return [await stack.enter_async_context(Client(server, mode=mode)) for server in servers]

    def any_server(self) -> int:
        """Where a call goes that may go anywhere."""
        return self._rng.randrange(self.number)

    @asynccontextmanager
    async def parts(self, call: Call) -> AsyncIterator[list[tuple[int, Call]]]:
        """Yield the servers that a call goes to, each with what it is asked to do."""
        async with self._gate:
            self._in_hand += 1
        self.calls[self._state] = self.calls.get(self._state, 0) + 1
        try:
            if self._apart:
                homes = {step.person.number % self.number for step in call.steps}
                yield [(home, self._part(call, home)) for home in sorted(homes)]
            else:
                yield [(self.any_server(), call)]
        finally:
            self._in_hand -= 1

    def _part(self, call: Call, home: int) -> Call:
        return replace(
            call, steps=tuple(step for step in call.steps if step.person.number % self.number == home)
        )

    async def outage(self, progress: Callable[[], float], busy: Callable[[], bool]) -> None:
        """Kill Redis in the middle of the calls, and start it again.

        Args:
            progress: says which part of the calls was begun.
            busy: says whether requests are in hand whose calls nobody waits for any more.
        """
        if self._redis is None:
            return
        await _until(lambda: progress() >= APART)
        await self._keep_apart(True, busy)
        await _until(lambda: progress() >= KILLED)
        self._redis.kill()
        self._state = "without Redis"
        await _until(lambda: progress() >= STARTED)
        self._redis.start()
        self._state = "Redis is back"
        await anyio.sleep(RETRY_PAUSE_SECONDS + 0.5)
        await _until(lambda: progress() >= TOGETHER)
        await self._keep_apart(False, busy)
        self._state = "together again"

    async def _keep_apart(self, apart: bool, busy: Callable[[], bool]) -> None:
        """Wait until nothing is in hand, and only then let further calls begin."""
        async with self._gate:
            await _until(lambda: not self._in_hand and not busy())
            await anyio.sleep(0.1)
            self._apart = apart


async def _until(happened: Callable[[], bool]) -> None:
    while not happened():  # noqa: ASYNC110 - nobody calls when it happens
        await anyio.sleep(0.01)
