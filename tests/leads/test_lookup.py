"""Who is found, and what it costs: alone, among all, and while Rotor moves on."""

import random
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import anyio.lowlevel
import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rotor_mcp.api.client import LeadsClient
from rotor_mcp.api.pool import ConnectionPool
from rotor_mcp.config import Settings
from rotor_mcp.errors import NotFound, QuotaExceeded, RotorError, TooManyRequests, Unanswered
from rotor_mcp.leads.dedupe import RowGroup
from rotor_mcp.leads.lookup import LeadIndex, LeadLoader, look_up
from rotor_mcp.leads.matching import Ambiguity, Match, request_keys
from rotor_mcp.leads.requests import UpsertRequest
from rotor_mcp.sandbox import FULL_KEY, Fault, Sandbox
from rotor_mcp.sandbox.store import FIELDS, StoredLead

pytestmark = pytest.mark.anyio

SETTINGS = Settings.load({"api_key": FULL_KEY, "timezone": "America/Chicago"})
BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
NOBODY = "182bd5e5-6e1a-4fe4-a799-000000000000"

Transport = Callable[[], httpx2.AsyncBaseTransport]


def lead_id(number: int) -> str:
    return str(uuid.UUID(int=number + 1, version=4))


def stored(number: int, **fields: Any) -> StoredLead:
    """A lead as the sandbox keeps it, the older the lower its number."""
    created = (BEGIN + timedelta(seconds=number)).isoformat().replace("+00:00", "Z")
    return dict.fromkeys(FIELDS) | {"id": lead_id(number), "tags": [], "created_at": created} | fields


def wanted(**arguments: Any) -> UpsertRequest:
    return UpsertRequest.model_validate(arguments)


@asynccontextmanager
async def asking(transport: Transport) -> AsyncIterator[LeadsClient]:
    """A conversation with a Rotor."""
    pool = ConnectionPool(SETTINGS, transport)
    try:
        yield LeadsClient(pool, SETTINGS.credentials)
    finally:
        await pool.aclose()


def company(*leads: StoredLead) -> Sandbox:
    sandbox = Sandbox(leads=0)
    sandbox.store.seed(lambda: leads)
    return sandbox


def says(found: Match | str) -> tuple[Any, ...]:
    """Who is meant, in short."""
    assert isinstance(found, Match)

    def number(lead: Any) -> int:
        return uuid.UUID(lead.id).int & 0xFFFFFFFF

    return (
        found.lead and number(found.lead) - 1,
        found.matched_by,
        [number(rival) - 1 for rival in found.alternatives],
        found.ambiguity,
    )


def keys(one: UpsertRequest) -> list[str]:
    return request_keys(one, "US")


def groups(people: Sequence[UpsertRequest]) -> list[RowGroup]:
    return [RowGroup.of((number,), one, "US") for number, one in enumerate(people)]


def index_of(people: Sequence[UpsertRequest]) -> LeadIndex:
    return LeadIndex(map(keys, people), "US")


def look(directory: LeadIndex, one: UpsertRequest) -> Match | str:
    try:
        return directory.match(one, keys(one)).match
    except NotFound:
        return "nobody has this id"


async def alone(people: Sequence[UpsertRequest], rotor: LeadsClient) -> LeadIndex:
    """A directory for which each was looked up by himself."""
    directory = index_of(people)
    for one in people:
        try:
            await LeadLoader(directory, rotor).look_up(one, keys(one))
        except NotFound:
            assert one.id
    return directory


# Alone or among all

PHONES = [
    "(763) 555-0100",
    "763-555-0100",
    "+1 763 555 0100",
    "612.555.0100",
    "555-0142",
    "(763) 555-0100 ext. 7",
]
EMAILS = ["ann@example.com", "Ann@Example.com", "bob@example.com"]
NAMES = ["Ann Roe", "ann roe", "Ann", "Bob Roe", "José", "JOSÉ", "🏠"]
IDS = [lead_id(number) for number in range(4)] + [NOBODY]


@st.composite
def leads(draw: st.DrawFn) -> list[StoredLead]:
    fields = st.fixed_dictionaries(
        {
            "name": st.none() | st.sampled_from(NAMES),
            "phone": st.none() | st.sampled_from(PHONES),
            "email": st.none() | st.sampled_from(EMAILS),
            "archived_at": st.sampled_from([None, None, None, "2026-11-20T20:00:00Z"]),
        }
    )
    drawn = draw(st.lists(fields, max_size=8))
    for lead in drawn:
        if lead["archived_at"] and lead["phone"]:
            lead["email"] = None  # see below
    return [stored(number, **lead) for number, lead in enumerate(drawn)]


