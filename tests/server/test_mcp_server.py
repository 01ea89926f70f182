"""The server as clients meet it: what it lists, and how it behaves as a process."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jsonschema
import pytest
from inline_snapshot import external_file, snapshot
from mcp import Client, StdioServerParameters
from mcp.types import CLIENT_CAPABILITIES_META_KEY, CLIENT_INFO_META_KEY, PROTOCOL_VERSION_META_KEY

from rotor_mcp.tools.registry import TOOL_NAMES, find_tool
from rotor_mcp.tools.schemas import definition
from tests.commands import spoken_to
from tests.conftest import text

pytestmark = pytest.mark.anyio

SERVE = [sys.executable, "-m", "rotor_mcp", "serve", "--sandbox", "--timezone", "America/Chicago"]
JANE = "182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e"


async def test_the_definitions_of_the_tools(client: Client) -> None:
    """A changed word in what a model reads is a difference that somebody reviews."""
    derived = json.loads(json.dumps([definition(tool) for tool in map(find_tool, TOOL_NAMES)]))
    assert derived == external_file("../../rotor_mcp/tools/definitions.json")
    listed = (await client.list_tools()).tools
    assert [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in listed] == derived


async def test_the_two_tools_that_claude_code_always_shows(client: Client) -> None:
    tools = (await client.list_tools()).tools
    assert {tool.name: tool.meta for tool in tools} == {
        "upsert_lead": {"anthropic/alwaysLoad": True},
        "upsert_leads": None,
        "search_leads": {"anthropic/alwaysLoad": True},
        "get_lead": None,
    }


TAKEN_BY_GEMINI = {
    "type", "format", "title", "description", "nullable", "enum", "maxItems", "minItems", "properties", "required",
    "minProperties", "maxProperties", "minLength", "maxLength", "pattern", "example", "anyOf", "propertyOrdering",
    "default", "items", "minimum", "maximum",
}  # fmt: skip
"""The fields of `Schema` in Gemini's API (ai.google.dev/api/caching#Schema). Other words are errors there."""
REFUSED_BY_OTHERS = {"format", "pattern", "minLength", "maxLength", "minItems", "maxItems", "anyOf", "title"}
"""Words that other consumers refuse or read otherwise: llama.cpp, Gemini's API itself for most formats."""


