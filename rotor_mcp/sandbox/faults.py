"""Fault injection: makes the next requests fail in a given way, to test clients."""

from typing import Annotated, Literal, Self

import anyio
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rotor_mcp.sandbox import responses

BASE_PATH = "/open-api"
"""The base path of Rotor's API. Faults apply and requests are recorded only below it."""

_HeaderName = Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
_HeaderValue = Annotated[str, Field(pattern=r"^[!-~]([ !-~]*[!-~])?$")]


class Fault(BaseModel):
    """How a request fails. If only `method` and `path` are set, the response is as usual.

    A fault with `status` or `body` replaces the API's response, and the request is not carried out unless
    `carried_out` is set. With any other fault the API carries the request out and responds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["GET", "POST"] | None = None
    """Only requests with this method; None for any."""
    path: str = "/"
    """Only paths that begin so, seen from the API's base path."""
    status: Annotated[int | None, Field(ge=200, le=599)] = None
    """The status of the response. An error has its usual body."""
    body: str | None = None
    """The body of the response. Its status is 200 if none is given."""
    content_type: _HeaderValue = "application/json"
    headers: dict[_HeaderName, _HeaderValue] = {}
    """Added to the response."""
    delay: Annotated[float, Field(ge=0, le=600)] = 0
    """Seconds to wait before anything else."""
    drop: Literal["before", "after"] | None = None
    """Break the connection without a response, before or after the request is carried out."""
    carried_out: bool = False
    """Carry the request out first, before the delay and the fault's own response."""
    times: Annotated[int, Field(ge=1, le=1_000)] = 1
    """Number of requests that it applies to."""

    @model_validator(mode="after")
    def _check_what_goes_together(self) -> Self:
        if self.drop and (self.status or self.body is not None or self.headers):
            raise ValueError("a dropped reply has no status, body or headers")
        if self.drop == "before" and self.carried_out:
            raise ValueError("a request that is dropped before is not carried out")
        if self.body and self.status in (204, 304):
            raise ValueError(f"an answer with the status {self.status} has no body")
        return self

    def response(self, method: str, quota: int) -> Response | None:
        """Return the response that replaces the API's; None if the API responds."""
        if self.body is not None:
            return Response(self.body, self.status or 200, self.headers, self.content_type)
        if self.status is None:
            return None
        if self.status < 400:
            return Response(status_code=self.status, headers=self.headers)
        return JSONResponse(
            responses.typical_error(self.status, method, quota), self.status, headers=self.headers
        )


class Faults:
    """The faults that have not been applied yet."""

    def __init__(self) -> None:
        self._pending: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Add a fault for the next `times` matching requests, after the faults added earlier."""
        self._pending += [fault] * fault.times

    def clear(self) -> None:
        """Remove all faults."""
        self._pending.clear()

    def pop_matching(self, method: str, path: str) -> Fault | None:
        """Remove and return the first fault that matches a request; None if none does."""
        for position, fault in enumerate(self._pending):
            if fault.method in (None, method) and path.startswith(fault.path):
                return self._pending.pop(position)
        return None


class ReplyLost(Exception):
    """A fault breaks the connection before the response is complete."""


class FaultInjector:
    """ASGI middleware that records the API's requests and applies faults to them."""

    def __init__(self, app: ASGIApp, *, faults: Faults, request_log: list[str], quota: int) -> None:
        """Wrap `app`. `request_log` receives method and path of each request, such as "GET /leads"."""
        self._app = app
        self._faults = faults
        self._request_log = request_log
        self._quota = quota

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or not scope["path"].startswith(f"{BASE_PATH}/"):
            await self._app(scope, receive, send)
            return
        method, path = scope["method"], scope["path"].removeprefix(BASE_PATH)
        self._request_log.append(f"{method} {path}")
        if fault := self._faults.pop_matching(method, path):
            await self._apply(fault, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _apply(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        # The body is read first, so that the request is carried out even if the client disconnects.
        body = await Request(scope, receive).body()
        response: list[Message] = []

        async def replay() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def record(message: Message) -> None:
            response.append(message)

        own_response = fault.response(scope["method"], self._quota)
        if fault.carried_out or fault.drop == "after":
            await self._app(scope, replay, record)
            await anyio.sleep(fault.delay)
        else:
            await anyio.sleep(fault.delay)
            if fault.drop is None and own_response is None:
                await self._app(scope, replay, record)

        if fault.drop:
            # The body is shorter than its Content-Length, so the server has to close the connection.
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})
            raise ReplyLost
        if own_response is not None:
            await own_response(scope, receive, send)
            return
        response[0]["headers"] += [
            (name.lower().encode(), value.encode()) for name, value in fault.headers.items()
        ]
        for message in response:
            await send(message)
