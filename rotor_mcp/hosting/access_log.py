"""Logs each HTTP request, and gives it the id that its other log lines have."""

import logging
import re
import secrets
from dataclasses import dataclass
from time import perf_counter

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rotor_mcp.hosting.callers import caller_of
from rotor_mcp.hosting.settings import PATH
from rotor_mcp.log_events import log_fields

REQUEST_ID_HEADER = "x-request-id"
_REQUEST_ID = re.compile(r"[\w.:+/=@-]{1,128}", re.ASCII)
"""What a proxy may send as an id. Anything else is replaced by an id of our own."""
_PROBES = frozenset({"/healthz", "/readyz"})
_PATHS = _PROBES | {PATH}

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class AccessLogMiddleware:
    """Logs a line for each request: method, path, status, duration, tool and caller.

    The id of the request is that of a proxy in front, or a new one, and is in the response too.
    """

    app: ASGIApp
    log_probes: bool = True
    """Whether successful health checks are logged."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, path, status = perf_counter(), scope["path"], 0
        headers = Headers(scope=scope)
        request_id = _request_id(headers)

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID_HEADER] = request_id
            await send(message)

        fields = log_fields.set({"request_id": request_id})
        try:
            await self.app(scope, receive, note)
        finally:
            if self.log_probes or path not in _PROBES or status != 200:
                _log(scope, headers, path, status, 1e3 * (perf_counter() - began))
            log_fields.reset(fields)


def _log(scope: Scope, headers: Headers, path: str, status: int, milliseconds: float) -> None:
    user = scope.get("user")
    method = (_safe_word(scope["method"].lower()) or "other").upper()
    shown = path if path in _PATHS else "other"  # an unknown path may contain anything
    called = [_safe_word(headers.get(name)) for name in ("mcp-method", "mcp-name")]
    logger.info(
        "%s %s: %s in %.0f ms",
        method,
        " ".join([shown, *filter(None, called)]),
        status or "the client has left",
        milliseconds,
        extra={
            "event": "http_request",
            "method": method,
            "path": shown,
            "status": status or None,
            "milliseconds": milliseconds,
            "call": called[0],
            "tool": called[1],
            "caller": caller_of(user.access_token) if isinstance(user, AuthenticatedUser) else None,
        },
    )


def _request_id(headers: Headers) -> str:
    given = headers.getlist(REQUEST_ID_HEADER)
    return given[0] if len(given) == 1 and _REQUEST_ID.fullmatch(given[0]) else secrets.token_hex(8)


def _safe_word(header: str | None) -> str | None:
    """Return a header that can be the name of a method or tool; else None."""
    return header if header and re.fullmatch(r"[a-z_/]{1,40}", header) else None
