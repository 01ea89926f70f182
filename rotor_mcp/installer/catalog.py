"""The clients: what each is called, where its configuration is, and how it is written.

The facts are from the clients' own documentation and issue trackers, as of November 2026.
"""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rotor_mcp.installer.jsonc_edit import Json
from rotor_mcp.installer.jsonc_parse import Grammar
from rotor_mcp.installer.toml import Toml

_STRICT = Json(Grammar())
_WITH_COMMENTS = Json(Grammar(comments=True))
_LENIENT = Json(Grammar(comments=True, trailing_commas=True))
"""Also for clients that do not say what they read: our own change adds neither comments nor such commas."""


@dataclass(frozen=True)
class HostSystem:
    """What decides where programs keep their configuration."""

    platform: str = sys.platform
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    home: Path = field(default_factory=Path.home)

    def directory(self, variable: str, otherwise: Path) -> Path:
        """The directory that a variable names, if it is set."""
        return Path(self.environment.get(variable) or otherwise)

    @property
    def application_data(self) -> Path:
        """Where programs with a window keep theirs."""
        if self.platform == "win32":
            return self.directory("APPDATA", self.home / "AppData" / "Roaming")
        if self.platform == "darwin":
            return self.home / "Library" / "Application Support"
        return self.directory("XDG_CONFIG_HOME", self.home / ".config")


@dataclass(frozen=True)
class ConfigLocation:
    """A configuration of a client, which need not exist."""

    file: Path
    directory: Path
    """It exists if the client is installed."""

    @property
    def is_used(self) -> bool:
        """Whether there is a client that reads it."""
        return self.directory.is_dir() or self.file.exists()


@dataclass(frozen=True)
class Client:
    """A program that starts MCP servers."""

    name: str
    title: str
    locations: Callable[[HostSystem], list[ConfigLocation]]
    restart_hint: str
    """What to do so that it reads its configuration again."""
    syntax: Json | Toml = _STRICT
    section: str = "mcpServers"
    has_type: bool = False
    """Whether an entry says that it speaks over standard input and output."""
    asks_for_key: bool = False
    """Whether it can ask for the key itself, so that no file holds it."""


def _locations(directory: Path, file: str) -> list[ConfigLocation]:
    return [ConfigLocation(directory / file, directory)]


def _claude_desktop(machine: HostSystem) -> list[ConfigLocation]:
    """Where both are, an old one may be left over: the app from the Store reads only its own."""
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
    """An edition of VS Code. Each has settings of its own."""
    return Client(
        name,
        title,
        lambda machine: _locations(machine.application_data / directory / "User", "mcp.json"),
        "Start the server with the command MCP: List Servers",
        syntax=_LENIENT,
        section="servers",
        has_type=True,
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
        Client(
            "claude-code", "Claude Code", _claude_code, "Start a new session of Claude Code", has_type=True
        ),
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
        Client(
            "codex", "Codex", _codex, "Start a new session of Codex", syntax=Toml(), section="mcp_servers"
        ),
        Client("gemini", "Gemini CLI", _gemini, "Start a new session of Gemini CLI", syntax=_WITH_COMMENTS),
    )
}
