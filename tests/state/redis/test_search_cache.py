"""What searches remember, on all servers together."""

import random
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from rotor_mcp.api.models import LEAD_FIELDS, MAX_READ_CHARS, READ_NAMES, Lead, Page, read_lead
from rotor_mcp.errors import NotSent
from rotor_mcp.state.redis.connection import RETRY_PAUSE_SECONDS, RedisCacheConnection, RedisConnection
from rotor_mcp.state.redis.factory import RedisStateFactory
from rotor_mcp.state.redis.key_names import KeyNames
from rotor_mcp.state.redis.search_cache import MAX_COMPANY_BYTES, MAX_UNPACKED_BYTES, RedisSearchCache
from rotor_mcp.state.search_cache import BoundedPages
from rotor_mcp.state.tenant_state import TenantState
from tests.state.redis.conftest import KEY, Replica, logged
from tests.state.redis.servers import RedisServer, redis_server
from tests.waiting import until, within

pytestmark = pytest.mark.anyio

QUERY = '["(612) 555-0142", null]'


def page(name: str) -> Page:
    return Page(leads=[Lead(id="1", name=name, phone="(612) 555-0142")], total=1, has_more=False)


def reading(name: str) -> Callable[[], Awaitable[Page]]:
    async def read() -> Page:
        return page(name)

    return read


async def recalled(company: TenantState, name: str) -> str:
    """Recall the page, or read it with this name on it; say which name is on what came."""
    found, _ = await company.search_cache.get_or_fetch(QUERY, reading(name))
    return str(found.leads[0].name)


async def test_what_one_server_reads_another_remembers(redis: RedisServer, replica: Replica) -> None:
    here, there, elsewhere = replica(redis), replica(redis), replica(redis, "rotor_another_company")
    began = anyio.current_time()
    assert await here.search_cache.get_or_fetch(QUERY, reading("Ann")) == (page("Ann"), 0)
    await anyio.sleep(0.3)
    found, age = await there.search_cache.get_or_fetch(QUERY, reading("not read"))
    assert found == page("Ann")
    assert 0.25 < age < anyio.current_time() - began + 0.01
    assert await recalled(elsewhere, "Bob") == "Bob"


async def test_what_one_server_forgets_all_forget(redis: RedisServer, replica: Replica) -> None:
    here, there = replica(redis), replica(redis)
    assert await recalled(here, "Ann") == "Ann"
    await there.search_cache.invalidate()
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
        group.start_soon(here.search_cache.get_or_fetch, QUERY, read)
        await asked.wait()
        await there.search_cache.invalidate()
        written.set()
    assert await recalled(there, "after the write") == "after the write"
    assert await recalled(here, "not read") == "after the write"


async def test_a_call_that_is_cancelled_makes_all_forget(redis: RedisServer, replica: Replica) -> None:
    here, there = replica(redis), replica(redis)
    assert await recalled(there, "before the write") == "before the write"
    with anyio.move_on_after(0):
        await here.search_cache.invalidate()
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
    await here.search_cache.invalidate()
    shown = repr(redis.held())
    for secret in ("555", "0142", "Ann", "rotor_", "k3y1d", "s3cr3tpart"):
        assert secret not in shown


# Limits


