"""A person's home directory with clients in it, and the commands run there."""

from dataclasses import dataclass, field
from pathlib import Path

from rotor_mcp.installer.catalog import CLIENTS
from rotor_mcp.installer.changes import read_config
from rotor_mcp.installer.host_system import HostSystem
from tests.commands import ROOT, run

KEY = "rotor_k3y1d_s3cr3tpart"
KEYRING = "tests.installer.keyrings.FileKeyring"


@dataclass(frozen=True)
class Ended:
    status: int
    out: str
    err: str


@dataclass(frozen=True)
class Home:
    """A home directory; nothing of the real one reaches a command that runs there."""

    path: Path
    environment: dict[str, str] = field(default_factory=dict)

    def variables(self, **more: str) -> dict[str, str]:
        places = {
            "HOME": self.path,
            "USERPROFILE": self.path,
            "APPDATA": self.path / "AppData" / "Roaming",
            "LOCALAPPDATA": self.path / "AppData" / "Local",
            "PYTHONPATH": ROOT,
            "PYTHONUTF8": "1",
        }
        return {name: str(value) for name, value in places.items()} | self.environment | more

    def file(self, client: str) -> Path:
        """Where a client has its configuration here."""
        machine = HostSystem(environment=self.variables(), home=self.path)
        return CLIENTS[client].locations(machine)[0].file

    def have(self, client: str, text: str | bytes | None = None) -> Path:
        """Install a client, with a configuration or without."""
        machine = HostSystem(environment=self.variables(), home=self.path)
        place = CLIENTS[client].locations(machine)[0]
        place.directory.mkdir(parents=True, exist_ok=True)
        if text is not None:
            place.file.parent.mkdir(parents=True, exist_ok=True)
            place.file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return place.file

    def run(self, *arguments: str, **variables: str) -> Ended:
        """Run `rotor-mcp` with nobody at a terminal."""
        return self.run_in(self.path, *arguments, **variables)

    def run_in(self, folder: Path, *arguments: str, **variables: str) -> Ended:
        """Run `rotor-mcp` in another folder than the home directory."""
        ended = run(arguments, self.variables(**variables), folder)
        return Ended(ended.returncode, ended.stdout.decode(), ended.stderr.decode())

    def install(self, *arguments: str, **variables: str) -> Ended:
        return self.run("install", "--yes", *arguments, **{"ROTOR_API_KEY": KEY} | variables)

    def uninstall(self, *arguments: str, **variables: str) -> Ended:
        return self.run("uninstall", "--yes", *arguments, **variables)


def backups(file: Path) -> list[bytes]:
    return [read_config(backup) or b"" for backup in sorted(file.parent.glob(f"{file.name}.*.bak"))]
