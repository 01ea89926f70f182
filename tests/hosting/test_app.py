"""The web application, as seen by clients, browsers, load balancers and attackers."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import closing
from typing import Any, cast

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import ElicitResult
from starlette.requests import Request
from starlette.responses import JSONResponse

from rotor_mcp.hosting.access import KEY_HEADER, request_api_key
from rotor_mcp.hosting.middleware import ApiKeyHeaderMiddleware, BodyLimitMiddleware
from rotor_mcp.sandbox import FULL_KEY, Sandbox
from tests.conftest import JANE, text
from tests.hosting.issuers import PUBLIC_URL
from tests.hosting.serving import calling, hosted, on_port, request
from tests.logs import logged_json
from tests.waiting import until

pytestmark = pytest.mark.anyio


@pytest.fixture
async def url(sandbox: Sandbox) -> AsyncIterator[str]:
    """A server for this machine alone."""
    async with hosted(sandbox.transport) as address:
        yield address


class Alternately(httpx2.AsyncBaseTransport):
    """A load balancer that sends each request to the other replica."""

    def __init__(self, *ports: int) -> None:
        self.ports = list(ports)
        self.inner = httpx2.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.ports.append(self.ports.pop(0))
        request.url = request.url.copy_with(port=self.ports[0])
        return await self.inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self.inner.aclose()


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_each_request_may_come_to_another_replica(mode: Any, sandbox: Sandbox) -> None:
    async with hosted(sandbox.transport) as one, hosted(sandbox.transport) as other:
        balancer = Alternately(*(httpx2.URL(each).port or 0 for each in (one, other)))
        async with (
            httpx2.AsyncClient(transport=balancer) as http,
            Client(streamable_http_client(f"{one}/mcp", http_client=http), mode=mode) as client,
        ):
            results = [await client.call_tool("search_leads", {"search": "jane doe"}) for _ in range(4)]
    assert [result.is_error for result in results] == [False] * 4


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_both_eras_without_a_session(mode: Any, url: str) -> None:
    async with calling(url, mode=mode) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == [
            "upsert_lead",
            "upsert_leads",
            "search_leads",
            "get_lead",
        ]
        created = await client.call_tool("upsert_lead", {"name": "Zoë Núñez", "phone": "612-555-0142"})
        read = await client.read_resource(f"rotor://leads/{JANE}")
    assert text(created).startswith("Created Zoë Núñez.")
    assert read.contents[0].uri == f"rotor://leads/{JANE}"


async def test_a_question_is_answered_to_another_replica(sandbox: Sandbox) -> None:
    """What waits for the person's answer is sealed with what all replicas have in common."""

    async def approve(_context: object, _params: object) -> ElicitResult:
        return ElicitResult(action="accept", content={"approve": True})

    async with hosted(sandbox.transport) as one, hosted(sandbox.transport) as other:
        balancer = Alternately(*(httpx2.URL(each).port or 0 for each in (one, other)))
        async with (
            httpx2.AsyncClient(transport=balancer) as http,
            Client(
                streamable_http_client(f"{one}/mcp", http_client=http),
                mode="2026-07-28",
                elicitation_callback=cast("Any", approve),
            ) as client,
        ):
            result = await client.call_tool("upsert_lead", {"name": "Bob Doe", "phone": "763-555-0100"})
    assert text(result).splitlines()[:2] == [
        "Updated Bob Doe (matched by phone). 3 requests spent.",
        "  name: Jane Doe → Bob Doe",
    ]


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_a_call_leaves_no_task_behind(mode: Any, url: str) -> None:
    async with calling(url, mode=mode) as client:
        counts: list[int] = []
        for _ in range(3):
            async with anyio.create_task_group() as group:
                for number in range(30):
                    group.start_soon(client.call_tool, "search_leads", {"search": f"5550{number % 7}"})
            await until(lambda: not counts or len(asyncio.all_tasks()) <= counts[0])
            counts.append(len(asyncio.all_tasks()))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example.com"}, 421),
        ({"host": "127.0.0.1.evil.example.com:80"}, 421),
        ({"host": "rotor.example.com"}, 200),
        ({"host": "rotor.example.com:443"}, 200),
        ({"origin": "https://evil.example.com"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "https://rotor.example.com"}, 200),
        ({"origin": "https://rotor.example.com.evil.example.com"}, 403),
    ],
)
async def test_who_may_be_meant_and_where_it_may_come_from(
    headers: dict[str, str], status: int, sandbox: Sandbox
) -> None:
    """A page in somebody's browser must not reach a server on their machine by a name of its own."""
    known, body = request("search_leads", {"search": "jane doe"})
    async with hosted(sandbox.transport, {"public_url": PUBLIC_URL}) as url, httpx2.AsyncClient() as http:
        answer = await http.post(f"{url}/mcp", headers=known | headers, json=body)
    assert answer.status_code == status
    assert len(sandbox.requests) == (status == 200)


