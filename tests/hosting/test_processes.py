"""Several processes behind one port."""

import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import anyio
import httpx2
import pytest

from rotor_mcp.sandbox import FULL_KEY, Sandbox
from tests.conftest import text
from tests.hosting.servers import ServerProcess, server_process
from tests.hosting.serving import calling
from tests.hosting.test_server import slow_rotor
from tests.state.redis.servers import redis_server
from tests.test_sockets import needs_ipv6
from tests.waiting import until

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform != "linux", reason="the kernel spreads connections on Linux alone"),
]


def processes(server: ServerProcess) -> list[int]:
    """The ids of those that serve: multiprocessing has one more, which keeps order."""
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    serving = []
    for pid in children:
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes():
                serving.append(int(pid))
    return serving


def connections(server: ServerProcess) -> dict[int, int]:
    """How many connections each process has accepted on the port."""
    established = {
        line[9]
        for line in map(str.split, Path("/proc/net/tcp").read_text().splitlines()[1:])
        if (line[1].rpartition(":")[2], line[3]) == (f"{server.port:04X}", "01")
    }
    return {pid: len(established & sockets(pid)) for pid in processes(server)}


def sockets(pid: int) -> set[str]:
    """The numbers of the sockets that a process holds."""
    held = set()
    for handle in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            held.add(str(handle.readlink()).removeprefix("socket:[").removesuffix("]"))
    return held


@pytest.fixture
def may_answer() -> anyio.Event:
    return anyio.Event()


@pytest.fixture
async def server(
    sandbox: Sandbox, may_answer: anyio.Event, tmp_path: Path
) -> AsyncIterator[tuple[ServerProcess, anyio.Event]]:
    """Two processes, and what tells of the first write that came to Rotor."""
    async with slow_rotor(sandbox, may_answer) as (rotor, written):
        with redis_server(tmp_path) as redis:
            variables = {
                "ROTOR_API_KEY": FULL_KEY,
                "ROTOR_BASE_URL": rotor,
                "ROTOR_MCP_REDIS_URL": redis.url,
                "ROTOR_MCP_WORKERS": "2",
            }
            with server_process(variables, host="localhost") as running:
                async with httpx2.AsyncClient(timeout=30) as http:  # begun when one of them answers
                    await http.get(f"{running.url}/healthz")
                await until(lambda: len(processes(running)) == 2)
                begun = processes(running)
                yield running, written
                running.kill()
                # Nothing is left of a server whose first process was killed.
                await until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in begun))


async def test_connections_are_spread(server: tuple[ServerProcess, anyio.Event]) -> None:
    running, _ = server
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(httpx2.AsyncClient(base_url=running.url, timeout=30))
            for _ in range(40)
        ]
        async with anyio.create_task_group() as at_once:
            for client in clients:
                at_once.start_soon(client.get, "/healthz")
        opened = connections(running)
    assert sum(opened.values()) == 40
    assert min(opened.values()) >= 8, opened


@needs_ipv6
async def test_each_listens_on_all_addresses(server: tuple[ServerProcess, anyio.Event]) -> None:
    running, _ = server
    os.kill(processes(running)[0], signal.SIGSTOP)  # the other one has to answer for both addresses
    try:
        answered = set()
        for address in ("127.0.0.1", "[::1]"):
            for _ in range(40):  # the kernel gives some to the one that was stopped
                with suppress(httpx2.TimeoutException):
                    async with httpx2.AsyncClient(timeout=0.5) as http:
                        await http.get(f"http://{address}:{running.port}/healthz")
                        answered.add(address)
                        break
    finally:
        os.kill(processes(running)[0], signal.SIGCONT)
    assert answered == {"127.0.0.1", "[::1]"}


async def test_one_that_was_killed_is_started_again(server: tuple[ServerProcess, anyio.Event]) -> None:
    running, _ = server
    killed, other = processes(running)
    os.kill(killed, signal.SIGKILL)
    await until(lambda: killed not in processes(running) and len(processes(running)) == 2)
    assert other in processes(running)
    for _ in range(20):
        async with httpx2.AsyncClient(timeout=30) as http:
            assert (await http.get(f"{running.url}/healthz")).json() == {"alive": True}


async def test_a_stop_lets_calls_in_hand_end_and_begins_no_others(
    server: tuple[ServerProcess, anyio.Event], may_answer: anyio.Event
) -> None:
    running, written = server
    results: list[str] = []
    async with calling(running.url) as client, anyio.create_task_group() as group:
        await client.list_tools()

        async def write() -> None:
            lead = {"name": "Dana Whitfield", "phone": "612-555-0142"}
            results.append(text(await client.call_tool("upsert_lead", lead)))

        group.start_soon(write)
        await written.wait()
        running.process.send_signal(signal.SIGTERM)
        await until(lambda: running.refuses)
        for _ in range(8):
            async with httpx2.AsyncClient(timeout=5) as another:
                with pytest.raises(httpx2.ConnectError):
                    await another.get(f"{running.url}/healthz")
        assert (results, running.process.poll()) == ([], None)
        may_answer.set()
    assert results[0].startswith("Created Dana Whitfield. 2 requests spent.")
    assert await anyio.to_thread.run_sync(lambda: running.process.wait(60)) == 0
