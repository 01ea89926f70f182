"""What searches remember, on all servers together."""

import zlib
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rotor_mcp.company import Company
from rotor_mcp.models import READ_NAMES, Lead, Page
from rotor_mcp.shared.link import PAUSE, Link
from rotor_mcp.shared.names import Names
from rotor_mcp.shared.pages import LARGEST, SharedShelf
from tests.shared.conftest import KEY, Replica, logged
from tests.shared.servers import RedisServer
from tests.waiting import until

pytestmark = pytest.mark.anyio

QUERY = '["(612) 555-0142", null]'


def page(name: str) -> Page:
    return Page(leads=[Lead(id="1", name=name, phone="(612) 555-0142")], total=1, has_more=False)


def reading(name: str) -> Callable[[], Awaitable[Page]]:
    async def read() -> Page:
        return page(name)

    return read


async def recalled(company: Company, name: str) -> str:
    """Recall the page, or read it with this name on it; say which name is on what came."""
    found, _ = await company.memory.recall(QUERY, reading(name))
    return str(found.leads[0].name)


async def test_what_one_server_reads_another_remembers(redis: RedisServer, replica: Replica) -> None:
    here, there, elsewhere = replica(redis), replica(redis), replica(redis, "rotor_another_company")
    began = anyio.current_time()
    assert await here.memory.recall(QUERY, reading("Ann")) == (page("Ann"), 0)
    await anyio.sleep(0.3)
    found, age = await there.memory.recall(QUERY, reading("not read"))
    assert found == page("Ann")
    assert 0.25 < age < anyio.current_time() - began + 0.01
    assert await recalled(elsewhere, "Bob") == "Bob"


async def test_what_one_server_forgets_all_forget(redis: RedisServer, replica: Replica) -> None:
    here, there = replica(redis), replica(redis)
    assert await recalled(here, "Ann") == "Ann"
    await there.memory.forget()
    assert await recalled(here, "Ann Lee") == "Ann Lee"
    assert await recalled(there, "not read") == "Ann Lee"


async def test_what_was_read_before_a_write_is_never_remembered(redis: RedisServer, replica: Replica) -> None:
    here, there = replica(redis), replica(redis)
    asked, written = anyio.Event(), anyio.Event()

    async def read() -> Page:
        asked.set()
        await written.wait()
        return page("before the write")

    async with anyio.create_task_group() as group:
        group.start_soon(here.memory.recall, QUERY, read)
        await asked.wait()
        await there.memory.forget()
        written.set()
    assert await recalled(there, "after the write") == "after the write"
    assert await recalled(here, "not read") == "after the write"


async def test_a_call_that_is_cancelled_makes_all_forget(redis: RedisServer, replica: Replica) -> None:
    here, there = replica(redis), replica(redis)
    assert await recalled(there, "before the write") == "before the write"
    with anyio.move_on_after(0):
        await here.memory.forget()
    assert await recalled(there, "after the write") == "after the write"


async def test_nothing_lies_in_redis_longer_than_a_search_may_remember(
    redis: RedisServer, replica: Replica
) -> None:
    here, there = replica(redis, seconds=2), replica(redis, seconds=2)
    assert await recalled(here, "Ann") == "Ann"
    assert any(":page:" in name for name in redis.held())
    await until(lambda: not any(":page:" in name for name in redis.held()))
    assert await recalled(there, "Bob") == "Bob"


async def test_a_server_with_a_shorter_memory_keeps_to_it(redis: RedisServer, replica: Replica) -> None:
    here, there = replica(redis), replica(redis, seconds=2)
    assert await recalled(here, "Ann") == "Ann"
    assert await recalled(there, "not read") == "Ann"
    await anyio.sleep(2.1)
    assert await recalled(there, "Bob") == "Bob"


async def test_without_a_memory_nothing_is_put_there(
    redis: RedisServer, replica: Replica, caplog: pytest.LogCaptureFixture
) -> None:
    here = replica(redis, seconds=0)
    assert [await recalled(here, "Ann"), await recalled(here, "Bob")] == ["Ann", "Bob"]
    assert (redis.held(), logged(caplog)) == ({}, [])