PEOPLE = st.lists(
    st.one_of(
        st.builds(lambda lead_id: {"id": lead_id}, st.sampled_from(IDS)),
        st.fixed_dictionaries(
            {"name": st.sampled_from(NAMES)},
            optional={"phone": st.sampled_from(PHONES), "email": st.sampled_from(EMAILS)},
        ),
        st.fixed_dictionaries({"phone": st.sampled_from(PHONES), "email": st.sampled_from(EMAILS)}),
        st.fixed_dictionaries({"email": st.sampled_from(EMAILS)}),
    ).map(UpsertRequest.model_validate),
    min_size=3,
    max_size=6,
)


@settings(max_examples=50)
@given(leads(), PEOPLE)
def test_alone_the_same_is_found_as_among_all(there: list[StoredLead], people: list[UpsertRequest]) -> None:
    async def read() -> None:
        with closing(company(*there)) as sandbox:
            async with asking(sandbox.transport) as rotor:
                among_all = index_of(people)
                await LeadLoader(among_all, rotor).read_for_all(groups(people), 100)
                assert rotor.requests == 1
                one_by_one = await alone(people, rotor)
                together = [look(among_all, one) for one in people]
                assert [look(one_by_one, one) for one in people] == together
                for one, found in zip(people, together, strict=True):
                    try:
                        assert (await look_up(one, rotor, "US")).match == found
                    except NotFound:
                        assert found == "nobody has this id"

    anyio.run(read)


async def test_an_archived_lead_with_the_phone_hides_no_other_with_the_email() -> None:
    """Among all, a living lead with the e-mail is a rival. Alone, it is not looked for."""
    archived = stored(0, phone="763-555-0100", email="ann@example.com", archived_at="2026-11-20T20:00:00Z")
    one = wanted(phone="(763) 555-0100", email="ann@example.com")
    with closing(company(archived, stored(1, email="ann@example.com"))) as sandbox:
        async with asking(sandbox.transport) as rotor:
            among_all = index_of([one] * 2)
            await LeadLoader(among_all, rotor).read_for_all(groups([one] * 2), 100)
            assert rotor.requests == 1
            assert says(look(among_all, one)) == (0, "phone", [1], Ambiguity.CONFLICT)
            assert says((await look_up(one, rotor, "US")).match) == (0, "phone", [1], Ambiguity.CONFLICT)


async def test_rivals_stand_as_rotor_lists_them_whatever_they_were_read_by() -> None:
    """Newest first, so that what was shown of a plan fits the same plan made in another way."""
    there = [
        stored(0, name="Ann", phone="763-555-0100", email="ann@example.com"),
        stored(1, name="Bob", phone="(763) 555-0100"),
        stored(2, name="Cy", email="ANN@example.com"),
        stored(3, name="Dan", phone="+17635550100"),
    ]
    people = [
        wanted(phone="763-555-0100", name="Bob"),
        wanted(id=lead_id(0)),
        wanted(email="ann@example.com"),
        wanted(phone="763-555-0100", email="cy@example.com"),
        wanted(name="dan"),
        wanted(name="Eve"),
        wanted(phone="763-555-0100", email="ann@example.com"),
    ]
    expected = [
        (1, "phone", [3, 0], Ambiguity.SHARED),
        (0, "id", [], None),
        (2, "email", [0], Ambiguity.SHARED),
        (3, "phone", [1, 0], Ambiguity.SHARED),
        (None, None, [3], Ambiguity.SAME_NAME),
        (None, None, [], None),
        (0, "phone and email", [], None),
    ]
    with closing(company(*there)) as sandbox:
        async with asking(sandbox.transport) as rotor:
            for order in (people, people[::-1]):
                one_by_one = await alone(order, rotor)
                assert [says(look(one_by_one, one)) for one in people] == expected
            among_all = index_of(people)
            await LeadLoader(among_all, rotor).read_for_all(groups(people), 100)
            assert [says(look(among_all, one)) for one in people] == expected


async def test_rivals_of_one_second_stand_as_rotor_lists_them() -> None:
    """A form or an import makes several leads in one second, and Rotor tells no fractions."""
    there = [
        stored(0, phone="763-555-0100"),
        stored(1, id=lead_id(1), phone="763-555-0100", email="ann@example.com"),
    ]
    for lead in there:
        lead["created_at"] = "2026-11-01T00:00:00Z"
    one, other = wanted(phone="763-555-0100"), wanted(email="ann@example.com")
    with closing(company(*there)) as sandbox:
        async with asking(sandbox.transport) as rotor:
            expected = says((await look_up(one, rotor, "US")).match)
            assert expected == (1, "phone", [0], Ambiguity.SHARED)
            both = await alone([one, other], rotor)
            assert says(look(both, one)) == expected


