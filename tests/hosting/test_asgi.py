"""The application under other ASGI servers, and several processes behind one port."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path

import anyio
import httpx2
import pytest

from rotor_mcp.extras import install_hint
from rotor_mcp.sandbox import FULL_KEY, Sandbox
from tests.conftest import text
from tests.hosting.servers import VARIABLES, ServerProcess, free_port, refused, server_process
from tests.hosting.serving import calling
from tests.hosting.test_server import slow_rotor
from tests.state.redis.servers import redis_server
from tests.test_sockets import needs_ipv6
from tests.waiting import until

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform != "linux", reason="/proc and abstract sockets are Linux's"),
]

ALONE = (
    "another process of this machine serves the same: several processes need ROTOR_MCP_REDIS_URL, since there "
    "calls for one person wait for each other; without it one person could be filed twice"
)
GRANIAN = ["granian", "--interface", "asgi", "rotor_mcp.hosting.asgi:app", "--respawn-failed-workers"]
UVICORN = ["uvicorn", "rotor_mcp.hosting.asgi:app"]


def serving(parent: int) -> list[int]:
    """The processes that a supervisor has started: multiprocessing has one more, which keeps order."""
    found = []
    for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            if b"resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(int(pid))
    return found


def connections(server: ServerProcess) -> list[int]:
    """How many connections each process has accepted on the port."""
    established = {
        line[9]
        for line in map(str.split, Path("/proc/net/tcp").read_text().splitlines()[1:])
        if (line[1].rpartition(":")[2], line[3]) == (f"{server.port:04X}", "01")
    }
    return [len(established & sockets(pid)) for pid in serving(server.process.pid)]


def listening(port: int) -> int:
    """How many sockets listen on a port of this machine."""
    lines = map(str.split, Path("/proc/net/tcp").read_text().splitlines()[1:])
    return sum((line[1].rpartition(":")[2], line[3]) == (f"{port:04X}", "0A") for line in lines)


def sockets(pid: int) -> set[str]:
    """The numbers of the sockets that a process holds."""
    held = set()
    for handle in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            held.add(str(handle.readlink()).removeprefix("socket:[").removesuffix("]"))
    return held


def alive(pid: int) -> bool:
    """Whether a process runs: one that nobody waited for has ended, too."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class AsgiServer:
    """An ASGI server that serves the application, as somebody starts it."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._written = tempfile.TemporaryFile("w+")  # noqa: SIM115 - `close` closes it
        self.process = subprocess.Popen(
            [sys.executable, "-m", *command],
            env=VARIABLES | environment,
            stdin=subprocess.DEVNULL,
            stdout=self._written,
            stderr=self._written,
            start_new_session=True,
        )

    @property
    def written(self) -> str:
        """What it wrote."""
        return os.pread(self._written.fileno(), 1_000_000, 0).decode()

    def close(self) -> None:
        """End it, with all its processes."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._written.close()


@contextmanager
def asgi_server(command: list[str], environment: dict[str, str]) -> Iterator[AsgiServer]:
    """Run an ASGI server."""
    server = AsgiServer(command, environment)
    try:
        yield server
    finally:
        server.close()


async def answers(port: int) -> bool:
    """Whether a server on a port says that it is alive."""
    with suppress(httpx2.TransportError):
        async with httpx2.AsyncClient(timeout=30) as http:
            return (await http.get(f"http://127.0.0.1:{port}/healthz")).status_code == 200
    return False


async def until_it_answers(port: int) -> None:
    with anyio.fail_after(60):
        while not await answers(port):  # noqa: ASYNC110 - nobody tells
            await anyio.sleep(0.05)


