"""The sandbox as an object: a store, an application over it, and ways to reach and to disturb it."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import httpx2

from rotor_mcp.sandbox.api_keys import DEFAULT_KEYS, key_id
from rotor_mcp.sandbox.app import build_app
from rotor_mcp.sandbox.faults import Faults, ReplyLost
from rotor_mcp.sandbox.sample_leads import sample_leads
from rotor_mcp.sandbox.store import Store


def _now() -> datetime:
    return datetime.now(UTC)


class Sandbox:
    """Rotor's Leads API for one company, in this process."""

    def __init__(
        self,
        file: str | Path = ":memory:",
        *,
        leads: int = 150,
        quota: int = 1_000,
        keys: Mapping[str, tuple[str, ...]] = DEFAULT_KEYS,
        now: Callable[[], datetime] = _now,
    ) -> None:
        """Open the company that a file holds, or found one.

        Args:
            file: SQLite file that keeps leads and use of keys; in memory by default.
            leads: sample leads for a company that has none.
            quota: requests per key and day, which begins at midnight UTC.
            keys: API key → its scopes.
            now: the time, aware of its zone; sample leads are dated relative to its day in UTC.

        Raises:
            ValueError: if a key is not of the form `rotor_<keyId>_<keySecret>`, or the file is of another
                version of the sandbox.
            sqlite3.Error: if the file cannot be opened or is no SQLite file.
        """
        for key in keys:
            key_id(key)
        self.faults = Faults()
        self.requests: list[str] = []
        """Method and path below the base path of every request so far, such as "GET /leads"."""
        self.store = Store(file)
        self.store.seed(lambda: sample_leads(now().astimezone(UTC).date(), leads))
        self.app = build_app(
            self.store, keys=keys, quota=quota, now=now, faults=self.faults, request_log=self.requests
        )

    def transport(self) -> httpx2.AsyncBaseTransport:
        """Reach the sandbox without a port: any address will do whose path begins with `/open-api`.

        Unlike a server, it stops working on a request when the caller gives up waiting.
        """
        return _InProcessTransport(self)

    def close(self) -> None:
        """Close the file. Leads in memory are gone."""
        self.store.close()


class _InProcessTransport(httpx2.AsyncBaseTransport):
    def __init__(self, sandbox: Sandbox) -> None:
        self._asgi = httpx2.ASGITransport(app=sandbox.app)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            return await self._asgi.handle_async_request(request)
        except ReplyLost:
            raise httpx2.ReadError("the sandbox dropped the reply", request=request) from None
