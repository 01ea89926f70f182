"""The properties of a machine that decide where clients keep their configurations."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class HostSystem:
    """An operating system, its environment variables, and the directories of a person on it."""

    platform: str = sys.platform
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    home: Path = field(default_factory=Path.home)

    def directory(self, variable: str, otherwise: Path) -> Path:
        """Return the directory in an environment variable, or `otherwise` if it is not set."""
        return Path(self.environment.get(variable) or otherwise)

    @property
    def xdg_config(self) -> Path:
        """The directory for configurations of programs that follow the XDG specification on every system."""
        return self.directory("XDG_CONFIG_HOME", self.home / ".config")

    @property
    def application_data(self) -> Path:
        """The directory for the configurations of desktop applications."""
        if self.platform == "win32":
            return self.directory("APPDATA", self.home / "AppData" / "Roaming")
        if self.platform == "darwin":
            return self.home / "Library" / "Application Support"
        return self.xdg_config

    @property
    def local_application_data(self) -> Path:
        """The directory of Windows for data that stays on one machine."""
        return self.directory("LOCALAPPDATA", self.home / "AppData" / "Local")


@dataclass(frozen=True)
class ConfigLocation:
    """The location of a client's configuration, which need not exist."""

    file: Path
    directory: Path
    """The client's directory, which exists if it is installed."""

    @property
    def is_used(self) -> bool:
        """Whether the client seems to be installed."""
        return self.directory.is_dir() or self.file.exists()
