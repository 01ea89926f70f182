"""Short ids on all servers together."""

from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from rotor_mcp.state.redis.connection import RETRY_PAUSE_SECONDS
from rotor_mcp.state.redis.factory import RedisStateFactory
from rotor_mcp.state.redis.key_names import KeyNames
from rotor_mcp.state.redis.shown_ids import GROUP_TTL_SECONDS, MAX_MEMBERS
from rotor_mcp.state.shown_ids import Candidates
from tests.state.redis.conftest import KEY, Replica, logged
from tests.state.redis.servers import RedisServer, redis_server
from tests.state.test_shown_ids import JANE, OTHER, sharing
from tests.waiting import within

pytestmark = pytest.mark.anyio

NEAR = sharing(9)
GROUP = KeyNames(KEY).of("shown", "182bd5e5")


@pytest.mark.parametrize("seconds", [30, 0])
async def test_what_one_server_shows_another_finds(
    seconds: float, redis: RedisServer, replica: Replica
) -> None:
    here, there = replica(redis, seconds=seconds), replica(redis, seconds=seconds)
    elsewhere = replica(redis, "rotor_another_company", seconds)
    assert await here.shown_ids.shorten([JANE, OTHER]) == {JANE: "182bd5e5", OTHER: "9f0c1b22"}
    assert await there.shown_ids.find("182bd5e5") == Candidates((JANE,), ())
    assert await there.shown_ids.find("182bd5e5-6e") == Candidates((), (JANE,))
    assert await elsewhere.shown_ids.find("182bd5e5") == Candidates((), ())


async def test_what_another_server_has_shown_is_told_apart(redis: RedisServer, replica: Replica) -> None:
    here, there, third = (replica(redis) for _ in range(3))
    assert await here.shown_ids.shorten([JANE]) == {JANE: "182bd5e5"}
    assert await there.shown_ids.shorten([NEAR, OTHER]) == {NEAR: NEAR[:10], OTHER: "9f0c1b22"}
    assert await here.shown_ids.find(NEAR[:10]) == Candidates((NEAR,), ())
    for server in (here, there, third):
        found = await server.shown_ids.find("182bd5e5")
        assert {*found.shown, *found.others} == {JANE, NEAR}
    assert await third.shown_ids.shorten([JANE]) == {JANE: "182bd5e5-6"}


async def test_what_one_server_has_read_counts_there_alone(redis: RedisServer, replica: Replica) -> None:
    here, there = replica(redis), replica(redis)
    here.shown_ids.learn([NEAR])
    assert await here.shown_ids.shorten([JANE]) == {JANE: "182bd5e5-6"}
    assert await there.shown_ids.find("182bd5e5-6") == Candidates((JANE,), ())
    assert await there.shown_ids.find("182bd5e5") == Candidates((), (JANE,)), "nobody has shown this"


async def test_two_servers_at_once_never_show_one_prefix_for_two_leads(
    redis: RedisServer, replica: Replica
) -> None:
    ids = [f"{JANE[:chars]}{number:04x}{JANE[chars + 4 :]}" for chars in (9, 14) for number in range(6)]
    servers = [replica(redis) for _ in ids]
    shown: dict[str, str] = {}

    async def show(number: int) -> None:
        shown.update(await servers[number].shown_ids.shorten([ids[number]]))

    async with anyio.create_task_group() as group:
        for number in range(len(ids)):
            group.start_soon(show, number)
    assert len(set(shown.values())) == len(ids)
    for lead_id, short in shown.items():
        found = await servers[0].shown_ids.find(short)
        assert lead_id in found.shown
        assert len({*found.shown, *found.others}) > 1 or found.shown == (lead_id,)


async def test_a_page_of_leads_takes_one_round_trip(redis: RedisServer, replica: Replica) -> None:
    here = replica(redis)
    await here.shown_ids.shorten([JANE])  # opens the connection, and loads the script
    with redis.client() as client:
        client.config_resetstat()
        await here.shown_ids.shorten([f"{number:08x}{OTHER[8:]}" for number in range(100)])
        calls = {name: of["calls"] for name, of in client.info("commandstats").items()}
    inside = {"cmdstat_scard", "cmdstat_sadd", "cmdstat_expire", "cmdstat_smembers", "cmdstat_info"}
    assert {name: of for name, of in calls.items() if not name.startswith(("cmdstat_config", *inside))} == {
        "cmdstat_evalsha": 1
    }
    with redis.client() as client:
        client.config_resetstat()
        assert await here.shown_ids.shorten([]) == {}
        assert "cmdstat_evalsha" not in client.info("commandstats")


async def test_a_group_is_kept_for_a_day_after_it_was_shown(redis: RedisServer, replica: Replica) -> None:
    here, there = replica(redis), replica(redis)
    await here.shown_ids.shorten([JANE])
    with redis.client() as client:
        assert GROUP_TTL_SECONDS - 10 < client.ttl(GROUP) <= GROUP_TTL_SECONDS
        client.expire(GROUP, 60)
        await there.shown_ids.shorten([NEAR])
        assert GROUP_TTL_SECONDS - 10 < client.ttl(GROUP) <= GROUP_TTL_SECONDS
        client.delete(GROUP)
    assert (await here.shown_ids.find("182bd5e5")).shown == (JANE,), "here it is still known"


