"""The command `rotor-mcp serve --http` as a process, or several, as operators run it."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Running:
    """A process that serves."""

    process: subprocess.Popen[bytes]
    url: str


def environment(**variables: str) -> dict[str, str]:
    """Variables for a server, and none that this machine's user has for one."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ROTOR_")}
    return kept | {"ROTOR_MCP_TIMEZONE": "America/Chicago"} | variables


@contextmanager
def serving(*flags: str, http: str = "127.0.0.1:0", **variables: str) -> Iterator[Running]:
    """Start the command, wait until it serves, and kill it in the end if it is still there."""
    command = [sys.executable, "-m", "rotor_mcp", "serve", f"--http={http}", *flags]
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=environment(**variables)) as process:
        try:
            assert process.stderr is not None
            line = process.stderr.readline().decode()
            found = re.match(r"Serving MCP at (http://\S+)/mcp\.", line)
            assert found, line
            yield Running(process, found[1])
        finally:
            process.kill()


def refused(*flags: str, http: str = "127.0.0.1:0", **variables: str) -> str:
    """Start the command, and return what it says before it ends without serving."""
    command = [sys.executable, "-m", "rotor_mcp", "serve", f"--http={http}", *flags]
    ended = subprocess.run(
        command, capture_output=True, env=environment(**variables), timeout=30, check=False
    )
    assert ended.returncode != 0
    return ended.stderr.decode().strip().splitlines()[-1]
