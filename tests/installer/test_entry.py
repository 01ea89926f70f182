"""What our entry says, which entries are ours, and what of them is shown."""

from pathlib import Path

import pytest

from rotor_mcp.installer.catalog import CLIENTS
from rotor_mcp.installer.entry import (
    LaunchCommand,
    build_entry,
    is_own_server,
    mask_server,
    merge_server,
    prompts,
    secret_of,
)
from rotor_mcp.installer.entry_format import LocalServer, RemoteServer, Server

COMMAND = "/opt/bin/rotor-mcp"
VARIABLES = {"ROTOR_API_KEY": "rotor_a_secretpart", "ROTOR_MCP_TIMEZONE": "UTC"}
LOCAL = LocalServer(COMMAND, ("serve",), VARIABLES)
URL = "https://mcp.acme.com/mcp"
REMOTE = RemoteServer(URL, "t0ken")
AUTHORIZED = {"Authorization": "Bearer t0ken"}
PLAIN = {"command": COMMAND, "args": ["serve"], "env": VARIABLES}
ASKED = {"ROTOR_API_KEY": "${input:rotor_key}", "ROTOR_MCP_TIMEZONE": "UTC"}
ASKED_TOKEN = {"Authorization": "Bearer ${input:rotor_token}"}


def entry(name: str, server: Server) -> dict[str, object]:
    built = build_entry(CLIENTS[name], "rotor", server)
    return CLIENTS[name].entry_format.write(built.name, built.server)


@pytest.mark.parametrize(
    ("name", "local", "remote"),
    [
        ("claude-desktop", PLAIN, None),
        ("claude-code", {"type": "stdio", **PLAIN}, {"type": "http", "url": URL, "headers": AUTHORIZED}),
        ("codex", PLAIN, {"url": URL, "http_headers": AUTHORIZED}),
        ("cursor", PLAIN, {"url": URL, "headers": AUTHORIZED}),
        (
            "vscode",
            {"type": "stdio", **PLAIN, "env": ASKED},
            {"type": "http", "url": URL, "headers": ASKED_TOKEN},
        ),
        (
            "vscode-insiders",
            {"type": "stdio", **PLAIN, "env": ASKED},
            {"type": "http", "url": URL, "headers": ASKED_TOKEN},
        ),
        (
            "copilot-cli",
            {"type": "local", **PLAIN, "tools": ["*"]},
            {"type": "http", "url": URL, "headers": AUTHORIZED, "tools": ["*"]},
        ),
        ("devin", PLAIN, {"url": URL, "transport": "http", "headers": AUTHORIZED}),
        ("windsurf", PLAIN, {"serverUrl": URL, "headers": AUTHORIZED}),
        ("gemini", PLAIN, {"httpUrl": URL, "headers": AUTHORIZED}),
        ("antigravity", PLAIN, {"serverUrl": URL, "headers": AUTHORIZED}),
        ("kiro", PLAIN, {"url": URL, "headers": AUTHORIZED}),
        ("lm-studio", PLAIN, {"url": URL, "headers": AUTHORIZED}),
        ("zed", PLAIN, {"url": URL, "headers": AUTHORIZED}),
        (
            "opencode",
            {
                "type": "local",
                "command": [COMMAND, "serve"],
                "environment": VARIABLES,
                "enabled": True,
                "timeout": 30_000,
            },
            {"type": "remote", "url": URL, "headers": AUTHORIZED, "enabled": True, "timeout": 30_000},
        ),
        (
            "cline",
            {"type": "stdio", **PLAIN},
            {"type": "streamableHttp", "url": URL, "headers": AUTHORIZED},
        ),
        (
            "goose",
            {
                "name": "rotor",
                "type": "stdio",
                "cmd": COMMAND,
                "args": ["serve"],
                "envs": VARIABLES,
                "enabled": True,
                "timeout": 60,
            },
            {
                "name": "rotor",
                "type": "streamable_http",
                "uri": URL,
                "headers": AUTHORIZED,
                "enabled": True,
                "timeout": 60,
            },
        ),
        ("junie", PLAIN, {"url": URL, "headers": AUTHORIZED}),
        ("jetbrains", PLAIN, {"url": URL, "headers": AUTHORIZED}),
        ("warp", PLAIN, {"url": URL, "headers": AUTHORIZED}),
    ],
)
def test_the_entry_of_each_client(
    name: str, local: dict[str, object], remote: dict[str, object] | None
) -> None:
    assert entry(name, LOCAL) == local
    assert (CLIENTS[name].remote_by_hand is not None) is (remote is None)
    if remote is not None:
        assert entry(name, REMOTE) == remote


@pytest.mark.parametrize("name", CLIENTS)
@pytest.mark.parametrize(
    "server",
    [LOCAL, LocalServer("/x"), LocalServer("/x", ("a", "b")), REMOTE, RemoteServer(URL)],
    ids=["local", "command", "arguments", "remote", "without token"],
)
def test_an_entry_reads_as_its_server(name: str, server: Server) -> None:
    entry_format = CLIENTS[name].entry_format
    assert entry_format.read(entry_format.write("rotor", server)) == server


@pytest.mark.parametrize(
    ("raw", "server"),
    [
        ({"command": "x", "args": "y", "env": [1]}, LocalServer("x")),
        ({"command": "x", "args": [1], "env": {"PORT": 1}}, LocalServer("x", ("1",), {"PORT": "1"})),
        ({"args": ["-m", "rotor_mcp"]}, LocalServer("", ("-m", "rotor_mcp"))),
        ({"url": "http://x", "headers": "none"}, RemoteServer("http://x")),
        ({"url": 1}, None),
        ({}, None),
        (None, None),
        ("rotor-mcp", None),
        ([1], None),
    ],
)
def test_what_users_write_in_an_entry(raw: object, server: Server | None) -> None:
    assert CLIENTS["cursor"].entry_format.read(raw) == server


