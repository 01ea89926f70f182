"""Parses incoming JSON-RPC messages leniently, or refuses them with a reason.

A byte order mark and an unpaired surrogate in a string are repaired. Other invalid input is refused with
-32700 (parse error) or -32600 (invalid request), and the id that it has.
"""

import json
import math
import re
from dataclasses import dataclass
from typing import Any

from mcp.shared.message import SessionMessage
from mcp.types import (
    INVALID_REQUEST,
    PARSE_ERROR,
    ErrorData,
    JSONRPCError,
    JSONRPCNotification,
    jsonrpc_message_adapter,
)
from pydantic import ValidationError

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')


class _RefusedRequest(JSONRPCError, defer_build=True):
    """An error response with the id that was sent, even a fraction, because the client waits for that id."""

    id: Any


@dataclass(frozen=True)
class Refusal:
    """Why a message is refused."""

    code: int
    reason: str
    id: int | float | str | None = None
    """Of the message, as far as it could be parsed."""
    answer: bool = True
    """Whether a response is due: not to a notification or a response."""

    @property
    def message(self) -> SessionMessage:
        """The error response."""
        kind = "Parse error" if self.code == PARSE_ERROR else "Invalid request"
        error = ErrorData(code=self.code, message=f"{kind}: {self.reason}")
        return SessionMessage(_RefusedRequest(jsonrpc="2.0", id=self.id, error=error))


@dataclass(frozen=True)
class Read:
    """A valid message."""

    message: SessionMessage
    text: bytes
    """The message as repaired JSON."""


def parse(data: bytes) -> Read | Refusal | None:
    """Parse a message; None if it is blank. An unpaired surrogate in a string is replaced by U+FFFD."""
    text = data.strip()
    while text.startswith(_BYTE_ORDER_MARK):
        text = text.removeprefix(_BYTE_ORDER_MARK).lstrip()
    if not text:
        return None
    try:
        message = jsonrpc_message_adapter.validate_json(text, by_name=False)
    except ValidationError:
        return _parse_leniently(text)
    if isinstance(message, JSONRPCNotification) and "id" in json.loads(text):
        return Refusal(INVALID_REQUEST, "id must be a string or an integer", _id(json.loads(text)))
    return Read(SessionMessage(message), text)


def _parse_leniently(text: bytes) -> Read | Refusal:
    """Parse text that is not a valid message without repair."""
    decoded = text.decode(errors="replace")
    try:
        value = json.loads(decoded)
        # Decoding UTF-16 joins surrogate pairs, and replaces unpaired surrogates by U+FFFD.
        utf_16 = json.dumps(value, ensure_ascii=False).encode("utf-16", "surrogatepass")
        repaired = utf_16.decode("utf-16", "replace").encode()
    except RecursionError:
        return Refusal(INVALID_REQUEST, "it is nested too deeply", _id({"id": _outer_id(decoded)}))
    except ValueError:
        return Refusal(PARSE_ERROR, "it is not JSON")
    if decoded.encode() != text:
        return Refusal(PARSE_ERROR, "it is not UTF-8", _id(value), answer=_is_waited_for(value))
    try:
        return Read(SessionMessage(jsonrpc_message_adapter.validate_json(repaired, by_name=False)), repaired)
    except ValidationError:
        return Refusal(INVALID_REQUEST, _fault(value), _id(value), answer=_is_waited_for(value))


def _is_waited_for(value: Any) -> bool:
    """Whether the sender of an invalid message waits for a response."""
    if not isinstance(value, dict):
        return True
    if isinstance(value.get("method"), str):
        return "id" in value
    return not ("result" in value or "error" in value)


def _id(value: Any) -> int | float | str | None:
    found = value.get("id") if isinstance(value, dict) else None
    if isinstance(found, bool) or not isinstance(found, (int, float, str)):
        return None
    return None if isinstance(found, float) and not math.isfinite(found) else found


def _fault(value: Any) -> str:
    """Describe why a JSON value is not a valid message."""
    if isinstance(value, list):
        return "batches are not supported; send each message by itself"
    if not isinstance(value, dict):
        return "it is not an object"
    if value.get("jsonrpc") != "2.0":
        return 'jsonrpc must be "2.0"'
    if "id" in value and (isinstance(value["id"], bool) or not isinstance(value["id"], (int, str))):
        return "id must be a string or an integer"
    if "method" in value and not isinstance(value["method"], str):
        return "method must be a string"
    if not isinstance(value.get("params", {}), dict):
        return "params must be an object"
    if "method" in value:
        return "it is nested too deeply"
    return "it is neither a request nor a notification nor a response"


def _outer_id(text: str) -> Any:
    """Return the id of an object that is nested too deeply to be parsed."""
    depth, key, before = 0, "", ""
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token in ("{", "["):
            depth += 1
        elif token in ("}", "]"):
            depth -= 1
        elif depth == 1 and before == ":" and key == '"id"':
            try:
                return json.loads(token)
            except ValueError:
                return None
        elif depth == 1 and token not in (":", ","):
            key = token
        before = token
    return None
