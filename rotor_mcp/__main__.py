"""Runs `rotor-mcp` as `python -m rotor_mcp`, for clients that start a program by its full path."""

import sys

if sys.version_info >= (3, 15):
    # Not in httpcore2, which sets attributes of what it has imported by way of locals(): that loads nothing.
    sys.set_lazy_imports_filter(lambda importer, *_: importer != "httpcore2")
    sys.set_lazy_imports("all")

from rotor_mcp import gc_tuning

gc_tuning.pause_collection()

from rotor_mcp.cli.main import main  # noqa: E402

if __name__ == "__main__":
    main(prog_name="rotor-mcp")
