"""The requests of one tool call: each returns a JSON object, or raises one of `rotor_mcp/errors.py`.

Headers, the deadline and retries are here. `responses.py` says what an answer means, `client.py` which
requests exist.
"""

import logging
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from time import perf_counter
from urllib.parse import quote

import anyio
import httpx2
from anyio.lowlevel import checkpoint
from pydantic_core import from_json

from rotor_mcp.api.connection_errors import connect_error
from rotor_mcp.api.hooks import ApiHooks, WriteLease
from rotor_mcp.api.http_client import proxy_for
from rotor_mcp.api.pool import HEADERS, ConnectionPool
from rotor_mcp.api.response_body import UnreadableBody, read_body
from rotor_mcp.api.responses import Answer, JsonAnswer, read
from rotor_mcp.api.retry import Method, retry_delay
from rotor_mcp.config import Credentials
from rotor_mcp.errors import NoKey, NotSent, OutcomeUnknown, RotorError, Unanswered
from rotor_mcp.events import RequestEvent

CONNECT_TIMEOUT = 8.0
"""Seconds. Shorter than a call's deadline, so that a connection that never comes is known as "not sent"."""
WRITE_TIME_SHARE = 2 / 3
"""Share of the remaining time that a write may take. The rest is for reading it back if its reply is lost."""
MIN_LARGE_BYTES = 100_000
"""Bytes of an answer that takes milliseconds to parse."""
MIN_TIME_SHARE_FOR_WRITE = 1 / 5
"""A batch starts no new write below this share of the timeout."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Request:
    method: Method
    template: str
    path: str
    query: Mapping[str, str] | None
    body: Mapping[str, object] | None
    credentials: Credentials | None
    lost: type[Unanswered]
    """The error if no usable answer comes."""
    parse: Callable[[bytes], object]
    """Parses the body of a success."""


class ApiSession:
    """The requests of one tool call: they share its deadline, and their number is its cost."""

    def __init__(
        self, pool: ConnectionPool, credentials: Credentials | None, hooks: ApiHooks | None = None
    ) -> None:
        """Start the clock of a call."""
        self._pool = pool
        self._credentials = credentials
        self._hooks = hooks or ApiHooks()
        self.written = self._hooks.written
        """The leads that were written lately: a list that is read now may lack them."""
        self._parsing = anyio.Lock(fast_acquire=True)
        """Held while a large answer is parsed. Between those that come at once, further requests are sent."""
        self.carried_over = 0
        """Requests of an earlier round of the call, before the person was asked."""
        self.requests = 0
        """Requests sent to Rotor, retries included: the cost of the call in the daily quota."""
        self.deadline = anyio.current_time() + pool.settings.timeout
        """By `anyio.current_time`."""

    def resume(self, spent: int | None = None) -> None:
        """Restart the clock: after the person was asked, or for the next step of a long command.

        Args:
            spent: requests that an earlier round of the call has spent; None keeps the count.
        """
        if spent is not None:
            self.carried_over += spent - self.requests
            self.requests = spent
        self.deadline = anyio.current_time() + self._pool.settings.timeout

    @property
    def remaining(self) -> float:
        """Seconds until the call's deadline."""
        return self.deadline - anyio.current_time()

    @property
    def running_out(self) -> bool:
        """Whether too little time is left to start another write, whose outcome could stay unknown."""
        return self.remaining < MIN_TIME_SHARE_FOR_WRITE * self._pool.settings.timeout

    async def send(
        self,
        method: Method,
        template: str,
        *,
        lead_id: str = "",
        query: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
        anonymous: bool = False,
        lease: WriteLease | None = None,
        parse: Callable[[bytes], object] = from_json,
    ) -> JsonAnswer:
        """Send a request, again where that is safe, and return the answer.

        A POST that was started runs to its end, or to the deadline, even if the call is cancelled: a write
        should not stay unknown because somebody pressed Stop.

        Raises:
            RotorError: one of them, as `errors.py` sorts them.
        """
        request = _Request(
            method,
            template,
            template.replace("{id}", quote(lead_id, safe="")),
            query,
            body,
            None if anonymous else self._credentials,
            OutcomeUnknown if method == "POST" else Unanswered,
            parse,
        )
        if request.credentials is None and not anonymous:
            raise NoKey(self._pool.settings.key_trouble or "")
        retries = 0
        while True:
            try:
                if lease is not None:
                    await lease.verify()
                answer = await self._transmit(request)
                is_large = len(answer.body) > MIN_LARGE_BYTES
                async with self._parsing if is_large else nullcontext():
                    if is_large:
                        await checkpoint()
                    return read(answer, request.lost, request.credentials, self._redact, request.parse)
            except RotorError as failure:
                delay = retry_delay(method, failure, retries, self.remaining)
                if delay is None:
                    raise
                logger.info(
                    "%s /%s: %s; again in %.1f s",
                    method,
                    request.template,
                    failure,
                    delay,
                    extra={
                        "event": "rotor_retry",
                        "method": method,
                        "path": f"/{request.template}",
                        "reason": failure,
                        "seconds": delay,
                    },
                )
            retries += 1
            await anyio.sleep(delay)

    def _redact(self, text: str) -> str:
        text = self._pool.settings.redact(text)
        return self._credentials.redact(text) if self._credentials else text

    async def _transmit(self, request: _Request) -> Answer:
        """Send a request once, count it, and report how it ended."""
        max_wait = (self.deadline - anyio.current_time()) * (
            WRITE_TIME_SHARE if request.method == "POST" else 1
        )
        if max_wait <= 0:
            raise NotSent("the time for this call ran out before the request")
        started = perf_counter()
        status, failure, sent, counts = None, None, True, True
        try:
            answer = await self._exchange(request, max_wait)
            status = answer.status
        except BaseException as exc:  # cancellation is an end as well
            failure, sent = type(exc).__name__, not isinstance(exc, NotSent)
            counts = isinstance(exc, Unanswered) or not isinstance(exc, Exception)
            raise
        finally:
            seconds = perf_counter() - started
            finished = RequestEvent(
                request.method, self._pool.host, f"/{request.template}", seconds, status, failure, sent
            )
            logger.info(
                "%s /%s: %s in %.0f ms",
                request.method,
                request.template,
                status or failure,
                1e3 * seconds,
                extra={
                    "event": "rotor_request",
                    "method": request.method,
                    "path": f"/{request.template}",
                    "status": status,
                    "failure": failure,
                    "milliseconds": 1e3 * seconds,
                },
            )
            for listener in self._pool.listeners:
                listener.request_finished(finished)
            if counts:
                # Rotor has counted the request, whether or not anybody still waits for its answer.
                with anyio.CancelScope(shield=True):
                    self.requests += 1
                    if request.credentials is not None:
                        await self._hooks.request_sent(status)
        self._pool.answered_at = anyio.current_time()
        return answer

    async def _exchange(self, request: _Request, max_wait: float) -> Answer:
        """Send a request, and read its answer.

        Raises:
            NotSent: if nothing was sent.
            Unanswered: if nothing usable came back, for whatever reason.
        """
        pool, credentials = self._pool, request.credentials
        try:
            transport = pool.open()
            built = httpx2.Request(
                request.method,
                f"{pool.settings.base_url}/{request.path}",
                params=request.query,
                json=request.body,
                headers=[*HEADERS, *([("x-api-key", credentials.key)] if credentials else [])],
                extensions={
                    "timeout": {
                        **dict.fromkeys(("read", "write", "pool"), max_wait),
                        "connect": min(CONNECT_TIMEOUT, max_wait * 0.9),
                    }
                },
            )
        except httpx2.InvalidURL as exc:
            raise NotSent(f"the request could not be formed ({exc})") from None
        try:
            with anyio.move_on_after(max_wait, shield=request.method == "POST"):
                response = await transport.handle_async_request(built)
                try:
                    return Answer(response.status_code, response.headers, await read_body(response))
                finally:
                    await response.aclose()
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError) as exc:
            proxy = proxy_for(pool.settings.base_url) if pool.networked else None
            raise connect_error(exc, pool.host, proxy) from None
        except (httpx2.UnsupportedProtocol, httpx2.LocalProtocolError) as exc:
            raise NotSent(f"the request could not be formed ({type(exc).__name__})") from None
        except httpx2.TimeoutException:
            pass
        except UnreadableBody as exc:
            raise request.lost(str(exc)) from None
        except httpx2.DecodingError:
            raise request.lost("the answer cannot be decompressed") from None
        except httpx2.TransportError:
            reason = "the connection was cut before the answer was there"
            raise request.lost(reason, connection_lost=True) from None
        except Exception as exc:
            if request.method != "POST":
                raise
            # Once a write was started, nothing that happens here says that it was not done.
            logger.exception(
                "%s /%s failed",
                request.method,
                request.template,
                extra={
                    "event": "rotor_request_crashed",
                    "method": request.method,
                    "path": f"/{request.template}",
                },
            )
            raise request.lost(f"the request failed with {type(exc).__name__}") from None
        raise request.lost(f"no answer within {max_wait:.2g} seconds")