# What it costs


def some(number: int) -> list[UpsertRequest]:
    return [wanted(name=f"Person {n}", phone=f"(612) 555-{n:04}") for n in range(number)]


@pytest.mark.parametrize(
    ("people", "there", "requests"),
    [
        (some(1), 5, 1),
        (some(2), 5, 2),
        (some(3), 5, 1),
        ([wanted(phone="612-555-0001", email="a@b.cd")], 5, 2),
        ([wanted(phone="612-555-0001", email="a@b.cd"), wanted(id=NOBODY)], 5, 1),
        (some(3), 2_500, 3),
        (some(3), 3_500, 1 + 3),  # the first page says that there are four
        (some(4), 3_500, 4),
    ],
)
async def test_what_a_reading_costs(people: list[UpsertRequest], there: int, requests: int) -> None:
    with closing(Sandbox(leads=there)) as sandbox:
        async with asking(sandbox.transport) as rotor:
            await LeadLoader(index_of(people), rotor).read_for_all(groups(people), 100)
            assert (rotor.requests, len(sandbox.requests)) == (requests, requests)


@pytest.mark.parametrize(
    ("people", "limit", "needed", "spent"),
    [(2, 1, 2, 0), (3, 2, 3, 1), (9, 2, 3, 1), (2, 2, None, 2), (9, 3, None, 3)],
)
async def test_what_would_cost_too_much_is_not_begun(
    people: int, limit: int, needed: int | None, spent: int
) -> None:
    with closing(Sandbox(leads=2_500)) as sandbox:
        async with asking(sandbox.transport) as rotor:
            directory = index_of(some(people))
            if needed is None:
                await LeadLoader(directory, rotor).read_for_all(groups(some(people)), limit)
            else:
                with pytest.raises(TooManyRequests, match=f"^{needed} requests, {limit} allowed$"):
                    await LeadLoader(directory, rotor).read_for_all(groups(some(people)), limit)
            assert rotor.requests == spent


async def test_what_was_spent_before_counts() -> None:
    """An import asks first whose key it is."""
    with closing(Sandbox(leads=2_500)) as sandbox:
        async with asking(sandbox.transport) as rotor:
            await rotor.access()
            with pytest.raises(TooManyRequests):
                await LeadLoader(index_of(some(9)), rotor).read_for_all(groups(some(9)), 3)


# Answers that lack something


class Answering(httpx2.AsyncBaseTransport):
    """A Rotor that answers by a function of the page that is asked for."""

    def __init__(self, answer: Callable[[int], Awaitable[httpx2.Response]]) -> None:
        self._answer = answer
        self.asked: list[int] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        page = int(request.url.params.get("page", "1"))
        self.asked.append(page)
        return await self._answer(page)


def listing(leads: Sequence[dict[str, Any]], **pagination: Any) -> httpx2.Response:
    return httpx2.Response(200, json={"data": list(leads), "pagination": pagination})


async def test_without_a_total_each_is_looked_up() -> None:
    async def answer(_: int) -> httpx2.Response:
        return listing([{"id": lead_id(1), "phone": "(612) 555-0001"}], has_more=True)

    rotor = Answering(answer)
    async with asking(lambda: rotor) as client:
        directory = index_of(some(3))
        await LeadLoader(directory, client).read_for_all(groups(some(3)), 100)
        assert client.requests == 4
        assert [says(look(directory, one)) for one in some(3)] == [
            (None, None, [], None),
            (1, "phone", [], None),
            (None, None, [], None),
        ]


async def test_without_a_total_one_page_is_all() -> None:
    async def answer(_: int) -> httpx2.Response:
        return listing([{"id": lead_id(1), "phone": "(612) 555-0001"}], has_more=False)

    rotor = Answering(answer)
    async with asking(lambda: rotor) as client:
        directory = index_of(some(3))
        await LeadLoader(directory, client).read_for_all(groups(some(3)), 100)
        assert client.requests == 1
        assert says(look(directory, some(2)[1])) == (1, "phone", [], None)


async def test_a_total_that_is_too_small_ends_no_reading() -> None:
    async def answer(page: int) -> httpx2.Response:
        return listing([{"id": lead_id(page), "phone": f"(612) 555-{page:04}"}], has_more=page < 3, total=1)

    rotor = Answering(answer)
    async with asking(lambda: rotor) as client:
        directory = index_of(some(4))
        await LeadLoader(directory, client).read_for_all(groups(some(4)), 100)
        assert rotor.asked == [1, 2, 3]
        assert [look(directory, one) != Match() for one in some(4)] == [False, True, True, True]