async def test_ids_leave_room_for_locks(
    tmp_path: Path, replica: Replica, caplog: pytest.LogCaptureFixture
) -> None:
    """However many leads results show, locks can be written, and the server that showed an id knows it."""
    with redis_server(tmp_path, "--maxmemory", "8mb") as server:
        here, there = replica(server), replica(server)
        shown: dict[str, str] = {}
        for number in range(0, 40_000, 500):
            ids = [f"{number + at:08x}{OTHER[8:]}" for at in range(500)]
            shown |= await here.shown_ids.shorten(ids)
        with server.client() as client:
            used = int(client.info("memory")["used_memory"])
        async with there.locks.hold(["phone 1"], within(1)) as lease:
            await lease.verify()
            assert lease.fault is None
        last, first = (f"{number:08x}" for number in (39_999, 0))
        assert used < 5_000_000
        assert set(map(len, shown.values())) == {8}
        assert (await here.shown_ids.find(last)).shown == (last + OTHER[8:],)
        assert (await there.shown_ids.find(first)).shown == (first + OTHER[8:],)
        assert (await there.shown_ids.find(last)).shown == ()
    assert logged(caplog) == [
        "Redis uses 50 % of its memory (maxmemory): nothing more is cached. Locks and counts go on"
    ]


async def test_a_group_has_room_for_so_many(redis: RedisServer, replica: Replica) -> None:
    with redis.client() as client:
        client.sadd(GROUP, *range(MAX_MEMBERS))
        assert await replica(redis).shown_ids.shorten([JANE]) == {JANE: JANE}
        assert client.scard(GROUP) == MAX_MEMBERS
    assert await replica(redis).shown_ids.find("182bd5e5") == Candidates((), ())


async def test_no_name_shows_which_ids_there_are(redis: RedisServer, replica: Replica) -> None:
    await replica(redis).shown_ids.shorten([JANE])
    names = [name for name in redis.held() if ":shown:" in name]
    assert names == [GROUP]
    assert "182bd5e5" not in GROUP


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.binary(max_size=50)
        | st.sampled_from(
            [
                f"8 {OTHER}",  # of another group
                f"7 {JANE}",
                f"36 {JANE}",
                f"-8 {JANE}",
                f"8.0 {JANE}",
                f"008 {JANE}",
                f"٨ {JANE}",
                f"8  {JANE}",
                f"8 {JANE} ",
                f"8 {JANE.upper()}",
                JANE,
                "8 182bd5e5",
            ]
        ).map(str.encode),
        min_size=1,
        max_size=5,
    )
)
def test_whatever_else_lies_there_is_ignored(redis: RedisServer, members: list[bytes]) -> None:
    async def run() -> None:
        with redis.client() as client:
            client.flushall()
            client.sadd(GROUP, *members)
        factory = RedisStateFactory(SecretStr(redis.url), 30)
        ids = factory.for_key(KEY).shown_ids
        assert await ids.find("182bd5e5") == Candidates((), ())
        assert await ids.shorten([JANE]) == {JANE: "182bd5e5"}
        await factory.aclose()

    anyio.run(run)


async def test_a_key_of_another_kind_leaves_each_server_to_itself(
    redis: RedisServer, replica: Replica
) -> None:
    here = replica(redis)
    with redis.client() as client:
        client.set(GROUP, "not a set")
    assert await here.shown_ids.shorten([JANE]) == {JANE: "182bd5e5"}
    assert await here.shown_ids.find("182bd5e5") == Candidates((JANE,), ())


@pytest.mark.parametrize("command", ["sadd", "smembers", "evalsha"])
async def test_a_redis_that_refuses_leaves_the_locks_on(
    command: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rules = ("--user", "jo", "on", ">pa55word-of-jo", "~*", "+@all", f"-{command}")
    with redis_server(tmp_path, *rules) as server:
        url = SecretStr(f"redis://jo:pa55word-of-jo@127.0.0.1:{server.port}")
        factory = RedisStateFactory(url, 30)
        here = factory.for_key(KEY)
        for _ in range(2):
            assert await here.shown_ids.shorten([JANE]) == {JANE: "182bd5e5"}
            assert await here.shown_ids.find("182bd5e5") == Candidates((JANE,), ())
        if command != "evalsha":  # which locks need, too
            async with here.locks.hold(["phone 1"], within(1)) as lease:
                await lease.verify()
                assert lease.fault is None
        await factory.aclose()
    assert logged(caplog) != []


async def test_without_redis_each_server_knows_what_it_has_shown(
    redis_to_kill: RedisServer, replica: Replica
) -> None:
    here, there = replica(redis_to_kill), replica(redis_to_kill)
    await here.shown_ids.shorten([JANE])
    redis_to_kill.kill()
    assert await here.shown_ids.find("182bd5e5") == Candidates((JANE,), ())
    assert await here.shown_ids.shorten([NEAR]) == {NEAR: NEAR[:10]}
    assert await there.shown_ids.find("182bd5e5") == Candidates((), ())
    redis_to_kill.start()
    await anyio.sleep(RETRY_PAUSE_SECONDS)
    assert await here.shown_ids.shorten([JANE]) == {JANE: "182bd5e5-6"}
    assert await there.shown_ids.find("182bd5e5-6") == Candidates((JANE,), ())
