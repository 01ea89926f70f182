"""Our entry in a client's configuration: builds it, recognizes it, and masks its secrets."""

import re
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path, PurePath, PureWindowsPath
from typing import Any

from rotor_mcp.config import Settings, environment_variable
from rotor_mcp.installer.catalog import Client
from rotor_mcp.installer.entry_format import LocalServer, RemoteServer, Server

Prompt = dict[str, Any]

KEY_VARIABLE = environment_variable("api_key")
KEYCHAIN_VARIABLE = environment_variable("keychain")
KEYRING_VARIABLES = ("DBUS_SESSION_BUS_ADDRESS", "PYTHON_KEYRING_BACKEND")
"""Variables that `keyring` needs to find the keychain. Clients do not pass them on."""
KEY_MASK, TOKEN_MASK = "«API key»", "«access token»"

_VISIBLE = {*map(environment_variable, Settings.model_fields), *KEYRING_VARIABLES} - {KEY_VARIABLE}
_REFERENCE = re.compile(r"\$\{[^}]*\}|\{(?:env|file):[^}]*\}|\$\w+")
"""The name of a variable or of a question in the place of a secret."""
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
    prompt: Prompt | None = None
    """The client's prompt for the key or the token, if it asks for it."""


def build_entry(client: Client, name: str, server: Server) -> ServerEntry:
    """Return the entry for a client. It has no secret if the client can ask for it."""
    if not client.asks_for_secrets:
        return ServerEntry(name, server)
    key_prompt, token_prompt = prompts(name)
    if isinstance(server, RemoteServer):
        if server.token is None:
            return ServerEntry(name, server)
        return ServerEntry(name, replace(server, token=_reference(token_prompt)), token_prompt)
    if KEY_VARIABLE not in server.env:
        return ServerEntry(name, server)
    env = {**server.env, KEY_VARIABLE: _reference(key_prompt)}
    return ServerEntry(name, replace(server, env=env), key_prompt)


def prompts(name: str) -> tuple[Prompt, Prompt]:
    """Return VS Code's prompts for the key and for the token. It asks once and stores the answer."""
    texts = {"key": "Rotor API key", "token": "Access token of the Rotor MCP server"}
    key, token = (
        {"type": "promptString", "id": f"{name}_{what}", "description": text, "password": True}
        for what, text in texts.items()
    )
    return key, token


def _reference(prompt: Prompt) -> str:
    return f"${{input:{prompt['id']}}}"


def is_own_server(server: Server | None, url: str | None = None) -> bool:
    """Whether a server is this one: it is started here, wherever it is installed, or reached at `url`."""
    if isinstance(server, RemoteServer):
        return url is not None and server.url.rstrip("/") == url.rstrip("/")
    if server is None:
        return False
    # Windows' rules for paths split those of other systems too.
    program = PureWindowsPath(server.command).stem.lower()
    if program == "rotor-mcp":
        return True
    fetched = program in _RUNNERS and any(_PACKAGE.fullmatch(arg) for arg in server.args)
    return fetched or ("-m", "rotor_mcp") in pairwise(server.args)


def merge_server(before: Server | None, server: Server) -> Server:
    """Return our updated server with the environment variables that users added to it."""
    if not isinstance(before, LocalServer) or not isinstance(server, LocalServer):
        return server
    theirs = {
        name: value
        for name, value in before.env.items()
        if not name.startswith("ROTOR_") and name not in KEYRING_VARIABLES
    }
    return replace(server, env=theirs | dict(server.env))


def mask_server(server: Server, age: str = "") -> Server:
    """Return a server with the API key or the token replaced, and other possible secrets hidden.

    `age` is written before the name of the secret, such as "new ".
    """
    if isinstance(server, RemoteServer):
        return replace(server, token=server.token and _mask(server.token, _aged(TOKEN_MASK, age)))
    key = _aged(KEY_MASK, age)
    env = {name: _mask_variable(name, value, key) for name, value in server.env.items()}
    return replace(server, args=_mask_args(server.args, key), env=env)


def _aged(mask: str, age: str) -> str:
    return f"«{age}{mask[1:]}"


def _mask(value: str, mask: str) -> str:
    return value if is_reference(value) else mask


def _mask_variable(name: str, value: str, key: str) -> str:
    return value if name in _VISIBLE else _mask(value, key if name == KEY_VARIABLE else "…")


def _mask_args(args: tuple[str, ...], key: str) -> tuple[str, ...]:
    hidden = [_KEY_FLAG.sub(rf"\g<1>{key}", arg) if "=" in arg else arg for arg in args]
    return tuple(key if index and args[index - 1] == "--api-key" else arg for index, arg in enumerate(hidden))


def is_reference(value: str) -> bool:
    """Whether a value names a variable or a question of the client, instead of a secret."""
    return _REFERENCE.fullmatch(value) is not None


def secret_of(server: Server | None) -> str | None:
    """Return the API key or the token that a server's entry contains; None if it only refers to one."""
    if server is None:
        return None
    value = server.token if isinstance(server, RemoteServer) else server.env.get(KEY_VARIABLE)
    return None if not value or is_reference(value) else value
