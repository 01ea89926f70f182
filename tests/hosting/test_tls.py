"""What `deploy/` puts before a server for TLS, run for real."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from rotor_mcp.api.pool import TransportFactory
from rotor_mcp.hosting.middleware import MAX_BODY_BYTES
from rotor_mcp.hosting.settings import HostSettings
from rotor_mcp.sandbox import Sandbox
from tests.conftest import JANE, text
from tests.hosting.servers import free_port
from tests.hosting.serving import hosted
from tests.hosting.tls import COMMANDS, DEPLOY, TlsProxy, tls_proxy

pytestmark = pytest.mark.anyio

TOKEN = "n1ght-agent-0nly-f0r-the-n1ght-agent"
proxies = pytest.mark.parametrize("program", sorted(COMMANDS))


@asynccontextmanager
async def behind(program: str, rotor: TransportFactory, directory: Path) -> AsyncIterator[TlsProxy]:
    """A server behind a proxy with TLS."""
    tokens = directory / "tokens"
    tokens.write_text(f"night-agent {TOKEN} all\n")
    tokens.chmod(0o600)
    port = free_port()
    host = {"public_url": f"https://localhost:{port}", "token_file": tokens}
    async with hosted(rotor, host) as url:
        with tls_proxy(program, directory, port, url) as proxy:
            yield proxy


@asynccontextmanager
async def client_of(proxy: TlsProxy) -> AsyncIterator[Client]:
    headers = {"authorization": f"Bearer {TOKEN}"}
    async with (
        httpx2.AsyncClient(headers=headers, verify=proxy.trust, timeout=30) as http,
        Client(streamable_http_client(f"{proxy.url}/mcp", http_client=http)) as client,
    ):
        yield client


@proxies
async def test_a_client_calls_over_tls(program: str, sandbox: Sandbox, tmp_path: Path) -> None:
    async with behind(program, sandbox.transport, tmp_path) as proxy, client_of(proxy) as client:
        result = await client.call_tool("get_lead", {"id": JANE})
        assert text(result).partition(".")[0] == "Jane Doe"


@proxies
async def test_only_the_endpoint_is_reached_from_outside(
    program: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    async with (
        behind(program, sandbox.transport, tmp_path) as proxy,
        httpx2.AsyncClient(base_url=proxy.url, verify=proxy.trust) as http,
    ):
        paths = ("/mcp", "/mcp/", "/", "/healthz", "/readyz", "/metrics", "/mcp/../healthz", "/mcpx")
        statuses = {path: (await http.post(path, content=b"{}")).status_code for path in paths}
    assert statuses == dict.fromkeys(paths, 404) | {"/mcp": 401, "/mcp/": 401}


@proxies
async def test_the_largest_body_passes_and_a_larger_one_is_refused(
    program: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
    async with (
        behind(program, sandbox.transport, tmp_path) as proxy,
        httpx2.AsyncClient(base_url=proxy.url, verify=proxy.trust, headers=headers) as http,
    ):
        largest = b'{"jsonrpc": "2.0", "id": 1, "method": "' + b"x" * (MAX_BODY_BYTES - 41) + b'"}'
        sizes = {MAX_BODY_BYTES: largest, 1_010_000: b"x" * 1_010_000, 5_000_000: b"x" * 5_000_000}
        statuses = {size: (await http.post("/mcp", content=body)).status_code for size, body in sizes.items()}
    assert len(largest) == MAX_BODY_BYTES
    assert statuses == {MAX_BODY_BYTES: 200, 1_010_000: 413, 5_000_000: 413}


class Held(httpx2.AsyncBaseTransport):
    """Keeps all writes but the first from Rotor until an event."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, event: anyio.Event) -> None:
        self._inner, self._event, self._writes = inner, event, 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "POST":
            self._writes += 1
            if self._writes > 1:
                await self._event.wait()
        return await self._inner.handle_async_request(request)


@proxies
async def test_progress_is_sent_on_when_it_is_made(program: str, sandbox: Sandbox, tmp_path: Path) -> None:
    rows = [{"name": f"Person {number}", "phone": f"(218) 200-{number:04}"} for number in range(8)]
    seen = anyio.Event()

    async def note(*_: object, **__: object) -> None:
        seen.set()

    with anyio.fail_after(30):
        async with (
            behind(program, lambda: Held(sandbox.transport(), seen), tmp_path) as proxy,
            client_of(proxy) as client,
        ):
            result = await client.call_tool("upsert_leads", {"rows": rows}, progress_callback=note)
    assert text(result).startswith("8 rows: 8 created.")


def test_idle_connections_are_closed_by_the_proxy_first() -> None:
    kept = HostSettings.model_fields["keep_alive"].default
    nginx, caddy = ((DEPLOY / name).read_text("utf-8") for name in ("nginx-tls.conf", "Caddyfile"))
    (nginx_keeps,) = re.findall(r"keepalive_timeout (\d+)s;", nginx)
    (caddy_keeps,) = re.findall(r"\tkeepalive (\d+)s\n", caddy)
    assert max(int(nginx_keeps), int(caddy_keeps)) < kept
    for file in (nginx, caddy):
        assert f"the {kept} seconds after which rotor-mcp closes" in file
