"""The extension MCP Apps: offers the page `leads.html` to clients that show it beside the results of tools.

The page shows the structured content of a result, and calls the same tools. `leads.css` and `leads.js` are
put into it when it is read: a client loads nothing else, and no address outside.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from mcp.server import ServerRequestContext
from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID, Apps, ResourceCsp, client_supports_apps
from mcp.server.context import CallNext, HandlerResult
from mcp.server.extension import Extension
from mcp.server.mcpserver.resources import FunctionResource, Resource

URI = "ui://rotor/leads.html"
TOOL_META = {"ui": {"resourceUri": URI}, "ui/resourceUri": URI}
"""What binds a tool to the page: as the specification has it, and in the older form, which Claude reads."""

_FOLDER = Path(__file__).parent
_NOWHERE = ResourceCsp(connect_domains=[], resource_domains=[], frame_domains=[], base_uri_domains=[])
"""No address that the page may load anything from, or send anything to."""


_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'"
"""The same for the browser, also where a client does not pass on what the resource says."""


def page(*, read_only: bool) -> str:
    """Return the page as one document. On a server that only reads, it offers no change."""
    document = _read("leads.html")
    parts = {
        '<meta charset="utf-8">': '<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<link rel="stylesheet" href="leads.css">': f"<style>\n{_read('leads.css')}</style>",
        ' src="leads.js">': f">\n{_read('leads.js')}",
        '<html lang="en">': f'<html lang="en"{" data-read-only" if read_only else ""}>',
    }
    for reference, part in parts.items():
        document = document.replace(reference, part)
    return document


def _read(name: str) -> str:
    return (_FOLDER / name).read_text("utf-8")


def page_resource(*, read_only: bool) -> Resource:
    """Return the resource of the page."""
    return FunctionResource(
        uri=URI,
        name="leads",
        title="Leads to look at",
        description="Shows the results of the tools. Clients read it by themselves.",
        mime_type=APP_MIME_TYPE,
        meta={"ui": {"csp": _NOWHERE.model_dump(by_alias=True), "prefersBorder": True}},
        fn=partial(page, read_only=read_only),
    )


def with_apps(extensions: Sequence[Extension]) -> list[Extension]:
    """Return a server's extensions with MCP Apps among them. An instance that is there stays the only one."""
    present = any(extension.identifier == EXTENSION_ID for extension in extensions)
    return [*extensions, *([] if present else [Apps()])]


async def offer_page(
    context: ServerRequestContext[Any, Any], call_next: CallNext, tools: frozenset[str]
) -> HandlerResult:
    """Bind tools to the page in their list, or keep the page out of the list of resources.

    A client sees the page unless it is known not to show views. Over HTTP, clients of protocol 2025-11-25 say
    what they can do in another request than the one that lists tools.
    """
    result = await call_next(context)
    shows_views = context.session.client_capabilities is None or client_supports_apps(context)
    if isinstance(result, dict) and context.method == "tools/list" and shows_views:
        for tool in result["tools"]:
            if tool["name"] in tools:
                tool["_meta"] = {**tool.get("_meta", {}), **TOOL_META}
    elif isinstance(result, dict) and context.method == "resources/list" and not shows_views:
        result["resources"] = [one for one in result["resources"] if one["uri"] != URI]
    return result
