"""Counts round trips in a row: how long a call takes if only Rotor takes time, on any machine."""

from collections.abc import Awaitable, Callable

import anyio
import httpx2
from anyio.lowlevel import checkpoint

from rotor_mcp.api.pool import TransportFactory

QUIET_CYCLES = 100
"""Cycles of the event loop without a further request, after which none will come before an answer."""


class RoundTrips(httpx2.AsyncBaseTransport):
    """Holds requests until no other comes, and then answers them all, one after the other: one round trip."""

    def __init__(
        self,
        transport: TransportFactory,
        order: Callable[[list[httpx2.Request]], list[httpx2.Request]] = list,
        after_each: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Count what goes through a transport.

        Args:
            transport: that answers.
            order: in which requests of one round are answered.
            after_each: is called after each answer, before the next is made.
        """
        self._transport = transport()
        self._order, self._after_each = order, after_each
        self._held: dict[int, tuple[httpx2.Request, anyio.Event]] = {}
        self._answers: dict[int, httpx2.Response] = {}
        self.rounds = 0
        self.requests = 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.requests += 1
        answered = anyio.Event()
        self._held[id(request)] = request, answered
        if len(self._held) == 1:
            await self._answer_when_quiet()
        await answered.wait()
        return self._answers.pop(id(request))

    async def _answer_when_quiet(self) -> None:
        held, quiet = 0, 0
        while quiet < QUIET_CYCLES:
            await checkpoint()
            quiet = quiet + 1 if len(self._held) == held else 0
            held = len(self._held)
        self.rounds += 1
        waiting, self._held = self._held, {}
        for request in self._order([request for request, _ in waiting.values()]):
            self._answers[id(request)] = await self._transport.handle_async_request(request)
            if self._after_each:
                await self._after_each()
        for _, answered in waiting.values():
            answered.set()

    async def aclose(self) -> None:
        await self._transport.aclose()
