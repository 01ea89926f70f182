"""MCP Apps: the page that clients show beside results, and who is told of it."""

import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from inline_snapshot import snapshot
from mcp import Client, StdioServerParameters
from mcp.client.extension import ClientExtension, advertise
from mcp.client.streamable_http import streamable_http_client
from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID, Apps
from mcp.types import TextResourceContents

from rotor_mcp.config import Settings
from rotor_mcp.sandbox import FULL_KEY, Sandbox
from rotor_mcp.server.mcp_server import build_server
from rotor_mcp.view import mcp_app
from tests.conftest import NOW, content, text
from tests.hosting.serving import calling, hosted

pytestmark = pytest.mark.anyio

MODES = ["2026-07-28", "legacy"]
VIEW = {"ui": {"resourceUri": "ui://rotor/leads.html"}, "ui/resourceUri": "ui://rotor/leads.html"}
ALWAYS = {"anthropic/alwaysLoad": True}
BOUND = {
    "upsert_lead": ALWAYS | VIEW,
    "upsert_leads": VIEW,
    "search_leads": ALWAYS | VIEW,
    "get_lead": VIEW,
}
UNBOUND = {"upsert_lead": ALWAYS, "upsert_leads": None, "search_leads": ALWAYS, "get_lead": None}
BUDGET = 15 * 1_024


def apps(mime_type: str = APP_MIME_TYPE) -> list[ClientExtension]:
    """What a client declares that shows such pages."""
    return [advertise(EXTENSION_ID, {"mimeTypes": [mime_type]})]


@asynccontextmanager
async def connected(
    sandbox: Sandbox,
    mode: Any = "2026-07-28",
    extensions: list[ClientExtension] | None = None,
    options: dict[str, Any] | None = None,
    **settings: str,
) -> AsyncIterator[Client]:
    loaded = Settings.load({"api_key": FULL_KEY, "timezone": "America/Chicago"} | settings)
    server = build_server(loaded, transport=sandbox.transport, clock=lambda: NOW, **(options or {}))
    async with Client(server, mode=mode, extensions=extensions) as client:
        yield client


async def metas(client: Client) -> dict[str, Any]:
    return {tool.name: tool.meta for tool in (await client.list_tools()).tools}


async def addresses(client: Client) -> list[str]:
    return [resource.uri for resource in (await client.list_resources()).resources]


