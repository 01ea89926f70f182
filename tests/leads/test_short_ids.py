"""Short ids, as a model uses them: they mean the lead for which they were shown, or are refused with words."""

import logging
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import httpx2
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from inline_snapshot import snapshot
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp.types import CallToolResult

from rotor_mcp.api.pool import TransportFactory
from rotor_mcp.config import Settings
from rotor_mcp.sandbox import FULL_KEY, Fault, Sandbox
from rotor_mcp.sandbox.store import _UPSERT_SQL, FIELDS, StoredLead, _to_row
from rotor_mcp.server.mcp_server import build_server
from tests.conftest import NOW, content, text
from tests.leads import companies
from tests.state.redis.servers import RedisServer, redis_server

pytestmark = pytest.mark.anyio

ANN = "182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e"
BOB = "182bd5e5-6e1a-4fe4-a799-bbbbbbbbbbbb"
CARA = "9f0c1b22-0000-4000-8000-00000000000c"


def lead(lead_id: str, name: str, number: int = 0, **fields: Any) -> StoredLead:
    """A lead as the sandbox stores it; a greater number is a newer one."""
    created = f"2026-{1 + number // 28 // 24 % 10:02}-{1 + number // 24 % 28:02}T{number % 24:02}:00:00Z"
    known = {"id": lead_id, "name": name, "stage": "New Leads", "tags": [], "created_at": created}
    return dict.fromkeys(FIELDS) | known | fields


def add(rotor: Sandbox, *leads: StoredLead) -> None:
    """Add leads with ids of our choice, as nobody can over the API."""
    with rotor.store._transaction() as db:
        db.executemany(_UPSERT_SQL, map(_to_row, leads))


def company(*leads: StoredLead) -> AbstractContextManager[Sandbox]:
    return companies.company(leads)


@dataclass
class Served:
    """A server of ours, and somebody who uses it."""

    client: Client

    async def call(self, tool: str, **arguments: Any) -> CallToolResult:
        return await self.client.call_tool(tool, arguments)

    async def show(self, **arguments: Any) -> dict[str, str]:
        """Search, and return the leads that the text shows: id → short id."""
        found = await self.call("search_leads", fields=["id"], **arguments)
        assert not found.is_error, text(found)
        ids = [one["id"] for one in content(found)["leads"]]
        short = re.findall(r"^([0-9a-f-]{8,36})$", text(found), re.MULTILINE)
        return dict(zip(ids, short, strict=True))


@asynccontextmanager
async def serve(
    rotor: Sandbox, transport: TransportFactory | None = None, **options: Any
) -> AsyncIterator[Served]:
    chosen = Settings.load({"api_key": FULL_KEY, "timezone": "America/Chicago", **options})
    async with Client(
        build_server(chosen, transport=transport or rotor.transport, clock=lambda: NOW)
    ) as client:
        yield Served(client)


def writes(rotor: Sandbox) -> int:
    return sum(request.startswith("POST") for request in rotor.requests)


# What they mean


async def test_a_lead_that_was_shown_costs_no_further_request() -> None:
    with company(lead(ANN, "Ann Lee"), lead(CARA, "Cara Diaz")) as rotor:
        async with serve(rotor) as server:
            assert await server.show() == {ANN: "182bd5e5", CARA: "9f0c1b22"}
            rotor.requests.clear()
            read = await server.call("get_lead", id="182bd5e5")
            assert content(read)["lead"]["id"] == ANN
            assert rotor.requests == [f"GET /leads/{ANN}"]
            done = await server.call("upsert_lead", id="9f0c1b22", stage="Won")
            assert (content(done)["outcome"], content(done)["id"]) == ("updated", CARA)
            resource = await server.client.read_resource("rotor://leads/9f0c1b22")
            assert "Cara Diaz" in resource.contents[0].text  # type: ignore[union-attr]
            assert rotor.requests[1:] == [f"GET /leads/{CARA}", "POST /leads", f"GET /leads/{CARA}"]


