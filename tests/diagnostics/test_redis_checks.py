"""`rotor-mcp check` and `rotor-mcp import` where a Redis is named."""

import json
from contextlib import closing
from functools import partial
from pathlib import Path

import anyio
import pytest

from rotor_mcp.sandbox import FULL_KEY, Sandbox
from rotor_mcp.sandbox.server import serving
from tests.conftest import sandbox_url
from tests.homes import Ended, Home
from tests.state.redis.servers import redis_server

pytestmark = pytest.mark.anyio

PASSWORD = "pa55word-of-redis"
REASON = "it refuses the user name or password in ROTOR_MCP_REDIS_URL"


async def run(home: Home, url: str, *arguments: str, **variables: str) -> Ended:
    given = {"ROTOR_API_KEY": FULL_KEY, "ROTOR_BASE_URL": url} | variables
    return await anyio.to_thread.run_sync(partial(home.run, *arguments, **given))


async def of_redis(home: Home, url: str, **variables: str) -> dict[str, str | None]:
    """What `check` says of Redis."""
    report = json.loads((await run(home, url, "check", "--json", **variables)).out)
    (found,) = [check for check in report["checks"] if check["subject"] == "redis"]
    return dict(found)


async def test_check(home: Home, tmp_path: Path) -> None:
    with redis_server(tmp_path, "--requirepass", PASSWORD) as server:
        right, wrong = (f"redis://:{word}@127.0.0.1:{server.port}" for word in (PASSWORD, "wr0ng-password"))
        async with sandbox_url() as url:
            fine = await of_redis(home, url, ROTOR_MCP_REDIS_URL=right)
            refused = await of_redis(home, url, ROTOR_MCP_REDIS_URL=wrong)
            not_required = await of_redis(
                home, url, ROTOR_MCP_REDIS_URL=wrong, ROTOR_MCP_REDIS_REQUIRED="false"
            )
    assert fine == {
        "subject": "redis",
        "state": "ok",
        "finding": "can be used: servers that share it take turns at writing",
        "fix": None,
    }
    assert refused == {
        "subject": "redis",
        "state": "failed",
        "finding": f"cannot be relied on: {REASON}; no server that is started now writes",
        "fix": "Correct that, or leave out ROTOR_MCP_REDIS_URL where a single server runs.",
    }
    finding = f"cannot be relied on: {REASON}; two servers can write to one person at once"
    assert not_required == refused | {"finding": finding}


async def test_an_import_says_it_once_and_writes_nothing(home: Home) -> None:
    (home.path / "leads.csv").write_text("name,phone\nDana,612-555-0142\nBo,612-555-0143\n")
    away = {"ROTOR_MCP_REDIS_URL": "redis://127.0.0.1:1"}
    not_required = {"ROTOR_MCP_REDIS_REQUIRED": "false"}
    with closing(Sandbox()) as sandbox:
        async with serving(sandbox) as url:
            refused = await run(home, url, "import", "leads.csv", "--yes", **away)
            assert "POST /leads" not in sandbox.requests
            ended = await run(home, url, "import", "leads.csv", "--yes", **away, **not_required)
            assert sandbox.requests.count("POST /leads") == 2, ended
    assert (refused.status, ended.status) == (1, 0)
    assert refused.out.splitlines()[-1].startswith(
        "Nothing was sent: Redis, by which several servers take turns at writing, cannot be relied on: "
        "there is no connection to it."
    )
