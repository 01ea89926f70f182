"""Counts round trips in a row: how long a call takes if only Rotor takes time, on any machine."""

import anyio
import httpx2
from anyio.lowlevel import checkpoint

from rotor_mcp.api.pool import TransportFactory

QUIET_CYCLES = 100
"""Cycles of the event loop without a further request, after which none will come before an answer."""


class RoundTrips(httpx2.AsyncBaseTransport):
    """Holds requests until no other comes, and then answers them all: one round trip."""

    def __init__(self, transport: TransportFactory) -> None:
        self._transport = transport()
        self._held: list[anyio.Event] = []
        self.rounds = 0
        self.requests = 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.requests += 1
        answered = anyio.Event()
        self._held.append(answered)
        if len(self._held) == 1:
            await self._answer_when_quiet()
        await answered.wait()
        return await self._transport.handle_async_request(request)

    async def _answer_when_quiet(self) -> None:
        held, quiet = 0, 0
        while quiet < QUIET_CYCLES:
            await checkpoint()
            quiet = quiet + 1 if len(self._held) == held else 0
            held = len(self._held)
        self.rounds += 1
        for answered in self._held:
            answered.set()
        self._held = []

    async def aclose(self) -> None:
        await self._transport.aclose()
