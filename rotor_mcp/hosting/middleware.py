"""What every HTTP request passes on its way to the protocol: small applications, each around the next."""

import json
import logging
import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

import anyio
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rotor_mcp.hosting.access import KEY_HEADER, request_api_key
from rotor_mcp.hosting.addresses import Authority, Origin
from rotor_mcp.hosting.callers import caller_of
from rotor_mcp.hosting.refusal_log import RefusalLog
from rotor_mcp.hosting.settings import PATH

_DRAIN_FACTOR = 8
"""So many times the largest body is read of a larger one."""
_PATHS = frozenset({PATH, "/healthz", "/readyz"})

MAX_BODY_BYTES = 1_000_000
"""Bytes. A hundred rows with the longest of notes have a quarter of that."""
BODY_TIMEOUT_SECONDS = 10.0
"""Seconds that a client may take to send the body."""

access_log = logging.getLogger("rotor_mcp.access")
"""Its lines are complete as they are."""


class TrailingSlashMiddleware:
    """Serves a path with a slash at its end like one without: a redirect would lead from https to http."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http" and len(scope["path"]) > 1 and scope["path"].endswith("/"):
            scope = {**scope, "path": scope["path"][:-1]}
        await self._app(scope, receive, send)


class HostOriginMiddleware:
    """Refuses requests for other hosts, and from web pages of other origins (DNS rebinding)."""

    def __init__(
        self, app: ASGIApp, hosts: Sequence[Authority], origins: Sequence[Origin], refusals: RefusalLog
    ) -> None:
        """Wrap an application.

        Args:
            app: answers the requests that are let through.
            hosts: what the header `Host` may say.
            origins: what the header `Origin` may say, if there is one.
            refusals: notes requests that were refused.
        """
        self._app = app
        self._hosts = hosts
        self._origins = origins
        self._refusals = refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http" and (refusal := self._check(Headers(scope=scope))) is not None:
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _check(self, headers: Headers) -> Response | None:
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) != 1 or not _admits_host(self._hosts, hosts[0]):
            self._refusals.note(
                "it names another host; ROTOR_MCP_ALLOWED_HOSTS can allow that", ", ".join(hosts)
            )
            return _refusal(
                421,
                "the header Host names none of this server's names. If clients are to use this one, whoever "
                "runs the server sets ROTOR_MCP_PUBLIC_URL or adds the name to ROTOR_MCP_ALLOWED_HOSTS",
            )
        if not all(admits_origin(self._origins, origin) for origin in origins):
            self._refusals.note(
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
    """Whether a header `Origin` is one of those allowed."""
    try:
        given = Origin.parse(header)
    except ValueError:
        return False
    return any(origin.admits(given) for origin in allowed)


class AllowedOriginsMiddleware(CORSMiddleware):
    """The CORS headers of Starlette, with origins compared as `HostOriginMiddleware` compares them."""

    def __init__(self, app: ASGIApp, origins: Sequence[Origin]) -> None:
        """Wrap an application.

        Args:
            app: answers the requests that are let through.
            origins: of web pages that may read the answers.
        """
        super().__init__(
            app,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["*"],
            expose_headers=["www-authenticate"],
        )
        self._origins = origins

    def is_allowed_origin(self, origin: str) -> bool:
        """Whether web pages of this origin may read the answers."""
        return admits_origin(self._origins, origin)


class PostOnlyMiddleware:
    """Answers 405 to other methods: without sessions there is no stream to open and no session to delete."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http" and scope["method"] != "POST":
            answer = _refusal(405, "this server keeps no sessions: send each message with POST")
            answer.headers["allow"] = "POST"
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)


class CallerConcurrencyMiddleware:
    """Limits the requests that one caller has under way, from the first byte of the body to the last sent.

    `limits.py` counts calls of tools only while they are worked on. Without this one token could hold every
    connection with bodies that come slowly, or with answers that nobody takes.
    """

    def __init__(self, app: ASGIApp, max_concurrent: int) -> None:
        """Wrap an application.

        Args:
            app: answers the requests that are let through.
            max_concurrent: requests of one caller under way.
        """
        self._app = app
        self._max_concurrent = max_concurrent
        self._under_way: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        user = scope.get("user")
        if scope["type"] != "http" or not isinstance(user, AuthenticatedUser):
            await self._app(scope, receive, send)
            return
        caller = caller_of(user.access_token)
        if self._under_way[caller] >= self._max_concurrent:
            text = f"{self._max_concurrent} requests of yours are under way; wait for one of them to end"
            answer = _refusal(429, text)
            answer.headers["retry-after"], answer.headers["connection"] = "1", "close"
            await answer(scope, receive, send)
            return
        self._under_way[caller] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._under_way[caller] -= 1
            if not self._under_way[caller]:
                del self._under_way[caller]


