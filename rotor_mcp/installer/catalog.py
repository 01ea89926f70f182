"""The supported clients: name, location and syntax of the configuration.

The facts are from the clients' documentation and issue trackers, as of November 2026.
"""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rotor_mcp.installer.jsonc_edit import Json
from rotor_mcp.installer.jsonc_parse import Grammar
from rotor_mcp.installer.toml import Toml

_TOML = Toml()
_STRICT = Json(Grammar())
_WITH_COMMENTS = Json(Grammar(comments=True))
_LENIENT = Json(Grammar(comments=True, trailing_commas=True))
"""Also for clients that do not document their syntax: we add neither comments nor trailing commas."""


@dataclass(frozen=True)
class HostSystem:
    """The properties of this machine that decide where configurations are."""

    platform: str = sys.platform
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    home: Path = field(default_factory=Path.home)

    def directory(self, variable: str, otherwise: Path) -> Path:
        """Return the directory in an environment variable, or `otherwise` if it is not set."""
        return Path(self.environment.get(variable) or otherwise)

    @property
    def application_data(self) -> Path:
        """The directory for the configurations of desktop applications."""
        if self.platform == "win32":
            return self.directory("APPDATA", self.home / "AppData" / "Roaming")
        if self.platform == "darwin":
            return self.home / "Library" / "Application Support"
        return self.directory("XDG_CONFIG_HOME", self.home / ".config")


@dataclass(frozen=True)
class ConfigLocation:
    """The location of a client's configuration, which need not exist."""

    file: Path
    directory: Path
    """The client's directory, which exists if it is installed."""

    @property
    def is_used(self) -> bool:
        """Whether the client seems to be installed."""
        return self.directory.is_dir() or self.file.exists()


@dataclass(frozen=True)
class Client:
    """A program that starts MCP servers."""

    name: str
    title: str
    locations: Callable[[HostSystem], list[ConfigLocation]]
    restart_hint: str
    """What to do so that the client reads its configuration again."""
    syntax: Json | Toml = _STRICT
    section: str = "mcpServers"
    typed: bool = False
    """Whether its entries have `"type": "stdio"`."""
    asks_for_key: bool = False
    """Whether it can ask the user for the key, so that no file contains it."""


def _locations(directory: Path, file: str) -> list[ConfigLocation]:
    return [ConfigLocation(directory / file, directory)]


def _claude_desktop(machine: HostSystem) -> list[ConfigLocation]:
    """Return the locations of both editions: the one from the Microsoft Store reads only its own file."""
    file = "claude_desktop_config.json"
    locations = _locations(machine.application_data / "Claude", file)
    if machine.platform == "win32":
        local = machine.directory("LOCALAPPDATA", machine.home / "AppData" / "Local")
        for package in sorted((local / "Packages").glob("Claude_*")):
            locations += _locations(package / "LocalCache" / "Roaming" / "Claude", file)
    return locations


def _claude_code(machine: HostSystem) -> list[ConfigLocation]:
    if moved := machine.environment.get("CLAUDE_CONFIG_DIR"):
        return _locations(Path(moved), ".claude.json")
    return [ConfigLocation(machine.home / ".claude.json", machine.home / ".claude")]


def _codex(machine: HostSystem) -> list[ConfigLocation]:
    return _locations(machine.directory("CODEX_HOME", machine.home / ".codex"), "config.toml")


def _gemini(machine: HostSystem) -> list[ConfigLocation]:
    return _locations(machine.directory("GEMINI_CLI_HOME", machine.home) / ".gemini", "settings.json")


def _vscode(name: str, title: str, directory: str) -> Client:
    """Return an edition of VS Code. Each has its own configuration."""
    return Client(
        name,
        title,
        lambda machine: _locations(machine.application_data / directory / "User", "mcp.json"),
        "Start the server with the command MCP: List Servers",
        syntax=_LENIENT,
        section="servers",
        typed=True,
        asks_for_key=True,
    )


CLIENTS = {
    client.name: client
    for client in (
        Client(
            "claude-desktop",
            "Claude Desktop",
            _claude_desktop,
            "Quit Claude Desktop and start it again",
        ),
        Client("claude-code", "Claude Code", _claude_code, "Start a new session of Claude Code", typed=True),
        Client(
            "cursor",
            "Cursor",
            lambda machine: _locations(machine.home / ".cursor", "mcp.json"),
            "Switch the server on in Cursor's settings under MCP, or start Cursor again",
            syntax=_LENIENT,
        ),
        _vscode("vscode", "VS Code", "Code"),
        _vscode("vscode-insiders", "VS Code Insiders", "Code - Insiders"),
        Client(
            "windsurf",
            "Windsurf",
            lambda machine: _locations(machine.home / ".codeium" / "windsurf", "mcp_config.json"),
            "Press Refresh in Windsurf's list of MCP servers",
            syntax=_LENIENT,
        ),
        Client("codex", "Codex", _codex, "Start a new session of Codex", syntax=_TOML, section="mcp_servers"),
        Client("gemini", "Gemini CLI", _gemini, "Start a new session of Gemini CLI", syntax=_WITH_COMMENTS),
    )
}
