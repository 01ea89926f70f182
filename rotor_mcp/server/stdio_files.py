"""Reads and writes the files behind standard input and output.

A pipe or socket is read when there is something to read, and written while there is room, by the event loop.
A worker thread does it for other files, for a client that reads slowly, and on Windows. To hand a message to
a thread and back takes longer than everything else that a short message needs.
"""

import os
import select
import stat
import sys
from collections.abc import AsyncIterator

import anyio

_CHUNK = 65_536
"""Bytes that are read at a time."""


class LineReader:
    """Reads lines from a file."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._polled = _can_be_polled(descriptor)

    async def lines(self) -> AsyncIterator[bytes]:
        """Yield lines of any length, without their ends, until the file ends.

        Raises:
            OSError: if the file cannot be read.
        """
        begun: list[bytes] = []
        while chunk := await self._read():
            end, *others = chunk.split(b"\n")
            begun.append(end)
            for other in others:
                yield b"".join(begun)
                begun = [other]
        yield b"".join(begun)

    async def _read(self) -> bytes:
        if not self._polled:
            return await anyio.to_thread.run_sync(os.read, self._descriptor, _CHUNK, abandon_on_cancel=True)
        while True:
            await anyio.wait_readable(self._descriptor)
            try:
                return os.read(self._descriptor, _CHUNK)
            except BlockingIOError:  # whoever opened it made it non-blocking, and another reader was faster
                continue


class MessageWriter:
    """Writes messages to a file: `write` keeps one, and `flush` writes it, as the SDK calls them."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._text = ""
        self._room: select.poll | None = None
        if _can_be_polled(descriptor):
            self._room = select.poll()
            self._room.register(descriptor, select.POLLOUT)

    async def write(self, text: str) -> None:
        """Keep a message."""
        self._text = text

    async def flush(self) -> None:
        """Write the message.

        Raises:
            OSError: if the file cannot be written.
        """
        data = memoryview(self._text.encode())
        # So many bytes are taken without waiting by a pipe that is said to have room.
        while data and self._room and self._room.poll(0):
            data = data[os.write(self._descriptor, data[: select.PIPE_BUF]) :]
        if data:
            await anyio.to_thread.run_sync(self._write_all, data)

    def _write_all(self, data: memoryview) -> None:
        while data:
            try:
                data = data[os.write(self._descriptor, data) :]
            except BlockingIOError:  # whoever opened it made it non-blocking
                if self._room is None:
                    raise
                self._room.poll()


def _can_be_polled(descriptor: int) -> bool:
    """Whether the system tells when a file can be read or written: pipes and sockets, but not on Windows."""
    mode = os.fstat(descriptor).st_mode
    return sys.platform != "win32" and (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode))
