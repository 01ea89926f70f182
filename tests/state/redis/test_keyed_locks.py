"""Whose turn it is, on whichever server."""

import logging
import os
import random
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from subprocess import PIPE

import anyio
import pytest
from anyio.abc import Process
from anyio.streams.text import TextReceiveStream
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from rotor_mcp.errors import LockLost, NotSent
from rotor_mcp.sandbox import FULL_KEY, Sandbox
from rotor_mcp.sandbox.server import serving
from rotor_mcp.state.redis.connection import RETRY_PAUSE_SECONDS, RedisConnection
from rotor_mcp.state.redis.factory import RedisStateFactory
from rotor_mcp.state.redis.fenced_locks import LOCK_TTL_SECONDS, RENEW_SECONDS, RedisLock, RedisLocks
from rotor_mcp.state.redis.key_names import KeyNames
from rotor_mcp.state.tenant_state import TenantState
from tests.commands import begun
from tests.state.redis.conftest import KEY, Replica, logged
from tests.state.redis.servers import RedisServer
from tests.waiting import until, within

pytestmark = pytest.mark.anyio

ANN = "phone +16125550142"
LOST = "another server has begun to write to the same person meanwhile"
AWAY = "Redis cannot be relied on: there is no connection to it. Until it can, this server shares nothing with others"


async def test_who_leaves_on_one_server_is_seen_on_the_other(redis: RedisServer, replica: Replica) -> None:
    here, there = replica(redis), replica(redis)
    async with here.locks.hold([ANN], within(1)):
        inside = anyio.current_time()
        await anyio.sleep(0.2)
    await anyio.sleep(1)
    asked = anyio.current_time()
    async with there.locks.hold(["email ann@example.com", ANN], within(1)) as lease:
        # Never too early, or something stale would pass for fresh; and not as if it were only now.
        assert inside < lease.released_at < asked


async def test_another_person_and_another_company_wait_for_nobody(
    redis: RedisServer, replica: Replica
) -> None:
    here, there, elsewhere = replica(redis), replica(redis), replica(redis, "rotor_another_company")
    async with here.locks.hold([ANN], within(1)) as here_lease:
        with anyio.fail_after(20):  # whoever waited would wait for ever
            async with (
                there.locks.hold(["phone +16125550143"], within(60)) as there_lease,
                elsewhere.locks.hold([ANN], within(60)),
            ):
                await here_lease.verify()
                await there_lease.verify()


async def test_patience_is_for_all_keys_together(redis: RedisServer, replica: Replica) -> None:
    here, there = replica(redis), replica(redis)
    async with here.locks.hold(["phone 1"], within(1)):
        started = anyio.current_time()
        with pytest.raises(NotSent, match="other calls for the same person"):
            async with there.locks.hold(["email a", "phone 1"], within(0.4)):
                pytest.fail("both keys were had")
        assert anyio.current_time() - started > 0.35
        async with here.locks.hold(["email a"], within(20)):  # what it had had is free again
            pass
    async with there.locks.hold(["email a", "phone 1"], within(20)):
        pass


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.lists(st.sampled_from(["phone 1", "phone 2", "email a", "id 7"]), min_size=1, unique=True),
        min_size=2,
        max_size=14,
    ),
    st.integers(0, 1_000),
)
def test_nobody_is_ever_in_the_turn_of_another(redis: RedisServer, calls: list[list[str]], seed: int) -> None:
    rng = random.Random(seed)  # of hypothesis's own, drawing may end a call at any time
    inside: set[str] = set()
    left: dict[str, float] = {}

    async def call(company: TenantState, keys: list[str]) -> None:
        async with company.locks.hold(keys, within(20)) as lease:
            assert inside.isdisjoint(keys)
            assert lease.released_at >= max((left[key] for key in keys if key in left), default=0)
            inside.update(keys)
            await anyio.sleep(rng.choice((0, 0.001, 0.01)))
            await lease.verify()
            inside.difference_update(keys)
            left.update((key, anyio.current_time()) for key in keys)

    async def play() -> None:
        servers = [RedisStateFactory(SecretStr(redis.url), 30) for _ in range(3)]
        state_factory = [server.for_key(KEY) for server in servers]
        async with anyio.create_task_group() as group:
            for keys in calls:
                group.start_soon(call, rng.choice(state_factory), keys)
        for server in servers:
            await server.aclose()

    anyio.run(play)


async def test_a_lock_is_renewed_as_long_as_it_is_held(redis: RedisServer, replica: Replica) -> None:
    here, there = replica(redis), replica(redis)
    async with here.locks.hold([ANN], within(1)) as here_lease:
        with pytest.raises(NotSent):
            async with there.locks.hold([ANN], within(LOCK_TTL_SECONDS + RENEW_SECONDS)):
                pytest.fail("it ended although its holder is alive")
        await here_lease.verify()
    assert not any(":lock:" in name for name in redis.held())


