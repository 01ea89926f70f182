"""Liveness and readiness checks for load balancers."""

from contextlib import suppress
from typing import Any

import anyio
from starlette.requests import Request
from starlette.responses import JSONResponse

from rotor_mcp.api.client import LeadsClient
from rotor_mcp.api.pool import ConnectionPool
from rotor_mcp.errors import Refused, RotorError
from rotor_mcp.state.tenant_state import StateFactory, StateHealth

ANSWER_FRESH_SECONDS = 30.0
"""Seconds for which a response of Rotor proves that it is reachable."""
ROTOR_TIMEOUT_SECONDS = 4.0
"""Seconds that Rotor may take to respond. Load balancers do not wait long."""


async def alive(_: Request) -> JSONResponse:
    """Respond to a liveness probe."""
    return JSONResponse({"alive": True})


class Readiness:
    """Whether Rotor was reached recently, and whether Redis, if configured, can be used.

    If Rotor was not reached recently, a request without a key is sent, which counts against no quota. A
    required Redis makes the server unready until it could be used once, and later while it has a permanent
    fault. A temporary outage does not: all servers have it at once.
    """

    def __init__(self, pool: ConnectionPool, state_factory: StateFactory) -> None:
        self._pool = pool
        self._state_factory = state_factory
        self._lock = anyio.Lock()
        self._last_trouble: tuple[float, str] | None = None

    async def answer(self, _: Request) -> JSONResponse:
        """Respond to a readiness probe."""
        shared = StateHealth()

        async def check_shared() -> None:
            nonlocal shared
            shared = await self._state_factory.check()

        async with self._lock, anyio.create_task_group() as checks:
            checks.start_soon(check_shared)
            trouble = await self._find_trouble()
        if trouble is None and not shared.ready:
            trouble = f"Redis cannot be relied on: {shared.trouble}"
        if trouble is not None:
            return JSONResponse({"ready": False, "reason": trouble}, 503)
        ago = anyio.current_time() - self._pool.answered_at
        body: dict[str, Any] = {"ready": True, "rotor_answered_seconds_ago": round(ago)}
        if shared.trouble is not None:
            body["redis"] = shared.trouble
        return JSONResponse(body)

    async def _find_trouble(self) -> str | None:
        """Return why Rotor cannot be reached; None if it can."""
        now = anyio.current_time()
        if now - self._pool.answered_at < ANSWER_FRESH_SECONDS:
            return None
        if self._last_trouble is not None and now - self._last_trouble[0] < ROTOR_TIMEOUT_SECONDS:
            return self._last_trouble[1]
        trouble: str | None = f"Rotor did not answer within {ROTOR_TIMEOUT_SECONDS:g} seconds"
        with anyio.move_on_after(ROTOR_TIMEOUT_SECONDS):
            try:
                with suppress(Refused):  # Rotor is reachable
                    await LeadsClient(self._pool, None).ping()
                trouble = None
            except RotorError as exc:
                trouble = str(exc)
        self._last_trouble = (anyio.current_time(), trouble) if trouble else None
        return trouble
