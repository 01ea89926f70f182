"""`rotor-mcp` as a process that runs to its end, without the time that its libraries take to load.

`python -m rotor_mcp` takes half a second to start, most of it for the libraries. `tests/forking.py` loads them once,
and a fork of it runs what `python -m rotor_mcp` runs. It is a process with arguments, environment, folder, streams and
status of its own, which loads every module of ours anew.

Processes that are signalled, killed or spoken to are started otherwise, and so is one of each command.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from threading import Lock

import anyio

ROOT = Path(__file__).parents[1]
FORKS = sys.platform != "win32"


class _Forking:
    """A process that forks, started with the variables that Python reads when it starts."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._asked, other = socket.socketpair()
        with other:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.forking", str(other.fileno())],
                env=dict(variables),
                cwd=ROOT,
                pass_fds=[other.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )

    def ask(self, *descriptors: int) -> None:
        socket.send_fds(self._asked, [b"!"], descriptors)

    def close(self) -> None:
        self._asked.close()
        self._process.wait(60)


_forking: dict[frozenset[tuple[str, str]], _Forking] = {}
_lock = Lock()


def _fork(environment: Mapping[str, str], *descriptors: int) -> None:
    variables = {
        name: value for name, value in environment.items() if name.startswith(("PYTHON", "LANG", "LC_"))
    }
    with _lock:
        key = frozenset(variables.items())
        if key not in _forking:
            _forking[key] = _Forking(variables)
        _forking[key].ask(*descriptors)


def close() -> None:
    """End the processes that fork."""
    while _forking:
        _forking.popitem()[1].close()


def run(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    folder: Path | None = None,
    given: bytes = b"",
    patience: float = 60,
) -> subprocess.CompletedProcess[bytes]:
    """Run `rotor-mcp` with nobody at a terminal.

    Args:
        arguments: of the command.
        environment: all variables that it has.
        folder: where it runs, by default where the tests do.
        given: what it reads from standard input.
        patience: seconds after which it is killed.
    """
    command = {"arguments": [*arguments], "environment": {**environment}, "folder": str(folder or Path.cwd())}
    if not FORKS:
        return subprocess.run(
            [sys.executable, "-m", "rotor_mcp", *arguments],
            env={**environment},
            cwd=folder,
            input=given,
            capture_output=True,
            timeout=patience,
            check=False,
        )
    answer, other = socket.socketpair()
    with (
        answer,
        tempfile.TemporaryFile() as said,
        tempfile.TemporaryFile() as stdin,
        tempfile.TemporaryFile() as stdout,
        tempfile.TemporaryFile() as stderr,
    ):
        said.write(json.dumps(command).encode())
        said.seek(0)
        stdin.write(given)
        stdin.seek(0)
        with other:
            _fork(environment, *(file.fileno() for file in (said, other, stdin, stdout, stderr)))
        status = _status(answer, arguments, patience)
        # The streams of the command have their places in these files in common with them.
        stdout.seek(0)
        stderr.seek(0)
        return subprocess.CompletedProcess([*arguments], status, stdout.read(), stderr.read())


def _status(answer: socket.socket, arguments: Sequence[str], patience: float) -> int:
    """Wait for the status of a command, and kill it if that does not come."""
    with answer.makefile() as lines:
        process = int(lines.readline())
        answer.settimeout(patience)
        try:
            return int(lines.readline())
        except TimeoutError:
            os.kill(process, signal.SIGKILL)
            raise subprocess.TimeoutExpired([*arguments], patience) from None


async def ran(
    arguments: Sequence[str], environment: Mapping[str, str], folder: Path | None = None, given: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """Run `rotor-mcp` beside what else this process does, such as serving a Rotor to it."""
    return await anyio.to_thread.run_sync(partial(run, arguments, environment, folder, given))
