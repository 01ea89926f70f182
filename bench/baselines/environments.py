"""An environment of its own for each server, so that none is measured with another's packages.

Each is a virtual environment that pip fills, with compiled bytecode; ours holds this checkout as anybody
would install it, not as it is developed.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from rotor_mcp.sandbox import FULL_KEY
from rotor_mcp.sandbox.faults import BASE_PATH
from rotor_mcp.sandbox.openapi import build_document

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
REQUIREMENTS = {"rotor-mcp": [str(ROOT)], "bare": ["mcp==2.3.0"], "from_openapi": ["fastmcp==4.2.3"]}
"""Server → what pip installs for it."""

_QUOTA = 1_000


@dataclass(frozen=True)
class Server:
    """A server that can be started, and how its tools are called."""

    name: str
    command: tuple[str, ...]
    upsert: str
    search: str
    get: str

    def environment(self, base_url: str) -> dict[str, str]:
        """Variables with which it talks to the sandbox at an address, and nothing of ours else.

        What one call read is not to answer the next: each is measured by itself.
        """
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "SYSTEMROOT") if name in os.environ}
        return kept | {"ROTOR_API_KEY": FULL_KEY, "ROTOR_BASE_URL": base_url, "ROTOR_MCP_SEARCH_MEMORY": "0"}


def prepare(folder: Path, names: Collection[str] = tuple(REQUIREMENTS)) -> dict[str, Server]:
    """Build the environments of some servers in a folder and return the servers by their names."""
    folder.mkdir(parents=True, exist_ok=True)
    return {name: _server(folder, name) for name in names}


def _server(folder: Path, name: str) -> Server:
    python = str(_environment(folder / name, REQUIREMENTS[name]))
    if name == "rotor-mcp":
        return Server(name, (python, "-P", "-m", "rotor_mcp"), "upsert_lead", "search_leads", "get_lead")
    script = str(shutil.copy(HERE / f"{name}.py", folder))
    if name == "bare":
        return Server(name, (python, script), "upsert_lead", "search_leads", "get_lead")
    described = folder / "openapi.json"
    described.write_text(json.dumps(build_document(BASE_PATH, "1.1.0", _QUOTA)), "utf-8")
    return Server(name, (python, script, str(described)), "writeLead", "listLeads", "getLead")


def _environment(place: Path, requirements: list[str]) -> Path:
    """Make a virtual environment, or bring the one that is there up to date; return its Python."""
    python = place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--compile"]
    # A checkout may have changed under the same version.
    again = ["--force-reinstall", "--no-deps"] if str(ROOT) in requirements else []
    subprocess.run([*pip, *requirements], check=True)
    if again:
        subprocess.run([*pip, *again, *requirements], check=True)
    return python
