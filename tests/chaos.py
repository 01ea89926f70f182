"""Chaos: many people, many `upsert_lead` calls at once, and a Rotor that fails at random.

Afterwards the claims of all calls are held against what the sandbox has stored. The test runs a small one;
`python -m tests.chaos --calls 5000` a long one. The seed decides who calls, with what, what fails and who
gives up waiting; how the calls then interleave is up to the machine.
"""

import argparse
import json
import logging
import random
import re
import secrets
import sys
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

import anyio
import httpx2
from mcp import Client
from mcp.types import CallToolResult, TextContent

from rotor_mcp.config import Settings
from rotor_mcp.models import READ_NAMES
from rotor_mcp.sandbox import FULL_KEY, READ_ONLY_KEY, Fault, Sandbox
from rotor_mcp.server import build_server

NOW = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
TIMEOUT = 1.5
"""Seconds that a call may take: short, because some faults use up all of it."""
GRACE = 1.0
"""Seconds that a call may take beyond that, because a busy machine is no fault."""
PARALLEL = 16

AREAS = ("763", "612", "952")
SPELLINGS = (
    "({0}) {1}-{2}",
    "{0}-{1}-{2}",
    "{0}{1}{2}",
    "{0}.{1}.{2}",
    "{0} {1} {2}",
    "1-{0}-{1}-{2}",
    "+1 ({0}) {1}-{2}",
    "+1{0}{1}{2}",
)
STAGES = ("Contacted", "Quoted", "Won", "Lost")
TAGS = ("Website", "website", "Referral", "Gutter Cleaning", "plan: quarterly", "VIP", "vip")
DROPS: tuple[Literal["before", "after"], ...] = ("before", "after")
WRITES_OFTEN: tuple[Literal["GET", "POST"], ...] = ("GET", "POST", "POST")

SCALARS = (
    "name",
    "phone",
    "email",
    "stage",
    "priority",
    "projected_value",
    "follow_up_date",
    "service_type",
    "source",
    "address_city",
)
"""The fields that hold one value."""

CLAIMS = frozenset({"created", "updated", "unchanged"})
"""Outcomes after which what the call asked for is there."""
DOUBTFUL = frozenset({"unknown", "cancelled"})
"""Outcomes that say nothing either way. After all the others, nothing was written."""

EXPECTED = (
    *sorted(CLAIMS),
    *sorted(DOUBTFUL),
    "needs_confirmation",
    "error",
    "confirmed by reading back",
    "sent once more",
)
"""What a run must have seen, or it has tested less than it promises."""


# The people, and what is said about them


@dataclass(frozen=True)
class Person:
    """Somebody with one name and one true phone or e-mail, or both."""

    number: int

    @property
    def kind(self) -> Literal["phone", "email", "both", "known"]:
        """How calls name this person.

        "both": always with the phone, at times with the e-mail as well. Only somebody "known", who was
        entered with both before the chaos, can be named by either: nobody else's calls could be told to mean
        the same person.
        """
        return ("phone", "known", "both", "email", "known")[self.number % 5]

    @property
    def first_name(self) -> str:
        return ("Ann", "Joann")[self.number % 2]

    @property
    def name(self) -> str:
        return f"{self.first_name} Lee{self.number}"

    @property
    def phone(self) -> str:
        """Ten digits. Three people each share the last four, by which Rotor is searched."""
        return f"{AREAS[self.number % 3]}555{(100 + self.number // 3) % 10_000:04}"

    @property
    def email(self) -> str:
        """One of two people has an address that is contained in the other's."""
        return f"{self.first_name.lower()}{self.number // 2}@example.com"

    @property
    def city(self) -> str:
        return f"City {self.number}"


@dataclass(frozen=True)
class Step:
    """One call of the script, and what happens to it."""

    person: Person
    arguments: dict[str, Any]
    by_id: bool = False
    stranger: bool = False
    """Somebody else of the household, with the same phone: must be asked about, never written."""
    faults: tuple[Fault, ...] = ()
    patience: float | None = None
    """Seconds until the client gives up waiting."""


def entering(people: list[Person]) -> list[Step]:
    """The calls before the chaos."""
    return [
        Step(person, {"name": person.name, "phone": person.phone, "email": person.email})
        for person in people
        if person.kind == "known"
    ]


