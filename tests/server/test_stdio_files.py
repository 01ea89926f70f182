"""Reading and writing the files of standard input and output: real pipes, sockets and files."""

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotor_mcp.server.stdio_files import LineReader, MessageWriter

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform == "win32", reason="pipes of Windows have no room that is known"),
]
LONG = "ü" * 400_000
"""A message that no pipe holds."""


@contextmanager
def ends(kind: str) -> Iterator[tuple[int, int]]:
    """What is read from, and what is written to."""
    if kind == "pipe":
        reading, writing = os.pipe()
    else:
        reading, writing = (end.detach() for end in socket.socketpair())
    opened = [reading, writing]
    try:
        yield reading, writing
    finally:
        for descriptor in opened:
            os.close(descriptor)


async def read(descriptor: int) -> list[bytes]:
    return [line async for line in LineReader(descriptor).lines()]


@given(st.lists(st.binary(max_size=20), max_size=20))
def test_lines_are_the_same_however_they_come(chunks: list[bytes]) -> None:
    sent = b"".join(chunks)

    async def main() -> list[bytes]:
        reading, writing = os.pipe()
        lines: list[bytes] = []

        async def collect() -> None:
            lines.extend(await read(reading))

        async with anyio.create_task_group() as group:
            group.start_soon(collect)
            for chunk in chunks:
                os.write(writing, chunk)
                await anyio.lowlevel.checkpoint()
            os.close(writing)
        os.close(reading)
        return lines

    assert anyio.run(main) == sent.split(b"\n")


async def test_a_file_is_read_to_its_end(tmp_path: Path) -> None:
    text = b"one\n" + b"x" * 300_000 + b"\nlast"
    (tmp_path / "input").write_bytes(text)
    with (tmp_path / "input").open("rb") as file:
        assert await read(file.fileno()) == text.split(b"\n")


async def test_nothing_to_read_holds_nobody_up() -> None:
    with ends("pipe") as (reading, _):
        async with anyio.create_task_group() as group:
            group.start_soon(read, reading)
            for _ in range(10):
                await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()


@pytest.mark.parametrize("blocking", [True, False])
@pytest.mark.parametrize("kind", ["pipe", "socket"])
async def test_a_message_waits_for_a_slow_client_and_others_go_on(kind: str, blocking: bool) -> None:
    with ends(kind) as (reading, writing):
        os.set_blocking(writing, blocking)
        writer = MessageWriter(writing)
        written: list[str] = []

        async def write() -> None:
            for message in (LONG, "short\n"):
                await writer.write(message)
                await writer.flush()
                written.append(message)

        received = bytearray()
        async with anyio.create_task_group() as group:
            group.start_soon(write)
            for _ in range(100):
                await anyio.lowlevel.checkpoint()
            assert written == []
            while not received.endswith(b"short\n"):
                received += await anyio.to_thread.run_sync(os.read, reading, 65_536)
        assert received.decode() == f"{LONG}short\n"


async def test_a_file_is_written(tmp_path: Path) -> None:
    with (tmp_path / "output").open("wb") as file:
        writer = MessageWriter(file.fileno())
        for message in (LONG, "short\n"):
            await writer.write(message)
            await writer.flush()
    assert (tmp_path / "output").read_text("utf-8") == f"{LONG}short\n"


@pytest.mark.parametrize("kind", ["pipe", "socket"])
async def test_a_client_that_has_left_is_an_error(kind: str) -> None:
    reading, writing = os.pipe() if kind == "pipe" else (end.detach() for end in socket.socketpair())
    os.close(reading)
    writer = MessageWriter(writing)
    await writer.write("short\n")
    with pytest.raises(BrokenPipeError):
        await writer.flush()
    os.close(writing)


async def test_a_short_message_needs_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(anyio.to_thread, "run_sync")
    with ends("pipe") as (reading, writing):
        writer = MessageWriter(writing)
        await writer.write("x" * 10_000 + "\n")
        await writer.flush()
        async for line in LineReader(reading).lines():
            assert line == b"x" * 10_000
            break
