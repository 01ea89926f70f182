"""The commands, as processes."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from inline_snapshot import snapshot

from rotor_mcp import __version__
from rotor_mcp.config import environment_variable
from rotor_mcp.hosting.settings import HostSettings
from rotor_mcp.sandbox import FULL_KEY
from tests.commands import ran
from tests.conftest import sandbox_url
from tests.homes import Home

pytestmark = pytest.mark.anyio

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("ROTOR_")} | {
    "TERM": "xterm"
}


async def run(*arguments: str, **environment: str) -> tuple[int, str, str]:
    """Run `rotor-mcp` and return its exit status, output and errors."""
    ended = await ran(arguments, ENVIRONMENT | {"ROTOR_MCP_TIMEZONE": "America/Chicago"} | environment)
    return ended.returncode, ended.stdout.decode(), ended.stderr.decode()


@pytest.mark.parametrize(
    "arguments",
    [
        ("serve", "--timezone", "Mars"),
        ("--base-url", "http://rotor.example.com"),
        ("export", "--timeout", "soon"),
        ("chekc",),
        ("--loud",),
        ("serve", "--log-level", "loud"),
        ("sandbox", "--port", "x"),
        ("sandbox", "--leads", "-1"),
        ("export", "--sandbox", "--created-from", "never"),
        ("export", "--sandbox", "--priority", "urgent"),
        ("serve", "--http", "8080"),
        ("serve", "--read-only", "true"),
        ("serve", "--redis-required", "false"),
        ("export", "--keychain", "True"),
        ("serve", "--read-only=yes"),
        ("import", "--dry-run", "FALSE"),
    ],
)
async def test_what_cannot_be_run(arguments: tuple[str, ...]) -> None:
    status, out, err = await run(*arguments)
    assert (status, out) == (2, "")
    assert err.splitlines()[-1] == REFUSED[" ".join(arguments)]


REFUSED: dict[str, str] = snapshot(
    {
        "serve --timezone Mars": "Error: --timezone: must be a time zone's name, such as America/Chicago or UTC",
        "--base-url http://rotor.example.com": "Error: --base-url: must begin with https: over http anybody on the way could read the API key",
        "export --timeout soon": "Error: --timeout: must be a number above 0, 600 at most",
        "chekc": "Error: No such command 'chekc'. Did you mean 'check'?",
        "--loud": "Error: No such option '--loud'.",
        "serve --log-level loud": "Error: --log-level: must be debug, info, warning or error",
        "sandbox --port x": "Error: Invalid value for '--port': must be a whole number from 0 to 65,535, not 'x'",
        "sandbox --leads -1": "Error: Invalid value for '--leads': must be a whole number, 0 or more, not '-1'",
        "export --sandbox --created-from never": "Error: --created-from: not a date such as 2026-12-01, nor a date-time such as 2026-12-01T09:30",
        "export --sandbox --priority urgent": "Error: --priority: must be 'low', 'medium' or 'high'",
        "serve --http 8080": "Error: --http: must be an address and a port, such as 127.0.0.1:8080 or [::]:8080",
        "serve --read-only true": "Error: --read-only takes no value: write --read-only alone",
        "serve --redis-required false": "Error: --redis-required takes no value: write --no-redis-required alone",
        "export --keychain True": "Error: --keychain takes no value: write --keychain alone",
        "serve --read-only=yes": "Error: Option '--read-only' does not take a value.",
        "import --dry-run FALSE": "Error: --dry-run takes no value: leave --dry-run out",
    }
)


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("ROTOR_MCP_TIMEZONE", "Mars", "must be a time zone's name, such as America/Chicago or UTC"),
        ("ROTOR_MCP_READ_ONLY", "maybe", "must be true or false"),
        ("ROTOR_MCP_TIMEOUT", "601", "must be a number above 0, 600 at most"),
        ("ROTOR_MCP_LOG_FORMAT", "xml", "must be text or json"),
    ],
)
async def test_a_variable_that_cannot_be_used(variable: str, value: str, expected: str) -> None:
    status, out, err = await run("serve", "--sandbox", **{variable: value})
    assert (status, out, err.splitlines()[-1]) == (2, "", f"Error: {variable}: {expected}")


@pytest.mark.parametrize(
    ("flags", "value", "is_read_only"),
    [
        ([], None, False),
        (["--read-only"], None, True),
        (["--no-read-only"], None, False),
        ([], "true", True),
        ([], "1", True),
        ([], "no", False),
        ([], "", False),
        ([], "${ROTOR_MCP_READ_ONLY}", False),
        (["--no-read-only"], "true", False),
        (["--read-only"], "false", True),
        (["--read-only", "--no-read-only"], None, False),
    ],
)
async def test_a_setting_that_is_true_or_false(
    flags: list[str], value: str | None, is_read_only: bool
) -> None:
    from mcp import Client, StdioServerParameters

    command = StdioServerParameters(
        command=sys.executable,
        args=["-m", "rotor_mcp", "--sandbox", *flags],
        env={} if value is None else {"ROTOR_MCP_READ_ONLY": value},
    )
    async with Client(command) as client:
        tools = [tool.name for tool in (await client.list_tools()).tools]
    assert ("upsert_lead" not in tools) == is_read_only


def test_a_flag_wins_over_its_variable(home: Home) -> None:
    ended = home.run("check", "--sandbox", "--timezone", "UTC", ROTOR_MCP_TIMEZONE="Asia/Tokyo")
    assert "time zone: UTC, as set" in ended.out


SAMPLES = (0, "139 leads in leads.csv, 1 request spent.")
NO_KEY = (1, "Nothing was sent: ROTOR_API_KEY is not set.")


@pytest.mark.parametrize(
    ("value", "outcome"),
    [
        ("true", SAMPLES),
        ("TRUE", SAMPLES),
        ("1", SAMPLES),
        (" yes ", SAMPLES),
        ("false", NO_KEY),
        ("0", NO_KEY),
        ("", NO_KEY),
        (" ", NO_KEY),
        # What desktop clients pass on if the box was never touched.
        ("${user_config.sandbox}", NO_KEY),
        ("${ROTOR_MCP_SANDBOX}", NO_KEY),
        ("leads.db", (2, "Error: ROTOR_MCP_SANDBOX: must be true or false")),
    ],
)
def test_the_variable_of_the_sandbox(value: str, outcome: tuple[int, str], home: Home) -> None:
    """Yes or no, and never the name of a file."""
    ended = home.run("export", "leads.csv", ROTOR_MCP_SANDBOX=value)
    said = ended.err.splitlines()[-1]
    assert (ended.status, said if ended.status != 1 else said[: len(NO_KEY[1])]) == outcome
    assert [file.name for file in home.path.iterdir()] == (["leads.csv"] if ended.status == 0 else [])


def test_the_flag_of_the_sandbox_wins_over_its_variable(home: Home) -> None:
    ended = home.run("check", f"--sandbox={home.path / 'true'}", ROTOR_MCP_SANDBOX="false")
    assert "sandbox.invalid answers as Rotor does" in ended.out
    assert (home.path / "true").exists()


async def test_a_file_that_is_no_sandbox(tmp_path: Path) -> None:
    file = tmp_path / "notes.md"
    file.write_text("my notes " * 100)
    status, out, err = await run("serve", f"--sandbox={file}")
    assert (status, out) == (1, "")
    assert err.startswith(f"Error: {file} cannot be used as a sandbox: ")
    assert file.read_text() == "my notes " * 100


@pytest.mark.parametrize(
    "arguments", [("export", "--sandbox", "leads.csv"), ("import", "--sandbox", "Leads.XLSX")]
)
async def test_a_file_that_was_meant_for_another_argument(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, err = await run(*arguments)
    assert (status, out, err.splitlines()[-1]) == (
        2,
        "",
        f"Error: --sandbox takes {arguments[-1]} for its own file. Put --sandbox last, or write --sandbox=FILE",
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("flag", ["--version", "-V"])
async def test_the_version(flag: str) -> None:
    assert await run(flag) == (0, f"rotor-mcp {__version__}\n", "")


async def test_help_names_every_setting() -> None:
    _, out, _ = await run("serve", "--help")
    assert re.findall(r"env var: (\w+)", " ".join(out.split())) == [
        "ROTOR_MCP_SANDBOX",
        "ROTOR_MCP_HTTP",
        "ROTOR_MCP_CONFIG",
        "ROTOR_API_KEY",
        "ROTOR_MCP_KEYCHAIN",
        "ROTOR_BASE_URL",
        "ROTOR_MCP_TIMEOUT",
        "ROTOR_MCP_TIMEZONE",
        "ROTOR_MCP_SEARCH_REQUESTS",
        "ROTOR_MCP_SEARCH_MEMORY",
        "ROTOR_MCP_BATCH_REQUESTS",
        "ROTOR_MCP_PHONE_REGION",
        "ROTOR_MCP_READ_ONLY",
        "ROTOR_MCP_VIEW",
        "ROTOR_MCP_ASSUME",
        "ROTOR_MCP_REDIS_URL",
        "ROTOR_MCP_REDIS_REQUIRED",
        "ROTOR_MCP_LOG_LEVEL",
        "ROTOR_MCP_LOG_FORMAT",
        *(environment_variable(name) for name in HostSettings.model_fields if name != "http"),
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_sandbox_on_a_port(number: signal.Signals, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "rotor_mcp",
        "sandbox",
        "--port",
        "0",
        "--file",
        str(tmp_path / "rotor.db"),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stderr is not None
        url = server.stdout.readline().split()[-1]
        answer = httpx2.get(
            f"{url}/leads?limit=1", headers={"x-api-key": FULL_KEY, "rotor-api-version": "1.1.0"}
        )
        assert answer.json()["pagination"] == {"has_more": True, "limit": 1, "page": 1, "total": 139}
        server.send_signal(number)
        assert server.wait(timeout=10) == 0
        assert "Traceback" not in server.stderr.read()


async def test_a_port_that_is_taken() -> None:
    async with sandbox_url() as url:
        port = url.split(":")[-1].split("/")[0]
        status, out, err = await run("sandbox", "--port", port)
    assert (status, out) == (1, "")
    assert err.startswith(f"Error: cannot listen on 127.0.0.1, port {port}: ")


async def test_leads_survive_in_a_file(tmp_path: Path) -> None:
    from mcp import Client, StdioServerParameters

    file = tmp_path / "rotor.db"
    command = StdioServerParameters(command=sys.executable, args=["-m", "rotor_mcp", f"--sandbox={file}"])
    async with Client(command) as client:
        await client.call_tool("upsert_lead", {"name": "Dana Whitfield", "phone": "555-0142"})
    async with Client(command) as client:
        found = await client.call_tool("search_leads", {"search": "Whitfield"})
    assert found.structured_content is not None
    assert [lead["name"] for lead in found.structured_content["leads"]] == ["Dana Whitfield"]
