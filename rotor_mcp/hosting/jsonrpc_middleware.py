"""Bodies of POST requests that are no JSON-RPC message, answered in the words of the protocol."""

import json
import logging

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from rotor_mcp.hosting.middleware import replay_first
from rotor_mcp.server.jsonrpc import Refusal, parse

logger = logging.getLogger(__name__)


class JsonRpcMiddleware:
    """Refuses bodies that are no message, with a reason and the id of the request, and mends what can be.

    It needs the whole body in one piece, as `BodyLimitMiddleware` hands it on.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        first = await receive()
        read = parse(first.get("body", b""))
        if isinstance(read, Refusal):
            logger.warning("a message was refused (%d): %s", read.code, read.reason)
            body = read.message.message.model_dump(mode="json", by_alias=True)
            answer = Response(json.dumps(body), 400, media_type="application/json")
            await answer(scope, receive, send)
            return
        mended = {**first, "body": read.text if read else b""}
        # The length of a mended body is another.
        headers = [header for header in scope["headers"] if header[0] != b"content-length"]
        await self._app({**scope, "headers": headers}, replay_first(mended, receive), send)
