"""A Redis that is required: without it a server is not ready and refuses writes; lost later, results say so."""

import logging
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client, StdioServerParameters

from rotor_mcp.sandbox import FULL_KEY, Sandbox
from rotor_mcp.sandbox.server import serving
from rotor_mcp.state.redis.connection import RETRY_PAUSE_SECONDS
from tests.cli.test_main import ENVIRONMENT
from tests.conftest import text
from tests.hosting.serving import calling, hosted
from tests.listening import listening
from tests.state.redis.servers import RedisServer, redis_server

pytestmark = pytest.mark.anyio

PASSWORD = "pa55word-of-redis"
DANA = {"name": "Dana", "phone": "612-555-0142"}
NO_CONNECTION = "there is no connection to it"
EVICTING = "it may delete locks when its memory is full: set maxmemory-policy {} to noeviction"


def refusal(reason: str) -> str:
    return (
        "Nothing was sent: Redis, by which several servers take turns at writing, cannot be relied on: "
        f"{reason}. Writes are refused until it can. Whoever runs this server can mend that, or set "
        "ROTOR_MCP_REDIS_REQUIRED=false. No requests spent."
    )


def note(reason: str) -> str:
    return (
        "other servers were not asked whether they write to the same person at this moment, because Redis cannot be "
        f"relied on: {reason}. If one did, there may be a second lead or a lost change, which search_leads shows"
    )


async def readiness(url: str) -> tuple[int, dict[str, Any]]:
    async with httpx2.AsyncClient(timeout=30) as http:
        answer = await http.get(f"{url}/readyz")
    said = answer.json()
    said.pop("rotor_answered_seconds_ago", None)
    return answer.status_code, said