def large(number: int, size: int = 1_600_000) -> Page:
    """A page that packs to about half of its size."""
    digits = random.Random(number).randbytes(size // 2).hex()
    notes = [digits[start : start + MAX_READ_CHARS] for start in range(0, size, MAX_READ_CHARS)]
    leads = [read_lead({"id": str(number), "notes": text}) for text in notes]
    return Page(leads=leads, total=len(leads), has_more=False)


async def kept(company: TenantState, number: int, size: int = 1_600_000) -> bool:
    """Recall a page, or read it; say whether it was remembered."""
    fresh = False

    async def read() -> Page:
        nonlocal fresh
        fresh = True
        return large(number, size)

    page, _ = await company.search_cache.get_or_fetch(f"query {number}", read)
    assert page == large(number, size)
    return not fresh


async def test_a_company_fills_redis_up_to_a_limit(redis: RedisServer, replica: Replica) -> None:
    here = replica(redis)
    for number in range(25):
        assert not await kept(here, number)
    with redis.client() as client:
        names = list(client.scan_iter("*:page:*"))
        assert MAX_COMPANY_BYTES * 0.9 < sum(map(client.strlen, names)) <= MAX_COMPANY_BYTES
    assert not await kept(here, 0), "the oldest are dropped first"
    assert await kept(here, 24)
    await here.search_cache.invalidate()
    with redis.client() as client:
        assert list(client.scan_iter("*:page*")) == []


async def test_a_page_that_is_too_large_is_not_kept(
    redis: RedisServer, replica: Replica, caplog: pytest.LogCaptureFixture
) -> None:
    here = replica(redis)
    assert [await kept(here, 1, 2_400_000) for _ in range(2)] == [False, False]
    assert [await kept(here, 2) for _ in range(2)] == [False, True]
    assert logged(caplog) == []


async def test_pages_leave_room_for_locks(tmp_path: Path, replica: Replica) -> None:
    """Half of the memory is not for pages, however many companies there are."""
    with redis_server(tmp_path, "--maxmemory", "20mb") as server:
        state_factory = [replica(server, f"rotor_company_{number}") for number in range(4)]
        for number in range(10):
            for company in state_factory:
                await kept(company, number)
        for company in state_factory:
            async with company.locks.hold(["phone 1"], within(1)) as lease:
                await lease.verify()
                assert lease.fault is None
        with server.client() as client:
            assert int(client.info("memory")["used_memory"]) < 11_000_000


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("zadd", "it refuses a command that is needed"),
        ("mget", "its user may not use a command that is needed"),
    ],
)
async def test_a_cache_that_is_refused_leaves_the_locks_on(
    command: str, reason: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rules = ("--user", "jo", "on", ">pa55word-of-jo", "~*", "+@all", f"-{command}")
    with redis_server(tmp_path, *rules) as server:
        url = SecretStr(f"redis://jo:pa55word-of-jo@127.0.0.1:{server.port}")
        servers = [RedisStateFactory(url, 30), RedisStateFactory(url, 30)]
        here, there = (state_factory.for_key(KEY) for state_factory in servers)
        for _ in range(3):
            await kept(here, 1)
        async with here.locks.hold(["phone 1"], within(1)) as lease:
            with pytest.raises(NotSent):
                async with there.locks.hold(["phone 1"], within(0.2)):
                    pytest.fail("two servers had one turn")
            await lease.verify()
            assert lease.fault is None
        for state_factory in servers:
            await state_factory.aclose()
    assert logged(caplog) == [f"Redis does not keep what searches read: {reason}. Locks and counts go on"]


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
            client.set(KeyNames(KEY).of("page", QUERY), data, ex=30)
        link = RedisConnection(redis.url)
        found = await RedisSearchCache(30, BoundedPages(), KeyNames(KEY), RedisCacheConnection(link)).find(
            QUERY
        )
        await link.aclose()
        return found.page

    assert anyio.run(find) is None


async def test_a_page_that_would_unpack_to_too_much_is_not_unpacked(redis: RedisServer) -> None:
    kept = b'{"mark":"","seconds":30,"page":{"leads":[],"has_more":true}}' + b" " * MAX_UNPACKED_BYTES
    with redis.client() as client:
        client.set(KeyNames(KEY).of("page", QUERY), zlib.compress(kept), ex=30)
    link = RedisConnection(redis.url)
    found = await RedisSearchCache(30, BoundedPages(), KeyNames(KEY), RedisCacheConnection(link)).find(QUERY)
    await link.aclose()
    assert found.page is None


values: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text() | st.integers())
)
beyond_limits = {"notes": "n" * 3_000, "priority": "urgent", "email": "at home", "projected_value": -1}
names = [*LEAD_FIELDS, *READ_NAMES.values(), "unknown"]


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(answered=[beyond_limits], total=None)
@given(st.lists(st.dictionaries(st.sampled_from(names), values), max_size=4), st.none() | st.integers())
def test_a_lead_comes_back_as_it_was_read(
    redis: RedisServer, answered: list[dict[str, Any]], total: int | None
) -> None:
    read = Page(leads=[read_lead(one) for one in answered], total=total, has_more=True)

    async def put_and_find() -> Page | None:
        link = RedisConnection(redis.url)
        shelf = RedisSearchCache(30, BoundedPages(), KeyNames(KEY), RedisCacheConnection(link))
        await shelf.keep(QUERY, read, (await shelf.find(QUERY)).generation)
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
    await here.search_cache.invalidate()
    assert await recalled(here, "Ann Lee") == "Ann Lee"


async def test_what_could_not_be_forgotten_is_forgotten_when_redis_is_back(
    redis_to_kill: RedisServer, replica: Replica
) -> None:
    here, there = replica(redis_to_kill), replica(redis_to_kill)
    assert await recalled(there, "before the write") == "before the write"
    redis_to_kill.freeze()  # it will be back with all that it holds
    await here.search_cache.invalidate()
    redis_to_kill.thaw()
    await anyio.sleep(RETRY_PAUSE_SECONDS)
    assert await recalled(here, "after the write") == "after the write"
    assert await recalled(there, "not read") == "after the write"


async def test_what_was_remembered_without_redis_is_not_when_it_is_back(
    redis_to_kill: RedisServer, replica: Replica
) -> None:
    here, there = replica(redis_to_kill), replica(redis_to_kill)
    redis_to_kill.kill()
    assert await recalled(here, "before the write") == "before the write"
    redis_to_kill.start()
    await anyio.sleep(RETRY_PAUSE_SECONDS)
    assert await recalled(there, "after the write") == "after the write"
    assert await recalled(here, "not read") == "after the write"
    redis_to_kill.kill()
    assert await recalled(here, "read anew") == "read anew"