async def test_a_lead_without_an_id_is_found_too() -> None:
    async def answer(_: int) -> httpx2.Response:
        return listing([{"phone": "(612) 555-0001", "name": "Ann"}], has_more=False, total=1)

    rotor = Answering(answer)
    async with asking(lambda: rotor) as client:
        directory = index_of(some(3))
        await LeadLoader(directory, client).read_for_all(groups(some(3)), 100)
        found = look(directory, some(2)[1])
    assert isinstance(found, Match)
    assert (found.lead and found.lead.name, found.matched_by, found.alternatives) == ("Ann", "phone", ())


async def test_an_id_that_nobody_has_is_an_error_only_for_who_wants_it() -> None:
    people = [wanted(id=NOBODY), wanted(id=lead_id(0)), wanted(name="Ann")]
    with closing(company(stored(0, name="Ann"))) as sandbox:
        async with asking(sandbox.transport) as rotor:
            for number in (3, 2):  # among all, and one by one
                directory = index_of(people[:number])
                await LeadLoader(directory, rotor).read_for_all(groups(people[:number]), 100)
                with pytest.raises(NotFound):
                    directory.match(people[0], keys(people[0]))
                assert says(look(directory, people[1])) == (0, "id", [], None)
            assert sandbox.requests[1:] == [f"GET /leads/{NOBODY}", f"GET /leads/{lead_id(0)}"]


# Pages that are read at once


class Moving(httpx2.AsyncBaseTransport):
    """The sandbox, to which leads are added while it is asked, and which answers in another order."""

    def __init__(self, sandbox: Sandbox, choice: random.Random) -> None:
        self._rotor = sandbox.transport()
        self._store = sandbox.store
        self._choice = choice
        self._created = 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        await self._time_passes()
        response = await self._rotor.handle_async_request(request)
        await self._time_passes()
        return response

    async def _time_passes(self) -> None:
        for _ in range(self._choice.randrange(60)):
            await anyio.lowlevel.checkpoint()
        for _ in range(self._choice.choice([0, 0, 1, 3])):
            self._created += 1
            now = BEGIN + timedelta(days=1, seconds=self._created)
            self._store.upsert({"name": f"New {self._created}", "phone": f"1-{self._created}"}, now)


@pytest.mark.parametrize("seed", range(6))
async def test_nobody_is_missed_while_leads_are_created(seed: int) -> None:
    """A lead that a page pushes back to another is read with that one."""
    there = [stored(number, phone=f"(612) 555-{number:04}") for number in range(3_500)]
    boundaries = [
        number for page in range(1, 4) for number in range(3_480 - page * 1_000, 3_520 - page * 1_000)
    ]
    people = [wanted(phone=f"612-555-{number:04}") for number in boundaries if number >= 0]
    with closing(company(*there)) as sandbox:
        async with asking(lambda: Moving(sandbox, random.Random(seed))) as rotor:
            directory = index_of(people)
            await LeadLoader(directory, rotor).read_for_all(groups(people), 100)
            missed = [one.phone for one in people if look(directory, one) == Match()]
            assert missed == []
            assert rotor.requests <= 10
            assert not any("New" in str(lead) for lead in directory._leads.values())


@pytest.mark.parametrize(("status", "error"), [(429, QuotaExceeded), (500, Unanswered)])
async def test_an_error_in_the_middle_is_raised_once_and_as_itself(
    status: int, error: type[RotorError]
) -> None:
    """What is in hand ends; no further page is asked for."""

    async def answer(page: int) -> httpx2.Response:
        if page in (3, 4):
            return httpx2.Response(status, json={"status": "error", "message": "no"})
        await anyio.lowlevel.checkpoint()
        return listing([], has_more=True, total=9_000)

    rotor = Answering(answer)
    async with asking(lambda: rotor) as client:
        with pytest.raises(error) as raised:
            await LeadLoader(index_of(some(20)), client).read_for_all(groups(some(20)), 100)
    assert raised.value.__class__ is error
    assert raised.value.__context__ is None or not isinstance(raised.value.__context__, BaseExceptionGroup)
    if status == 429:  # a 500 is tried again, and others are read meanwhile
        assert max(rotor.asked) <= 7
        assert len(rotor.asked) == len(set(rotor.asked))


async def test_an_error_while_each_is_looked_up() -> None:
    with closing(Sandbox(leads=11_000)) as sandbox:
        async with asking(sandbox.transport) as rotor:
            sandbox.faults.add(Fault(times=2, delay=0))
            sandbox.faults.add(Fault(status=429))
            with pytest.raises(QuotaExceeded):
                await LeadLoader(index_of(some(10)), rotor).read_for_all(groups(some(10)), 100)
            assert 3 <= rotor.requests <= 6
