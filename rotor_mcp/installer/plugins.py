"""Plugins of clients that bring a server under a name of their own."""

import json
from typing import Any

from rotor_mcp.installer.catalog import Client
from rotor_mcp.installer.host_system import HostSystem


def find_plugin(client: Client, name: str, machine: HostSystem) -> str | None:
    """Return the plugin of Claude Code that has a name, with its marketplace; None if there is none.

    Claude Code lists `NAME@MARKETPLACE` in its settings if a plugin is switched on.
    """
    if client.name != "claude-code":
        return None
    directory = machine.directory("CLAUDE_CONFIG_DIR", machine.home / ".claude")
    try:
        settings: Any = json.loads((directory / "settings.json").read_text("utf-8"))
        plugins = settings["enabledPlugins"].items()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return next((plugin for plugin, is_on in plugins if is_on and plugin.partition("@")[0] == name), None)
