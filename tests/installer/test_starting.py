"""What is written into each client's configuration starts the server, as the client would start it."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from mcp import Client, StdioServerParameters

from rotor_mcp.installer.catalog import CLIENTS
from rotor_mcp.installer.entry_format import LocalServer
from tests.commands import ROOT
from tests.homes import KEY, Home
from tests.installer.samples import TEXTS

pytestmark = pytest.mark.anyio


def written(name: str, file: Path) -> LocalServer:
    """The server that a client reads in its configuration; other parsers read it where there are some."""
    parsers: dict[str, Callable[[str], Any]] = {"codex": tomllib.loads, "goose": yaml.safe_load}
    value = parsers.get(name, CLIENTS[name].syntax.read)(file.read_text())
    server = CLIENTS[name].entry_format.read(value[CLIENTS[name].section]["rotor"])
    assert isinstance(server, LocalServer)
    return server


FORMS = ["claude-desktop", "vscode", "codex", "opencode", "goose"]
"""Clients whose entries differ in more than the type; tests/installer/test_entry.py has those of all."""


@pytest.mark.parametrize("name", FORMS)
async def test_it_starts(name: str, home: Home, tmp_path: Path) -> None:
    file = home.have(name, TEXTS[name])
    assert home.install(name).status == 0
    server = written(name, file)
    asked = CLIENTS[name].asks_for_secrets
    assert server.env["ROTOR_API_KEY"] == ("${input:rotor_key}" if asked else KEY)
    assert Path(server.command).is_absolute()
    # A directory that a client may stand in, with a module that must not be taken for the real one.
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "click.py").write_text("raise SystemExit('the wrong module')")
    started = StdioServerParameters(
        command=server.command,
        args=list(server.args),
        env={**server.env, "ROTOR_API_KEY": KEY, "PATH": "", "PYTHONPATH": str(ROOT)},
        cwd=foreign,
    )
    async with Client(started) as client:
        tools = [tool.name for tool in (await client.list_tools()).tools]
    assert {"upsert_lead", "search_leads", "get_lead"} <= set(tools)


async def test_the_sandbox_answers(home: Home, tmp_path: Path) -> None:
    file = home.have("cursor")
    assert home.install("--sandbox").status == 0
    server = written("cursor", file)
    assert server.env == {}
    started = StdioServerParameters(
        command=server.command,
        args=list(server.args),
        env={"PATH": "", "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
    )
    async with Client(started) as client:
        found = await client.call_tool("search_leads", {"limit": 1})
    assert not found.is_error
