"""Servers and commands that are told of a Redis, as processes."""

import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import httpx2
import pytest
from mcp import Client, StdioServerParameters

from rotor_mcp.cli.options import load_connection_settings
from rotor_mcp.config import ConfigError, Settings
from rotor_mcp.config_file import GivenSettings
from rotor_mcp.extras import install_hint
from rotor_mcp.sandbox import FULL_KEY, Fault, Sandbox
from rotor_mcp.sandbox.server import serving
from rotor_mcp.server.mcp_server import build_server
from tests.cli.test_main import ENVIRONMENT
from tests.state.redis.servers import RedisServer

ROOT = Path(__file__).parents[3]
NOTES = 12
"""Notes that each server adds."""
ROWS = 30


@pytest.mark.anyio
@pytest.mark.slow
async def test_two_servers_and_an_import_write_to_one_person_at_once(
    redis: RedisServer, tmp_path: Path
) -> None:
    file = tmp_path / "ann.csv"
    rows = [f"Row {number},Ann Lee,612-555-0{number:03}" for number in range(100, 100 + ROWS)]
    file.write_text("\n".join(["Notes,Name,Phone", *rows, "Row 142,Ann Lee,6125550042"]) + "\n")
    with closing(Sandbox(leads=0)) as rotor:
        async with serving(rotor) as url:
            environment = {
                "ROTOR_API_KEY": FULL_KEY,
                "ROTOR_BASE_URL": url,
                "ROTOR_MCP_REDIS_URL": redis.url,
                "ROTOR_MCP_TIMEZONE": "America/Chicago",
            }

            async def serve(name: str) -> None:
                command = StdioServerParameters(
                    command=sys.executable, args=["-m", "rotor_mcp"], env=environment
                )
                async with Client(command) as client, anyio.create_task_group() as calls:
                    for number in range(NOTES):
                        note = {"phone": "(612) 555-0042", "name": "Ann Lee", "notes": f"{name} {number}"}
                        calls.start_soon(client.call_tool, "upsert_lead", note)

            async def bring_in() -> None:
                command = [sys.executable, "-m", "rotor_mcp", "import", str(file), "--yes"]
                ended = await anyio.run_process(command, env=ENVIRONMENT | environment, check=False)
                assert ended.returncode == 0, ended.stdout.decode()

            rotor.faults.add(Fault(delay=0.02, times=1_000))
            async with anyio.create_task_group() as group:
                group.start_soon(serve, "Here")
                group.start_soon(serve, "There")
                group.start_soon(bring_in)
            headers = {"x-api-key": FULL_KEY, "rotor-api-version": "1.1.0"}
            async with httpx2.AsyncClient(base_url=url, headers=headers) as http:
                found = (await http.get("/leads", params={"search": "0042", "limit": 100})).json()["data"]
    assert [lead["name"] for lead in found] == ["Ann Lee"]
    lines = sorted(line.rpartition(": ")[2] for line in found[0]["notes"].splitlines())
    told = [f"{name} {number}" for name in ("Here", "There") for number in range(NOTES)]
    assert lines == sorted([*told, "Row 142"])


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_a_server_that_is_cancelled_closes_its_connections(mode: Any, redis: RedisServer) -> None:
    settings = Settings.load({"api_key": FULL_KEY, "redis_url": redis.url})
    with closing(Sandbox()) as rotor, anyio.CancelScope() as scope:
        async with Client(build_server(settings, transport=rotor.transport), mode=mode) as client:
            await client.call_tool("upsert_lead", {"name": "Ann Lee", "phone": "(612) 555-0042"})
            scope.cancel()
            await anyio.lowlevel.checkpoint()
    with redis.client() as listener:
        assert len(listener.client_list()) == 1  # the observer itself


def test_a_redis_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ConfigError) as caught:
        Settings.load({"redis_url": "redis://127.0.0.1"})
    assert str(caught.value) == f"ROTOR_MCP_REDIS_URL: needs another package: {install_hint('redis')}"


def test_a_server_that_is_told_of_no_redis_does_not_load_it() -> None:
    code = (
        "import sys; from rotor_mcp.config import Settings; from rotor_mcp.server.mcp_server import build_server\n"
        "build_server(Settings.load({'api_key': 'rotor_a_b'}))\n"
        "sys.exit(any(name in sys.modules for name in ('redis', 'rotor_mcp.state.redis')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT).returncode == 0


def test_sandboxes_share_nothing() -> None:
    given = GivenSettings({"redis_url": "redis://127.0.0.1"}, {})
    assert load_connection_settings(":memory:", given).redis_url is None
    assert load_connection_settings(None, given).redis_url is not None
