"""The body of an answer, read piece by piece and never beyond a size, packed or not."""

import zlib

import httpx2

MAX_BODY_BYTES = 5_000_000
"""Of one answer, unpacked. A thousand leads with the longest of notes have about three million. To read more
would hold up other calls for longer than 100 ms."""

_GZIP_OR_ZLIB_WBITS = 47
"""`wbits` by which zlib recognises both by their head."""
_ENCODINGS = frozenset({"gzip", "x-gzip", "deflate"})


class UnreadableBody(Exception):
    """A body that is too large, or packed in a way that cannot be read. The text says which."""


async def read_body(response: httpx2.Response, max_bytes: int = MAX_BODY_BYTES) -> bytes:
    """Read the body of a response that was sent for with `stream=True`.

    What a small packed body would unpack to is not made before it is known to fit.

    Args:
        response: whose body was not read yet.
        most: bytes that it may have, unpacked.

    Raises:
        UnreadableBody: if it has more, or cannot be unpacked.
        httpx2.HTTPError: if the connection fails.
    """
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity", *_ENCODINGS):
        raise UnreadableBody("the answer is packed in a way that cannot be read")
    if response.is_stream_consumed:  # a transport without a network has it already, unpacked
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
