"""Traces and metrics, as a collector receives them from the real server."""

import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest
from inline_snapshot import snapshot
from mcp import Client, MCPError, StdioServerParameters
from starlette.types import ASGIApp, Receive, Scope, Send

from rotor_mcp.config import ConfigError
from rotor_mcp.extras import install_hint
from rotor_mcp.sandbox import FULL_KEY, Sandbox
from rotor_mcp.sandbox.faults import Fault
from rotor_mcp.sandbox.server import serving
from rotor_mcp.server.backend import open_listeners
from rotor_mcp.telemetry.environment import Signals, requested_signals
from rotor_mcp.telemetry.exporter import EXPORT_TIMEOUT_SECONDS
from tests.conftest import JANE, text
from tests.hosting.collector import Collector, collecting
from tests.hosting.servers import server_process
from tests.hosting.serving import calling
from tests.state.redis.servers import redis_server
from tests.waiting import until

pytestmark = pytest.mark.anyio

TOKENS = {
    "night-agent": "b0Vtq2m4-0nly-f0r-the-n1ght-agent-xyz",
    "dashboard": "Yk3q8s7d-0nly-f0r-the-dashb0ard-abcde",
}
MISSING = "11111111-2222-4333-8444-555555555555"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as running:
        yield running


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    file = tmp_path / "tokens"
    file.write_text(f"night-agent {TOKENS['night-agent']} all\ndashboard {TOKENS['dashboard']} leads:read\n")
    file.chmod(0o600)
    return file


class Listening:
    """Notes the names of all headers that reach Rotor."""

    def __init__(self, app: ASGIApp, names: list[bytes]) -> None:
        self._app, self._names = app, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._names.extend(name for name, _ in scope.get("headers", []))
        await self._app(scope, receive, send)


@pytest.fixture
def headers(sandbox: Sandbox) -> list[bytes]:
    names: list[bytes] = []
    sandbox.app.add_middleware(Listening, names)
    return names


@pytest.fixture
async def rotor(sandbox: Sandbox) -> AsyncIterator[str]:
    async with serving(sandbox) as url:
        yield url


def environment(rotor: str, collector: Collector | str, **more: str) -> dict[str, str]:
    return {
        "ROTOR_API_KEY": FULL_KEY,
        "ROTOR_BASE_URL": rotor,
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector if isinstance(collector, str) else collector.url,
        **more,
    }


def short(span: Mapping[str, Any]) -> str:
    """A span in a line."""
    within = f" within {span['within']}" if span["within"] else ""
    attributes = " ".join(f"{name}={value}" for name, value in span["attributes"].items())
    return f"{span['kind']} {span['name']}{within}{' failed' if span['failed'] else ''}: {attributes}"


