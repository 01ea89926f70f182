"""Several server processes that share a Redis, behind one nginx: what the chaos test calls."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import anyio
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from starlette.requests import Request

from rotor_mcp.sandbox.faults import ReplyLost
from tests.chaos.playing import Wire
from tests.chaos.replicas import Replicas
from tests.hosting.nginx import Nginx, nginx
from tests.hosting.servers import ServerProcess, server_process
from tests.hosting.serving import on_port
from tests.state.redis.servers import RedisServer

KILLED = 0.8
"""After which part of the calls one of the servers is killed: all of them share Redis again by then."""


class Fleet(Replicas):
    """Server processes. Calls that may go anywhere go through nginx; those with a home go there directly."""

    def __init__(self, number: int, redis: RedisServer, directory: Path) -> None:
        super().__init__(number, redis)
        self._directory = directory
        self._url = redis.url
        self.servers: list[ServerProcess] = []
        self.balancer: Nginx | None = None

    async def open(
        self, stack: AsyncExitStack, wire: Wire, settings: Mapping[str, str], mode: str
    ) -> Sequence[Client]:
        """Start the servers until the stack is closed, and return a client of each, and one of nginx."""
        rotor = await stack.enter_async_context(on_port(tapped(wire)))
        environment = {
            "ROTOR_API_KEY": settings["api_key"],
            "ROTOR_BASE_URL": f"{rotor}/open-api",
            "ROTOR_MCP_TIMEOUT": settings["timeout"],
            "ROTOR_MCP_REDIS_URL": self._url,
            "ROTOR_MCP_CALLS_AT_ONCE": "100",
            "ROTOR_MCP_CALLS_PER_MINUTE": "1000000",
        }
        for _ in range(self.number):
            self.servers.append(
                await anyio.to_thread.run_sync(lambda: stack.enter_context(server_process(environment)))
            )
        self.balancer = stack.enter_context(nginx(self._directory, [server.port for server in self.servers]))
        clients = []
        for url in (*(server.url for server in self.servers), self.balancer.url):
            http = await stack.enter_async_context(httpx2.AsyncClient(timeout=60))
            transport = streamable_http_client(f"{url}/mcp", http_client=http)
            clients.append(await stack.enter_async_context(Client(transport, mode=mode)))
        return clients

    def any_server(self) -> int:
        """Through nginx."""
        return self.number

    async def outage(self, progress: Callable[[], float], busy: Callable[[], bool]) -> None:
        """Restart Redis in the middle of the calls, and later kill a server that has some in hand."""
        await super().outage(progress, busy)
        while progress() < KILLED or not busy():  # noqa: ASYNC110 - nobody calls when it happens
            await anyio.sleep(0.005)
        self.servers[0].kill()
        self._state = "one was killed"


def tapped(wire: Wire) -> Any:
    """Rotor as an application, with the wire listening in.

    It stops working on a request when the caller gives up waiting. What arrives after that, and after other
    writes to the same person, nothing here could keep from doing harm.
    """

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        asked = await Request(scope, receive).body()
        if scope["method"] == "POST":
            wire.sent(asked)
        shown, status = bytearray(), 0

        async def take() -> Any:
            return {"type": "http.request", "body": asked, "more_body": False}

        async def give(message: Any) -> None:
            nonlocal status
            status = message.get("status", status)
            shown.extend(message.get("body", b""))
            await send(message)

        async def work() -> None:
            await wire.rotor.app(scope, take, give)
            group.cancel_scope.cancel()

        wire.open += 1
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(work)
                await receive()  # returns when the caller goes away
                group.cancel_scope.cancel()
        except* ReplyLost:
            raise ReplyLost from None
        finally:
            wire.open -= 1
        if scope["method"] == "GET" and status == 200:
            wire.shown(httpx2.URL(scope["path"], query=scope["query_string"]), bytes(shown))

    return app
