"""Idle, slow or too many connections are closed, and others are served."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import anyio
import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from rotor_mcp.hosting.app import SPARE_REQUESTS
from rotor_mcp.hosting.connections import MAX_CONNECTIONS, LimitedProtocol
from rotor_mcp.sandbox import FULL_KEY, Sandbox
from tests.conftest import posix
from tests.hosting.servers import server_process
from tests.hosting.serving import hosted, on_port, request
from tests.waiting import until

pytestmark = pytest.mark.anyio

GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
HELD = b"GET /held HTTP/1.1\r\nhost: a\r\n\r\n"


class Impatient(LimitedProtocol):
    head_timeout_seconds = 0.3
    send_timeout_seconds = 0.3


class Small(LimitedProtocol):
    max_connections = 3


class Connection:
    """A client's end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, request: bytes = GET) -> str:
        """Send a request; return the body of the answer, or nothing if the connection is closed."""
        self.writer.write(request)
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = int(httpx2.Headers(_pairs(head))["content-length"])
            return (await self.reader.readexactly(length)).decode()
        except (OSError, asyncio.IncompleteReadError):
            return ""

    async def closes(self) -> bool:
        """Wait until the other side closes it."""
        with anyio.move_on_after(10) as waiting:
            with suppress(OSError):  # it was reset
                await self.reader.read()
        return not waiting.cancelled_caught


def _pairs(head: bytes) -> list[tuple[str, str]]:
    lines = head.decode().splitlines()[1:]
    return [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines) if name]


class Site:
    """A server, and connections to it."""

    def __init__(self, stack: AsyncExitStack, port: int, held: anyio.Event, waiting: list[str]) -> None:
        self._stack = stack
        self._port = port
        self.held = held
        """Lets requests of /held end."""
        self.waiting = waiting
        """Requests of /held under way."""

    async def connect(self) -> Connection:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._stack.callback(writer.close)
        return Connection(reader, writer)


@asynccontextmanager
async def site(protocol: type[LimitedProtocol]) -> AsyncIterator[Site]:
    held, waiting = anyio.Event(), list[str]()

    async def answer(_: Request) -> Response:
        return PlainTextResponse("well")

    async def hold(_: Request) -> Response:
        waiting.append("held")
        await held.wait()
        return PlainTextResponse("held")

    async def large(_: Request) -> Response:
        return PlainTextResponse("x" * 50_000_000)

    routes = [
        Route("/", answer, methods=["GET", "POST"]),
        Route("/held", hold),
        Route("/large", large),
    ]
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(on_port(Starlette(routes=routes), http=protocol))
        stack.callback(held.set)
        yield Site(stack, httpx2.URL(url).port or 0, held, waiting)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"G",
        b"GET / HTTP/1.1\r\nhost: a\r\n",
        GET + b"POST",
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n123",
    ],
)
async def test_a_request_that_does_not_come(sent: bytes) -> None:
    async with site(Impatient) as served:
        connection = await served.connect()
        connection.writer.write(sent)
        assert await connection.closes()


async def test_a_head_that_drips() -> None:
    async with site(Impatient) as served, anyio.create_task_group() as group:
        connection = await served.connect()

        async def drip() -> None:
            for byte in b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 1_000:
                connection.writer.write(bytes([byte]))
                await anyio.sleep(0.02)

        group.start_soon(drip)
        assert await connection.closes()
        group.cancel_scope.cancel()


async def test_an_answer_that_nobody_takes() -> None:
    async with site(Impatient) as served:
        connection = await served.connect()
        connection.writer.write(b"GET /large HTTP/1.1\r\nhost: a\r\n\r\n")
        await anyio.sleep(1)
        assert await connection.closes(), "what was sent before is all that comes"


async def test_connections_that_are_used_again_stay() -> None:
    """Also those whose last request had a body that came after its answer."""
    post = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n"
    async with site(Impatient) as served:
        connection = await served.connect()
        assert await connection.ask(post) == "well"
        connection.writer.write(b"123456789")
        for _ in range(3):
            await anyio.sleep(0.4)
            assert await connection.ask() == "well"


