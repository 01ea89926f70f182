"""The `Sandbox`: a store, the application, an in-process transport, and faults."""

from collections.abc import Mapping
from datetime import UTC
from pathlib import Path

import httpx2

from rotor_mcp.behavior import ASSUMED, Behavior
from rotor_mcp.dates import Clock, utc_now
from rotor_mcp.sandbox.api_keys import DEFAULT_KEYS, key_id
from rotor_mcp.sandbox.app import build_app
from rotor_mcp.sandbox.delayed_reads import DelayedReads
from rotor_mcp.sandbox.faults import Faults, ReplyLost
from rotor_mcp.sandbox.sample_leads import sample_leads
from rotor_mcp.sandbox.store import Store


class Sandbox:
    """Rotor's Leads API for one company, in this process."""

    def __init__(
        self,
        file: str | Path = ":memory:",
        *,
        leads: int = 150,
        quota: int = 1_000,
        keys: Mapping[str, tuple[str, ...]] = DEFAULT_KEYS,
        now: Clock = utc_now,
        behavior: Behavior = ASSUMED,
    ) -> None:
        """Open a sandbox, and create its SQLite file if it does not exist.

        If there are no leads, `leads` sample leads are added, dated relative to the day of `now` in UTC. Each
        of the keys, which are mapped to their scopes, has `quota` requests per day (UTC). `behavior`
        says what it does where the reference leaves that open.

        Raises:
            ValueError: if a key is not of the form `rotor_<keyId>_<keySecret>`, or the file has another
                version.
            sqlite3.Error: if the file cannot be opened or is no SQLite file.
        """
        for key in keys:
            key_id(key)
        self.behavior = behavior
        self.faults = Faults()
        self.requests: list[str] = []
        """Method and path below the base path of every request, such as "GET /leads"."""
        self.store = Store(file, behavior)
        self.store.seed(lambda: sample_leads(now().astimezone(UTC).date(), leads))
        self._reads = DelayedReads(self.store) if behavior.read_delay != "none" else self.store
        self.app = build_app(
            self.store,
            self._reads,
            behavior=behavior,
            keys=keys,
            quota=quota,
            now=now,
            faults=self.faults,
            request_log=self.requests,
        )

    def transport(self) -> httpx2.AsyncBaseTransport:
        """Return a transport that calls the application in-process, for any URL with the path `/open-api`.

        Unlike a server, it stops processing a request that the caller cancels.
        """
        return _InProcessTransport(self.app)

    def close(self) -> None:
        """Close the database. Leads in memory are lost."""
        self._reads.close()
        self.store.close()


class _InProcessTransport(httpx2.ASGITransport):
    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            return await super().handle_async_request(request)
        except ReplyLost:
            raise httpx2.ReadError("the sandbox dropped the reply", request=request) from None
