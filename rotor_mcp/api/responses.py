"""Reads an answer of Rotor: a JSON object, or one of `rotor_mcp/errors.py`."""

import json
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn

from pydantic_core import from_json

from rotor_mcp.config import Credentials
from rotor_mcp.errors import (
    InvalidLead,
    MissingScope,
    NotAuthorised,
    NotFound,
    OutcomeUnknown,
    QuotaExceeded,
    Refused,
    Throttled,
    Unanswered,
)

MESSAGE_LIMIT = 300
"""Characters of Rotor's own words in an error. A body is never passed on whole."""
MAX_JSON_SIGNS = 300_000
"""Commas, colons and opening brackets of an answer. A thousand leads with long notes have 150,000; many small
values take far longer to read than few long ones."""
_DAY = re.compile(r"\b(daily|day)\b", re.IGNORECASE)
"""Words of a 429 that is about the requests of the day."""
_JSON_SIGNS = b",:[{"
MAX_INT_DIGITS = 300
_UNDECIDED = frozenset({408, 425, 444, 460, 499})
"""Statuses of a request that was given up: they do not say that a write was refused."""
MAX_RETRY_AFTER = 120
"""Seconds. A 429 that says to wait longer is about the day's requests."""
MAX_FAULTS = 20
"""Faults of one write that are told."""


@dataclass(frozen=True)
class Answer:
    """An answer with its raw body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class JsonAnswer:
    """An answer that is a JSON object."""

    status: int
    content: dict[str, Any]
    size: int
    """Bytes of the body."""


def read(
    answer: Answer,
    lost: type[Unanswered],
    credentials: Credentials | None,
    redact: Callable[[str], str],
    parse: Callable[[bytes], object] = from_json,
) -> JsonAnswer:
    """Read the JSON object of an answer. `parse` reads that of a success; a ValueError means that it cannot.

    Raises:
        RotorError: the error that the answer stands for.
    """
    status = answer.status
    if status >= 500 or (lost is OutcomeUnknown and (300 <= status < 400 or status in _UNDECIDED)):
        raise lost(f"Rotor answered {status}", status)
    said: object = None
    body = answer.body
    if len(body) - len(body.translate(None, _JSON_SIGNS)) <= MAX_JSON_SIGNS:
        text = body.removeprefix(BOM_UTF8)
        try:
            said = parse(text) if status < 300 else from_json(text)
        except ValueError:
            # pydantic's parser is strict: half of a character, or deep nesting, is an error.
            with suppress(ValueError, RecursionError):
                said = json.loads(text.decode(), parse_int=_read_int)
    if status >= 300:
        wait = retry_after(answer.headers)
        _refuse(status, said if isinstance(said, dict) else {}, wait, credentials, redact)
    if not isinstance(said, dict):
        kind = answer.headers.get("content-type", "").partition(";")[0].strip()[:MESSAGE_LIMIT]
        raise lost(f"the answer is not Rotor's JSON ({kind or 'no content type'})", status)
    if said.get("status") == "error":
        raise lost(f"Rotor answered {status}, but calls it an error", status)
    return JsonAnswer(status, said, len(body))


def _read_int(digits: str) -> float:
    """Parse an integer. One with many digits would take long, and is parsed as a float."""
    return int(digits) if len(digits) <= MAX_INT_DIGITS else float(digits)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that an answer says to wait; None if it does not say.

    RFC 9110 has seconds and dates; some servers write fractions. A date is compared with that of the answer.
    """
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", value):
        return float(value)
    until, now = _http_date(value), _http_date(headers.get("date", "")) or datetime.now(UTC)
    return max((until - now).total_seconds(), 0) if until else None


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _refuse(
    status: int,
    said: dict[str, Any],
    wait: float | None,
    credentials: Credentials | None,
    redact: Callable[[str], str],
) -> NoReturn:
    words = said.get("message") or said.get("error")
    # Secrets are removed first: of one that is cut, a part would be left.
    message = redact(words if isinstance(words, str) else "")[:MESSAGE_LIMIT]
    reason = f"Rotor answered {status}"
    match status:
        case 400 | 422:
            raise InvalidLead(reason, status, message, list(_faults(said, redact)))
        case 401:
            raise NotAuthorised(reason, status, message, credentials.warning if credentials else None)
        case 403:
            scope = re.search(r"scope '([\w:.-]{1,100})'", message)
            raise MissingScope(reason, status, message, scope[1] if scope else None)
        case 404:
            raise NotFound(reason, status, message)
        case 429 if wait is not None and wait <= MAX_RETRY_AFTER and not _DAY.search(message):
            raise Throttled(reason, status, message, wait)
        case 429:
            raise QuotaExceeded(reason, status, message)
        case _:
            raise Refused(reason, status, message)


def _faults(said: dict[str, Any], redact: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    faults = said.get("errors")
    for fault in faults[:MAX_FAULTS] if isinstance(faults, list) else []:
        if isinstance(fault, dict):
            field, message = (str(fault.get(name, "?")) for name in ("field", "message"))
            yield redact(field)[:MESSAGE_LIMIT], redact(message)[:MESSAGE_LIMIT]
