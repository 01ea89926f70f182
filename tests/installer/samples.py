"""Configurations as their clients and their owners write them, and what is to be in them afterwards."""

import json

CLAUDE_DESKTOP = """\
{
  "globalShortcut": "Alt+Space",
  "mcpServers": {
    "filesystem": {
      "command": "npx",
      "args": ["-y", "@modelcontextprotocol/server-filesystem", "/Users/jo/Documents"]
    }
  },
  "preferences": {"menuBarEnabled": false}
}
"""
CLAUDE_CODE = """\
{
  "numStartups": 184,
  "projects": {
    "/home/jo/site": {
      "allowedTools": [],
      "mcpServers": {}
    }
  },
  "oauthAccount": {
    "emailAddress": "jo@example.com"
  },
  "bigNumber": 12345678901234567890.10
}
"""
CURSOR = """\
{
\t// Servers of mine
\t"mcpServers": {
\t\t"github": {
\t\t\t"url": "https://api.githubcopilot.com/mcp/",
\t\t\t"headers": { "Authorization": "Bearer ghp_FOREIGNSECRET" }, // until June
\t\t},
\t\t/* "old": {}, */
\t},
}
"""
VSCODE = """\
{
    "inputs": [
        { "type": "promptString", "id": "other", "description": "Token", "password": true }
    ],
    "servers": {
        // the company's
        "playwright": {
            "command": "npx",
            "args": ["@playwright/mcp@latest"]
        }
    }
}
"""
WINDSURF = '{"mcpServers": {"memory": {"command": "npx", "args": ["-y", "memory"]}}}'
CODEX = """\
# my own
model = "gpt-5-codex"   # the good one
notify = ["say", \"""
[not.a.header]
\"""]

[mcp_servers.docs]
command = "docs-mcp"
env = { TOKEN = "FOREIGNSECRET" }

# how I like it
[tui]
notifications = true
since = 2026-01-02
"""
GEMINI = """\
{
  // looks
  "ui": { "theme": "GitHub" },
  "mcpServers": {} /* none yet */
}
"""
TEXTS = {
    "claude-desktop": CLAUDE_DESKTOP,
    "claude-code": CLAUDE_CODE,
    "cursor": CURSOR,
    "vscode": VSCODE,
    "vscode-insiders": VSCODE,
    "windsurf": WINDSURF,
    "codex": CODEX,
    "gemini": GEMINI,
}

SERVER = {"command": "/opt/rotor-mcp", "args": ["serve"], "env": {"ROTOR_API_KEY": "rotor_k3y_s3cr3tpart"}}
"""An entry, as short as they come."""

ENTRY = json.dumps(SERVER)
