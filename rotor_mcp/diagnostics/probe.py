"""Finds out how a real Rotor behaves where its reference is silent: the answers to `behavior.QUESTIONS`.

It reads, and writes only leads that it has created, under a name and contacts that nobody has. It stops
when an answer is not one that it expects. An answer is reported only if a response of Rotor has shown it.
"""

import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import anyio
import httpx2

from rotor_mcp.api.models import PAGE_LIMIT, READ_NAMES
from rotor_mcp.api.pool import HEADERS
from rotor_mcp.api.responses import retry_after
from rotor_mcp.behavior import ANSWERS
from rotor_mcp.leads.phones import digits_of

MAX_REQUESTS = 40
MAX_LEADS = 4
"""Leads that may be created: one, and others where Rotor does not recognise it."""
TAG = "rotor-mcp-probe"
"""The tag of every lead that is created."""
BURST = 11
"""Requests that are sent at once to see whether there is a limit."""
MAX_WAIT_SECONDS = 10.0
"""Seconds to wait at most where Rotor says that there were too many requests."""
READS_TO_WAIT = 3
"""Reads until a write is expected to be shown."""

_LETTERS = "bcdfghjkmnpqrstvwxz"
_VERSION_HEADER = "rotor-api-version"
_TRIED_DATE = "2031-05-06T15:00:00Z"
_TRIED_DAY = "2031-05-07"
_LATER = "an earlier step was not possible"


class ProbeStopped(Exception):
    """An answer was not one that was expected, so nothing further is sent. The text says which."""


@dataclass(frozen=True)
class ProbeAnswer:
    """An answer of Rotor."""

    status: int
    body: dict[str, Any] | None
    """None if it is no JSON object."""

    @property
    def lead(self) -> dict[str, Any]:
        """The lead in the answer; empty if there is none."""
        body = self.body or {}
        return body["data"] if isinstance(body.get("data"), dict) else body

    @property
    def leads(self) -> list[dict[str, Any]]:
        """The leads of a list."""
        data = (self.body or {}).get("data")
        return [lead for lead in data if isinstance(lead, dict)] if isinstance(data, list) else []


@dataclass
class Report:
    """What was found out. It holds nobody's data."""

    seen: dict[str, str] = field(default_factory=dict)
    """Question → the answer that Rotor gave."""
    not_seen: dict[str, str] = field(default_factory=dict)
    """Question → why it has no answer."""
    requests: int = 0
    leads_created: int = 0
    stopped: str | None = None
    """Why the probe ended early, if it did."""


class _Account:
    """Sends requests with the key, and counts them."""

    def __init__(self, http: httpx2.AsyncClient, report: Report) -> None:
        self._http = http
        self._report = report

    async def send(
        self,
        method: str,
        path: str,
        *,
        version: bool = True,
        allow: frozenset[int] = frozenset(),
        **given: Any,
    ) -> ProbeAnswer:
        """Send a request, once more after a 429 that says when.

        Raises:
            ProbeStopped: if the answer is neither a success nor a status in `allow`, or there is none.
        """
        answer, wait = await self.send_once(method, path, version=version, **given)
        if answer.status == 429 and wait is not None:
            await anyio.sleep(min(wait, MAX_WAIT_SECONDS))
            answer, _ = await self.send_once(method, path, version=version, **given)
        if answer.status >= 300 and answer.status not in allow:
            raise ProbeStopped(f"{method} /{path.partition('/')[0]} was answered {answer.status}")
        return answer

    async def send_once(
        self, method: str, path: str, *, version: bool = True, **given: Any
    ) -> tuple[ProbeAnswer, float | None]:
        """Send a request. Returns the answer, and the seconds that it says to wait."""
        if self._report.requests >= MAX_REQUESTS:
            raise ProbeStopped(f"{MAX_REQUESTS} requests were sent")
        self._report.requests += 1
        request = self._http.build_request(method, path, **given)
        if not version:
            del request.headers[_VERSION_HEADER]
        try:
            response = await self._http.send(request)
        except httpx2.HTTPError as exc:
            raise ProbeStopped(
                f"{method} /{path.partition('/')[0]} got no answer ({type(exc).__name__})"
            ) from None
        body: Any = None
        with suppress(ValueError):
            body = response.json()
        answer = ProbeAnswer(response.status_code, body if isinstance(body, dict) else None)
        return answer, retry_after(response.headers)


