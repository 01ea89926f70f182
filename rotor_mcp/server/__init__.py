"""The MCP server: protocol, access, dispatch of calls, resources, prompts and completions."""
