"""An MCP server through which an assistant can enter, find and read Rotor leads.

`build_server` and `Settings` are for programs that run the server themselves (docs/embedding.md). They are
loaded when they are first used: an import of this package loads nothing else.
"""

from importlib import import_module

TYPE_CHECKING = False  # type checkers know the name; `typing` would take longer than all else here
if TYPE_CHECKING:
    from rotor_mcp.config import Settings
    from rotor_mcp.server.mcp_server import build_server

__version__ = "0.1.0"
__all__ = ["Settings", "__version__", "build_server"]

_MODULES = {"Settings": "rotor_mcp.config", "build_server": "rotor_mcp.server.mcp_server"}
"""Public name → the module that has it."""

if not TYPE_CHECKING:  # for a type checker, every other name would exist as well

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_MODULES[name]), name)
