"""The supported clients, one row each: where the configuration is, and how it is written.

The facts are from the clients' documentation, sources and issue trackers, as of November 2026;
docs/clients.md names the source of each row.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from rotor_mcp.installer.entry_format import EntryFormat
from rotor_mcp.installer.host_system import ConfigLocation, HostSystem
from rotor_mcp.installer.jsonc_edit import Json
from rotor_mcp.installer.jsonc_parse import Grammar
from rotor_mcp.installer.toml import Toml
from rotor_mcp.installer.yaml import Yaml

_STRICT = Json(Grammar())
_WITH_COMMENTS = Json(Grammar(comments=True))
_LENIENT = Json(Grammar(comments=True, trailing_commas=True))
"""Also for clients that do not document their syntax: we add neither comments nor trailing commas."""


@dataclass(frozen=True, eq=False)
class Client:
    """A program that connects to MCP servers."""

    name: str
    title: str
    locations: Callable[[HostSystem], list[ConfigLocation]]
    restart_hint: str
    """What to do so that the client reads its configuration again."""
    syntax: Json | Toml | Yaml = _LENIENT
    section: str = "mcpServers"
    entry_format: EntryFormat = field(default_factory=EntryFormat)
    project_file: str | None = None
    """The configuration of a single project, relative to its directory; it has the same section."""
    asks_for_secrets: bool = False
    """Whether it can ask the user for a key or a token, so that no file contains it."""
    remote_by_hand: str | None = None
    """What to do to connect a remote server; None if the configuration can have one."""


def _below_home(directory: str, file: str) -> Callable[[HostSystem], list[ConfigLocation]]:
    """Return the location of a file in a client's directory below the home directory."""
    return lambda machine: _locations(machine.home / directory, file)


def _locations(directory: Path, file: str) -> list[ConfigLocation]:
    return [ConfigLocation(directory / file, directory)]


def _claude_desktop(machine: HostSystem) -> list[ConfigLocation]:
    """Return the locations of all editions. On Windows each edition reads only its own file.

    The classic edition keeps it in the roaming data, that of the Microsoft Store in its package, and editions
    since October 2026 in `Claude-Data`, some of them in a directory of that.
    """
    file = "claude_desktop_config.json"
    locations = _locations(machine.application_data / "Claude", file)
    if machine.platform == "win32":
        local = machine.local_application_data
        for package in sorted((local / "Packages").glob("Claude_*")):
            locations += _locations(package / "LocalCache" / "Roaming" / "Claude", file)
        data = local / "Claude-Data"
        inner = sorted(path for path in data.glob("[Cc]laude*") if path.is_dir())
        for directory in inner or [data]:
            locations += _locations(directory, file)
    return locations


def _claude_code(machine: HostSystem) -> list[ConfigLocation]:
    if moved := machine.environment.get("CLAUDE_CONFIG_DIR"):
        return _locations(Path(moved), ".claude.json")
    return [ConfigLocation(machine.home / ".claude.json", machine.home / ".claude")]


def _codex(machine: HostSystem) -> list[ConfigLocation]:
    return _locations(machine.directory("CODEX_HOME", machine.home / ".codex"), "config.toml")


def _gemini(machine: HostSystem) -> list[ConfigLocation]:
    """Return the location of Gemini CLI. Where Antigravity has the same directory, only the file shows it."""
    directory = machine.directory("GEMINI_CLI_HOME", machine.home) / ".gemini"
    file = directory / "settings.json"
    is_shared = any((directory / name).is_dir() for name in ("config", "antigravity"))
    return [ConfigLocation(file, file if is_shared else directory)]


def _antigravity(machine: HostSystem) -> list[ConfigLocation]:
    """Return the location of version 2, or that of version 1 where only that one is."""
    directory = machine.home / ".gemini"
    newer, older = (_locations(directory / name, "mcp_config.json") for name in ("config", "antigravity"))
    return older if older[0].is_used and not newer[0].is_used else newer


def _copilot(machine: HostSystem) -> list[ConfigLocation]:
    return _locations(machine.directory("COPILOT_HOME", machine.home / ".copilot"), "mcp-config.json")


def _devin(machine: HostSystem) -> list[ConfigLocation]:
    directory = machine.application_data if machine.platform == "win32" else machine.xdg_config
    return _locations(directory / "devin", "mcp_config.json")


def _zed(machine: HostSystem) -> list[ConfigLocation]:
    if machine.platform == "win32":
        return _locations(machine.application_data / "Zed", "settings.json")
    return _locations(machine.xdg_config / "zed", "settings.json")


def _opencode(machine: HostSystem) -> list[ConfigLocation]:
    if moved := machine.environment.get("OPENCODE_CONFIG"):
        return [ConfigLocation(Path(moved), Path(moved).parent)]
    directory = machine.directory("OPENCODE_CONFIG_DIR", machine.xdg_config / "opencode")
    with_comments = directory / "opencode.jsonc"
    return _locations(directory, with_comments.name if with_comments.exists() else "opencode.json")


def _cline(machine: HostSystem) -> list[ConfigLocation]:
    if moved := machine.environment.get("CLINE_MCP_SETTINGS_PATH"):
        return [ConfigLocation(Path(moved), Path(moved).parent)]
    home = machine.directory("CLINE_DIR", machine.home / ".cline")
    settings = machine.directory("CLINE_DATA_DIR", home / "data") / "settings"
    return [ConfigLocation(settings / "cline_mcp_settings.json", home)]


def _goose(machine: HostSystem) -> list[ConfigLocation]:
    if machine.platform == "win32":
        return _locations(machine.application_data / "Block" / "goose" / "config", "config.yaml")
    return _locations(machine.xdg_config / "goose", "config.yaml")


