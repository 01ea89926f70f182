"""ASGI middleware around the MCP endpoint."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import anyio
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rotor_mcp.hosting.access import KEY_HEADER, request_api_key
from rotor_mcp.hosting.access_log import REQUEST_ID_HEADER
from rotor_mcp.hosting.addresses import Authority, Origin
from rotor_mcp.hosting.callers import caller_of
from rotor_mcp.hosting.refusal_log import RefusalLog

_DRAIN_FACTOR = 8
"""Of a body that is too large, this many times the limit is read."""

MAX_BODY_BYTES = 1_000_000
"""A batch of a hundred rows with the longest possible notes has a quarter of that."""
BODY_TIMEOUT_SECONDS = 10.0
"""Time for a client to send the body."""


@dataclass(eq=False)
class TrailingSlashMiddleware:
    """Removes a trailing slash from the path. A redirect would lead from https to http behind a proxy."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and len(scope["path"]) > 1 and scope["path"].endswith("/"):
            scope = {**scope, "path": scope["path"][:-1]}
        await self.app(scope, receive, send)


@dataclass(eq=False)
class HostOriginMiddleware:
    """Refuses requests for other hosts, and from web pages of other origins (DNS rebinding)."""

    app: ASGIApp
    hosts: Sequence[Authority]
    """Allowed values of the header `Host`."""
    origins: Sequence[Origin]
    """Allowed values of the header `Origin`, if there is one."""
    refusals: RefusalLog

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (refusal := self._check(Headers(scope=scope))) is not None:
            await refusal(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _check(self, headers: Headers) -> Response | None:
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) != 1 or not _admits_host(self.hosts, hosts[0]):
            self.refusals.note(
                "it names another host; ROTOR_MCP_ALLOWED_HOSTS can allow that", ", ".join(hosts)
            )
            return _refusal(
                421,
                "the header Host names none of this server's names. If clients are to use this one, whoever "
                "runs the server sets ROTOR_MCP_PUBLIC_URL or adds the name to ROTOR_MCP_ALLOWED_HOSTS",
            )
        if not all(admits_origin(self.origins, origin) for origin in origins):
            self.refusals.note(
                "it comes from a web page of another origin; ROTOR_MCP_ALLOWED_ORIGINS can allow that",
                ", ".join(origins),
            )
            return _refusal(
                403,
                "web pages of this Origin may not call this server. If they are to, whoever runs the server "
                "adds the origin to ROTOR_MCP_ALLOWED_ORIGINS",
            )
        return None


def _admits_host(allowed: Sequence[Authority], header: str) -> bool:
    try:
        given = Authority.parse(header)
    except ValueError:
        return False
    return any(host.admits(given) for host in allowed)


def admits_origin(allowed: Sequence[Origin], header: str) -> bool:
    """Whether the value of a header `Origin` is allowed."""
    try:
        given = Origin.parse(header)
    except ValueError:
        return False
    return any(origin.admits(given) for origin in allowed)


class AllowedOriginsMiddleware(CORSMiddleware):
    """Starlette's CORS middleware, with origins compared as by `HostOriginMiddleware`."""

    def __init__(self, app: ASGIApp, origins: Sequence[Origin]) -> None:
        super().__init__(
            app,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["*"],
            expose_headers=["www-authenticate", REQUEST_ID_HEADER],
        )
        self._origins = origins

    def is_allowed_origin(self, origin: str) -> bool:
        """Whether web pages of this origin may read responses."""
        return admits_origin(self._origins, origin)


@dataclass(eq=False)
class PostOnlyMiddleware:
    """Responds with 405 to other methods: without sessions there is no stream to open and none to delete."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] != "POST":
            answer = _refusal(405, "this server keeps no sessions: send each message with POST")
            answer.headers["allow"] = "POST"
            await answer(scope, receive, send)
            return
        await self.app(scope, receive, send)


@dataclass(eq=False)
class CallerConcurrencyMiddleware:
    """Limits the concurrent requests of one caller, from the start of the body to the end of the response.

    `rate_limits.py` counts tool calls only while they run. Without this limit one token could occupy every
    connection with bodies that are sent slowly or responses that are not read.
    """

    app: ASGIApp
    max_concurrent: int
    """Requests of one caller."""
    _running: Counter[str] = field(default_factory=Counter, init=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        user = scope.get("user")
        if scope["type"] != "http" or not isinstance(user, AuthenticatedUser):
            await self.app(scope, receive, send)
            return
        caller = caller_of(user.access_token)
        if self._running[caller] >= self.max_concurrent:
            text = f"{self.max_concurrent} requests of yours are under way; wait for one of them to end"
            answer = _refusal(429, text)
            answer.headers["retry-after"], answer.headers["connection"] = "1", "close"
            await answer(scope, receive, send)
            return
        self._running[caller] += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self._running[caller] -= 1
            if not self._running[caller]:
                del self._running[caller]


def replay_first(first: Message, receive: Receive) -> Receive:
    """Return an ASGI `receive` that returns one message first, and then those of another `receive`."""
    messages = [first]

    async def receive_next() -> Message:
        return messages.pop() if messages else await receive()

    return receive_next


@dataclass(eq=False)
class BodyLimitMiddleware:
    """Reads the complete body, and responds with 413 if it is too large and 408 if it is too slow."""

    app: ASGIApp
    max_bytes: int = MAX_BODY_BYTES
    body_timeout_seconds: float = BODY_TIMEOUT_SECONDS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body, size = bytearray(), 0
        with anyio.move_on_after(self.body_timeout_seconds) as waiting:
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    return  # the client disconnected
                body += message.get("body", b"")
                size += len(message.get("body", b""))
                if size > self.max_bytes:
                    # More is read but not kept: a client that is cut off while it sends would not read the
                    # response.
                    body.clear()
                if size > _DRAIN_FACTOR * self.max_bytes or not message.get("more_body", False):
                    break
        refusal: Response | None = None
        if waiting.cancelled_caught:
            refusal = _refusal(408, f"the body did not come within {self.body_timeout_seconds:g} seconds")
        elif size > self.max_bytes:
            refusal = _refusal(413, f"the body has more than {self.max_bytes:,} bytes")
        if refusal is not None:
            refusal.headers["connection"] = "close"  # the rest of the body is not read
            await refusal(scope, receive, send)
            return
        complete = {"type": "http.request", "body": bytes(body), "more_body": False}
        await self.app(scope, replay_first(complete, receive), send)


@dataclass(eq=False)
class ApiKeyHeaderMiddleware:
    """Moves the caller's Rotor key from the header to `request_api_key`, so that nothing logs it."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = KEY_HEADER.encode()
        values = [value for header, value in scope.get("headers", []) if header == name]
        others = [header for header in scope.get("headers", []) if header[0] != name]
        token = request_api_key.set(values[0].decode("latin-1") if len(values) == 1 else None)
        try:
            await self.app({**scope, "headers": others}, receive, send)
        finally:
            request_api_key.reset(token)


def _refusal(status: int, message: str) -> Response:
    return JSONResponse({"error": message}, status)
