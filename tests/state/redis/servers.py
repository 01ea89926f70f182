"""A real Redis in a process of its own, which can be killed, frozen and started again."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import redis

from tests.programs import need


class RedisServer:
    """A Redis on a port of this machine. What it holds is lost with its process."""

    def __init__(self, directory: Path, *options: str) -> None:
        self._directory = directory
        self._options = options
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def client(self, **options: Any) -> redis.Redis:
        """Somebody else who asks this Redis."""
        return redis.Redis(port=self.port, **options)

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self._process = subprocess.Popen(
            [*command, "--dir", str(self._directory), *self._options], stdout=subprocess.DEVNULL
        )
        until = time.monotonic() + 20
        while time.monotonic() < until:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.02)
        raise RuntimeError("Redis did not start")

    def kill(self) -> None:
        """End it as a machine ends that loses its power."""
        assert self._process
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        assert self._process
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process
        os.kill(self._process.pid, signal.SIGCONT)

    def held(self) -> dict[str, str]:
        """All that it holds, as text, by name."""
        with self.client() as client:
            held: dict[str, str] = {}
            for name in client.scan_iter():
                match client.type(name):
                    case b"hash":
                        value: object = client.hgetall(name)
                    case b"zset":
                        value = client.zrange(name, 0, -1)
                    case b"set":
                        value = client.smembers(name)
                    case _:
                        value = client.get(name)
                held[name.decode()] = repr(value)
            return held


@contextmanager
def redis_server(directory: Path, *options: str) -> Iterator[RedisServer]:
    """Run a Redis."""
    need("redis-server")
    server = RedisServer(directory, *options)
    try:
        yield server
    finally:
        server.kill()
