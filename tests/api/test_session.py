"""The conversation with Rotor when it goes wrong. The seam is the HTTP transport; nothing is patched."""

import gzip
import json
import re
import socket
import ssl
import threading
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Literal

import anyio
import httpx2
import pytest
import trustme
from mcp import Client

from rotor_mcp.api.hooks import ApiHooks
from rotor_mcp.api.pool import ConnectionPool
from rotor_mcp.api.responses import MESSAGE_LIMIT, JsonAnswer, read
from rotor_mcp.api.responses import Answer as RawAnswer
from rotor_mcp.api.retry import Method, retry_delay
from rotor_mcp.api.session import ApiSession
from rotor_mcp.config import Settings
from rotor_mcp.errors import (
    InvalidLead,
    LockLost,
    MissingScope,
    NoKey,
    NotAuthorised,
    NotFound,
    NotSent,
    OutcomeUnknown,
    QuotaExceeded,
    Refused,
    RotorError,
    Throttled,
    Unanswered,
)
from rotor_mcp.sandbox import FULL_KEY, Fault, Sandbox
from rotor_mcp.server.mcp_server import build_server
from tests.listening import listening

pytestmark = pytest.mark.anyio

KEY = "rotor_k3y1d_s3cr3tpart"
Answer = httpx2.Response | Exception


def session(pool: ConnectionPool, hooks: ApiHooks | None = None) -> ApiSession:
    """The requests of a call with the key of the settings."""
    return ApiSession(pool, pool.settings.credentials, hooks)


@dataclass
class Rotor:
    """Answers one after the other, the last for ever, and remembers what was asked."""

    answers: list[Answer]
    asked: list[httpx2.Request] = field(default_factory=list)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def pool(self, **values: str) -> ConnectionPool:
        settings = Settings.load({"api_key": KEY, **values})
        return ConnectionPool(settings, lambda: httpx2.MockTransport(self))


def ok() -> httpx2.Response:
    return httpx2.Response(200, json={"status": "success"})


async def failure(send: Awaitable[object]) -> RotorError:
    with pytest.raises(RotorError) as caught:
        await send
    return caught.value


async def test_every_request_carries_both_headers_and_the_key_is_in_no_url() -> None:
    rotor = Rotor([ok()])
    exchange = session(rotor.pool())
    await exchange.send("GET", "leads", query={"search": "Jane Doe & co"})
    await exchange.send("POST", "leads", body={"name": "Jane"})
    assert [(r.method, str(r.url), r.content) for r in rotor.asked] == [
        ("GET", "https://api.getrotor.com/open-api/leads?search=Jane+Doe+%26+co", b""),
        ("POST", "https://api.getrotor.com/open-api/leads", b'{"name":"Jane"}'),
    ]
    for request in rotor.asked:
        assert request.headers["x-api-key"] == KEY
        assert request.headers["rotor-api-version"] == "1.1.0"
    assert exchange.requests == 2


