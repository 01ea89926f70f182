"""Decides which failed requests are sent again, and after which delay."""

import random
from typing import Literal

from rotor_mcp.errors import LockLost, Misconfigured, NoKey, NotSent, RotorError, Throttled, Unanswered

MAX_RETRIES = 2
MAX_THROTTLED = 5
"""Retries after a 429 that says when to try again: other requests may be admitted first then."""

Method = Literal["GET", "POST"]


def retry_delay(method: Method, failure: RotorError, retries: int, remaining: float) -> float | None:
    """Return the seconds to wait before the next attempt, or None to give up.

    | failure                   | GET     | POST                               |
    |---------------------------|---------|------------------------------------|
    | not sent                  | again   | again: nothing can have been done  |
    | no key                    | give up | give up                            |
    | misconfigured             | give up | give up                            |
    | lock lost                 |         | give up: another server holds it   |
    | 5xx                       | again   | give up: it may have been done     |
    | connection lost           | again   | give up: it may have been done     |
    | no answer, or no JSON     | give up | give up: it may have been done     |
    | 429 with a time to wait   | again   | again: nothing was done            |
    | refused, other 429s too   | give up | give up                            |

    Args:
        method: of the request that failed.
        failure: what happened.
        retries: attempts after the first so far; at most `MAX_RETRIES` or `MAX_THROTTLED`.
        remaining: seconds until the call's deadline. No attempt starts that could not end before it.
    """
    match failure:
        case NoKey() | Misconfigured() | LockLost():
            return None
        case NotSent():
            pass
        case Throttled(retry_after=seconds):
            return _bounded(seconds * random.uniform(1, 1.25), retries, MAX_THROTTLED, remaining)  # noqa: S311
        case Unanswered(status=int(status)) if method == "GET" and status >= 500:
            pass
        case Unanswered(connection_lost=True) if method == "GET":
            pass  # most often a kept-alive connection that Rotor closed at that moment
        case _:
            return None
    delay = 0.3 * 2**retries * random.uniform(0.5, 1.5)  # noqa: S311 - it spreads load and keeps no secret
    return _bounded(delay, retries, MAX_RETRIES, remaining)


def _bounded(delay: float, retries: int, limit: int, remaining: float) -> float | None:
    return delay if retries < limit and delay + 1 <= remaining else None