@pytest.mark.parametrize("command", [UVICORN, GRANIAN], ids=["uvicorn", "granian"])
async def test_other_servers_serve_it_in_several_processes(
    command: list[str], sandbox: Sandbox, tmp_path: Path
) -> None:
    may_answer = anyio.Event()
    may_answer.set()
    async with slow_rotor(sandbox, may_answer) as (rotor, _):
        with redis_server(tmp_path) as redis:
            port = free_port()
            given = {"ROTOR_API_KEY": FULL_KEY, "ROTOR_BASE_URL": rotor, "ROTOR_MCP_REDIS_URL": redis.url}
            with asgi_server([*command, "--port", str(port), "--workers", "2"], given) as server:
                await until_it_answers(port)
                await until(lambda: len(serving(server.process.pid)) == 2)
                begun = serving(server.process.pid)
                async with calling(f"http://127.0.0.1:{port}") as client:
                    lead = {"name": "Dana Whitfield", "phone": "612-555-0142"}
                    written = text(await client.call_tool("upsert_lead", lead))
                assert written.startswith("Created Dana Whitfield.")
                server.process.kill()
                # Nobody is left who could stop them.
                await until(lambda: not any(map(alive, begun)))


@pytest.mark.parametrize("command", [UVICORN, GRANIAN], ids=["uvicorn", "granian"])
def test_several_processes_without_a_redis_do_not_start(command: list[str]) -> None:
    port = free_port()
    given = {"ROTOR_API_KEY": FULL_KEY, "ROTOR_BASE_URL": f"http://127.0.0.1:{port}"}
    with asgi_server([*command, "--port", str(port), "--workers", "2"], given) as server:
        server.process.wait(60)
        assert f"rotor-mcp cannot start: {ALONE}" in server.written
        assert "Traceback" not in server.written


async def test_a_second_server_without_a_redis_waits_for_the_end_of_the_first() -> None:
    given = {"ROTOR_API_KEY": FULL_KEY, "ROTOR_BASE_URL": f"http://127.0.0.1:{free_port()}"}
    with server_process(given) as first:
        assert await anyio.to_thread.run_sync(refused, given) == f"Error: {ALONE}"
        with server_process(given | {"ROTOR_API_KEY": "rotor_0ther_k3y0fs0mebody"}):
            pass
        first.kill()
        with server_process(given):
            pass


def test_callers_keys_are_served_by_one_process_too() -> None:
    given = {"ROTOR_MCP_KEY_FROM": "header", "ROTOR_BASE_URL": f"http://127.0.0.1:{free_port()}"}
    with server_process(given):
        assert refused(given) == f"Error: {ALONE}"
        with server_process(given | {"ROTOR_MCP_PUBLIC_URL": "https://rotor.example.com"}):
            pass


@pytest.mark.parametrize("command", [UVICORN, GRANIAN], ids=["uvicorn", "granian"])
def test_a_wrong_setting_is_said_in_a_line(command: list[str]) -> None:
    with asgi_server([*command, "--port", str(free_port())], {"ROTOR_MCP_TIMEOUT": "soon"}) as server:
        server.process.wait(60)
        said = "rotor-mcp cannot start: ROTOR_MCP_TIMEOUT: must be a number above 0, 600 at most\n"
        assert said in server.written
        assert "Traceback" not in server.written


async def test_others_are_not_served_without_a_token(tmp_path: Path) -> None:
    """A Unix socket stands for every address that is not known to be this machine's alone."""
    socket = tmp_path / "socket"
    tokens = tmp_path / "tokens"
    tokens.write_text(f"ann {'t0k3n' * 8} all\n")
    tokens.chmod(0o600)
    for given, status in (({}, 403), ({"ROTOR_MCP_TOKEN_FILE": str(tokens)}, 200)):
        with asgi_server([*UVICORN, "--uds", str(socket)], given):
            await until(socket.exists)
            transport = httpx2.AsyncHTTPTransport(uds=str(socket), retries=10)
            async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as http:
                answer = await http.get("/healthz")
        assert answer.status_code == status
        socket.unlink(missing_ok=True)


@pytest.fixture
def may_answer() -> anyio.Event:
    return anyio.Event()