ERROR_TABLE: list[tuple[httpx2.Response, RotorError]] = [
    (
        httpx2.Response(
            400,
            json={
                "status": "error",
                "message": "Validation failed",
                "errors": [{"field": "email", "message": "Invalid email format"}, "odd"],
            },
        ),
        InvalidLead("Rotor answered 400", 400, "Validation failed", [("email", "Invalid email format")]),
    ),
    (
        httpx2.Response(401, json={"message": "Authentication required. Provide x-api-key header."}),
        NotAuthorised("Rotor answered 401", 401, "Authentication required. Provide x-api-key header."),
    ),
    (
        httpx2.Response(
            403, json={"message": "Forbidden: required scope 'leads:read' not granted for this API key"}
        ),
        MissingScope(
            "Rotor answered 403",
            403,
            "Forbidden: required scope 'leads:read' not granted for this API key",
            "leads:read",
        ),
    ),
    (httpx2.Response(403, html="<h1>Blocked</h1>"), MissingScope("Rotor answered 403", 403)),
    (httpx2.Response(404, json={"message": "Not found"}), NotFound("Rotor answered 404", 404, "Not found")),
    (
        httpx2.Response(429, json={"message": "Daily API key request limit of 1000 exceeded"}),
        QuotaExceeded("Rotor answered 429", 429, "Daily API key request limit of 1000 exceeded"),
    ),
    (httpx2.Response(418, json=["odd"]), Refused("Rotor answered 418", 418)),
    (httpx2.Response(400, json={"message": "x" * 5_000}), InvalidLead("Rotor answered 400", 400, "x" * 300)),
]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(("answer", "error"), ERROR_TABLE)
async def test_what_rotor_refuses_is_asked_once(
    method: Method, answer: httpx2.Response, error: RotorError
) -> None:
    rotor = Rotor([answer])
    exchange = session(rotor.pool())
    raised = await failure(exchange.send(method, "leads"))
    assert (type(raised), vars(raised)) == (type(error), vars(error))
    assert (len(rotor.asked), exchange.requests) == (1, 1)


UNUSABLE: list[tuple[Answer, str, int | None]] = [
    (httpx2.Response(500, json={"message": "Internal server error"}), "Rotor answered 500", 500),
    (httpx2.Response(502, html="<h1>Bad gateway</h1>"), "Rotor answered 502", 502),
    (httpx2.Response(200, html="<h1>Sign in</h1>"), "the answer is not Rotor's JSON (text/html)", 200),
    (httpx2.Response(200, json=[]), "the answer is not Rotor's JSON (application/json)", 200),
    (httpx2.Response(204), "the answer is not Rotor's JSON (no content type)", 204),
    (httpx2.ReadError("secret"), "the connection was cut before the answer was there", None),
    (httpx2.RemoteProtocolError("secret"), "the connection was cut before the answer was there", None),
    (httpx2.WriteError("secret"), "the connection was cut before the answer was there", None),
    (httpx2.ReadTimeout("secret"), "no answer within 25 seconds", None),
    (httpx2.DecodingError("secret"), "the answer cannot be decompressed", None),
    (
        httpx2.Response(200, text="[" * 100_000, headers={"content-type": "application/json"}),
        "the answer is not Rotor's JSON (application/json)",
        200,
    ),
]