@pytest.mark.parametrize(
    "given",
    [
        "182BD5E5",
        '"182bd5e5"',
        "`182bd5e5`",
        "id 182bd5e5",
        "ID: 182bd5e5",
        "id:182bd5e5",
        "id `182bd5e5`",
        "#182bd5e5",
        "(id 182bd5e5)",
        " 182bd5e5… ",
        "182bd5e5...",
        "{182bd5e5}",
        "182bd5e5-",
        "182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26",
        f"id {ANN.upper()}",
    ],
)
async def test_it_is_taken_as_it_is_pasted(given: str) -> None:
    with company(lead(ANN, "Ann Lee"), lead(CARA, "Cara Diaz")) as rotor:
        async with serve(rotor) as server:
            await server.show()
            read = await server.call("get_lead", id=given)
            assert content(read)["lead"]["id"] == ANN


async def test_digits_alone_may_come_as_a_number() -> None:
    digits = f"12345678{ANN[8:]}"
    with company(lead(digits, "Dee Fox")) as rotor:
        async with serve(rotor) as server:
            await server.show()
            assert content(await server.call("get_lead", id=12345678))["lead"]["id"] == digits


@pytest.mark.parametrize(
    "given", ["182bd5e", "182bd5e-", "182bd5e56", "182bd5e5_6", "182bd5g5", f"{ANN}0", "id", "182bd5e5 6e1a"]
)
async def test_what_is_no_part_of_an_id_is_refused(given: str) -> None:
    with company(lead(ANN, "Ann Lee")) as rotor:
        async with serve(rotor) as server:
            await server.show()
            rotor.requests.clear()
            for tool in ("get_lead", "upsert_lead"):
                refused = await server.call(tool, id=given)
                assert refused.is_error
                assert text(refused).startswith("Nothing was sent.\nid: not a lead id; one looks like ")
                assert "or short like 182bd5e5: its first 8 characters or more" in text(refused)
            assert rotor.requests == []


async def test_an_id_that_was_read_whole_may_be_given_short() -> None:
    with company(lead(ANN, "Ann Lee")) as rotor:
        async with serve(rotor) as server:
            await server.call("get_lead", id=ANN)
            rotor.requests.clear()
            assert content(await server.call("get_lead", id=ANN[:8]))["lead"]["id"] == ANN
            assert rotor.requests == [f"GET /leads/{ANN}"]
            new = content(await server.call("upsert_lead", name="Eve Poe", phone="(612) 555-0142"))["id"]
            rotor.requests.clear()
            assert content(await server.call("get_lead", id=new[:8]))["lead"]["id"] == new
            assert rotor.requests == [f"GET /leads/{new}"]


# What is not certain


async def test_two_leads_begin_with_it() -> None:
    with company(lead(ANN, "Ann Lee"), lead(CARA, "Cara Diaz", 1)) as rotor:
        async with serve(rotor) as server:
            assert (await server.show(search="Ann"))[ANN] == "182bd5e5"
            add(rotor, lead(BOB, "Bob Lee", 2))
            shown = await server.show(search="Bob")
            assert shown == {BOB: "182bd5e5-6e1a-4fe4-a799-b"}
            rotor.requests.clear()
            refused = await server.call("upsert_lead", id="182bd5e5", stage="Won")
            assert refused.is_error
            assert text(refused) == snapshot("""\
Nothing was written. 2 requests spent.
id: 2 leads' ids begin with 182bd5e5: Ann Lee (id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e); Bob Lee (id 182bd5e5-6e1a-4fe4-a799-bbbbbbbbbbbb). Give the whole id of the one that is meant\
""")
            assert rotor.requests == [f"GET /leads/{ANN}", f"GET /leads/{BOB}"]
            done = await server.call("upsert_lead", id=shown[BOB], stage="Won")
            assert content(done)["id"] == BOB


async def test_a_lead_that_was_only_read_makes_it_longer() -> None:
    with company(lead(ANN, "Ann Lee"), lead(BOB, "Bob Lee", 1)) as rotor:
        async with serve(rotor) as server:
            await server.call("search_leads", limit=0)
            assert await server.show(search="Ann") == {ANN: "182bd5e5-6e1a-4fe4-a799-a"}
        async with serve(rotor) as server:
            await server.call("get_lead", id=BOB)
            assert await server.show(search="Ann") == {ANN: "182bd5e5-6e1a-4fe4-a799-a"}


