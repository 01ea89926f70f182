"""Content negotiation (RFC 9110): clients that do not accept event streams get the same responses as JSON.

The SDK's transport requires both types in `Accept` and may use either. It is told that both are accepted, and
an event stream is converted to JSON for clients that do not accept one. The transport's own JSON mode would
apply to all clients, and would no longer notice when a client disconnects.
"""

import json
import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

JSON = "application/json"
EVENT_STREAM = "text/event-stream"

_SPECIFICITY = {JSON: (JSON, "application/*", "*/*"), EVENT_STREAM: (EVENT_STREAM, "text/*")}
"""Media ranges that include a type, the most specific first. `*/*` does not select an event stream: clients
that read streams name the type."""
_EVENT_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")


class AcceptHeaderMiddleware:
    """Responds with JSON unless the client accepts event streams, and with 406 if it accepts neither."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        accept = ",".join(Headers(scope=scope).getlist("accept"))
        if not accepts(accept, JSON):
            text = f"this server answers in {JSON}, or in {EVENT_STREAM} if that is accepted as well"
            await JSONResponse({"error": text}, 406)(scope, receive, send)
            return
        others = [header for header in scope["headers"] if header[0] != b"accept"]
        accepting = {**scope, "headers": [*others, (b"accept", f"{JSON}, {EVENT_STREAM}".encode())]}
        await self._app(accepting, receive, send if accepts(accept, EVENT_STREAM) else _JsonOnly(send))


def accepts(header: str, media_type: str) -> bool:
    """Whether an `Accept` header accepts a media type. A missing or empty header accepts JSON."""
    weights: dict[str, float] = {}
    for part in header.split(","):
        media_range, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if media_range:
            weights[media_range] = _weight(parameters)
    if not weights:
        return media_type == JSON
    for media_range in _SPECIFICITY[media_type]:
        if media_range in weights:
            return weights[media_range] > 0
    return False


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 1.0  # an invalid weight is ignored
    return 1.0


class _JsonOnly:
    """An ASGI `send` that replaces an event stream by the JSON-RPC response in it."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = bytearray()

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            content_type = Headers(raw=message["headers"]).get("content-type", "")
            if content_type.startswith(EVENT_STREAM):
                self._start = message
                return
        if self._start is None:
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if not message.get("more_body", False):
            await self._finish(self._start)

    async def _finish(self, start: Message) -> None:
        body = _response_of(bytes(self._body))
        status = start["status"]
        if body is None:
            status, body = 500, json.dumps({"error": "the call ended without a response"}).encode()
        headers = MutableHeaders(raw=list(start["headers"]))
        for name in ("content-type", "connection", "x-accel-buffering"):
            del headers[name]
        headers["content-type"], headers["content-length"] = JSON, str(len(body))
        await self._send({"type": "http.response.start", "status": status, "headers": headers.raw})
        await self._send({"type": "http.response.body", "body": body})


def _response_of(stream: bytes) -> bytes | None:
    """Return the response in an event stream; progress notifications precede it."""
    for event in reversed(_EVENT_END.split(stream)):
        data = b"\n".join(
            line.removeprefix(b"data:").strip() for line in event.splitlines() if line.startswith(b"data:")
        )
        if data and {"result", "error"} & json.loads(data).keys():
            return data
    return None