async def test_one_that_never_asked_is_closed_first_and_then_the_one_that_is_idle_longest() -> None:
    async with site(Small) as served:
        first, second = await served.connect(), await served.connect()
        assert [await first.ask(), await second.ask()] == ["well", "well"]
        never = await served.connect()
        third = await served.connect()
        assert await never.closes()
        assert await third.ask() == "well"
        fourth = await served.connect()
        assert await first.closes()
        assert [await one.ask() for one in (second, third, fourth)] == ["well", "well", "well"]


async def test_one_with_a_request_in_hand_is_not_closed() -> None:
    async with site(Small) as served, anyio.create_task_group() as group:
        answers: list[str] = []

        async def hold(connection: Connection) -> None:
            answers.append(await connection.ask(HELD))

        for _ in range(3):
            group.start_soon(hold, await served.connect())
        await until(lambda: len(served.waiting) == 3)
        idle, other = await served.connect(), await served.connect()
        assert await idle.closes()
        assert await other.ask() == "well"
        served.held.set()
    assert answers == ["held"] * 3


@posix
@pytest.mark.parametrize("sent", [b"", b"POST /mcp HTTP/1.1\r\nhost: localhost\r\n"])
async def test_a_thousand_idle_connections_shut_nobody_out(sent: bytes) -> None:
    with server_process({"ROTOR_API_KEY": FULL_KEY}) as server:
        idle = [socket.create_connection(("127.0.0.1", server.port), 5) for _ in range(MAX_CONNECTIONS + 210)]
        for connection in idle:
            with suppress(OSError):  # it was closed already
                connection.sendall(sent)
        async with httpx2.AsyncClient(timeout=10) as http:
            statuses = [(await http.get(f"{server.url}/healthz")).status_code for _ in range(20)]
        assert statuses == [200] * 20
        for connection in idle:
            connection.close()


async def test_one_caller_cannot_hold_all_connections(sandbox: Sandbox, tmp_path: Path) -> None:
    """With requests whose bodies do not come. Those of others are answered, and its own when the first end."""
    ann, ben = "a" * 32, "b" * 32
    (tmp_path / "tokens").write_text(f"ann {ann} all\nben {ben} all\n")
    (tmp_path / "tokens").chmod(0o600)
    headers, call = request("search_leads", {"search": "jane doe"})

    async with (
        hosted(sandbox.transport, {"token_file": tmp_path / "tokens", "calls_at_once": 2}) as url,
        AsyncExitStack() as stack,
        httpx2.AsyncClient(timeout=30) as http,
    ):

        async def ask(token: str) -> httpx2.Response:
            shown = headers | {"authorization": f"Bearer {token}"}
            return await http.post(f"{url}/mcp", headers=shown, json=call)

        async def begin() -> asyncio.StreamWriter:
            _, writer = await asyncio.open_connection("127.0.0.1", httpx2.URL(url).port)
            stack.callback(writer.close)
            lines = {"host": "localhost", "authorization": f"Bearer {ann}", "content-length": "9", **headers}
            head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
            writer.write(f"POST /mcp HTTP/1.1\r\n{head}\r\n1".encode())
            return writer

        slow = [await begin() for _ in range(2 + SPARE_REQUESTS)]
        refused = await _when(lambda: ask(ann), 429)
        assert (refused.json(), refused.headers["retry-after"]) == (
            {"error": "26 requests of yours are under way; wait for one of them to end"},
            "1",
        )
        assert (await ask(ben)).status_code == 200
        slow[0].close()
        assert (await _when(lambda: ask(ann), 200)).status_code == 200


async def _when(ask: Callable[[], Awaitable[httpx2.Response]], status: int) -> httpx2.Response:
    """Ask until the status is this one."""
    with anyio.fail_after(8):  # before the server gives up waiting for the bodies
        while (answer := await ask()).status_code != status:  # noqa: ASYNC110 - nobody tells
            await anyio.sleep(0.01)
    return answer