async def test_two_leads_begin_with_it_and_none_was_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "rotor_mcp")
    with company(lead(BOB, "B" * 100), lead(ANN, "Ann\nLee", 1, archived_at="2026-11-01T00:00:00Z")) as rotor:
        async with serve(rotor) as server:
            refused = await server.call("upsert_lead", id="182bd5e5", stage="Won")
            assert text(refused) == snapshot("""\
Nothing was written. 1 request spent.
id: 2 leads' ids begin with 182bd5e5: Ann Lee (id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e); BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB… (id 182bd5e5-6e1a-4fe4-a799-bbbbbbbbbbbb). Give the whole id of the one that is meant\
""")
            assert rotor.requests == ["GET /leads"]
            with pytest.raises(MCPError, match="2 leads' ids begin with 182bd5e5"):
                await server.client.read_resource("rotor://leads/182bd5e5")
    assert "short id unclear" in caplog.text
    logged = " ".join(one.getMessage() for one in caplog.records if one.name.startswith("rotor_mcp"))
    assert "Ann" not in logged


async def test_many_leads_begin_with_it() -> None:
    many = [lead(f"{ANN[:9]}{number:04x}{ANN[13:]}", f"Lead {number}", number) for number in range(40)]
    with company(*many) as rotor:
        async with serve(rotor) as server:
            refused = text(await server.call("get_lead", id="182bd5e5"))
            assert "40 leads' ids begin with 182bd5e5: Lead 39 (id " in refused
            assert "Lead 30 (id 182bd5e5-001e-4fe4-a799-aa6d9a6ab26e) and 30 more. Give" in refused
            assert "Lead 29" not in refused
            shown = await server.show(limit=40)
            assert shown == {one["id"]: one["id"] for one in many}, "so many are shown whole"


# What was not shown


async def test_it_is_looked_for_among_all_leads() -> None:
    others = [lead(f"{number:08x}{CARA[8:]}", f"Lead {number}", number) for number in range(1, 2_001)]
    with company(lead(ANN, "Ann Lee", archived_at="2026-11-01T00:00:00Z"), *others) as rotor:
        async with serve(rotor) as server:
            read = await server.call("get_lead", id="182bd5e5-6")
            assert (content(read)["lead"]["id"], content(read)["requests"]) == (ANN, 4)
            rotor.requests.clear()
            done = await server.call("upsert_lead", id="182bd5e5-6", stage="Won")
            assert content(done)["id"] == ANN
            assert "GET /leads" not in rotor.requests, "once is enough"
            rotor.requests.clear()
            nobody = await server.call("get_lead", id="182bd5e6")
            assert nobody.is_error
            assert text(nobody) == snapshot("""\
Nothing was written. 3 requests spent.
id: no lead's id begins with 182bd5e6. search_leads finds leads by name, phone or e-mail; archived ones with archived: include\
""")


async def test_a_short_id_that_was_shown_to_another_server_before_it_was_started_anew() -> None:
    with company(lead(ANN, "Ann Lee")) as rotor:
        async with serve(rotor) as server:
            await server.show()
        async with serve(rotor) as server:
            assert content(await server.call("get_lead", id="182bd5e5"))["lead"]["id"] == ANN
        add(rotor, lead(BOB, "Bob Lee", 1))
        async with serve(rotor) as server:
            assert "2 leads' ids begin" in text(await server.call("get_lead", id="182bd5e5"))


async def test_the_list_is_read_anew() -> None:
    """What a search has read and remembers may be old."""
    with company(lead(ANN, "Ann Lee")) as rotor:
        async with serve(rotor) as server:
            await server.call("search_leads", limit=0, archived="include")
            add(rotor, lead(BOB, "Bob Lee", 1))
            assert "2 leads' ids begin" in text(await server.call("get_lead", id="182bd5e5"))