async def test_a_call_that_is_cancelled_leaves_no_lock(redis: RedisServer, replica: Replica) -> None:
    here, there = replica(redis), replica(redis)
    for moment in range(20):
        with anyio.move_on_after(moment / 4_000):
            async with here.locks.hold([ANN, "email a"], within(1)):
                await anyio.sleep(1)
        async with there.locks.hold([ANN, "email a"], within(20)):
            pass
    assert not any(":lock:" in name for name in redis.held())


# Locks that are lost


async def test_a_lock_that_nobody_had_since_is_taken_again(redis: RedisServer, replica: Replica) -> None:
    here, there = replica(redis), replica(redis)
    async with here.locks.hold([ANN], within(1)) as here_lease:
        delete_locks(redis)
        await here_lease.verify()
        await refused(there)


@pytest.mark.parametrize("still_there", [True, False])
async def test_a_lock_that_somebody_had_since_is_lost(
    redis: RedisServer, replica: Replica, still_there: bool
) -> None:
    here, there = replica(redis), replica(redis)
    async with here.locks.hold(["email a", ANN], within(1)) as here_lease:
        delete_locks(redis)
        asked = anyio.current_time()
        async with there.locks.hold([ANN], within(1)) as lease:
            assert lease.released_at >= asked  # who had it never said that he left
            if still_there:
                with pytest.raises(LockLost, match=LOST):
                    await here_lease.verify()
        with pytest.raises(LockLost, match=LOST):
            await here_lease.verify()
    async with here.locks.hold([ANN], within(1)) as here_lease:
        await here_lease.verify()


async def test_a_renewal_that_comes_late_takes_no_lock(redis: RedisServer) -> None:
    link = RedisConnection(redis.url)
    locks, lock = RedisLocks(link), RedisLock.on(ANN, KeyNames(KEY))
    await locks.take(lock)
    await locks.release(lock)
    with pytest.raises(LockLost):
        await locks.renew([lock])
    await locks.aclose()
    await link.aclose()
    assert not any(":lock:" in name for name in redis.held())


def delete_locks(redis: RedisServer) -> None:
    with redis.client() as client:
        client.delete(*client.scan_iter("*:lock:*"))


# Processes


@dataclass
class Holder:
    """A process that holds the turn of Ann."""

    process: Process
    lines: AsyncIterator[str]

    async def hears(self) -> None:
        assert self.process.stdin
        await self.process.stdin.send(b"\n")

    async def says(self) -> str:
        with anyio.fail_after(20):
            return (await anext(self.lines)).strip()


@pytest.fixture
async def rotor() -> AsyncIterator[tuple[str, Sandbox]]:
    """The address of a Rotor where nobody is yet."""
    with closing(Sandbox(leads=0)) as sandbox:
        async with serving(sandbox) as url:
            yield url, sandbox


@asynccontextmanager
async def holder(redis: RedisServer, rotor_url: str) -> AsyncIterator[Holder]:
    """Start a process, and wait until it holds the turn."""
    arguments = [redis.url, rotor_url, "+16125550142"]
    module = "tests.state.redis.holder"
    async with begun(arguments, os.environ, stdin=PIPE, stderr=2, module=module) as process:
        assert process.stdout
        started = Holder(process, aiter(TextReceiveStream(process.stdout)))
        assert await started.says() == "held"
        yield started


async def test_of_two_processes_one_waits(
    redis: RedisServer, replica: Replica, rotor: tuple[str, Sandbox]
) -> None:
    company = replica(redis, FULL_KEY)
    async with holder(redis, rotor[0]) as other:
        with pytest.raises(NotSent):
            async with company.locks.hold([ANN], within(0.5)):
                pytest.fail("the other has it")
        await other.hears()
        assert await other.says() == "created"
        left = anyio.current_time()
        await other.hears()
        async with company.locks.hold([ANN], within(2)) as lease:
            assert lease.released_at >= left


async def test_who_is_killed_holds_up_nobody_for_long(
    redis: RedisServer, replica: Replica, rotor: tuple[str, Sandbox]
) -> None:
    company = replica(redis, FULL_KEY)
    async with holder(redis, rotor[0]) as other:
        other.process.kill()
        killed = anyio.current_time()
        async with company.locks.hold([ANN], within(LOCK_TTL_SECONDS + 5)) as lease:
            # What it had written nobody knows, so that all that was read is out of date.
            assert lease.released_at > killed + LOCK_TTL_SECONDS - RENEW_SECONDS - 1


async def test_who_was_frozen_and_lost_its_turn_sends_nothing(
    redis: RedisServer, replica: Replica, rotor: tuple[str, Sandbox]
) -> None:
    company = replica(redis, FULL_KEY)
    async with holder(redis, rotor[0]) as other:
        other.process.send_signal(signal.SIGSTOP)
        async with company.locks.hold([ANN], within(LOCK_TTL_SECONDS + 5)) as company_lease:
            await company_lease.verify()
        await other.hears()
        other.process.send_signal(signal.SIGCONT)
        assert await other.says() == f"LockLost: {LOST}"
        assert rotor[1].requests == []
        await other.hears()


