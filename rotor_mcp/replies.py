"""What an answer of Rotor means: a JSON object, or one of `errors.py`."""

import re
from collections.abc import Iterator
from typing import Any, NoReturn

import httpx2

from rotor_mcp.errors import (
    InvalidLead,
    MissingScope,
    NotAuthorised,
    NotFound,
    QuotaExceeded,
    Refused,
    Unanswered,
)

MESSAGE_LIMIT = 300
"""Characters of Rotor's own words in an error. Bodies are never passed on whole."""


def read(
    response: httpx2.Response, lost: type[Unanswered], odd_key: str | None
) -> tuple[int, dict[str, Any]]:
    """Read the status and the JSON object of an answer.

    Args:
        response: the answer.
        lost: the error for an answer that says nothing of what was done.
        odd_key: what is odd about the form of the key that was sent.

    Raises:
        RotorError: what the answer means, if it is not that all went well.
    """
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
    except (ValueError, RecursionError):  # the second: nested too deeply
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
