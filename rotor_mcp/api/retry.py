"""Decides which failed requests are sent again, and after which delay."""

import random
from typing import Literal

from rotor_mcp.errors import LockLost, Misconfigured, NoKey, NotSent, RotorError, Unanswered

MAX_RETRIES = 2

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
    | refused, 429 among them   | give up | give up                            |

    Args:
        method: of the request that failed.
        failure: what happened.
        retries: attempts after the first so far; at most `MAX_RETRIES`.
        remaining: seconds until the call's deadline. No attempt starts that could not end before it.
    """
    match failure:
        case NoKey() | Misconfigured() | LockLost():
            return None
        case NotSent():
            pass
        case Unanswered(status=int(status)) if method == "GET" and status >= 500:
            pass
        case Unanswered(connection_lost=True) if method == "GET":
            pass  # most often a kept-alive connection that Rotor closed at that moment
        case _:
            return None
    delay = 0.3 * 2**retries * random.uniform(0.5, 1.5)  # noqa: S311 - it spreads load and keeps no secret
    return delay if retries < MAX_RETRIES and delay + 1 <= remaining else None
