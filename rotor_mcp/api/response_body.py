"""Reads the body of a response in chunks, up to a limit, and decompresses it."""

import zlib

import httpx2

MAX_BODY_BYTES = 5_000_000
"""Of one body, decompressed. A thousand leads with notes of the maximum length have about three million.
Parsing more would block other calls for over 100 ms."""

_GZIP_OR_ZLIB_WBITS = 47
"""The `wbits` with which zlib detects the format by its header."""
_ENCODINGS = frozenset({"gzip", "x-gzip", "deflate"})


class UnreadableBody(Exception):
    """The body is too large or cannot be decompressed. The text says which."""


async def read_body(response: httpx2.Response, max_bytes: int = MAX_BODY_BYTES) -> bytes:
    """Read the body of a response to a request with `stream=True`.

    A compressed body is decompressed only up to the limit.

    Args:
        response: whose body has not been read.
        max_bytes: limit of the body, decompressed.

    Raises:
        UnreadableBody: if the body is larger, or cannot be decompressed.
        httpx2.HTTPError: if the connection fails.
    """
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity", *_ENCODINGS):
        raise UnreadableBody("the answer is packed in a way that cannot be read")
    if response.is_stream_consumed:  # transports without a network return it decompressed
        if len(response.content) > max_bytes:
            raise UnreadableBody(f"the answer has more than {max_bytes:,} bytes")
        return response.content
    decompressor = zlib.decompressobj(_GZIP_OR_ZLIB_WBITS) if encoding in _ENCODINGS else None
    body = bytearray()
    async for chunk in response.aiter_raw():
        try:
            body += decompressor.decompress(chunk, max_bytes - len(body) + 1) if decompressor else chunk
        except zlib.error:
            raise UnreadableBody("the answer cannot be decompressed") from None
        if len(body) > max_bytes:
            raise UnreadableBody(f"the answer has more than {max_bytes:,} bytes")
    if decompressor is not None and body and not decompressor.eof:
        raise UnreadableBody("the answer cannot be decompressed")
    return bytes(body)
