"""Imports leads from files and exports them: `rotor-mcp import` and `rotor-mcp export`."""
