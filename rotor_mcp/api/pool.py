"""The HTTP connections to Rotor that all calls of a process share."""

import math
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import httpx2

from rotor_mcp import __version__
from rotor_mcp.api.http_client import open_transport
from rotor_mcp.config import Settings
from rotor_mcp.events import EventListener

API_VERSION = "1.1.0"
HEADERS = (
    ("accept", "application/json"),
    ("accept-encoding", "gzip, deflate"),  # what `response_body` unpacks
    ("rotor-api-version", API_VERSION),
    ("user-agent", f"rotor-mcp/{__version__}"),
)
"""Headers of each request, beside its API key."""

TransportFactory = Callable[[], httpx2.AsyncBaseTransport]
"""Makes the HTTP transport when the first request needs it."""


class ConnectionPool:
    """Connections to Rotor, opened by the first request. Each request carries its own API key."""

    def __init__(
        self,
        settings: Settings,
        transport: TransportFactory | None = None,
        listeners: Sequence[EventListener] = (),
    ) -> None:
        """Create a pool without connections."""
        self.settings = settings
        self.listeners = listeners
        self.host = urlsplit(settings.base_url).hostname or ""
        """The host of Rotor's API."""
        self.answered_at = -math.inf
        """When Rotor last answered any request, by `anyio.current_time`."""
        self._transport_factory = transport
        self._transport: httpx2.AsyncBaseTransport | None = None

    @property
    def networked(self) -> bool:
        """Whether requests leave this process."""
        return self._transport_factory is None

    def open(self) -> httpx2.AsyncBaseTransport:
        """Return the transport of all requests. It follows no redirect, along which the key would go.

        The first call loads certificates. Nothing is sent.

        Raises:
            Misconfigured: if the environment names a proxy or certificates that cannot be used.
        """
        if self._transport is None:
            make = self._transport_factory
            self._transport = make() if make else open_transport(self.settings.base_url)
        return self._transport

    async def aclose(self) -> None:
        """Close the connections. The next request opens new ones."""
        transport, self._transport = self._transport, None
        if transport is not None:
            await transport.aclose()
