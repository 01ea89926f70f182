"""Says how to install an extra (optional dependencies) into the Python that runs this process.

The packages are those that the metadata of the installed distribution names for the extra. The line names
them instead of `rotor-mcp[…]`: an installer would look that up in its package index, where the name may
belong to somebody else.
"""

import re
import sys
from importlib.util import find_spec

from rotor_mcp.shell_quoting import command_line

DISTRIBUTION = "rotor-mcp"
_EXTRA = re.compile(r"""\bextra\s*==\s*["']([^"']+)["']""")


def install_hint(extra: str) -> str:
    """Return the half-sentence that says how to install an extra: a command in backticks, or its name.

    The command uses `uv` where this Python has no pip, as in the environments that uv makes. Without
    metadata, as in a source tree, the text names the extra.
    """
    requirements = extra_requirements(extra)
    if not requirements:
        return f"install the packages that pyproject.toml lists for the extra {extra}"
    return f"run `{command_line([*_installer(), *requirements])}`"


def extra_requirements(extra: str) -> list[str]:
    """Return the requirements of an extra, such as `redis<9,>=7`; none if there is no metadata."""
    from importlib import metadata  # a start does not need it

    try:
        required = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return []
    parts = [requirement.partition(";") for requirement in required]
    return [text.strip() for text, _, marker in parts if extra in _EXTRA.findall(marker)]


def _installer() -> list[str]:
    if find_spec("pip") is None:
        return ["uv", "pip", "install", "--python", sys.executable]
    return [sys.executable, "-m", "pip", "install"]