def each_schema(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    for part in [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]:
        yield from each_schema(part)


async def test_every_consumer_reads_the_input_schemas(client: Client) -> None:
    for tool in (await client.list_tools()).tools:
        for schema in each_schema(tool.input_schema):
            assert schema.keys() <= TAKEN_BY_GEMINI - REFUSED_BY_OTHERS
            assert isinstance(schema["type"], str)
            assert ("properties" in schema) == (schema["type"] == "object")
            assert ("items" in schema) == (schema["type"] == "array")
            assert schema.get("enum") != []


async def test_schemas_are_flat_and_free_of_null(client: Client) -> None:
    for tool in (await client.list_tools()).tools:
        assert tool.output_schema is not None
        for schema in (tool.input_schema, tool.output_schema):
            jsonschema.Draft202012Validator.check_schema(schema)
            written = json.dumps(schema)
            for word in ("anyOf", "$ref", "$defs", "null", '"title"'):
                assert word not in written
        for name, argument in tool.input_schema["properties"].items():
            assert argument.get("description"), name


async def test_a_row_takes_what_upsert_lead_takes(client: Client) -> None:
    tools = {tool.name: tool.input_schema["properties"] for tool in (await client.list_tools()).tools}
    row = tools["upsert_leads"]["rows"]["items"]["properties"]
    assert row.keys() == tools["upsert_lead"].keys() - {"dry_run"}
    assert {name: part["type"] for name, part in row.items()}.items() <= {
        name: part["type"] for name, part in tools["upsert_lead"].items()
    }.items()


async def test_results_keep_to_the_output_schema(client: Client) -> None:
    schemas = {tool.name: tool.output_schema for tool in (await client.list_tools()).tools}
    for tool, arguments in (
        ("upsert_lead", {"name": "Dana", "tags": ["a"]}),
        ("search_leads", {"archived": "include", "limit": 100}),
        ("get_lead", {"id": JANE}),
    ):
        result = await client.call_tool(tool, arguments)
        schema = schemas[tool]
        assert schema is not None
        jsonschema.validate(result.structured_content, schema)
        assert "null" not in json.dumps(result.structured_content)


async def test_what_the_server_says_of_itself() -> None:
    async with Client(StdioServerParameters(command=SERVE[0], args=SERVE[1:])) as client:
        assert client.server_info is not None
        assert (client.server_info.name, client.server_info.title) == ("rotor", "Rotor leads")
        assert client.instructions == snapshot(
            "Leads in Rotor, the CRM of field-service businesses. A lead is a person who may become a customer. No search is needed before an upsert by phone or e-mail: it looks first. A write can make Rotor text or e-mail the person. Nothing here deletes, archives or assigns a lead, removes a tag or clears a field. Stages, sources and tags are the company's own words: use those that results show. Each request counts against 1,000 a day. The leads here are invented samples (sandbox): nothing reaches the real Rotor."
        )


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_over_standard_input_and_output(mode: Any) -> None:
    async with Client(StdioServerParameters(command=SERVE[0], args=SERVE[1:]), mode=mode) as client:
        assert [t.name for t in (await client.list_tools()).tools] == [
            "upsert_lead",
            "upsert_leads",
            "search_leads",
            "get_lead",
        ]
        created = await client.call_tool("upsert_lead", {"name": "Zoë 🎄 Núñez", "phone": "555-0142"})
        assert created.structured_content is not None
        zoe = created.structured_content["id"]
        found = await client.call_tool("search_leads", {"search": "zoë 🎄"})
        read = await client.call_tool("get_lead", {"id": zoe})
        refused = await client.call_tool("get_lead", {"id": "Zoë"})
    assert text(created).startswith("Created Zoë 🎄 Núñez. 2 requests spent.")
    assert text(found).splitlines()[1:3] == ["name: Zoë 🎄 Núñez", f"id: {zoe}"]
    assert text(read).splitlines()[1] == f"id: {zoe}"
    assert (refused.is_error, text(refused).splitlines()[0]) == (True, "Nothing was sent.")


@contextmanager
def process(*flags: str) -> Iterator[subprocess.Popen[bytes]]:
    """The server as a subprocess that has answered its first message."""
    with subprocess.Popen(
        [*SERVE, *flags], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as server:
        try:
            assert server.stdin is not None
            assert server.stdout is not None
            server.stdin.write(json.dumps(INITIALIZE).encode() + b"\n")
            server.stdin.flush()
            assert json.loads(server.stdout.readline())["id"] == 1
            yield server
        finally:
            server.kill()


INITIALIZE: dict[str, Any] = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}


def test_it_ends_cleanly_when_its_input_ends() -> None:
    with process() as server:
        out, err = server.communicate(timeout=10)
        assert (server.returncode, out, err) == (0, b"", b"")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly_on_a_signal(number: signal.Signals) -> None:
    with process() as server:
        server.send_signal(number)
        assert server.wait(timeout=10) == 0
        assert server.stdout is not None
        assert server.stderr is not None
        assert (server.stdout.read(), server.stderr.read()) == (b"", b"")


def test_nothing_but_protocol_on_standard_output() -> None:
    with process("--log-level", "debug", "--log-format", "json") as server:
        calls = [
            {"jsonrpc": "2.0", "method": "notifications/initialized"},
            {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
            {
                "jsonrpc": "2.0",
                "id": 3,
                "method": "tools/call",
                "params": {"name": "search_leads", "arguments": {"search": "doe"}},
            },
        ]
        assert server.stdin is not None
        assert server.stdout is not None
        assert server.stderr is not None
        for call in calls:
            server.stdin.write(json.dumps(call).encode() + b"\n")
        server.stdin.flush()
        answers = [json.loads(server.stdout.readline()) for _ in range(2)]
        server.stdin.close()
        server.wait(timeout=10)
        assert sorted(answer["id"] for answer in answers) == [2, 3]
        assert server.stdout.read() == b""
        lines = [json.loads(line) for line in server.stderr.read().splitlines()]
        assert [
            (line["tool"], line["outcome"], line["request_id"])
            for line in lines
            if line["event"] == "call_finished"
        ] == [("search_leads", "done", 3)]


def test_a_start_loads_nothing_of_what_stands_behind_the_tools() -> None:
    """A client waits for it. What is listed here is loaded at each start."""
    program = """
import sys, anyio
from rotor_mcp.__main__ import main
import rotor_mcp.cli.serve
from rotor_mcp.cli.serve_stdio import build_server
from rotor_mcp.config import Settings
anyio.run(build_server(Settings.load({"api_key": "rotor_a_b"})).list_tools)
print(*sorted(name for name in sys.modules if name.startswith(("rotor_mcp", "phonenumbers", "tzlocal"))))
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, timeout=60)
    loaded = ended.stdout.decode().split()
    used = [
        "rotor_mcp",
        "rotor_mcp.__main__",
        "rotor_mcp.behavior",
        "rotor_mcp.cli",
        "rotor_mcp.cli.main",
        "rotor_mcp.cli.options",
        "rotor_mcp.cli.serve",
        "rotor_mcp.cli.serve_stdio",
        "rotor_mcp.config",
        "rotor_mcp.config_file",
        "rotor_mcp.gc_tuning",
        "rotor_mcp.hosting",
        "rotor_mcp.hosting.settings",
        "rotor_mcp.server",
        "rotor_mcp.server.backend",
        "rotor_mcp.server.mcp_server",
        "rotor_mcp.server.prompts",
        "rotor_mcp.server.resources",
        "rotor_mcp.view",
        "rotor_mcp.view.mcp_app",
    ]
    imported = [
        "rotor_mcp.extras",
        "rotor_mcp.hosting.addresses",
        "rotor_mcp.log_events",
        "rotor_mcp.log_setup",
        "rotor_mcp.private_file",
        "rotor_mcp.sanitize",
        "rotor_mcp.server.deferred_models",
        "rotor_mcp.server.jsonrpc",
        "rotor_mcp.server.stdio",
        "rotor_mcp.server.stdio_files",
        "rotor_mcp.shell_quoting",
    ]
    # On Python 3.15, a module is loaded when it is first used.
    assert loaded == (used if sys.version_info >= (3, 15) else sorted([*used, *imported]))


def test_a_start_builds_few_models() -> None:
    """Building takes most of the time that a model costs. A first use builds the others."""
    program = """
import sys
from rotor_mcp.__main__ import main
main(["serve"], standalone_mode=False)
from pydantic import BaseModel
def models(below):
    for model in below.__subclasses__():
        yield model
        yield from models(model)
found = [model for model in models(BaseModel) if model.__module__.startswith("mcp")]
print(len(found), sum(model.__pydantic_complete__ for model in found), file=sys.stderr)
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], input=b"", capture_output=True, check=True, timeout=60
    )
    found, built = map(int, ended.stderr.split()[-2:])
    assert found > 400
    assert built < 50


