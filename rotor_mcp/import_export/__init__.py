"""Leads from files and to files: what `rotor-mcp import` and `rotor-mcp export` do."""