def script(rng: random.Random, people: list[Person], calls: int, timeout: float) -> Iterator[Step]:
    """Make up the calls. Most of them are about the same person as the one before: they meet in the queue."""
    earlier: dict[Person, list[Step]] = {}
    person = people[0]
    for number in range(calls):
        person = person if rng.random() < 0.7 else rng.choice(people)
        known = person.kind == "known"
        mine = earlier.setdefault(person, [])
        if mine and rng.random() < 0.15:
            # An assistant that is in doubt says the same again.
            same = rng.choice(mine[-5:])
            arguments, by_id = same.arguments, same.by_id
        else:
            by_id = known and rng.random() < 0.25
            arguments = _fields(rng, person, number, by_id) | ({} if by_id else _contact(rng, person))
        stranger = known and not by_id and rng.random() < 0.1
        if stranger:
            arguments = arguments | {"name": "Bob Elsewhere", "notes": f"n{number}"}
        step = Step(
            person,
            arguments,
            by_id=by_id,
            stranger=stranger,
            faults=tuple(_faults(rng, timeout)),
            patience=rng.uniform(0.005, 0.1) if rng.random() < 0.06 else None,
        )
        if not stranger:
            mine.append(step)
        yield step


def _contact(rng: random.Random, person: Person) -> dict[str, Any]:
    area, exchange, line = person.phone[:3], person.phone[3:6], person.phone[6:]
    phone = {"phone": rng.choice(SPELLINGS).format(area, exchange, line)}
    email = {"email": rng.choice((person.email, person.email.upper(), person.email.title()))}
    match person.kind:
        case "phone":
            return phone
        case "email":
            return email
        case "both":
            return phone | (email if rng.random() < 0.4 else {})
        case "known":
            return rng.choice((phone, email, phone | email))


def _fields(rng: random.Random, person: Person, number: int, by_id: bool) -> dict[str, Any]:
    """Some fields to write. The numbers and days are used once, so that it shows whose value is left."""
    # With an id even a shorter name would be a change.
    names = (person.name,) if by_id else (person.name, person.name, person.first_name)
    offers: dict[str, tuple[float, Any]] = {
        "notes": (0.8, f"n{number}"),
        "name": (0.5, rng.choice(names)),
        "stage": (0.3, rng.choice(STAGES)),
        "priority": (0.15, rng.choice(("low", "medium", "high"))),
        "projected_value": (0.4, 100 + number),
        "follow_up_date": (0.3, str(date(2027, 1, 1) + timedelta(days=number))),
        "service_type": (0.1, rng.choice(("Window Cleaning", "House Washing"))),
        "source": (0.2, rng.choice(("Website", "Referral Program", "Flyer"))),
        "address_city": (0.2, person.city),
        "tags": (0.4, [*rng.sample(TAGS, 2), f"t{number}"][: rng.randint(1, 3)]),
    }
    return {name: value for name, (chance, value) in offers.items() if rng.random() < chance}


def _faults(rng: random.Random, timeout: float) -> Iterator[Fault]:
    """What goes wrong next, for whichever request comes next."""
    if rng.random() < 0.3:
        # Late but in time: calls overtake each other, and what was read is old when it comes.
        yield Fault(delay=rng.uniform(0.01, 0.2), carried_out=rng.random() < 0.7)
    if rng.random() >= 0.15:
        return
    method, carried_out = rng.choice(WRITES_OFTEN), rng.random() < 0.5
    match rng.choices(("drop", "status", "too late", "outage"), (8, 8, 2, 2))[0]:
        case "drop":
            yield Fault(method=method, drop=rng.choice(DROPS))
        case "status":
            yield Fault(method=method, status=rng.choice((500, 503)), carried_out=carried_out)
        case "too late":
            yield Fault(method=method, delay=2 * timeout, carried_out=carried_out)
        case "outage":
            yield Fault(method=rng.choice((None, "POST")), drop="before", times=rng.randint(4, 12))


# Playing it


@dataclass(frozen=True)
class Called:
    """A call that was made, and what it said."""

    step: Step
    outcome: str
    content: dict[str, Any] = field(default_factory=dict)
    text: str = ""
    seconds: float = 0


@dataclass(frozen=True)
class Sent:
    """A write that went out."""

    body: dict[str, Any]


@dataclass(frozen=True)
class Read:
    """A read that was answered: what it asked for, an id or a text, and what it showed."""

    asked: str
    leads: list[dict[str, Any]]


