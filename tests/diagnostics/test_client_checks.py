"""`rotor-mcp check` on the clients of a machine: each is started as its configuration says."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from inline_snapshot import snapshot

from rotor_mcp import __version__
from rotor_mcp.sandbox import FULL_KEY
from tests.commands import ROOT
from tests.conftest import sandbox_url
from tests.homes import KEY, Ended, Home
from tests.hosting.servers import server_process

pytestmark = pytest.mark.anyio


def lines(home: Home, ended: Ended) -> str:
    """What was printed of clients, on whatever machine."""
    assert ended.err == ""
    text = ended.out.partition("access: ")[2].partition("\n")[2]
    text = re.sub(r"tools in \d+\.\d s", "tools in <time> s", text.replace(str(home.path), "~"))
    return re.sub(r"starts \S*rotor-mcp ", "starts <rotor-mcp> ", text).replace(sys.executable, "<python>")


def entry(**server: Any) -> str:
    return json.dumps({"mcpServers": {"rotor": server}})


def test_what_install_wrote_starts(home: Home) -> None:
    for client in ("claude-desktop", "cursor", "vscode", "codex"):
        home.have(client)
    assert home.install(ROTOR_API_KEY=FULL_KEY).status == 0
    home.have("gemini")
    ended = home.run("check", "--sandbox")
    assert (ended.status, lines(home, ended)) == snapshot(
        (
            0,
            """\
ok   clock: as Rotor's
ok   Claude Desktop: rotor in ~/.config/Claude/claude_desktop_config.json starts <rotor-mcp> serve: 4 tools in <time> s
ok   Codex and ChatGPT desktop: rotor in ~/.codex/config.toml starts <rotor-mcp> serve: 4 tools in <time> s
ok   Cursor: rotor in ~/.cursor/mcp.json starts <rotor-mcp> serve: 4 tools in <time> s
ok   VS Code: rotor in ~/.config/Code/User/mcp.json starts <rotor-mcp> serve: 4 tools in <time> s
note Gemini CLI: not connected in ~/.gemini/settings.json
     → If it is to be, run rotor-mcp install gemini.
""",
        )
    )


def test_a_byte_order_mark_that_an_editor_added(home: Home) -> None:
    file = home.have("gemini")
    home.have("vscode-insiders")
    assert home.install(ROTOR_API_KEY=FULL_KEY).status == 0
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    ended = home.run("check", "--sandbox")
    assert (ended.status, lines(home, ended)) == snapshot(
        (
            0,
            """\
ok   clock: as Rotor's
ok   VS Code Insiders: rotor in ~/.config/Code - Insiders/User/mcp.json starts <rotor-mcp> serve: 4 tools in <time> s
note Gemini CLI: rotor in ~/.gemini/settings.json starts <rotor-mcp> serve: 4 tools in <time> s, but its file begins with a byte order mark, with which not every client can read it
     → rotor-mcp install gemini puts that right.
""",
        )
    )
    assert home.install(ROTOR_API_KEY=FULL_KEY).status == 0
    assert "byte order mark" not in home.run("check", "--sandbox").out


def test_a_configuration_that_nothing_can_read_keeps_no_other_from_being_looked_at(home: Home) -> None:
    home.have("cursor", '{"mcpServers": ' + '{"a": ' * 50_000 + "{}" + "}" * 50_001)
    home.have("gemini", entry(command=sys.executable, args=["-P", "-m", "rotor_mcp", "serve", "--port", 1]))
    ended = home.run("check", "--sandbox")
    assert (ended.status, lines(home, ended)) == snapshot(
        (
            1,
            """\
ok   clock: as Rotor's
FAIL Gemini CLI: rotor in ~/.gemini/settings.json starts <python> -P -m rotor_mcp serve --port 1, which ended before it answered: Error: No such option '--port'.
     → Run rotor-mcp install gemini, and this again.
FAIL Cursor: ~/.cursor/mcp.json cannot be used
     → Cursor cannot read it (it is nested too deeply). Nothing was changed; correct it, and try again.
""",
        )
    )
    report = json.loads(home.run("check", "--sandbox", "--json").out)
    assert (report["passed"], len(report["checks"])) == (False, 9)


def test_what_is_odd(home: Home) -> None:
    home.have("claude-desktop", entry(command="rotor-mcp", env={"ROTOR_API_KEY": KEY}))
    home.have("cursor", entry(command=sys.executable, args=["-P", "-m", "rotor_mcp", "serve", "--sandbox"]))
    home.have("windsurf", entry(command=sys.executable, args=["-P", "-m", "rotor_mcp"], disabled=True))
    home.have("gemini", entry(command=sys.executable, args=["-P", "-m", "rotor_mcp"]))
    ended = home.run("check", "--sandbox", PATH=str(Path(sys.executable).parent))
    assert (ended.status, lines(home, ended)) == snapshot(
        (
            0,
            """\
