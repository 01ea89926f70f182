"""Adds this server to the configurations of MCP clients, and removes it."""
