"""The servers that a model can be given, and how each is started."""

import sys
from pathlib import Path

from mcp import StdioServerParameters

from bench.baselines.environments import Server, prepare

CHECKOUT = "checkout"
"""This code as it lies here. The other names are those of `bench.baselines`."""


def server(name: str, folder: Path) -> Server:
    """Return a server; any but the checkout's is first installed into an environment in the folder.

    Raises:
        KeyError: if no server has this name.
    """
    if name == CHECKOUT:
        command = (sys.executable, "-m", "rotor_mcp")
        return Server(name, command, "upsert_lead", "search_leads", "get_lead")
    return prepare(folder, [name])[name]


def started(chosen: Server, base_url: str) -> StdioServerParameters:
    """How to start a server for the sandbox at an address. The model's key is not among what it knows."""
    environment = chosen.environment(base_url) | {"ROTOR_MCP_TIMEZONE": "UTC"}
    environment.pop("ROTOR_MCP_SEARCH_MEMORY", None)  # as people have it, not as calls are timed
    return StdioServerParameters(command=chosen.command[0], args=list(chosen.command[1:]), env=environment)
