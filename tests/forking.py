"""A process that has loaded what commands need, and forks for each command that it is asked to run.

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
from importlib.machinery import PathFinder
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
OURS = (
    "rotor_mcp.diagnostics.check",
    "rotor_mcp.hosting.app",
    "rotor_mcp.hosting.server",
    "rotor_mcp.import_export.exporter",
    "rotor_mcp.import_export.importer",
    "rotor_mcp.installer.apply",
    "rotor_mcp.sandbox.server",
    "rotor_mcp.server.mcp_server",
    "rotor_mcp.server.dispatch",
    "rotor_mcp.tools.get_lead",
    "rotor_mcp.tools.search_leads",
    "rotor_mcp.tools.upsert_lead",
    "rotor_mcp.tools.upsert_leads",
)
"""What is behind the commands. They load their own modules themselves."""


def load(bytecode: str) -> None:
    """Load what commands need, without starting anything. Keep in a folder what Python makes of our modules."""
    for name in LIBRARIES:
        importlib.import_module(name)
    sys.pycache_prefix, sys.dont_write_bytecode = bytecode, False
    for name in OURS:
        importlib.import_module(name)
    commands = [name for name in sys.modules if name.startswith(("rotor_mcp.cli", "rotor_mcp.__main__"))]
    if commands or threading.active_count() > 1:
        raise RuntimeError(f"cannot be forked: {commands}, {threading.enumerate()}")


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
    _forget_ours_if_another_is_found_first()
    return command["module"], command["arguments"]


def _forget_ours_if_another_is_found_first() -> None:
    found = PathFinder.find_spec("rotor_mcp")
    if found is None or found.origin != sys.modules["rotor_mcp"].__file__:
        for name in [name for name in sys.modules if name.partition(".")[0] == "rotor_mcp"]:
            del sys.modules[name]


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
    load(sys.argv[2])
    gc.freeze()
    with socket.socket(fileno=int(sys.argv[1])) as asked:
        command = forked(asked)
    if command is not None:
        module, sys.argv[1:] = command
        runpy.run_module(module, run_name="__main__", alter_sys=True)
