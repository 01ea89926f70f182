"""A line of each event, as the real server writes it. docs/observability.md shows them."""

import json
import logging
import multiprocessing
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import anyio
import httpx2
import pytest
from inline_snapshot import snapshot
from mcp import Client, MCPError
from pydantic import SecretStr

from rotor_mcp import log_setup
from rotor_mcp.config import Settings
from rotor_mcp.hosting import asgi, single_process
from rotor_mcp.hosting.auth_jwt import JwtVerifier
from rotor_mcp.hosting.settings import HostSettings
from rotor_mcp.log_events import EVENTS
from rotor_mcp.sandbox import FULL_KEY, Fault, Sandbox
from rotor_mcp.server.mcp_server import build_server
from rotor_mcp.state.redis.connection import RedisConnection
from rotor_mcp.state.redis.factory import RedisStateFactory
from tests.conftest import JANE
from tests.hosting.servers import free_port, server_process
from tests.hosting.serving import calling, hosted, on_port, request
from tests.logs import logged_json
from tests.server.test_mcp_server import INITIALIZE
from tests.state.redis.servers import redis_server
from tests.state.redis.test_search_cache import kept
from tests.waiting import until

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform != "linux", reason="needs a device that is always full"),
]

TOKENS = {"night-agent": "t0k3n" * 8, "dashboard": "0ther" * 8}
DANA = {"name": "Dana Whitfield", "phone": "612-555-0142"}
Lines = Callable[[], list[dict[str, Any]]]


