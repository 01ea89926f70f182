"""A Rotor that answers whatever it likes, and what its answers prove."""

import gzip
import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx2
from hypothesis import strategies as st

from rotor_mcp.api.models import READ_NAMES
from tests.adversary.values import PATTERNS, text

LEAD_ID = "182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e"

texts = st.sampled_from(list(PATTERNS)).flatmap(
    lambda pattern: st.sampled_from([8, 40, 300, 3_000]).map(lambda length: text(pattern, length))
)
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | texts
    | st.sampled_from([LEAD_ID, "", "Jane Doe", "(612) 555-0142", "error", 10**400, "9999-12-31T23:59:59"])
)
names = st.sampled_from(
    [
        "id",
        "name",
        "phone",
        "email",
        "stage",
        "tags",
        "notes",
        "lead_source",
        "archived",
        "created_at",
        "follow_up_date",
        "projected_value",
        "location",
        "data",
        "pagination",
        "total",
        "has_more",
        "errors",
        "message",
        "status",
        "field",
        "assigned_to",
        "priority",
    ]
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=6),
    max_leaves=12,
)
statuses = st.sampled_from([200, 200, 200, 200, 201, 201, 204, 206, 302, 400, 401, 403, 404, 408, 409])
failures = st.sampled_from([413, 418, 422, 425, 429, 444, 499, 500, 502, 503, 504, 520])
headers = st.dictionaries(
    st.sampled_from(
        ["retry-after", "location", "content-type", "content-encoding", "x-api-key", "set-cookie"]
    ),
    st.sampled_from(
        ["", "0", "-1", "1e9", "gzip", "br", "text/html", "application/json", "http://127.0.0.1:1/"]
    ),
    max_size=2,
)
Body = dict[str, Any]
SHAPES: dict[str, Callable[[Body, Any], Any]] = {
    "stored": lambda stored, _: stored,
    "stored, as data": lambda stored, _: {"data": stored},
    "stored without an id": lambda stored, _: {name: stored[name] for name in stored if name != "id"},
    "stored under another id": lambda stored, _: stored | {"id": "00000000-0000-4000-8000-000000000000"},
    "stored for somebody else": lambda stored, _: stored | {"name": "Max", "phone": "612-555-0199"},
    "stored in part": lambda stored, _: dict(list(stored.items())[1:]),
    "stored, but called an error": lambda stored, drawn: {
        "status": "error",
        "message": drawn,
        "data": stored,
    },
    "list of what was stored": lambda stored, _: {"data": [stored], "pagination": {"has_more": False}},
    "list that never ends": lambda stored, drawn: {
        "data": [stored, drawn] * 5,
        "pagination": {"total": 10**9, "has_more": True},
    },
    "empty list that never ends": lambda _, drawn: {
        "data": [],
        "pagination": {"total": drawn, "has_more": True},
    },
    "list of too many": lambda stored, _: {"data": [stored] * 1_500, "pagination": {"has_more": True}},
    "list": lambda _, drawn: {"data": [drawn] * 3, "pagination": drawn},
    "drawn": lambda _, drawn: drawn,
}
"""What is answered in JSON, from the lead as the write sent it and a value that was drawn."""
RAW: dict[str, bytes] = {
    "no JSON": b"<html>\xff\xfe</html>",
    "cut JSON": b'{"data": [{"id": "' + LEAD_ID.encode() + b'", "name": ',
    "deep JSON": b'{"data":' + b"[" * 50_000,
    "many small values": b'{"data":[' + b"[]," * 1_000_000 + b"[]]}",
    "nothing": b"",
}
LOST = {"connection lost": httpx2.ReadError, "no connection": httpx2.ConnectError}


@dataclass(frozen=True)
class Reply:
    """How one request is answered."""

    shape: str
    status: int
    headers: dict[str, str]
    drawn: Any


replies = st.builds(Reply, st.sampled_from([*SHAPES, *RAW, *LOST]), statuses | failures, headers, values)


@dataclass
class Rotor:
    """Answers each request with the next of its replies, over and over."""

    reads: list[Reply]
    writes: list[Reply]
    requests: list[httpx2.Request] = field(default_factory=list)
    sent: list[Body] = field(default_factory=list)
    """Bodies of the writes."""
    told: list[Any] = field(default_factory=list)
    """What was answered since the first write, as JSON."""

    def transport(self) -> httpx2.AsyncBaseTransport:
        return httpx2.MockTransport(self._answer)

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        if request.method == "POST":
            reply = self.writes[len(self.sent) % len(self.writes)]
            self.sent.append(json.loads(request.content))
        else:
            reply = self.reads[(len(self.requests) - len(self.sent) - 1) % len(self.reads)]
        if reply.shape in LOST:
            raise LOST[reply.shape]("")
        body = self._body(reply)
        if self.sent and reply.status in (200, 201):
            with suppress(ValueError, RecursionError):
                self.told.append(json.loads(body))
        fields = {"content-type": "application/json", **reply.headers}
        if fields.get("content-encoding") == "gzip" and reply.shape != "no JSON":
            body = gzip.compress(body)
        return httpx2.Response(reply.status, headers=fields, stream=httpx2.ByteStream(body))

    def _body(self, reply: Reply) -> bytes:
        if reply.shape in RAW:
            return RAW[reply.shape]
        sent = self.sent[-1] if self.sent else {"name": "Jane Doe", "phone": "(612) 555-0142"}
        stored = {READ_NAMES.get(name, name): value for name, value in sent.items()} | {"id": LEAD_ID}
        return json.dumps(SHAPES[reply.shape](stored, reply.drawn)).encode()

    def proves(self) -> bool:
        """Whether some answer since the first write shows a lead with an id and all that a write sent."""
        return any(_shows(lead, sent) for sent in self.sent for told in self.told for lead in _leads(told))


def _leads(value: Any) -> Iterator[Body]:
    if isinstance(value, dict):
        yield value
        yield from _leads(value.get("data"))
    elif isinstance(value, list):
        for item in value:
            yield from _leads(item)


def _shows(lead: Body, sent: Body) -> bool:
    if not isinstance(lead.get("id"), str) or not lead["id"] or lead.get("status") == "error":
        return False
    for name, value in sent.items():
        if name not in lead and READ_NAMES.get(name) not in lead:
            return False
        if name in ("name", "phone", "email", "id") and _letters(lead.get(name)) != _letters(value):
            return False
    return True


def _letters(value: Any) -> str:
    letters = re.sub(r"[\W_]", "", str(value)).casefold()
    return letters[-10:] if letters.isdecimal() else letters
