"""What our entry says, which entries are ours, and what of them is shown."""

from pathlib import Path

import pytest

from rotor_mcp.installer.catalog import CLIENTS
from rotor_mcp.installer.entry import (
    LaunchCommand,
    build_entry,
    is_own_entry,
    key_prompt,
    mask_entry,
    merge_server,
)

LAUNCH = LaunchCommand("/opt/bin/rotor-mcp", ("serve",))
VARIABLES = {"ROTOR_API_KEY": "rotor_a_secretpart", "ROTOR_MCP_TIMEZONE": "UTC"}
PLAIN = {"command": "/opt/bin/rotor-mcp", "args": ["serve"], "env": VARIABLES}


@pytest.mark.parametrize("name", ["claude-desktop", "cursor", "windsurf", "codex", "gemini"])
def test_a_plain_entry(name: str) -> None:
    assert build_entry(CLIENTS[name], "rotor", LAUNCH, VARIABLES).server == PLAIN


def test_claude_code_says_what_type_it_is() -> None:
    assert build_entry(CLIENTS["claude-code"], "rotor", LAUNCH, VARIABLES).server == {
        "type": "stdio",
        **PLAIN,
    }


def test_vscode_asks_for_the_key_itself() -> None:
    written = build_entry(CLIENTS["vscode"], "crm", LAUNCH, VARIABLES)
    assert written.server == {
        "type": "stdio",
        **PLAIN,
        "env": {"ROTOR_API_KEY": "${input:crm_key}", "ROTOR_MCP_TIMEZONE": "UTC"},
    }
    assert written.prompt == key_prompt("crm")
    assert key_prompt("crm") == {
        "type": "promptString",
        "id": "crm_key",
        "description": "Rotor API key",
        "password": True,
    }


def test_vscode_does_not_ask_for_a_key_that_is_not_needed() -> None:
    written = build_entry(CLIENTS["vscode"], "rotor", LAUNCH, {})
    assert written.prompt is None
    assert written.server == {"type": "stdio", "command": "/opt/bin/rotor-mcp", "args": ["serve"]}


def test_the_script_beside_the_interpreter(tmp_path: Path) -> None:
    python = tmp_path / "python3"
    assert LaunchCommand.of_interpreter(python, "serve") == LaunchCommand(
        str(python), ("-P", "-m", "rotor_mcp", "serve")
    )
    (tmp_path / "rotor-mcp").touch()
    assert LaunchCommand.of_interpreter(python, "serve", "--sandbox") == LaunchCommand(
        str(tmp_path / "rotor-mcp"), ("serve", "--sandbox")
    )


def test_a_link_to_an_interpreter_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "usr").mkdir()
    (tmp_path / "usr" / "python3").touch()
    (tmp_path / "usr" / "rotor-mcp").touch()
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv" / "python3").symlink_to(tmp_path / "usr" / "python3")
    assert LaunchCommand.of_interpreter(tmp_path / "venv" / "python3").command == str(
        tmp_path / "venv" / "python3"
    )


@pytest.mark.parametrize(
    ("command", "is_in_cache"),
    [
        ("/home/jo/.cache/uv/archive-v0/x1/bin/rotor-mcp", True),
        ("/Users/jo/Library/Caches/uv/environments-v2/x/bin/python", True),
        ("/home/jo/.local/pipx/.cache/d2f/bin/python", True),
        ("/home/jo/.local/share/uv/tools/rotor-mcp/bin/python", False),
        ("/home/jo/.local/share/pipx/venvs/rotor-mcp/bin/rotor-mcp", False),
        ("/home/cached/venv/bin/python", False),
    ],
)
def test_what_is_in_a_cache(command: str, is_in_cache: bool) -> None:
    assert LaunchCommand(command, ()).is_in_cache is is_in_cache


@pytest.mark.parametrize(
    ("server", "ours"),
    [
        (PLAIN, True),
        ({"command": "C:\\Users\\Jo\\venv\\Scripts\\rotor-mcp.exe"}, True),
        ({"command": "/old/venv/bin/python", "args": ["-m", "rotor_mcp"]}, True),
        ({"command": "/v/python", "args": ["-P", "-m", "rotor_mcp", "serve"]}, True),
        ({"command": "uvx", "args": ["rotor-mcp"]}, True),
        ({"command": "/home/jo/.local/bin/uvx", "args": ["rotor-mcp[keychain]@latest", "serve"]}, True),
        ({"command": "pipx.exe", "args": ["run", "--spec", "rotor-mcp==0.1.0", "rotor-mcp"]}, True),
        ({"command": "uvx", "args": ["rotor-mcp-server"]}, False),
        ({"command": "npx", "args": ["-y", "rotor-mcp"]}, False),
        ({"command": "python", "args": ["-m", "other", "rotor_mcp"]}, False),
        ({"url": "https://mcp.getrotor.com"}, False),
        ({"command": 1, "args": "-m rotor_mcp"}, False),
        ("rotor-mcp", False),
    ],
)
def test_which_entries_are_ours(server: object, ours: bool) -> None:
    assert is_own_entry(server) is ours


def test_what_somebody_added_stays() -> None:
    before = {
        "command": "/old",
        "disabled": True,
        "env": {"ROTOR_API_KEY": "old", "ROTOR_MCP_READ_ONLY": "true", "HTTPS_PROXY": "http://proxy"},
    }
    assert merge_server(before, PLAIN) == {
        **PLAIN,
        "disabled": True,
        "env": {"HTTPS_PROXY": "http://proxy", **VARIABLES},
    }
    assert merge_server({"command": "/old", "env": {"ROTOR_API_KEY": "old"}}, {"command": "/new"}) == {
        "command": "/new"
    }


def test_secrets_are_not_shown() -> None:
    server = {
        "command": "/x",
        "args": ["serve", "--api-key=rotor_a_b", "--api-key", "rotor_c_d", "--timezone=UTC"],
        "env": {"ROTOR_API_KEY": "rotor_e_f", "TOKEN": "t0ken", "ROTOR_MCP_TIMEZONE": "UTC"},
    }
    assert mask_entry(server, "KEY") == {
        "command": "/x",
        "args": ["serve", "--api-key=KEY", "--api-key", "KEY", "--timezone=UTC"],
        "env": {"ROTOR_API_KEY": "KEY", "TOKEN": "…", "ROTOR_MCP_TIMEZONE": "UTC"},
    }
