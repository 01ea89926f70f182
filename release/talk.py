"""Talk to a server as its client would start it; fail if it is not ours.

    python -m release.talk PROGRAM [ARGUMENT...]
    python -m release.talk CLIENT FOLDER [ARCHIVE]

CLIENT is `bundle` or the client of a plugin, FOLDER has its manifest, and the person wants sample leads.
ARCHIVE takes the place of the sources' address, where a manifest names it. The server is started with the
shortest PATH that a desktop gives to programs, and in an empty folder unless the manifest names one.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import anyio
from mcp import Client, StdioServerParameters

from release import entries
from release.entries import Entry
from release.metadata import ARCHIVE

TOOLS = ["upsert_lead", "upsert_leads", "search_leads", "get_lead"]


def entry(words: list[str]) -> Entry:
    """Return what the words of the command line name."""
    read = {"bundle": entries.bundle, **entries.PLUGINS}.get(words[0])
    if read is None:
        return Entry((str(Path(words[0]).absolute()), *words[1:]), {})
    found = read(Path(words[1]).absolute(), {"sandbox": "true"})
    archive = Path(words[2]).absolute().as_uri() if len(words) > 2 else ARCHIVE
    program, *arguments = (archive if word == ARCHIVE else word for word in found.command)
    return Entry((shutil.which(program) or program, *arguments), found.environment, found.folder)


async def talk(started: Entry) -> None:
    """List the tools and call one.

    Raises:
        AssertionError: if the answers are not ours.
    """
    program, *arguments = started.command
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("ROTOR_", "UV_", "SSL_", "HOME"))
    }
    with tempfile.TemporaryDirectory() as place:
        server = StdioServerParameters(
            command=program,
            args=arguments,
            env={**kept, **started.environment, "PATH": os.defpath},
            cwd=started.folder or place,
        )
        with anyio.fail_after(120):
            async with Client(server) as client:
                tools = [tool.name for tool in (await client.list_tools()).tools]
                found = await client.call_tool("search_leads", {"search": "Jane Doe"})
    if tools != TOOLS or found.is_error or (found.structured_content or {}).get("count") != 1:
        raise AssertionError(f"{tools}, {found}")
    sys.stdout.write(f"{' '.join(started.command)}: {len(tools)} tools, and it finds Jane Doe\n")


if __name__ == "__main__":
    anyio.run(talk, entry(sys.argv[1:]))
