import time
from typing import Any

import anyio
import httpx2
import pytest

from rotor_mcp.sandbox import Fault, Sandbox
from rotor_mcp.sandbox.requests import Listing
from rotor_mcp.sandbox.server import serving
from tests.waiting import until

from .conftest import HEADERS

pytestmark = pytest.mark.anyio

ANN = {"name": "Ann", "phone": "555-0101"}
VALIDATION_FAILED = {
    "status": "error",
    "message": "Validation failed",
    "errors": [{"field": "email", "message": "Invalid email format"}],
}


async def names(wire: httpx2.AsyncClient) -> list[str]:
    """The leads that there are, read without any fault."""
    return [lead["name"] for lead in (await wire.get("/leads")).json()["data"]]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, VALIDATION_FAILED),
        (
            401,
            {
                "status": "error",
                "message": "Authentication required. Provide x-api-key header.",
                "error_code": "AUTHENTICATION_REQUIRED",
            },
        ),
        (
            403,
            {
                "status": "error",
                "message": "Forbidden: required scope 'leads:write' not granted for this API key",
                "error_code": "INSUFFICIENT_SCOPE",
            },
        ),
        (404, {"status": "error", "message": "Not found"}),
        (
            429,
            {
                "status": "error",
                "message": "Daily API key request limit of 1000 exceeded",
                "error_code": "RATE_LIMIT_EXCEEDED",
            },
        ),
        (500, {"status": "error", "message": "Internal server error"}),
        (503, {"status": "error", "message": "Service unavailable"}),
    ],
)
async def test_a_status_is_answered_with_its_usual_body_and_nothing_is_done(
    wire: httpx2.AsyncClient, sandbox: Sandbox, status: int, body: dict[str, Any]
) -> None:
    sandbox.faults.add(Fault(status=status))
    response = await wire.post("/leads", json=ANN)
    assert (response.status_code, response.json()) == (status, body)
    assert await names(wire) == []


async def test_a_body_is_answered_as_it_is(wire: httpx2.AsyncClient, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(body="<h1>Bad gateway</h1>", content_type="text/html", status=502))
    sandbox.faults.add(Fault(body='{"data": "no list"}'))
    sandbox.faults.add(Fault(body=""))
    html = await wire.get("/leads")
    assert (html.status_code, html.headers["content-type"]) == (502, "text/html; charset=utf-8")
    assert html.text == "<h1>Bad gateway</h1>"
    odd = await wire.get("/leads")
    assert (odd.status_code, odd.headers["content-type"]) == (200, "application/json")
    assert odd.text == '{"data": "no list"}'
    empty = await wire.get("/leads")
    assert (empty.status_code, empty.content) == (200, b"")


async def test_a_redirect_leads_where_its_header_says(wire: httpx2.AsyncClient, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(status=307, headers={"Location": "https://example.com/open-api/leads"}))
    response = await wire.post("/leads", json=ANN)
    assert (response.status_code, response.content) == (307, b"")
    assert response.headers["location"] == "https://example.com/open-api/leads"
    assert await names(wire) == []


async def test_headers_alone_are_added_to_the_usual_answer(
    wire: httpx2.AsyncClient, sandbox: Sandbox
) -> None:
    sandbox.faults.add(Fault(headers={"Retry-After": "60", "X-Note": "slow down"}))
    response = await wire.post("/leads", json=ANN)
    assert (response.status_code, response.json()["name"]) == (201, "Ann")
    assert (response.headers["retry-after"], response.headers["x-note"]) == ("60", "slow down")
    assert "retry-after" not in (await wire.get("/leads")).headers


async def test_a_reply_dropped_before_leaves_nothing_done(wire: httpx2.AsyncClient, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(drop="before"))
    with pytest.raises(httpx2.TransportError):
        await wire.post("/leads", json=ANN)
    assert await names(wire) == []


async def test_a_reply_dropped_after_leaves_all_done(wire: httpx2.AsyncClient, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(drop="after"))
    with pytest.raises(httpx2.TransportError):
        await wire.post("/leads", json=ANN)
    assert await names(wire) == ["Ann"]


async def test_an_error_may_come_after_the_write(wire: httpx2.AsyncClient, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(status=500, carried_out=True))
    response = await wire.post("/leads", json=ANN)
    assert response.status_code == 500
    assert response.json() == {"status": "error", "message": "Internal server error"}
    assert await names(wire) == ["Ann"]


async def test_an_answer_is_delayed_and_comes(wire: httpx2.AsyncClient, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(delay=0.2))
    started = time.monotonic()
    assert (await wire.post("/leads", json=ANN)).status_code == 201
    assert 0.2 <= time.monotonic() - started < 2