async def test_a_web_page_that_is_allowed(sandbox: Sandbox) -> None:
    origin = "https://inspector.example.com"
    asked = {"origin": origin, "access-control-request-method": "POST"}
    async with hosted(sandbox.transport, {"allowed_origins": origin}) as url, httpx2.AsyncClient() as http:
        allowed = await http.options(f"{url}/mcp", headers=asked)
        other = await http.options(f"{url}/mcp", headers=asked | {"origin": "https://evil.example.com"})
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, origin)
    assert (other.status_code, other.headers.get("access-control-allow-origin")) == (400, None)


async def test_a_body_that_is_too_large(url: str, sandbox: Sandbox) -> None:
    headers, body = request("upsert_lead", {"name": "Dana", "notes": "x" * 1_000_000})

    async def in_pieces() -> AsyncIterator[bytes]:
        for _ in range(2_000):
            yield b" " * 1_000

    async with httpx2.AsyncClient() as http:
        whole = await http.post(f"{url}/mcp", headers=headers, json=body)
        pieces = await http.post(f"{url}/mcp", headers=headers, content=in_pieces())
    for answer in (whole, pieces):
        assert (answer.status_code, answer.json()) == (
            413,
            {"error": "the body has more than 1,000,000 bytes"},
        )
    assert sandbox.requests == []


async def test_a_body_that_is_too_slow() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            body = await Request(scope, receive).body()
            await JSONResponse({"read": len(body)})(scope, receive, send)

    head = b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\n"

    def send(*pieces: bytes, port: int) -> bytes:
        with closing(socket.create_connection(("127.0.0.1", port), timeout=10)) as connection:
            for piece in pieces:
                connection.sendall(piece)
            received = b""
            while part := connection.recv(4_096):
                received += part
                if b"}" in part:
                    break
            return received

    async with on_port(BodyLimitMiddleware(app, body_timeout_seconds=0.3)) as url:
        port = httpx2.URL(url).port or 0
        slow = await anyio.to_thread.run_sync(lambda: send(head, b"12345", port=port))
        well = await anyio.to_thread.run_sync(lambda: send(head, b"12345", b"67890", port=port))
    assert slow.startswith(b"HTTP/1.1 408 ")
    assert slow.endswith(b'{"error":"the body did not come within 0.3 seconds"}')
    assert b"connection: close" in slow
    assert well.endswith(b'{"read":10}')


async def test_no_header_gets_into_a_request_to_rotor() -> None:
    seen: list[httpx2.Request] = []

    def note(asked: httpx2.Request) -> httpx2.Response:
        seen.append(asked)
        return httpx2.Response(200, json={"data": [], "pagination": {"has_more": False, "total": 0}})

    evil = "x\r\nx-api-key: rotor_evil_evilevil\r\n\r\nGET /open-api/leads HTTP/1.1"
    async with hosted(lambda: httpx2.MockTransport(note)) as url, calling(url) as client:
        by_id = await client.call_tool("get_lead", {"id": f"{JANE}{evil}"})
        await client.call_tool("search_leads", {"search": evil})
    assert text(by_id).startswith("Nothing was sent.\nid: not a lead id")
    # Nothing is found, so that a further page is read to compare the text here.
    assert [str(asked.url.copy_with(query=None)) for asked in seen] == [
        "https://api.getrotor.com/open-api/leads"
    ] * 2
    assert seen[0].url.params["search"] == " ".join(evil.split())
    assert all("evil" not in value for asked in seen for name, value in asked.headers.items())
    assert b"\r" not in seen[0].url.raw_path
    assert seen[0].headers.get_list("x-api-key") == [FULL_KEY]


