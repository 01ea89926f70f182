"""HTTP/1.1 of the plainest kind, so that what is measured is the server and not who asks it."""

import asyncio
from collections.abc import Callable

HEAD_END = b"\r\n\r\n"


async def read_message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Read the head and the body of a request or an answer.

    Raises:
        EOFError: if the other side ended before.
    """
    head = await reader.readuntil(HEAD_END)
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
    if b"content-length" in fields:
        return head, await reader.readexactly(int(fields[b"content-length"]))
    body = b""
    if fields.get(b"transfer-encoding") == b"chunked":
        while size := int(await reader.readuntil(b"\r\n"), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readexactly(2)
    return head, body


async def serve(answer: Callable[[bytes], bytes], port: int) -> asyncio.Server:
    """Serve whatever a function makes of the first line of a request."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head, _ = await read_message(reader)
                body = answer(head.partition(b"\r\n")[0])
                writer.write(
                    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                    b"content-length: %d\r\n\r\n%b" % (len(body), body)
                )
        except (EOFError, ConnectionError):
            writer.close()

    return await asyncio.start_server(connected, "127.0.0.1", port)
