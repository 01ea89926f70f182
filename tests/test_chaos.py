"""Rule by rule the other tests show one failure at a time; here they come all at once."""

from pathlib import Path

import pytest

from tests.chaos.playing import CLAIMS
from tests.chaos.replicas import Replicas
from tests.chaos.running import run
from tests.state.redis.servers import redis_server

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(("mode", "seed"), [("2026-07-28", 1), ("legacy", 2)])
async def test_whatever_fails_what_is_stored_fits_what_was_said(mode: str, seed: int) -> None:
    done = await run(seed, mode=mode)
    assert done.violations == [], done.report()
    # All of this must have come about, and yet most calls must have come through.
    assert done.missing == [], done.report()
    assert done.share(CLAIMS) > 0.5, done.report()
    assert done.share({"unknown"}) < 0.1, done.report()


async def test_so_it_does_on_three_servers_and_when_redis_goes_away_under_way(tmp_path: Path) -> None:
    with redis_server(tmp_path) as redis:
        replicas = Replicas(3, redis)
        done = await run(3, calls=900, replicas=replicas)
    assert done.violations == [], done.report()
    assert done.missing == [], done.report()
    assert done.share(CLAIMS) > 0.5, done.report()
    assert done.share({"unknown"}) < 0.1, done.report()
    states = ("together", "without Redis", "Redis is back", "together again")
    assert [state for state in states if replicas.calls.get(state, 0) < 60] == [], replicas.calls