class Breaking(httpx2.AsyncBaseTransport):
    """A connection to the sandbox in which this program fails at some requests."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._inner = sandbox.transport()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith(JANE) or request.url.params.get("search") == "0001":
            raise ZeroDivisionError
        response = await self._inner.handle_async_request(request)
        if b"Eve Roe" in request.content:
            raise KeyError
        return response


def processes() -> list[dict[str, Any]]:
    """Lines of a server over HTTP, and of one over standard input and output."""
    given = {
        "ROTOR_MCP_LOG_FORMAT": "json",
        "ROTOR_MCP_METRICS": f"127.0.0.1:{free_port()}",
        "ROTOR_MCP_TOKENFILE": "tokens",
    }
    with server_process(given) as server:
        httpx2.get(f"{server.url}/readyz")
        server.stop()
        written = server.written
    variables = {"PATH": "", "ROTOR_MCP_LOG_FORMAT": "json", "OTEL_TRACES_EXPORTER": "console"}
    command = [sys.executable, "-m", "rotor_mcp"]
    with (
        Path("/dev/full").open("wb") as full,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=full, stderr=subprocess.PIPE, env=variables
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(json.dumps(INITIALIZE).encode() + b"\n")
        process.stdin.flush()
        written += process.stderr.read().decode()
    return [json.loads(line) for line in written.splitlines()]


async def a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("ROTOR_API_KEY", "rotor_worker_s3cr3t99"),
        ("ROTOR_BASE_URL", "http://127.0.0.1:1/open-api"),
        ("ROTOR_MCP_LOG_FORMAT", "json"),
    ):
        monkeypatch.setenv(name, value)
    async with on_port(asgi.Application()):
        pass  # it begins and ends
    while single_process._bound:  # otherwise held until the process ends
        single_process._bound.pop().close()


async def requests_over_http(sandbox: Sandbox, folder: Path) -> None:
    tokens, audit = folder / "tokens", folder / "audit.jsonl"
    tokens.write_text(
        f"night-agent {TOKENS['night-agent']} all\ndashboard {TOKENS['dashboard']} leads:read\n"
    )
    tokens.chmod(0o600)
    audit.symlink_to("/dev/full")
    host = {"token_file": tokens, "audit_file": audit}
    async with hosted(sandbox.transport, host) as url, httpx2.AsyncClient() as http:
        await http.post(f"{url}/mcp", headers={"host": "evil.example.com"})
        head = {"authorization": f"Bearer {TOKENS['dashboard']}"}
        await http.post(f"{url}/mcp", headers=head, content=b"not JSON")
        sandbox.faults.add(Fault(status=401))
        await http.get(f"{url}/readyz")
        async with calling(url, TOKENS["night-agent"]) as client:
            sandbox.faults.add(Fault(method="GET", drop="before"))
            await client.call_tool("upsert_lead", DANA)
        await http.get(f"{url}/readyz")
        headers, body = request("upsert_lead", DANA)
        await http.post(f"{url}/mcp", headers=headers | head, json=body)
        tokens.write_text(f"{tokens.read_text()}# changed\n")
        await http.post(f"{url}/mcp", headers=head, content=b"not JSON")
        tokens.write_text("night-agent short all\n")
        await http.post(f"{url}/mcp", headers=head, content=b"not JSON")


async def errors_of_the_program(sandbox: Sandbox) -> None:
    async with hosted(lambda: Breaking(sandbox)) as url, calling(url) as client:
        await client.call_tool("get_lead", {"id": JANE})
        await client.call_tool("upsert_lead", {"name": "Eve Roe", "phone": "612-555-0143"})
        rows = [{"name": f"Person {number}", "phone": f"612-555-000{number}"} for number in (1, 2)]
        await client.call_tool("upsert_leads", {"rows": rows})


async def a_cancelled_batch_and_a_question(sandbox: Sandbox, lines: Lines) -> None:
    async def fail(_context: object, _params: object) -> Any:
        raise MCPError(code=-32603, message="no window to show this in")

    settings = Settings.load({"api_key": FULL_KEY})
    server = build_server(settings, transport=sandbox.transport)
    async with Client(server, mode="legacy", elicitation_callback=cast("Any", fail)) as client:
        await client.call_tool("upsert_lead", {"name": "Bob Doe", "phone": "763-555-0100"})
        sandbox.faults.add(Fault(method="POST", delay=0.1, times=1_000))
        with anyio.CancelScope() as scope:

            async def listen(progress: float, total: float | None, message: str | None) -> None:
                if (progress, total, bool(message)) == (4, 30, True):
                    scope.cancel()

            rows = [{"name": f"Person {number}", "phone": f"612-555-01{number:02}"} for number in range(30)]
            await client.call_tool("upsert_leads", {"rows": rows}, progress_callback=listen)
        await until(lambda: "batch_cancelled" in str(lines()))
    sandbox.faults.clear()


async def what_is_away(folder: Path) -> None:
    await JwtVerifier(f"http://127.0.0.1:{free_port()}", "audience")._refresh_keys()
    with redis_server(folder) as server:
        connection = RedisConnection(server.url)
        await connection.check()
        server.kill()
        connection.verified = False
        await connection.check()
        server.start()
        connection._retry_at = 0
        await connection.check()
        await connection.aclose()
    rules = ("--user", "jo", "on", ">pa55word-of-jo", "~*", "+@all", "-zadd")
    with redis_server(folder, *rules) as server:
        factory = RedisStateFactory(SecretStr(f"redis://jo:pa55word-of-jo@127.0.0.1:{server.port}"), 30)
        await kept(factory.for_key(FULL_KEY), 1)
        await factory.aclose()
    with redis_server(folder, "--maxmemory", "2mb") as server:
        factory = RedisStateFactory(SecretStr(server.url), 30)
        await kept(factory.for_key(FULL_KEY), 1)
        await factory.aclose()


async def other_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    log_setup.warn_of_key(Settings.load({"api_key": "rt_ws_123456789"}))
    logging.getLogger("some.library").warning("the pool is full")
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("SSL_CERT_FILE", "/nowhere")
        server = build_server(Settings.load({"api_key": FULL_KEY}))
        server._listed.set()
        await server._prepare()
    with monkeypatch.context() as elsewhere:  # on a Mac, as a process that an ASGI server has started
        elsewhere.setattr(sys, "platform", "darwin")
        elsewhere.setattr(multiprocessing, "parent_process", object)
        single_process.claim(Settings(), HostSettings())


def normalized(line: dict[str, Any], folder: Path) -> dict[str, Any]:
    """A line without what differs from run to run."""
    fixed = {
        "time": "2026-11-27T09:30:00.000+00:00",
        "milliseconds": 12.5,
        "request_id": "9f86d081884c7d65",
        "pid": 4242,
        "rows_done": 6,
        "version": "0.1.0",
        "traceback": 'Traceback…\n  File "…", line 1, in …',
    }
    text = json.dumps({name: fixed.get(name, value) for name, value in line.items()})
    for pattern, shown in (
        (re.escape(str(folder)), "/etc/rotor-mcp"),
        (r"127\.0\.0\.1:\d+/metrics", "127.0.0.1:9464/metrics"),
        (r"127\.0\.0\.1:\d+", "127.0.0.1:8080"),
        (r"\b[\d.]+ ms", "12 ms"),
        (r"again in [\d.]+ s", "again in 0.5 s"),
        (r"Process \d+", "Process 4242"),
        (r"dealt with: \[[\d, ]+\]", "dealt with: [1, 2, 3, 4, 5, 6]"),
        (r'"seconds": [\d.]+', '"seconds": 0.5'),
    ):
        text = re.sub(pattern, shown, text)
    return dict(json.loads(text))


async def test_a_line_of_each_event(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[dict[str, Any]] = []
    with logged_json() as written:
        await requests_over_http(sandbox, tmp_path)
        await errors_of_the_program(sandbox)
        await a_cancelled_batch_and_a_question(sandbox, written)
        await what_is_away(tmp_path)
        await other_lines(monkeypatch)
        lines += written()
        await a_worker(monkeypatch)
        lines += written()[len(lines) :]
    lines += await anyio.to_thread.run_sync(processes)
    found: dict[str, dict[str, Any]] = {}
    for line in sorted(lines, key=len, reverse=True):  # those with most fields
        found.setdefault(line["event"], normalized(line, tmp_path))
    assert {name: found.get(name) for name in EVENTS} == SAMPLES


SAMPLES: dict[str, dict[str, Any]] = snapshot(
    {
        "server_started": {
            "time": "2026-11-27T09:30:00.000+00:00",
            "level": "info",
            "event": "server_started",
            "message": "Serving MCP at http://127.0.0.1:8080/mcp, listening on http://127.0.0.1:8080",
            "version": "0.1.0",
            "transport": "http",
            "url": "http://127.0.0.1:8080/mcp",
            "addresses": ["http://127.0.0.1:8080"],
            "processes": 1,
        },
        "worker_started": {
            "time": "2026-11-27T09:30:00.000+00:00",
            "level": "info",
            "event": "worker_started",
            "message": "Process 4242 is ready",
            "version": "0.1.0",
            "pid": 4242,
        },
        "signal_received": {
            "time": "2026-11-27T09:30:00.000+00:00",
            "level": "info",
            "event": "signal_received",
            "message": "SIGTERM: the server completes its calls and stops",
            "signal": "SIGTERM",
        },
        "worker_stopped": {
            "time": "2026-11-27T09:30:00.000+00:00",
            "level": "info",
            "event": "worker_stopped",
            "message": "Process 4242 has stopped",
            "pid": 4242,
        },
        "server_stopped": {
            "time": "2026-11-27T09:30:00.000+00:00",
            "level": "info",
            "event": "server_stopped",
            "message": "Stopped",
        },
        "metrics_started": {
            "time": "2026-11-27T09:30:00.000+00:00",
            "level": "info",
            "event": "metrics_started",
            "message": "Metrics for Prometheus are at http://127.0.0.1:8080/metrics",
            "address": "127.0.0.1:8080",
        },
        "ready": {
            "time": "2026-11-27T09:30:00.000+00:00",
            "level": "info",
            "event": "ready",
            "message": "ready again",
            "request_id": "9f86d081884c7d65",
        },
        "not_ready": {
            "time": "2026-11-27T09:30:00.000+00:00",
            "level": "warning",
            "event": "not_ready",
            "message": "not ready: Rotor refuses the key in ROTOR_API_KEY (401): make a new one in Rotor under Settings → Integrations, and restart this server with it",
            "request_id": "9f86d081884c7d65",
            "reason": "Rotor refuses the key in ROTOR_API_KEY (401): make a new one in Rotor under Settings → Integrations, and restart this server with it",
        },
        "key_unusual": {
            "time": "2026-11-27T09:30:00.000+00:00",
            "level": "warning",
            "event": "key_unusual",
            "message": "ROTOR_API_KEY looks like another product's key: Rotor's begin with rotor_, and other products use the same variable",
            "reason": "ROTOR_API_KEY looks like another product's key: Rotor's begin with rotor_, and other products use the same variable",
        },
        "key_missing": {
            "time": "2026-11-27T09:30:00.000+00:00",
            "level": "warning",
            "event": "key_missing",
            "message": "ROTOR_API_KEY is not set",
            "reason": "ROTOR_API_KEY is not set",
        },
        "variable_unknown": {
            "time": "2026-11-27T09:30:00.000+00:00",
            "level": "warning",
            "event": "variable_unknown",
            "message": "ROTOR_MCP_TOKENFILE is no setting: is ROTOR_MCP_TOKEN_FILE meant?",
            "variable": "ROTOR_MCP_TOKENFILE",
            "setting": "ROTOR_MCP_TOKEN_FILE",
        },
        "telemetry_unavailable": {
            "time": "2026-11-27T09:30:00.000+00:00",
            "level": "warning",
            "event": "telemetry_unavailable",
            "message": "no telemetry: OTEL_TRACES_EXPORTER: must be otlp or none; nothing else is built in, but for Prometheus there is ROTOR_MCP_METRICS",
            "reason": "OTEL_TRACES_EXPORTER: must be otlp or none; nothing else is built in, but for Prometheus there is ROTOR_MCP_METRICS",
        },
        "processes_uncoordinated": {
            "time": "2026-11-27T09:30:00.000+00:00",
            "level": "warning",
            "event": "processes_uncoordinated",
            "message": "if other processes serve the same: several processes need ROTOR_MCP_REDIS_URL, since there calls for one person wait for each other; without it one person could be filed twice",
        },
        "http_request": {
            "time": "2026-11-27T09:30:00.000+00:00",
            "level": "info",
            "event": "http_request",
            "message": "POST /mcp tools/call upsert_lead: 200 in 12 ms",
            "request_id": "9f86d081884c7d65",
            "caller": "token:night-agent",
            "method": "POST",
            "path": "/mcp",
            "status": 200,
            "milliseconds": 12.5,
            "call": "tools/call",
            "tool": "upsert_lead",
        },
        "request_refused": {
            "time": "2026-11-27T09:30:00.000+00:00",
            "level": "warning",
            "event": "request_refused",
            "message": "a request was refused: it names another host; ROTOR_MCP_ALLOWED_HOSTS can allow that ('evil.example.com')",
            "request_id": "9f86d081884c7d65",
            "reason": "it names another host; ROTOR_MCP_ALLOWED_HOSTS can allow that",
            "detail": "evil.example.com",
        },
        "message_refused": {
            "time": "2026-11-27T09:30:00.000+00:00",
            "level": "warning",
            "event": "message_refused",
            "message": "a message was refused (-32700): it is not JSON",
            "request_id": "9f86d081884c7d65",
            "caller": "token:dashboard",
            "code": -32700,
            "reason": "it is not JSON",
        },
        "tokens_in_plain_text": {
            "time": "2026-11-27T09:30:00.000+00:00",
            "level": "warning",
            "event": "tokens_in_plain_text",
            "message": "/etc/rotor-mcp/tokens holds 2 tokens in plain text, which whoever reads a copy of it can use; rotor-mcp token new writes only their hashes",
            "request_id": "9f86d081884c7d65",
            "file": "/etc/rotor-mcp/tokens",
            "tokens": 2,
        },
        "file_read_again": {
            "time": "2026-11-27T09:30:00.000+00:00",
            "level": "info",
            "event": "file_read_again",
            "message": "/etc/rotor-mcp/tokens was read again",
            "request_id": "9f86d081884c7d65",
            "file": "/etc/rotor-mcp/tokens",
        },
        "file_unusable": {
            "time": "2026-11-27T09:30:00.000+00:00",
            "level": "error",
            "event": "file_unusable",
            "message": "/etc/rotor-mcp/tokens: line 1: a token must have 32 characters or more: its last good content is used for 30 seconds at most",
            "request_id": "9f86d081884c7d65",
            "file": "/etc/rotor-mcp/tokens",
            "reason": "/etc/rotor-mcp/tokens: line 1: a token must have 32 characters or more",
        },
        "issuer_unavailable": {
            "time": "2026-11-27T09:30:00.000+00:00",
            "level": "warning",
            "event": "issuer_unavailable",
            "message": "the keys of the issuer cannot be had: the request failed with ConnectError",
            "reason": "the request failed with ConnectError",
        },
        "audit_incomplete": {
            "time": "2026-11-27T09:30:00.000+00:00",
            "level": "error",
            "event": "audit_incomplete",
            "message": "1 writes could not be noted in /etc/rotor-mcp/audit.jsonl: No space left on device",
            "request_id": "9f86d081884c7d65",
            "caller": "token:night-agent",
            "writes": 1,
            "file": "/etc/rotor-mcp/audit.jsonl",
            "reason": "No space left on device",
        },
        "call_finished": {
            "time": "2026-11-27T09:30:00.000+00:00",
            "level": "info",
            "event": "call_finished",
            "message": "upsert_lead: created, 3 requests, 12 ms",
            "request_id": "9f86d081884c7d65",
            "caller": "token:night-agent",
            "tool": "upsert_lead",
            "outcome": "created",
            "requests": 3,
            "milliseconds": 12.5,
        },
        "call_rejected": {
            "time": "2026-11-27T09:30:00.000+00:00",
            "level": "warning",
            "event": "call_rejected",
            "message": "upsert_lead: PermissionDenied (your access token lacks the scope leads:write; whoever gave you the token can grant it)",
            "request_id": "9f86d081884c7d65",
            "caller": "token:dashboard",
            "tool": "upsert_lead",
            "outcome": "PermissionDenied",
            "reason": "your access token lacks the scope leads:write; whoever gave you the token can grant it",
        },
        "call_crashed": {
            "time": "2026-11-27T09:30:00.000+00:00",
            "level": "error",
            "event": "call_crashed",
            "message": "get_lead crashed",
            "request_id": "9f86d081884c7d65",
            "tool": "get_lead",
            "traceback": """\