async def test_a_redirect_takes_no_key_along() -> None:
    elsewhere: list[str] = []

    async def other(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            elsewhere.append(scope["path"])
            await JSONResponse({})(scope, receive, send)

    async with on_port(other) as evil:

        async def rotor(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http":
                away = JSONResponse({}, 302, {"location": f"{evil}/open-api/leads"})
                await away(scope, receive, send)

        async with (
            on_port(rotor) as rotor_url,
            hosted(httpx2.AsyncHTTPTransport, base_url=f"{rotor_url}/open-api") as url,
            calling(url) as client,
        ):
            result = await client.call_tool("search_leads", {})
    assert (result.is_error, elsewhere) == (True, [])
    assert "302" in text(result)


async def test_a_key_that_came_along_is_seen_by_nobody_else() -> None:
    seen: list[tuple[bool, str | None]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            seen.append((KEY_HEADER in Request(scope).headers, request_api_key.get()))
            await JSONResponse({})(scope, receive, send)

    async with on_port(ApiKeyHeaderMiddleware(app)) as url, httpx2.AsyncClient() as http:
        await http.get(url, headers={KEY_HEADER: "rotor_a_s3cr3t"})
        await http.get(url)
        await http.get(url, headers=[(KEY_HEADER, "rotor_a_s3cr3t"), (KEY_HEADER, "rotor_b_s3cr3t")])
    assert seen == [(False, "rotor_a_s3cr3t"), (False, None), (False, None)]
    assert request_api_key.get() is None


async def test_the_access_log(url: str) -> None:
    headers, body = request("search_leads", {"search": "612-555-0142"})
    with logged_json() as lines:
        async with httpx2.AsyncClient() as http:
            await http.post(f"{url}/mcp?who=Dana", headers=headers | {"x-request-id": "edge-1"}, json=body)
            await http.get(f"{url}/healthz")
            await http.get(f"{url}/leads/Dana%0AWhitfield")
            await http.post(f"{url}/mcp", headers=headers | {"mcp-name": "Dana 612-555-0142"}, json=body)
        written = [line for line in lines() if line["event"] == "http_request"]
    common = ("time", "level", "event", "message", "request_id", "milliseconds")
    assert [tuple(line) for line in written] == [
        (*common[:5], "method", "path", "status", "milliseconds", "call", "tool"),
        (*common[:5], "method", "path", "status", "milliseconds"),
        (*common[:5], "method", "path", "status", "milliseconds"),
        (*common[:5], "method", "path", "status", "milliseconds", "call"),
    ]
    assert written[0]["request_id"] == "edge-1"
    assert [{name: line[name] for name in line if name not in common} for line in written] == [
        {"method": "POST", "path": "/mcp", "status": 200, "call": "tools/call", "tool": "search_leads"},
        {"method": "GET", "path": "/healthz", "status": 200},
        {"method": "GET", "path": "other", "status": 404},
        {"method": "POST", "path": "/mcp", "status": 400, "call": "tools/call"},
    ]


async def test_lines_of_one_request_have_its_id(url: str) -> None:
    headers, body = request("search_leads", {"search": "jane doe"})
    with logged_json() as lines:
        async with httpx2.AsyncClient() as http:
            answer = await http.post(f"{url}/mcp", headers=headers, json=body)
        written = lines()
    assert [line["event"] for line in written] == ["rotor_request", "call_finished", "http_request"]
    assert {line["request_id"] for line in written} == {answer.headers["x-request-id"]}
    assert {line["tool"] for line in written} == {"search_leads"}


HOSTILE = [
    "",
    "x" * 129,
    "a b",
    'id", "level": "error',
    "\x1b[2J",
    "\x9b2J",
    "caf\xe9",
    "../../etc/passwd\x7f",
]


@pytest.mark.parametrize("given", HOSTILE)
async def test_an_id_that_is_none_is_replaced(given: str, url: str) -> None:
    with logged_json() as lines:
        async with httpx2.AsyncClient() as http:
            sent = [(b"x-request-id", given.encode("latin-1"))]
            answer = await http.get(f"{url}/healthz", headers=sent)
            twice = await http.get(f"{url}/healthz", headers=[*sent, (b"x-request-id", b"edge-1")])
        written = lines()
    shown = [each.headers["x-request-id"] for each in (answer, twice)]
    assert [re.fullmatch("[0-9a-f]{16}", each) is not None for each in shown] == [True, True]
    assert [line["request_id"] for line in written if line["event"] == "http_request"] == shown


async def test_successful_probes_can_be_left_out(sandbox: Sandbox) -> None:
    with logged_json() as lines:
        async with hosted(sandbox.transport, {"log_probes": "false"}) as url, httpx2.AsyncClient() as http:
            await http.get(f"{url}/healthz")
            await http.get(f"{url}/readyz")
            await http.post(f"{url}/healthz")
        written = lines()
    assert [(line["path"], line["status"]) for line in written if line["event"] == "http_request"] == [
        ("/healthz", 405)
    ]


async def test_the_access_log_obeys_the_level(url: str) -> None:
    with logged_json("warning") as lines:
        async with httpx2.AsyncClient() as http:
            await http.get(f"{url}/healthz")
        assert lines() == []
