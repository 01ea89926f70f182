"""The desktop bundle: `python -m release.bundle` writes `dist/rotor-mcp-<version>.mcpb`.

A bundle is a zip that a desktop client installs with a click. Its manifest is made from the settings and the
tools, so that both can change in one place only. The client brings uv along, which installs the packages.
"""

import json
import sys
import zipfile
from pathlib import Path
from typing import Any

from release import icon, metadata
from release.metadata import QUESTIONS, ROOT
from rotor_mcp import __version__
from rotor_mcp.server.prompts import PROMPTS
from rotor_mcp.tools.registry import TOOL_NAMES, find_tool

MANIFEST_VERSION = "0.4"
CONTENTS = (
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "rotor_mcp/py.typed",
    "rotor_mcp/**/*.py",
    "rotor_mcp/**/*.json",
    "rotor_mcp/**/*.md",
    "rotor_mcp/view/leads.*",
)
"""What the bundle consists of, beside its manifest and its icon."""


def manifest() -> dict[str, Any]:
    """Describe the bundle to the client."""
    command, *arguments = metadata.run_from("${__dirname}")
    return {
        "manifest_version": MANIFEST_VERSION,
        "name": metadata.NAME,
        "display_name": metadata.TITLE,
        "version": __version__,
        "description": metadata.DESCRIPTION,
        "long_description": metadata.LONG_DESCRIPTION,
        "author": {"name": metadata.AUTHOR},
        "repository": {"type": "git", "url": metadata.HOMEPAGE},
        "homepage": metadata.HOMEPAGE,
        "icon": icon.PNG_FILE.name,
        "license": metadata.LICENSE,
        "keywords": metadata.KEYWORDS,
        "server": {
            "type": "uv",
            "entry_point": "rotor_mcp/__main__.py",
            "mcp_config": {
                "command": command,
                "args": arguments,
                "env": {each.variable: f"${{user_config.{each.name}}}" for each in QUESTIONS},
            },
        },
        "user_config": {each.name: each.user_config() for each in QUESTIONS},
        "tools": [
            {"name": tool.name, "description": tool.description} for tool in map(find_tool, TOOL_NAMES)
        ],
        "prompts": [
            {
                "name": prompt.name,
                "description": prompt.description,
                "arguments": [argument.name for argument in prompt.arguments],
                "text": prompt.say(
                    {argument.name: f"${{arguments.{argument.name}}}" for argument in prompt.arguments}
                ),
            }
            for prompt in PROMPTS
        ],
        "compatibility": {
            "platforms": ["darwin", "win32", "linux"],
            "runtimes": {"python": metadata.PYTHON},
        },
    }


def build(directory: Path) -> Path:
    """Write the bundle into a directory; the same sources give the same bytes."""
    directory.mkdir(parents=True, exist_ok=True)
    bundle = directory / f"{metadata.NAME}-{__version__}.mcpb"
    files = sorted({file for pattern in CONTENTS for file in ROOT.glob(pattern)})
    with zipfile.ZipFile(bundle, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_entry("manifest.json"), json.dumps(manifest(), indent=2, ensure_ascii=False))
        archive.writestr(_entry(icon.PNG_FILE.name), icon.PNG_FILE.read_bytes())
        for file in files:
            archive.writestr(_entry(file.relative_to(ROOT).as_posix()), file.read_bytes())
    return bundle


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    return entry


if __name__ == "__main__":
    sys.stdout.write(f"{build(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / 'dist')}\n")
