"""The MCP server over HTTP: `rotor-mcp serve --http`, or `hosting.asgi` in any ASGI server."""