def replay_first(first: Message, receive: Receive) -> Receive:
    """Return a `receive` that gives one message first, and then what the other one gives."""
    given = False

    async def receive_next() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return first

    return receive_next


class BodyLimitMiddleware:
    """Waits for the complete body, as long as it is neither too large nor too slow."""

    def __init__(
        self,
        app: ASGIApp,
        max_bytes: int = MAX_BODY_BYTES,
        body_timeout_seconds: float = BODY_TIMEOUT_SECONDS,
    ) -> None:
        """Stand before an application.

        Args:
            app: what is behind.
            max_bytes: bytes that a body may have.
            body_timeout_seconds: seconds that it may take to come.
        """
        self._app = app
        self._max_bytes = max_bytes
        self._body_timeout_seconds = body_timeout_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body, size = bytearray(), 0
        with anyio.move_on_after(self._body_timeout_seconds) as waiting:
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    return  # the client went away
                body += message.get("body", b"")
                size += len(message.get("body", b""))
                if size > self._max_bytes:
                    # A few times as much is read, and nothing kept: a client that is cut off in the middle
                    # of sending would never read why.
                    body.clear()
                if size > _DRAIN_FACTOR * self._max_bytes or not message.get("more_body", False):
                    break
        refusal: Response | None = None
        if waiting.cancelled_caught:
            refusal = _refusal(408, f"the body did not come within {self._body_timeout_seconds:g} seconds")
        elif size > self._max_bytes:
            refusal = _refusal(413, f"the body has more than {self._max_bytes:,} bytes")
        if refusal is not None:
            refusal.headers["connection"] = "close"  # what else may come is not read
            await refusal(scope, receive, send)
            return
        complete = {"type": "http.request", "body": bytes(body), "more_body": False}
        await self._app(scope, replay_first(complete, receive), send)


class ApiKeyHeaderMiddleware:
    """Takes the caller's Rotor key out of the request, so that nothing after it sees or logs it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        name = KEY_HEADER.encode()
        values = [value for header, value in scope.get("headers", []) if header == name]
        others = [header for header in scope.get("headers", []) if header[0] != name]
        token = request_api_key.set(values[0].decode("latin-1") if len(values) == 1 else None)
        try:
            await self._app({**scope, "headers": others}, receive, send)
        finally:
            request_api_key.reset(token)


class AccessLogMiddleware:
    """Writes a line of JSON for each request: what was asked for and how it ended, and nobody's data."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or not access_log.isEnabledFor(logging.INFO):
            await self._app(scope, receive, send)
            return
        began = perf_counter()
        path = scope["path"]
        status = 0

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note)
        finally:
            access_log.info(json.dumps(_log_line(scope, path, status, perf_counter() - began)))


def _log_line(scope: Scope, path: str, status: int, seconds: float) -> dict[str, Any]:
    headers, user = HTTPConnection(scope).headers, scope.get("user")
    line = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "method": _safe_word(scope["method"].lower()),
        "path": path if path in _PATHS else "other",  # what strangers try may hold anything
        "status": status or None,  # none was sent: the client went away
        "milliseconds": round(1e3 * seconds, 1),
        "call": _safe_word(headers.get("mcp-method")),
        "tool": _safe_word(headers.get("mcp-name")),
        "caller": caller_of(user.access_token) if isinstance(user, AuthenticatedUser) else None,
    }
    return {name: value for name, value in line.items() if value is not None}


def _safe_word(header: str | None) -> str | None:
    """A header that says which method or tool is called; anything else that stands there is not repeated."""
    return header if header and re.fullmatch(r"[a-z_/]{1,40}", header) else None


def _refusal(status: int, message: str) -> Response:
    return JSONResponse({"error": message}, status)
