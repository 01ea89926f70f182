"""The real server over real HTTP on a loopback port, for the length of a block, and clients of it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import anyio
import httpx2
import uvicorn
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from rotor_mcp.config import Settings
from rotor_mcp.hosting.app import build_app
from rotor_mcp.hosting.settings import HostSettings
from rotor_mcp.sandbox import FULL_KEY
from rotor_mcp.server.backend import open_registry
from rotor_mcp.sockets import http_url, listen
from tests.conftest import NOW


class _Server(uvicorn.Server):
    """A server that ends as soon as it is told to, where uvicorn looks ten times a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._told_to_end = asyncio.Event()

    def end(self) -> None:
        self.should_exit = True
        self._told_to_end.set()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self._told_to_end.wait()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def on_port(app: Any, **options: Any) -> AsyncIterator[str]:
    """Serve an application, and yield its address.

    Args:
        app: to serve.
        options: of uvicorn, beside those that are set here.
    """
    listener = listen()
    config = uvicorn.Config(app, lifespan="on", log_config=None, timeout_graceful_shutdown=1, **options)
    server = _Server(config)
    task = asyncio.create_task(server.serve([listener]))
    try:
        while not server.started:  # noqa: ASYNC110 - uvicorn tells it no other way
            await anyio.sleep(0.01)
        yield http_url(listener)
    finally:
        server.end()
        with anyio.CancelScope(shield=True):
            await task


@asynccontextmanager
async def hosted(
    transport: Callable[[], httpx2.AsyncBaseTransport],
    host: Mapping[str, object] | None = None,
    **settings: str,
) -> AsyncIterator[str]:
    """Host the server, by default with the key that may do everything, and yield its address."""
    loaded = Settings.load({"api_key": FULL_KEY, "timezone": "America/Chicago"} | settings)
    wanted = HostSettings.load(
        {"http": "127.0.0.1:0"} | {name: str(value) for name, value in (host or {}).items()}
    )
    tenants = open_registry(loaded, transport, lambda: NOW)
    async with on_port(build_app(loaded, wanted, tenants)) as url:
        yield url


@asynccontextmanager
async def calling(
    url: str, token: str | None = None, *, mode: Any = "2026-07-28", headers: Mapping[str, str] | None = None
) -> AsyncIterator[Client]:
    """A client of a hosted server that shows a token."""
    shown = {"authorization": f"Bearer {token}"} if token else {}
    async with (
        httpx2.AsyncClient(headers={**shown, **(headers or {})}, timeout=30) as http,
        Client(streamable_http_client(f"{url}/mcp", http_client=http), mode=mode) as client,
    ):
        yield client


def request(name: str, arguments: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
    """Headers and body of a tool call, for those who speak HTTP by hand."""
    headers = {
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "tools/call",
        "mcp-name": name,
    }
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    params = {"name": name, "arguments": dict(arguments), "_meta": meta}
    return headers, {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
