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
COPILOT = """\
{
  "mcpServers": {
    "github": { "type": "http", "url": "https://api.githubcopilot.com/mcp/", "headers": { "Authorization": "Bearer ghp_FOREIGNSECRET" }, "tools": ["*"] }
  }
}
"""
DEVIN = """\
{
  "mcpServers": {
    "linear": { "url": "https://mcp.linear.app/mcp", "transport": "http" }
  }
}
"""
ANTIGRAVITY = """\
{
  "mcpServers": {
    "firebase": {
      "command": "npx",
      "args": ["-y", "firebase-tools@latest", "mcp"],
      "disabled": true
    }
  }
}
"""
KIRO = """\
{
  "mcpServers": {
    "fetch": { "command": "uvx", "args": ["mcp-server-fetch"], "disabled": false, "autoApprove": [] }
  }
}
"""
LM_STUDIO = """\
{
  "mcpServers": {}
}"""
ZED = """\
// Zed settings
//
// For information on how to configure Zed, see the documentation.
{
  "telemetry": { "metrics": false, },
  "context_servers": {
    "postgres": {
      "settings": { "database_url": "postgres://u:FOREIGNSECRET@db/x" },
    },
  },
  "buffer_font_size": 15, // larger on the laptop
}
"""
OPENCODE = """\
{
  "$schema": "https://opencode.ai/config.json",
  "model": "anthropic/claude-sonnet-5",
  // "mcp": {},
  "mcp": {
    "docs": { "type": "local", "command": ["npx", "docs"], "environment": { "TOKEN": "FOREIGNSECRET" } },
  },
}
"""
CLINE = """\
{
  "mcpServers": {
    "memory": {
      "command": "npx",
      "args": [
        "-y",
        "memory"
      ],
      "disabled": false,
      "autoApprove": []
    }
  }
}"""
GOOSE = """\
GOOSE_PROVIDER: anthropic   # the good one
extensions:
  developer:
    bundled: true
    display_name: Developer
    enabled: true
    name: developer
    timeout: 300
    type: builtin
  # from the shop
  fetch:
    args:
    - mcp-server-fetch
    cmd: uvx
    enabled: true
    env_keys: []
    envs: {TOKEN: FOREIGNSECRET}
    name: fetch
    description: |-
      Reads pages.
      Slowly.
    type: stdio

# last
GOOSE_MODE: smart_approve
"""
JUNIE = """\
{
    "mcpServers": {
        "youtrack": {"url": "https://yt.example.com/mcp"}
    }
}
"""
WARP = """\
{"mcpServers": {"sentry": {"url": "https://mcp.sentry.dev/mcp"}}}
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
    "copilot-cli": COPILOT,
    "devin": DEVIN,
    "antigravity": ANTIGRAVITY,
    "kiro": KIRO,
    "lm-studio": LM_STUDIO,
    "zed": ZED,
    "opencode": OPENCODE,
    "cline": CLINE,
    "goose": GOOSE,
    "junie": JUNIE,
    "warp": WARP,
}
"""A configuration of each client that has a file."""

SERVER = {"command": "/opt/rotor-mcp", "args": ["serve"], "env": {"ROTOR_API_KEY": "rotor_k3y_s3cr3tpart"}}
"""An entry, as short as they come."""

ENTRY = json.dumps(SERVER)