INVALID = frozenset({400, 422})


@dataclass
class Probe:
    """One run. Each step answers some questions, and later steps use what earlier ones have shown."""

    http: httpx2.AsyncClient
    """Has the base URL of Rotor, and the key among its headers."""
    max_leads: int = MAX_LEADS
    """Leads that may be created; 0 to read only."""
    report: Report = field(default_factory=Report)
    _known: list[dict[str, Any]] = field(default_factory=list)
    """Leads that Rotor listed."""
    _mine: list[str] = field(default_factory=list)
    """Ids of the leads that were created."""
    _word: str = field(default_factory=lambda: "".join(secrets.choice(_LETTERS) for _ in range(10)))
    """A word that nobody has in a name. It has no digits, which a search could find in a phone."""
    _phone: str = ""

    def __post_init__(self) -> None:
        self._rotor = _Account(self.http, self.report)

    async def run(self) -> Report:
        """Ask Rotor, and return what was found out. It does not raise: the report says why it ended early."""
        try:
            for step in self._steps():
                await step()
        except ProbeStopped as exc:
            self.report.stopped = str(exc)
        except Exception as exc:  # whatever Rotor answers, what was seen is told
            self.report.stopped = f"an answer has a form that is not known ({type(exc).__name__})"
        for name in ANSWERS:
            if name not in self.report.seen:
                self.report.not_seen.setdefault(name, self.report.stopped or _LATER)
        return self.report

    def _steps(self) -> list[Callable[[], Awaitable[None]]]:
        reading = [self._ask_access, self._ask_version, self._ask_errors, self._list, self._ask_searches]
        if not self.max_leads:
            for name in sorted(_BY_WRITING):
                self.report.not_seen[name] = "only a write shows it"
            return [*reading, self._ask_burst]
        writing = [
            self._create,
            self._ask_delay,
            self._ask_notes,
            self._ask_omitted,
            self._ask_blank,
            self._ask_stage,
            self._ask_tags,
            self._ask_day,
            self._ask_own_searches,
            self._ask_matching,
            self._ask_unknown_id,
        ]
        return [*reading, *writing, self._ask_burst]

    def _saw(self, name: str, answer: str) -> None:
        if answer not in ANSWERS[name]:
            raise ValueError(f"{name} has no answer {answer}")
        self.report.seen[name] = answer
        self.report.not_seen.pop(name, None)

    def _missed(self, name: str, why: str) -> None:
        if name not in self.report.seen:
            self.report.not_seen[name] = why

    # Reading

    async def _ask_access(self) -> None:
        answer = await self._rotor.send("GET", "auth/test", allow=frozenset({403, 404}))
        self._saw("auth_test", {404: "missing", 403: "forbidden"}.get(answer.status, "any_key"))

    async def _ask_version(self) -> None:
        answer = await self._rotor.send("GET", "leads", version=False, params={"limit": 1}, allow=INVALID)
        self._saw("version_header", "required" if answer.status in INVALID else "optional")

    async def _ask_errors(self) -> None:
        answer = await self._rotor.send("GET", "leads", params={"page": 0}, allow=INVALID)
        for name in ("error_body", "invalid_status"):
            self._missed(name, "no request was refused")
        self._see_refusal(answer)

    def _see_refusal(self, answer: ProbeAnswer) -> None:
        if answer.status not in INVALID:
            return
        self._saw("invalid_status", str(answer.status))
        match answer.body:
            case None:
                self._saw("error_body", "html")
            case {"status": "error", "message": str()}:
                self._saw("error_body", "documented")
            case {"message": str()}:
                self._saw("error_body", "no_status")
            case {"error": str()}:
                self._saw("error_body", "error_field")
            case _:
                self._missed("error_body", "it is none of those that are known")

    async def _list(self) -> None:
        beyond = await self._rotor.send("GET", "leads", params={"limit": PAGE_LIMIT + 1}, allow=INVALID)
        listed = beyond
        if beyond.status in INVALID:
            listed = await self._rotor.send("GET", "leads", params={"limit": PAGE_LIMIT})
        self._known = listed.leads
        pagination = (listed.body or {}).get("pagination")
        if not isinstance(pagination, dict):
            self._saw("pagination", "missing")
        elif "total" not in pagination:
            self._saw("pagination", "without_total")
        else:
            self._saw("pagination", "total_as_text" if isinstance(pagination["total"], str) else "full")
        self._see_page_cap(pagination)
        self._see_forms(self._known)
        self._see_order()

    def _see_page_cap(self, pagination: Any) -> None:
        said = pagination if isinstance(pagination, dict) else {}
        limit = str(said.get("limit"))
        if (
            limit in ANSWERS["page_cap"] and (limit != str(PAGE_LIMIT) or len(self._known) == PAGE_LIMIT)
        ) or (limit == str(PAGE_LIMIT) and said.get("has_more") is False):
            self._saw("page_cap", limit)
        else:
            self._missed("page_cap", "there are too few leads to fill a page")

    def _see_forms(self, leads: list[dict[str, Any]]) -> None:
        for lead in leads:
            amount = lead.get("projected_value")
            if amount is not None:
                self._saw("numbers", "texts" if isinstance(amount, str) else "numbers")
            if (lead_id := str(lead.get("id", ""))).lower() != lead_id.upper():
                self._saw("id_case", "upper" if lead_id == lead_id.upper() else "lower")
            if isinstance(due := lead.get("follow_up_date"), str):
                self._see_due(due)

    def _see_due(self, due: str) -> None:
        forms = {
            "date": r"[\d-]{10}",
            "microseconds": r".{19}\.\d{6}(Z|\+00:00)",
            "offset": r".{19}(\.\d+)?\+00:00",
            "z": r".{19}(\.\d+)?Z",
        }
        form = next((form for form, pattern in forms.items() if re.fullmatch(pattern, due)), None)
        earlier = self.report.seen.get("follow_up_output")
        # A stored time may have a fraction of its own: six digits in one answer are no proof for all.
        if form is not None and (earlier in (None, "microseconds") or form == "date"):
            self._saw("follow_up_output", form)

    def _see_order(self) -> None:
        times = [str(lead.get("created_at") or "")[:19] for lead in self._known]
        if any(later < earlier for later, earlier in pairwise(times)):
            self._saw("created_at", "unordered")
        else:
            self._missed("created_at", "only a new lead among others shows it")

    async def _ask_searches(self) -> None:
        """Search for a part of a lead that is there."""
        for lead in self._known:
            word = next(iter(re.findall(r"[A-Za-z]{6,}", str(lead.get("name") or ""))), None)
            if word is None or self._count(word[2:].casefold()) > 100:
                continue
            found = await self._search(word[2:])
            if any(other.get("id") == lead["id"] for other in found):
                self._saw("search", "substring")
            else:
                self._saw("search", "word_beginnings")
            break
        else:
            self._missed("search", "no lead has a long name")
        stages = (str(lead.get("stage") or "") for lead in self._known)
        stage = next((text for text in stages if text != text.swapcase()), None)
        if stage is None:
            self._missed("stage_case", "no lead has a stage")
        else:
            answer = await self._rotor.send("GET", "leads", params={"stage": stage.swapcase(), "limit": 1})
            self._saw("stage_case", "ignoring_case" if answer.leads else "exact")

    def _count(self, text: str) -> int:
        return sum(text in str(lead.get("name") or "").casefold() for lead in self._known)

    async def _search(self, text: str) -> list[dict[str, Any]]:
        params = {"search": text, "limit": min(PAGE_LIMIT, self._page_size)}
        return (await self._rotor.send("GET", "leads", params=params)).leads

    @property
    def _page_size(self) -> int:
        return int(self.report.seen.get("page_cap", "100"))

    async def _ask_burst(self) -> None:
        """Send requests at once, as many as are left up to `BURST`."""
        if self.report.seen.get("burst_limit"):
            return
        if self.report.requests + BURST > MAX_REQUESTS:
            self._missed("burst_limit", "too few requests are left")
            return
        statuses: list[tuple[int, float | None]] = []

        async def ask() -> None:
            answer, wait = await self._rotor.send_once("GET", "leads", params={"limit": 1})
            statuses.append((answer.status, wait))

        try:
            async with anyio.create_task_group() as group:
                for _ in range(BURST):
                    group.start_soon(ask)
        except* ProbeStopped as exc:
            raise ProbeStopped(str(exc.exceptions[0])) from None
        if any(status == 429 and wait is not None for status, wait in statuses):
            self._saw("burst_limit", "per_second")
        elif all(status == 200 for status, _ in statuses):
            self._saw("burst_limit", "none")
        else:
            self._missed("burst_limit", "some of the requests failed otherwise")

    # Writing

    async def _write(self, body: Mapping[str, Any], allow: frozenset[int] = INVALID) -> ProbeAnswer:
        """Write a lead of mine, and see that the reply is about one.

        Raises:
            ProbeStopped: if the reply shows a lead that was there before.
        """
        answer = await self._rotor.send("POST", "leads", json=body, allow=allow)
        self._see_refusal(answer)
        if answer.status < 300:
            shown = answer.lead
            if shown.get("id") in {lead.get("id") for lead in self._known} or self._word not in str(
                shown.get("name", self._word)
            ):
                raise ProbeStopped("a write was answered with a lead that was there before")
        return answer

    async def _create(self) -> None:
        self._phone = await self._free_phone()
        body = {
            "name": f"Probe {self._word} Zoë{self._word[:4]}",
            "phone": self._phone,
            "email": f"Probe.{self._word}@example.com",
            "notes": "Line one.",
            "tags": [TAG, f"p-{self._word}"],
            "service_type": "Probe",
            "projected_value": 300,
            "follow_up_date": _TRIED_DATE,
        }
        if stage := next((lead["stage"] for lead in self._known if lead.get("stage")), None):
            body["stage"] = stage
        answer = await self._write(body)
        if answer.status in INVALID:
            answer = await self._write(body | {"follow_up_date": _TRIED_DAY})
            if answer.status in INVALID:
                raise ProbeStopped("Rotor refused a new lead")
            self._saw("follow_up_input", "date")
        self.report.leads_created = 1
        self._saw("write_status", "by_outcome" if answer.status == 201 else "always_200")
        self._see_reply(answer)
        shown = answer.lead
        self._see_forms([shown])
        created = str(shown.get("created_at") or "")
        if (
            self.report.seen.get("created_at") != "unordered"
            and len({*self._created_times()}) > 1
            and created
        ):
            self._saw("created_at", "equal" if created[11:19] == "00:00:00" else "increasing")
        if lead_id := shown.get("id"):
            self._mine.append(str(lead_id).lower())
        self._body = {name: value for name, value in body.items() if name not in ("tags", "stage", "name")}
        if self.report.seen.get("follow_up_input") == "date":
            self._body["follow_up_date"] = _TRIED_DAY

    def _created_times(self) -> list[str]:
        return [str(lead.get("created_at") or "")[:19] for lead in self._known]

    async def _free_phone(self) -> str:
        """Return a number that is reserved for examples, and that no lead has.

        Raises:
            ProbeStopped: if none was found.
        """
        for _ in range(3):
            area, last = 200 + secrets.randbelow(700), f"01{secrets.randbelow(100):02}"
            leads = [*self._known, *await self._search(last)]
            if f"{area}555{last}" not in {digits_of(str(lead.get("phone") or ""))[-10:] for lead in leads}:
                return f"({area}) 555-{last}"
        raise ProbeStopped("leads have the numbers that are reserved for examples")

    def _see_reply(self, answer: ProbeAnswer) -> None:
        body, lead = answer.body or {}, answer.lead
        if isinstance(body.get("data"), dict):
            self._saw("write_reply", "wrapped")
        elif "id" not in lead:
            self._saw("write_reply", "without_id")
        else:
            self._saw("write_reply", "flat" if "tags" in lead else "without_tags")

    async def _ask_delay(self) -> None:
        """Read the new lead until it is shown: by its id, or else by its e-mail."""
        for number in range(READS_TO_WAIT + 1):
            found = await self._find()
            if found:
                self._saw("read_delay", "two_reads" if number else "none")
                self._mine = [str(found["id"]).lower()]
                self._see_forms([found])
                return
        raise ProbeStopped("the new lead cannot be read")

    async def _find(self) -> dict[str, Any] | None:
        if self._mine:
            answer = await self._rotor.send("GET", f"leads/{self._mine[0]}", allow=frozenset({404}))
            return answer.lead if answer.status == 200 else None
        found = await self._search(self._word)
        return next((lead for lead in found if self._word in str(lead.get("name"))), None)

    async def _update(self, **fields: Any) -> ProbeAnswer:
        """Update my first lead with its id; what is not given stays, also where Rotor empties it."""
        return await self._write({"id": self._mine[0], **self._body, **fields})

    async def _shown(self, answer: ProbeAnswer, name: str) -> Any:
        """Return a field after a write: as the reply shows it, or else a read."""
        for key in (name, READ_NAMES.get(name)):
            if key in answer.lead:
                return answer.lead[key]
        for _ in range(READS_TO_WAIT if self.report.seen.get("read_delay") == "two_reads" else 1):
            found = await self._rotor.send("GET", f"leads/{self._mine[0]}")
        return found.lead.get(name)

    async def _ask_notes(self) -> None:
        answer = await self._update(notes="Line two.")
        notes = str(await self._shown(answer, "notes") or "")
        if notes == "Line two.":
            self._saw("notes", "replaced")
        elif "Line one." in notes and "Line two." in notes:
            self._saw("notes", "appended")
        else:
            self._missed("notes", "they are neither the old nor the new ones")
        self._body["notes"] = "Line two."

    async def _ask_omitted(self) -> None:
        answer = await self._write({"id": self._mine[0], "priority": "low"})
        phone = await self._shown(answer, "phone")
        self._saw("omitted_fields", "kept" if phone else "blanked")
        if not phone:
            await self._update()

    async def _ask_blank(self) -> None:
        answer = await self._update(service_type="")
        if answer.status in INVALID:
            self._saw("blank_texts", "refused")
        elif await self._shown(answer, "service_type"):
            self._saw("blank_texts", "ignored")
        elif self.report.seen.get("omitted_fields") == "blanked":
            self._missed("blank_texts", "fields that are left out are emptied, too")
        else:
            self._saw("blank_texts", "kept")

    async def _ask_stage(self) -> None:
        unknown = f"Probe {self._word}"
        answer = await self._update(stage=unknown)
        if answer.status in INVALID:
            self._saw("unknown_stage", "refused")
        else:
            stage = await self._shown(answer, "stage")
            self._saw("unknown_stage", "kept" if stage == unknown else "first")

    async def _ask_tags(self) -> None:
        answer = await self._update(tags=[f"P-{self._word.upper()}"])
        tags = await self._shown(answer, "tags")
        of_mine = [tag for tag in tags or [] if str(tag).casefold() == f"p-{self._word}"]
        self._saw("tag_case", "exact" if len(of_mine) > 1 else "ignoring_case")

    async def _ask_day(self) -> None:
        if self.report.seen.get("follow_up_input") == "date":
            return
        answer = await self._update(follow_up_date=_TRIED_DAY)
        self._saw("follow_up_input", "date_time" if answer.status in INVALID else "any")

    async def _ask_own_searches(self) -> None:
        """Search for the lead that was created, which can be read by now."""
        digits = digits_of(self._phone)
        for name, text, yes, no in (
            ("search", self._word[3:], "substring", "word_beginnings"),
            ("search_phone", digits, "digits", "as_stored"),
            ("search_accents", f"zoe{self._word[:4]}", "ignored", "exact"),
        ):
            if name in self.report.seen:
                continue
            found = await self._search(text)
            self._saw(name, yes if any(self._is_first(lead) for lead in found) else no)

    def _is_first(self, lead: Mapping[str, Any]) -> bool:
        return str(lead.get("id", "")).lower() == self._mine[0]

    async def _ask_matching(self) -> None:
        """Write to the lead as somebody who spells its phone and e-mail otherwise. It may create others."""
        self._missed("archived_match", "leads cannot be archived here")
        if self.report.seen.get("write_reply") == "without_id":
            for name in ("phone_match", "email_match", "several_match"):
                self._missed(name, "the reply does not name the lead")
            return
        digits = digits_of(self._phone)
        if not await self._matches("phone", f"+1 {digits}", "phone_match"):
            if await self._matches("phone", digits, "phone_match"):
                self._saw("phone_match", "digits")
            elif "phone_match" not in self.report.not_seen:
                self._saw("phone_match", "literal")
        elif "phone_match" not in self.report.not_seen:
            self._saw("phone_match", "normalized")
        matched = await self._matches("email", f"PROBE.{self._word.upper()}@example.com", "email_match")
        if "email_match" not in self.report.not_seen:
            self._saw("email_match", "ignoring_case" if matched else "exact")
        await self._ask_several()

    async def _matches(self, name: str, value: str, question: str) -> bool:
        """Whether a write without an id reaches my first lead. Otherwise it has created another one."""
        if self.report.leads_created >= self.max_leads:
            self._missed(question, "it could create another lead")
            return False
        known = dict(self._body)
        known.pop("phone" if name == "email" else "email")
        answer = await self._write({**known, name: value, "name": f"Probe {self._word}", "tags": [TAG]})
        if answer.status in INVALID:
            self._missed(question, "Rotor refused the write")
            return False
        lead_id = str(answer.lead.get("id")).lower()
        if lead_id == self._mine[0]:
            await self._update()
            return True
        if lead_id not in self._mine:
            self._mine.append(lead_id)
            self.report.leads_created += 1
        return False

    async def _ask_several(self) -> None:
        """Give another lead the same phone, and see which of the two a write reaches."""
        if len(self._mine) < 2:
            if self.report.leads_created >= self.max_leads:
                self._missed("several_match", "it takes a second lead")
                return
            answer = await self._write({"name": f"Probe {self._word}", "tags": [TAG]})
            if answer.status in INVALID or not answer.lead.get("id"):
                self._missed("several_match", "the reply does not name the lead")
                return
            self._mine.append(str(answer.lead["id"]).lower())
            self.report.leads_created += 1
        second = self._mine[1]
        await self._write({"id": second, "phone": self._phone})
        answer = await self._write({"phone": self._phone, "priority": "high"})
        lead_id = str(answer.lead.get("id") or "").lower()
        if lead_id == second:
            self._saw("several_match", "newest")
        elif lead_id == self._mine[0]:
            self._saw("several_match", "oldest")
        else:
            self._missed("several_match", "the reply does not name the lead")

    async def _ask_unknown_id(self) -> None:
        if self.report.leads_created >= self.max_leads:
            self._missed("unknown_id", "it could create another lead")
            return
        unknown = f"00000000-0000-4000-8000-{secrets.token_hex(6)}"
        body = {"id": unknown, "name": f"Probe {self._word}", "tags": [TAG]}
        answer = await self._write(body, INVALID | {404})
        if answer.status < 300:
            self.report.leads_created += 1
            self._saw("unknown_id", "created")
        elif answer.status == 404:
            self._saw("unknown_id", "404")
        else:
            self._saw("unknown_id", "400")


_BY_WRITING = frozenset(ANSWERS) - {
    "auth_test",
    "version_header",
    "error_body",
    "invalid_status",
    "page_cap",
    "pagination",
    "numbers",
    "id_case",
    "follow_up_output",
    "search",
    "stage_case",
    "burst_limit",
    "created_at",
}
"""Questions that reading cannot answer."""


def report_of(report: Report, version: str) -> dict[str, Any]:
    """Return a report as JSON values: the file that `--assume` reads."""
    return {
        "rotor_mcp": version,
        "day": str(datetime.now(UTC).date()),
        "seen": {name: report.seen[name] for name in ANSWERS if name in report.seen},
        "not_seen": {name: report.not_seen[name] for name in ANSWERS if name in report.not_seen},
        "requests": report.requests,
        "leads_created": report.leads_created,
        "stopped": report.stopped,
    }


def open_http(
    transport: httpx2.AsyncBaseTransport, base_url: str, key: str, timeout: float
) -> httpx2.AsyncClient:
    """Return an HTTP client with the headers of every request to Rotor."""
    headers = [*HEADERS, ("x-api-key", key)]
    return httpx2.AsyncClient(
        transport=transport, base_url=f"{base_url}/", headers=headers, timeout=timeout, trust_env=False
    )
