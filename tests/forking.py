"""A process that has loaded the libraries of others, and forks for each command that it is asked to run.

`tests/commands.py` starts it as `python -m tests.forking FD`, and asks on that socket. It ends when nobody is left
who could ask.
"""

import gc
import importlib
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
    "httpx2",
    "mcp.client.stdio",
    "mcp.server.lowlevel.server",
    "phonenumbers",
    "pydantic",
    "starlette.applications",
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


def forked(asked: socket.socket) -> list[str] | None:
    """Fork for all that is asked. In a fork return the arguments of its command, in the end None."""
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


def _command(said: int, answer: int, *streams: int) -> list[str]:
    """Become the command, and leave behind a process that watches it."""
    if process := os.fork():
        _watch(process, answer, streams)
    os.close(answer)
    with os.fdopen(said, "rb") as file:
        command = json.load(file)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    if command["session"]:
        os.setsid()
    os.chdir(command["folder"])
    os.environ.clear()
    os.environ.update(command["environment"])
    time.tzset()
    sys.path[0] = os.getcwd()  # noqa: PTH109 - as Python does it for -m
    arguments: list[str] = command["arguments"]
    return arguments


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
    with socket.socket(fileno=int(sys.argv[1])) as asked:
        arguments = forked(asked)
    if arguments is not None:
        sys.argv[1:] = arguments
        runpy.run_module("rotor_mcp", run_name="__main__", alter_sys=True)
