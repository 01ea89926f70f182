"""The chaos of `tests/test_chaos.py`, with server processes behind nginx: calls for one person go to any of them."""

from pathlib import Path

import pytest

from tests.chaos.playing import CLAIMS
from tests.chaos.running import run
from tests.hosting.fleet import Fleet
from tests.state.redis.servers import redis_server

pytestmark = pytest.mark.anyio


async def test_one_person_is_one_lead_although_a_server_is_killed_and_redis_is_restarted(
    tmp_path: Path,
) -> None:
    with redis_server(tmp_path) as redis:
        fleet = Fleet(3, redis, tmp_path)
        done = await run(11, calls=650, mode="2026-07-28", replicas=fleet)
    assert done.violations == [], done.report()
    assert done.share(CLAIMS) > 0.5, done.report()
    states = ("together", "without Redis", "Redis is back", "together again", "one was killed")
    assert [state for state in states if fleet.calls.get(state, 0) < 10] == [], fleet.calls