async def test_a_company_with_more_leads_than_a_search_may_read() -> None:
    others = [lead(f"{number:08x}{CARA[8:]}", f"Lead {number}", number) for number in range(1, 3_001)]
    with company(lead(ANN, "Ann Lee"), *others, lead(CARA, "Cara Diaz", 3_001)) as rotor:
        async with serve(rotor, search_requests="2") as server:
            refused = await server.call("upsert_lead", id="182bd5e5", stage="Won")
            assert text(refused) == snapshot("""\
Nothing was written. 2 requests spent.
id: 182bd5e5 was not shown lately, and only the newest 2,000 of 3,002 leads were read: of these none begins with it, and an older one may too. Give the whole id of the lead that is meant; search_leads finds leads by name, phone or e-mail\
""")
            refused = await server.call("upsert_lead", id="9f0c1b22", stage="Won")
            assert text(refused) == snapshot("""\
Nothing was written. 1 request spent.
id: 9f0c1b22 was not shown lately, and only the newest 1,000 of 3,002 leads were read: of these only Cara Diaz (id 9f0c1b22-0000-4000-8000-00000000000c) begins with it, and an older one may too. Give the whole id of the lead that is meant; search_leads finds leads by name, phone or e-mail\
""")
            assert writes(rotor) == 0
            await server.show(search="Ann")
            assert content(await server.call("get_lead", id="182bd5e5"))["lead"]["id"] == ANN


async def test_several_of_a_company_with_more_leads_than_a_search_may_read() -> None:
    """Reading stops only when each has a candidate."""
    others = [lead(f"{number:08x}{CARA[8:]}", f"Lead {number}", number) for number in range(1, 3_001)]
    with company(*others, lead(CARA, "Cara Diaz", 3_001)) as rotor:
        async with serve(rotor, search_requests="2") as server:
            rows = [{"id": short, "stage": "Won"} for short in ("9f0c1b22", "000005dd", "00000001")]
            done = await server.call("upsert_leads", rows=rows)
            assert text(done) == snapshot("""\
3 rows: 3 invalid. 2 requests spent.
Row 1, invalid: id: 9f0c1b22 was not shown lately, and only the newest 2,000 of 3,001 leads were read: of these only Cara Diaz (id 9f0c1b22-0000-4000-8000-00000000000c) begins with it, and an older one may too. Give the whole id of the lead that is meant; search_leads finds leads by name, phone or e-mail.
Row 2, invalid: id: 000005dd was not shown lately, and only the newest 2,000 of 3,001 leads were read: of these only Lead 1501 (id 000005dd-0000-4000-8000-00000000000c) begins with it, and an older one may too. Give the whole id of the lead that is meant; search_leads finds leads by name, phone or e-mail.
Row 3, invalid: id: 00000001 was not shown lately, and only the newest 2,000 of 3,001 leads were read: of these none begins with it, and an older one may too. Give the whole id of the lead that is meant; search_leads finds leads by name, phone or e-mail.\
""")
            assert rotor.requests == ["GET /leads"] * 2
            done = await server.call("upsert_leads", rows=rows[:1], ids=["00000bb8"], stage="Won")
            assert text(done) == snapshot("""\
2 rows: 2 invalid. 1 request spent. Row 2 is the first of the ids.
Row 1, invalid: id: 9f0c1b22 was not shown lately, and only the newest 1,000 of 3,001 leads were read: of these only Cara Diaz (id 9f0c1b22-0000-4000-8000-00000000000c) begins with it, and an older one may too. Give the whole id of the lead that is meant; search_leads finds leads by name, phone or e-mail.
Row 2, invalid: id: 00000bb8 was not shown lately, and only the newest 1,000 of 3,001 leads were read: of these only Lead 3000 (id 00000bb8-0000-4000-8000-00000000000c) begins with it, and an older one may too. Give the whole id of the lead that is meant; search_leads finds leads by name, phone or e-mail.\
""")
            assert rotor.requests == ["GET /leads"] * 3


async def test_a_list_that_shrinks_while_it_is_read_is_not_whole() -> None:
    """A lead that is deleted moves another one to a page that was read before."""
    others = [lead(f"{number:08x}{CARA[8:]}", f"Lead {number}", number) for number in range(1, 1_101)]
    with company(lead(BOB, "Bob Lee"), *others, lead(ANN, "Ann Lee", 1_101)) as rotor:
        async with serve(rotor, transport=lambda: DeletesMeanwhile(rotor, others[-1])) as server:
            refused = text(await server.call("get_lead", id="182bd5e5-6e1a-4fe4-a799-a"))
            assert "only the newest 1,101 of 1,102 leads were read" in refused


