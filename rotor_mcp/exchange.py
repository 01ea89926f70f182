"""One exchange with Rotor: a request goes out, and a JSON object or one of `errors.py` comes back.

Here lives all that is about HTTP: headers, the deadline, which failures are tried again, and what each
failure means. Which requests there are is the matter of `client.py`.
"""

import logging
import math
import random
import re
from collections.abc import Callable, Iterator, Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Literal, NoReturn

import anyio
import httpx2

from rotor_mcp import __version__
from rotor_mcp.config import Settings
from rotor_mcp.errors import (
    InvalidLead,
    MissingScope,
    NoKey,
    NotAuthorised,
    NotFound,
    NotSent,
    OutcomeUnknown,
    QuotaExceeded,
    Refused,
    RotorError,
    TurnLost,
    Unanswered,
)
from rotor_mcp.obstacles import no_connection
from rotor_mcp.witness import Witness

API_VERSION = "1.1.0"
RETRIES = 2
CONNECT_TIMEOUT = 8.0
"""Seconds. Shorter than a call's deadline, so that a connection that never comes is known as "not sent"."""
SHARE_OF_A_WRITE = 2 / 3
"""Of the time that a call has left: the rest is kept for finding out what became of a lost reply."""
RESERVE = 1 / 5
"""Of the time of a call: a write of many is not begun any more when only this is left."""
MESSAGE_LIMIT = 300
"""Characters of Rotor's own words in an error. Bodies are never passed on whole."""

Method = Literal["GET", "POST"]

logger = logging.getLogger(__name__)


def retry_delay(method: Method, failure: RotorError, retries: int, remaining: float) -> float | None:
    """Decide what follows a failure: seconds to wait before the next try, or None to give up.

    | failure                   | GET     | POST                               |
    |---------------------------|---------|------------------------------------|
    | not sent                  | again   | again: nothing can have been done  |
    | no key                    | give up | give up                            |
    | turn lost                 |         | give up: somebody else has it      |
    | 5xx                       | again   | give up: it may have been done     |
    | no answer, or no JSON     | give up | give up: it may have been done     |
    | refused, 429 among them   | give up | give up                            |

    Args:
        method: of the request that failed.
        failure: what happened.
        retries: how often it was tried again already; twice is the most.
        remaining: seconds until the call's deadline. There is no retry that could not end before it.
    """
    match failure:
        case NoKey() | TurnLost():
            return None
        case NotSent():
            pass
        case Unanswered(status=int(status)) if method == "GET" and status >= 500:
            pass
        case _:
            return None
    delay = 0.3 * 2**retries * random.uniform(0.5, 1.5)  # noqa: S311 - it spreads load and keeps no secret
    return delay if retries < RETRIES and delay + 1 <= remaining else None


