"""Redis that cannot be asked, for whatever reason: one warning, no password, and calls go on."""

import logging
import time
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from pydantic import SecretStr

from rotor_mcp.state.redis.connection import (
    ANSWER_TIMEOUT_SECONDS,
    MAX_TRIES,
    RedisConnection,
    RedisUnavailable,
)
from rotor_mcp.state.redis.factory import RedisStateFactory
from tests.state.redis.conftest import KEY, logged
from tests.state.redis.servers import RedisServer, redis_server
from tests.waiting import within

pytestmark = pytest.mark.anyio

PASSWORD = "pa55word-of-redis"


REFUSED_PASSWORD = "it refuses the user name or password in ROTOR_MCP_REDIS_URL"
NO_CONNECTION = "there is no connection to it"
SILENT = "it does not answer within 1 s"


def away(why: str) -> str:
    return f"Redis cannot be relied on: {why}. Until it can, this server shares nothing with others"


async def use(url: str) -> int:
    """Do all that is shared, and say how many requests were counted."""
    state_factory = RedisStateFactory(SecretStr(url), 30)
    company = state_factory.for_key(KEY)
    for _ in range(2):
        async with company.locks.hold(["phone 1"], within(1)) as lease:
            await company.search_cache.invalidate()
            await lease.verify()
            await company.count_request(200)
            await company.search_cache.invalidate()
    count = await company.request_counter.today()
    await state_factory.aclose()
    return count


async def test_a_redis_that_is_not_there(caplog: pytest.LogCaptureFixture) -> None:
    assert await use(f"redis://:{PASSWORD}@127.0.0.1:1/0") == 2
    assert await use(f"unix://:{PASSWORD}@/nowhere/redis.sock") == 2
    assert await use(f"redis://:{PASSWORD}@nowhere.invalid/0") == 2
    assert logged(caplog) == [away(NO_CONNECTION)] * 3
    assert PASSWORD not in caplog.text


@pytest.mark.parametrize(
    ("options", "url", "why"),
    [
        (("--requirepass", PASSWORD), "redis://127.0.0.1:{}", REFUSED_PASSWORD),
        (("--requirepass", PASSWORD), "redis://:wrong-pa55word@127.0.0.1:{}", REFUSED_PASSWORD),
        (("--requirepass", PASSWORD), f"redis://nobody:{PASSWORD}@127.0.0.1:{{}}", REFUSED_PASSWORD),
        (("--maxmemory", "1"), "redis://127.0.0.1:{}", "its memory is full (maxmemory)"),
        (("--replicaof", "127.0.0.1 1"), "redis://127.0.0.1:{}", "it is a replica, which takes no writes"),
        (("--rename-command", "EVALSHA", ""), "redis://127.0.0.1:{}", "it refuses a command that is needed"),
        (
            ("--user", "jo", "on", f">{PASSWORD}", "~*", "+@all", "-evalsha"),
            f"redis://jo:{PASSWORD}@127.0.0.1:{{}}",
            "its user may not use a command that is needed",
        ),
    ],
)
async def test_a_redis_that_refuses(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, options: tuple[str, ...], url: str, why: str
) -> None:
    with redis_server(tmp_path, *options) as server:
        assert await use(url.format(server.port)) == 2
    assert logged(caplog) == [away(why)]
    assert "pa55word" not in caplog.text


async def test_a_redis_with_a_password(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with redis_server(tmp_path, "--requirepass", PASSWORD) as server:
        url = f"redis://:{PASSWORD}@127.0.0.1:{server.port}"
        assert [await use(url), await use(url)] == [2, 4]
    assert logged(caplog) == []


async def test_nobody_asks_during_the_pause_but_who_insists(
    redis_to_kill: RedisServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "rotor_mcp.state.redis.connection.RETRY_PAUSE_SECONDS", 600.0
    )  # longer than a busy machine needs
    caplog.set_level(logging.INFO)
    link = RedisConnection(redis_to_kill.url)
    redis_to_kill.kill()
    with pytest.raises(RedisUnavailable):
        await link.execute(lambda redis: redis.get("a"))
    redis_to_kill.start()
    with pytest.raises(RedisUnavailable):
        await link.execute(lambda redis: redis.get("a"))
    assert await link.execute(lambda redis: redis.get("a"), ignore_pause=True) is None
    assert await link.execute(lambda redis: redis.get("a")) is None
    redis_to_kill.kill()
    for ignore_pause in (True, True, False):
        with pytest.raises(RedisUnavailable):
            await link.execute(lambda redis: redis.get("a"), ignore_pause=ignore_pause)
    monkeypatch.setattr("rotor_mcp.state.redis.connection.RETRY_PAUSE_SECONDS", 0.0)
    with pytest.raises(RedisUnavailable):
        await link.execute(lambda redis: redis.get("a"), ignore_pause=True)
    redis_to_kill.start()
    assert await link.execute(lambda redis: redis.get("a")) is None  # the pause is over
    await link.aclose()
    assert logged(caplog) == [away(NO_CONNECTION), "Redis can be used again"] * 2


async def test_a_redis_that_is_silent(redis_to_kill: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    link = RedisConnection(redis_to_kill.url)
    redis_to_kill.freeze()
    started = anyio.current_time()
    with pytest.raises(RedisUnavailable):
        await link.execute(lambda redis: redis.get("a"))
    assert anyio.current_time() - started < MAX_TRIES * ANSWER_TIMEOUT_SECONDS + 0.3
    with pytest.raises(RedisUnavailable):
        await link.execute(lambda redis: redis.get("a"), ignore_pause=True)
    started = anyio.current_time()
    with pytest.raises(RedisUnavailable):
        await link.execute(lambda redis: redis.get("a"), ignore_pause=True)
    assert anyio.current_time() - started < 0.3
    redis_to_kill.thaw()
    await link.aclose()
    assert logged(caplog) == [away(SILENT)]


async def test_who_was_frozen_asks_once_more(redis: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    link = RedisConnection(redis.url)
    await link.execute(lambda redis: redis.get("a"))
    async with anyio.create_task_group() as group:
        group.start_soon(link.execute, lambda redis: redis.get("a"))
        await anyio.lowlevel.checkpoint()
        time.sleep(ANSWER_TIMEOUT_SECONDS + 0.2)  # noqa: ASYNC251 - nothing else in this process goes on either
    await link.aclose()
    assert logged(caplog) == []


def test_an_address_with_an_unknown_option_is_not_repeated() -> None:
    with pytest.raises(ValueError, match="options") as caught:
        RedisConnection(f"redis://:{PASSWORD}@127.0.0.1/0?colour=red")
    assert (str(caught.value), caught.value.__cause__) == (
        "has options that the Redis client does not know",
        None,
    )