async def test_what_a_collector_receives(
    rotor: str, sandbox: Sandbox, collector: Collector, tokens: Path, headers: list[bytes]
) -> None:
    given = environment(rotor, collector, ROTOR_MCP_TOKEN_FILE=str(tokens))
    with server_process(given) as server:
        async with calling(server.url, TOKENS["night-agent"]) as client:
            await client.call_tool(
                "upsert_lead",
                {"name": "Dana Whitfield", "phone": "(612) 555-0142", "email": "dana@whitfield.example"},
            )
            await client.call_tool("search_leads", {"search": "jane doe"})
            sandbox.faults.add(Fault(method="GET", drop="before"))
            await client.call_tool("get_lead", {"id": JANE})
            await client.call_tool("get_lead", {"id": MISSING})
            await client.call_tool("get_lead", {"id": "Dana Whitfield"})
            await client.read_resource(f"rotor://leads/{JANE}")
            with pytest.raises(MCPError):
                await client.read_resource("rotor://leads/Dana%20Whitfield")
            await client.call_tool("call 612-555-0142", {})
        async with calling(server.url, TOKENS["dashboard"], mode="legacy") as client:
            await client.call_tool("upsert_lead", {"name": "Nobody"})
        written = await anyio.to_thread.run_sync(server.stop)
    assert server.process.returncode == 0, written
    assert [short(span) for span in collector.spans()] == snapshot(
        [
            "server tools/call upsert_lead: gen_ai.operation.name=execute_tool gen_ai.tool.name=upsert_lead mcp.method.name=tools/call mcp.protocol.version=2026-07-28",
            "client GET /leads within tools/call upsert_lead: http.request.method=GET http.response.status_code=200 server.address=127.0.0.1 url.template=/leads",
            "client GET /leads within tools/call upsert_lead: http.request.method=GET http.response.status_code=200 server.address=127.0.0.1 url.template=/leads",
            "client POST /leads within tools/call upsert_lead: http.request.method=POST http.response.status_code=201 server.address=127.0.0.1 url.template=/leads",
            "server tools/list: mcp.method.name=tools/list mcp.protocol.version=2026-07-28",
            "server tools/call search_leads: gen_ai.operation.name=execute_tool gen_ai.tool.name=search_leads mcp.method.name=tools/call mcp.protocol.version=2026-07-28",
            "client GET /leads within tools/call search_leads: http.request.method=GET http.response.status_code=200 server.address=127.0.0.1 url.template=/leads",
            "server tools/call get_lead: gen_ai.operation.name=execute_tool gen_ai.tool.name=get_lead mcp.method.name=tools/call mcp.protocol.version=2026-07-28",
            "client GET /leads/{id} within tools/call get_lead failed: error.type=Unanswered http.request.method=GET server.address=127.0.0.1 url.template=/leads/{id}",
            "client GET /leads/{id} within tools/call get_lead: http.request.method=GET http.response.status_code=200 server.address=127.0.0.1 url.template=/leads/{id}",
            "server tools/call get_lead failed: error.type=tool_error gen_ai.operation.name=execute_tool gen_ai.tool.name=get_lead mcp.method.name=tools/call mcp.protocol.version=2026-07-28",
            "client GET /leads/{id} within tools/call get_lead failed: error.type=404 http.request.method=GET http.response.status_code=404 server.address=127.0.0.1 url.template=/leads/{id}",
            "server tools/call get_lead failed: error.type=tool_error gen_ai.operation.name=execute_tool gen_ai.tool.name=get_lead mcp.method.name=tools/call mcp.protocol.version=2026-07-28",
            "server resources/read: mcp.method.name=resources/read mcp.protocol.version=2026-07-28",
            "client GET /leads/{id} within resources/read: http.request.method=GET http.response.status_code=200 server.address=127.0.0.1 url.template=/leads/{id}",
            "server resources/read failed: error.type=-32602 mcp.method.name=resources/read mcp.protocol.version=2026-07-28 rpc.response.status_code=-32602",
            "server tools/call failed: error.type=tool_error gen_ai.operation.name=execute_tool mcp.method.name=tools/call mcp.protocol.version=2026-07-28",
            "server initialize: mcp.method.name=initialize mcp.protocol.version=2025-03-26",
            "server notifications/initialized: mcp.method.name=notifications/initialized mcp.protocol.version=2025-11-25",
            "server tools/call upsert_lead failed: error.type=tool_error gen_ai.operation.name=execute_tool gen_ai.tool.name=upsert_lead mcp.method.name=tools/call mcp.protocol.version=2025-11-25",
        ]
    )
    assert [span["words"] for span in collector.spans() if span["words"]] == []
    assert collector.sums() == snapshot(
        {
            "http.client.request.duration": {
                "error.type=404 http.request.method=GET http.response.status_code=404 server.address=127.0.0.1 url.template=/leads/{id}": 1,
                "error.type=Unanswered http.request.method=GET server.address=127.0.0.1 url.template=/leads/{id}": 1,
                "http.request.method=GET http.response.status_code=200 server.address=127.0.0.1 url.template=/leads": 3,
                "http.request.method=GET http.response.status_code=200 server.address=127.0.0.1 url.template=/leads/{id}": 2,
                "http.request.method=POST http.response.status_code=201 server.address=127.0.0.1 url.template=/leads": 1,
            },
            "mcp.server.operation.duration": {
                "gen_ai.tool.name=get_lead mcp.method.name=tools/call rotor_mcp.outcome=NotFound": 1,
                "gen_ai.tool.name=get_lead mcp.method.name=tools/call rotor_mcp.outcome=done": 1,
                "gen_ai.tool.name=get_lead mcp.method.name=tools/call rotor_mcp.outcome=arguments refused": 1,
                "gen_ai.tool.name=search_leads mcp.method.name=tools/call rotor_mcp.outcome=done": 1,
                "gen_ai.tool.name=upsert_lead mcp.method.name=tools/call rotor_mcp.outcome=created": 1,
                "mcp.method.name=resources/read rotor_mcp.outcome=arguments refused rotor_mcp.resource=lead": 1,
                "mcp.method.name=resources/read rotor_mcp.outcome=done rotor_mcp.resource=lead": 1,
            },
            "rotor_mcp.calls": {
                "rotor_mcp.call=get_lead rotor_mcp.outcome=NotFound": 1,
                "rotor_mcp.call=get_lead rotor_mcp.outcome=done": 1,
                "rotor_mcp.call=get_lead rotor_mcp.outcome=arguments refused": 1,
                "rotor_mcp.call=resource lead rotor_mcp.outcome=arguments refused": 1,
                "rotor_mcp.call=resource lead rotor_mcp.outcome=done": 1,
                "rotor_mcp.call=search_leads rotor_mcp.outcome=done": 1,
                "rotor_mcp.call=upsert_lead rotor_mcp.outcome=created": 1,
            },
            "rotor_mcp.quota.spent": {"rotor_mcp.company=9b29d71f6992": 8},
            "rotor_mcp.refusals": {"rotor_mcp.reason=PermissionDenied": 1},
            "rotor_mcp.requests": {
                "http.request.method=GET rotor_mcp.status=200": 5,
                "http.request.method=GET rotor_mcp.status=404": 1,
                "http.request.method=GET rotor_mcp.status=none": 1,
                "http.request.method=POST rotor_mcp.status=201": 1,
            },
        }
    )
    secrets = [FULL_KEY, FULL_KEY.rpartition("_")[2], *TOKENS, *TOKENS.values()]
    people = [
        "Dana",
        "Whitfield",
        "Jane",
        "Doe",
        "555-0142",
        "5550142",
        "whitfield.example",
        JANE,
        MISSING,
        "Nobody",
    ]
    sent = collector.everything.lower()
    assert [word for word in secrets + people if word.lower().encode() in sent] == []
    assert b"x-api-key" in headers
    assert [name for name in headers if name in {b"traceparent", b"tracestate", b"baggage"}] == []


