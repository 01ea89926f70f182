"""A process that has loaded the libraries of others, and forks for each command that it is asked to run.

`tests/commands.py` starts it as `python -m tests.forking FD FOLDER`, and asks on that socket. It ends when nobody is
left who could ask. In the folder is kept what Python makes of our modules, even if it shall write no bytecode elsewhere.
"""

import gc
import importlib
import io
import json
import os
import runpy
import socket
import sys
import threading
import time
from contextlib import suppress
from typing import NoReturn

LIBRARIES = (
    "anyio._backends._asyncio",
    "click",
    "difflib",
    "httpx2",
    "mcp.client.stdio",
    "mcp.server.lowlevel.server",
    "phonenumbers.data.region_US",
    "pydantic.functional_serializers",
    "sqlite3",
    "starlette.applications",
    "tomlkit",
    "tzlocal",
    "uvicorn",
)


def load() -> None:
    """Load what others wrote, and nothing of ours: each command loads that itself."""
    for name in LIBRARIES:
        importlib.import_module(name)
    ours = [name for name in sys.modules if name.partition(".")[0] == "rotor_mcp"]
    if ours or threading.active_count() > 1:
        raise RuntimeError(f"cannot be forked: {ours}, {threading.enumerate()}")


def forked(asked: socket.socket) -> tuple[str, list[str]] | None:
    """Fork for all that is asked. In a fork return its module and arguments, in the end None."""
    while True:
        sign, received, _, _ = socket.recv_fds(asked, 1, 5)
        _reap(0 if not sign else os.WNOHANG)
        if not sign:
            return None
        if os.fork() == 0:
            asked.close()
            return _command(*received)
        for descriptor in received:
            os.close(descriptor)


def _reap(options: int) -> None:
    """Let those go that watched a command which has ended."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, options)[0]:
            pass


def _command(said: int, answer: int, *streams: int) -> tuple[str, list[str]]:
    """Become the command, and leave behind a process that watches it."""
    if process := os.fork():
        _watch(process, answer, streams)
    os.close(answer)
    with os.fdopen(said, "rb") as file:
        command = json.load(file)
    for number, (stream, name) in enumerate(zip(streams, ("stdin", "stdout", "stderr"), strict=True)):
        os.dup2(stream, number)
        os.close(stream)
        opened = _opened(number, getattr(sys, name))
        setattr(sys, name, opened)
        setattr(sys, f"__{name}__", opened)
    if command["session"]:
        os.setsid()
    os.chdir(command["folder"])
    os.environ.clear()
    os.environ.update(command["environment"])
    time.tzset()
    sys.path[0] = os.getcwd()  # noqa: PTH109 - as Python does it for -m
    return command["module"], command["arguments"]


def _opened(number: int, before: io.TextIOWrapper) -> io.TextIOWrapper:
    """Open a standard stream as Python does when it starts: what it was before could be sought or no terminal."""
    buffering = 0 if before.write_through and number else -1
    return io.TextIOWrapper(
        open(number, "wb" if number else "rb", buffering, closefd=False),
        before.encoding,
        before.errors,
        newline="\n",
        line_buffering=before.line_buffering or os.isatty(number),
        write_through=before.write_through,
    )


def _watch(process: int, answer: int, streams: tuple[int, ...]) -> NoReturn:
    """Tell the id of a process, and its status when it has ended."""
    for stream in streams:
        os.close(stream)
    with socket.socket(fileno=answer) as told, suppress(BrokenPipeError):  # nobody may wait any more
        told.sendall(f"{process}\n".encode())
        _, status = os.waitpid(process, 0)
        told.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


if __name__ == "__main__":
    load()
    gc.freeze()
    sys.pycache_prefix, sys.dont_write_bytecode = sys.argv[2], False
    with socket.socket(fileno=int(sys.argv[1])) as asked:
        command = forked(asked)
    if command is not None:
        module, sys.argv[1:] = command
        runpy.run_module(module, run_name="__main__", alter_sys=True)
