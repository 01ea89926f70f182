"""The places on a machine where clients keep their servers."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rotor_mcp.installer.catalog import CLIENTS, Client
from rotor_mcp.installer.host_system import HostSystem


@dataclass(frozen=True)
class Target:
    """The servers in one configuration of one client."""

    client: Client
    file: Path
    section: tuple[str, ...]
    """The keys that lead to the servers."""
    is_shared: bool = False
    """Whether it is a file of a project, which others may have written."""

    @property
    def place(self) -> str:
        """The file, and the project in it if it holds servers of several."""
        return f"{self.file}" + (f", project {self.section[1]}" if len(self.section) > 1 else "")

    @property
    def title(self) -> str:
        return f"{self.client.title}, {self.place}"


def find_targets(names: Sequence[str], machine: HostSystem) -> tuple[list[Target], list[Client]]:
    """Return the configurations of the named clients, or of all installed clients if none is named.

    The second list has the clients that were named and are not on this machine. Clients without a
    configuration file are in neither list.
    """
    targets: list[Target] = []
    absent: list[Client] = []
    for name in dict.fromkeys(names) or CLIENTS:
        client = CLIENTS[name]
        locations = client.locations(machine)
        used = [
            Target(client, location.file, (client.section,)) for location in locations if location.is_used
        ]
        targets += used
        if names and locations and not used:
            absent.append(client)
    return targets, absent


def find_project_targets(names: Sequence[str], machine: HostSystem, directory: Path) -> list[Target]:
    """Return the configurations of projects: those of a directory and its parents below the home directory.

    Claude Code's own file also holds servers of single projects, for one user (its local scope).
    """
    clients = [CLIENTS[name] for name in dict.fromkeys(names) or CLIENTS]
    targets = [
        Target(client, parent / client.project_file, (client.section,), is_shared=True)
        for parent in _projects(directory, machine.home)
        for client in clients
        if client.project_file and (parent / client.project_file).is_file()
    ]
    if (code := CLIENTS["claude-code"]) in clients:
        for location in code.locations(machine):
            targets += [
                Target(code, location.file, ("projects", project, code.section))
                for project in _local_scopes(location.file)
            ]
    return targets


def _projects(directory: Path, home: Path) -> Iterator[Path]:
    for parent in (directory, *directory.parents):
        if parent in (home, Path(parent.anchor)):
            return  # what is there are the configurations of users
        yield parent


def _local_scopes(file: Path) -> list[str]:
    """Return the projects with servers in Claude Code's file; none if it cannot be read."""
    try:
        projects = json.loads(file.read_text("utf-8")).get("projects", {})
        return [path for path, project in projects.items() if project.get("mcpServers")]
    except (OSError, ValueError, AttributeError):
        return []
