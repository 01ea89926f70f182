"""What clients accept decides the form of the answer, never whether there is one."""

import json
from collections.abc import AsyncIterator
from typing import Any

import anyio
import httpx2
import pytest

from rotor_mcp.hosting.accept_header import EVENT_STREAM, JSON, AcceptHeaderMiddleware, accepts
from rotor_mcp.sandbox import Sandbox
from tests.hosting.serving import hosted, on_port, request

pytestmark = pytest.mark.anyio

HEADERS, BODY = request("search_leads", {"search": "jane doe"})
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}


@pytest.fixture
async def url(sandbox: Sandbox) -> AsyncIterator[str]:
    async with hosted(sandbox.transport) as address:
        yield address


async def post(url: str, accept: list[str], body: Any, **headers: str) -> httpx2.Response:
    """Post with just these `Accept` headers."""
    async with httpx2.AsyncClient() as http:
        del http.headers["accept"]
        given = [*headers.items(), *(("accept", value) for value in accept)]
        return await http.post(f"{url}/mcp", headers=given, json=body)


def era(mode: str) -> dict[str, str]:
    if mode == "2026-07-28":
        return {name.replace("_", "-"): value for name, value in HEADERS.items() if name != "accept"}
    return {"mcp-protocol-version": mode}


JSON_ALONE = [
    ["application/json"],
    ["*/*"],
    ["application/*"],
    [],
    [""],
    ["application/json; charset=utf-8"],
    ["APPLICATION/JSON"],
    ["application/json;q=0.2, text/event-stream;q=0"],
    ["text/event-stream;q=0", "*/*;q=0.1"],
    ["application/json", "application/mcp+json"],
    ["text/html, application/xhtml+xml, */*;q=0.8"],
    ["*/*, application/json;q=much"],
]


@pytest.mark.parametrize("mode", ["2026-07-28", "2025-11-25", "2025-03-26"])
@pytest.mark.parametrize("accept", JSON_ALONE, ids=str)
async def test_without_event_streams_the_answer_is_json(accept: list[str], mode: str, url: str) -> None:
    called = await post(url, accept, BODY, **era(mode))
    assert (called.status_code, called.headers["content-type"]) == (200, "application/json")
    answer = called.json()
    assert (answer["id"], answer["result"]["structuredContent"]["count"]) == (1, 1)
    assert int(called.headers["content-length"]) == len(called.content)
    begun = await post(url, accept, INITIALIZE)
    assert (begun.status_code, begun.headers["content-type"]) == (200, "application/json")
    assert begun.json()["result"]["serverInfo"]["name"] == "rotor"


@pytest.mark.parametrize(
    "accept",
    [
        ["application/json, text/event-stream"],
        ["text/event-stream", "application/json"],
        ["text/*, */*;q=0.5"],
    ],
    ids=str,
)
async def test_a_stream_is_for_those_who_ask_for_one(accept: list[str], url: str) -> None:
    answer = await post(url, accept, BODY, **era("2025-11-25"))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream")
    assert answer.text.startswith("event: message\r\ndata: {")


@pytest.mark.parametrize(
    "accept",
    [
        ["text/html"],
        ["text/event-stream"],
        ["application/json;q=0, text/event-stream"],
        ["*/*;q=0"],
        ["json"],
    ],
    ids=str,
)
async def test_who_accepts_no_json_is_told_what_there_is(
    accept: list[str], url: str, sandbox: Sandbox
) -> None:
    for mode in ("2026-07-28", "2025-11-25"):
        answer = await post(url, accept, BODY, **era(mode))
        assert (answer.status_code, answer.json()) == (
            406,
            {
                "error": "this server answers in application/json, or in text/event-stream if that is accepted as well"
            },
        )
    assert sandbox.requests == []


async def test_progress_is_left_out_and_the_result_stays(url: str) -> None:
    for mode in ("2026-07-28", "2025-11-25"):
        rows = [{"name": f"Row {number} of {mode}"} for number in range(3)]
        _, body = request("upsert_leads", {"rows": rows})
        body["params"]["_meta"]["progressToken"] = "p"
        headers = era(mode) | ({"mcp-name": "upsert_leads"} if mode == "2026-07-28" else {})
        answer = await post(url, ["application/json"], body, **headers)
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["result"]["structuredContent"]["counts"] == {"created": 3}


