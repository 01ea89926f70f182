"""Checks the clients on this machine: their entries of this server, and whether these start and respond."""

import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath, PureWindowsPath
from time import perf_counter

import anyio

from rotor_mcp import __version__
from rotor_mcp.config import ConfigError, Settings, environment_variable
from rotor_mcp.diagnostics.check import Check, crashed_check
from rotor_mcp.installer import apply, changes
from rotor_mcp.installer.catalog import Client, HostSystem
from rotor_mcp.installer.entry import (
    KEY_VARIABLE,
    KEYCHAIN_VARIABLE,
    LaunchCommand,
    Server,
    has_key,
    mask_entry,
    variables_of,
)
from rotor_mcp.installer.errors import CannotEdit
from rotor_mcp.sanitize import one_line
from rotor_mcp.server.backend import load_settings

CLIENT_TIMEOUT_SECONDS = 30.0
"""For a server to start and list its tools. Clients wait for 30 to 60 seconds."""


@dataclass(frozen=True)
class ClientEntry:
    """An entry of this server in a client's configuration."""

    client: Client
    file: Path
    name: str
    server: Server

    @property
    def variables(self) -> Mapping[str, str]:
        """The environment variables that the client sets for the server."""
        return {name: str(value) for name, value in variables_of(self.server).items()}

    @property
    def launch(self) -> LaunchCommand | None:
        """The command that starts the server; None if the entry has none."""
        command, args = self.server.get("command"), self.server.get("args", [])
        if not isinstance(command, str) or not isinstance(args, list):
            return None
        return LaunchCommand(command, tuple(str(arg) for arg in args))

    def settings(self, given: Mapping[str, str | None]) -> Settings | None:
        """Return the settings of the entry, overridden by `given`; None if there is no key.

        None too if `given` has another base URL: the key is sent only to the URL that is configured with it.
        """
        configured = {name: self.variables.get(environment_variable(name)) for name in Settings.model_fields}
        if given.get("base_url") not in {None, configured["base_url"]}:
            return None
        try:
            settings = load_settings(configured | {name: value for name, value in given.items() if value})
        except ConfigError:
            return None
        return settings if settings.key else None


def find_entries(machine: HostSystem) -> tuple[list[ClientEntry], list[Check]]:
    """Return the entries of this server, and checks for the clients without one."""
    entries: list[ClientEntry] = []
    others: list[Check] = []
    targets, _ = apply.find_targets((), machine)
    for target in targets:
        try:
            servers = changes.own_entries(target.client, target.file)
        except (CannotEdit, OSError) as exc:
            others.append(Check(target.client.title, "failed", f"{target.file} cannot be used", str(exc)))
            continue
        except Exception as exc:
            others.append(crashed_check(target.client.title, exc))
            continue
        entries += [ClientEntry(target.client, target.file, name, servers[name]) for name in servers]
        if not servers:
            others.append(
                Check(
                    target.client.title,
                    "note",
                    f"not connected in {target.file}",
                    f"If it is to be, run rotor-mcp install {target.client.name}.",
                )
            )
    return entries, others


async def run_checks(entries: list[ClientEntry], settings: Settings) -> AsyncIterator[Check]:
    """Start the server of each entry as its client does, and list its tools."""
    for entry in entries:
        try:
            yield await _check_entry(entry, settings)
        except Exception as exc:
            yield crashed_check(entry.client.title, exc)


async def _check_entry(entry: ClientEntry, settings: Settings) -> Check:
    title, launch = entry.client.title, entry.launch
    name = "" if entry.name == "rotor" else f" --name {entry.name}"
    command = f"rotor-mcp install {entry.client.name}{name}"
    if launch is None:
        return Check(title, "failed", f"{entry.name} in {entry.file} says no command", f"Run {command}.")
    words = [launch.command, *map(str, mask_entry(entry.server, "«API key»").get("args", []))]
    redact = Settings.load({"api_key": entry.variables.get(KEY_VARIABLE)}).redact
    subject = f"{entry.name} in {entry.file} starts {redact(' '.join(words))}"
    if entry.server.get("disabled") is True or entry.server.get("enabled") is False:
        return Check(title, "note", f"{subject}, but is switched off", f"Switch it on in {title}.")
    began = perf_counter()
    try:
        tools, version = await _list_tools(launch, entry.variables)
    except _NoServerError as exc:
        found = f"{subject}, which {redact(str(exc))}"
        return Check(title, "failed", found, f"Run {command}, and this again.")
    found = f"{subject}: {tools} tools in {perf_counter() - began:.1f} s"
    if notes := list(_notes(entry, launch, version, settings)):
        return Check(title, "note", f"{found}, but {', and '.join(notes)}", f"{command} puts that right.")
    return Check(title, "ok", found)


def _notes(entry: ClientEntry, launch: LaunchCommand, version: str, settings: Settings) -> Iterator[str]:
    """Yield what may be intended, or may be why an assistant sees something else than this check."""
    if not (PurePath(launch.command).is_absolute() or PureWindowsPath(launch.command).is_absolute()):
        yield "its command is looked up in PATH, which programs with a window do not have"
    if launch.is_in_cache:
        yield "its command is in a cache, from which it can be deleted"
    if changes.has_bom(changes.read_config(entry.file)):
        yield "its file begins with a byte order mark, with which not every client can read it"
    if version and version != __version__:
        yield f"it is version {version}"
    if "--sandbox" in "".join(launch.args):
        yield "it serves the embedded Rotor"
    elif has_key(entry.server):
        if settings.key != entry.variables[KEY_VARIABLE]:
            yield "its key is not the one that was checked here"
    elif not entry.variables.get(KEYCHAIN_VARIABLE) and not entry.variables.get(KEY_VARIABLE):
        yield "its entry says no key"


class _NoServerError(Exception):
    """The command did not start an MCP server; the text says what happened."""


async def _list_tools(launch: LaunchCommand, variables: Mapping[str, str]) -> tuple[int, str]:
    """Start a server as a client does, with few variables and in the home directory, and list its tools.

    Returns the number of tools, and the server's version; blank if it tells none.
    """
    # Imported here because it takes longer than all other imports of `check`.
    from mcp import Client as McpClient
    from mcp import StdioServerParameters
    from mcp.client.stdio import stdio_client

    started = StdioServerParameters(
        command=launch.command, args=list(launch.args), env=dict(variables), cwd=Path.home()
    )
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        try:
            with anyio.fail_after(CLIENT_TIMEOUT_SECONDS):
                async with McpClient(stdio_client(started, errlog=log)) as client:
                    tools = (await client.list_tools()).tools
                    about = client.server_info
                    return len(tools), about.version if about else ""
        except TimeoutError:
            raise _NoServerError(f"did not answer within {CLIENT_TIMEOUT_SECONDS:g} seconds") from None
        except OSError as exc:
            raise _NoServerError(f"cannot be started: {exc.strerror}") from None
        except Exception:
            log.seek(0)
            last = (log.read().strip().splitlines() or ["without a word"])[-1]
            raise _NoServerError(f"ended before it answered: {one_line(last)}") from None
