"""What a server writes to its log from its start to its stop, in one process, in several, and under others."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

from rotor_mcp.sandbox import FULL_KEY
from tests.commands import begun
from tests.hosting.servers import VARIABLES, free_port, server_process
from tests.hosting.test_asgi import GRANIAN, UVICORN, asgi_server, serving, until_it_answers
from tests.state.redis.servers import redis_server
from tests.waiting import until

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform != "linux", reason="signals of POSIX, and /proc"),
]

JSON = {"ROTOR_API_KEY": FULL_KEY, "ROTOR_MCP_LOG_FORMAT": "json"}


def parsed(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_free_port_a_signal_and_the_stop_are_lines(number: signal.Signals) -> None:
    written = b""
    arguments = ["serve", "--sandbox", "--http", "127.0.0.1:0"]
    async with begun(arguments, VARIABLES | JSON) as server:
        assert server.stderr is not None
        while b"server_started" not in written or not written.endswith(b"\n"):
            written += await server.stderr.receive()
        (address,) = parsed(written.decode())[-1]["addresses"]
        async with httpx2.AsyncClient() as http:
            answer = await http.get(f"{address}/healthz")
        server.send_signal(number)
        with anyio.fail_after(60):
            async for part in server.stderr:
                written += part
        assert await server.wait() == 0
    lines = parsed(written.decode())
    assert [line["event"] for line in lines] == [
        "server_started",
        "http_request",
        "signal_received",
        "server_stopped",
    ]
    assert lines[1]["request_id"] == answer.headers["x-request-id"]
    assert lines[2]["signal"] == number.name


async def test_several_processes_write_one_form(tmp_path: Path) -> None:
    with redis_server(tmp_path) as redis:
        given = JSON | {"ROTOR_MCP_WORKERS": "2", "ROTOR_MCP_REDIS_URL": redis.url}
        with server_process(given) as server:
            await until(lambda: server.written.count("worker_started") == 2)
            killed = serving(server.process.pid)[0]
            os.kill(killed, signal.SIGKILL)
            await until(lambda: server.written.count("worker_started") == 3)
            await anyio.to_thread.run_sync(server.stop)
            lines = parsed(server.written)
    events = [line["event"] for line in lines]
    assert events[0] == "server_started"
    assert (lines[0]["processes"], lines[0]["addresses"]) == (2, [server.url])
    assert {name: events.count(name) for name in set(events)} == {
        "server_started": 1,
        "worker_started": 3,
        "library": 1,  # of Granian, about the one that was killed
        "signal_received": 1,
        "worker_stopped": 2,
        "server_stopped": 1,
    }
    assert len({line["pid"] for line in lines if line["event"] == "worker_started"}) == 3


@pytest.mark.parametrize("command", [UVICORN, GRANIAN], ids=["uvicorn", "granian"])
async def test_under_another_server_all_lines_have_the_form_once_it_is_ready(command: list[str]) -> None:
    port = free_port()
    given = JSON | {"ROTOR_BASE_URL": f"http://127.0.0.1:{free_port()}/open-api"}
    with asgi_server([*command, "--port", str(port)], given) as server:
        await until_it_answers(port)
        server.process.send_signal(signal.SIGTERM)
        await until(lambda: "worker_stopped" in server.written)
        lines = server.written.splitlines()
    first = next(number for number, line in enumerate(lines) if "worker_started" in line)
    ours = [line for line in lines[first:] if not line.startswith("[INFO]")]  # of Granian's first process
    if command is UVICORN:
        ours = [
            line for line in ours if "127.0.0.1:" not in line or line.startswith("{")
        ]  # its own access log
    events = [json.loads(line)["event"] for line in ours]
    assert {"worker_started", "http_request", "worker_stopped"} <= set(events)
    assert set(events) <= {"worker_started", "http_request", "worker_stopped", "library"}


def test_over_standard_input_and_output() -> None:
    command = [sys.executable, "-m", "rotor_mcp", "--sandbox", "--log-level", "info"]
    given = {"ROTOR_MCP_LOG_FORMAT": "json"}
    ended = subprocess.run(command, input=b"", capture_output=True, env=given, timeout=60, check=True)
    assert [line["event"] for line in parsed(ended.stderr.decode())] == ["server_started", "server_stopped"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=given
    ) as server:
        assert server.stderr is not None
        begin = server.stderr.readline().decode()
        server.send_signal(signal.SIGTERM)
        rest = server.stderr.read().decode()
        assert server.wait(60) == 0
    assert [line["event"] for line in parsed(begin + rest)] == [
        "server_started",
        "signal_received",
        "server_stopped",
    ]
