"""Runs `rotor-mcp` as `python -m rotor_mcp`, for clients that start a program by its full path."""

import sys

if sys.version_info >= (3, 15):
    # Only in what a start loads. Elsewhere an import can do more than give a name: httpcore2 and truststore
    # need what it does at once, and the modules of opentelemetry.proto register themselves.
    lazy = ("anyio", "asyncio", "click", "concurrent", "inspect", "mcp", "pydantic", "rotor_mcp", "tokenize")
    sys.set_lazy_imports_filter(lambda importer, *_: (importer or "").startswith(lazy))
    sys.set_lazy_imports("all")

from rotor_mcp import gc_tuning

gc_tuning.pause_collection()

from rotor_mcp.cli.main import main  # noqa: E402

if __name__ == "__main__":
    main(prog_name="rotor-mcp")
