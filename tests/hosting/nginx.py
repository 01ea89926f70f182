"""The real nginx with the very `deploy/nginx.conf`, before replicas on this machine."""

import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.programs import need

CONF = Path(__file__).parent.parent.parent / "deploy/nginx.conf"


def rendered(listen: str, replicas: Sequence[str], directory: Path) -> str:
    """The configuration with other addresses, and another directory than /tmp; all else stays.

    Args:
        listen: host and port to listen at.
        replicas: hosts and ports of the replicas, three of them.
        directory: where nginx may write.
    """
    text = CONF.read_text("utf-8")
    for old, new in (("listen 8080;", f"listen {listen};"), *zip(_replicas(text), replicas, strict=True)):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text.replace("/tmp/", f"{directory}/")


def _replicas(text: str) -> list[str]:
    return re.findall(r"\brotor-\d:8080\b", text)


class Nginx:
    """An nginx in a process of its own."""

    def __init__(self, directory: Path, ports: Sequence[int]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self._file = directory / "nginx.conf"
        replicas = [f"127.0.0.1:{port}" for port in ports]
        self._file.write_text(rendered(f"127.0.0.1:{self.port}", replicas, directory))
        self._log = directory / "error.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(self._command(), stderr=log)
        until = time.monotonic() + 20
        while time.monotonic() < until and self._process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.02)
        raise RuntimeError(self.log)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """What it complained of."""
        return self._log.read_text()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(20)

    def _command(self) -> list[str]:
        # In its container nobody is root. Where tests are run by root, nginx would take another user for its workers.
        user = " user root;" if os.name == "posix" and os.geteuid() == 0 else ""
        conf = self._file.read_text().replace("error_log /dev/stderr warn;", "error_log stderr warn;")
        self._file.write_text(conf)
        return ["nginx", "-e", "stderr", "-c", str(self._file), "-g", f"daemon off;{user}"]


@contextmanager
def nginx(directory: Path, ports: Sequence[int]) -> Iterator[Nginx]:
    """Run an nginx before replicas on these ports."""
    need("nginx")
    running = Nginx(directory, ports)
    try:
        yield running
    finally:
        running.stop()
