"""Our entry in a client's configuration: what it says, whether one is ours, and how it is shown."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePath, PureWindowsPath
from typing import Any

from rotor_mcp.config import Settings, environment_variable
from rotor_mcp.installer.catalog import Client

Server = dict[str, Any]

KEY_VARIABLE = environment_variable("api_key")
KEYCHAIN_VARIABLE = environment_variable("keychain")
KEYRING_VARIABLES = ("DBUS_SESSION_BUS_ADDRESS", "PYTHON_KEYRING_BACKEND")
"""Variables by which a keychain is found, and which clients do not pass on."""

_VISIBLE_VARIABLES = {environment_variable(name) for name in Settings.model_fields} - {KEY_VARIABLE} | {
    *KEYRING_VARIABLES
}
_REFERENCE = re.compile(r"\$\{[^}]*\}")
_KEY_FLAG = re.compile(r"(--api-key(?:=|\Z)).*", re.DOTALL)

_RUNNERS = {"uv", "uvx", "pipx"}
_PACKAGE = re.compile(r"rotor-mcp(\[[\w,-]*\])?([@=<>~!].*)?")
"""How they are told to fetch this server and to run it."""


@dataclass(frozen=True)
class LaunchCommand:
    """How the server is started: without a search path, and wherever the client happens to stand."""

    command: str
    args: tuple[str, ...]

    @classmethod
    def of_interpreter(cls, python: Path, *command: str) -> "LaunchCommand":
        """By the script that was installed beside an interpreter, or else by the interpreter.

        The interpreter of a virtual environment is named as it is there, not where its link leads:
        by that name it knows its packages, after an update of Python too.
        """
        for script in (python.with_name("rotor-mcp"), python.with_name("rotor-mcp.exe")):
            if script.is_file():
                return cls(str(script), command)
        # -P: a directory that a client stands in must not provide modules.
        return cls(str(python), ("-P", "-m", "rotor_mcp", *command))

    @property
    def is_in_cache(self) -> bool:
        """Whether it is in a cache, where `uvx` and `pipx run` put what they may delete."""
        parts = {part.lower() for part in PurePath(self.command).parts}
        return bool(parts & {".cache", "cache", "caches"})


@dataclass(frozen=True)
class ServerEntry:
    """What is put into one client's configuration."""

    name: str
    server: Server
    prompt: Mapping[str, Any] | None = None
    """What makes the client ask for the key, if it does."""


def build_entry(
    client: Client, name: str, launch: LaunchCommand, variables: Mapping[str, str]
) -> ServerEntry:
    """Write an entry as one client wants it. A client that can ask for the key is not given it."""
    prompt = None
    if client.asks_for_key and KEY_VARIABLE in variables:
        prompt = key_prompt(name)
        variables = {**variables, KEY_VARIABLE: f"${{input:{prompt['id']}}}"}
    server: Server = {"type": "stdio"} if client.has_type else {}
    server |= {"command": launch.command, "args": list(launch.args)}
    if variables:
        server["env"] = dict(variables)
    return ServerEntry(name, server, prompt)


def key_prompt(name: str) -> dict[str, Any]:
    """What makes VS Code ask for the key, once, and keep it in its own store."""
    return {"type": "promptString", "id": f"{name}_key", "description": "Rotor API key", "password": True}


def is_own_entry(server: object) -> bool:
    """Whether an entry starts this server, from wherever it was installed."""
    if not isinstance(server, dict):
        return False
    command, args = server.get("command"), server.get("args")
    # What Windows takes for a path is split as here on every system.
    program = PureWindowsPath(command).stem.lower() if isinstance(command, str) else ""
    if program == "rotor-mcp":
        return True
    if not isinstance(args, list):
        return False
    fetched = program in _RUNNERS and any(_PACKAGE.fullmatch(str(arg)) for arg in args)
    return fetched or ("-m", "rotor_mcp") in pairwise(args)


def merge_server(before: Server, server: Server) -> Server:
    """Renew an entry of ours, and keep what somebody added to it."""
    env = before.get("env")
    variables = {k: v for k, v in env.items() if not _is_our_variable(k)} if isinstance(env, dict) else {}
    variables |= server.get("env", {})
    after = {**before, **server, "env": variables}
    return after if variables else {key: value for key, value in after.items() if key != "env"}


def mask_secrets(server: Server, key: str) -> Server:
    """Put a word in the place of the API key, and hide what else may be secret."""
    masked = dict(server)
    if isinstance(args := server.get("args"), list):
        masked["args"] = _mask_args([str(arg) for arg in args], key)
    if isinstance(variables := server.get("env"), dict):
        masked["env"] = {name: _mask_value(name, str(value), key) for name, value in variables.items()}
    return masked


def _mask_value(name: str, value: str, key: str) -> str:
    if name in _VISIBLE_VARIABLES or _REFERENCE.fullmatch(value):
        return value
    return key if name == KEY_VARIABLE else "…"


def _mask_args(args: list[str], key: str) -> list[str]:
    hidden = [_KEY_FLAG.sub(rf"\g<1>{key}", arg) if "=" in arg else arg for arg in args]
    return [key if index and args[index - 1] == "--api-key" else arg for index, arg in enumerate(hidden)]


def contains_key(server: Server) -> bool:
    """Whether the key itself is in an entry."""
    variables = server.get("env")
    value = variables.get(KEY_VARIABLE) if isinstance(variables, dict) else None
    return bool(value) and not _REFERENCE.fullmatch(str(value))


def _is_our_variable(name: str) -> bool:
    return name.startswith("ROTOR_") or name in KEYRING_VARIABLES