class Wire(httpx2.AsyncBaseTransport):
    """Listens in on the requests to the sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._transport = sandbox.transport()
        self.log: list[Sent | Read] = []
        self.open = 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "POST":
            self.log.append(Sent(json.loads(request.content)))
        self.open += 1
        try:
            response = await self._transport.handle_async_request(request)
            await response.aread()
        finally:
            self.open -= 1
        if request.method == "GET" and response.status_code == 200:
            data = response.json()["data"]
            asked = request.url.params.get("search") or request.url.path.rpartition("/")[2]
            self.log.append(Read(asked, data if isinstance(data, list) else [data]))
        return response


@dataclass
class Run:
    """How it went."""

    seed: int
    calls: list[Called] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    requests: int = 0
    seconds: float = 0

    @property
    def counts(self) -> Counter[str]:
        """How often each outcome came, and each way out of a lost reply."""
        counts = Counter(call.outcome for call in self.calls)
        warnings = [warning for call in self.calls for warning in call.content.get("warnings", [])]
        counts["confirmed by reading back"] = sum("reading it back shows" in text for text in warnings)
        counts["sent once more"] = sum("sent once more" in text for text in warnings)
        return counts

    @property
    def missing(self) -> list[str]:
        """What did not come about although the run is meant to provoke it."""
        return [name for name in EXPECTED if not self.counts[name]]

    def share(self, outcomes: Collection[str]) -> float:
        """Which part of the calls ended in one of these outcomes."""
        return sum(call.outcome in outcomes for call in self.calls) / len(self.calls)

    def report(self) -> str:
        """All of it, as text."""
        longest = max(call.seconds for call in self.calls)
        return "\n".join(
            [
                f"seed {self.seed}: {len(self.calls)} calls, {self.requests} requests, {self.seconds:.1f} s; "
                f"the longest call took {longest:.2f} s",
                ", ".join(f"{name}: {self.counts[name]}" for name in EXPECTED),
                f"{len(self.violations)} violations",
                *self.violations,
            ]
        )


async def run(
    seed: int, *, calls: int = 600, people: int = 40, deadline: float = TIMEOUT, mode: str = "auto"
) -> Run:
    """Play one script in a new company, and judge it."""
    rng = random.Random(seed)
    crowd = [Person(number) for number in range(people)]
    done = Run(seed)
    started = anyio.current_time()
    with closing(Sandbox(leads=0, quota=1_000_000, now=lambda: NOW)) as rotor:
        wire = Wire(rotor)
        settings = Settings.load(
            {"api_key": FULL_KEY, "timezone": "America/Chicago", "timeout": str(deadline)}
        )
        server = build_server(settings, transport=lambda: wire, clock=lambda: NOW)
        async with Client(server, mode=mode) as client:
            ids: dict[Person, str] = {}
            for step in entering(crowd):
                entered = await _call(client, step, ids)
                ids[step.person] = entered.content["id"]
                done.calls.append(entered)
            steps = script(rng, crowd, calls, deadline)

            async def worker() -> None:
                for step in steps:
                    for fault in step.faults:
                        rotor.faults.add(fault)
                    done.calls.append(await _call(client, step, ids))

            async with anyio.create_task_group() as workers:
                for _ in range(PARALLEL):
                    workers.start_soon(worker)
        # With the client gone, every write has come to its end.
        rotor.faults.clear()
        if wire.open:
            done.violations.append(f"{wire.open} requests outlived the server")
        done.requests = len(rotor.requests)
        done.violations += [
            f"a call took {call.seconds:.2f} s, with a deadline of {deadline} s: {call.step.arguments}"
            for call in done.calls
            if call.seconds > deadline + GRACE
        ]
        done.violations += audit(crowd, await _stored(rotor), done.calls)
        done.violations += blind_repeats(wire.log)
    done.seconds = anyio.current_time() - started
    return done


async def _call(client: Client, step: Step, ids: dict[Person, str]) -> Called:
    arguments = step.arguments | ({"id": ids[step.person]} if step.by_id else {})
    result: CallToolResult | None = None
    started = anyio.current_time()
    with anyio.move_on_after(step.patience):
        result = await client.call_tool("upsert_lead", arguments)
    seconds = anyio.current_time() - started
    if result is None:
        return Called(step, "cancelled", seconds=seconds)
    text = "\n".join(part.text for part in result.content if isinstance(part, TextContent))
    content = result.structured_content or {}
    return Called(step, content.get("outcome", "error"), content, text, seconds)


async def _stored(rotor: Sandbox) -> list[dict[str, Any]]:
    """Ask the sandbox itself for all that it holds."""
    leads: list[dict[str, Any]] = []
    headers = {"x-api-key": READ_ONLY_KEY, "rotor-api-version": "1.1.0"}
    async with httpx2.AsyncClient(transport=rotor.transport(), base_url="http://x/open-api/") as http:
        more, page = True, 0
        while more:
            page += 1
            query = {"archived": "true", "limit": "1000", "page": str(page)}
            answer = (await http.get("leads", params=query, headers=headers)).json()
            leads += answer["data"]
            more = answer["pagination"]["has_more"]
    return leads


# Judging it


def audit(people: list[Person], leads: list[dict[str, Any]], calls: list[Called]) -> Iterator[str]:
    """Name everything that is stored against what the calls said."""
    for lead in leads:
        if sum(_is_about(lead, person) for person in people) != 1:
            yield f"a lead is nobody's, or two people's: {lead}"
    for person in people:
        mine = [call for call in calls if call.step.person == person]
        for violation in _audit_person(person, [lead for lead in leads if _is_about(lead, person)], mine):
            yield f"{person.name} ({person.kind}): {violation}"


def _audit_person(person: Person, leads: list[dict[str, Any]], calls: list[Called]) -> Iterator[str]:
    for call in calls:
        yield from _audit_call(call)
    claims = [call for call in calls if call.outcome in CLAIMS]
    doubts = [call for call in calls if call.outcome in DOUBTFUL and not call.step.stranger]
    created = sum(call.outcome == "created" for call in calls)
    if created > 1 or (claims and not doubts and not created):
        yield f"was created {created} times"
    if len(leads) > 1:
        yield f"has {len(leads)} leads"
    elif leads:
        yield from _audit_notes(leads[0], claims, doubts)
        yield from _audit_tags(leads[0], claims, doubts)
        for name in SCALARS:
            yield from _audit_scalar(name, leads[0], claims, doubts)
        if leads[0]["name"] != person.name and any(
            c.step.arguments.get("name") == person.name for c in claims
        ):
            yield f"the full name was told, and is not kept: {leads[0]['name']}"
    elif claims:
        yield "has no lead"


def _audit_call(call: Called) -> Iterator[str]:
    """Whether a call speaks of everything that it was given, and of the right kind of trouble."""
    said, given = call.content, call.step.arguments
    if (call.outcome == "needs_confirmation") > call.step.stranger:
        yield f"was asked about for no reason: {call.text}"
    if call.step.stranger and call.outcome in (*CLAIMS, "unknown"):
        yield f"somebody else's name was accepted: {call.text}"
    if call.outcome == "error" and "of its own" in call.text:
        yield call.text
    if call.outcome in CLAIMS:
        changed = {change["field"]: change["after"] for change in said.get("changes", [])}
        if {*changed, *said.get("unchanged", [])} != given.keys() - {"tags"}:
            yield f"{given} was asked for, and it speaks of {said}"
        if {*said.get("tags_added", []), *said.get("tags_present", [])} - {*given.get("tags", [])}:
            yield f"{given} was asked for, and it speaks of {said}"
        for name, after in changed.items():
            if _norm(name, after) != _norm(name, given.get(name)):
                yield f"{name} was given as {given.get(name)!r} and claimed as {after!r}"


def _audit_notes(lead: dict[str, Any], claims: list[Called], doubts: list[Called]) -> Iterator[str]:
    told = {call.step.arguments["notes"] for call in claims if "notes" in call.step.arguments}
    maybe = {call.step.arguments["notes"] for call in doubts if "notes" in call.step.arguments}
    lines = Counter(_norm("notes", line) for line in (lead["notes"] or "").splitlines())
    for note in told - lines.keys():
        yield f"note {note} was claimed and is lost"
    for note in lines.keys() - told - maybe:
        yield f"note {note} is there, and no call says so"
    for note, times in lines.items():
        if times > 1:
            yield f"note {note} is there {times} times"


def _audit_tags(lead: dict[str, Any], claims: list[Called], doubts: list[Called]) -> Iterator[str]:
    told = {tag.casefold() for call in claims for tag in call.step.arguments.get("tags", [])}
    maybe = {tag.casefold() for call in doubts for tag in call.step.arguments.get("tags", [])}
    added = Counter(tag.casefold() for call in claims for tag in call.content.get("tags_added", []))
    there = Counter(tag.casefold() for tag in lead["tags"])
    for tag in told - there.keys():
        yield f"tag {tag} was claimed and is lost"
    for tag in there.keys() - set(added) - maybe:
        yield f"tag {tag} is there, and no call says that it added it"
    for tag, times in there.items():
        if times > 1:
            yield f"tag {tag} is there in {times} forms"
    for tag, times in added.items():
        if times > 1:
            yield f"tag {tag} was added {times} times"


def _audit_scalar(
    name: str, lead: dict[str, Any], claims: list[Called], doubts: list[Called]
) -> Iterator[str]:
    """Whether the claimed changes of a field can be one history, from nothing to what is stored.

    Put one after the other, each begins with the value that another one left. So a value is given up by a
    change, or left at the end, as often as it was written; more often only if a doubtful call wrote it too.
    Two changes that both begin with the same one mean that one was lost.
    """
    maybe = Counter(_norm(name, call.step.arguments[name]) for call in doubts if name in call.step.arguments)
    written = Counter({_norm(name, None): 1})
    gone = Counter({_norm(name, lead[READ_NAMES.get(name, name)]): 1})
    kept = set()
    for call in claims:
        for change in call.content.get("changes", []):
            if change["field"] == name:
                gone[_norm(name, change.get("before"))] += 1
                written[_norm(name, change["after"])] += 1
        if name in call.content.get("unchanged", []) and name != "name":  # Ann is in Ann Lee
            kept.add(_norm(name, call.step.arguments[name]))
    for value, times in gone.items():
        if times > written[value] + maybe[value]:
            yield (
                f"{name} {value!r} was replaced or is left {times} times, and written {written[value]} times "
                f"for sure and {maybe[value]} times perhaps"
            )
    for value in kept - written.keys() - maybe.keys():
        yield f"{name} {value!r} was said to be there already, and nobody wrote it"


def _norm(name: str, value: Any) -> str:
    """Bring a value into the form that is compared."""
    text = "" if value is None else str(value)
    match name:
        case "phone":
            return re.sub(r"\D", "", text)[-10:]
        case "email":
            return text.casefold()
        case "stage":
            return text or "New Leads"  # what Rotor gives a lead without one
        case "follow_up_date":
            return text[:10]
        case "projected_value":
            return text and f"{float(text):g}"
        case "notes":
            return re.sub(r"^(\+ )?(\d{4}-\d\d-\d\d: )?", "", text)
    return text


def _is_about(lead: dict[str, Any], person: Person) -> bool:
    return _norm("phone", lead["phone"]) == person.phone or _norm("email", lead["email"]) == person.email


def blind_repeats(log: list[Sent | Read]) -> Iterator[str]:
    """Name the writes that went out again without a look, or although the look showed that they were done.

    Each write can text a customer, so it is not enough that the lead ends up right.
    """
    last: dict[str, list[Read]] = {}
    for entry in log:
        if isinstance(entry, Read):
            for looks in last.values():
                looks.append(entry)
            continue
        body = entry.body
        key = json.dumps(body, sort_keys=True)
        if key in last:
            asked = {body.get("id"), body.get("phone", "")[-4:], body.get("email")} - {None, ""}
            looks = [
                look
                for look in last[key]
                if look.asked in asked or body.get("id") in [lead["id"] for lead in look.leads]
            ]
            if not looks:
                yield f"sent again without a look: {body}"
            elif "notes" in body and any(
                lead["notes"] == body["notes"] and body.get("id") in (None, lead["id"])
                for look in looks
                for lead in look.leads
            ):
                yield f"sent again although it was seen to be done: {body}"
        last[key] = []


def main() -> int:
    """Run it from the command line. 1 if something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="default: random")
    parser.add_argument("--calls", type=int, default=5_000)
    parser.add_argument("--people", type=int, help="default: a tenth of the calls")
    parser.add_argument("--timeout", type=float, default=TIMEOUT, help="of a call, in seconds")
    parser.add_argument("--mode", default="auto", help="auto, legacy or 2026-07-28")
    args = parser.parse_args()
    logging.basicConfig(level=logging.CRITICAL)  # before the server does it; faults are not news here
    done = anyio.run(
        lambda: run(
            args.seed,
            calls=args.calls,
            people=args.people or max(args.calls // 10, 5),
            deadline=args.timeout,
            mode=args.mode,
        )
    )
    sys.stdout.write(done.report() + "\n")
    return 1 if done.violations else 0


if __name__ == "__main__":
    sys.exit(main())
