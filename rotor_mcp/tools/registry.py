"""The tools of this server."""

from functools import cache
from importlib import import_module
from typing import Any

from rotor_mcp.tools.tool import Tool

TOOL_NAMES = ("upsert_lead", "upsert_leads", "search_leads", "get_lead")
"""In the order in which `tools/list` shows them. Each names the module of the tool."""


@cache
def find_tool(name: str) -> Tool[Any, Any]:
    """Return a tool by its name. Its module is imported when it is first asked for: a caller waits for it."""
    tool: Tool[Any, Any] = getattr(import_module(f"rotor_mcp.tools.{name}"), name.upper())
    return tool
