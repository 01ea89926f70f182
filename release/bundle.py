"""The desktop bundle: `python -m release.bundle` writes `dist/rotor-mcp-<version>.mcpb`.

A bundle is a zip that a desktop client installs with a click. Its manifest is made from the settings and the
tools, so that both can change in one place only. The client brings uv along, which installs the packages.
"""

import json
import sys
import zipfile
from pathlib import Path
from typing import Any

from rotor_mcp import __version__
from rotor_mcp.config import Settings, environment_variable
from rotor_mcp.server.prompts import PROMPTS
from rotor_mcp.tools.registry import TOOLS

ROOT = Path(__file__).parent.parent
MANIFEST_VERSION = "0.4"
CONTENTS = (
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "rotor_mcp/**/*.py",
    "rotor_mcp/**/*.json",
    "rotor_mcp/**/*.md",
)
"""What the bundle consists of, beside its manifest."""

_ASKED = {
    "api_key": ("API key", {"sensitive": True, "required": True}),
    "timezone": ("Time zone", {}),
    "phone_region": ("Country of phones", {}),
    "read_only": ("Only read", {}),
}
"""Settings that the client asks for: title, and what is special about them."""


def manifest() -> dict[str, Any]:
    """Describe the bundle to the client."""
    asked = {name: _question(name, title, more) for name, (title, more) in _ASKED.items()}
    return {
        "manifest_version": MANIFEST_VERSION,
        "name": "rotor-mcp",
        "display_name": "Rotor leads",
        "version": __version__,
        "description": "Enter, find and read leads in Rotor, the CRM of field-service businesses.",
        "author": {"name": "The rotor-mcp contributors"},
        "repository": {"type": "git", "url": "https://github.com/example/rotor-mcp"},
        "license": "MIT",
        "keywords": ["crm", "leads", "rotor", "field-service"],
        "server": {
            "type": "uv",
            "entry_point": "rotor_mcp/__main__.py",
            "mcp_config": {
                "command": "uv",
                "args": ["run", "--directory", "${__dirname}", "python", "-m", "rotor_mcp", "serve"],
                "env": {environment_variable(name): f"${{user_config.{name}}}" for name in asked},
            },
        },
        "user_config": asked,
        "tools": [{"name": tool.name, "description": tool.description} for tool in TOOLS.values()],
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
        "compatibility": {"platforms": ["darwin", "win32", "linux"], "runtimes": {"python": ">=3.11"}},
    }


def _question(name: str, title: str, more: dict[str, Any]) -> dict[str, Any]:
    field = Settings.model_fields[name]
    kind = {"type": "boolean", "default": False} if field.annotation is bool else {"type": "string"}
    default = {"default": field.default} if isinstance(field.default, str) else {}
    description = str(field.description).partition(". As a flag")[0]
    return {"title": title, "description": description, "required": False, **kind, **default, **more}


def build(directory: Path) -> Path:
    """Write the bundle into a directory; the same sources give the same bytes."""
    directory.mkdir(parents=True, exist_ok=True)
    bundle = directory / f"rotor-mcp-{__version__}.mcpb"
    files = sorted({file for pattern in CONTENTS for file in ROOT.glob(pattern)})
    with zipfile.ZipFile(bundle, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_entry("manifest.json"), json.dumps(manifest(), indent=2, ensure_ascii=False))
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
