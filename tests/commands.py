"""`rotor-mcp` as a process, without the time that its libraries take to load.

`python -m rotor_mcp` takes half a second to start, nearly all of it to load modules. `tests/forking.py` loads them once,
and a fork of it runs what `python -m rotor_mcp` runs. It is a process with arguments, environment, folder, streams and
status of its own, which loads the modules of commands anew.

What an MCP client speaks to over its standard streams is started otherwise, and so is what begins with one of them
closed, and one of each command.
"""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from typing import IO

import anyio
import anyio.abc

ROOT = Path(__file__).parents[1]
FORKS = sys.platform != "win32"


class _Forking:
    """A process that forks, started with the variables that Python reads when it starts."""

    def __init__(self, variables: Mapping[str, str], bytecode: str) -> None:
        self._asked, other = socket.socketpair()
        with other:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.forking", str(other.fileno()), bytecode],
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
_bytecode = tempfile.TemporaryDirectory()
"""What Python makes of our modules, for all of them."""
_lock = Lock()


def _fork(environment: Mapping[str, str], *descriptors: int) -> None:
    variables = {
        name: value for name, value in environment.items() if name.startswith(("PYTHON", "LANG", "LC_"))
    }
    with _lock:
        key = frozenset(variables.items())
        if key not in _forking:
            _forking[key] = _Forking(variables, _bytecode.name)
        _forking[key].ask(*descriptors)


