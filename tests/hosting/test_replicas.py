"""Three real servers behind the real nginx, configured as `deploy/` does it, with one of them killed under way."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client
from starlette.types import ASGIApp, Receive, Scope, Send

from rotor_mcp.sandbox import FULL_KEY, Fault, Sandbox
from rotor_mcp.sandbox.requests import Listing
from rotor_mcp.sandbox.server import serving
from tests.conftest import JANE, text
from tests.hosting.nginx import Nginx, nginx
from tests.hosting.servers import ServerProcess, server_process
from tests.hosting.serving import calling
from tests.state.redis.servers import redis_server
from tests.waiting import until

pytestmark = pytest.mark.anyio

TOKEN = "n1ght-agent-0nly-f0r-the-n1ght-agent"
PUBLIC = "https://rotor.example.com"


class Asking:
    """Notes through which of Rotor's ports a request came: each replica has one of its own."""

    def __init__(self, app: ASGIApp, asked: list[tuple[str, int]]) -> None:
        self._app, self._asked = app, asked

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._asked.append((scope["method"], scope["server"][1]))
        await self._app(scope, receive, send)


@dataclass
class Fleet:
    """What is behind one address."""

    nginx: Nginx
    replicas: list[ServerProcess]
    rotor_ports: list[int]
    asked: list[tuple[str, int]] = field(default_factory=list)

    def holder(self, method: str) -> ServerProcess:
        """The replica that sent the last such request to Rotor."""
        port = [port for sent, port in self.asked if sent == method][-1]
        return self.replicas[self.rotor_ports.index(port)]

    def counts(self, method: str) -> list[int]:
        """How many such requests each replica sent to Rotor."""
        counts = Counter(port for sent, port in self.asked if sent == method)
        return [counts[port] for port in self.rotor_ports]


@asynccontextmanager
async def fleet(sandbox: Sandbox, directory: Path) -> AsyncIterator[Fleet]:
    asked: list[tuple[str, int]] = []
    sandbox.app.add_middleware(Asking, asked)
    tokens = directory / "tokens"
    tokens.write_text(f"night-agent {TOKEN} all\n")
    tokens.chmod(0o600)
    async with AsyncExitStack() as rotor:
        urls = [await rotor.enter_async_context(serving(sandbox)) for _ in range(3)]
        with ExitStack() as running:
            redis = running.enter_context(redis_server(directory))
            replicas = []
            for url in urls:
                given = {
                    "ROTOR_API_KEY": FULL_KEY,
                    "ROTOR_BASE_URL": url,
                    "ROTOR_MCP_PUBLIC_URL": PUBLIC,
                    "ROTOR_MCP_TOKEN_FILE": str(tokens),
                    "ROTOR_MCP_REDIS_URL": redis.url,
                    "ROTOR_MCP_SEARCH_MEMORY": "0",
                }
                replicas.append(running.enter_context(server_process(given)))
            front = running.enter_context(nginx(directory, [replica.port for replica in replicas]))
            ports = [httpx2.URL(url).port or 0 for url in urls]
            yield Fleet(front, replicas, ports, asked)


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_calls_go_on_when_a_replica_is_killed(sandbox: Sandbox, tmp_path: Path, mode: Any) -> None:
    async with fleet(sandbox, tmp_path) as three:

        async def read(times: int) -> list[str]:
            seen = []
            async with calling(three.nginx.url, TOKEN, mode=mode) as client:
                for _ in range(times):
                    result = await client.call_tool("get_lead", {"id": JANE})
                    seen.append(text(result).partition(".")[0])
            return seen

        async def many() -> None:
            async with anyio.create_task_group() as group:
                for _ in range(6):
                    group.start_soon(read, 4)

        await many()
        assert min(three.counts("GET")) > 0, "every replica has work"
        three.replicas[0].kill()
        before = three.counts("GET")
        assert set(await read(12)) == {"Jane Doe"}
        await many()
        after = three.counts("GET")
        assert (after[0], after[1] > before[1], after[2] > before[2]) == (before[0], True, True)


async def test_a_write_whose_replica_is_killed_is_not_sent_again(sandbox: Sandbox, tmp_path: Path) -> None:
    async with fleet(sandbox, tmp_path) as three:
        ends: list[BaseException] = []

        async def write(client: Client) -> None:
            try:
                await client.call_tool("upsert_lead", {"name": "Dana", "phone": "612-555-0142"})
            except Exception as exc:
                ends.append(exc)

        # Carried out, and then not answered before the replica is gone.
        sandbox.faults.add(Fault(method="POST", carried_out=True, delay=60))
        async with calling(three.nginx.url, TOKEN) as client:
            with anyio.fail_after(30):
                async with anyio.create_task_group() as group:
                    group.start_soon(write, client)
                    await until(lambda: sandbox.store.page(Listing(search="Dana"))[1])
                    three.holder("POST").kill()
        # nginx answers the caller only when it will not send the call to another replica.
        assert len(ends) == 1, "the caller is told"
        assert sum(three.counts("POST")) == 1
        async with calling(three.nginx.url, TOKEN) as client:
            found = await client.call_tool("upsert_lead", {"name": "Dana", "phone": "612-555-0142"})
        assert text(found).startswith("Nothing to change")
        assert sum(three.counts("POST")) == 1


async def test_what_nginx_passes_on(sandbox: Sandbox, tmp_path: Path) -> None:
    headers = {"authorization": f"Bearer {TOKEN}", "accept": "application/json, text/event-stream"}
    message = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    async with fleet(sandbox, tmp_path) as three, httpx2.AsyncClient(base_url=three.nginx.url) as http:

        async def status(method: str, path: str, **more: Any) -> int:
            return (await http.request(method, path, **more)).status_code

        assert await status("GET", "/healthz") == 200
        assert (await http.get("/readyz")).json()["ready"] is True
        assert await status("GET", "/other") == 404
        assert await status("POST", "/mcp", json=message) == 401
        for host, expected in (("rotor.example.com", 200), ("evil.example.com", 421)):
            sent = headers | {"host": host}
            assert await status("POST", "/mcp", json=message, headers=sent) == expected
        # A little too large is refused by a replica in words, far too large by nginx.
        for length in (1_010_000, 2_000_000):
            assert await status("POST", "/mcp", content=b"x" * length, headers=headers) == 413


async def test_progress_comes_when_it_is_made(sandbox: Sandbox, tmp_path: Path) -> None:
    moments: list[float] = []

    async def note(*_: object, **__: object) -> None:
        moments.append(anyio.current_time())

    rows = [{"name": f"Ann {number}", "phone": f"612-555-01{number:02}"} for number in range(8)]
    sandbox.faults.add(Fault(method="POST", delay=0.3, times=8))
    async with fleet(sandbox, tmp_path) as three, calling(three.nginx.url, TOKEN) as client:
        await client.call_tool("upsert_leads", {"rows": rows}, progress_callback=note)
        ended = anyio.current_time()
    assert len(moments) > 1
    assert ended - moments[0] > 0.3