@pytest.fixture
async def workers(
    sandbox: Sandbox, may_answer: anyio.Event, tmp_path: Path
) -> AsyncIterator[tuple[ServerProcess, anyio.Event]]:
    """`rotor-mcp serve --http` with two processes, and what tells of the first write that came to Rotor."""
    async with slow_rotor(sandbox, may_answer) as (rotor, written):
        with redis_server(tmp_path) as redis:
            variables = {
                "ROTOR_API_KEY": FULL_KEY,
                "ROTOR_BASE_URL": rotor,
                "ROTOR_MCP_REDIS_URL": redis.url,
                "ROTOR_MCP_WORKERS": "2",
            }
            with server_process(variables) as running:
                # One that is still starting would leave the port without anybody once the other is killed.
                await until(lambda: listening(running.port) == 2)
                await until_it_answers(running.port)
                begun = serving(running.process.pid)
                yield running, written
                running.process.send_signal(signal.SIGKILL)
                # Nothing is left of a server whose first process was killed.
                await until(lambda: not any(map(alive, begun)))


async def test_connections_are_spread(workers: tuple[ServerProcess, anyio.Event]) -> None:
    running, _ = workers
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(httpx2.AsyncClient(base_url=running.url, timeout=30))
            for _ in range(40)
        ]
        async with anyio.create_task_group() as at_once:
            for client in clients:
                at_once.start_soon(client.get, "/healthz")
        opened = connections(running)
    assert sum(opened) == 40
    assert min(opened) >= 8, opened


async def test_one_that_was_killed_is_started_again(workers: tuple[ServerProcess, anyio.Event]) -> None:
    running, _ = workers
    killed, other = serving(running.process.pid)
    os.kill(killed, signal.SIGKILL)
    await until(lambda: killed not in (now := serving(running.process.pid)) and len(now) == 2)
    assert other in serving(running.process.pid)
    for _ in range(20):
        assert await answers(running.port)


async def test_a_stop_lets_calls_in_hand_end_and_begins_no_others(
    workers: tuple[ServerProcess, anyio.Event], may_answer: anyio.Event
) -> None:
    running, written = workers
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
        assert (results, running.process.poll()) == ([], None)
        may_answer.set()
    assert results[0].startswith("Created Dana Whitfield. 2 requests spent.")
    assert await anyio.to_thread.run_sync(lambda: running.process.wait(60)) == 0


@needs_ipv6
def test_several_processes_serve_one_address() -> None:
    given = {
        "ROTOR_MCP_WORKERS": "2",
        "ROTOR_MCP_REDIS_URL": "redis://127.0.0.1:1",
        "ROTOR_API_KEY": FULL_KEY,
    }
    said = "Error: ROTOR_MCP_WORKERS: several processes serve one address, and localhost:0 has more"
    assert refused(given, "localhost:0") == said


def test_several_processes_need_granian(tmp_path: Path) -> None:
    (tmp_path / "granian.py").write_text("raise ModuleNotFoundError\n")
    given = {
        "ROTOR_MCP_WORKERS": "2",
        "ROTOR_MCP_REDIS_URL": "redis://127.0.0.1:1",
        "ROTOR_API_KEY": FULL_KEY,
    }
    said = (
        "Error: ROTOR_MCP_WORKERS: several processes need another package: "
        f"{install_hint('workers')}, or serve with one process"
    )
    assert refused(given | {"PYTHONPATH": str(tmp_path)}) == said


def test_the_process_above_them_collects_garbage() -> None:
    """Commands begin without collection, and this process lives as long as the others."""
    program = """
import gc
from granian import Granian
from rotor_mcp.__main__ import main
Granian.serve = lambda _: print(gc.isenabled(), gc.get_threshold()[0])
main(["serve", "--http=127.0.0.1:0"])
"""
    given = {
        "ROTOR_MCP_WORKERS": "2",
        "ROTOR_MCP_REDIS_URL": "redis://127.0.0.1:1",
        "ROTOR_API_KEY": FULL_KEY,
    }
    ended = subprocess.run(
        [sys.executable, "-c", program], env=VARIABLES | given, capture_output=True, check=True, timeout=60
    )
    assert ended.stdout == b"True 50000\n"
