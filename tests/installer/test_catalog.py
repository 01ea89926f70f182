"""Where each client's configuration is, on the three systems."""

from pathlib import Path

import pytest

from rotor_mcp.installer.catalog import CLIENTS, HostSystem

HOME = Path("/home/jo")

PLACES = {
    ("claude-desktop", "darwin"): "Library/Application Support/Claude/claude_desktop_config.json",
    ("claude-desktop", "win32"): "AppData/Roaming/Claude/claude_desktop_config.json",
    ("claude-desktop", "linux"): ".config/Claude/claude_desktop_config.json",
    ("claude-code", "darwin"): ".claude.json",
    ("claude-code", "win32"): ".claude.json",
    ("claude-code", "linux"): ".claude.json",
    ("cursor", "darwin"): ".cursor/mcp.json",
    ("cursor", "win32"): ".cursor/mcp.json",
    ("cursor", "linux"): ".cursor/mcp.json",
    ("vscode", "darwin"): "Library/Application Support/Code/User/mcp.json",
    ("vscode", "win32"): "AppData/Roaming/Code/User/mcp.json",
    ("vscode", "linux"): ".config/Code/User/mcp.json",
    ("vscode-insiders", "darwin"): "Library/Application Support/Code - Insiders/User/mcp.json",
    ("vscode-insiders", "win32"): "AppData/Roaming/Code - Insiders/User/mcp.json",
    ("vscode-insiders", "linux"): ".config/Code - Insiders/User/mcp.json",
    ("windsurf", "darwin"): ".codeium/windsurf/mcp_config.json",
    ("windsurf", "win32"): ".codeium/windsurf/mcp_config.json",
    ("windsurf", "linux"): ".codeium/windsurf/mcp_config.json",
    ("codex", "darwin"): ".codex/config.toml",
    ("codex", "win32"): ".codex/config.toml",
    ("codex", "linux"): ".codex/config.toml",
    ("gemini", "darwin"): ".gemini/settings.json",
    ("gemini", "win32"): ".gemini/settings.json",
    ("gemini", "linux"): ".gemini/settings.json",
}


def files(name: str, machine: HostSystem) -> list[Path]:
    return [place.file for place in CLIENTS[name].locations(machine)]


@pytest.mark.parametrize(("name", "platform"), PLACES)
def test_the_places(name: str, platform: str) -> None:
    assert files(name, HostSystem(platform, {}, HOME)) == [HOME / PLACES[name, platform]]


def test_every_client_has_its_places() -> None:
    assert {name for name, _ in PLACES} == set(CLIENTS)


@pytest.mark.parametrize(
    ("name", "platform", "variable", "file"),
    [
        ("claude-desktop", "win32", "APPDATA", "Claude/claude_desktop_config.json"),
        ("claude-desktop", "linux", "XDG_CONFIG_HOME", "Claude/claude_desktop_config.json"),
        ("claude-code", "linux", "CLAUDE_CONFIG_DIR", ".claude.json"),
        ("claude-code", "win32", "CLAUDE_CONFIG_DIR", ".claude.json"),
        ("vscode", "win32", "APPDATA", "Code/User/mcp.json"),
        ("vscode", "linux", "XDG_CONFIG_HOME", "Code/User/mcp.json"),
        ("vscode-insiders", "win32", "APPDATA", "Code - Insiders/User/mcp.json"),
        ("codex", "darwin", "CODEX_HOME", "config.toml"),
        ("gemini", "darwin", "GEMINI_CLI_HOME", ".gemini/settings.json"),
    ],
)
def test_directories_that_were_moved(name: str, platform: str, variable: str, file: str) -> None:
    assert files(name, HostSystem(platform, {variable: "/elsewhere"}, HOME)) == [Path("/elsewhere") / file]


@pytest.mark.parametrize("platform", ["darwin", "linux"])
def test_what_is_windows_alone_counts_there_alone(platform: str) -> None:
    moved = HostSystem(platform, {"APPDATA": "/elsewhere", "LOCALAPPDATA": "/elsewhere"}, HOME)
    assert all(HOME in file.parents for name in CLIENTS for file in files(name, moved))


def test_claude_desktop_from_the_store(tmp_path: Path) -> None:
    local = tmp_path / "Local"
    inside = local / "Packages" / "Claude_pzs8sxrjxfjjc" / "LocalCache" / "Roaming" / "Claude"
    inside.mkdir(parents=True)
    (local / "Packages" / "Other_1").mkdir()
    machine = HostSystem("win32", {"LOCALAPPDATA": str(local)}, tmp_path)
    plain, store = CLIENTS["claude-desktop"].locations(machine)
    assert (plain.is_used, store.is_used) == (False, True)
    elsewhere = HostSystem("linux", {"LOCALAPPDATA": str(local)}, tmp_path)
    assert len(CLIENTS["claude-desktop"].locations(elsewhere)) == 1
    assert store.file == inside / "claude_desktop_config.json"


def test_a_client_is_there_if_its_directory_is(tmp_path: Path) -> None:
    machine = HostSystem("linux", {}, tmp_path)
    assert [name for name in CLIENTS if CLIENTS[name].locations(machine)[0].is_used] == []
    (tmp_path / ".cursor").mkdir()
    (tmp_path / ".claude.json").touch()
    assert [name for name in CLIENTS if CLIENTS[name].locations(machine)[0].is_used] == [
        "claude-code",
        "cursor",
    ]
