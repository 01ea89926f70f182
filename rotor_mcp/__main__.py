"""`python -m rotor_mcp` is `rotor-mcp`: an absolute command for clients that know no PATH."""

from rotor_mcp.cli import main

main(prog_name="rotor-mcp")
