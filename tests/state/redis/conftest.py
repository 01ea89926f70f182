import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from pydantic import SecretStr

from rotor_mcp.state.redis.factory import RedisStateFactory
from rotor_mcp.state.tenant_state import TenantState
from tests.state.redis.servers import RedisServer, redis_server

KEY = "rotor_k3y1d_s3cr3tpart"

Replica = Callable[..., TenantState]


@pytest.fixture(scope="module")
def _redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis(_redis: RedisServer) -> RedisServer:
    """An empty Redis."""
    with _redis.client() as client:
        client.flushall()
    return _redis


@pytest.fixture
def redis_to_kill(tmp_path: Path) -> Iterator[RedisServer]:
    """An empty Redis that may be killed."""
    with redis_server(tmp_path) as server:
        yield server


@pytest.fixture
async def replica() -> AsyncIterator[Replica]:
    """Makes what one server of many shares with the others."""
    async with AsyncExitStack() as closing:

        def make(server: RedisServer, key: str | None = KEY, seconds: float = 30) -> TenantState:
            state_factory = RedisStateFactory(SecretStr(server.url), seconds)
            closing.push_async_callback(state_factory.aclose)
            return state_factory.for_key(key)

        yield make


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What this server said, but for the details."""
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.INFO]