class Sealed(httpx2.AsyncByteStream):
    """A body that comes from the network: nothing of it is read before it is asked for."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.body


LEAVES_OPEN: list[Answer] = [
    httpx2.Response(302, headers={"location": "https://evil.example"}),
    httpx2.Response(303, headers={"location": "/open-api/leads/1"}),
    httpx2.Response(307, headers={"location": "https://api.getrotor.com/open-api/leads"}),
    httpx2.Response(408, json={"status": "error", "message": "Request timeout"}),
    httpx2.Response(499),
    httpx2.Response(200, json={"status": "error", "message": "Internal"}),
    httpx2.Response(201, stream=Sealed(b"not gzip"), headers={"content-encoding": "gzip"}),
    httpx2.Response(201, stream=Sealed(b"{}"), headers={"content-encoding": "zstd"}),
    httpx2.Response(201, stream=Sealed(b" " * 8_000_001)),
    ZeroDivisionError("(612) 555-0142"),
]
"""What does not say that a write was refused."""


@pytest.mark.parametrize("answer", LEAVES_OPEN, ids=repr)
async def test_what_leaves_open_whether_a_write_was_done(answer: Answer) -> None:
    raised = await failure(session(Rotor([answer]).pool()).send("POST", "leads", body={}))
    assert type(raised) is OutcomeUnknown
    assert "612" not in str(raised)


def bomb(size: int) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    return packer.compress(b"[" + b" " * size) + packer.flush()


async def test_a_bomb_is_not_unpacked() -> None:
    packed = bomb(200_000_000)
    answer = httpx2.Response(200, stream=Sealed(packed), headers={"content-encoding": "gzip"})
    tracemalloc.start()
    raised = await failure(session(Rotor([answer]).pool()).send("GET", "leads"))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (type(raised), str(raised)) == (Unanswered, "the answer has more than 5,000,000 bytes")
    assert most < 40_000_000


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "identity", ""])
async def test_packed_answers_are_read(encoding: str) -> None:
    said = json.dumps({"data": [], "text": "ä" * 10_000}).encode()
    body = {"gzip": gzip.compress(said), "deflate": zlib.compress(said)}.get(encoding, said)
    headers = {"content-encoding": encoding} if encoding else {}
    exchange = session(Rotor([httpx2.Response(200, stream=Sealed(body), headers=headers)]).pool())
    assert (await exchange.send("GET", "leads")).content == json.loads(said)


async def test_a_part_of_the_key_is_not_left_by_the_cut_of_a_message() -> None:
    message = "x" * (MESSAGE_LIMIT - 12) + KEY
    raised = await failure(
        session(Rotor([httpx2.Response(418, json={"message": message})]).pool()).send("GET", "leads")
    )
    assert vars(raised)["message"] == "x" * (MESSAGE_LIMIT - 12) + "«API key»"


CUT = (httpx2.ReadError, httpx2.WriteError, httpx2.RemoteProtocolError)


@pytest.mark.parametrize(("answer", "reason", "status"), UNUSABLE)
async def test_a_lost_reply_leaves_a_write_in_doubt_and_is_never_sent_again(
    answer: Answer, reason: str, status: int | None
) -> None:
    rotor = Rotor([answer])
    exchange = session(rotor.pool())
    raised = await failure(exchange.send("POST", "leads", body={}))
    # A third of the time is kept for finding out what became of it.
    reason = reason.replace("25 seconds", "17 seconds")
    assert (type(raised), raised.reason, vars(raised)["status"]) == (OutcomeUnknown, reason, status)
    assert (len(rotor.asked), exchange.requests) == (1, 1)


@pytest.mark.parametrize(("answer", "reason", "status"), UNUSABLE)
async def test_a_read_is_tried_again_after_a_5xx_or_a_lost_connection_only(
    answer: Answer, reason: str, status: int | None
) -> None:
    rotor = Rotor([answer])
    exchange = session(rotor.pool())
    raised = await failure(exchange.send("GET", "leads"))
    assert (type(raised), raised.reason, vars(raised)["status"]) == (Unanswered, reason, status)
    tries = 3 if status in (500, 502) or isinstance(answer, CUT) else 1
    assert (len(rotor.asked), exchange.requests) == (tries, tries)


async def test_a_read_succeeds_after_two_failures_and_counts_all_three() -> None:
    rotor = Rotor([httpx2.Response(500), httpx2.RemoteProtocolError("cut"), ok()])
    exchange = session(rotor.pool())
    assert await exchange.send("GET", "leads") == JsonAnswer(200, {"status": "success"}, 20)
    assert exchange.requests == 3


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_what_was_not_sent_is_tried_again_and_costs_nothing(method: Method) -> None:
    rotor = Rotor([httpx2.ConnectError("secret"), httpx2.ConnectTimeout("secret"), ok()])
    exchange = session(rotor.pool())
    assert await exchange.send(method, "leads") == JsonAnswer(200, {"status": "success"}, 20)
    assert (len(rotor.asked), exchange.requests) == (3, 1)


async def test_without_a_key_nothing_is_sent() -> None:
    rotor = Rotor([ok()])
    raised = await failure(session(rotor.pool(api_key="${ROTOR_API_KEY}")).send("GET", "leads"))
    assert isinstance(raised, NoKey)
    assert rotor.asked == []


async def test_a_key_that_looks_like_another_products_is_named_when_it_fails() -> None:
    rotor = Rotor([httpx2.Response(401, json={})])
    raised = await failure(session(rotor.pool(api_key="sk-1234567890")).send("GET", "leads"))
    assert isinstance(raised, NotAuthorised)
    assert raised.odd_key is not None


DAILY = {"message": "Daily API key request limit of 1000 exceeded", "status": "error"}
BUSY = {"message": "Too many requests, please slow down"}


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        ({"retry-after": "2"}, BUSY, Throttled("Rotor answered 429", 429, BUSY["message"], 2)),
        ({"retry-after": "0"}, {}, Throttled("Rotor answered 429", 429, "", 0)),
        ({"retry-after": "120"}, BUSY, Throttled("Rotor answered 429", 429, BUSY["message"], 120)),
        ({"retry-after": "121"}, BUSY, QuotaExceeded("Rotor answered 429", 429, BUSY["message"])),
        ({"retry-after": "2"}, DAILY, QuotaExceeded("Rotor answered 429", 429, DAILY["message"])),
        ({"retry-after": "-1"}, BUSY, QuotaExceeded("Rotor answered 429", 429, BUSY["message"])),
        ({"retry-after": "9" * 400}, BUSY, QuotaExceeded("Rotor answered 429", 429, BUSY["message"])),
        ({"retry-after": "nan"}, BUSY, QuotaExceeded("Rotor answered 429", 429, BUSY["message"])),
        (
            {"retry-after": "Wed, 21 Oct 2026 07:28:05 GMT", "date": "Wed, 21 Oct 2026 07:28:02 GMT"},
            BUSY,
            Throttled("Rotor answered 429", 429, BUSY["message"], 3),
        ),
        (
            {"retry-after": "Wed, 21 Oct 2020 07:28:05 GMT"},
            BUSY,
            Throttled("Rotor answered 429", 429, BUSY["message"], 0),
        ),
        (
            {"retry-after": "Thu, 22 Oct 2026 00:00:00 GMT", "date": "Wed, 21 Oct 2026 07:28:02 GMT"},
            BUSY,
            QuotaExceeded("Rotor answered 429", 429, BUSY["message"]),
        ),
        ({"retry-after": "0.503"}, BUSY, Throttled("Rotor answered 429", 429, BUSY["message"], 0.503)),
        ({"retry-after": "soon"}, BUSY, QuotaExceeded("Rotor answered 429", 429, BUSY["message"])),
        ({"retry-after": "1e3"}, BUSY, QuotaExceeded("Rotor answered 429", 429, BUSY["message"])),
        ({}, BUSY, QuotaExceeded("Rotor answered 429", 429, BUSY["message"])),
    ],
)
def test_a_429_is_about_the_day_unless_it_says_when_to_try_again(
    headers: dict[str, str], body: dict[str, str], expected: RotorError
) -> None:
    answer = RawAnswer(429, headers, json.dumps(body).encode())
    with pytest.raises(Refused) as caught:
        read(answer, Unanswered, None, lambda text: text)
    assert (type(caught.value), vars(caught.value)) == (type(expected), vars(expected))


async def test_a_request_waits_as_long_as_rotor_says() -> None:
    rotor = Rotor([httpx2.Response(429, headers={"retry-after": "1"}, json=BUSY), ok()])
    began = anyio.current_time()
    assert (await session(rotor.pool()).send("POST", "leads", body={})).status == 200
    assert anyio.current_time() - began >= 1
    assert len(rotor.asked) == 2


async def test_it_does_not_wait_longer_than_the_call_may_take() -> None:
    rotor = Rotor([httpx2.Response(429, headers={"retry-after": "60"}, json=BUSY)])
    raised = await failure(session(rotor.pool(timeout="20")).send("POST", "leads", body={}))
    assert (type(raised), len(rotor.asked)) == (Throttled, 1)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error": "no such stage"}', "no such stage"),
        (b'{"error": {"text": "no"}}', ""),
        (b'{"message": "first", "error": "second"}', "first"),
        (b"<html>no</html>", ""),
    ],
)
@pytest.mark.parametrize("status", [400, 422])
async def test_other_forms_of_a_refusal(status: int, body: bytes, message: str) -> None:
    rotor = Rotor([httpx2.Response(status, content=body)])
    raised = await failure(session(rotor.pool()).send("POST", "leads", body={}))
    assert isinstance(raised, InvalidLead)
    assert (raised.status, raised.message, raised.fields) == (status, message, [])


async def test_a_redirect_is_not_followed() -> None:
    rotor = Rotor([httpx2.Response(307, headers={"location": "https://evil.example/"})])
    raised = await failure(session(rotor.pool()).send("GET", "leads"))
    assert isinstance(raised, Refused)
    assert [request.url.host for request in rotor.asked] == ["api.getrotor.com"]


# failure, is a GET tried again, is a POST (None: does not occur with that method)
MAX_RETRIES: list[tuple[RotorError, bool | None, bool | None]] = [
    (NotSent("x"), True, True),
    (NoKey("x"), False, False),
    (LockLost("x"), None, False),
    (Unanswered("x", 500), True, None),
    (Unanswered("x", 503), True, None),
    (Unanswered("x", 200), False, None),
    (Unanswered("x"), False, None),
    (Unanswered("x", connection_lost=True), True, None),
    (OutcomeUnknown("x", 500), None, False),
    (OutcomeUnknown("x"), None, False),
    (OutcomeUnknown("x", connection_lost=True), None, False),
    (InvalidLead("x", 400), False, False),
    (NotAuthorised("x", 401), False, False),
    (MissingScope("x", 403), False, False),
    (NotFound("x", 404), False, False),
    (QuotaExceeded("x", 429), False, False),
    (Throttled("x", 429, retry_after=1), True, True),
    (Refused("x", 409), False, False),
]


@pytest.mark.parametrize(("failed", "get", "post"), MAX_RETRIES)
async def test_the_retry_table(failed: RotorError, get: bool | None, post: bool | None) -> None:
    if get is not None:
        assert (retry_delay("GET", failed, 0, 25) is not None) == get
    if post is not None:
        assert (retry_delay("POST", failed, 0, 25) is not None) == post


async def test_at_most_two_retries_each_after_a_longer_wait_and_inside_the_deadline() -> None:
    waits = [retry_delay("GET", NotSent("x"), retries, 25) for retries in range(4)]
    assert [wait is None for wait in waits] == [False, False, True, True]
    for retries, (least, most) in enumerate([(0.15, 0.45), (0.3, 0.9)]):
        for _ in range(100):
            wait = retry_delay("GET", NotSent("x"), retries, 25)
            assert wait is not None
            assert least <= wait <= most
    assert retry_delay("GET", NotSent("x"), 0, 1.1) is None


# Who is told of it


class Notes(ApiHooks):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[int | str | None] = []

    async def request_sent(self, status: int | None) -> None:
        self.told.append(status)


class Lease:
    """A lease that writes down when it is verified, and may be lost."""

    def __init__(self, notes: Notes, lost: NotSent | None = None) -> None:
        self._notes = notes
        self._lost = lost

    async def verify(self) -> None:
        self._notes.told.append("verified")
        if self._lost:
            raise self._lost


async def test_each_request_that_counts_is_told_and_each_write_before_it_goes() -> None:
    rotor = Rotor([ok(), httpx2.ConnectError("no"), ok(), httpx2.ReadError("cut"), ok()])
    notes = Notes()
    exchange = session(rotor.pool(), notes)
    await exchange.send("GET", "leads")
    await exchange.send("POST", "leads", body={}, lease=Lease(notes))  # it gets through at the second try
    await failure(exchange.send("POST", "leads", body={}, lease=Lease(notes)))
    await exchange.send("GET", "auth/test", anonymous=True)
    assert notes.told == [200, "verified", "verified", 200, "verified", None]
    assert exchange.requests == 4


async def test_a_write_that_may_not_go_does_not_go() -> None:
    rotor = Rotor([])
    notes = Notes()
    exchange = session(rotor.pool(), notes)
    lease = Lease(notes, LockLost("another server has it"))
    raised = await failure(exchange.send("POST", "leads", body={}, lease=lease))
    assert (type(raised), str(raised)) == (LockLost, "another server has it")
    assert (rotor.asked, exchange.requests, notes.told) == ([], 0, ["verified"])


@pytest.mark.parametrize("carried_out", ["before", "after"])
@pytest.mark.parametrize("look", ["before", "after"])
async def test_the_look_after_a_lost_reply_survives_a_lost_connection(
    carried_out: Literal["before", "after"], look: Literal["before", "after"]
) -> None:
    with closing(Sandbox(leads=0)) as sandbox:
        sandbox.faults.add(Fault(method="POST", drop=carried_out))
        sandbox.faults.add(Fault(method="GET", drop="after"))  # before the write
        server = build_server(Settings.load({"api_key": FULL_KEY}), transport=sandbox.transport)
        async with Client(server) as client:
            sandbox.faults.add(Fault(method="GET"))
            sandbox.faults.add(Fault(method="GET", drop=look))
            result = await client.call_tool("upsert_lead", {"name": "Ines Holm", "phone": "612-555-0177"})
        again = ["POST /leads"] if carried_out == "before" else []
        assert sandbox.requests == [*["GET /leads"] * 2, "POST /leads", *["GET /leads"] * 2, *again]
    content = result.structured_content or {}
    assert (content["outcome"], content["requests"]) == ("created", 5 + len(again))


# Real sockets from here on.


def network(**values: str) -> ConnectionPool:
    return ConnectionPool(Settings.load({"api_key": KEY, **values}))


async def test_nobody_listens() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
    pool = network(base_url=f"http://127.0.0.1:{port}", timeout="2")
    raised = await failure(session(pool).send("POST", "leads", body={}))
    assert (type(raised), raised.reason) == (NotSent, "127.0.0.1 refused the connection")
    await pool.aclose()


async def test_a_host_that_does_not_exist() -> None:
    pool = network(base_url="https://rotor.invalid", timeout="2")
    raised = await failure(session(pool).send("GET", "leads"))
    assert (type(raised), raised.reason) == (NotSent, "the host rotor.invalid cannot be found")
    await pool.aclose()


async def test_a_server_that_does_not_speak_tls() -> None:
    with listening(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as address:
        pool = network(base_url=f"https://{address}", timeout="2")
        raised = await failure(session(pool).send("GET", "leads"))
    assert (type(raised), raised.reason) == (NotSent, "127.0.0.1 does not speak TLS as it should")
    await pool.aclose()


async def test_a_certificate_that_nobody_vouches_for() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)

    def shake_hands(connection: socket.socket) -> None:
        with suppress(OSError):
            context.wrap_socket(connection, server_side=True)

    with listening(shake_hands) as address:
        pool = network(base_url=f"https://{address}", timeout="2")
        raised = await failure(session(pool).send("GET", "leads"))
    reason = "the TLS certificate of 127.0.0.1 is not trusted on this machine"
    assert (type(raised), raised.reason) == (NotSent, reason)
    await pool.aclose()


class Impatient:
    """Keeps connections alive, and closes each when the second request has come over it.

    So it is when a client takes a connection at the moment at which the server gives it up. With `before`,
    the connection is closed as soon as the first answer is out.
    """

    def __init__(self, *, before: bool = False) -> None:
        self.requests: list[str] = []
        self.closed = threading.Semaphore(0)
        self._before = before

    def __call__(self, connection: socket.socket) -> None:
        self._receive(connection)
        connection.sendall(b'HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{"status":"success"}')
        if not self._before:
            self._receive(connection)
        connection.shutdown(socket.SHUT_RDWR)
        self.closed.release()

    def _receive(self, connection: socket.socket) -> None:
        request = b""
        while not request.endswith((b"\r\n\r\n", b"{}")):
            if not (part := connection.recv(65_536)):
                return
            request += part
        self.requests.append(request.partition(b" ")[0].decode())


async def test_a_read_survives_a_kept_alive_connection_that_is_closed_just_then() -> None:
    server = Impatient()
    with listening(server) as address:
        pool = network(base_url=f"http://{address}")
        first, second = session(pool), session(pool)
        assert await first.send("GET", "leads") == JsonAnswer(200, {"status": "success"}, 20)
        assert await second.send("GET", "leads") == JsonAnswer(200, {"status": "success"}, 20)
        await pool.aclose()
    assert (server.requests, first.requests, second.requests) == (["GET", "GET", "GET"], 1, 2)


async def test_a_write_over_such_a_connection_is_in_doubt_and_not_sent_again() -> None:
    server = Impatient()
    with listening(server) as address:
        pool = network(base_url=f"http://{address}")
        exchange = session(pool)
        await exchange.send("GET", "leads")
        raised = await failure(exchange.send("POST", "leads", body={}))
        await pool.aclose()
    reason = "the connection was cut before the answer was there"
    assert (type(raised), raised.reason) == (OutcomeUnknown, reason)
    assert server.requests == ["GET", "POST"]


async def test_a_connection_that_was_closed_in_time_is_not_used_for_a_write() -> None:
    server = Impatient(before=True)
    with listening(server) as address:
        pool = network(base_url=f"http://{address}")
        exchange = session(pool)
        for _ in range(3):
            await exchange.send("POST", "leads", body={})
            await anyio.to_thread.run_sync(server.closed.acquire)
        await pool.aclose()
    assert (server.requests, exchange.requests) == (["POST"] * 3, 3)


def hang(connection: socket.socket) -> None:
    while connection.recv(65_536):
        pass


def drip(connection: socket.socket) -> None:
    connection.recv(65_536)
    try:
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        while True:
            connection.sendall(b"{")
            threading.Event().wait(0.05)
    except OSError:
        return


@pytest.mark.parametrize("handle", [hang, drip])
@pytest.mark.parametrize(("method", "error"), [("GET", Unanswered), ("POST", OutcomeUnknown)])
async def test_the_deadline_holds_for_a_server_that_hangs_or_drips(
    handle: Callable[[socket.socket], None], method: Method, error: type[RotorError]
) -> None:
    with listening(handle) as address:
        pool = network(base_url=f"http://{address}", timeout="0.4")
        exchange = session(pool)
        with anyio.fail_after(5):
            raised = await failure(exchange.send(method, "leads"))
        # Less by what the start of the request took.
        patience = r"0\.2[5-7]" if method == "POST" else r"0\.(3[89]|4)"
        assert type(raised) is error
        assert re.fullmatch(f"no answer within {patience} seconds", raised.reason)
        assert exchange.requests == 1
        await pool.aclose()


async def test_a_cancelled_call_lets_a_write_finish_but_not_a_read() -> None:
    asked, may_answer = anyio.Event(), anyio.Event()
    answered: list[str] = []

    async def slow(request: httpx2.Request) -> httpx2.Response:
        asked.set()
        await may_answer.wait()
        answered.append(request.method)
        return ok()

    pool = ConnectionPool(Settings.load({"api_key": KEY}), lambda: httpx2.MockTransport(slow))
    for method in ("GET", "POST"):
        asked, may_answer = anyio.Event(), anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(session(pool).send, method, "leads")
            await asked.wait()
            group.cancel_scope.cancel()
            may_answer.set()
    assert answered == ["POST"]
