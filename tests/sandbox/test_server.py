import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial

import httpx2
import pytest

from rotor_mcp.sandbox import Fault, Sandbox
from rotor_mcp.sandbox.requests import Listing
from rotor_mcp.sandbox.server import base_url, serving
from rotor_mcp.sockets import listen
from tests.waiting import until

from .conftest import HEADERS

pytestmark = pytest.mark.anyio

SERVE = """
import sys
from rotor_mcp.sandbox import Sandbox
from rotor_mcp.sockets import listen
from rotor_mcp.sandbox.server import base_url, serve

sandbox = Sandbox(leads=3)
listener = listen(port=int(sys.argv[1]))
print(base_url(listener), flush=True)
serve(sandbox, listener)
sandbox.close()
print(sandbox.requests)
"""


@contextmanager
def served() -> Iterator[tuple[subprocess.Popen[str], httpx2.Client]]:
    """Run `serve` in a process of its own."""
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", SERVE, "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            with httpx2.Client(base_url=process.stdout.readline().strip(), headers=HEADERS) as client:
                yield process, client
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_in_peace(number: signal.Signals) -> None:
    with served() as (process, client):
        assert len(client.get("/leads").json()["data"]) == 3
        client.post(str(client.base_url.join("/sandbox/faults")), json={"drop": "after"})
        with pytest.raises(httpx2.RemoteProtocolError):
            client.get("/leads")
        process.send_signal(number)
        printed, complaints = process.communicate(timeout=10)
    assert (process.returncode, printed, complaints) == (0, "['GET /leads', 'GET /leads']\n", "")


def test_requests_in_hand_do_not_keep_the_server_from_ending() -> None:
    with served() as (process, client):
        client.post(str(client.base_url.join("/sandbox/faults")), json={"delay": 60})
        with pytest.raises(httpx2.ReadTimeout):
            client.get("/leads", timeout=httpx2.Timeout(20, read=1))
        process.send_signal(signal.SIGTERM)
        printed, complaints = process.communicate(timeout=10)
    assert (process.returncode, printed, complaints) == (0, "['GET /leads']\n", "")


def test_a_port_that_is_taken_is_an_error() -> None:
    with listen() as taken, pytest.raises(OSError, match="in use"):
        listen(port=taken.getsockname()[1])


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")])
def test_a_listener_has_an_address(host: str, shown: str) -> None:
    try:
        listener = listen(host)
    except OSError:
        pytest.skip(f"this machine has no {host}")
    with listener:
        port = listener.getsockname()[1]
        assert base_url(listener) == f"http://{shown}:{port}/open-api"


async def test_a_block_is_served_and_the_port_is_free_again(sandbox: Sandbox) -> None:
    with listen() as free:
        port = free.getsockname()[1]
    for _ in range(3):
        async with serving(sandbox, port) as url, httpx2.AsyncClient(headers=HEADERS) as client:
            assert url == f"http://127.0.0.1:{port}/open-api"
            assert (await client.get(f"{url}/auth/test")).status_code == 200
        async with httpx2.AsyncClient(headers=HEADERS) as client:
            with pytest.raises(httpx2.ConnectError):
                await client.get(f"{url}/auth/test")


async def test_a_block_leaves_signals_to_the_program(sandbox: Sandbox) -> None:
    before = signal.getsignal(signal.SIGINT)
    async with serving(sandbox) as url, httpx2.AsyncClient(headers=HEADERS) as client:
        assert (await client.get(f"{url}/auth/test")).status_code == 200
        assert signal.getsignal(signal.SIGINT) is before


async def test_several_are_served_at_once(make_sandbox: Callable[..., Sandbox]) -> None:
    async with (
        serving(make_sandbox(leads=1)) as first,
        serving(make_sandbox(leads=2)) as second,
        httpx2.AsyncClient(headers=HEADERS) as client,
    ):
        totals = [(await client.get(f"{url}/leads")).json()["pagination"]["total"] for url in (first, second)]
    assert totals == [1, 2]


async def test_what_fails_in_the_block_is_raised_as_it_is(sandbox: Sandbox) -> None:
    with pytest.raises(ZeroDivisionError):
        async with serving(sandbox):
            raise ZeroDivisionError


async def test_a_block_may_end_before_the_server_began(sandbox: Sandbox) -> None:
    async with serving(sandbox):
        pass


async def test_a_block_that_is_cancelled_leaves_no_server(sandbox: Sandbox) -> None:
    urls: list[str] = []

    async def wait_for_ever() -> None:
        async with serving(sandbox) as url:
            urls.append(url)
            await asyncio.sleep(60)

    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(wait_for_ever(), 0.2)
    async with httpx2.AsyncClient() as client:
        with pytest.raises(httpx2.ConnectError):
            await client.get(urls[0])


async def test_a_block_ends_although_a_reply_is_delayed(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox.faults.add(Fault(delay=60))
    started = time.monotonic()
    async with serving(sandbox) as url, httpx2.AsyncClient(headers=HEADERS) as client:
        with pytest.raises(httpx2.ReadTimeout):
            await client.get(f"{url}/leads", timeout=httpx2.Timeout(20, read=1))
    assert time.monotonic() - started < 30
    assert caplog.records == []


async def test_a_client_may_go_away_while_it_sends(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    def arrived(number: int) -> bool:
        return len(sandbox.requests) == number

    async with serving(sandbox) as url:
        for number, fault in enumerate((None, Fault()), 1):
            if fault:
                sandbox.faults.add(fault)
            _, writer = await asyncio.open_connection("127.0.0.1", url.split(":")[2].split("/")[0])
            head = [f"{name}: {value}" for name, value in HEADERS.items()]
            head += ["host: 127.0.0.1", "content-type: application/json", "content-length: 100"]
            writer.write("\r\n".join(["POST /open-api/leads HTTP/1.1", *head, "", '{"name": "Ann"']).encode())
            await writer.drain()
            await until(partial(arrived, number))
            writer.close()
            await writer.wait_closed()
        await asyncio.sleep(0.1)
    assert sandbox.requests == ["POST /leads", "POST /leads"]
    assert sandbox.store.page(Listing()) == ([], 0)
    assert caplog.records == []


async def test_a_bug_of_the_sandbox_is_answered_and_told(
    make_sandbox: Callable[..., Sandbox], caplog: pytest.LogCaptureFixture
) -> None:
    moments = iter([datetime(2026, 11, 22, tzinfo=UTC)])
    sandbox = make_sandbox(now=lambda: next(moments))
    async with serving(sandbox) as url, httpx2.AsyncClient(headers=HEADERS) as client:
        response = await client.get(f"{url}/leads")
    assert (response.status_code, response.json()) == (
        500,
        {"status": "error", "message": "Internal server error"},
    )
    (record,) = caplog.records
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], RuntimeError), "what a generator makes of StopIteration"