async def test_no_name_and_no_mark_shows_what_was_searched(redis: RedisServer, replica: Replica) -> None:
    here = replica(redis)
    await recalled(here, "Ann")
    await here.memory.forget()
    shown = repr(redis.held())
    for secret in ("555", "0142", "Ann", "rotor_", "k3y1d", "s3cr3tpart"):
        assert secret not in shown


# Strangers


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=60)
    | st.binary(max_size=60).map(zlib.compress)
    | st.sampled_from(
        [
            b"{}",
            b"null",
            b'{"mark":"","seconds":30,"page":{"leads":[1],"has_more":true}}',
            b'{"mark":"another","seconds":30,"page":{"leads":[],"has_more":true}}',
            b'{"mark":"","seconds":"NaN?","page":{"leads":[],"has_more":true}}',
        ]
    ).map(zlib.compress)
)
def test_whatever_else_lies_there_is_as_good_as_nothing(redis: RedisServer, data: bytes) -> None:
    async def find() -> Page | None:
        with redis.client() as client:
            client.flushall()
            client.set(Names(KEY).of("page", QUERY), data, ex=30)
        link = Link(redis.url)
        found = await SharedShelf(30, Names(KEY), link).find(QUERY)
        await link.aclose()
        return found.page

    assert anyio.run(find) is None


async def test_a_page_that_would_unpack_to_too_much_is_not_unpacked(redis: RedisServer) -> None:
    kept = b'{"mark":"","seconds":30,"page":{"leads":[],"has_more":true}}' + b" " * LARGEST
    with redis.client() as client:
        client.set(Names(KEY).of("page", QUERY), zlib.compress(kept), ex=30)
    link = Link(redis.url)
    found = await SharedShelf(30, Names(KEY), link).find(QUERY)
    await link.aclose()
    assert found.page is None


values: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text() | st.integers())
)
beyond_limits = {"notes": "n" * 3_000, "priority": "urgent", "email": "at home", "projected_value": -1}
names = [*Lead.model_fields, *READ_NAMES.values(), "unknown"]


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(answered=[beyond_limits], total=None)
@given(st.lists(st.dictionaries(st.sampled_from(names), values), max_size=4), st.none() | st.integers())
def test_a_lead_comes_back_as_it_was_read(
    redis: RedisServer, answered: list[dict[str, Any]], total: int | None
) -> None:
    read = Page(leads=[Lead.model_validate(one) for one in answered], total=total, has_more=True)

    async def put_and_find() -> Page | None:
        link = Link(redis.url)
        shelf = SharedShelf(30, Names(KEY), link)
        await shelf.keep(QUERY, read, (await shelf.find(QUERY)).mark)
        found = await shelf.find(QUERY)
        await link.aclose()
        return found.page

    assert anyio.run(put_and_find) == read


# Without Redis


async def test_without_redis_each_server_remembers_for_itself(
    redis_to_kill: RedisServer, replica: Replica
) -> None:
    here, there = replica(redis_to_kill), replica(redis_to_kill)
    redis_to_kill.kill()
    assert [await recalled(here, "Ann"), await recalled(there, "Bob")] == ["Ann", "Bob"]
    assert [await recalled(here, "not read"), await recalled(there, "not read")] == ["Ann", "Bob"]
    await here.memory.forget()
    assert await recalled(here, "Ann Lee") == "Ann Lee"


async def test_what_could_not_be_forgotten_is_forgotten_when_redis_is_back(
    redis_to_kill: RedisServer, replica: Replica
) -> None:
    here, there = replica(redis_to_kill), replica(redis_to_kill)
    assert await recalled(there, "before the write") == "before the write"
    redis_to_kill.freeze()  # it will be back with all that it holds
    await here.memory.forget()
    redis_to_kill.thaw()
    await anyio.sleep(PAUSE)
    assert await recalled(here, "after the write") == "after the write"
    assert await recalled(there, "not read") == "after the write"


async def test_what_was_remembered_without_redis_is_not_when_it_is_back(
    redis_to_kill: RedisServer, replica: Replica
) -> None:
    here, there = replica(redis_to_kill), replica(redis_to_kill)
    redis_to_kill.kill()
    assert await recalled(here, "before the write") == "before the write"
    redis_to_kill.start()
    await anyio.sleep(PAUSE)
    assert await recalled(there, "after the write") == "after the write"
    assert await recalled(here, "not read") == "after the write"
    redis_to_kill.kill()
    assert await recalled(here, "read anew") == "read anew"
