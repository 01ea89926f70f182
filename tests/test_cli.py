"""The commands, as processes."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import anyio
import httpx2
import pytest
from inline_snapshot import snapshot

from rotor_mcp import __version__
from rotor_mcp.sandbox import CREATE_ONLY_KEY, FULL_KEY, READ_ONLY_KEY, Fault, Sandbox
from rotor_mcp.sandbox.serving import serving

pytestmark = pytest.mark.anyio

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("ROTOR_")}


async def run(*arguments: str, **environment: str) -> tuple[int, str, str]:
    """Run `rotor-mcp` and return its exit status, output and errors."""
    ended = await anyio.run_process(
        [sys.executable, "-m", "rotor_mcp", *arguments],
        env=ENVIRONMENT | {"ROTOR_MCP_TIMEZONE": "America/Chicago"} | environment,
        check=False,
        input=b"",
    )
    return ended.returncode, ended.stdout.decode(), ended.stderr.decode()


async def test_check_on_the_sandbox() -> None:
    status, out, err = await run("check", "--sandbox")
    assert (status, err) == (0, "")
    assert out.replace(__version__, "<version>") == snapshot("""\
ok   rotor-mcp: <version>
ok   time zone: America/Chicago
ok   address: https://sandbox.invalid/open-api
ok   key: set, and begins with rotor_
ok   access: Rotor accepts the key, with the scopes: leads:read, leads:write. 1 request spent.
""")


@pytest.mark.parametrize("case", ["good", "create only", "unknown", "other product", "none", "unexpanded"])
async def test_check(case: str) -> None:
    keys = {
        "good": READ_ONLY_KEY,
        "create only": CREATE_ONLY_KEY,
        "unknown": "rotor_nobody_knows-this-one",
        "other product": "sk-1234567890",
        "none": "",
        "unexpanded": "${ROTOR_API_KEY}",
    }
    async with serving(Sandbox()) as url:
        status, out, err = await run("check", ROTOR_API_KEY=keys[case], ROTOR_BASE_URL=url)
    assert err == ""
    assert keys[case] == "" or keys[case].startswith("$") or keys[case] not in out
    assert (status, out.replace(url, "<address>").splitlines()[3:]) == CHECKED[case]


CHECKED: dict[str, tuple[int, list[str]]] = snapshot(
    {
        "good": (
            0,
            [
                "ok   key: set, and begins with rotor_",
                "ok   access: Rotor accepts the key, with the scopes: leads:read. 1 request spent.",
            ],
        ),
        "create only": (
            1,
            [
                "ok   key: set, and begins with rotor_",
                "FAIL access: Rotor accepts the key, with the scopes: leads:write. Without leads:read leads can be neither searched nor read, and upsert_lead writes without looking first. 1 request spent.",
            ],
        ),
        "unknown": (
            1,
            [
                "ok   key: set, and begins with rotor_",
                "FAIL access: Rotor does not accept this API key (401). Nothing was done. A key is made in Rotor under Settings → Integrations and begins with rotor_. It belongs in ROTOR_API_KEY, in the env block of this server's entry in the client's configuration; restart the client afterwards. 1 request spent.",
            ],
        ),
        "other product": (
            1,
            [
                "FAIL key: ROTOR_API_KEY looks like another product's key: Rotor's begin with rotor_, and other products use the same variable",
                "FAIL access: Rotor does not accept this API key (401). Nothing was done. ROTOR_API_KEY looks like another product's key: Rotor's begin with rotor_, and other products use the same variable. A key is made in Rotor under Settings → Integrations and begins with rotor_. It belongs in ROTOR_API_KEY, in the env block of this server's entry in the client's configuration; restart the client afterwards. 1 request spent.",
            ],
        ),
        "none": (
            1,
            [
                "FAIL key: ROTOR_API_KEY is not set. A key is made in Rotor under Settings → Integrations and begins with rotor_. It belongs in ROTOR_API_KEY, in the env block of this server's entry in the client's configuration; restart the client afterwards."
            ],
        ),
        "unexpanded": (
            1,
            [
                "FAIL key: ROTOR_API_KEY holds the name of a variable, not its value: this client does not expand it. A key is made in Rotor under Settings → Integrations and begins with rotor_. It belongs in ROTOR_API_KEY, in the env block of this server's entry in the client's configuration; restart the client afterwards."
            ],
        ),
    }
)


async def test_check_when_rotor_is_out_of_reach() -> None:
    status, out, _ = await run(
        "check", ROTOR_API_KEY=FULL_KEY, ROTOR_BASE_URL="http://127.0.0.1:1", ROTOR_MCP_TIMEOUT="2"
    )
    assert (status, out.splitlines()[-1]) == snapshot(
        (
            1,
            "FAIL access: Nothing was sent: 127.0.0.1 refused the connection. It is safe to try again. No requests spent.",
        )
    )


async def test_no_proxy_stands_between_us_and_an_api_on_this_machine() -> None:
    async with serving(Sandbox()) as url:
        status, _, _ = await run(
            "check", ROTOR_API_KEY=FULL_KEY, ROTOR_BASE_URL=url, HTTP_PROXY="http://127.0.0.1:1", NO_PROXY=""
        )
    assert status == 0


async def test_check_when_the_quota_is_used_up() -> None:
    rotor = Sandbox()
    rotor.faults.add(Fault(status=429))
    async with serving(rotor) as url:
        status, out, _ = await run("check", ROTOR_API_KEY=FULL_KEY, ROTOR_BASE_URL=url)
    assert (status, out.splitlines()[-1]) == snapshot(
        (
            1,
            "FAIL access: The requests of this API key are used up for today (429): Rotor allows 1,000 a day, and the company's website forms may share them. Nothing was done, and trying again today will not help. When the day starts anew is not documented. 1 request spent.",
        )
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("serve", "--timezone", "Mars"),
        ("--base-url", "http://rotor.example.com"),
        ("check", "--timeout", "soon"),
        ("chekc",),
        ("--loud",),
    ],
)
async def test_what_cannot_be_run(arguments: tuple[str, ...]) -> None:
    status, out, err = await run(*arguments)
    assert (status, out) == (2, "")
    assert err.splitlines()[-1] == REFUSED[arguments[-1]]


REFUSED: dict[str, str] = snapshot(
    {
        "Mars": "Error: ROTOR_MCP_TIMEZONE: must be a time zone's name, such as America/Chicago or UTC",
        "http://rotor.example.com": "Error: ROTOR_BASE_URL: must begin with https: over http anybody on the way could read the API key",
        "soon": "Error: ROTOR_MCP_TIMEOUT: Input should be a valid number, unable to parse string as a number",
        "chekc": "Error: No such command 'chekc'. Did you mean 'check'?",
        "--loud": "Error: No such option '--loud'.",
    }
)


async def test_a_flag_wins_over_its_variable() -> None:
    _, out, _ = await run("check", "--sandbox", "--timezone", "UTC", ROTOR_MCP_TIMEZONE="Asia/Tokyo")
    assert "time zone: UTC" in out


async def test_a_file_that_is_no_sandbox(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("my notes " * 100)
    status, out, err = await run("serve", f"--sandbox={file}")
    assert (status, out) == (1, "")
    assert err.startswith(f"Error: {file} cannot be used as a sandbox: ")
    assert file.read_text() == "my notes " * 100


async def test_the_version() -> None:
    assert await run("--version") == (0, f"rotor-mcp, version {__version__}\n", "")


async def test_help_names_every_setting() -> None:
    _, out, _ = await run("serve", "--help")
    assert re.findall(r"env var:\s+(\w+)", out) == [
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
        "ROTOR_MCP_LOG_LEVEL",
        "ROTOR_MCP_LOG_FORMAT",
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
    async with serving(Sandbox()) as url:
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


async def test_the_demo() -> None:
    status, out, err = await run("demo", ROTOR_BASE_URL="https://not-used.invalid")
    assert (status, err) == (0, "")
    shown = " ".join(out.replace("│", " ").split())
    for words in (
        "Created Dana Whitfield.",
        "Updated Dana Whitfield (matched by phone).",
        "Nothing was written: this phone belongs to Dana Whitfield, whose name would be replaced.",
        "Updated Bob Whitfield (matched by phone).",
        "reading it back shows that it was written.",
        "leads, by follow-up, most overdue first",
        "address_street1: 214 Oak Street",
        "there is no argument city: did you mean address_city?",
        "In all 12 requests of Rotor's 1,000 a day.",
        "tokens asked",
    ):
        assert words in shown
    entry = json.loads(out[out.index("{\n") : out.index("\n}") + 2])["mcpServers"]["rotor"]
    assert (entry["command"], entry["args"]) == (sys.executable, ["-m", "rotor_mcp"])
