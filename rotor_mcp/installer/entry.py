"""Our entry in a client's configuration: builds it, recognizes it, and masks its secrets."""

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
"""Variables that `keyring` needs to find the keychain. Clients do not pass them on."""

_VISIBLE = {*map(environment_variable, Settings.model_fields), *KEYRING_VARIABLES} - {KEY_VARIABLE}
_REFERENCE = re.compile(r"\$\{[^}]*\}")
_KEY_FLAG = re.compile(r"(--api-key(?:=|\Z)).*", re.DOTALL)

_RUNNERS = {"uv", "uvx", "pipx"}
_PACKAGE = re.compile(r"rotor-mcp(\[[\w,-]*\])?([@=<>~!].*)?")
"""The argument with which these programs download and run this server."""


@dataclass(frozen=True)
class LaunchCommand:
    """The command that starts the server. It depends neither on PATH nor on the working directory."""

    command: str
    args: tuple[str, ...]

    @classmethod
    def of_interpreter(cls, python: Path, *command: str) -> "LaunchCommand":
        """Return the script that is installed beside an interpreter, or else the interpreter itself.

        The path of a virtual environment's interpreter is not resolved: only by that path it finds its
        packages, and it stays valid after an update of Python.
        """
        for script in (python.with_name("rotor-mcp"), python.with_name("rotor-mcp.exe")):
            if script.is_file():
                return cls(str(script), command)
        # -P: no modules are imported from the client's working directory.
        return cls(str(python), ("-P", "-m", "rotor_mcp", *command))

    @property
    def is_in_cache(self) -> bool:
        """Whether the command is in a cache of `uvx` or `pipx run`, which may delete it."""
        parts = {part.lower() for part in PurePath(self.command).parts}
        return bool(parts & {".cache", "cache", "caches"})


@dataclass(frozen=True)
class ServerEntry:
    """What is added to a client's configuration."""

    name: str
    server: Server
    prompt: Mapping[str, Any] | None = None
    """The client's prompt for the key, if it asks for it."""


def build_entry(client: Client, name: str, command: LaunchCommand, env: Mapping[str, str]) -> ServerEntry:
    """Return the entry for a client. It has no key if the client can ask for it."""
    prompt = None
    if client.asks_for_key and KEY_VARIABLE in env:
        prompt = key_prompt(name)
        env = {**env, KEY_VARIABLE: f"${{input:{prompt['id']}}}"}
    server: Server = {"type": "stdio"} if client.typed else {}
    server |= {"command": command.command, "args": list(command.args)}
    if env:
        server["env"] = dict(env)
    return ServerEntry(name, server, prompt)


def key_prompt(name: str) -> dict[str, Any]:
    """Return VS Code's prompt for the key, which it asks for once and stores."""
    return {"type": "promptString", "id": f"{name}_key", "description": "Rotor API key", "password": True}


def is_own_entry(server: object) -> bool:
    """Whether an entry starts this server, wherever it is installed."""
    if not isinstance(server, dict):
        return False
    command, args = server.get("command"), server.get("args")
    # Windows' rules for paths split those of other systems too.
    program = PureWindowsPath(command).stem.lower() if isinstance(command, str) else ""
    if program == "rotor-mcp":
        return True
    if not isinstance(args, list):
        return False
    fetched = program in _RUNNERS and any(_PACKAGE.fullmatch(str(arg)) for arg in args)
    return fetched or ("-m", "rotor_mcp") in pairwise(args)


def variables_of(server: Server) -> dict[str, Any]:
    """Return the environment variables of an entry. Whatever else users wrote there counts as none."""
    variables = server.get("env")
    return variables if isinstance(variables, dict) else {}


def merge_server(before: Server, server: Server) -> Server:
    """Return our updated entry with what users added to it."""
    theirs = {
        name: value
        for name, value in variables_of(before).items()
        if not name.startswith("ROTOR_") and name not in KEYRING_VARIABLES
    }
    after = {**before, **server, "env": theirs | variables_of(server)}
    if not after["env"]:
        del after["env"]
    return after


def mask_entry(server: Server, key: str) -> Server:
    """Return an entry with `key` in the place of the API key, and other possible secrets hidden."""
    masked = dict(server)
    if isinstance(args := server.get("args"), list):
        masked["args"] = _mask_args([str(arg) for arg in args], key)
    if isinstance(variables := server.get("env"), dict):
        masked["env"] = {name: _mask_value(name, str(value), key) for name, value in variables.items()}
    return masked


def _mask_value(name: str, value: str, key: str) -> str:
    if name in _VISIBLE or _REFERENCE.fullmatch(value):
        return value
    return key if name == KEY_VARIABLE else "…"


def _mask_args(args: list[str], key: str) -> list[str]:
    hidden = [_KEY_FLAG.sub(rf"\g<1>{key}", arg) if "=" in arg else arg for arg in args]
    return [key if index and args[index - 1] == "--api-key" else arg for index, arg in enumerate(hidden)]


def has_key(server: Server) -> bool:
    """Whether an entry contains the key itself, and not a reference to it."""
    value = variables_of(server).get(KEY_VARIABLE)
    return bool(value) and not _REFERENCE.fullmatch(str(value))
