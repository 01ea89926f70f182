"""The command as a process: what it refuses, and how it stops."""

import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

from rotor_mcp.sandbox import FULL_KEY, Sandbox
from tests.conftest import posix, text
from tests.hosting.servers import refused, server_process
from tests.hosting.serving import calling, on_port
from tests.test_sockets import needs_ipv6
from tests.waiting import until

pytestmark = pytest.mark.anyio

TOKEN = "t0k3n" * 8
ISSUER = {"ROTOR_MCP_OAUTH_ISSUER": "https://login.example.com"}
PUBLIC = {"ROTOR_MCP_PUBLIC_URL": "https://rotor.example.com"}


@pytest.mark.parametrize(
    ("http", "variables", "said"),
    [
        (
            "0.0.0.0:8080",
            {},
            "Error: 0.0.0.0:8080 can be reached by others, and nothing asks who they are: set ROTOR_MCP_OAUTH_ISSUER, "
            "or for a private network ROTOR_MCP_TOKEN_FILE; or serve at 127.0.0.1 only",
        ),
        (
            "[::]:8080",
            ISSUER,
            "Error: set ROTOR_MCP_PUBLIC_URL to the address under which clients reach this server: requests for other "
            "names are refused, and so are tokens for another resource",
        ),
        (
            "8080",
            {},
            "Error: --http: must be an address and a port, such as 127.0.0.1:8080 or [::]:8080",
        ),
        (
            "127.0.0.1:0",
            {"ROTOR_MCP_OAUTH_ISSUER": "http://login.example.com"},
            "Error: ROTOR_MCP_OAUTH_ISSUER: must begin with https, unless it is on this machine",
        ),
        (
            "127.0.0.1:0",
            {"ROTOR_MCP_PUBLIC_URL": "https://example.com/rotor"},
            "Error: ROTOR_MCP_PUBLIC_URL: must have no path: the protocol is spoken at /mcp below it",
        ),
        (
            "127.0.0.1:0",
            {"ROTOR_MCP_ALLOWED_HOSTS": "rotor.internal, *"},
            "Error: ROTOR_MCP_ALLOWED_HOSTS: entry 2 must be a host name or an address, perhaps with a port, such as "
            "rotor.internal, 10.0.0.7:8080 or [fd00::7]:8080: no scheme, no path, no blank, and no * for a name, with "
            "which every web page could reach this server",
        ),
        (
            "127.0.0.1:0",
            {"ROTOR_MCP_ALLOWED_ORIGINS": "https://example.com/app"},
            "Error: ROTOR_MCP_ALLOWED_ORIGINS: entry 1 must be a scheme and a host name, perhaps with a port, such as "
            "https://inspector.example.com or http://localhost:6274: no path, no blank, no null, and no * for a name, "
            "with which every web page could call this server",
        ),
        (
            "127.0.0.1:0",
            {"ROTOR_MCP_KEEP_ALIVE": "0"},
            "Error: ROTOR_MCP_KEEP_ALIVE: must be a whole number from 1 to 3,600",
        ),
        (
            "127.0.0.1:0",
            {"ROTOR_MCP_STATE_SECRET": "short"},
            "Error: ROTOR_MCP_STATE_SECRET: must have 32 characters or more, which nobody can guess",
        ),
        (
            "127.0.0.1:0",
            {"ROTOR_MCP_KEY_FROM": "file"},
            "Error: ROTOR_MCP_KEY_FROM is file: set ROTOR_MCP_KEY_FILE",
        ),
        (
            "127.0.0.1:0",
            {"ROTOR_MCP_KEY_FROM": "file", "ROTOR_MCP_KEY_FILE": "keys.json"},
            "Error: ROTOR_MCP_KEY_FROM is file, but nothing asks who calls: set ROTOR_MCP_OAUTH_ISSUER or "
            "ROTOR_MCP_TOKEN_FILE",
        ),
        (
            "127.0.0.1:0",
            {"ROTOR_MCP_KEY_FILE": "keys.json"},
            "Error: ROTOR_MCP_KEY_FILE is set: set ROTOR_MCP_KEY_FROM to file, or leave it out",
        ),
        (
            "127.0.0.1:0",
            {"ROTOR_MCP_WORKERS": "2", "ROTOR_API_KEY": FULL_KEY},
            "Error: ROTOR_MCP_WORKERS: several processes need ROTOR_MCP_REDIS_URL, since there calls for one person wait "
            "for each other; without it one person could be filed twice",
        ),
        (
            "127.0.0.1:0",
            {"ROTOR_MCP_REDIS_URL": "redis://127.0.0.1:1", "ROTOR_MCP_KEY_FROM": "header"},
            "Error: set ROTOR_MCP_STATE_SECRET: what one process asks a person may be answered to another, and they have "
            "no Rotor key in common to seal it with",
        ),
        (
            "127.0.0.1:0",
            {"ROTOR_MCP_TOKEN_FILE": "/nowhere/tokens"},
            "Error: ROTOR_MCP_TOKEN_FILE: /nowhere/tokens: No such file or directory",
        ),
        (
            "127.0.0.1:0",
            {"ROTOR_MCP_AUDIT_FILE": "/nowhere/audit"},
            "Error: ROTOR_MCP_AUDIT_FILE: /nowhere/audit: No such file or directory",
        ),
        (
            "127.0.0.1:0",
            {"ROTOR_MCP_OAUTH_AUDIENCE": "https://rotor.example.com/mcp"},
            "Error: ROTOR_MCP_OAUTH_AUDIENCE is set, but no issuer: set ROTOR_MCP_OAUTH_ISSUER, or leave it out",
        ),
        (
            "127.0.0.1:0",
            {"ROTOR_MCP_OAUTH_SCOPE_CLAIM": "roles", "ROTOR_MCP_TOKEN_FILE": "tokens"},
            "Error: ROTOR_MCP_OAUTH_SCOPE_CLAIM is set, but no issuer: set ROTOR_MCP_OAUTH_ISSUER, or leave it out",
        ),
        (
            "127.0.0.1:0",
            {"ROTOR_MCP_TOKEN_FILE": "secrets/../tokens", "ROTOR_MCP_AUDIT_FILE": "tokens"},
            "Error: ROTOR_MCP_TOKEN_FILE and ROTOR_MCP_AUDIT_FILE are the same file: each needs a file of its own",
        ),
        (
            "0.0.0.0:8080",
            {"ROTOR_MCP_KEY_FROM": "file", "ROTOR_MCP_OAUTH_AUDIENCE": "x"},
            "Error: 0.0.0.0:8080 can be reached by others, and nothing asks who they are: set ROTOR_MCP_OAUTH_ISSUER, "
            "or for a private network ROTOR_MCP_TOKEN_FILE; or serve at 127.0.0.1 only; "
            "ROTOR_MCP_KEY_FROM is file: set ROTOR_MCP_KEY_FILE; "
            "ROTOR_MCP_OAUTH_AUDIENCE is set, but no issuer: set ROTOR_MCP_OAUTH_ISSUER, or leave it out",
        ),
        *(
            (address, {}, "Error: --http: must be an address and a port, such as 127.0.0.1:8080 or [::]:8080")
            for address in (
                "http://127.0.0.1:8080",
                "127.0.0.1:8080/mcp",
                "::1:8080",
                "127.0.0.1:",
                "[::1]",
                "a b:1",
            )
        ),
        (
            "127.0.0.1:0",
            {"ROTOR_MCP_REDIS_REQUIRED": "true"},
            "Error: ROTOR_MCP_REDIS_REQUIRED is true, but no Redis is named: set ROTOR_MCP_REDIS_URL",
        ),
        (
            "127.0.0.1:0",
            {"ROTOR_MCP_DAILY_REQUESTS": "0"},
            "Error: ROTOR_MCP_DAILY_REQUESTS: must be a whole number, 1 or more",
        ),
        (
            "127.0.0.1:0",
            {"ROTOR_MCP_ALLOWED_HOSTS": "https://rotor.internal"},
            "Error: ROTOR_MCP_ALLOWED_HOSTS: entry 1 must be a host name or an address, perhaps with a port, such as "
            "rotor.internal, 10.0.0.7:8080 or [fd00::7]:8080: no scheme, no path, no blank, and no * for a name, with "
            "which every web page could reach this server",
        ),
        (
            "127.0.0.1:0",
            {"ROTOR_MCP_PUBLIC_URL": "rotor.example.com"},
            "Error: ROTOR_MCP_PUBLIC_URL: must be an address such as https://rotor.example.com",
        ),
        (
            "127.0.0.1:0",
            {"ROTOR_MCP_CALLS_AT_ONCE": "0"},
            "Error: ROTOR_MCP_CALLS_AT_ONCE: must be a whole number, 1 or more",
        ),
    ],
)
def test_what_is_not_served(http: str, variables: dict[str, str], said: str) -> None:
    assert refused(variables, http) == said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "holds no token"),
        ("ann\n", "line 1: must be a name, a token and scopes"),
        (f"# staff\nann {TOKEN[:31]}\n", "line 2: a token must have 32 characters or more"),
        (
            f"ann {TOKEN} leads:write admin\n",
            "line 1: 1 of its scopes are none of leads:read, leads:write; the word all must stand alone",
        ),
        (
            f"ann {TOKEN} all leads:read\n",
            "line 1: 1 of its scopes are none of leads:read, leads:write; the word all must stand alone",
        ),
        (
            f"ann {TOKEN} leads:rea",
            "line 1: 1 of its scopes are none of leads:read, leads:write; the word all must stand alone",
        ),
        (
            f"ben {TOKEN}x leads:read\nann {TOKEN}\t\n",
            "line 2: names no scopes. Write leads:read or leads:write or both behind the token, or the word all",
        ),
        (f"ann {TOKEN} all\nben {TOKEN} all\n", "holds a name or a token twice"),
        (f"ann {TOKEN} all\nann {TOKEN}x all\n", "holds a name or a token twice"),
    ],
)
def test_a_token_file_that_is_not_right(content: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text(content, "utf-8")
    file.chmod(0o600)
    told = refused({"ROTOR_MCP_TOKEN_FILE": str(file)})
    assert told == f"Error: ROTOR_MCP_TOKEN_FILE: {file}: {said}"
    assert TOKEN not in told


@asynccontextmanager
async def slow_rotor(sandbox: Sandbox, may_answer: anyio.Event) -> AsyncIterator[tuple[str, anyio.Event]]:
    """Rotor on a port, which answers writes when it may; yields its address and what tells of the first write."""
    written = anyio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            if scope["method"] == "POST":
                written.set()
                await may_answer.wait()
            await sandbox.app(scope, receive, send)

    async with on_port(app) as url:
        yield f"{url}/open-api", written


@posix
async def test_a_stop_lets_calls_in_hand_end_and_begins_no_others(sandbox: Sandbox) -> None:
    may_answer = anyio.Event()
    results: list[str] = []
    async with slow_rotor(sandbox, may_answer) as (rotor, written):
        with server_process({"ROTOR_API_KEY": FULL_KEY, "ROTOR_BASE_URL": rotor}) as server:
            async with calling(server.url) as client, anyio.create_task_group() as group:
                await client.list_tools()  # which the client does later otherwise, to check the result

                async def write() -> None:
                    lead = {"name": "Dana Whitfield", "phone": "612-555-0142"}
                    results.append(text(await client.call_tool("upsert_lead", lead)))

                group.start_soon(write)
                await written.wait()
                server.process.send_signal(signal.SIGTERM)
                await until(lambda: server.refuses)
                async with httpx2.AsyncClient() as another:
                    with pytest.raises(httpx2.ConnectError):
                        await another.get(f"{server.url}/healthz")
                assert (results, server.process.poll()) == ([], None)
                may_answer.set()
            assert results[0].startswith("Created Dana Whitfield. 2 requests spent.")
            assert await anyio.to_thread.run_sync(lambda: server.process.wait(60)) == 0


@posix
async def test_a_second_interrupt_is_obeyed_at_once(sandbox: Sandbox) -> None:
    async with slow_rotor(sandbox, anyio.Event()) as (rotor, written):
        with server_process({"ROTOR_API_KEY": FULL_KEY, "ROTOR_BASE_URL": rotor}) as server:
            async with anyio.create_task_group() as group:

                async def write() -> None:
                    with suppress(Exception):  # it is cut off
                        async with calling(server.url) as client:
                            await client.call_tool("upsert_lead", {"name": "Dana", "phone": "612-555-0142"})

                group.start_soon(write)
                await written.wait()
                server.process.send_signal(signal.SIGINT)
                await until(lambda: server.refuses)
                server.process.send_signal(signal.SIGINT)
                assert await anyio.to_thread.run_sync(lambda: server.process.wait(20)) == 0
                group.cancel_scope.cancel()


def test_a_server_without_a_key_starts_and_says_so() -> None:
    with server_process({}) as server:
        assert "ROTOR_API_KEY is not set" in server.written
    with server_process({"ROTOR_MCP_KEY_FROM": "header"}) as server:
        assert "ROTOR_API_KEY" not in server.written


async def test_the_sandbox_over_http() -> None:
    with server_process({}, "--sandbox") as server:
        async with calling(server.url) as client:
            assert text(await client.call_tool("search_leads", {"search": "jane doe"})).startswith("1 lead. ")


@needs_ipv6
def test_localhost_is_served_over_ipv4_and_ipv6() -> None:
    with server_process({}, "--sandbox", host="localhost") as server:
        for address in ("127.0.0.1", "[::1]", "localhost"):
            assert httpx2.get(f"http://{address}:{server.port}/healthz").json() == {"alive": True}


def wait_until_closed(connection: socket.socket) -> None:
    """Ask once, and wait until the server closes the connection."""
    connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
    while connection.recv(4_096):
        pass


def test_how_long_idle_connections_are_kept() -> None:
    """Longer than uvicorn's 5 seconds, after which load balancers would meet closed connections."""
    with (
        server_process({}, "--sandbox") as usual,
        server_process({"ROTOR_MCP_KEEP_ALIVE": "6"}, "--sandbox") as brief,
        closing(socket.create_connection(("127.0.0.1", usual.port), timeout=30)) as kept,
        closing(socket.create_connection(("127.0.0.1", brief.port), timeout=30)) as closed,
    ):
        kept.sendall(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert kept.recv(4_096).startswith(b"HTTP/1.1 200")
        wait_until_closed(closed)
        kept.settimeout(0)
        with suppress(BlockingIOError):
            assert kept.recv(4_096) != b"", "closed as early as the other one"
