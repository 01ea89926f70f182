"""One exchange with Rotor: a request goes out, and a JSON object or one of `errors.py` comes back.

Here lives all that is about HTTP: headers, the deadline, which failures are tried again. What an answer means
is the matter of `replies.py`, which requests there are that of `client.py`.
"""

import logging
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from time import perf_counter
from typing import Any, Literal
from urllib.parse import quote, urlsplit

import anyio
import httpx2

from rotor_mcp import __version__
from rotor_mcp.api.connection_errors import connect_error
from rotor_mcp.api.hooks import ApiHooks
from rotor_mcp.api.responses import Answer, read
from rotor_mcp.config import Credentials, Settings
from rotor_mcp.errors import (
    LockLost,
    Misconfigured,
    NoKey,
    NotSent,
    OutcomeUnknown,
    RotorError,
    Unanswered,
)
from rotor_mcp.events import EventListener, RequestEvent
from rotor_mcp.http_client import open_client, proxy_for
from rotor_mcp.response_body import UnreadableBody, read_body

API_VERSION = "1.1.0"
MAX_RETRIES = 2
CONNECT_TIMEOUT = 8.0
"""Seconds. Shorter than a call's deadline, so that a connection that never comes is known as "not sent"."""
WRITE_TIME_SHARE = 2 / 3
"""Of the time that a call has left: the rest is kept for finding out what became of a lost reply."""
MIN_TIME_SHARE_FOR_WRITE = 1 / 5
"""Of the time of a call: a write of many is not begun any more when only this is left."""

Method = Literal["GET", "POST"]

logger = logging.getLogger(__name__)


def retry_delay(method: Method, failure: RotorError, retries: int, remaining: float) -> float | None:
    """Decide what follows a failure: seconds to wait before the next try, or None to give up.

    | failure                   | GET     | POST                               |
    |---------------------------|---------|------------------------------------|
    | not sent                  | again   | again: nothing can have been done  |
    | no key                    | give up | give up                            |
    | misconfigured             | give up | give up                            |
    | turn lost                 |         | give up: somebody else has it      |
    | 5xx                       | again   | give up: it may have been done     |
    | connection lost           | again   | give up: it may have been done     |
    | no answer, or no JSON     | give up | give up: it may have been done     |
    | refused, 429 among them   | give up | give up                            |

    Args:
        method: of the request that failed.
        failure: what happened.
        retries: how often it was tried again already; twice is the most.
        remaining: seconds until the call's deadline. There is no retry that could not end before it.
    """
    match failure:
        case NoKey() | Misconfigured() | LockLost():
            return None
        case NotSent():
            pass
        case Unanswered(status=int(status)) if method == "GET" and status >= 500:
            pass
        case Unanswered(connection_lost=True) if method == "GET":
            pass  # most often a kept-alive connection that Rotor closed just then
        case _:
            return None
    delay = 0.3 * 2**retries * random.uniform(0.5, 1.5)  # noqa: S311 - it spreads load and keeps no secret
    return delay if retries < MAX_RETRIES and delay + 1 <= remaining else None


