"""The script: who calls, with what, what fails and who gives up waiting."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Literal

from rotor_mcp.sandbox import Fault
from tests.chaos.people import Person

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
SOURCES = ("Website", "Referral Program", "Flyer")
TAGS = ("Website", "website", "Referral", "Gutter Cleaning", "plan: quarterly", "VIP", "vip")
NO_PROOF: tuple[dict[str, Any], ...] = (
    {"body": "{}"},
    {"body": '{"status": "error", "message": "Internal server error"}'},
    {
        "body": '{"id": "11111111-1111-4111-8111-111111111111", "name": "Eve", "status": "success"}',
        "status": 201,
    },
    {"body": '{"data": null}', "status": 200},
    {"body": "<h1>Sign in</h1>", "content_type": "text/html"},
    {"status": 302, "headers": {"location": "/open-api/leads/1"}},
    {"status": 408},
    {"status": 499},
)
DROPS: tuple[Literal["before", "after"], ...] = ("before", "after")
WRITES_OFTEN: tuple[Literal["GET", "POST"], ...] = ("GET", "POST", "POST")

BATCHES = 0.15
"""Which part of the calls are batches."""
ROWS = (2, 12)
"""How many different people a batch is about, at least and at most."""


@dataclass(frozen=True)
class Step:
    """What is said about one person: in a call of its own, or in a row of a batch."""

    person: Person
    arguments: dict[str, Any]
    by_id: bool = False
    stranger: bool = False
    """Somebody else of the household, with the same phone: must be asked about, never written."""
    paired: bool = False
    """Another row of the batch is the same person, and completes it: they are one write."""
    clashing: bool = False
    """Another row of the batch is the same person, and says otherwise: both must be refused."""

    @property
    def is_to_be_written(self) -> bool:
        """Whether it can be written at all."""
        return not (self.stranger or self.clashing)


@dataclass(frozen=True)
class Call:
    """One call of the script, and what happens to it."""

    steps: tuple[Step, ...]
    """One, or the rows of a batch."""
    batch: bool = False
    shared: tuple[tuple[str, Any], ...] = ()
    """What is given once for all rows."""
    faults: tuple[Fault, ...] = ()
    patience: float | None = None
    """Seconds until the client gives up waiting."""


def entering(people: Sequence[Person]) -> list[Call]:
    """The calls before the chaos."""
    return [
        Call((Step(person, {"name": person.name, "phone": person.phone, "email": person.email}),))
        for person in people
        if person.kind == "known"
    ]


def script(rng: random.Random, people: Sequence[Person], calls: int, timeout: float) -> Iterator[Call]:
    """Make up the calls. Most of them are about the same person as the one before: they meet in the queue."""
    script = _Script(rng, people)
    for _ in range(calls):
        batch = rng.random() < BATCHES
        call = script.batch() if batch else Call((script.step(),))
        patience = rng.uniform(0.005, 0.3 if batch else 0.1) if rng.random() < 0.06 else None
        yield replace(call, faults=tuple(_faults(rng, timeout)), patience=patience)


class _Script:
    """The calls made up so far, for assistants that repeat themselves."""

    def __init__(self, rng: random.Random, people: Sequence[Person]) -> None:
        self._rng = rng
        self._people = people
        self._person = people[0]
        self._earlier: dict[Person, list[Step]] = {}
        self._number = 0

    def step(self) -> Step:
        """Say something about the person of the call before, or about another one."""
        if self._rng.random() >= 0.7:
            self._person = self._rng.choice(self._people)
        return self._about(self._person)

    def batch(self) -> Call:
        """Say something about several people, among them the one of the call before. Some have two rows."""
        rng = self._rng
        crowd = rng.sample(self._people, min(rng.randint(*ROWS), len(self._people)))
        if self._person not in crowd and rng.random() < 0.7:
            crowd[0] = self._person
        steps: list[Step] = []
        for person in crowd:
            steps += self._pair(person) if rng.random() < 0.1 else [self._about(person)]
        rng.shuffle(steps)
        return Call(tuple(steps), batch=True, shared=tuple(self._shared(steps).items()))

    def _about(self, person: Person) -> Step:
        rng, number = self._rng, self._next()
        mine = self._earlier.setdefault(person, [])
        if mine and rng.random() < 0.15:
            # An assistant that is in doubt says the same again.
            step = rng.choice(mine[-5:])
        else:
            by_id = person.kind == "known" and rng.random() < 0.25
            arguments = _fields(rng, person, number, by_id) | ({} if by_id else _contact(rng, person))
            step = Step(person, arguments, by_id)
        if person.kind == "known" and not step.by_id and rng.random() < 0.1:
            stranger = step.arguments | {"name": "Bob Elsewhere", "notes": f"n{number}"}
            return Step(person, stranger, stranger=True)
        mine.append(step)
        return step

    def _pair(self, person: Person) -> list[Step]:
        """Two rows about one person. What they say completes each other, or now and then does not fit."""
        rng = self._rng
        clashing = rng.random() < 0.3
        pair = []
        for number in (self._next(), self._next()):
            step = Step(person, _contact(rng, person), paired=True, clashing=clashing)
            step.arguments.update(notes=f"n{number}", tags=[f"t{number}"])
            if clashing:
                step.arguments["projected_value"] = 100 + number
            pair.append(step)
        if not clashing:
            rng.choice(pair).arguments.update(
                _scalars(_fields(rng, person, number, by_id=False)), name=person.name
            )
        return pair

    def _shared(self, steps: Sequence[Step]) -> dict[str, Any]:
        rng = self._rng
        shared: dict[str, Any] = {}
        if rng.random() < 0.3:
            shared["tags"] = [f"t{self._next()}", rng.choice(TAGS)]
        # Two rows that are one person could get a source beside one of their own.
        if rng.random() < 0.3 and not any(step.paired for step in steps):
            shared["source"] = rng.choice(SOURCES)
        return shared

    def _next(self) -> int:
        self._number += 1
        return self._number


def _scalars(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in ("notes", "tags", "name")}


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
        "source": (0.2, rng.choice(SOURCES)),
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
    kinds = (
        "drop",
        "cut while looking",
        "nothing to see",
        "status",
        "no proof",
        "refusal",
        "too late",
        "outage",
    )
    match rng.choices(kinds, (8, 4, 3, 8, 5, 3, 4, 5))[0]:
        case "drop":
            yield Fault(method=method, drop=rng.choice(DROPS))
        case "cut while looking":
            # The reply to a write is lost, and the first look at what became of it, too.
            yield Fault(method="POST", drop=rng.choice(DROPS))
            yield Fault(method="GET", drop=rng.choice(DROPS))
        case "nothing to see":
            # The reply to a write is lost, and so is every look at what became of it.
            yield Fault(method="POST", drop=rng.choice(DROPS))
            yield Fault(method="GET", drop=rng.choice(DROPS), times=rng.randint(6, 10))
        case "status":
            yield Fault(method=method, status=rng.choice((500, 503)), carried_out=carried_out)
        case "no proof":
            # An answer to a write that says neither that it was done nor that it was not.
            yield Fault(method="POST", carried_out=carried_out, **rng.choice(NO_PROOF))
        case "refusal":
            yield Fault(method="GET", status=429, times=rng.randint(1, 5))
        case "too late":
            yield Fault(method=method, delay=2 * timeout, carried_out=carried_out)
        case "outage":
            yield Fault(method=rng.choice((None, "POST")), drop="before", times=rng.randint(4, 12))
