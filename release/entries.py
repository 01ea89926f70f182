"""Reads from each manifest what its client would start, with the answers that a person gave.

As the clients do, it puts the plugin's folder, the answers and the defaults in the place of variables.
"""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from release.metadata import QUESTIONS, SERVER_NAME

Answers = Mapping[str, str]
"""Name of a question → what the person answered. What is left out was not touched."""


@dataclass(frozen=True)
class Entry:
    """A server as a client starts it."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    """What is set beside the variables that every program gets."""
    folder: Path | None = None
    """The working directory; None if it is the client's own."""


def bundle(root: Path, answers: Answers) -> Entry:
    """Return what a desktop client starts, of an unpacked bundle."""
    manifest = _read(root / "manifest.json")
    values = {"${__dirname}": str(root), **_user_config(manifest["user_config"], answers)}
    return _entry(manifest["server"]["mcp_config"], values)


def claude(root: Path, answers: Answers) -> Entry:
    """Return what Claude Code starts."""
    manifest = _read(root / ".claude-plugin" / "plugin.json")
    values = {
        "${CLAUDE_PLUGIN_ROOT}": str(root),
        "${CLAUDE_PLUGIN_DATA}": str(root / "data"),
        **_user_config(manifest["userConfig"], answers),
    }
    return _entry(manifest["mcpServers"][SERVER_NAME], values)


def codex(root: Path, answers: Answers) -> Entry:
    """Return what Codex starts, if the answers are variables of its own environment."""
    server = _read(root / ".codex-plugin" / "plugin.json")["mcpServers"][SERVER_NAME]
    own = _variables(answers)
    handed_on = {name: own[name] for name in server["env_vars"] if name in own}
    return Entry((server["command"], *server["args"]), handed_on, root / server["cwd"])


def cursor(root: Path, answers: Answers) -> Entry:
    """Return what Cursor starts."""
    manifest = _read(root / ".cursor-plugin" / "plugin.json")
    asked = manifest["variables"]["properties"]
    values = {name: each["default"] for name, each in asked.items()} | _variables(answers)
    return _entry(
        manifest["mcpServers"][SERVER_NAME], {f"${{{name}}}": value for name, value in values.items()}
    )


def gemini(root: Path, answers: Answers) -> Entry:
    """Return what Gemini CLI starts. A setting without a value is blank there."""
    manifest = _read(root / "gemini-extension.json")
    values = {each["envVar"]: "" for each in manifest["settings"]} | _variables(answers)
    return _entry(
        manifest["mcpServers"][SERVER_NAME],
        {"${extensionPath}": str(root), **{f"${{{name}}}": value for name, value in values.items()}},
    )


def cursor_link(link: str, answers: Answers) -> Entry:
    """Return what Cursor starts after an install link, if the answers are variables of its environment."""
    (config,) = parse_qs(urlsplit(link).query)["config"]
    own = _variables(answers)
    values = {f"${{env:{each.variable}}}": own.get(each.variable, "") for each in QUESTIONS}
    return _entry(json.loads(base64.b64decode(config, validate=True)), values)


def vs_code_link(link: str, answers: Answers) -> Entry:
    """Return what VS Code starts after an install link."""
    query = parse_qs(urlsplit(link).query)
    inputs = json.loads(query["inputs"][0])
    values = {
        f"${{input:{each['id']}}}": answers.get(
            each["id"].removeprefix(f"{SERVER_NAME}_"), each.get("default", "")
        )
        for each in inputs
    }
    return _entry(json.loads(query["config"][0]), values)


PLUGINS: dict[str, Callable[[Path, Answers], Entry]] = {
    "claude": claude,
    "codex": codex,
    "cursor": cursor,
    "gemini": gemini,
}
"""Name of a client → what reads its manifest in a folder."""


def _entry(server: dict[str, Any], values: Mapping[str, str]) -> Entry:
    def filled(text: str) -> str:
        for variable, value in values.items():
            text = text.replace(variable, value)
        return text

    command = (filled(server["command"]), *map(filled, server["args"]))
    return Entry(command, {name: filled(value) for name, value in server["env"].items()})


def _user_config(asked: dict[str, Any], answers: Answers) -> dict[str, str]:
    defaults = {name: each["default"] for name, each in asked.items()}
    texts = {name: each if isinstance(each, str) else json.dumps(each) for name, each in defaults.items()}
    values = texts | dict(answers)
    return {f"${{user_config.{name}}}": value for name, value in values.items()}


def _variables(answers: Answers) -> dict[str, str]:
    return {each.variable: answers[each.name] for each in QUESTIONS if each.name in answers}


def _read(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return content
