"""An MCP server through which an assistant can enter, find and read Rotor leads."""

__version__ = "0.1.0"
