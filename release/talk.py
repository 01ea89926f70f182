"""Talk to a server that a command starts: `python release/talk.py COMMAND ARGUMENT…`; fail if it is not ours.

What was installed, unpacked or built somewhere is tried as a client would start it: by its command, with an
empty PATH, in a folder of its own. Instead of a command it takes the folder of an unpacked bundle.
"""

import json
import os
import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path

import anyio
from mcp import Client, StdioServerParameters

TOOLS = ["upsert_lead", "upsert_leads", "search_leads", "get_lead"]


def command(words: list[str]) -> list[str]:
    """The command to start: as it was given, or as the manifest of an unpacked bundle has it."""
    first = Path(words[0]).absolute()
    if not first.is_dir():
        return [str(first), *words[1:]]
    started = json.loads((first / "manifest.json").read_text("utf-8"))["server"]["mcp_config"]
    program = shutil.which(started["command"]) or started["command"]
    return [
        program,
        *(argument.replace("${__dirname}", str(first)) for argument in started["args"]),
        *words[1:],
    ]


async def talk(program: str, *arguments: str) -> None:
    """List the tools and call one.

    Raises:
        AssertionError: if the answers are not ours.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("ROTOR_", "UV_", "SSL_", "HOME"))
    }
    with tempfile.TemporaryDirectory() as place:
        server = StdioServerParameters(
            command=program, args=list(arguments), env=kept | {"PATH": ""}, cwd=place
        )
        with anyio.fail_after(120):
            async with Client(server) as client:
                tools = [tool.name for tool in (await client.list_tools()).tools]
                found = await client.call_tool("search_leads", {"search": "Jane Doe"})
    if tools != TOOLS or found.is_error or (found.structured_content or {}).get("count") != 1:
        raise AssertionError(f"{tools}, {found}")
    sys.stdout.write(f"{program} {' '.join(arguments)}: {len(tools)} tools, and it finds Jane Doe\n")


if __name__ == "__main__":
    anyio.run(partial(talk, *command(sys.argv[1:])))
