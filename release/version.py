"""The version stands in `rotor_mcp/__init__.py`; `python -m release.version` sees that all else agrees."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from rotor_mcp import __version__

ROOT = Path(__file__).parent.parent
MANIFESTS = (
    ".claude-plugin/plugin.json",
    ".codex-plugin/plugin.json",
    ".cursor-plugin/plugin.json",
    "gemini-extension.json",
)
"""Those that `python -m release.plugins` writes with a version in them."""


def disagreements(tag: str | None = None) -> Iterator[str]:
    """Name what says another version.

    Args:
        tag: under which a release is made; then the changelog must have its date as well.
    """
    server = json.loads((ROOT / "server.json").read_text("utf-8"))
    for where, version in (("server.json", server["version"]), *_packages(server), *_manifests()):
        if version != __version__:
            yield f"{where} says {version}, not {__version__}"
    section = re.search(rf"^## {re.escape(__version__)} — (.+)$", _changelog(), re.MULTILINE)
    if section is None:
        yield f"CHANGELOG.md has no section for {__version__}"
    if tag is not None:
        if tag != f"v{__version__}":
            yield f"the tag is {tag}, not v{__version__}"
        if section and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", section[1]):
            yield f"CHANGELOG.md has no date for {__version__}"


def _packages(server: dict[str, list[dict[str, str]]]) -> Iterator[tuple[str, str]]:
    for package in server["packages"]:
        kind, name = package["registryType"], package["identifier"]
        yield f"server.json's {kind} package", package.get("version") or name.rpartition(":")[2]


def _manifests() -> Iterator[tuple[str, str]]:
    for path in MANIFESTS:
        yield path, json.loads((ROOT / path).read_text("utf-8"))["version"]


def _changelog() -> str:
    return (ROOT / "CHANGELOG.md").read_text("utf-8")


if __name__ == "__main__":
    found = list(disagreements(sys.argv[1] if len(sys.argv) > 1 else None))
    sys.exit("\n".join(found) if found else 0)
