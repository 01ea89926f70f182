"""The commands and files of the section "Five minutes" in docs/hosting.md, run as they stand there."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from release.version import ROOT
from tests.hosting.servers import free_port
from tests.waiting import until

pytestmark = pytest.mark.anyio

SECTION = (
    (ROOT / "docs/hosting.md").read_text("utf-8").partition("## Five minutes\n")[2].partition("\n## ")[0]
)
ADDRESS = "127.0.0.1:8080"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", SECTION, re.DOTALL | re.MULTILINE)


class Shell:
    """A terminal in a folder, whose `rotor-mcp` is the one of this environment."""

    def __init__(self, folder: Path, port: int) -> None:
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        self._environment = {"PATH": path, "HOME": str(folder), "ROTOR_MCP_TIMEZONE": "America/Chicago"}
        self._folder = folder
        self._port = port

    def _command(self, command: str) -> list[str]:
        command = command.replace(ADDRESS, f"127.0.0.1:{self._port}")
        return ["sh", "-c", command.replace("--http ", f"--http 127.0.0.1:{self._port} ")]

    def run(self, command: str, **variables: str) -> str:
        return subprocess.run(
            self._command(command),
            env=self._environment | variables,
            cwd=self._folder,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

    def start(self, command: str) -> subprocess.Popen[bytes]:
        with (self._folder / "log").open("wb") as log:
            return subprocess.Popen(
                self._command(f"exec env {command}"),
                env=self._environment,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stderr=log,
            )


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Shell, str, str]]:
    """A second terminal, while the first block of the section runs in another; the token; the address."""
    folder, port = tmp_path_factory.mktemp("five-minutes"), free_port()
    shell = Shell(folder, port)
    make, serve = blocks("sh")[0].splitlines()
    token = shell.run(make)
    server = shell.start(serve)
    try:
        anyio.run(until, lambda: server.poll() is not None or f":{port}/mcp" in (folder / "log").read_text())
        assert server.poll() is None, (folder / "log").read_text()
        yield shell, token, f"http://127.0.0.1:{port}/mcp"
    finally:
        server.terminate()
        server.wait(30)


def test_curl_shows_that_it_is_ready_and_answers(terminal: tuple[Shell, str, str]) -> None:
    shell, token, _ = terminal
    export, ready, call = re.split(r"(?<!\\)\n", blocks("sh")[1].strip())
    assert export == "export ROTOR_MCP_TOKEN=TOKEN"
    assert json.loads(shell.run(ready))["ready"] is True
    answer = shell.run(call, ROTOR_MCP_TOKEN=token)
    (data,) = re.findall(r"^(?:data: )?(\{.*\})$", answer, re.MULTILINE)
    assert json.loads(data)["result"]["structuredContent"]["leads"][0]["name"].startswith("Jane")


@pytest.mark.parametrize("number", [0, 1])
async def test_a_client_connects_with_what_the_files_say(
    number: int, terminal: tuple[Shell, str, str]
) -> None:
    """What VS Code and Cursor read from their files, with the token in the place of its name."""
    _, token, address = terminal
    file: dict[str, Any] = json.loads(blocks("json")[number])
    (server,) = (file.get("servers") or file["mcpServers"]).values()
    assert server["url"] == f"http://{ADDRESS}/mcp"
    asked = {f"${{input:{one['id']}}}" for one in file.get("inputs", [])} or {"${env:ROTOR_MCP_TOKEN}"}
    headers = {name: re.sub(r"\$\{.*\}", token, value) for name, value in server["headers"].items()}
    assert set(re.findall(r"\$\{.*\}", str(server["headers"].values()))) == asked
    async with (
        httpx2.AsyncClient(headers=headers) as http,
        Client(streamable_http_client(address, http_client=http)) as client,
    ):
        assert len((await client.list_tools()).tools) == 4
