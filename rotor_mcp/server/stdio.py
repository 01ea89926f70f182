"""The stdio transport: one JSON-RPC message per line of standard input and output.

The SDK's reader drops invalid messages silently, and the client waits forever. This reader responds to
everything that looks like a request, and logs a warning without the text. The SDK's writer is used.
"""

import io
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import Context
from types import FrameType
from typing import cast

import anyio
from anyio.abc import ObjectReceiveStream, ObjectSendStream
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage

from rotor_mcp import __version__
from rotor_mcp.log_setup import log_at_once
from rotor_mcp.server.jsonrpc import Refusal, parse
from rotor_mcp.server.mcp_server import McpServer
from rotor_mcp.server.stdio_files import LineReader, MessageWriter

Incoming = SessionMessage | Exception

logger = logging.getLogger(__name__)


def serve_stdio(server: McpServer) -> None:
    """Serve on standard input and output until they are closed, or until SIGINT or SIGTERM.

    Raises:
        OSError: if one of them is not open.
    """
    signal.signal(signal.SIGINT, _leave)
    signal.signal(signal.SIGTERM, _leave)
    if sys.stdin is None or sys.stdout is None:
        raise OSError("standard input and standard output have to be open: they are what is served on")
    started = {"event": "server_started", "version": __version__, "transport": "stdio"}
    logger.info("Serving MCP on standard input and output", extra=started)
    failure: BaseExceptionGroup[OSError] | None = None
    try:
        anyio.run(_serve, server)
    except* OSError as exc:
        failure = exc
    if failure is None:
        logger.info("Stopped: standard input was closed", extra={"event": "server_stopped"})
    else:
        # The reader is still blocked on standard input, which would keep the process alive.
        closed = failure.subgroup(BrokenPipeError) is not None
        if not closed:
            logger.error(
                "standard output cannot be written (%s)",
                failure.exceptions[0],
                extra={"event": "output_closed"},
            )
        os._exit(0 if closed else 1)


def _leave(number: int, _frame: FrameType | None) -> None:
    name = signal.Signals(number).name
    received = {"event": "signal_received", "signal": name}
    # Not in the context of the call that the signal interrupted, whose fields the lines would have.
    context = Context()
    context.run(log_at_once, logger, "%s: the server stops", name, extra=received)
    context.run(log_at_once, logger, "Stopped", extra={"event": "server_stopped"})
    # The reader is in a blocking read that only the end of the process interrupts. Nothing needs cleanup: a
    # write that was started is one HTTP request, which Rotor carries out completely or not at all.
    os._exit(0)


async def _serve(server: McpServer) -> None:
    async with streams() as (incoming, outgoing):
        await server.serve_streams(incoming, outgoing)


@asynccontextmanager
async def streams() -> AsyncIterator[tuple[ObjectReceiveStream[Incoming], ObjectSendStream[SessionMessage]]]:
    """Yield streams of messages on standard input and output, for the length of a block.

    Raises:
        OSError: in a group, if standard output cannot be written; the block is then cancelled.
    """
    to_server, incoming = anyio.create_memory_object_stream[Incoming](0)
    nothing = anyio.wrap_file(io.StringIO())
    stdout = cast("anyio.AsyncFile[str]", MessageWriter(_detach_standard_output()))
    async with (
        stdio_server(stdin=nothing, stdout=stdout) as (unused, outgoing),
        anyio.create_task_group() as reading,
    ):
        await unused.aclose()
        reading.start_soon(_read, LineReader(_detach_standard_input()), to_server, outgoing)
        async with incoming, outgoing:
            yield incoming, outgoing
        reading.cancel_scope.cancel()


def _detach_standard_input() -> int:
    """Return standard input, and replace it by the null device, so that child processes do not read it."""
    own = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return own


def _detach_standard_output() -> int:
    """Return standard output, and replace it by standard error, so that nothing else is written to it."""
    own = os.dup(1)
    os.dup2(2, 1)
    return own


async def _read(
    file: LineReader, to_server: ObjectSendStream[Incoming], outgoing: ObjectSendStream[SessionMessage]
) -> None:
    async with to_server:
        async for line in file.lines():
            read = parse(line)
            if isinstance(read, Refusal):
                logger.warning(
                    "a message on standard input was refused (%d): %s",
                    read.code,
                    read.reason,
                    extra={
                        "event": "message_refused",
                        "request_id": read.id,
                        "code": read.code,
                        "reason": read.reason,
                    },
                )
                if read.answer:
                    await outgoing.send(read.message)
                elif read.id is not None:
                    # A response: the server's request ends as if the client had refused it.
                    await to_server.send(read.message)
            elif read is not None:
                await to_server.send(read.message)