@pytest.mark.parametrize("mode", ["2026-07-28", "2025-11-25"])
async def test_errors_and_notifications(mode: str, url: str) -> None:
    headers = {"mcp-protocol-version": mode, "mcp-method": "subscriptions/listen"}
    listen = {"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": BODY["params"]}
    with anyio.fail_after(10):
        refused = await post(url, ["application/json"], listen, **headers)
        noted = await post(
            url,
            ["application/json"],
            {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}},
            **{"mcp-protocol-version": mode},
        )
    assert refused.json()["error"]["code"] in (-32601, -32602)
    assert noted.status_code == 202


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "HEAD"])
@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
async def test_only_post_is_served(method: str, path: str, url: str) -> None:
    for mode in ("2026-07-28", "2025-11-25", None):
        headers = {"accept": EVENT_STREAM} | ({"mcp-protocol-version": mode} if mode else {})
        async with httpx2.AsyncClient(timeout=10) as http:
            answer = await http.request(method, f"{url}{path}", headers=headers)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("mode", ["2026-07-28", "2025-11-25"])
async def test_a_slash_at_the_end_makes_no_difference(mode: str, url: str, sandbox: Sandbox) -> None:
    async with httpx2.AsyncClient() as http:
        answer = await http.post(f"{url}/mcp/", headers=HEADERS | era(mode), json=BODY)
        alive = await http.get(f"{url}/healthz/")
    assert (answer.status_code, alive.status_code) == (200, 200)
    assert len(sandbox.requests) == 1


class Silent(httpx2.AsyncBaseTransport):
    """Rotor, which never answers, and notes that nobody waits any more."""

    def __init__(self) -> None:
        self.asked, self.left = anyio.Event(), anyio.Event()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:  # noqa: ARG002
        self.asked.set()
        try:
            await anyio.sleep_forever()
            raise AssertionError("it is cancelled")
        finally:
            self.left.set()


@pytest.mark.parametrize("mode", ["2026-07-28", "2025-11-25"])
async def test_a_client_that_goes_away_ends_its_call(mode: str) -> None:
    rotor = Silent()
    with anyio.fail_after(20):
        async with hosted(lambda: rotor) as url:
            async with anyio.create_task_group() as group:

                async def call() -> None:
                    await post(url, ["application/json"], BODY, **era(mode))

                group.start_soon(call)
                await rotor.asked.wait()
                group.cancel_scope.cancel()
            await rotor.left.wait()


@pytest.mark.parametrize(
    ("events", "status", "answer"),
    [
        (
            [{"method": "notifications/progress"}, {"id": 1, "result": {"text": "a\u2028b\n\nc"}}],
            200,
            {"id": 1, "result": {"text": "a\u2028b\n\nc"}},
        ),
        ([{"id": 1, "error": {"code": -32603}}], 200, {"id": 1, "error": {"code": -32603}}),
        ([{"method": "notifications/progress"}], 500, {"error": "the call ended without a response"}),
        ([], 500, {"error": "the call ended without a response"}),
    ],
)
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
async def test_any_event_stream_becomes_json(
    events: list[dict[str, Any]], status: int, answer: dict[str, Any], end: str
) -> None:
    async def app(scope: Any, _receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        start = {"type": "http.response.start", "status": 200}
        await send({**start, "headers": [(b"content-type", b"text/event-stream; charset=utf-8")]})
        for piece in (f": ping{end}{end}", *(f"data: {json.dumps(event)}{end}{end}" for event in events)):
            for half in (piece[:5], piece[5:]):
                await send({"type": "http.response.body", "body": half.encode(), "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async with on_port(AcceptHeaderMiddleware(app)) as address:
        received = await post(address, ["application/json"], {})
    assert (received.status_code, received.json()) == (status, answer)
    assert received.headers["content-type"] == JSON


@pytest.mark.parametrize(
    ("header", "json_wanted", "stream_wanted"),
    [
        ("application/json ; q=0.0 , text/event-stream", False, True),
        ("*/*, application/json;q=0", False, False),
        ("text/*;q=0, text/event-stream", False, True),
        (" , ,", True, False),
        ("application/*;level=1;q=0.5", True, False),
    ],
)
def test_the_most_specific_range_decides(header: str, json_wanted: bool, stream_wanted: bool) -> None:
    assert (accepts(header, JSON), accepts(header, EVENT_STREAM)) == (json_wanted, stream_wanted)
