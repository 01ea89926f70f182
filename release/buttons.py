"""The install links of Cursor and VS Code, which the README shows as buttons.

Both open the client, which shows the command and asks before it adds it. No link holds a key: VS Code asks
for it and keeps it encrypted; Cursor takes it from a variable of its environment, or somebody enters it.
"""

import base64
import json
from typing import Any
from urllib.parse import quote, urlencode

from release import metadata
from release.metadata import QUESTIONS, Question

_ASKED = tuple(question for question in QUESTIONS if question.name in ("api_key", "sandbox"))
"""What a link asks for; the other settings have defaults."""


def cursor_link() -> str:
    """Return the link for Cursor: the entry as base64 of JSON (cursor.com/docs/mcp/install-links)."""
    environment = {question.variable: f"${{env:{question.variable}}}" for question in _ASKED}
    config = base64.b64encode(_json(_entry(environment)).encode()).decode()
    return (
        f"https://cursor.com/link/mcp/install?{urlencode({'name': metadata.SERVER_NAME, 'config': config})}"
    )


def vs_code_link() -> str:
    """Return the link for VS Code: the entry and the inputs as JSON (microsoft/vscode-docs, MCP servers)."""
    environment = {question.variable: f"${{input:{_input_id(question)}}}" for question in _ASKED}
    query = {
        "name": metadata.SERVER_NAME,
        "inputs": _json([_input(question) for question in _ASKED]),
        "config": _json({"type": "stdio", **_entry(environment)}),
    }
    return f"https://vscode.dev/redirect/mcp/install?{urlencode(query, quote_via=quote)}"


def block() -> str:
    """Return the buttons as a line of Markdown."""
    cursor = "[![Add to Cursor](https://cursor.com/deeplink/mcp-install-dark.svg)]"
    vs_code = "[![Install in VS Code](https://img.shields.io/badge/VS_Code-install-0098FF)]"
    return f"{cursor}({cursor_link()}) {vs_code}({vs_code_link()})"


def _entry(environment: dict[str, str]) -> dict[str, Any]:
    program, *arguments = metadata.RUN_ARCHIVE
    return {"command": program, "args": arguments, "env": environment}


def _input(question: Question) -> dict[str, Any]:
    asked = {"id": _input_id(question), "description": f"{question.title}. {question.description}"}
    if question.kind == "boolean":
        return {"type": "pickString", **asked, "options": ["false", "true"], "default": "false"}
    return {"type": "promptString", **asked, "password": question.sensitive}


def _input_id(question: Question) -> str:
    return f"{metadata.SERVER_NAME}_{question.name}"


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
