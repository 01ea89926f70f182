"""Tasks as people would ask them, done by a model through an MCP server, judged by what they leave behind."""