class ConnectionPool:
    """The connections to Rotor that all calls share. The first request opens them, which spares the start."""

    def __init__(
        self,
        settings: Settings,
        transport: Callable[[], httpx2.AsyncBaseTransport] | None = None,
        listeners: Sequence[EventListener] = (),
    ) -> None:
        self.settings = settings
        self.credentials = settings.credentials
        self.accepted = False
        """Whether Rotor has accepted the key of this pool."""
        self.listeners = listeners
        self.answered_at = -math.inf
        """When Rotor last answered anything, as `anyio.current_time` tells it."""
        self._origin = self
        self._transport = transport
        self._http: httpx2.AsyncClient | None = None

    def with_credentials(self, credentials: Credentials | None) -> "ConnectionPool":
        """The same connections with another key."""
        pool = ConnectionPool(self.settings, listeners=self.listeners)
        pool.credentials = credentials
        pool._origin = self._origin
        return pool

    @property
    def networked(self) -> bool:
        """Whether requests leave this process."""
        return self._origin._transport is None

    @property
    def host(self) -> str:
        """The host of Rotor's API."""
        return urlsplit(self.settings.base_url).hostname or ""

    @property
    def http(self) -> httpx2.AsyncClient:
        """The HTTP client. It does not know the key: each request carries its own.

        Raises:
            Misconfigured: if this machine names a proxy or certificates that cannot be used.
        """
        if self._origin is not self:
            return self._origin.http
        if self._http is None:
            self._http = open_client(
                self.settings.base_url,
                headers={
                    "accept": "application/json",
                    "accept-encoding": "gzip, deflate",  # what `bodies.py` unpacks
                    "rotor-api-version": API_VERSION,
                    "user-agent": f"rotor-mcp/{__version__}",
                },
                follow_redirects=False,  # the key would go along to wherever the answer points
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # one key's are not another's
                transport=self._transport() if self._transport else None,
            )
        return self._http

    @property
    def key_warning(self) -> str | None:
        """What is odd about the key, if it is the one of the settings."""
        return self.settings.key_warning if self.credentials == self.settings.credentials else None

    def redact(self, text: str) -> str:
        """Take the key of this pool out of a text, and the secrets of the settings."""
        text = self.settings.redact(text)
        return self.credentials.redact(text) if self.credentials else text

    def note_answer(self, status: int) -> None:
        """Note that Rotor has answered. A success shows that it accepts the key.

        Refusals show nothing: a proxy or a limit before Rotor can answer 403 and 429 to any key.
        """
        self._origin.answered_at = anyio.current_time()
        self.accepted = self.accepted or 200 <= status < 300

    async def aclose(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.aclose()
            self._http = None


@dataclass(frozen=True)
class _Request:
    method: Method
    template: str
    path: str
    query: Mapping[str, str] | None
    body: Mapping[str, object] | None
    anonymous: bool
    """Goes without the key."""

    @property
    def writes(self) -> bool:
        return self.method == "POST"

    @property
    def lost(self) -> type[Unanswered]:
        """What has happened if no answer comes that can be used."""
        return OutcomeUnknown if self.writes else Unanswered


class ApiSession:
    """The exchanges of one tool call: they share its deadline, and their number is its cost."""

    def __init__(self, pool: ConnectionPool, witness: ApiHooks | None = None) -> None:
        self._pool = pool
        self._witness = witness or ApiHooks()
        self.resume(spent=0)

    def resume(self, spent: int) -> None:
        """Start the clock anew, with so many requests spent already."""
        self.requests = spent
        """Requests sent to Rotor, retries included: what the call cost of the daily quota."""
        self._deadline = anyio.current_time() + self._pool.settings.timeout

    async def send(
        self,
        method: Method,
        template: str,
        *,
        lead_id: str = "",
        query: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
        anonymous: bool = False,
    ) -> tuple[int, dict[str, Any]]:
        """Send a request, again where that is safe, and return the status and the JSON object of the answer.

        A POST that was begun is brought to its end, or to the deadline, even if the call is cancelled:
        a write should not end in doubt because somebody pressed Stop.

        Args:
            method: of the request.
            template: the path, with `{id}` in the place of an id.
            lead_id: what stands in that place.
            query: of the request.
            body: of the request.
            anonymous: whether to send no key.

        Raises:
            RotorError: one of them, as `errors.py` sorts them.
        """
        request = _Request(
            method, template, template.replace("{id}", quote(lead_id, safe="")), query, body, anonymous
        )
        retries = 0
        while True:
            try:
                return await self._send_once(request)
            except RotorError as failure:
                delay = retry_delay(method, failure, retries, self.remaining)
                if delay is None:
                    raise
                logger.info("%s /%s: %s; again in %.1f s", method, request.path, failure, delay)
            retries += 1
            await anyio.sleep(delay)

    @property
    def remaining(self) -> float:
        """Seconds until the call's deadline."""
        return self._deadline - anyio.current_time()

    @property
    def running_out(self) -> bool:
        """Whether too little time is left to begin another write: it could end in doubt."""
        return self.remaining < MIN_TIME_SHARE_FOR_WRITE * self._pool.settings.timeout

    async def _send_once(self, request: _Request) -> tuple[int, dict[str, Any]]:
        settings = self._pool.settings
        if self._pool.credentials is None and not request.anonymous:
            raise NoKey(settings.key_trouble or "")
        if request.writes:
            await self._witness.before_write()
        patience = self.remaining * (WRITE_TIME_SHARE if request.writes else 1)
        if patience <= 0:
            raise NotSent("the time for this call ran out before the request")
        try:
            answer = await self._report(request, patience)
        except (Unanswered, anyio.get_cancelled_exc_class()):
            # Rotor does not know that nobody waits any more.
            with anyio.CancelScope(shield=True):
                await self._count(request)
            raise
        await self._count(request)
        self._pool.note_answer(answer.status)
        return read(answer, request.lost, self._pool)

    async def _report(self, request: _Request, patience: float) -> Answer:
        """Carry a request, and tell whoever observes how it ended."""
        started = perf_counter()
        status, failure, sent = None, None, True
        try:
            answer = await self._transmit(request, patience)
            status = answer.status
        except BaseException as exc:  # to be cancelled is an end as well
            failure, sent = type(exc).__name__, not isinstance(exc, NotSent)
            raise
        finally:
            seconds = perf_counter() - started
            asked = RequestEvent(
                request.method, self._pool.host, f"/{request.template}", seconds, status, failure, sent
            )
            for listener in self._pool.listeners:
                listener.asked(asked)
        logger.info("%s /%s: %d in %.0f ms", request.method, request.path, status, 1e3 * seconds)
        return answer

    async def _transmit(self, request: _Request, patience: float) -> Answer:
        """Let a request go out, and wait for what comes back.

        Raises:
            NotSent: if nothing went out.
            Unanswered: if nothing came back that can be used, for whatever reason.
        """
        try:
            formed = self._build_request(request, patience)
        except httpx2.InvalidURL as exc:
            raise NotSent(f"the request could not be formed ({exc})") from None
        try:
            with anyio.move_on_after(patience, shield=request.writes):
                response = await self._pool.http.send(formed, stream=True)
                try:
                    return Answer(response.status_code, response.headers, await read_body(response))
                finally:
                    await response.aclose()
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError) as exc:
            proxy = proxy_for(self._pool.settings.base_url) if self._pool.networked else None
            raise connect_error(exc, self._pool.host, proxy) from None
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
            if not request.writes:
                raise
            # Once a write was begun, nothing that happens here says that it was not done.
            logger.exception("%s /%s failed", request.method, request.template)
            raise request.lost(f"the request failed with {type(exc).__name__}") from None
        raise request.lost(f"no answer within {patience:.2g} seconds")

    def _build_request(self, request: _Request, patience: float) -> httpx2.Request:
        """Form a request. The client could do that as well, but it would put the address together anew."""
        http, credentials = self._pool.http, None if request.anonymous else self._pool.credentials
        phases = {"read": patience, "write": patience, "pool": patience}
        return httpx2.Request(
            request.method,
            f"{self._pool.settings.base_url}/{request.path}",
            params=request.query,
            json=request.body,
            headers=[*http.headers.items(), *([("x-api-key", credentials.key)] if credentials else [])],
            extensions={"timeout": {**phases, "connect": min(CONNECT_TIMEOUT, patience * 0.9)}},
        )

    async def _count(self, request: _Request) -> None:
        """A request went out."""
        self.requests += 1
        if not request.anonymous:
            await self._witness.spent()
