"""The view that clients with MCP Apps show beside a result: a page, and the extension that offers it."""
