import math
from datetime import date

import anyio
import pytest

from rotor_mcp.company import REMEMBERED, Companies, Queue, Spending
from rotor_mcp.errors import NotSent

pytestmark = pytest.mark.anyio


async def test_the_first_to_come_is_told_that_nobody_was_before() -> None:
    queue = Queue()
    async with queue.turn(["phone 1"], 1) as last_left:
        assert last_left == -math.inf
    before = anyio.current_time()
    async with queue.turn(["phone 1", "email a"], 1) as last_left:
        assert last_left <= before
    async with queue.turn(["phone 2"], 1) as last_left:
        assert last_left == -math.inf


async def test_patience_is_for_all_keys_together() -> None:
    queue = Queue()

    async def hold(key: str, seconds: float) -> None:
        async with queue.turn([key], 1):
            await anyio.sleep(seconds)

    async with anyio.create_task_group() as group:
        group.start_soon(hold, "email a", 0.2)
        group.start_soon(hold, "phone 1", 0.5)
        await anyio.sleep(0.05)
        started = anyio.current_time()
        with pytest.raises(NotSent, match="other calls for the same person"):
            async with queue.turn(["phone 1", "email a"], 0.25):
                pytest.fail("both keys were had")
        assert anyio.current_time() - started < 0.4
    async with queue.turn(["phone 1", "email a"], 0.1):
        pass


async def test_the_queue_forgets_those_who_left_long_ago() -> None:
    queue = Queue()
    for number in range(REMEMBERED + 1):
        async with queue.turn([f"id {number}"], 1):
            pass
    async with queue.turn(["id 0"], 1) as first, queue.turn([f"id {REMEMBERED}"], 1) as last:
        assert (first == -math.inf, last == -math.inf) == (True, False)


async def test_requests_are_counted_for_a_day() -> None:
    day = date(2026, 11, 22)
    spending = Spending(lambda: day)
    await spending.add()
    await spending.add(3)
    assert await spending.today() == 4
    day = date(2026, 11, 23)
    assert await spending.today() == 0
    await spending.add()
    assert await spending.today() == 1


async def test_each_company_has_everything_of_its_own() -> None:
    companies = Companies(30)
    first, second = companies.of("rotor_a_1"), companies.of("rotor_b_2")
    await first.spent()
    async with first.queue.turn(["phone 1"], 1), second.queue.turn(["phone 1"], 1):
        await first.before_write()
    assert [await first.spending.today(), await second.spending.today()] == [1, 0]