def test_a_start_collects_no_garbage() -> None:
    """There is none, and to look for it among what was imported takes 30 ms."""
    program = """
import gc, sys
from rotor_mcp.__main__ import main
collected = []
gc.callbacks.append(lambda phase, about: phase == "stop" and collected.append(about["generation"]))
main(["serve"], standalone_mode=False)
print(collected, file=sys.stderr)
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], input=b"", capture_output=True, check=True, timeout=60
    )
    assert ended.stderr.splitlines()[-1:] == [b"[]"]


def test_what_a_call_needs_is_loaded_once_the_tools_are_listed() -> None:
    """It goes on while the client asks for other things, and nobody has called a tool."""
    program = """
import sys, threading
from rotor_mcp.__main__ import main
def watch():
    import time
    while "rotor_mcp.server.dispatch" not in sys.modules:
        time.sleep(0.01)
    from rotor_mcp.tools.registry import TOOL_NAMES, find_tool
    tools = map(find_tool, TOOL_NAMES)
    models = [model for tool in tools for model in (tool.arguments, tool.result)]
    while not all(model.__pydantic_complete__ for model in models):
        time.sleep(0.01)
    print("prepared", file=sys.stderr, flush=True)
threading.Thread(target=watch, daemon=True).start()
main(["serve", "--sandbox"])
"""
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        for message in (INITIALIZE, {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}):
            process.stdin.write(json.dumps(message) + "\n")
            process.stdin.flush()
            process.stdout.readline()
        assert process.stderr.readline() == "prepared\n"
        process.stdin.close()
        assert process.wait(timeout=60) == 0


def test_what_cannot_be_prepared_is_said_by_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROTOR_API_KEY", "rotor_a_s3cr3t99")
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
    messages = [INITIALIZE, {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}]
    with spoken_to(["serve"]) as server:
        for message in messages:
            server.stdin.write(json.dumps(message).encode() + b"\n")
            server.stdin.flush()
            server.stdout.readline()
        warning = server.stderr.readline().decode()
        assert warning.endswith("calls are not prepared, the first will take longer (Misconfigured)\n")
        call = {"name": "get_lead", "arguments": {"id": JANE}}
        request = {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": call}
        server.stdin.write(json.dumps(request).encode() + b"\n")
        server.stdin.flush()
        result = json.loads(server.stdout.readline())["result"]
    assert result["content"][0]["text"] == snapshot(
        "Nothing was sent: SSL_CERT_FILE names a file that cannot be read: No such file or directory. Let SSL_CERT_FILE name a file of trusted certificates in PEM form, or unset it. No requests spent."
    )


def test_it_starts_without_a_key_and_says_so_once() -> None:
    command = [sys.executable, "-m", "rotor_mcp", "serve"]
    started = time.monotonic()
    ended = subprocess.run(command, input=b"", capture_output=True, env={"PATH": ""}, timeout=20, check=False)
    assert time.monotonic() - started < 15
    assert (ended.returncode, ended.stdout) == (0, b"")
    assert ended.stderr.count(b"ROTOR_API_KEY is not set") == 1


def called(era: str, *calls: tuple[str, Any]) -> list[dict[str, Any]]:
    """What calls over standard input come to, one after the other, with arguments that no client's library lets through."""
    meta = {
        PROTOCOL_VERSION_META_KEY: era,
        CLIENT_INFO_META_KEY: INITIALIZE["params"]["clientInfo"],
        CLIENT_CAPABILITIES_META_KEY: {},
    }
    begin = [INITIALIZE, {"jsonrpc": "2.0", "method": "notifications/initialized"}]
    results: list[dict[str, Any]] = []
    with spoken_to(SERVE[3:]) as server:
        answers = (json.loads(line) for line in server.stdout)
        for number, (name, arguments) in enumerate(calls, 2):
            params = {"name": name, "arguments": arguments}
            call = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
            messages = [call]
            if era >= "2026-07-28":
                params["_meta"] = meta
            elif number == 2:
                messages = [*begin, call]
            server.stdin.write("".join(f"{json.dumps(message)}\n" for message in messages).encode())
            server.stdin.flush()
            results.append(next(answer for answer in answers if answer["id"] == number)["result"])
    return results


