"""A server over stdio and one over HTTP, in processes of their own, whose Rotor answers with bytes that are no answer."""

import asyncio
import gzip
import sys
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters

from rotor_mcp.sandbox import FULL_KEY
from tests.adversary.judging import fault_of_answer
from tests.adversary.metering import MAX_EXTRA_BYTES, memory
from tests.hosting.servers import server_process
from tests.hosting.serving import calling

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc"),
]

Write = Callable[[bytes], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
MEGABYTE = b" " * 1_000_000
LARGE = 400
"""Megabytes that are sent where an answer does not end by itself."""


def fixed(answer: bytes) -> Callable[[Write], Awaitable[None]]:
    async def send(write: Write) -> None:
        await write(answer)

    return send


def repeated(head: bytes, piece: bytes, times: int, pause: float = 0.0) -> Callable[[Write], Awaitable[None]]:
    async def send(write: Write) -> None:
        await write(head)
        for _ in range(times):
            await write(piece)
            await anyio.sleep(pause)

    return send


@cache
def bomb() -> bytes:
    """Many megabytes of blanks, packed into less than one."""
    packing = zlib.compressobj(wbits=31)
    return b"".join(packing.compress(MEGABYTE) for _ in range(LARGE)) + packing.flush()


async def send_bomb(write: Write) -> None:
    await write(sized(bomb(), b"content-encoding: gzip\r\n"))


async def send_packed_bomb(write: Write) -> None:
    await write(sized(gzip.compress(bomb()), b"content-encoding: gzip, gzip\r\n"))


def sized(body: bytes, *headers: bytes) -> bytes:
    lines = [b"content-length: %d\r\n" % len(body), *headers]
    return OK + b"".join(lines) + b"\r\n" + body


ANSWERS: dict[str, Callable[[Write], Awaitable[None]]] = {
    "nothing": fixed(b""),
    "no HTTP": fixed(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "no status": fixed(b"HTTP/1.1 \r\n\r\n"),
    "status of four digits": fixed(b"HTTP/1.1 2000 OK\r\n\r\n"),
    "status that means nothing": fixed(b"HTTP/1.1 999 Whatever\r\ncontent-length: 0\r\n\r\n"),
    "negative length": fixed(OK + b"content-length: -1\r\n\r\n{}"),
    "two lengths": fixed(OK + b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}"),
    "length beyond the body": fixed(OK + b"content-length: 999\r\n\r\n{}"),
    "length beyond all numbers": fixed(OK + b"content-length: " + b"9" * 400 + b"\r\n\r\n{}"),
    "chunk of no size": fixed(OK + b"transfer-encoding: chunked\r\n\r\nxyz\r\n{}\r\n0\r\n\r\n"),
    "chunk of all memory": fixed(OK + b"transfer-encoding: chunked\r\n\r\nffffffffffff\r\n{}"),
    "header without a name": fixed(OK + b": x\r\n\r\n{}"),
    "header that never ends": repeated(OK + b"x: ", MEGABYTE, 50),
    "headers without an end": repeated(OK, b"x-a: b\r\n" * 10_000, 200),
    "informational answers": repeated(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000, 50),
    "body without an end": repeated(OK + b"\r\n", MEGABYTE, LARGE),
    "chunks without an end": repeated(
        OK + b"transfer-encoding: chunked\r\n\r\n", b"f4240\r\n" + MEGABYTE + b"\r\n", LARGE
    ),
    "gzip bomb": send_bomb,
    "gzip bomb in gzip": send_packed_bomb,
    "no gzip": fixed(sized(b"{}", b"content-encoding: gzip\r\n")),
    "unknown encoding": fixed(sized(b"{}", b"content-encoding: zstd\r\n")),
    "one byte at a time": repeated(OK + b"content-length: 9999\r\n\r\n", b" ", 60, pause=0.05),
    "silence": repeated(b"", b"", 1, pause=4),
    "redirect to itself": fixed(b"HTTP/1.1 302 Found\r\nlocation: /leads\r\ncontent-length: 0\r\n\r\n"),
    "many small values": fixed(sized(b'{"data":[' + b"[]," * 1_500_000 + b"[]]}")),
    "deep": fixed(sized(b'{"data":' + b"[" * 200_000)),
}
CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("search_leads", {"search": "jane", "order": "name"}),
    ("upsert_lead", {"name": "Jane Doe", "phone": "612-555-0142"}),
)


class Rotor:
    """Answers every request in the same way, until it is told another."""

    def __init__(self) -> None:
        self.url = ""
        self.answer = ANSWERS["nothing"]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def write(data: bytes) -> None:
            writer.write(data)
            await writer.drain()

        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await reader.readuntil(b"\r\n\r\n")
                await self.answer(write)
        finally:
            writer.close()
            if writer.transport.get_write_buffer_size():
                writer.transport.abort()


@pytest.fixture
async def rotor() -> AsyncIterator[Rotor]:
    rotor = Rotor()
    server = await asyncio.start_server(rotor.serve, "127.0.0.1", 0)
    rotor.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield rotor


def environment(rotor: Rotor) -> dict[str, str]:
    return {"ROTOR_API_KEY": FULL_KEY, "ROTOR_BASE_URL": rotor.url, "ROTOR_MCP_TIMEOUT": "1.2"}


@asynccontextmanager
async def over_stdio(rotor: Rotor, directory: Path) -> AsyncIterator[tuple[Client, int]]:
    """A client of a server over stdio, and the id of the server's process."""
    file = directory / "pid"
    script = f"echo $$ > '{file}'; exec '{sys.executable}' -m rotor_mcp"
    command = StdioServerParameters(command="/bin/sh", args=["-c", script], env=environment(rotor))
    async with Client(command) as client:
        yield client, int(file.read_text())


@asynccontextmanager
async def over_http(rotor: Rotor, _: Path) -> AsyncIterator[tuple[Client, int]]:
    """A client of a server over HTTP, and the id of the server's process."""
    with server_process(environment(rotor)) as server:
        async with calling(server.url) as client:
            yield client, server.process.pid


@pytest.mark.parametrize("start", [over_stdio, over_http])
async def test_bytes_that_are_no_answer(start: Any, rotor: Rotor, tmp_path: Path) -> None:
    faults: dict[str, str | None] = {}
    async with start(rotor, tmp_path) as (client, pid):
        for tool, arguments in CALLS:
            faults[tool] = fault_of_answer(await client.call_tool(tool, arguments))
        rest = memory(pid, "VmRSS")
        for name, answer in ANSWERS.items():
            rotor.answer = answer
            for tool, arguments in CALLS:
                said = await client.call_tool(tool, arguments)
                fault = fault_of_answer(said) or (None if said.is_error else "is taken for an answer")
                faults[f"{name}: {tool}"] = fault
        assert memory(pid, "VmHWM") - rest < MAX_EXTRA_BYTES
    assert {name: fault for name, fault in faults.items() if fault} == {}
