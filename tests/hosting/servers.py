"""`rotor-mcp serve --http` as one of several processes, which are asked to end, or killed."""

import os
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.commands import Command, run

SERVING = " MCP at "
VARIABLES = {"PATH": "", "ROTOR_MCP_TIMEZONE": "America/Chicago"}
"""None that this machine's user has for a server."""


def free_port() -> int:
    """A port that nobody had a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


class ServerProcess:
    """A running server."""

    def __init__(self, environment: dict[str, str], *flags: str, host: str = "127.0.0.1") -> None:
        self.port = free_port()
        # A file, not a pipe: nobody reads what it writes while it runs, and a full pipe would hold it up.
        self._written = tempfile.TemporaryFile("w+")  # noqa: SIM115 - `close` closes it
        with Path(os.devnull).open("rb") as nothing:
            self.process = Command(
                ["serve", "--http", f"{host}:{self.port}", *flags],
                VARIABLES | environment,
                (nothing.fileno(), 1, self._written.fileno()),
                session=True,  # so that it can be killed with all its processes
            )
        until = time.monotonic() + 30
        while SERVING not in self.written or ("Starting" in self.written and self.refuses):
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(self.written)
            time.sleep(0.02)

    @property
    def written(self) -> str:
        """What it wrote to stderr."""
        # The process has the same place in the file, so it is left where it is.
        return os.pread(self._written.fileno(), 10_000_000, 0).decode()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def refuses(self) -> bool:
        """Whether nothing listens on its port."""
        try:
            socket.create_connection(("127.0.0.1", self.port), 5).close()
        except ConnectionRefusedError:
            return True
        return False

    def kill(self) -> None:
        """End it, with all its processes, as a machine ends that loses its power."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self, timeout: float = 40) -> str:
        """Ask it to end, and return what it wrote since it began to serve."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout)
        return self.written.partition(SERVING)[2].partition("\n")[2]

    def close(self) -> None:
        """End what is still there of it."""
        self.kill()
        self._written.close()


@contextmanager
def server_process(
    environment: dict[str, str], *flags: str, host: str = "127.0.0.1"
) -> Iterator[ServerProcess]:
    """Run a server."""
    server = ServerProcess(environment, *flags, host=host)
    try:
        yield server
    finally:
        server.close()


def refused(environment: dict[str, str], http: str = "127.0.0.1:0") -> str:
    """Start a server, and return what it says in the end before it ends without serving."""
    ended = run(["serve", f"--http={http}"], VARIABLES | environment)
    assert ended.returncode != 0
    return ended.stderr.decode().strip().splitlines()[-1]