@pytest.mark.parametrize("era", ["2025-11-25", "2026-07-28"])
def test_arguments_that_came_as_json_text_are_read(era: str) -> None:
    results = called(
        era,
        ("get_lead", {"id": JANE}),
        ("get_lead", '{"id": "' + JANE + '"}'),
        ("get_lead", {"arguments": {"id": JANE}}),
        ("get_lead", {"arguments": '{"id": "' + JANE + '"}'}),
        ("search_leads", {"search": "jane doe"}),
        ("search_leads", '{"search": "jane doe"}'),
        ("search_leads", {}),
        ("search_leads", ""),
        ("search_leads", []),
    )
    # Of the others, some cost no requests: their leads are the same.
    got, *read = [result["structuredContent"]["lead"] for result in results[:4]]
    found, by_text, everybody, *by_nothing = [result["structuredContent"]["leads"] for result in results[4:]]
    assert (got["name"], read) == ("Jane Doe", [got] * 3)
    assert ([lead["name"] for lead in found], by_text) == (["Jane Doe"], found)
    assert (len(everybody) > 1, by_nothing) == (True, [everybody] * 2)


NO_OBJECTS = ["Jane Doe", "[1]", ["Jane"], 7, True, '"x"', "{" * 10_000]


@pytest.mark.parametrize("era", ["2025-11-25", "2026-07-28"])
def test_arguments_that_are_no_object_are_refused_in_words(era: str) -> None:
    results = called(era, *(("search_leads", arguments) for arguments in NO_OBJECTS))
    assert [(result["isError"], result["content"][0]["text"]) for result in results] == [
        (
            True,
            'Nothing was sent.\narguments: must be a JSON object, such as {"search": …}, not text or a list',
        )
    ] * len(NO_OBJECTS)