async def test_a_cancelled_call_is_told_and_charged(
    rotor: str, sandbox: Sandbox, collector: Collector, tokens: Path
) -> None:
    sandbox.faults.add(Fault(method="GET", delay=20))
    given = environment(rotor, collector, ROTOR_MCP_TOKEN_FILE=str(tokens), ROTOR_MCP_DAILY_REQUESTS="1")
    with server_process(given) as server:
        async with calling(server.url, TOKENS["dashboard"]) as client:
            async with anyio.create_task_group() as group:
                group.start_soon(client.call_tool, "get_lead", {"id": JANE})
                await until(lambda: sandbox.requests)
                group.cancel_scope.cancel()
            # The access log has a line for each call that has ended.
            await until(lambda: "POST /mcp tools/call get_lead: the client has left" in server.written)
            second = await client.call_tool("get_lead", {"id": JANE})
        await anyio.to_thread.run_sync(server.stop)
    assert "you have spent 1 requests today" in text(second)
    sums = collector.sums()
    assert sums["rotor_mcp.calls"] == {"rotor_mcp.call=get_lead rotor_mcp.outcome=cancelled": 1}
    assert sums["rotor_mcp.requests"] == {"http.request.method=GET rotor_mcp.status=none": 1}
    assert sums["rotor_mcp.refusals"] == {"rotor_mcp.reason=BudgetExceeded": 1}
    (asked,) = [span for span in collector.spans() if span["kind"] == "client"]
    assert (asked["attributes"]["error.type"], 0 < asked["seconds"] < 20) == ("CancelledError", True)


async def test_every_worker_tells_what_it_does(rotor: str, collector: Collector, tmp_path: Path) -> None:
    with redis_server(tmp_path) as redis:
        given = environment(
            rotor,
            collector,
            ROTOR_MCP_WORKERS="2",
            ROTOR_MCP_REDIS_URL=redis.url,
            OTEL_METRIC_EXPORT_INTERVAL="300",
        )
        with server_process(given) as server:
            with anyio.fail_after(60):
                while len(collector.resources()) < 2:
                    async with calling(server.url) as client:
                        await client.call_tool("get_lead", {"id": JANE})
            await anyio.to_thread.run_sync(server.stop)
    assert len({resource["service.instance.id"] for resource in collector.resources()}) == 2
    assert {resource["service.name"] for resource in collector.resources()} == {"rotor-mcp"}
    calls = sum(collector.sums()["rotor_mcp.calls"].values())
    assert calls == len([span for span in collector.spans() if span["name"] == "tools/call get_lead"]) > 0


async def test_over_standard_input_and_output(rotor: str, collector: Collector) -> None:
    given = environment(rotor, collector, OTEL_SERVICE_NAME="leads", OTEL_RESOURCE_ATTRIBUTES="team=night")
    command = StdioServerParameters(
        command=sys.executable, args=["-m", "rotor_mcp", "serve"], env={"PATH": "", **given}
    )
    async with Client(command) as client:
        await client.call_tool("get_lead", {"id": JANE})
    (resource,) = collector.resources()
    assert (resource["service.name"], resource["team"]) == ("leads", "night")
    assert collector.sums()["rotor_mcp.calls"] == {"rotor_mcp.call=get_lead rotor_mcp.outcome=done": 1}
    assert "GET /leads/{id}" in [span["name"] for span in collector.spans()]