def _vscode(name: str, title: str, directory: str) -> Client:
    """Return an edition of VS Code. Each has its own configuration."""
    return Client(
        name,
        title,
        lambda machine: _locations(machine.application_data / directory / "User", "mcp.json"),
        "Start the server with the command MCP: List Servers",
        section="servers",
        entry_format=EntryFormat(local_fields={"type": "stdio"}, remote_fields={"type": "http"}),
        project_file=".vscode/mcp.json",
        asks_for_secrets=True,
    )


CLIENTS = {
    client.name: client
    for client in (
        Client(
            "claude-desktop",
            "Claude Desktop",
            _claude_desktop,
            "Quit Claude Desktop and start it again",
            syntax=_STRICT,
            remote_by_hand="Add it in Settings → Connectors as a custom connector: this client connects to "
            "remote servers from there alone",
        ),
        Client(
            "claude-code",
            "Claude Code",
            _claude_code,
            "Start a new session of Claude Code",
            syntax=_STRICT,
            entry_format=EntryFormat(local_fields={"type": "stdio"}, remote_fields={"type": "http"}),
            project_file=".mcp.json",
        ),
        Client(
            "codex",
            "Codex and ChatGPT desktop",
            _codex,
            "Start a new session of Codex; quit ChatGPT desktop and start it again",
            syntax=Toml(),
            section="mcp_servers",
            entry_format=EntryFormat(headers="http_headers"),
            project_file=".codex/config.toml",
        ),
        Client(
            "cursor",
            "Cursor",
            _below_home(".cursor", "mcp.json"),
            "Switch the server on in Cursor's settings under MCP, or start Cursor again",
            project_file=".cursor/mcp.json",
        ),
        _vscode("vscode", "VS Code", "Code"),
        _vscode("vscode-insiders", "VS Code Insiders", "Code - Insiders"),
        Client(
            "copilot-cli",
            "Copilot CLI",
            _copilot,
            "Enter /mcp reload in Copilot CLI, or start a new session",
            syntax=_STRICT,
            entry_format=EntryFormat(
                local_fields={"type": "local"}, remote_fields={"type": "http"}, defaults={"tools": ["*"]}
            ),
        ),
        Client(
            "devin",
            "Devin Desktop",
            _devin,
            "Start a new session in Devin Desktop",
            entry_format=EntryFormat(remote_fields={"transport": "http"}),
            project_file=".devin/mcp_config.json",
        ),
        Client(
            "windsurf",
            "Windsurf",
            _below_home(".codeium/windsurf", "mcp_config.json"),
            "Press Refresh in Windsurf's list of MCP servers",
            entry_format=EntryFormat(url="serverUrl"),
        ),
        Client(
            "gemini",
            "Gemini CLI",
            _gemini,
            "Enter /mcp reload in Gemini CLI, or start a new session. In a directory that it does not trust "
            "it connects to no server: enter /permissions there",
            syntax=_WITH_COMMENTS,
            entry_format=EntryFormat(url="httpUrl"),
            project_file=".gemini/settings.json",
        ),
        Client(
            "antigravity",
            "Antigravity",
            _antigravity,
            "Press Refresh in Antigravity under Manage MCP servers",
            entry_format=EntryFormat(url="serverUrl"),
            project_file=".agents/mcp_config.json",
        ),
        Client(
            "kiro",
            "Kiro",
            _below_home(".kiro", "settings/mcp.json"),
            "Kiro reads the file by itself",
            project_file=".kiro/settings/mcp.json",
        ),
        Client(
            "lm-studio",
            "LM Studio",
            _below_home(".lmstudio", "mcp.json"),
            "Switch the server on in LM Studio's Program tab, or start LM Studio again",
        ),
        Client(
            "zed",
            "Zed",
            _zed,
            "Zed reads the file by itself",
            section="context_servers",
            project_file=".zed/settings.json",
        ),
        Client(
            "opencode",
            "opencode",
            _opencode,
            "Start opencode again",
            section="mcp",
            entry_format=EntryFormat(
                local_fields={"type": "local"},
                remote_fields={"type": "remote"},
                args=None,
                env="environment",
                defaults={"enabled": True, "timeout": 30_000},
            ),
            project_file="opencode.json",
        ),
        Client(
            "cline",
            "Cline",
            _cline,
            "Cline reads the file by itself",
            syntax=_STRICT,
            entry_format=EntryFormat(
                local_fields={"type": "stdio"}, remote_fields={"type": "streamableHttp"}
            ),
        ),
        Client(
            "goose",
            "Goose",
            _goose,
            "Start a new session of Goose",
            syntax=Yaml(),
            section="extensions",
            entry_format=EntryFormat(
                local_fields={"type": "stdio"},
                remote_fields={"type": "streamable_http"},
                command="cmd",
                env="envs",
                url="uri",
                names_server=True,
                defaults={"enabled": True, "timeout": 60},
            ),
        ),
        Client(
            "junie",
            "JetBrains Junie",
            _below_home(".junie", "mcp/mcp.json"),
            "Start Junie again",
            project_file=".junie/mcp/mcp.json",
        ),
        Client(
            "jetbrains",
            "JetBrains AI Assistant",
            lambda _: [],
            "Paste this in Settings → Tools → AI Assistant → Model Context Protocol (MCP), and press Apply",
        ),
        Client(
            "warp",
            "Warp",
            _below_home(".warp", ".mcp.json"),
            "Warp reads the file and starts the server by itself",
            project_file=".warp/.mcp.json",
        ),
    )
}