class DeletesMeanwhile(httpx2.AsyncBaseTransport):
    """A Rotor in which somebody deletes a lead of the first page before the second one is read."""

    def __init__(self, rotor: Sandbox, gone: StoredLead) -> None:
        self._rotor, self._gone = rotor, gone
        self._inner = rotor.transport()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.params.get("page") == "2":
            with self._rotor.store._transaction() as db:
                db.execute("DELETE FROM leads WHERE id = ?", [self._gone["id"]])
        return await self._inner.handle_async_request(request)


async def test_an_answer_that_does_not_come_refuses_nothing() -> None:
    with company(lead(ANN, "Ann Lee")) as rotor:
        async with serve(rotor) as server:
            rotor.faults.add(Fault(status=403, times=1))
            failed = await server.call("get_lead", id="182bd5e5")
            assert failed.is_error
            assert "(403)" in text(failed)
            assert not (await server.call("get_lead", id="182bd5e5")).is_error


# Many


async def test_rows_whose_lead_is_not_certain_stop_no_other() -> None:
    with company(lead(BOB, "Bob Lee"), lead(ANN, "Ann Lee", 1), lead(CARA, "Cara Diaz", 2)) as rotor:
        async with serve(rotor) as server:
            rows = [
                {"id": "182bd5e5", "stage": "Won"},
                {"id": "9f0c1b22", "stage": "Won"},
                {"id": "182bd5e", "stage": "Won"},
                {"id": "00000000", "stage": "Won"},
                {"phone": "(612) 555-0142", "name": "Eve Poe"},
            ]
            done = await server.call("upsert_leads", rows=rows)
            assert content(done)["counts"] == {"created": 1, "updated": 1, "invalid": 3}
            shown = {row["row"]: row["reasons"] for row in content(done)["attention"]}
            assert shown[1] == snapshot(
                [
                    "id: 2 leads' ids begin with 182bd5e5: Ann Lee (id 182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e); Bob Lee (id 182bd5e5-6e1a-4fe4-a799-bbbbbbbbbbbb). Give the whole id of the one that is meant"
                ]
            )
            assert shown[3][0].startswith("id: not a lead id")
            assert shown[4][0].startswith("id: no lead's id begins with 00000000")
            stages = {lead_id: (rotor.store.get(lead_id) or {}).get("stage") for lead_id in (ANN, BOB, CARA)}
            assert stages == {ANN: "New Leads", BOB: "New Leads", CARA: "Won"}


async def test_rows_share_one_reading() -> None:
    many = [lead(f"{number:08x}{CARA[8:]}", f"Lead {number}", number) for number in range(1, 1_101)]
    with company(*many) as rotor:
        async with serve(rotor) as server:
            rows = [{"id": one["id"][:8], "stage": "Won"} for one in many[:2]]
            done = await server.call("upsert_leads", rows=rows)
            assert content(done)["counts"] == {"updated": 2}
            assert rotor.requests.count("GET /leads") == 2


async def test_a_short_and_a_whole_id_are_one_person() -> None:
    with company(lead(ANN, "Ann Lee"), lead(CARA, "Cara Diaz")) as rotor:
        async with serve(rotor) as server:
            await server.show()
            rows = [{"id": "182bd5e5", "stage": "Won"}, {"id": ANN, "tags": ["vip"]}]
            done = await server.call("upsert_leads", rows=rows)
            assert content(done)["counts"] == {"updated": 2}
            assert writes(rotor) == 1
            rows = [{"id": "182bd5e5", "stage": "Lost"}, {"id": f"{ANN[:12]}", "stage": "Won"}]
            done = await server.call("upsert_leads", rows=rows)
            assert content(done)["counts"] == {"invalid": 2}
            assert "are the same person, but differ in stage" in text(done)


# Never another lead


def alike(shared: int, number: int) -> str:
    """Return an id that has so many characters of Ann's, and then differs from all others of its kind."""
    digits = f"{number:04x}" * 9
    mixed = ANN[:shared] + digits[shared:]
    return "".join("-" if one == "-" else new for one, new in zip(ANN, mixed, strict=True))