Traceback…
  File "…", line 1, in …\
""",
        },
        "rows_crashed": {
            "time": "2026-11-27T09:30:00.000+00:00",
            "level": "error",
            "event": "rows_crashed",
            "message": "rows (1,) crashed",
            "request_id": "9f86d081884c7d65",
            "tool": "upsert_leads",
            "rows": [1],
            "traceback": """\
Traceback…
  File "…", line 1, in …\
""",
        },
        "batch_cancelled": {
            "time": "2026-11-27T09:30:00.000+00:00",
            "level": "warning",
            "event": "batch_cancelled",
            "message": "cancelled; of 30 rows these were dealt with: [1, 2, 3, 4, 5, 6]",
            "request_id": "9f86d081884c7d65",
            "tool": "upsert_leads",
            "rows": 30,
            "rows_done": 6,
        },
        "question_failed": {
            "time": "2026-11-27T09:30:00.000+00:00",
            "level": "warning",
            "event": "question_failed",
            "message": "the client could not ask: MCPError",
            "request_id": "9f86d081884c7d65",
            "tool": "upsert_lead",
            "reason": "MCPError",
        },
        "preparation_failed": {
            "time": "2026-11-27T09:30:00.000+00:00",
            "level": "warning",
            "event": "preparation_failed",
            "message": "calls are not prepared, the first will take longer (Misconfigured)",
            "reason": "Misconfigured",
        },
        "rotor_request": {
            "time": "2026-11-27T09:30:00.000+00:00",
            "level": "info",
            "event": "rotor_request",
            "message": "GET /leads: Unanswered in 12 ms",
            "request_id": "9f86d081884c7d65",
            "caller": "token:night-agent",
            "tool": "upsert_lead",
            "method": "GET",
            "path": "/leads",
            "failure": "Unanswered",
            "milliseconds": 12.5,
        },
        "rotor_retry": {
            "time": "2026-11-27T09:30:00.000+00:00",
            "level": "info",
            "event": "rotor_retry",
            "message": "GET /leads: the connection was cut before the answer was there; again in 0.5 s",
            "request_id": "9f86d081884c7d65",
            "caller": "token:night-agent",
            "tool": "upsert_lead",
            "method": "GET",
            "path": "/leads",
            "reason": "the connection was cut before the answer was there",
            "seconds": 0.5,
        },
        "rotor_request_crashed": {
            "time": "2026-11-27T09:30:00.000+00:00",
            "level": "error",
            "event": "rotor_request_crashed",
            "message": "POST /leads failed",
            "request_id": "9f86d081884c7d65",
            "tool": "upsert_lead",
            "method": "POST",
            "path": "/leads",
            "traceback": """\