@pytest.mark.parametrize("carried_out", [True, False])
async def test_a_request_is_carried_out_before_or_after_the_delay(
    wire: httpx2.AsyncClient, sandbox: Sandbox, carried_out: bool
) -> None:
    sandbox.faults.add(Fault(method="POST", delay=2, carried_out=carried_out))
    statuses: list[int] = []

    async def send() -> None:
        statuses.append((await wire.post("/leads", json=ANN)).status_code)

    async with anyio.create_task_group() as group:
        group.start_soon(send)
        await until(lambda: sandbox.requests)
        await until(lambda: sandbox.store.page(Listing())[1] == carried_out)
        assert await names(wire) == (["Ann"] if carried_out else [])
        assert statuses == []
    assert await names(wire) == ["Ann"]
    assert statuses == [201]


async def test_over_http_a_write_is_done_even_if_the_client_stops_waiting(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(method="POST", delay=2))
    async with serving(sandbox) as url, httpx2.AsyncClient(base_url=url, headers=HEADERS) as client:
        with pytest.raises(httpx2.ReadTimeout):
            await client.post("/leads", json=ANN, timeout=httpx2.Timeout(20, read=0.5))
        assert await names(client) == []
        await until(lambda: sandbox.store.page(Listing())[1] == 1)
        assert await names(client) == ["Ann"]


async def test_faults_strike_the_requests_they_fit_in_their_order(
    wire: httpx2.AsyncClient, sandbox: Sandbox
) -> None:
    sandbox.faults.add(Fault(status=500, method="POST", path="/leads"))
    sandbox.faults.add(Fault(status=502, path="/leads/"))
    sandbox.faults.add(Fault(status=503, times=2))
    sandbox.faults.add(Fault(status=504, path="/auth"))
    answered = [
        await wire.get("/leads"),
        await wire.get("/leads/x"),
        await wire.post("/leads", json=ANN),
        await wire.get("/auth/test"),
        await wire.get("/auth/test"),
        await wire.get("/auth/test"),
    ]
    assert [response.status_code for response in answered] == [503, 502, 500, 503, 504, 200]
    assert sandbox.requests == [
        *("GET /leads", "GET /leads/x", "POST /leads", "GET /auth/test", "GET /auth/test", "GET /auth/test")
    ]


async def test_a_request_that_a_fault_answers_is_not_counted(
    client: httpx2.AsyncClient, sandbox: Sandbox
) -> None:
    sandbox.faults.add(Fault(status=500, times=1_000))
    for _ in range(1_000):
        await client.get("/auth/test")
    assert (await client.get("/auth/test")).status_code == 200


async def test_faults_are_ordered_and_forgotten_over_http(wire: httpx2.AsyncClient) -> None:
    control = str(wire.base_url.join("/sandbox/faults"))
    ordered = await wire.post(control, json={"status": 503, "method": "GET", "times": 2})
    assert (ordered.status_code, ordered.json()) == (
        201,
        {
            "method": "GET",
            "path": "/",
            "status": 503,
            "body": None,
            "content_type": "application/json",
            "headers": {},
            "delay": 0.0,
            "drop": None,
            "carried_out": False,
            "times": 2,
        },
    )
    assert (await wire.get("/leads")).status_code == 503
    forgotten = await wire.delete(control)
    assert (forgotten.status_code, forgotten.content) == (204, b"")
    assert (await wire.get("/leads")).status_code == 200


async def test_fault_control_needs_no_key_but_json(client: httpx2.AsyncClient) -> None:
    client.headers.clear()
    control = "http://sandbox.invalid/sandbox/faults"
    assert (await client.post(control, json={})).status_code == 201
    posted_by_a_web_page = await client.post(control, content=b"{}", headers={"content-type": "text/plain"})
    assert (posted_by_a_web_page.status_code, posted_by_a_web_page.json()) == (
        400,
        VALIDATION_FAILED | {"errors": [{"field": "content-type", "message": "Expected application/json"}]},
    )
    faulty = await client.post(control, json={"status": 99, "tiems": 2})
    assert (faulty.status_code, faulty.json()) == (
        400,
        VALIDATION_FAILED
        | {
            "errors": [
                {"field": "status", "message": "Input should be greater than or equal to 200"},
                {"field": "tiems", "message": "Extra inputs are not permitted"},
            ]
        },
    )
    assert (await client.get(control)).status_code == 405


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 600},
        {"delay": -1},
        {"times": 0},
        {"drop": "during"},
        {"method": "post"},
        {"drop": "after", "status": 500},
        {"drop": "after", "body": ""},
        {"drop": "before", "headers": {"a": "b"}},
        {"drop": "before", "carried_out": True},
        {"status": 204, "body": "{}"},
        {"headers": {"a b": "c"}},
        {"headers": {"a": "b\r\nc: d"}},
        {"content_type": "text/html\r\nx: y"},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(fault: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        Fault.model_validate(fault)