@pytest.mark.parametrize("mode", MODES)
async def test_tools_are_bound_to_the_page_for_clients_that_show_it(mode: str, sandbox: Sandbox) -> None:
    async with connected(sandbox, mode, apps()) as client:
        assert await metas(client) == BOUND
        assert await addresses(client) == ["rotor://pipeline", "ui://rotor/leads.html"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("extensions", [None, apps("text/html"), [advertise("com.example/other")]])
async def test_other_clients_are_told_nothing_of_it(
    mode: str, extensions: list[ClientExtension] | None, sandbox: Sandbox
) -> None:
    async with connected(sandbox, mode, extensions) as client:
        assert await metas(client) == UNBOUND
        assert await addresses(client) == ["rotor://pipeline"]


@pytest.mark.parametrize("mode", MODES)
async def test_it_can_be_left_out(mode: str, sandbox: Sandbox) -> None:
    async with connected(sandbox, mode, apps(), view="false") as client:
        assert await metas(client) == UNBOUND
        assert await addresses(client) == ["rotor://pipeline"]
        assert not client.server_capabilities.extensions


async def test_a_list_that_depends_on_the_client_is_not_kept_for_others(sandbox: Sandbox) -> None:
    async with connected(sandbox) as client:
        assert (await client.list_tools()).cache_scope == "private"
    async with connected(sandbox, view="false") as client:
        assert (await client.list_tools()).cache_scope == "public"


@pytest.mark.parametrize("mode", MODES)
async def test_the_page(mode: str, sandbox: Sandbox) -> None:
    async with connected(sandbox, mode, apps()) as client:
        (read,) = (await client.read_resource("ui://rotor/leads.html")).contents
    assert isinstance(read, TextResourceContents)
    assert read.mime_type == "text/html;profile=mcp-app"
    assert read.meta == snapshot(
        {
            "ui": {
                "csp": {
                    "connectDomains": [],
                    "resourceDomains": [],
                    "frameDomains": [],
                    "baseUriDomains": [],
                },
                "prefersBorder": True,
            }
        }
    )
    assert read.text == mcp_app.page(read_only=False)


def test_the_page_is_whole_and_loads_nothing() -> None:
    page = mcp_app.page(read_only=False)
    for name in ("leads.css", "leads.js"):
        assert (Path(mcp_app.__file__).parent / name).read_text("utf-8") in page
        assert name not in page
    assert re.findall(r"\b(?:src|href)=|https?:|@import|url\(", page) == []
    assert page.count("</script>") == page.count("</style>") == 1
    assert "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'" in page


def test_the_page_makes_no_markup_of_data() -> None:
    script = (Path(mcp_app.__file__).parent / "leads.js").read_text("utf-8")
    assert (
        re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|fetch\(", script) == []
    )


def test_the_files_are_small() -> None:
    folder = Path(mcp_app.__file__).parent
    sizes = {file.name: file.stat().st_size for file in folder.glob("leads.*")}
    assert sizes.keys() == {"leads.html", "leads.css", "leads.js"}
    assert sum(sizes.values()) <= BUDGET


def test_no_color_scheme_is_set() -> None:
    """With one, browsers put an opaque background behind the page."""
    style = (Path(mcp_app.__file__).parent / "leads.css").read_text("utf-8")
    assert "color-scheme" not in style


async def test_a_server_that_only_reads_says_so_to_the_page(sandbox: Sandbox) -> None:
    async with connected(sandbox, extensions=apps(), read_only="true") as client:
        assert (await metas(client)).keys() == {"search_leads", "get_lead"}
        (read,) = (await client.read_resource("ui://rotor/leads.html")).contents
    assert isinstance(read, TextResourceContents)
    assert '<html lang="en" data-read-only>' in read.text
    assert "data-read-only" not in mcp_app.page(read_only=False)


CALLS: list[tuple[str, dict[str, Any]]] = [
    ("search_leads", {"overdue": True, "limit": 3}),
    ("get_lead", {"id": "182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e"}),
    ("upsert_lead", {"name": "Bob Doe", "phone": "763-555-0100"}),
    ("upsert_leads", {"rows": [{"name": "Bob Doe", "phone": "763-555-0100"}, {}]}),
    ("get_lead", {"id": "Jane"}),
]


@pytest.mark.parametrize(("tool", "arguments"), CALLS)
async def test_results_are_the_same_with_and_without_it(
    tool: str, arguments: dict[str, Any], sandbox: Sandbox
) -> None:
    results = []
    for extensions, view in ((apps(), "true"), (None, "true"), (None, "false")):
        async with connected(sandbox, extensions=extensions, view=view, search_memory="0") as client:
            result = await client.call_tool(tool, arguments)
            results.append((text(result), result.structured_content, result.is_error))
    assert results[0] == results[1] == results[2]


async def test_it_joins_the_extension_of_a_program(sandbox: Sandbox) -> None:
    theirs = Apps()
    theirs.add_html_resource("ui://theirs/clock.html", "<p>clock</p>")

    @theirs.tool(resource_uri="ui://theirs/clock.html", name="clock", description="The time")
    def clock() -> str:
        return "noon"

    for _ in range(2):  # nothing was added to theirs
        async with connected(sandbox, extensions=apps(), options={"extensions": [theirs]}) as client:
            assert await metas(client) == BOUND | {"clock": {"ui": {"resourceUri": "ui://theirs/clock.html"}}}
            assert await addresses(client) == [
                "ui://theirs/clock.html",
                "rotor://pipeline",
                "ui://rotor/leads.html",
            ]
            assert text(await client.call_tool("clock", {})) == "noon"
    async with connected(
        sandbox, extensions=apps(), options={"extensions": [theirs]}, view="false"
    ) as client:
        assert (await metas(client))["get_lead"] is None


# Over standard input and output, and over HTTP


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("extensions", "flags", "bound"),
    [(apps(), [], True), (None, [], False), (apps(), ["--no-view"], False)],
    ids=["shows", "does-not", "left-out"],
)
async def test_over_standard_input_and_output(
    mode: Any, extensions: list[ClientExtension] | None, flags: list[str], bound: bool
) -> None:
    command = ["-m", "rotor_mcp", "serve", "--sandbox", *flags]
    server = StdioServerParameters(command=sys.executable, args=command)
    async with Client(server, mode=mode, extensions=extensions) as client:
        assert await metas(client) == (BOUND if bound else UNBOUND)


@asynccontextmanager
async def over_http(url: str, mode: Any, extensions: list[ClientExtension] | None) -> AsyncIterator[Client]:
    async with (
        httpx2.AsyncClient(timeout=30) as http,
        Client(
            streamable_http_client(f"{url}/mcp", http_client=http), mode=mode, extensions=extensions
        ) as client,
    ):
        yield client


async def test_over_http(sandbox: Sandbox) -> None:
    """Clients of the older protocol are all told, as nobody knows what they can do: there are no sessions."""
    seen = {}
    async with hosted(sandbox.transport) as url:
        for mode in MODES:
            for extensions in (apps(), None):
                async with over_http(url, mode, extensions) as client:
                    seen[mode, extensions is not None] = await metas(client)
                    (read,) = (await client.read_resource("ui://rotor/leads.html")).contents
                    assert read.mime_type == APP_MIME_TYPE
    assert seen == {
        ("2026-07-28", True): BOUND,
        ("2026-07-28", False): UNBOUND,
        ("legacy", True): BOUND,
        ("legacy", False): BOUND,
    }


async def test_over_http_without_it(sandbox: Sandbox) -> None:
    async with hosted(sandbox.transport, view="false") as url:
        for mode in MODES:
            async with calling(url, mode=mode) as client:
                assert await metas(client) == UNBOUND
                assert content(await client.call_tool("search_leads", {"limit": 0}))["count"] == 139