ok   clock: as Rotor's
note Claude Desktop: rotor in ~/.config/Claude/claude_desktop_config.json starts rotor-mcp: 4 tools in <time> s, but its command is looked up in PATH, which programs with a window do not have, and its key is not the one that was checked here
     → rotor-mcp install claude-desktop puts that right.
note Cursor: rotor in ~/.cursor/mcp.json starts <python> -P -m rotor_mcp serve --sandbox: 4 tools in <time> s, but it serves the embedded Rotor
     → rotor-mcp install cursor puts that right.
note Windsurf: rotor in ~/.codeium/windsurf/mcp_config.json starts <python> -P -m rotor_mcp, but is switched off
     → Switch it on in Windsurf.
note Gemini CLI: rotor in ~/.gemini/settings.json starts <python> -P -m rotor_mcp: 4 tools in <time> s, but its entry says no key
     → rotor-mcp install gemini puts that right.
""",
        )
    )


def test_what_does_not_start(home: Home) -> None:
    gone = home.path / "gone" / "rotor-mcp"
    home.have("claude-desktop", entry(command=str(gone), args=["serve"], env={"ROTOR_API_KEY": KEY}))
    home.have("claude-code", "{ not json")
    home.have(
        "cursor",
        entry(
            command=sys.executable,
            args=["-c", f"raise SystemExit('no module for {KEY}')", "-m", "rotor_mcp"],
            env={"ROTOR_API_KEY": KEY},
        ),
    )
    home.have("windsurf", entry(args=["-m", "rotor_mcp"]))
    wrong = {"ROTOR_MCP_TIMEOUT": "soon", "PYTHONPATH": str(ROOT)}
    home.have("gemini", entry(command=sys.executable, args=["-m", "rotor_mcp"], env=wrong))
    ended = home.run("check", "--sandbox")
    assert KEY not in ended.out
    assert (ended.status, lines(home, ended)) == snapshot(
        (
            1,
            """\
ok   clock: as Rotor's
FAIL Claude Desktop: rotor in ~/.config/Claude/claude_desktop_config.json starts <rotor-mcp> serve, which cannot be started: No such file or directory
     → Run rotor-mcp install claude-desktop, and this again.
FAIL Cursor: rotor in ~/.cursor/mcp.json starts <python> -c raise SystemExit('no module for «API key»') -m rotor_mcp, which ended before it answered: no module for «API key»
     → Run rotor-mcp install cursor, and this again.
FAIL Windsurf: rotor in ~/.codeium/windsurf/mcp_config.json says no command
     → Run rotor-mcp install windsurf.
FAIL Gemini CLI: rotor in ~/.gemini/settings.json starts <python> -m rotor_mcp, which ended before it answered: Error: ROTOR_MCP_TIMEOUT: must be a number above 0, 600 at most
     → Run rotor-mcp install gemini, and this again.
FAIL Claude Code: ~/.claude.json cannot be used
     → Claude Code cannot read it (line 1, column 3: there should be a name in double quotes). Nothing was changed; correct it, and try again.
