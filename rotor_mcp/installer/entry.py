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

KEY = environment_variable("api_key")
KEYCHAIN = environment_variable("keychain")
REACHES_KEYCHAIN = ("DBUS_SESSION_BUS_ADDRESS", "PYTHON_KEYRING_BACKEND")
"""Variables by which a keychain is found, and which clients do not pass on."""

_SHOWN = {environment_variable(name) for name in Settings.model_fields} - {KEY} | {*REACHES_KEYCHAIN}
_REFERENCE = re.compile(r"\$\{[^}]*\}")
_KEY_FLAG = re.compile(r"(--api-key(?:=|\Z)).*", re.DOTALL)

_RUNNERS = {"uv", "uvx", "pipx"}
_PACKAGE = re.compile(r"rotor-mcp(\[[\w,-]*\])?([@=<>~!].*)?")
"""How they are told to fetch this server and to run it."""


@dataclass(frozen=True)
class Launch:
    """How the server is started: without a search path, and wherever the client happens to stand."""

    command: str
    args: tuple[str, ...]

    @classmethod
    def by(cls, python: Path, *command: str) -> "Launch":
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
    def may_vanish(self) -> bool:
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


def entry(client: Client, name: str, launch: Launch, variables: Mapping[str, str]) -> ServerEntry:
    """Write an entry as one client wants it. A client that can ask for the key is not given it."""
    prompt = None
    if client.asks and KEY in variables:
        prompt = prompt_for(name)
        variables = {**variables, KEY: f"${{input:{prompt['id']}}}"}
    server: Server = {"type": "stdio"} if client.typed else {}
    server |= {"command": launch.command, "args": list(launch.args)}
    if variables:
        server["env"] = dict(variables)
    return ServerEntry(name, server, prompt)


def prompt_for(name: str) -> dict[str, Any]:
    """What makes VS Code ask for the key, once, and keep it in its own store."""
    return {"type": "promptString", "id": f"{name}_key", "description": "Rotor API key", "password": True}


def is_ours(server: object) -> bool:
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


def merged(before: Server, wanted: Server) -> Server:
    """Renew an entry of ours, and keep what somebody added to it."""
    kept = before.get("env")
    variables = {k: v for k, v in kept.items() if not _is_our_variable(k)} if isinstance(kept, dict) else {}
    variables |= wanted.get("env", {})
    after = {**before, **wanted, "env": variables}
    return after if variables else {key: value for key, value in after.items() if key != "env"}


def masked(server: Server, key: str) -> Server:
    """Put a word in the place of the API key, and hide what else may be secret."""
    shown = dict(server)
    if isinstance(args := server.get("args"), list):
        shown["args"] = _masked_args([str(arg) for arg in args], key)
    if isinstance(variables := server.get("env"), dict):
        shown["env"] = {
            name: value if name in _SHOWN or _REFERENCE.fullmatch(str(value)) else key if name == KEY else "…"
            for name, value in variables.items()
        }
    return shown


def _masked_args(args: list[str], key: str) -> list[str]:
    hidden = [_KEY_FLAG.sub(rf"\g<1>{key}", arg) if "=" in arg else arg for arg in args]
    return [key if index and args[index - 1] == "--api-key" else arg for index, arg in enumerate(hidden)]


def holds_key(server: Server) -> bool:
    """Whether the key itself is in an entry."""
    variables = server.get("env")
    value = variables.get(KEY) if isinstance(variables, dict) else None
    return bool(value) and not _REFERENCE.fullmatch(str(value))


def _is_our_variable(name: str) -> bool:
    return name.startswith("ROTOR_") or name in REACHES_KEYCHAIN
