"""Several things at once: how many, in which order, and what a failure or a cancellation leaves behind."""

from collections.abc import Iterator

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotor_mcp.concurrency import MAX_CONCURRENT_REQUESTS, for_each

pytestmark = pytest.mark.anyio


class Work:
    """Things that are done when the test says so."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.done: list[int] = []
        self.broken_off: list[int] = []
        self._may_end: dict[int, anyio.Event] = {}

    async def do(self, number: int) -> None:
        self.begun.append(number)
        self._may_end[number] = anyio.Event()
        try:
            await self._may_end[number].wait()
        except anyio.get_cancelled_exc_class():
            self.broken_off.append(number)
            raise
        self.done.append(number)

    async def end(self, *numbers: int) -> None:
        """Let some of them end, and everything go on that can."""
        for number in numbers:
            self._may_end[number].set()
        await anyio.wait_all_tasks_blocked()


async def test_a_few_at_a_time_and_the_next_as_soon_as_one_has_ended() -> None:
    work = Work()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(for_each, range(10), work.do)
        await anyio.wait_all_tasks_blocked()
        assert (MAX_CONCURRENT_REQUESTS, work.begun) == (4, [0, 1, 2, 3])
        await work.end(2)
        assert work.begun == [0, 1, 2, 3, 4]
        await work.end(0, 4)
        assert work.begun == [0, 1, 2, 3, 4, 5, 6]
        await work.end(1, 3, 5, 6)
        assert work.begun == list(range(10))
        assert work.done == [2, 0, 4, 1, 3, 5, 6]
        await work.end(7, 8, 9)
    assert sorted(work.done) == list(range(10))


@pytest.mark.parametrize("number", [0, 1, 3])
async def test_fewer_than_could_be_in_hand(number: int) -> None:
    done = []

    async def do(item: int) -> None:
        await anyio.lowlevel.checkpoint()
        done.append(item)

    await for_each(range(number), do)
    assert done == list(range(number))


async def test_what_is_given_is_taken_one_by_one() -> None:
    """Something that makes its items as it goes is not asked for more than can be begun."""
    taken = []

    def numbers() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    async def do(_: int) -> None:
        await anyio.sleep_forever()

    with anyio.move_on_after(0.01):
        await for_each(numbers(), do)
    assert taken == [0, 1, 2, 3]


class OwnError(Exception):
    """Stands for an error of the caller's."""


async def test_the_first_failure_lets_what_is_in_hand_end_and_nothing_else_begin() -> None:
    work = Work()
    failure = OwnError("the third")

    async def do(number: int) -> None:
        await work.do(number)
        if number == 2:
            raise failure

    raised: list[Exception] = []

    async def run() -> None:
        try:
            await for_each(range(10), do)
        except OwnError as exc:
            raised.append(exc)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        await anyio.wait_all_tasks_blocked()
        await work.end(2)
        assert (work.begun, raised) == ([0, 1, 2, 3], [])
        await work.end(0, 1)
        assert (work.begun, raised) == ([0, 1, 2, 3], [])
        await work.end(3)
        assert (work.begun, work.done, work.broken_off) == ([0, 1, 2, 3], [2, 0, 1, 3], [])
    assert len(raised) == 1
    assert raised[0] is failure


async def test_of_several_failures_the_first_in_time_is_raised_and_no_group() -> None:
    work = Work()

    async def do(number: int) -> None:
        await work.do(number)
        raise OwnError(number)

    async def run() -> None:
        with pytest.raises(OwnError, match=r"^2$"):
            await for_each(range(10), do)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        await anyio.wait_all_tasks_blocked()
        await work.end(2)
        await work.end(3, 1, 0)
    assert work.begun == [0, 1, 2, 3]


async def test_a_cancellation_breaks_off_what_is_in_hand_and_is_no_failure() -> None:
    work = Work()
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(for_each, range(10), work.do)
            await anyio.wait_all_tasks_blocked()
            await work.end(1)
            scope.cancel()
    assert scope.cancelled_caught
    assert (work.begun, work.done) == ([0, 1, 2, 3, 4], [1])
    assert sorted(work.broken_off) == [0, 2, 3, 4]


@given(st.lists(st.integers(0, 3), max_size=30), st.sets(st.integers(0, 29), max_size=3))
def test_each_once_in_order_and_never_too_many(naps: list[int], failing: set[int]) -> None:
    begun: list[int] = []
    ended: list[int] = []
    most = 0

    async def do(number: int) -> None:
        nonlocal most
        begun.append(number)
        most = max(most, len(begun) - len(ended))
        for _ in range(naps[number]):
            await anyio.lowlevel.checkpoint()
        ended.append(number)
        if number in failing:
            raise OwnError(number)

    async def run() -> int | None:
        try:
            await for_each(range(len(naps)), do)
        except OwnError as exc:
            return int(exc.args[0])
        return None

    failed = anyio.run(run)
    assert begun == list(range(len(begun)))
    assert sorted(ended) == begun
    assert most <= MAX_CONCURRENT_REQUESTS
    if failed is None:
        assert len(begun) == len(naps)
        assert failing.isdisjoint(begun)
    else:
        assert failed == next(number for number in ended if number in failing)