class Pool:
    """The connections to Rotor that all calls share. The first request opens them, which spares the start."""

    def __init__(
        self, settings: Settings, transport: Callable[[], httpx2.AsyncBaseTransport] | None = None
    ) -> None:
        self.settings = settings
        self.answered_at = -math.inf
        """When Rotor last answered anything, as `anyio.current_time` tells it."""
        self._origin = self
        self._transport = transport
        self._http: httpx2.AsyncClient | None = None

    def sibling(self, settings: Settings) -> "Pool":
        """The same connections with another key."""
        pool = Pool(settings)
        pool._origin = self._origin
        return pool

    @property
    def networked(self) -> bool:
        """Whether requests leave this process."""
        return self._origin._transport is None

    @property
    def http(self) -> httpx2.AsyncClient:
        """The HTTP client. It does not know the key: each request carries its own."""
        if self._origin is not self:
            return self._origin.http
        if self._http is None:
            self._http = httpx2.AsyncClient(
                base_url=self.settings.base_url + "/",
                headers={
                    "accept": "application/json",
                    "rotor-api-version": API_VERSION,
                    "user-agent": f"rotor-mcp/{__version__}",
                },
                follow_redirects=False,  # the key would go along to wherever the answer points
                trust_env=not self.settings.local,  # a proxy would carry the key off this machine in the open
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # one key's are not another's
                transport=self._transport() if self._transport else None,
            )
        return self._http

    def note_answer(self) -> None:
        """Rotor has answered."""
        self._origin.answered_at = anyio.current_time()

    async def aclose(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.aclose()
            self._http = None


class Exchange:
    """The exchanges of one tool call: they share its deadline, and their number is its cost."""

    def __init__(self, pool: Pool, witness: Witness | None = None) -> None:
        self._pool = pool
        self._witness = witness or Witness()
        self.resume(spent=0)

    def resume(self, spent: int) -> None:
        """Start the clock anew, with so many requests spent already."""
        self.requests = spent
        """Requests sent to Rotor, retries included: what the call cost of the daily quota."""
        self._deadline = anyio.current_time() + self._pool.settings.timeout

    async def send(
        self,
        method: Method,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
        anonymous: bool = False,
    ) -> tuple[int, dict[str, Any]]:
        """Send a request, again where that is safe, and return the status and the JSON object of the answer.

        A POST that was begun is brought to its end, or to the deadline, even if the call is cancelled:
        a write should not end in doubt because somebody pressed Stop.

        An anonymous request goes without the key.

        Raises:
            RotorError: one of them, as `errors.py` sorts them.
        """
        retries = 0
        while True:
            try:
                return await self._send_once(method, path, query, body, anonymous=anonymous)
            except RotorError as failure:
                delay = retry_delay(method, failure, retries, self.remaining)
                if delay is None:
                    raise
                logger.info("%s /%s: %s; again in %.1f s", method, path, failure, delay)
            retries += 1
            await anyio.sleep(delay)

    @property
    def remaining(self) -> float:
        """Seconds until the call's deadline."""
        return self._deadline - anyio.current_time()

    @property
    def running_out(self) -> bool:
        """Whether too little time is left to begin another write: it could end in doubt."""
        return self.remaining < RESERVE * self._pool.settings.timeout

    async def _send_once(
        self,
        method: Method,
        path: str,
        query: Mapping[str, str] | None,
        body: Mapping[str, object] | None,
        *,
        anonymous: bool,
    ) -> tuple[int, dict[str, Any]]:
        settings = self._pool.settings
        if settings.key is None and not anonymous:
            raise NoKey(settings.key_trouble or "")
        if method == "POST":
            await self._witness.before_write()
        patience = self.remaining * (SHARE_OF_A_WRITE if method == "POST" else 1)
        if patience <= 0:
            raise NotSent("the time for this call ran out before the request")
        lost = OutcomeUnknown if method == "POST" else Unanswered
        started = anyio.current_time()
        response: httpx2.Response | None = None
        try:
            with anyio.move_on_after(patience, shield=method == "POST"):
                response = await self._pool.http.request(
                    method,
                    path,
                    params=query,
                    json=body,
                    headers={"x-api-key": settings.key} if settings.key and not anonymous else None,
                    timeout=httpx2.Timeout(patience, connect=min(CONNECT_TIMEOUT, patience * 0.9)),
                )
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError) as exc:
            raise no_connection(exc, self._pool.http.base_url.host) from None
        except (httpx2.UnsupportedProtocol, httpx2.LocalProtocolError) as exc:
            raise NotSent(f"the request could not be formed ({type(exc).__name__})") from None
        except httpx2.TimeoutException:
            response = None
        except httpx2.TransportError:
            await self._count(anonymous=anonymous)
            raise lost("the connection was cut before the answer was there") from None
        await self._count(anonymous=anonymous)
        if response is None:
            raise lost(f"no answer within {patience:.2g} seconds")
        self._pool.note_answer()
        logger.info(
            "%s /%s: %d in %.0f ms",
            method,
            path,
            response.status_code,
            1e3 * (anyio.current_time() - started),
        )
        return _read(response, lost, settings.key_warning)

    async def _count(self, *, anonymous: bool) -> None:
        """A request went out."""
        self.requests += 1
        if not anonymous:
            await self._witness.spent()


def _read(
    response: httpx2.Response, lost: type[Unanswered], odd_key: str | None
) -> tuple[int, dict[str, Any]]:
    status = response.status_code
    answer = _json_object(response)
    if status >= 500:
        raise lost(f"Rotor answered {status}", status)
    if status >= 300:
        _refuse(status, answer or {}, odd_key)
    if answer is None:
        kind = response.headers.get("content-type", "").partition(";")[0].strip()
        raise lost(f"the answer is not Rotor's JSON ({kind or 'no content type'})", status)
    return status, answer


def _json_object(response: httpx2.Response) -> dict[str, Any] | None:
    try:
        answer = response.json()
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def _refuse(status: int, answer: dict[str, Any], odd_key: str | None) -> NoReturn:
    message = str(answer.get("message") or "")[:MESSAGE_LIMIT]
    reason = f"Rotor answered {status}"
    match status:
        case 400:
            raise InvalidLead(reason, status, message, list(_faults(answer)))
        case 401:
            raise NotAuthorised(reason, status, message, odd_key)
        case 403:
            scope = re.search(r"scope '([\w:.-]+)'", message)
            raise MissingScope(reason, status, message, scope[1] if scope else None)
        case 404:
            raise NotFound(reason, status, message)
        case 429:
            raise QuotaExceeded(reason, status, message)
        case _:
            raise Refused(reason, status, message)


def _faults(answer: dict[str, Any]) -> Iterator[tuple[str, str]]:
    faults = answer.get("errors")
    for fault in faults if isinstance(faults, list) else []:
        if isinstance(fault, dict):
            yield str(fault.get("field", "?"))[:MESSAGE_LIMIT], str(fault.get("message", ""))[:MESSAGE_LIMIT]
