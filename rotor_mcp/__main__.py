"""`python -m rotor_mcp` is `rotor-mcp`: an absolute command for clients that know no PATH."""

import gc

gc.disable()  # collecting while modules load finds nothing and takes a tenth of a start; main enables it

from rotor_mcp.cli import main  # noqa: E402

if __name__ == "__main__":
    main(prog_name="rotor-mcp")
