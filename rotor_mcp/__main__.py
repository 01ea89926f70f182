"""Runs `rotor-mcp` as `python -m rotor_mcp`, for clients that start a program by its full path."""

from rotor_mcp import gc_tuning

gc_tuning.pause_collection()

from rotor_mcp.cli.main import main  # noqa: E402

if __name__ == "__main__":
    main(prog_name="rotor-mcp")
