"""`rotor-mcp` as a process, without the time that its libraries take to load.

`python -m rotor_mcp` takes half a second to start, most of it for the libraries. `tests/forking.py` loads them once,
and a fork of it runs what `python -m rotor_mcp` runs. It is a process with arguments, environment, folder, streams and
status of its own, which loads every module of ours anew.

What is spoken to over its standard streams, or cut off from them, is started otherwise, and so is one of each command.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
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


class Command:
    """A forked `rotor-mcp`, with what is asked of a `subprocess.Popen`."""

    def __init__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        streams: tuple[int, int, int],
        *,
        folder: Path | None = None,
        session: bool = False,
    ) -> None:
        """Fork it.

        Args:
            arguments: of the command.
            environment: all variables that it has.
            streams: descriptors of its standard input, output and errors.
            folder: where it runs, by default where the tests do.
            session: whether it begins one, so that it can be killed with all its processes.
        """
        self._arguments = [*arguments]
        self.returncode: int | None = None
        command = {
            "arguments": self._arguments,
            "environment": {**environment},
            "folder": str(folder or Path.cwd()),
            "session": session,
        }
        self._answer, other = socket.socketpair()
        with tempfile.TemporaryFile() as said, other:
            said.write(json.dumps(command).encode())
            said.seek(0)
            _fork(environment, said.fileno(), other.fileno(), *streams)
        self._said = b""
        self.pid = int(self._line())

    def _line(self) -> bytes:
        while b"\n" not in self._said:
            part = self._answer.recv(100)
            if not part:
                raise RuntimeError(f"{self._arguments} was not forked")
            self._said += part
        line, _, self._said = self._said.partition(b"\n")
        return line

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its status.

        Raises:
            subprocess.TimeoutExpired: if it does not end in so many seconds.
        """
        if self.returncode is None:
            self._answer.settimeout(timeout)
            try:
                self.returncode = int(self._line())
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(self._arguments, timeout or 0) from None
            self._answer.close()
        return self.returncode

    def poll(self) -> int | None:
        """Its status, if it has ended."""
        with suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


def run(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    folder: Path | None = None,
    given: bytes = b"",
    patience: float = 60,
) -> subprocess.CompletedProcess[bytes]:
    """Run `rotor-mcp` with nobody at a terminal, and wait for its end.

    Args:
        arguments: of the command.
        environment: all variables that it has.
        folder: where it runs, by default where the tests do.
        given: what it reads from standard input.
        patience: seconds after which it is killed.
    """
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
    with (
        tempfile.TemporaryFile() as stdin,
        tempfile.TemporaryFile() as stdout,
        tempfile.TemporaryFile() as stderr,
    ):
        stdin.write(given)
        stdin.seek(0)
        streams = stdin.fileno(), stdout.fileno(), stderr.fileno()
        command = Command(arguments, environment, streams, folder=folder)
        try:
            status = command.wait(patience)
        except subprocess.TimeoutExpired:
            command.send_signal(signal.SIGKILL)
            command.wait()
            raise
        # The command has the places in these files in common with them.
        stdout.seek(0)
        stderr.seek(0)
        return subprocess.CompletedProcess([*arguments], status, stdout.read(), stderr.read())


async def ran(
    arguments: Sequence[str], environment: Mapping[str, str], folder: Path | None = None, given: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """Run `rotor-mcp` beside what else this process does, such as serving a Rotor to it."""
    return await anyio.to_thread.run_sync(partial(run, arguments, environment, folder, given))