async def test_who_was_frozen_and_had_no_follower_writes(
    redis: RedisServer, rotor: tuple[str, Sandbox]
) -> None:
    async with holder(redis, rotor[0]) as other:
        other.process.send_signal(signal.SIGSTOP)
        await until(lambda: not any(":lock:" in name for name in redis.held()))
        await other.hears()
        other.process.send_signal(signal.SIGCONT)
        assert await other.says() == "created"
        await other.hears()


# Without Redis


async def refused(company: TenantState) -> None:
    """Try to have the turn that somebody else has."""
    with pytest.raises(NotSent, match="other calls for the same person"):
        async with company.locks.hold([ANN], within(0.3)):
            pytest.fail("it was had by two")


async def test_without_redis_each_process_is_for_itself(
    redis_to_kill: RedisServer, replica: Replica, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    here, there = replica(redis_to_kill), replica(redis_to_kill)
    async with here.locks.hold([ANN], within(1)) as here_lease:
        redis_to_kill.kill()
        await here_lease.verify()  # it is not known to be lost
        async with anyio.create_task_group() as group:
            group.start_soon(refused, here)  # within a process there is a queue all the same
        async with (
            here.locks.hold(["phone 2"], within(20)),
            there.locks.hold([ANN], within(20)) as there_lease,
        ):
            await there_lease.verify()
    assert logged(caplog) == [AWAY, AWAY]  # once for each process


async def test_a_redis_that_was_emptied_under_way_hinders_nobody(
    redis_to_kill: RedisServer, replica: Replica, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    here, there = replica(redis_to_kill), replica(redis_to_kill)
    async with (
        here.locks.hold([ANN], within(1)) as here_lease,
        there.locks.hold(["phone 2"], within(1)) as there_lease,
    ):
        redis_to_kill.kill()
        await there_lease.verify()
        restarted = anyio.current_time()
        redis_to_kill.start()
        await here_lease.verify()
        await there_lease.verify()
        async with there.locks.hold(["phone 3"], within(1)) as lease:
            assert lease.released_at >= restarted  # who held it before is not known any more
        await refused(there)
    assert logged(caplog) == [AWAY, "Redis can be used again"]


async def test_what_happened_without_redis_counts_as_just_now(
    redis_to_kill: RedisServer, replica: Replica
) -> None:
    here, there = replica(redis_to_kill), replica(redis_to_kill)
    async with there.locks.hold([ANN], within(1)):
        pass
    redis_to_kill.freeze()
    async with here.locks.hold([ANN], within(5)):
        pass
    left = anyio.current_time()
    redis_to_kill.thaw()
    await anyio.sleep(RETRY_PAUSE_SECONDS)
    await here.request_counter.today()
    async with there.locks.hold([ANN], within(1)) as lease:
        assert lease.released_at >= left


async def test_what_was_begun_without_redis_is_held_there_when_it_is_back(
    redis_to_kill: RedisServer, replica: Replica
) -> None:
    here, there = replica(redis_to_kill), replica(redis_to_kill)
    redis_to_kill.kill()
    async with here.locks.hold([ANN], within(1)) as here_lease:
        redis_to_kill.start()
        await until(lambda: any(":lock:" in name for name in redis_to_kill.held()))
        await refused(there)
        await here_lease.verify()
    async with there.locks.hold([ANN], within(20)):
        pass


@pytest.mark.parametrize("still_there", [True, False])
async def test_who_began_without_redis_gives_way(
    redis_to_kill: RedisServer, replica: Replica, still_there: bool
) -> None:
    here, there = replica(redis_to_kill), replica(redis_to_kill)
    redis_to_kill.kill()
    async with here.locks.hold([ANN], within(1)) as here_lease:
        redis_to_kill.start()
        async with there.locks.hold([ANN], within(1)):
            if still_there:
                await anyio.sleep(RETRY_PAUSE_SECONDS)
                with pytest.raises(LockLost, match=LOST):
                    await here_lease.verify()
        await anyio.sleep(0 if still_there else RETRY_PAUSE_SECONDS)
        with pytest.raises(LockLost, match=LOST):
            await here_lease.verify()


async def test_a_redis_that_does_not_answer_costs_little_time(
    redis_to_kill: RedisServer, replica: Replica
) -> None:
    company = replica(redis_to_kill)
    async with company.locks.hold([ANN], within(1)) as company_lease:
        redis_to_kill.freeze()
        started = anyio.current_time()
        await company_lease.verify()
        assert anyio.current_time() - started < 5
        started = anyio.current_time()
        for number in range(20):
            async with company.locks.hold([f"phone {number}"], within(1)) as lease:
                await lease.verify()
        assert anyio.current_time() - started < 5  # to ask it each time would take longer
    redis_to_kill.thaw()


async def test_no_name_and_no_value_in_redis_shows_who_is_meant(redis: RedisServer, replica: Replica) -> None:
    company = replica(redis)
    shown = ""
    async with company.locks.hold([ANN, "email ann@example.com", "id 182bd5e5"], within(1)):
        shown += repr(redis.held())
    async with company.locks.hold([ANN], within(1)):
        shown += repr(redis.held())
    assert len(redis.held()) > 3
    for secret in ("6125550142", "ann@example", "182bd5e5", "rotor_", "k3y1d", "s3cr3tpart"):
        assert secret not in shown
