"""Checks the clients on this machine: their entries of this server, and whether these start and respond."""

import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePath, PureWindowsPath
from time import perf_counter
from typing import TYPE_CHECKING, TextIO

import anyio

from rotor_mcp import __version__
from rotor_mcp.api.http_client import open_client
from rotor_mcp.config import ConfigError, Settings, environment_variable
from rotor_mcp.diagnostics.check import Check, crashed_check
from rotor_mcp.installer import changes
from rotor_mcp.installer.entry import (
    KEY_VARIABLE,
    KEYCHAIN_VARIABLE,
    LaunchCommand,
    is_reference,
    mask_server,
    secret_of,
)
from rotor_mcp.installer.entry_format import Entry, LocalServer, RemoteServer, Server
from rotor_mcp.installer.errors import CannotEdit
from rotor_mcp.installer.host_system import HostSystem
from rotor_mcp.installer.targets import Target, find_project_targets, find_targets
from rotor_mcp.sanitize import one_line
from rotor_mcp.server.backend import load_settings

if TYPE_CHECKING:
    from httpx2 import Response
    from mcp import Client as McpClient

CLIENT_TIMEOUT_SECONDS = 30.0
"""For a server to start and list its tools. Clients wait for 30 to 60 seconds."""

_OWN_TOOLS = frozenset({"search_leads", "get_lead"})
"""Tools that this server has with every setting."""


@dataclass(frozen=True)
class ClientEntry:
    """An entry of this server in a client's configuration."""

    target: Target
    name: str
    entry: Entry

    @property
    def server(self) -> Server | None:
        """The server that the client starts or connects to; None if the entry says neither."""
        return self.target.client.entry_format.read(self.entry)

    @property
    def variables(self) -> Mapping[str, str]:
        """The environment variables that the client sets for the server."""
        return self.server.env if isinstance(self.server, LocalServer) else {}

    def settings(self, given: Mapping[str, str | None]) -> Settings | None:
        """Return the settings of the entry, overridden by `given`; None if there is no key.

        None too if `given` has another base URL: the key is sent only to the URL that is configured with it.
        So is it for a file of a project, which could name another address for the key in the keychain.
        """
        if self.target.is_shared:
            return None
        configured = {name: self.variables.get(environment_variable(name)) for name in Settings.model_fields}
        if given.get("base_url") not in {None, configured["base_url"]}:
            return None
        try:
            settings = load_settings(configured | {name: value for name, value in given.items() if value})
        except ConfigError:
            return None
        return settings if settings.key else None


@dataclass(frozen=True)
class _Listed:
    """What a server says about itself."""

    tools: frozenset[str]
    version: str


def find_entries(machine: HostSystem, directory: Path) -> tuple[list[ClientEntry], list[Check]]:
    """Return the entries of this server, and checks for the clients without one.

    Args:
        machine: whose clients are looked at.
        directory: whose project is looked at, too.
    """
    entries: list[ClientEntry] = []
    others: list[Check] = []
    for target in find_targets((), machine)[0]:
        title = target.client.title
        try:
            found = _entries_of(target)
        except (CannotEdit, OSError) as exc:
            others.append(Check(title, "failed", f"{target.file} cannot be used", str(exc)))
        except Exception as exc:
            others.append(crashed_check(title, exc))
        else:
            entries += found
            if not found:
                fix = f"If it is to be, run rotor-mcp install {target.client.name}."
                others.append(Check(title, "note", f"not connected in {target.file}", fix))
    for target in find_project_targets((), machine, directory):
        with suppress(CannotEdit, OSError):  # a project may hold files for nobody who works in it
            entries += _entries_of(target)
    return entries, others


def _entries_of(target: Target) -> list[ClientEntry]:
    """Return the entries that start this server, and remote servers with a name like ours."""
    found = changes.own_entries(target) | changes.remote_entries(target)
    return [ClientEntry(target, name, entry) for name, entry in found.items()]


async def run_checks(entries: list[ClientEntry], settings: Settings) -> AsyncIterator[Check]:
    """Start the server of each entry as its client does, or connect to it, and list its tools.

    What a file of a project names is not started: others may have written it, and its client asks first.
    """
    for entry in entries:
        try:
            yield await _check_entry(entry, settings)
        except Exception as exc:
            yield crashed_check(entry.target.client.title, exc)


