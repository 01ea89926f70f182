"""Validates the bodies of POST requests as JSON-RPC messages."""

import json
import logging

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from rotor_mcp.hosting.middleware import replay_first
from rotor_mcp.server.jsonrpc import Refusal, parse

logger = logging.getLogger(__name__)


class JsonRpcMiddleware:
    """Repairs a body where that is safe; else responds with a JSON-RPC error and the id of the request.

    It expects the complete body in one message, as `BodyLimitMiddleware` passes it on.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        first = await receive()
        read = parse(first.get("body", b""))
        if isinstance(read, Refusal):
            logger.warning(
                "a message was refused (%d): %s",
                read.code,
                read.reason,
                extra={"event": "message_refused", "code": read.code, "reason": read.reason},
            )
            body = read.message.message.model_dump(mode="json", by_alias=True)
            answer = Response(json.dumps(body), 400, media_type="application/json")
            await answer(scope, receive, send)
            return
        repaired = {**first, "body": read.text if read else b""}
        # A repaired body may have another length.
        headers = [header for header in scope["headers"] if header[0] != b"content-length"]
        await self._app({**scope, "headers": headers}, replay_first(repaired, receive), send)