def test_vscode_asks_for_secrets_itself() -> None:
    key, token = prompts("crm")
    assert key == {"type": "promptString", "id": "crm_key", "description": "Rotor API key", "password": True}
    assert token == {
        "type": "promptString",
        "id": "crm_token",
        "description": "Access token of the Rotor MCP server",
        "password": True,
    }
    assert build_entry(CLIENTS["vscode"], "crm", LOCAL).prompt == key
    assert build_entry(CLIENTS["vscode"], "crm", REMOTE).prompt == token


@pytest.mark.parametrize("server", [LocalServer(COMMAND), RemoteServer(URL)])
def test_vscode_does_not_ask_for_what_is_not_needed(server: Server) -> None:
    written = build_entry(CLIENTS["vscode"], "rotor", server)
    assert (written.prompt, written.server) == (None, server)


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
        (LOCAL, True),
        (LocalServer("C:\\Users\\Jo\\venv\\Scripts\\rotor-mcp.exe"), True),
        (LocalServer("/old/venv/bin/python", ("-m", "rotor_mcp")), True),
        (LocalServer("/v/python", ("-P", "-m", "rotor_mcp", "serve")), True),
        (LocalServer("", ("-m", "rotor_mcp")), True),
        (LocalServer("uvx", ("rotor-mcp",)), True),
        (LocalServer("/home/jo/.local/bin/uvx", ("rotor-mcp[keychain]@latest", "serve")), True),
        (LocalServer("pipx.exe", ("run", "--spec", "rotor-mcp==0.1.0", "rotor-mcp")), True),
        (LocalServer("uvx", ("rotor-mcp-server",)), False),
        (LocalServer("npx", ("-y", "rotor-mcp")), False),
        (LocalServer("python", ("-m", "other", "rotor_mcp")), False),
        (RemoteServer("https://mcp.getrotor.com"), False),
        (RemoteServer(URL), True),
        (RemoteServer(f"{URL}/"), True),
        (None, False),
    ],
)
def test_which_servers_are_ours(server: Server | None, ours: bool) -> None:
    assert is_own_server(server, URL) is ours
    assert is_own_server(server) is (ours and isinstance(server, LocalServer))


def test_what_somebody_added_stays() -> None:
    before = {
        "command": "/old",
        "disabled": True,
        "env": {"ROTOR_API_KEY": "old", "ROTOR_MCP_READ_ONLY": "true", "HTTPS_PROXY": "http://proxy"},
    }
    entry_format = CLIENTS["cursor"].entry_format
    merged = merge_server(entry_format.read(before), LOCAL)
    assert entry_format.write("rotor", merged, before) == {
        **PLAIN,
        "disabled": True,
        "env": {"HTTPS_PROXY": "http://proxy", **VARIABLES},
    }
    assert merge_server(
        LocalServer("/old", (), {"ROTOR_API_KEY": "old"}), LocalServer("/new")
    ) == LocalServer("/new")


def test_what_a_user_set_in_the_fields_of_a_client_stays() -> None:
    entry_format = CLIENTS["opencode"].entry_format
    before = entry_format.write("rotor", LOCAL) | {"enabled": False, "timeout": 5}
    assert entry_format.write("rotor", LocalServer("/new"), before) == {
        "type": "local",
        "command": ["/new"],
        "enabled": False,
        "timeout": 5,
    }


def test_secrets_are_not_shown() -> None:
    server = LocalServer(
        "/x",
        ("serve", "--api-key=rotor_a_b", "--api-key", "rotor_c_d", "--timezone=UTC"),
        {"ROTOR_API_KEY": "rotor_e_f", "TOKEN": "t0ken", "ROTOR_MCP_TIMEZONE": "UTC", "A": "${input:a}"},
    )
    assert mask_server(server) == LocalServer(
        "/x",
        ("serve", "--api-key=«API key»", "--api-key", "«API key»", "--timezone=UTC"),
        {"ROTOR_API_KEY": "«API key»", "TOKEN": "…", "ROTOR_MCP_TIMEZONE": "UTC", "A": "${input:a}"},
    )
    assert mask_server(REMOTE, "new ") == RemoteServer(URL, "«new access token»")
    assert mask_server(RemoteServer(URL)) == RemoteServer(URL)
    raw = {"url": URL, "headers": {"X-Other": "secret", "Authorization": "Bearer t0ken"}, "disabled": True}
    assert CLIENTS["cursor"].entry_format.with_server(raw, mask_server(REMOTE)) == {
        "url": URL,
        "headers": {"X-Other": "…", "Authorization": "Bearer «access token»"},
        "disabled": True,
    }
    assert "t0ken" not in repr(REMOTE)
    assert "secretpart" not in repr(LOCAL)


@pytest.mark.parametrize(
    ("server", "secret"),
    [
        (LOCAL, "rotor_a_secretpart"),
        (REMOTE, "t0ken"),
        (LocalServer("/x", (), ASKED), None),
        (LocalServer("/x", (), {"ROTOR_API_KEY": "{env:ROTOR_API_KEY}"}), None),
        (LocalServer("/x", (), {"ROTOR_API_KEY": "$ROTOR_API_KEY"}), None),
        (LocalServer("/x"), None),
        (RemoteServer(URL), None),
        (RemoteServer(URL, "${env:TOKEN}"), None),
        (None, None),
    ],
)
def test_where_a_secret_is(server: Server | None, secret: str | None) -> None:
    assert secret_of(server) == secret