@pytest.mark.parametrize("silent", [True, False])
async def test_a_collector_that_is_away_keeps_nobody_waiting(rotor: str, silent: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        collector = f"http://127.0.0.1:{listening.getsockname()[1]}"
        if not silent:
            listening.close()
        await _end_without(rotor, collector)


async def _end_without(rotor: str, collector: str) -> None:
    with server_process(environment(rotor, collector)) as server:
        async with calling(server.url) as client:
            assert not (await client.call_tool("get_lead", {"id": JANE})).is_error
        began = time.monotonic()
        written = await anyio.to_thread.run_sync(server.stop)
        # Without a limit, exporting would be tried again for a minute.
        assert time.monotonic() - began < EXPORT_TIMEOUT_SECONDS + 20
    assert server.process.returncode == 0
    assert FULL_KEY not in written


@pytest.mark.parametrize("given", [{}, {"OTEL_EXPORTER_OTLP_ENDPOINT": "x", "OTEL_SDK_DISABLED": "true"}])
def test_nothing_of_it_is_loaded_unless_it_is_wanted(given: dict[str, str]) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "rotor_mcp", "serve", "--sandbox"]
    ended = subprocess.run(
        command, input=b"", capture_output=True, env={"PATH": "", **given}, timeout=30, check=True
    )
    loaded = {line.rpartition(b"|")[2].strip().decode() for line in ended.stderr.splitlines()}
    assert "rotor_mcp.server.mcp_server" in loaded
    assert [
        name
        for name in loaded
        if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter", "requests"))
    ] == []
    assert ("rotor_mcp.telemetry.environment" in loaded) is bool(given)


async def test_nothing_is_sent_unless_it_is_wanted(rotor: str, collector: Collector) -> None:
    with server_process(environment(rotor, collector, OTEL_SDK_DISABLED="true")) as server:
        async with calling(server.url) as client:
            await client.call_tool("get_lead", {"id": JANE})
        await anyio.to_thread.run_sync(server.stop)
    assert collector.received == []


WITHOUT = "import sys; sys.modules['opentelemetry.sdk'] = None; from rotor_mcp.__main__ import main; main()"
"""The command where the extra is not installed."""


@pytest.mark.parametrize("flags", [["--http", "127.0.0.1:0"], []])
def test_a_missing_package_is_named(flags: list[str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT, "serve", "--sandbox", *flags],
        input="",
        capture_output=True,
        env={"PATH": "", "OTEL_TRACES_EXPORTER": "otlp"},
        text=True,
        timeout=30,
        check=False,
    )
    # Who serves over HTTP decided for telemetry; a client's variables may be meant for the client alone.
    assert (ended.returncode, ended.stdout) == (2 if flags else 0, "")
    assert f"other packages: {install_hint('telemetry')}, or set OTEL_SDK_DISABLED=true" in ended.stderr


@pytest.mark.parametrize(
    ("given", "traces", "metrics"),
    [
        ({}, False, False),
        ({"OTEL_SERVICE_NAME": "leads"}, False, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, True, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, False, False),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318"}, True, False),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://c:4318"}, False, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True, False),
        ({"OTEL_METRICS_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, False, True),
        ({"OTEL_METRICS_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, True, False),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_SDK_DISABLED": "True"}, False, False),
        ({"OTEL_TRACES_EXPORTER": "console", "OTEL_SDK_DISABLED": "true"}, False, False),
    ],
)
def test_what_is_wanted(given: dict[str, str], traces: bool, metrics: bool) -> None:
    assert requested_signals(given) == Signals(traces, metrics)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"OTEL_TRACES_EXPORTER": "console"},
            "OTEL_TRACES_EXPORTER: must be otlp or none; nothing else is built in, but for Prometheus there is ROTOR_MCP_METRICS",
        ),
        (
            {"OTEL_METRICS_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "OTEL_EXPORTER_OTLP_PROTOCOL: must be http/protobuf; nothing else is built in",
        ),
        (
            {
                "OTEL_TRACES_EXPORTER": "otlp",
                "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json",
                "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            },
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: must be http/protobuf; nothing else is built in",
        ),
    ],
)
def test_what_cannot_be_had_is_refused(given: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError) as raised:
        open_listeners(given)
    assert str(raised.value) == words