@dataclass
class Conversation:
    """What was done so far, and which short ids were shown for which leads."""

    rotor: Sandbox
    names: dict[str, str] = field(default_factory=dict)
    """Id → name."""
    shown: dict[str, set[str]] = field(default_factory=dict)
    """Short id → the leads for which it was shown, by any server, before a restart or after it."""

    def create(self, shared: int) -> None:
        number = len(self.names)
        lead_id = alike(shared, number)
        self.names[lead_id] = f"Person {number:03}"
        add(self.rotor, lead(lead_id, self.names[lead_id], number))

    def note(self, shown: dict[str, str]) -> None:
        for lead_id, short in shown.items():
            assert lead_id.startswith(short)
            self.shown.setdefault(short, set()).add(lead_id)

    async def use(self, server: Served, short: str) -> None:
        """Use a short id: it means a lead for which it was shown, or is refused with words."""
        meant = self.shown.get(short, set())
        begins = {one for one in self.names if one.startswith(short)}
        result = await server.call("upsert_lead", id=short, stage=f"Stage {len(self.rotor.requests)}")
        if result.is_error:
            assert "begin with" in text(result) or "begins with" in text(result) or len(begins) != 1
            assert text(result).startswith("Nothing was")
        else:
            hit = content(result)["id"]
            assert hit in (meant or begins)
            assert meant or begins == {hit}, "the only one of the company"
            self.note({hit: short})


Step = tuple[Any, ...]
index = st.integers(0, 20)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("create"), st.sampled_from([0, 8, 9, 13])),
        st.tuples(st.just("search"), index, index),
        st.tuples(st.just("list"), index),
        st.tuples(st.just("get"), index, index),
        st.tuples(st.just("use"), index, index),
        st.tuples(st.just("use"), index, index),
        st.tuples(st.just("cut"), index, index, st.integers(8, 30)),
        st.tuples(st.just("restart"), index),
    ),
    min_size=4,
    max_size=25,
)


async def converse(
    sharing: Sequence[int], actions: Sequence[Step], servers: int, options: dict[str, Any]
) -> None:
    with company() as rotor:
        talk = Conversation(rotor)
        for shared in sharing:
            talk.create(shared)
        async with AsyncExitStack() as stack:
            running = [await stack.enter_async_context(serve(rotor, **options)) for _ in range(servers)]
            for what, *given in actions:
                place = given[0] % servers
                server, ids = running[place], list(talk.names)
                match what:
                    case "create":
                        talk.create(given[0])
                    case "search":
                        name = talk.names[ids[given[1] % len(ids)]]
                        talk.note(await server.show(search=name))
                    case "list":
                        talk.note(await server.show(limit=50))
                    case "get":
                        lead_id = ids[given[1] % len(ids)]
                        await server.call("get_lead", id=lead_id)
                        talk.note({lead_id: lead_id[:8]})  # a model may cut what it was shown whole
                    case "use" if talk.shown:
                        await talk.use(server, list(talk.shown)[given[1] % len(talk.shown)])
                    case "cut":
                        await talk.use(server, ids[given[1] % len(ids)][: given[2]])
                    case "restart":  # the one before is not asked any more
                        running[place] = await stack.enter_async_context(serve(rotor, **options))


AFTER_A_RESTART = ([8, 13, 13], [("search", 0, 0), ("search", 0, 1), ("restart", 0), ("search", 0, 2)])
"""The second lead is shown by ten characters, and then the third one, which has them too, by eight."""


@settings(max_examples=40)
@example(AFTER_A_RESTART[0], [*AFTER_A_RESTART[1], ("use", 0, 1)])
@given(st.lists(st.sampled_from([0, 8, 9, 13]), min_size=2, max_size=6), steps)
def test_a_short_id_never_means_another_lead(sharing: list[int], actions: list[Step]) -> None:
    anyio.run(converse, sharing, actions, 1, {})


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from([0, 8, 9, 13]), min_size=2, max_size=6), steps, st.sampled_from(["0", "30"]))
def test_it_never_does_on_several_servers(
    redis: RedisServer, sharing: list[int], actions: list[Step], memory: str
) -> None:
    with redis.client() as client:
        client.flushall()
    anyio.run(converse, sharing, actions, 2, {"redis_url": redis.url, "search_memory": memory})
