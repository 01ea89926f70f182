"""Where each client's configuration is, on the three systems."""

from pathlib import Path

import pytest

from rotor_mcp.installer.catalog import CLIENTS
from rotor_mcp.installer.host_system import HostSystem

HOME = Path("/home/jo")

MAC, WINDOWS, LINUX = "Library/Application Support", "AppData/Roaming", ".config"
SAME_ON_ALL = {
    "claude-code": ".claude.json",
    "codex": ".codex/config.toml",
    "cursor": ".cursor/mcp.json",
    "copilot-cli": ".copilot/mcp-config.json",
    "windsurf": ".codeium/windsurf/mcp_config.json",
    "gemini": ".gemini/settings.json",
    "antigravity": ".gemini/config/mcp_config.json",
    "kiro": ".kiro/settings/mcp.json",
    "lm-studio": ".lmstudio/mcp.json",
    "opencode": ".config/opencode/opencode.json",
    "cline": ".cline/data/settings/cline_mcp_settings.json",
    "junie": ".junie/mcp/mcp.json",
    "warp": ".warp/.mcp.json",
}
DESKTOP = {
    "claude-desktop": "Claude/claude_desktop_config.json",
    "vscode": "Code/User/mcp.json",
    "vscode-insiders": "Code - Insiders/User/mcp.json",
}
PLACES = (
    {(name, system): file for name, file in SAME_ON_ALL.items() for system in ("darwin", "win32", "linux")}
    | {
        (name, system): f"{directory}/{file}"
        for name, file in DESKTOP.items()
        for system, directory in (("darwin", MAC), ("win32", WINDOWS), ("linux", LINUX))
    }
    | {
        ("devin", "darwin"): ".config/devin/mcp_config.json",
        ("devin", "win32"): "AppData/Roaming/devin/mcp_config.json",
        ("devin", "linux"): ".config/devin/mcp_config.json",
        ("zed", "darwin"): ".config/zed/settings.json",
        ("zed", "win32"): "AppData/Roaming/Zed/settings.json",
        ("zed", "linux"): ".config/zed/settings.json",
        ("goose", "darwin"): ".config/goose/config.yaml",
        ("goose", "win32"): "AppData/Roaming/Block/goose/config/config.yaml",
        ("goose", "linux"): ".config/goose/config.yaml",
    }
)
WITHOUT_FILE = {"jetbrains"}


def files(name: str, machine: HostSystem) -> list[Path]:
    return [place.file for place in CLIENTS[name].locations(machine)]


@pytest.mark.parametrize(("name", "platform"), PLACES)
def test_the_places(name: str, platform: str) -> None:
    places = files(name, HostSystem(platform, {}, HOME))
    assert places[0] == HOME / PLACES[name, platform]
    assert len(places) == (2 if (name, platform) == ("claude-desktop", "win32") else 1)


def test_every_client_has_its_places() -> None:
    assert {name for name, _ in PLACES} == set(CLIENTS) - WITHOUT_FILE
    assert all(files(name, HostSystem("linux", {}, HOME)) == [] for name in WITHOUT_FILE)


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
        ("copilot-cli", "linux", "COPILOT_HOME", "mcp-config.json"),
        ("devin", "linux", "XDG_CONFIG_HOME", "devin/mcp_config.json"),
        ("devin", "win32", "APPDATA", "devin/mcp_config.json"),
        ("zed", "win32", "APPDATA", "Zed/settings.json"),
        ("opencode", "linux", "OPENCODE_CONFIG_DIR", "opencode.json"),
        ("opencode", "linux", "OPENCODE_CONFIG", ""),
        ("cline", "linux", "CLINE_DIR", "data/settings/cline_mcp_settings.json"),
        ("cline", "linux", "CLINE_DATA_DIR", "settings/cline_mcp_settings.json"),
        ("cline", "linux", "CLINE_MCP_SETTINGS_PATH", ""),
        ("goose", "win32", "APPDATA", "Block/goose/config/config.yaml"),
    ],
)
def test_directories_that_were_moved(name: str, platform: str, variable: str, file: str) -> None:
    machine = HostSystem(platform, {variable: "/elsewhere"}, HOME)
    assert files(name, machine)[0] == Path("/elsewhere") / file


@pytest.mark.parametrize("platform", ["darwin", "linux"])
def test_what_is_windows_alone_counts_there_alone(platform: str) -> None:
    moved = HostSystem(platform, {"APPDATA": "/elsewhere", "LOCALAPPDATA": "/elsewhere"}, HOME)
    assert all(HOME in file.parents for name in CLIENTS for file in files(name, moved))


def test_the_editions_of_claude_desktop_on_windows(tmp_path: Path) -> None:
    local = tmp_path / "Local"
    store = local / "Packages" / "Claude_pzs8sxrjxfjjc" / "LocalCache" / "Roaming" / "Claude"
    store.mkdir(parents=True)
    (local / "Packages" / "Other_1").mkdir()
    (local / "Packages" / "Claude_never_started").mkdir()
    machine = HostSystem("win32", {"LOCALAPPDATA": str(local)}, tmp_path)

    def used() -> list[Path]:
        locations = CLIENTS["claude-desktop"].locations(machine)
        return [location.file.parent for location in locations if location.is_used]

    assert used() == [store]
    (local / "Claude-Data").mkdir()
    assert used() == [store, local / "Claude-Data"]
    (local / "Claude-Data" / "claude_2").mkdir()
    (local / "Claude-Data" / "logs").mkdir()
    assert used() == [store, local / "Claude-Data" / "claude_2"]
    elsewhere = HostSystem("linux", {"LOCALAPPDATA": str(local)}, tmp_path)
    assert len(CLIENTS["claude-desktop"].locations(elsewhere)) == 1


def test_gemini_and_antigravity_share_a_directory(tmp_path: Path) -> None:
    machine = HostSystem("linux", {}, tmp_path)

    def used() -> list[str]:
        found = [(name, CLIENTS[name].locations(machine)[0]) for name in ("gemini", "antigravity")]
        return [location.file.relative_to(tmp_path).as_posix() for _, location in found if location.is_used]

    (tmp_path / ".gemini").mkdir()
    assert used() == [".gemini/settings.json"]
    (tmp_path / ".gemini" / "antigravity").mkdir()
    assert used() == [".gemini/antigravity/mcp_config.json"]
    (tmp_path / ".gemini" / "config").mkdir()
    assert used() == [".gemini/config/mcp_config.json"]
    (tmp_path / ".gemini" / "settings.json").touch()
    assert used() == [".gemini/settings.json", ".gemini/config/mcp_config.json"]


def test_opencode_reads_the_file_with_comments_if_there_is_one(tmp_path: Path) -> None:
    machine = HostSystem("linux", {}, tmp_path)
    directory = tmp_path / ".config" / "opencode"
    directory.mkdir(parents=True)
    (directory / "opencode.jsonc").touch()
    assert files("opencode", machine) == [directory / "opencode.jsonc"]


def test_a_client_is_there_if_its_directory_is(tmp_path: Path) -> None:
    machine = HostSystem("linux", {}, tmp_path)

    def used() -> list[str]:
        return [name for name in CLIENTS if any(place.is_used for place in CLIENTS[name].locations(machine))]

    assert used() == []
    (tmp_path / ".cursor").mkdir()
    (tmp_path / ".kiro").mkdir()
    (tmp_path / ".claude.json").touch()
    assert used() == ["claude-code", "cursor", "kiro"]