def errors(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    return [
        (record.levelno, record.getMessage())
        for record in caplog.records
        if record.levelno >= logging.WARNING and record.name == "rotor_mcp.state.redis.connection"
    ]


FAULTS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "a password that is missing": (
        ("--requirepass", PASSWORD),
        "redis://127.0.0.1:{}",
        "it refuses the user name or password in ROTOR_MCP_REDIS_URL",
    ),
    "a wrong password": (
        ("--requirepass", PASSWORD),
        "redis://:wrong-pa55word@127.0.0.1:{}",
        "it refuses the user name or password in ROTOR_MCP_REDIS_URL",
    ),
    "too little memory": (("--maxmemory", "1"), "redis://127.0.0.1:{}", "its memory is full (maxmemory)"),
    "a policy that evicts any key": (
        ("--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lfu"),
        "redis://127.0.0.1:{}",
        EVICTING.format("allkeys-lfu"),
    ),
    "a policy that evicts keys that expire": (
        ("--maxmemory", "50mb", "--maxmemory-policy", "volatile-ttl"),
        "redis://127.0.0.1:{}",
        EVICTING.format("volatile-ttl"),
    ),
    "a replica": (
        ("--replicaof", "127.0.0.1 1"),
        "redis://127.0.0.1:{}",
        "it is a replica, which takes no writes",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_a_fault_that_stays(
    name: str, tmp_path: Path, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    options, address, reason = FAULTS[name]
    with redis_server(tmp_path, *options) as server:
        url = address.format(server.port)
        async with hosted(sandbox.transport, redis_url=url) as mcp, calling(mcp) as client:
            assert await readiness(mcp) == (
                503,
                {"ready": False, "reason": f"Redis cannot be relied on: {reason}"},
            )
            for tool, arguments in (("upsert_lead", DANA), ("upsert_leads", {"rows": [DANA]})):
                result = await client.call_tool(tool, arguments)
                assert (result.is_error, text(result)) == (True, refusal(reason))
            found = await client.call_tool("search_leads", {"search": "jane doe"})
            assert text(found).startswith("1 lead. ")
    assert not any(line.startswith("POST") for line in sandbox.requests)
    assert errors(caplog) == [
        (
            logging.ERROR,
            f"Redis cannot be relied on: {reason}. This server is not ready and refuses writes until that is mended; "
            "ROTOR_MCP_REDIS_REQUIRED=false lets it write all the same",
        )
    ]
    assert "pa55word" not in caplog.text


def answering(data: bytes) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        connection.sendall(data)
        while connection.recv(1_000):
            pass  # until the other side hangs up

    return answer


def echoing(data: bytes) -> Callable[[socket.socket], None]:
    """Answer each command of Redis's protocol, which are lists of texts, with the same."""

    def answer(connection: socket.socket) -> None:
        while received := connection.recv(100_000):
            connection.sendall(data * (received.count(b"\r\n*") + 1))

    return answer


@contextmanager
def no_redis(kind: str) -> Iterator[str]:
    """The port of something that is no Redis."""
    match kind:
        case "nothing":
            yield "1"
        case "a web server":
            with listening(answering(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")) as address:
                yield address.rpartition(":")[2]
        case "a server that greets":
            with listening(answering(b"SSH-2.0-OpenSSH_9.6\r\n")) as address:
                yield address.rpartition(":")[2]
        case "a server that says OK to everything":
            with listening(echoing(b"+OK\r\n")) as address:
                yield address.rpartition(":")[2]
        case "a server that answers numbers":
            with listening(echoing(b":1\r\n")) as address:
                yield address.rpartition(":")[2]
        case _:
            with listening(lambda connection: connection.shutdown(socket.SHUT_WR)) as address:
                yield address.rpartition(":")[2]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("nothing", NO_CONNECTION),
        ("a web server", "what answers at the address in ROTOR_MCP_REDIS_URL is no Redis"),
        ("a server that greets", "what answers at the address in ROTOR_MCP_REDIS_URL is no Redis"),
        (
            "a server that says OK to everything",
            "what answers at the address in ROTOR_MCP_REDIS_URL is no Redis",
        ),
        ("a server that answers numbers", "what answers at the address in ROTOR_MCP_REDIS_URL is no Redis"),
        ("a server that hangs up", NO_CONNECTION),
    ],
)
async def test_no_redis_at_that_port(kind: str, reason: str, sandbox: Sandbox) -> None:
    with no_redis(kind) as port:
        async with (
            hosted(sandbox.transport, redis_url=f"redis://127.0.0.1:{port}") as url,
            calling(url) as client,
        ):
            status, said = await readiness(url)
            assert (status, said) == (503, {"ready": False, "reason": f"Redis cannot be relied on: {reason}"})
            assert text(await client.call_tool("upsert_lead", DANA)) == refusal(reason)
    assert not any("/leads" in line for line in sandbox.requests)


async def test_a_redis_that_comes_later(redis_to_kill: RedisServer, sandbox: Sandbox) -> None:
    redis_to_kill.kill()
    async with hosted(sandbox.transport, redis_url=redis_to_kill.url) as url, calling(url) as client:
        assert text(await client.call_tool("upsert_lead", DANA)) == refusal(NO_CONNECTION)
        redis_to_kill.start()
        await anyio.sleep(RETRY_PAUSE_SECONDS)
        result = await client.call_tool("upsert_lead", DANA)
        assert text(result).startswith("Created Dana")
        assert await readiness(url) == (200, {"ready": True})


async def test_a_redis_that_is_lost_under_way(redis_to_kill: RedisServer, sandbox: Sandbox) -> None:
    """Writes go on, and each result says what was not asked, in the text and in the structured content."""
    async with hosted(sandbox.transport, redis_url=redis_to_kill.url) as url, calling(url) as client:
        created = await client.call_tool("upsert_lead", DANA)
        assert "Redis" not in text(created)
        redis_to_kill.kill()
        for tool, arguments in (
            ("upsert_lead", DANA | {"stage": "Quoted"}),
            (
                "upsert_leads",
                {"rows": [DANA | {"stage": "Won"}, {"name": "Max", "email": "max@example.com"}]},
            ),
        ):
            result = await client.call_tool(tool, arguments)
            assert not result.is_error
            assert text(result).endswith(f"\nNote: {note(NO_CONNECTION)}.")
            assert result.structured_content
            assert result.structured_content["notice"] == note(NO_CONNECTION)
        unchanged = await client.call_tool("upsert_lead", DANA | {"stage": "Won"})
        assert "Redis" not in text(unchanged), "nothing was written"
        assert await readiness(url) == (200, {"ready": True, "redis": NO_CONNECTION})
        redis_to_kill.start()
        await anyio.sleep(RETRY_PAUSE_SECONDS)
        result = await client.call_tool("upsert_lead", DANA | {"stage": "Lost"})
        assert text(result).startswith("Updated Dana")
        assert "Redis" not in text(result)
        assert await readiness(url) == (200, {"ready": True})


async def test_a_policy_that_is_changed_under_way(redis_to_kill: RedisServer, sandbox: Sandbox) -> None:
    """Locks are asked for as before, but the server is not ready, and results of writes say why."""
    async with hosted(sandbox.transport, redis_url=redis_to_kill.url) as url, calling(url) as client:
        await client.call_tool("upsert_lead", DANA)
        with redis_to_kill.client() as redis:
            redis.config_set("maxmemory", "100mb")
            redis.config_set("maxmemory-policy", "allkeys-lru")
        redis_to_kill.freeze()  # it is looked at again after it was away
        await client.call_tool("upsert_lead", DANA | {"stage": "Quoted"})
        redis_to_kill.thaw()
        await anyio.sleep(RETRY_PAUSE_SECONDS)
        reason = EVICTING.format("allkeys-lru")
        assert await readiness(url) == (
            503,
            {"ready": False, "reason": f"Redis cannot be relied on: {reason}"},
        )
        result = await client.call_tool("upsert_lead", DANA | {"stage": "Won"})
        assert text(result).endswith(f"\nNote: {note(reason)}.")
        with redis_to_kill.client() as redis:
            assert list(redis.scan_iter("*:past:*"))


async def test_memory_that_is_full_under_way(redis_to_kill: RedisServer, sandbox: Sandbox) -> None:
    async with hosted(sandbox.transport, redis_url=redis_to_kill.url) as url, calling(url) as client:
        await client.call_tool("upsert_lead", DANA)
        with redis_to_kill.client() as redis:
            redis.config_set("maxmemory", "1")
        reason = "its memory is full (maxmemory)"
        result = await client.call_tool("upsert_lead", DANA | {"stage": "Won"})
        assert text(result).startswith("Updated Dana")
        assert text(result).endswith(f"\nNote: {note(reason)}.")
        assert await readiness(url) == (
            503,
            {"ready": False, "reason": f"Redis cannot be relied on: {reason}"},
        )


async def test_a_redis_that_is_not_required(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    url = "redis://127.0.0.1:1"
    async with (
        hosted(sandbox.transport, redis_url=url, redis_required="false") as mcp,
        calling(mcp) as client,
    ):
        assert await readiness(mcp) == (200, {"ready": True, "redis": NO_CONNECTION})
        result = await client.call_tool("upsert_lead", DANA)
    assert text(result).endswith(f"\nNote: {note(NO_CONNECTION)}.")
    assert errors(caplog) == [
        (
            logging.WARNING,
            f"Redis cannot be relied on: {NO_CONNECTION}. Until it can, this server shares nothing with others",
        )
    ]


async def test_over_standard_input_and_output(sandbox: Sandbox) -> None:
    async with serving(sandbox) as url:
        environment = ENVIRONMENT | {
            "ROTOR_API_KEY": FULL_KEY,
            "ROTOR_BASE_URL": url,
            "ROTOR_MCP_REDIS_URL": "redis://127.0.0.1:1",
        }
        command = StdioServerParameters(command=sys.executable, args=["-m", "rotor_mcp"], env=environment)
        async with Client(command) as client:
            assert text(await client.call_tool("upsert_lead", DANA)) == refusal(NO_CONNECTION)
            found = await client.call_tool("search_leads", {"search": "jane doe"})
            assert text(found).startswith("1 lead. ")
        async with await anyio.open_process([sys.executable, "-m", "rotor_mcp"], env=environment) as process:
            assert process.stderr
            line = b""
            while not line.endswith(b"\n"):  # before any call
                line += await process.stderr.receive()
            process.terminate()
    assert b" WARNING " in line
    assert (
        b"Redis cannot be relied on: there is no connection to it. This server is not ready and refuses"
        in line
    )
