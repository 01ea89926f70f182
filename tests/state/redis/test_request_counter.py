"""The count of requests, on all servers together."""

from datetime import UTC, datetime

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rotor_mcp.state.redis.connection import RETRY_PAUSE_SECONDS, RedisConnection
from rotor_mcp.state.redis.key_names import KeyNames
from rotor_mcp.state.redis.request_counter import RedisBudget, RedisRequestCounter
from tests.state.redis.conftest import KEY, Replica
from tests.state.redis.servers import RedisServer

pytestmark = pytest.mark.anyio


async def test_all_servers_count_together(redis: RedisServer, replica: Replica) -> None:
    here, there, elsewhere = replica(redis), replica(redis), replica(redis, "rotor_another_company")
    await here.request_counter.add()
    await there.request_counter.add(3)
    await elsewhere.request_counter.add(10)
    assert [await company.request_counter.today() for company in (here, there, elsewhere)] == [4, 4, 10]


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 9)), max_size=30))
def test_whoever_adds_when_nothing_is_counted_twice(
    redis: RedisServer, additions: list[tuple[int, int]]
) -> None:
    async def count() -> list[int]:
        with redis.client() as client:
            client.flushall()
        links = [RedisConnection(redis.url) for _ in range(3)]
        spendings = [RedisRequestCounter(KeyNames(KEY), link) for link in links]
        async with anyio.create_task_group() as group:
            for number, requests in additions:
                group.start_soon(spendings[number].add, requests)
        counted = [await spending.today() for spending in spendings]
        for link in links:
            await link.aclose()
        return counted

    assert anyio.run(count) == [sum(requests for _, requests in additions)] * 3


async def test_a_new_day_begins_at_nothing(redis: RedisServer) -> None:
    day = datetime(2026, 11, 22, tzinfo=UTC)
    link = RedisConnection(redis.url)
    spending = RedisRequestCounter(KeyNames(KEY), link, lambda: day)
    await spending.add(5)
    day = datetime(2026, 11, 23, tzinfo=UTC)
    assert await spending.today() == 0
    await spending.add()
    assert await spending.today() == 1
    yesterday = RedisRequestCounter(KeyNames(KEY), link, lambda: datetime(2026, 11, 22, tzinfo=UTC))
    assert await yesterday.today() == 5  # on another server, whose clock is late
    await link.aclose()


async def test_what_was_spent_without_redis_is_told_when_it_is_back(
    redis_to_kill: RedisServer, replica: Replica
) -> None:
    here, there = replica(redis_to_kill), replica(redis_to_kill)
    await here.request_counter.add(5)
    await there.request_counter.add(2)
    redis_to_kill.kill()
    await here.request_counter.add()
    await there.request_counter.add(10)
    assert [await company.request_counter.today() for company in (here, there)] == [6, 17]
    redis_to_kill.start()  # it has lost everything
    await anyio.sleep(RETRY_PAUSE_SECONDS)
    assert [await company.request_counter.today() for company in (there, here)] == [17, 18]
    assert await there.request_counter.today() == 18


async def test_how_long_the_count_of_a_day_is_kept(redis: RedisServer, replica: Replica) -> None:
    await replica(redis).request_counter.add()
    with redis.client() as client:
        (name,) = client.scan_iter("*:spent:*")
        assert 86_400 < client.ttl(name) <= 2 * 86_400


async def test_reservations_are_seen_by_all_servers(redis: RedisServer) -> None:
    links = [RedisConnection(redis.url), RedisConnection(redis.url)]
    here, there = (RedisBudget(KeyNames("caller ann"), link) for link in links)
    assert await here.reserve("one", 8, 10, 30) == (0, True)
    assert await there.reserve("two", 1, 10, 30) == (0, True)
    assert await there.reserve("three", 1, 9, 30) == (0, False)
    await here.settle("one", 3)
    assert await there.reserve("three", 8, 10, 30) == (3, True)
    assert await here.reserve("four", 1, 10, 30) == (3, False)
    await there.settle("two", 7)
    await there.settle("three", 0)
    assert await here.reserve("five", 1, 10, 30) == (10, False)
    for link in links:
        await link.aclose()


async def test_a_server_that_was_killed_reserves_for_a_while(redis: RedisServer) -> None:
    links = [RedisConnection(redis.url), RedisConnection(redis.url)]
    killed, there = (RedisBudget(KeyNames("caller ben"), link) for link in links)
    assert await killed.reserve("one", 100, 10, 1) == (0, True)
    with anyio.fail_after(20):
        while not (await there.reserve("two", 1, 10, 30))[1]:  # noqa: ASYNC110 - it ends by itself
            await anyio.sleep(0.1)
    for link in links:
        await link.aclose()


async def test_without_redis_each_server_reserves_for_itself(redis: RedisServer) -> None:
    links = [RedisConnection(redis.url), RedisConnection(redis.url)]
    here, there = (RedisBudget(KeyNames("caller eve"), link) for link in links)
    assert await here.reserve("one", 4, 10, 30) == (0, True)
    await here.settle("one", 4)
    redis.kill()
    assert await here.reserve("two", 6, 10, 30) == (4, True)
    assert await here.reserve("three", 1, 10, 30) == (4, False)
    assert await there.reserve("four", 6, 10, 30) == (0, True)
    await here.settle("two", 6)
    assert await here.reserve("five", 1, 10, 30) == (10, False)
    for link in links:
        await link.aclose()