""",
        )
    )


async def test_without_a_key_of_ones_own_that_of_a_client_is_checked(home: Home) -> None:
    home.have("cursor")
    async with sandbox_url() as url:
        installed = await anyio.to_thread.run_sync(
            lambda: home.install("cursor", "--base-url", url, ROTOR_API_KEY=FULL_KEY)
        )
        assert installed.status == 0
        ended = await anyio.to_thread.run_sync(lambda: home.run("check"))
        assert (ended.status, FULL_KEY in ended.out) == (0, False)
        assert f"found in {home.file('cursor')}, for none is set here" in ended.out
        assert url in ended.out
        assert "tools in" in ended.out
        # A key belongs to the address that stands beside it.
        ended = await anyio.to_thread.run_sync(lambda: home.run("check", "--base-url", "http://127.0.0.1:1"))
    assert "FAIL key: ROTOR_API_KEY is not set" in ended.out


def test_json(home: Home) -> None:
    home.have("cursor")
    assert home.install("--sandbox").status == 0
    ended = home.run("check", "--sandbox", "--json", ROTOR_MCP_TIMEZONE="America/Chicago")
    assert (ended.status, ended.err) == (0, "")
    text = re.sub(r"tools in \d+\.\d s", "tools in <time> s", ended.out.replace(str(home.path), "~"))
    text = re.sub(
        r"starts \S*rotor-mcp ", "starts <rotor-mcp> ", re.sub(r"Python [\d.]+", "Python <version>", text)
    )
    assert json.loads(text.replace(__version__, "<version>")) == snapshot(
        {
            "passed": True,
            "checks": [
                {
                    "subject": "rotor-mcp",
                    "state": "ok",
                    "finding": "<version>, on Python <version>",
                    "fix": None,
                },
                {"subject": "time zone", "state": "ok", "finding": "America/Chicago, as set", "fix": None},
                {
                    "subject": "address",
                    "state": "ok",
                    "finding": "the embedded Rotor, without a network",
                    "fix": None,
                },
                {"subject": "key", "state": "ok", "finding": "set; it begins with rotor_", "fix": None},
                {
                    "subject": "connection",
                    "state": "ok",
                    "finding": "sandbox.invalid answers as Rotor does",
                    "fix": None,
                },
                {
                    "subject": "access",
                    "state": "ok",
                    "finding": "Rotor accepts the key, with the scopes: leads:read, leads:write. 1 request spent.",
                    "fix": None,
                },
                {"subject": "clock", "state": "ok", "finding": "as Rotor's", "fix": None},
                {
                    "subject": "Cursor",
                    "state": "note",
                    "finding": "rotor in ~/.cursor/mcp.json starts <rotor-mcp> serve --sandbox: 4 tools in <time> s, but it serves the embedded Rotor",
                    "fix": "rotor-mcp install cursor puts that right.",
                },
            ],
        }
    )
    ended = home.run("check", "--json", ROTOR_BASE_URL="http://127.0.0.1:1")
    assert (ended.status, json.loads(ended.out)["passed"]) == (1, False)


TOKEN = "t0ken-of-ann-0123456789abcdef0123456789"


def test_remote_servers(home: Home, tmp_path: Path) -> None:
    """One that answers, whose token is in the client; none with this token, without a token, or there at all."""
    tokens = tmp_path / "tokens"
    tokens.write_text(f"ann {TOKEN} all\n")
    tokens.chmod(0o600)
    for name in ("cursor", "vscode", "gemini", "kiro", "warp", "zed"):
        home.have(name)
    home.file("zed").write_text('{"context_servers": {"rotor": {"url": "https://mcp.getrotor.com/mcp"}}}')
    with server_process({"ROTOR_MCP_TOKEN_FILE": str(tokens)}, "--sandbox") as server:

        def install(name: str, address: str, **variables: str) -> None:
            assert home.run("install", name, "--yes", "--http", address, **variables).status == 0

        install("cursor", f"{server.url}/mcp", ROTOR_MCP_TOKEN=TOKEN)
        install("vscode", f"{server.url}/mcp", ROTOR_MCP_TOKEN=TOKEN)
        install("gemini", f"{server.url}/mcp")
        install("kiro", f"{server.url}/mcp", ROTOR_MCP_TOKEN=TOKEN.replace("0", "1"))
        install("warp", f"{server.url}/other", ROTOR_MCP_TOKEN=TOKEN)
        ended = home.run("check", "--sandbox")
        assert TOKEN not in ended.out + ended.err
        assert (ended.status, lines(home, ended).replace(server.url, "<url>")) == snapshot(
            (
                1,
                """\
ok   clock: as Rotor's
ok   Cursor: rotor in ~/.cursor/mcp.json connects to <url>/mcp: 4 tools in <time> s
note VS Code: rotor in ~/.config/Code/User/mcp.json connects to <url>/mcp, which was not tried
     → Look in VS Code whether it is connected: the token is kept there.
note Gemini CLI: rotor in ~/.gemini/settings.json connects to <url>/mcp, which asks to sign in
     → Sign in from Gemini CLI.
FAIL Kiro: rotor in ~/.kiro/settings/mcp.json connects to <url>/mcp, which answers 401, not as an MCP server
     → Run rotor-mcp install kiro --http <url>/mcp, and this again.
FAIL Warp: rotor in ~/.warp/.mcp.json connects to <url>/other, which answers 404, not as an MCP server
     → Run rotor-mcp install warp --http <url>/other, and this again.
note Zed: not connected in ~/.config/zed/settings.json
     → If it is to be, run rotor-mcp install zed.
""",
            )
        )
