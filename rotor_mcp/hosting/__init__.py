"""The server over HTTP, for many callers: `rotor-mcp serve --http`, or `hosting.asgi` in any ASGI server."""
