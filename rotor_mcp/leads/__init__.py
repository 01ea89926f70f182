"""The rules: which lead is meant, what a write changes, how a search is answered. No MCP and no wording."""
