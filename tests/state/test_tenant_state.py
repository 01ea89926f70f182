import math
from datetime import UTC, datetime

import anyio
import pytest

from rotor_mcp.api.models import Lead, Page
from rotor_mcp.errors import NotSent
from rotor_mcp.state.keyed_locks import MAX_RELEASED_KEYS, KeyedLocks
from rotor_mcp.state.request_counter import RequestCounter
from rotor_mcp.state.search_cache import MAX_CACHED_BYTES, BoundedPages
from rotor_mcp.state.tenant_state import StateFactory
from tests.waiting import within

pytestmark = pytest.mark.anyio


async def test_the_first_to_come_is_told_that_nobody_was_before() -> None:
    queue = KeyedLocks()
    async with queue.hold(["phone 1"], within(1)) as lease:
        assert lease.released_at == -math.inf
    before = anyio.current_time()
    async with queue.hold(["phone 1", "email a"], within(1)) as lease:
        assert lease.released_at <= before
    async with queue.hold(["phone 2"], within(1)) as lease:
        assert lease.released_at == -math.inf


async def test_patience_is_for_all_keys_together() -> None:
    queue = KeyedLocks()

    async def hold(key: str, seconds: float) -> None:
        async with queue.hold([key], within(1)):
            await anyio.sleep(seconds)

    async with anyio.create_task_group() as group:
        group.start_soon(hold, "email a", 0.2)
        group.start_soon(hold, "phone 1", 0.5)
        await anyio.sleep(0.05)
        started = anyio.current_time()
        with pytest.raises(NotSent, match="other calls for the same person"):
            async with queue.hold(["phone 1", "email a"], within(0.25)):
                pytest.fail("both keys were had")
        assert anyio.current_time() - started < 0.4
    async with queue.hold(["phone 1", "email a"], within(0.1)):
        pass


async def test_the_queue_forgets_those_who_left_long_ago() -> None:
    queue = KeyedLocks()
    for number in range(MAX_RELEASED_KEYS + 1):
        async with queue.hold([f"id {number}"], within(1)):
            pass
    async with (
        queue.hold(["id 0"], within(1)) as first,
        queue.hold([f"id {MAX_RELEASED_KEYS}"], within(1)) as last,
    ):
        assert (first.released_at == -math.inf, last.released_at == -math.inf) == (True, False)


async def test_requests_are_counted_for_a_day() -> None:
    day = datetime(2026, 11, 22, tzinfo=UTC)
    spending = RequestCounter(lambda: day)
    await spending.add()
    await spending.add(3)
    assert await spending.today() == 4
    day = datetime(2026, 11, 23, tzinfo=UTC)
    assert await spending.today() == 0
    await spending.add()
    assert await spending.today() == 1


async def test_each_company_has_everything_of_its_own() -> None:
    state_factory = StateFactory(30)
    first, second = state_factory.for_key("rotor_a_1"), state_factory.for_key("rotor_b_2")
    await first.count_request(200)
    async with first.locks.hold(["phone 1"], within(1)) as lease, second.locks.hold(["phone 1"], within(1)):
        await lease.verify()
    assert [await first.request_counter.today(), await second.request_counter.today()] == [1, 0]


async def test_searches_of_all_companies_remember_up_to_a_limit() -> None:
    """24 searches over 20,000 leads each, by two companies."""
    state_factory = StateFactory(30)
    memories = [state_factory.for_key(f"rotor_{name}_1").search_cache for name in ("a", "b")]
    leads = [Lead(id=str(number), name="Ann Lee", notes="n" * 1_000) for number in range(1_000)]
    page, read = Page(leads=leads, total=20_000, has_more=True, size=1_250_000), 0

    async def fresh() -> Page:
        nonlocal read
        read += 1
        return page

    for number in range(240):
        for memory in memories:
            await memory.get_or_fetch(f"query {number}", fresh)
    assert read == 480
    assert 0.9 * MAX_CACHED_BYTES < state_factory._pages.size <= MAX_CACHED_BYTES
    await memories[0].get_or_fetch("query 239", fresh)
    assert read == 480, "the newest are remembered"
    await memories[0].get_or_fetch("query 0", fresh)
    assert read == 481, "the oldest are not"
    for memory in memories:
        await memory.invalidate()
    assert state_factory._pages.size == 0


async def test_a_page_beyond_the_limit_is_not_remembered() -> None:
    store = BoundedPages(max_bytes=10_000)
    store.keep(1, "small", Page(leads=[Lead(name="Ann")], has_more=False, size=1_000), 30)
    store.keep(2, "large", Page(leads=[Lead(name="Bob")], has_more=False, size=12_000), 30)
    assert (store.size, store.find(1, "small")[1], store.find(2, "large")[1]) == (0, None, None)


async def test_pages_that_are_too_old_take_no_memory() -> None:
    store = BoundedPages()
    store.keep(1, "first", Page(leads=[Lead(name="Ann")], has_more=False, size=1_000), 0.05)
    await anyio.sleep(0.06)
    store.keep(2, "second", Page(leads=[], has_more=False, size=10), 0.05)
    assert (store.size, store.find(1, "first")[1]) == (20, None)
