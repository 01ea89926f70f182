"""Liveness and readiness checks for load balancers."""

import logging
import math
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
from starlette.requests import Request
from starlette.responses import JSONResponse

from rotor_mcp.api.client import LeadsClient
from rotor_mcp.api.hooks import ApiHooks
from rotor_mcp.errors import NotAuthorised, Refused, RotorError
from rotor_mcp.hosting.settings import HostSettings
from rotor_mcp.state.tenant_state import StateHealth
from rotor_mcp.tenants import TenantRegistry

ANSWER_FRESH_SECONDS = 30.0
"""Seconds for which a response of Rotor proves that it is reachable."""
ROTOR_TIMEOUT_SECONDS = 4.0
"""Seconds that Rotor may take to respond. Load balancers do not wait long."""
FIRST_KEY_PAUSE_SECONDS = 60.0
"""Between the first two checks of a key that Rotor did not accept. Each further pause is twice as long."""
MAX_KEY_PAUSE_SECONDS = 3_600.0

logger = logging.getLogger(__name__)


async def alive(_: Request) -> JSONResponse:
    """Respond to a liveness probe."""
    return JSONResponse({"alive": True})


class Readiness:
    """Whether this server can do what a caller wants: it has a key that Rotor accepts, and a usable Redis.

    While Rotor is away, all servers are without it, and their answers say so: that makes none of them unready
    unless the settings say otherwise. For a temporary outage of Redis it is the same.
    """

    def __init__(self, tenants: TenantRegistry, host: HostSettings) -> None:
        self._tenants = tenants
        self._pool = tenants.pool
        self._rotor_required = host.rotor_required
        self._own_key = host.key_from == "server"
        self._lock = anyio.Lock()
        self._next_key_check = -math.inf
        self._key_pause = FIRST_KEY_PAUSE_SECONDS
        self._rotor_trouble: str | None = None
        self._trouble_since = -math.inf
        self._reason: str | None = None
        """Why the last probe was told that this server is not ready."""

    async def answer(self, _: Request) -> JSONResponse:
        """Respond to a readiness probe."""
        shared = StateHealth()

        async def check_shared() -> None:
            nonlocal shared
            shared = await self._tenants.state_factory.check()

        async with self._lock, anyio.create_task_group() as checks:
            checks.start_soon(check_shared)
            await self._ask_rotor()
        reason = self._key_trouble()
        rotor_trouble = self._rotor_trouble if self._pool.answered_at <= self._trouble_since else None
        if reason is None and self._rotor_required:
            reason = rotor_trouble
        if reason is None and not shared.ready:
            reason = f"Redis cannot be relied on: {shared.trouble}"
        self._report(reason)
        if reason is not None:
            return JSONResponse({"ready": False, "reason": reason}, 503)
        body: dict[str, Any] = {"ready": True}
        if self._pool.answered_at > -math.inf:
            body["rotor_answered_seconds_ago"] = round(anyio.current_time() - self._pool.answered_at)
        if rotor_trouble is not None:
            body["rotor"] = rotor_trouble
        if shared.trouble is not None:
            body["redis"] = shared.trouble
        return JSONResponse(body)

    def _key_trouble(self) -> str | None:
        """Return why no call can succeed with the key of this server, as far as known."""
        settings = self._pool.settings
        if not self._own_key:
            return None
        if settings.key is None:
            return settings.key_trouble
        if (status := self._tenants.default.state.key_refused) is not None:
            return (
                f"Rotor refuses the key in {settings.source('api_key')} ({status}): make a new one in Rotor "
                "under Settings → Integrations, and restart this server with it"
            )
        return None

    async def _ask_rotor(self) -> None:
        """Ask Rotor with the key until it is known to be accepted; else without, if Rotor is required."""
        now = anyio.current_time()
        if self._own_key and self._pool.settings.key is not None and now >= self._next_key_check:
            state = self._tenants.default.state
            if state.key_refused is not None or not state.key_accepted:
                self._next_key_check = now + self._key_pause
                self._key_pause = min(2 * self._key_pause, MAX_KEY_PAUSE_SECONDS)
                await self._within_time(self._check_key)
                return
        is_stale = now - self._pool.answered_at >= ANSWER_FRESH_SECONDS
        if self._rotor_required and is_stale and now - self._trouble_since >= ROTOR_TIMEOUT_SECONDS:
            await self._within_time(LeadsClient(self._pool, None).ping)

    async def _check_key(self) -> None:
        """Send one request with the key, which counts against its quota.

        Only 401 is a refusal here: a key may be allowed to use leads and not this endpoint.
        """
        state = self._tenants.default.state
        hooks = ApiHooks(request_sent=lambda _: state.request_counter.add())
        try:
            await LeadsClient(self._pool, self._pool.settings.credentials, hooks).access()
        except NotAuthorised as exc:
            state.key_refused = exc.status
        else:
            state.key_accepted, state.key_refused = True, None

    async def _within_time(self, ask: Callable[[], Awaitable[None]]) -> None:
        """Send a request to Rotor, and note whether it can be reached."""
        trouble: str | None = f"Rotor did not answer within {ROTOR_TIMEOUT_SECONDS:g} seconds"
        with anyio.move_on_after(ROTOR_TIMEOUT_SECONDS):
            try:
                await ask()
                trouble = None
            except Refused:  # Rotor is reachable
                trouble = None
            except RotorError as exc:
                trouble = str(exc)
        self._rotor_trouble, self._trouble_since = trouble, anyio.current_time()

    def _report(self, reason: str | None) -> None:
        """Tell the listeners whether this server is ready, and the log, if that has changed."""
        for listener in self._tenants.listeners:
            listener.readiness_told(ready=reason is None)
        if reason is not None and reason != self._reason:
            logger.warning("not ready: %s", reason, extra={"event": "not_ready", "reason": reason})
        elif reason is None and self._reason is not None:
            logger.info("ready again", extra={"event": "ready"})
        self._reason = reason