async def _check_entry(entry: ClientEntry, settings: Settings) -> Check:
    title, server = entry.target.client.title, entry.server
    name = "" if entry.name == "rotor" else f" --name {entry.name}"
    command = f"rotor-mcp install {entry.target.client.name}{name}"
    where = f"{entry.name} in {entry.target.place}"
    if server is None or (isinstance(server, LocalServer) and not server.command):
        return Check(title, "failed", f"{where} says no command", f"Run {command}.")
    secret = secret_of(server)
    redact = Settings.load({"api_key": secret}).redact
    if isinstance(server, RemoteServer):
        subject = f"{where} connects to {redact(server.url)}"
        command = f"{command} --http {redact(server.url)}"
    else:
        masked = mask_server(server)
        words = [server.command, *(masked.args if isinstance(masked, LocalServer) else ())]
        subject = f"{where} starts {redact(' '.join(words))}"
    if entry.entry.get("disabled") is True or entry.entry.get("enabled") is False:
        return Check(title, "note", f"{subject}, but is switched off", f"Switch it on in {title}.")
    if entry.target.is_shared:
        fix = f"It is in a file of the project, which others can change. Look in {title} whether it works."
        return Check(title, "note", f"{subject}, which was not tried", fix)
    if isinstance(server, RemoteServer) and server.token and is_reference(server.token):
        fix = f"Look in {title} whether it is connected: the token is kept there."
        return Check(title, "note", f"{subject}, which was not tried", fix)
    began = perf_counter()
    try:
        listed = await _list_tools(server)
    except _NoServerError as exc:
        if isinstance(server, RemoteServer) and not server.token and exc.status == 401:
            return Check(title, "note", f"{subject}, which asks to sign in", f"Sign in from {title}.")
        found = f"{subject}, which {redact(str(exc))}"
        return Check(title, "failed", found, f"Run {command}, and this again.")
    found = f"{subject}: {len(listed.tools)} tools in {perf_counter() - began:.1f} s"
    if notes := list(_notes(entry, server, listed, settings)):
        return Check(title, "note", f"{found}, but {', and '.join(notes)}", f"{command} puts that right.")
    return Check(title, "ok", found)


def _notes(entry: ClientEntry, server: Server, listed: _Listed, settings: Settings) -> Iterator[str]:
    """Yield what may be intended, or may be why an assistant sees something else than this check."""
    if isinstance(server, LocalServer):
        launch = LaunchCommand(server.command, server.args)
        if not (PurePath(launch.command).is_absolute() or PureWindowsPath(launch.command).is_absolute()):
            yield "its command is looked up in PATH, which programs with a window do not have"
        if launch.is_in_cache:
            yield "its command is in a cache, from which it can be deleted"
    if changes.has_bom(changes.read_config(entry.target.file)):
        yield "its file begins with a byte order mark, with which not every client can read it"
    if not listed.tools >= _OWN_TOOLS:
        yield "it is another server"
    elif listed.version and listed.version != __version__:
        yield f"it is version {one_line(listed.version)}"
    if isinstance(server, LocalServer):
        yield from _notes_on_key(server, settings)


def _notes_on_key(server: LocalServer, settings: Settings) -> Iterator[str]:
    if "--sandbox" in "".join(server.args):
        yield "it serves the embedded Rotor"
    elif key := secret_of(server):
        if settings.key != key:
            yield "its key is not the one that was checked here"
    elif not server.env.get(KEYCHAIN_VARIABLE) and not server.env.get(KEY_VARIABLE):
        yield "its entry says no key"


class _NoServerError(Exception):
    """No MCP server answered; the text says what happened instead."""

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status
        """The HTTP status that came instead."""


async def _list_tools(server: Server) -> _Listed:
    """Start a server as a client does, or connect to it, and list its tools."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        answers: list[int] = []
        connection = (
            _started(server, log) if isinstance(server, LocalServer) else _connected(server, answers.append)
        )
        try:
            with anyio.fail_after(CLIENT_TIMEOUT_SECONDS):
                async with connection as client:
                    tools = frozenset(tool.name for tool in (await client.list_tools()).tools)
                    about = client.server_info
                    return _Listed(tools, about.version if about else "")
        except TimeoutError:
            raise _NoServerError(f"did not answer within {CLIENT_TIMEOUT_SECONDS:g} seconds") from None
        except OSError as exc:
            raise _NoServerError(f"cannot be started: {exc.strerror}") from None
        except Exception:
            if isinstance(server, RemoteServer):
                status = answers[-1] if answers else None
                found = f"answers {status}, not as an MCP server" if status else "cannot be reached"
                raise _NoServerError(found, status) from None
            log.seek(0)
            last = (log.read().strip().splitlines() or ["without a word"])[-1]
            raise _NoServerError(f"ended before it answered: {one_line(last)}") from None


@asynccontextmanager
async def _started(server: LocalServer, log: TextIO) -> "AsyncIterator[McpClient]":
    """Start a server as a client does, with few variables and in the home directory."""
    # Imported here because it takes longer than all other imports of `check`.
    from mcp import Client as McpClient
    from mcp import StdioServerParameters
    from mcp.client.stdio import stdio_client

    started = StdioServerParameters(
        command=server.command, args=list(server.args), env=dict(server.env), cwd=Path.home()
    )
    async with McpClient(stdio_client(started, errlog=log)) as client:
        yield client


@asynccontextmanager
async def _connected(server: RemoteServer, on_status: Callable[[int], None]) -> "AsyncIterator[McpClient]":
    """Connect to a server with the token of its entry. `on_status` is called with each HTTP status."""
    from mcp import Client as McpClient
    from mcp.client.streamable_http import streamable_http_client

    async def note_status(response: "Response") -> None:
        on_status(response.status_code)

    headers = {"Authorization": f"Bearer {server.token}"} if server.token else {}
    async with (
        open_client(server.url, headers=headers, event_hooks={"response": [note_status]}) as http,
        McpClient(streamable_http_client(server.url, http_client=http)) as client,
    ):
        yield client
