"""`rotor-mcp serve --http` as one of several processes, which are asked to end, or killed."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

SERVING = "Serving MCP at "
VARIABLES = {"PATH": "", "ROTOR_MCP_TIMEZONE": "America/Chicago"}
"""None that this machine's user has for a server."""


class ServerProcess:
    """A running server."""

    def __init__(self, environment: dict[str, str], *flags: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "rotor_mcp", "serve", "--http", f"127.0.0.1:{self.port}", *flags],
            env=VARIABLES | environment,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        before: list[str] = []
        for line in self.process.stderr:
            before.append(line)
            if line.startswith(SERVING):
                break
        else:
            raise RuntimeError("".join(before))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def kill(self) -> None:
        """End it as a machine ends that loses its power."""
        self.process.kill()
        self.process.wait()

    def stop(self, timeout: float = 40) -> str:
        """Ask it to end, and return what it wrote since it began to serve."""
        self.process.send_signal(signal.SIGTERM)
        _, written = self.process.communicate(timeout=timeout)
        return written


@contextmanager
def server_process(environment: dict[str, str], *flags: str) -> Iterator[ServerProcess]:
    """Run a server."""
    server = ServerProcess(environment, *flags)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.kill()
        if server.process.stderr and not server.process.stderr.closed:
            server.process.stderr.close()


def refused(environment: dict[str, str], http: str = "127.0.0.1:0") -> str:
    """Start a server, and return what it says in the end before it ends without serving."""
    command = [sys.executable, "-m", "rotor_mcp", "serve", f"--http={http}"]
    ended = subprocess.run(
        command, capture_output=True, env=VARIABLES | environment, timeout=30, check=False, text=True
    )
    assert ended.returncode != 0
    return ended.stderr.strip().splitlines()[-1]