def close() -> None:
    """End the processes that fork."""
    while _forking:
        _forking.popitem()[1].close()
    _bytecode.cleanup()


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
        module: str = "rotor_mcp",
    ) -> None:
        """Fork it.

        Args:
            arguments: of the command.
            environment: all variables that it has.
            streams: descriptors of its standard input, output and errors.
            folder: where it runs, by default where the tests do.
            session: whether it begins one, so that it can be killed with all its processes.
            module: what runs.
        """
        self._arguments = [*arguments]
        self.returncode: int | None = None
        command = {
            "arguments": self._arguments,
            "environment": {**environment},
            "folder": str(folder or Path.cwd()),
            "session": session,
            "module": module,
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

    def fileno(self) -> int:
        """What can be read when it has ended."""
        return self._answer.fileno()


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


class _Output(anyio.abc.ByteReceiveStream):
    """What a command writes into a pipe. It is read at once, so that the command never waits for its reader."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._read: list[bytes] = []
        self._has_come = asyncio.Event()
        asyncio.get_running_loop().add_reader(pipe, self._come)

    def _come(self) -> None:
        self._read.append(os.read(self._pipe, 65_536))
        self._has_come.set()
        if not self._read[-1]:
            asyncio.get_running_loop().remove_reader(self._pipe)

    async def receive(self, max_bytes: int = 65_536) -> bytes:
        while not self._read:
            self._has_come = asyncio.Event()
            await self._has_come.wait()
        part = self._read[0]
        if not part:
            raise anyio.EndOfStream
        self._read[:1] = [part[max_bytes:]] if len(part) > max_bytes else []
        return part[:max_bytes]

    async def aclose(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pipe)
        os.close(self._pipe)


class _Input(anyio.abc.ByteSendStream):
    """What a command reads from a pipe."""

    def __init__(self, pipe: int) -> None:
        self._pipe = os.fdopen(pipe, "wb", buffering=0)

    async def send(self, item: bytes) -> None:
        self._pipe.write(item)

    async def aclose(self) -> None:
        self._pipe.close()


class _Begun(anyio.abc.Process):
    """A forked command, with what is asked of one that anyio starts."""

    def __init__(
        self, command: Command, stdin: _Input | None, stdout: _Output | None, stderr: _Output | None
    ) -> None:
        self._command = command
        self._stdin, self._stdout, self._stderr = stdin, stdout, stderr

    async def aclose(self) -> None:
        self.kill()
        self._command.wait()
        for stream in (self._stdin, self._stdout, self._stderr):
            if stream:
                await stream.aclose()

    async def wait(self) -> int:
        if self.returncode is None:
            await anyio.wait_readable(self._command)
        return self._command.wait()

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def send_signal(self, signal: int) -> None:
        self._command.send_signal(signal)

    @property
    def pid(self) -> int:
        return self._command.pid

    @property
    def returncode(self) -> int | None:
        return self._command.poll()

    @property
    def stdin(self) -> _Input | None:
        return self._stdin

    @property
    def stdout(self) -> _Output | None:
        return self._stdout

    @property
    def stderr(self) -> _Output | None:
        return self._stderr


@asynccontextmanager
async def begun(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    *,
    folder: Path | None = None,
    stdin: int = subprocess.DEVNULL,
    stdout: int = subprocess.PIPE,
    stderr: int = subprocess.PIPE,
    module: str = "rotor_mcp",
) -> AsyncIterator[anyio.abc.Process]:
    """Run a command while the test does something else. It is killed in the end.

    Args:
        arguments: of the command.
        environment: all variables that it has.
        folder: where it runs, by default where the tests do.
        stdin: a descriptor, or PIPE or DEVNULL of subprocess.
        stdout: a descriptor, or PIPE.
        stderr: a descriptor, or PIPE.
        module: what runs.
    """
    if not FORKS:
        started = [sys.executable, "-m", module, *arguments]
        async with await anyio.open_process(
            started, env={**environment}, cwd=folder, stdin=stdin, stdout=stdout, stderr=stderr
        ) as process:
            try:
                yield process
            finally:
                if process.returncode is None:
                    process.kill()
        return
    with ExitStack() as theirs:
        ours: list[int | None] = []
        streams: list[int] = []
        for number, stream in enumerate((stdin, stdout, stderr)):
            if stream == subprocess.PIPE:
                ends = os.pipe()
                ours.append(ends[number == 0])
                streams.append(ends[number > 0])
                theirs.callback(os.close, streams[-1])
            elif stream == subprocess.DEVNULL:
                ours.append(None)
                streams.append(theirs.enter_context(open(os.devnull, "r+b")).fileno())  # noqa: PTH123, ASYNC230
            else:
                ours.append(None)
                streams.append(stream)
        written, *read = ours
        command = Command(
            arguments, environment, (streams[0], streams[1], streams[2]), folder=folder, module=module
        )
    process = _Begun(
        command,
        None if written is None else _Input(written),
        *(None if pipe is None else _Output(pipe) for pipe in read),
    )
    try:
        yield process
    finally:
        await process.aclose()


@dataclass(frozen=True)
class Spoken:
    """A command that is spoken to over pipes."""

    process: Command | subprocess.Popen[bytes]
    stdin: IO[bytes]
    stdout: IO[bytes]
    stderr: IO[bytes]


@contextmanager
def spoken_to(arguments: Sequence[str]) -> Iterator[Spoken]:
    """Run a command and speak to it over its standard streams. It is killed in the end."""
    if not FORKS:
        pipe = subprocess.PIPE
        started = [sys.executable, "-m", "rotor_mcp", *arguments]
        with subprocess.Popen(started, stdin=pipe, stdout=pipe, stderr=pipe) as popen:
            assert popen.stdin
            assert popen.stdout
            assert popen.stderr
            try:
                yield Spoken(popen, popen.stdin, popen.stdout, popen.stderr)
            finally:
                popen.kill()
        return
    (read, stdin), (stdout, write), (stderr, write_errors) = os.pipe(), os.pipe(), os.pipe()
    with (
        os.fdopen(stdin, "wb") as said,
        os.fdopen(stdout, "rb") as answered,
        os.fdopen(stderr, "rb") as errors,
    ):
        command = Command(arguments, os.environ, (read, write, write_errors))
        for stream in (read, write, write_errors):
            os.close(stream)
        try:
            yield Spoken(command, said, answered, errors)
        finally:
            command.send_signal(signal.SIGKILL)
            command.wait()
