"""The forms in which clients write a server into their configurations."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

Entry = dict[str, Any]
"""A server as a client's configuration has it."""

_BEARER = "Bearer "


@dataclass(frozen=True)
class LocalServer:
    """A server that the client starts on this machine."""

    command: str
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class RemoteServer:
    """A server that the client reaches over Streamable HTTP."""

    url: str
    token: str | None = field(default=None, repr=False)
    """The access token; None if the client signs in by OAuth, or needs none."""

    @property
    def is_of_rotor(self) -> bool:
        """Whether it is a server that Rotor itself runs."""
        try:
            host = urlsplit(self.url).hostname or ""
        except ValueError:
            return False
        return f".{host}".endswith(".getrotor.com")


Server = LocalServer | RemoteServer


@dataclass(frozen=True)
class EntryFormat:
    """The names of the fields of a client's entries, and the fields that are the same in all."""

    command: str = "command"
    args: str | None = "args"
    """None if the command and its arguments are one list."""
    env: str = "env"
    url: str = "url"
    headers: str = "headers"
    names_server: bool = False
    """Whether an entry repeats the name of the server."""
    local_fields: Mapping[str, Any] = field(default_factory=dict)
    """Fields that every local server has, such as `"type": "stdio"`."""
    remote_fields: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Fields of a new entry that its user may change."""

    def write(self, name: str, server: Server, before: Entry | None = None) -> Entry:
        """Return the entry of a server. What users added to the entry that was there before is kept."""
        fields = ({"name": name} if self.names_server else {}) | self._fields(server)
        own = {self.command, self.args, self.env, self.url, self.headers}
        own |= {*self.local_fields, *self.remote_fields}
        kept = {key: value for key, value in (before or {}).items() if key in fields or key not in own}
        return {**kept, **fields, **(self.defaults if before is None else {})}

    def read(self, entry: object) -> Server | None:
        """Return the server of an entry; None if it has no command, arguments or URL.

        The command is blank if the entry has only arguments.
        """
        if not isinstance(entry, dict):
            return None
        command, args = entry.get(self.command), entry.get(self.args, []) if self.args else []
        if self.args is None and isinstance(command, list) and command:
            command, args = command[0], command[1:]
        if command is None and isinstance(args, list) and args:
            command = ""
        if isinstance(command, str):
            env = {name: str(value) for name, value in _members(entry.get(self.env)).items()}
            return LocalServer(command, tuple(map(str, args)) if isinstance(args, list) else (), env)
        if isinstance(url := entry.get(self.url), str):
            authorization = str(_members(entry.get(self.headers)).get("Authorization", ""))
            return RemoteServer(url, authorization.removeprefix(_BEARER) or None)
        return None

    def with_server(self, entry: Entry, server: Server) -> Entry:
        """Return an entry with the values of a server in the fields that it has, and no other header."""
        fields = self._fields(server)
        shown = {name: fields.get(name, value) for name, value in entry.items()}
        if isinstance(headers := entry.get(self.headers), dict):
            shown[self.headers] = dict.fromkeys(headers, "…") | fields.get(self.headers, {})
        return shown

    def _fields(self, server: Server) -> Entry:
        if isinstance(server, RemoteServer):
            headers = {"Authorization": f"{_BEARER}{server.token}"} if server.token else {}
            return {**self.remote_fields, self.url: server.url} | ({self.headers: headers} if headers else {})
        command: Entry = {self.command: [server.command, *server.args]}
        if self.args is not None:
            command = {self.command: server.command, self.args: list(server.args)}
        return {**self.local_fields, **command} | ({self.env: dict(server.env)} if server.env else {})


def _members(value: object) -> dict[str, Any]:
    """Return an object of a configuration. Whatever else users wrote in its place counts as an empty one."""
    return value if isinstance(value, dict) else {}
