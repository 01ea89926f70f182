"""What comes over standard input that is no message, or hardly one. The server is a process."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rotor_mcp.server.jsonrpc import Read, parse
from tests.commands import Spoken, spoken_to

SERVE = [sys.executable, "-m", "rotor_mcp", "serve", "--sandbox"]


class Server:
    """The server as a process, to which lines are sent as they are."""

    def __init__(self, spoken: Spoken) -> None:
        self.process = spoken.process
        self.stdin, self.stdout, self.stderr = spoken.stdin, spoken.stdout, spoken.stderr

    def send(self, *lines: bytes | dict[str, Any]) -> None:
        for line in lines:
            self.stdin.write((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n")
        self.stdin.flush()

    def receive(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.stdout.readline())
        return answer

    def end(self) -> tuple[int, bytes]:
        """Close its input; return its exit status and what it wrote on stderr."""
        self.stdin.close()
        errors = self.stderr.read()
        return self.process.wait(timeout=30), errors


@contextmanager
def server() -> Iterator[Server]:
    with spoken_to(["serve", "--sandbox"]) as spoken:
        yield Server(spoken)


def initialize(**capabilities: Any) -> dict[str, Any]:
    client = {"name": "test", "version": "1"}
    params = {"protocolVersion": "2025-11-25", "capabilities": capabilities, "clientInfo": client}
    return request(0, "initialize", **params)


def request(number: Any, method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


MODERN = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}

REFUSED: dict[str, bytes] = {
    "no jsonrpc": b'{"id": 7, "method": "tools/list"}',
    "old jsonrpc": b'{"jsonrpc": "1.0", "id": "a-7", "method": "tools/list"}',
    "a fraction": b'{"jsonrpc": "2.0", "id": 7.25, "method": "tools/list", "params": {}}',
    "null": b'{"jsonrpc": "2.0", "id": null, "method": "tools/list"}',
    "true": b'{"jsonrpc": "2.0", "id": true, "method": "tools/list"}',
    "an object": b'{"jsonrpc": "2.0", "id": {"n": 7}, "method": "tools/list"}',
    "infinity": b'{"jsonrpc": "2.0", "id": 1e999, "method": "tools/list"}',
    "listed params": b'{"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": ["get_lead"]}',
    "text params": b'{"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": "{}"}',
    "no method": b'{"jsonrpc": "2.0", "id": 7, "params": {}}',
    "a number as method": b'{"jsonrpc": "2.0", "id": 7, "method": 1}',
    "a batch": b'[{"jsonrpc": "2.0", "id": 7, "method": "tools/list"}]',
    "an empty batch": b"[]",
    "a scalar": b'"tools/list"',
    "nested": b'{"jsonrpc": "2.0", "id": 7, "method": "ping", "params": {"a": '
    + b"[" * 500
    + b"]" * 500
    + b"}}",
    "deeply nested": b'{"method": "id", "params": {"a": '
    + b'{"id":' * 70_000
    + b'"id"'
    + b"}" * 70_000
    + b'}, "jsonrpc": "2.0", "id": "deep"}',
    "only opened": b"[" * 200_000,
    "cut off": b'{"jsonrpc": "2.0", "id": 7, "method": "tools/li',
    "framed as for LSP": b"Content-Length: 58\r",
    "latin-1": '{"jsonrpc": "2.0", "id": 7, "method": "ping", "params": {"name": "José"}}'.encode("latin-1"),
    "UTF-16": '{"jsonrpc": "2.0", "id": 7, "method": "ping"}'.encode("utf-16"),
    "a long number": b'{"jsonrpc": "2.0", "id": ' + b"7" * 5_000 + b', "method": "ping"}',
}

ANSWERS: dict[str, tuple[Any, int, str]] = {
    "no jsonrpc": (7, -32600, 'Invalid request: jsonrpc must be "2.0"'),
    "old jsonrpc": ("a-7", -32600, 'Invalid request: jsonrpc must be "2.0"'),
    "a fraction": (7.25, -32600, "Invalid request: id must be a string or an integer"),
    "null": (None, -32600, "Invalid request: id must be a string or an integer"),
    "true": (None, -32600, "Invalid request: id must be a string or an integer"),
    "an object": (None, -32600, "Invalid request: id must be a string or an integer"),
    "infinity": (None, -32600, "Invalid request: id must be a string or an integer"),
    "listed params": (7, -32600, "Invalid request: params must be an object"),
    "text params": (7, -32600, "Invalid request: params must be an object"),
    "no method": (
        7,
        -32600,
        "Invalid request: it is neither a request nor a notification nor a response",
    ),
    "a number as method": (7, -32600, "Invalid request: method must be a string"),
    "a batch": (
        None,
        -32600,
        "Invalid request: batches are not supported; send each message by itself",
    ),
    "an empty batch": (
        None,
        -32600,
        "Invalid request: batches are not supported; send each message by itself",
    ),
    "a scalar": (None, -32600, "Invalid request: it is not an object"),
    "nested": (7, -32600, "Invalid request: it is nested too deeply"),
    "deeply nested": ("deep", -32600, "Invalid request: it is nested too deeply"),
    "only opened": (None, -32600, "Invalid request: it is nested too deeply"),
    "cut off": (None, -32700, "Parse error: it is not JSON"),
    "framed as for LSP": (None, -32700, "Parse error: it is not JSON"),
    "latin-1": (7, -32700, "Parse error: it is not UTF-8"),
    "UTF-16": (None, -32700, "Parse error: it is not JSON"),
    "a long number": (None, -32700, "Parse error: it is not JSON"),
}


def test_what_is_no_message_is_answered_and_logged_without_its_text() -> None:
    with server() as one:
        # Before the first request, and after it, whose era it does not decide.
        answers = []
        for number in range(2):
            one.send(*REFUSED.values(), request(number, "tools/list", _meta=MODERN))
            answers += [one.receive() for _ in range(len(REFUSED) + 1)]
        status, log = one.end()
    ends = {answer["id"]: answer for answer in answers if "result" in answer}
    assert {number: len(answer["result"]["tools"]) for number, answer in ends.items()} == {0: 4, 1: 4}
    refusals = [answer for answer in answers if "error" in answer]
    told = [(answer["id"], answer["error"]["code"], answer["error"]["message"]) for answer in refusals]
    assert dict(zip(REFUSED, told, strict=False)) == ANSWERS
    assert told[: len(REFUSED)] == told[len(REFUSED) :]
    lines = log.decode().splitlines()
    assert [line.partition(" WARNING rotor_mcp.server.stdio: ")[2] for line in lines] == [
        f"a message on standard input was refused ({code}): {message.partition(': ')[2]}"
        for _, code, message in told
    ]
    assert status == 0


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b"\xef\xbb\xbf \xef\xbb\xbf"])
@pytest.mark.parametrize("first", [initialize(), request(0, "tools/list", _meta=MODERN)])
def test_a_byte_order_mark_is_read_over(mark: bytes, first: dict[str, Any]) -> None:
    with server() as one:
        one.send(mark + json.dumps(first).encode() + b"\r", b"", b"  \t\r")
        answer = one.receive()
        assert (answer["id"], "result" in answer) == (0, True)
        assert one.end() == (0, b"")


def test_half_a_surrogate_pair_is_replaced_and_the_request_goes_on() -> None:
    name = rb'"Zo\ud83c \udf84\ud83c\udf84 \\ud83c \"\ud83c\""'
    arguments = rb'{"name": ' + name + rb', "phone": "612-555-0142"}'
    params = rb'{"name": "upsert_lead", "arguments": ' + arguments + b"}"
    with server() as one:
        one.send(initialize())
        one.receive()
        one.send(rb'{"jsonrpc": "2.0", "id": "\udfff", "method": "tools/call", "params": ' + params + b"}")
        written = one.receive()
        assert one.end() == (0, b"")
    assert written["id"] == "\ufffd"
    (changed,) = [one for one in written["result"]["structuredContent"]["changes"] if one["field"] == "name"]
    assert changed["after"] == 'Zo\ufffd \ufffd🎄 \\ud83c "\ufffd"'


def test_nobody_is_answered_who_does_not_wait() -> None:
    with server() as one:
        one.send(initialize())
        one.receive()
        one.send(
            {"jsonrpc": "2.0", "method": "notifications/initialized", "params": []},
            b'{"method": "notifications/progress"}',
            {"jsonrpc": "2.0", "id": 7, "result": "done"},
            {"id": 7, "error": {"code": 1}},
            request(1, "ping"),
        )
        assert one.receive() == {"jsonrpc": "2.0", "id": 1, "result": {}}
        status, log = one.end()
    assert (status, log.count(b"WARNING"), len(log.splitlines())) == (0, 4, 4)


def test_a_question_that_is_answered_by_no_message_ends() -> None:
    """A client that can ask the person answers, but not as the protocol says."""
    with server() as one:
        one.send(initialize(elicitation={}), {"jsonrpc": "2.0", "method": "notifications/initialized"})
        one.receive()
        jane = {"name": "Bob Doe", "phone": "(763) 555-0100"}
        one.send(request(1, "tools/call", name="upsert_lead", arguments=jane))
        question = one.receive()
        assert question["method"] == "elicitation/create"
        one.send({"jsonrpc": "2.0", "id": question["id"], "result": []})
        answer = one.receive()
        assert answer["id"] == 1
        one.end()


def test_a_client_that_closes_our_output_ends_the_server_without_a_word() -> None:
    with server() as one:
        one.send(initialize())
        one.receive()
        one.stdout.close()
        one.send(request(1, "ping"), request(2, "tools/list"))
        # Its input stays open: nothing but the closed output tells the server that the client is gone.
        assert (one.stderr.read(), one.process.wait(timeout=30)) == (b"", 0)


def test_an_output_that_is_full_is_said() -> None:
    with (
        Path("/dev/full").open("wb") as full,
        subprocess.Popen(SERVE, stdin=subprocess.PIPE, stdout=full, stderr=subprocess.PIPE) as process,
    ):
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(json.dumps(initialize()).encode() + b"\n")
        process.stdin.flush()
        assert b"standard output cannot be written ([Errno 28]" in process.stderr.read()
        assert process.wait(timeout=30) == 1


@pytest.mark.parametrize("stream", [0, 1])
def test_a_standard_stream_that_is_not_open_is_said(stream: int) -> None:
    ended = subprocess.run(
        SERVE,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: os.close(stream),
        check=False,
    )
    reason = b"standard input and standard output have to be open: they are what is served on"
    assert (ended.returncode, ended.stderr) == (1, b"Error: " + reason + b"\n")


def test_what_the_process_starts_reads_nothing_of_its_input() -> None:
    program = (
        "import anyio, subprocess, sys\n"
        "from rotor_mcp.server.stdio import streams\n"
        "async def main():\n"
        "    async with streams() as (incoming, _):\n"
        "        await incoming.receive()\n"
        "        child = [sys.executable, '-c', 'import sys; print(repr(sys.stdin.read()))']\n"
        "        sys.stderr.buffer.write(subprocess.run(child, stdout=subprocess.PIPE).stdout)\n"
        "anyio.run(main)\n"
    )
    lines = b"".join(json.dumps(request(number, "ping")).encode() + b"\n" for number in range(3))
    ended = subprocess.run([sys.executable, "-c", program], input=lines, capture_output=True, check=False)
    assert (ended.stdout, ended.stderr) == (b"", b"''\n")


def test_a_parsed_line_is_the_message_that_was_sent() -> None:
    message = parse(json.dumps(request(1, "ping", text="Zoë 🎄 \u2028")).encode())
    assert isinstance(message, Read)
    assert message.message.message.model_dump(exclude_unset=True) == request(1, "ping", text="Zoë 🎄 \u2028")
