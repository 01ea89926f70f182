"""The API key appears nowhere but in the header that carries it; nor do people's data in the log."""

import json
import logging
from collections.abc import Iterator

import anyio
import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcp import Client

from rotor_mcp.config import Settings
from rotor_mcp.server.mcp_server import build_server
from tests.logs import logged

LEAD_ID = "182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e"

characters = st.characters(min_codepoint=33, max_codepoint=126)
# The end keeps a key from being a word that schemas and sentences are made of.
keys = st.text(characters, min_size=8, max_size=40).map("{}9Zx".format)
rotor_keys = st.builds("rotor_{}_{}".format, st.text("abc123", min_size=1), st.text("xyz789", min_size=8))


def echoing(key: str, status: int, *, as_exception: bool) -> httpx2.MockTransport:
    """A Rotor that puts the key it was sent everywhere it can."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        assert request.headers["x-api-key"] == key
        if as_exception:
            raise httpx2.ReadError(f"failed with {key}")
        lead = {"id": key, "name": key, "notes": f"{key}\n{key}", "tags": [key], "lead_source": key}
        listing = [lead] if request.url.path.endswith("/leads") and request.method == "GET" else lead
        faults = [{"field": key, "message": f"no {key}"}]
        body = {"data": listing, "message": f"scope '{key}' {key}", "errors": faults}
        return httpx2.Response(status, json=body, headers={"content-type": "application/json", "x-echo": "k"})

    return httpx2.MockTransport(answer)


@settings(max_examples=60)
@given(
    keys | rotor_keys,
    st.sampled_from([200, 201, 301, 400, 401, 403, 404, 418, 429, 500]),
    st.booleans(),
    st.sampled_from(["text", "json"]),
)
def test_no_output_no_error_and_no_log_line_holds_the_key(
    key: str, status: int, as_exception: bool, log_format: str
) -> None:
    # With one second to go nothing is tried again, which keeps this quick.
    configuration = Settings.load(
        {"api_key": key, "timeout": "1", "log_level": "debug", "log_format": log_format}
    )
    server = build_server(configuration, transport=lambda: echoing(key, status, as_exception=as_exception))
    outputs = []

    async def converse() -> None:
        async with Client(server) as client:
            outputs.append((await client.list_tools()).model_dump_json())
            for tool, arguments in (
                ("upsert_lead", {"name": key, key: key, "email": key}),
                ("upsert_lead", {"name": key, "phone": key}),
                ("search_leads", {"search": key, "tags": [key.replace(",", "")]}),
                ("get_lead", {"id": LEAD_ID}),
                ("get_lead", {"id": key}),
            ):
                outputs.append((await client.call_tool(tool, arguments)).model_dump_json(by_alias=True))

    with logged(configuration, libraries=True) as stderr:
        anyio.run(converse)
        outputs.append(stderr.getvalue())
    for output in outputs[:-1]:
        for text in strings(json.loads(output)):
            assert key not in text
    assert key not in outputs[-1]
    assert f"{configuration!r}{configuration}".count(key) == 0


def strings(value: object) -> Iterator[str]:
    """Every string in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_the_log_holds_nobodys_data(log_format: str) -> None:
    configuration = Settings.load({"api_key": "rotor_a_b", "log_level": "debug", "log_format": log_format})
    person = {"id": LEAD_ID, "name": "Jane Doe", "phone": "(763) 555-0100", "notes": "gate code 4711"}

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.method == "POST":
            return httpx2.Response(400, json={"errors": [{"field": "phone", "message": "Jane Doe has it"}]})
        return httpx2.Response(200, json={"data": [person], "pagination": {"has_more": False}})

    async def converse() -> None:
        async with Client(
            build_server(configuration, transport=lambda: httpx2.MockTransport(answer))
        ) as client:
            await client.call_tool("search_leads", {"search": "555-0100"})
            await client.call_tool("upsert_lead", {"name": "Jane Doe", "phone": "(763) 555-0100"})
            await client.call_tool("upsert_lead", {"name": "Jane Doe", "email": "jane"})

    with logged(configuration) as stderr:
        anyio.run(converse)
    written = stderr.getvalue()
    assert "search_leads: done, 1 requests" in written
    for private in ("Jane", "555-0100", "4711", "jane"):
        assert private not in written


def test_a_json_log_line_is_one_json_object() -> None:
    configuration = Settings.load({"api_key": "rotor_key_12345678", "log_format": "json"})
    with logged(configuration) as stderr:
        try:
            raise ValueError('rotor_key_12345678 "quoted"\n')  # noqa: TRY301
        except ValueError:
            logging.getLogger("rotor_mcp.test").exception("it broke: %s", "rotor_key_12345678")
    line = json.loads(stderr.getvalue())
    assert set(line) == {"time", "level", "event", "logger", "message", "traceback"}
    assert (line["level"], line["event"], line["logger"], line["message"]) == (
        "error",
        "library",
        "rotor_mcp.test",
        "it broke: «API key»",
    )
    assert "12345678" not in stderr.getvalue()