Traceback…
  File "…", line 1, in …\
""",
        },
        "redis_available": {
            "time": "2026-11-27T09:30:00.000+00:00",
            "level": "info",
            "event": "redis_available",
            "message": "Redis can be used again",
        },
        "redis_unavailable": {
            "time": "2026-11-27T09:30:00.000+00:00",
            "level": "warning",
            "event": "redis_unavailable",
            "message": "Redis cannot be relied on: there is no connection to it. Until it can, this server shares nothing with others",
            "reason": "there is no connection to it",
            "permanent": False,
        },
        "redis_cache_unavailable": {
            "time": "2026-11-27T09:30:00.000+00:00",
            "level": "warning",
            "event": "redis_cache_unavailable",
            "message": "Redis does not keep what searches read: it refuses a command that is needed. Locks and counts go on",
            "reason": "it refuses a command that is needed",
        },
        "redis_cache_full": {
            "time": "2026-11-27T09:30:00.000+00:00",
            "level": "warning",
            "event": "redis_cache_full",
            "message": "Redis uses 50 % of its memory (maxmemory): nothing more is cached. Locks and counts go on",
        },
        "output_closed": {
            "time": "2026-11-27T09:30:00.000+00:00",
            "level": "error",
            "event": "output_closed",
            "message": "standard output cannot be written ([Errno 28] No space left on device)",
        },
        "library": {
            "time": "2026-11-27T09:30:00.000+00:00",
            "level": "warning",
            "event": "library",
            "message": "the pool is full",
            "logger": "some.library",
        },
    }
)
