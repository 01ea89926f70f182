"""What is written into each client's configuration starts the server, as the client would start it."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from rotor_mcp.installer.catalog import CLIENTS
from tests.commands import ROOT
from tests.homes import KEY, Home
from tests.installer.samples import TEXTS

pytestmark = pytest.mark.anyio


def written(name: str, file: Path) -> dict[str, Any]:
    text = file.read_text()
    value = tomllib.loads(text) if name == "codex" else CLIENTS[name].syntax.read(text)
    entry: dict[str, Any] = value[CLIENTS[name].section]["rotor"]
    return entry


@pytest.mark.parametrize("name", TEXTS)
async def test_it_starts(name: str, home: Home, tmp_path: Path) -> None:
    file = home.have(name, TEXTS[name])
    assert home.install(name).status == 0
    entry = written(name, file)
    assert entry["env"]["ROTOR_API_KEY"] == (KEY if not CLIENTS[name].asks_for_key else "${input:rotor_key}")
    assert Path(entry["command"]).is_absolute()
    # A directory that a client may stand in, with a module that must not be taken for the real one.
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "click.py").write_text("raise SystemExit('the wrong module')")
    started = StdioServerParameters(
        command=entry["command"],
        args=entry["args"],
        env={**entry["env"], "ROTOR_API_KEY": KEY, "PATH": "", "PYTHONPATH": str(ROOT)},
        cwd=foreign,
    )
    async with Client(started) as client:
        tools = [tool.name for tool in (await client.list_tools()).tools]
    assert {"upsert_lead", "search_leads", "get_lead"} <= set(tools)


async def test_the_sandbox_answers(home: Home, tmp_path: Path) -> None:
    file = home.have("cursor")
    assert home.install("--sandbox").status == 0
    entry = written("cursor", file)
    assert "env" not in entry
    started = StdioServerParameters(
        command=entry["command"], args=entry["args"], env={"PATH": "", "PYTHONPATH": str(ROOT)}, cwd=tmp_path
    )
    async with Client(started) as client:
        found = await client.call_tool("search_leads", {"limit": 1})
    assert not found.is_error
