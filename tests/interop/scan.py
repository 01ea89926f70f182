"""A security scanner reads all that this server says to a model: `python tests/interop/scan.py COMMAND ARGUMENT…`.

It looks for words that steer a model, and for schemas that fetch others. Its own command ends with 0 whatever
it finds, and sees neither the instructions nor a prompt that needs an argument. Here everything counts.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

from mcp import Client, StdioServerParameters
from mcpscanner import AnalyzerEnum, Config, Scanner, YaraAnalyzer
from mcpscanner.core.mcp_models import StdioServer


async def said(client: Client) -> AsyncIterator[tuple[str, Any]]:
    """What the server says beside its tools."""
    yield "instructions", client.instructions
    for prompt in (await client.list_prompts()).prompts:
        filled_in = {argument.name: "Jane Doe" for argument in prompt.arguments or []}
        messages = await client.get_prompt(prompt.name, filled_in)
        yield prompt.name, [prompt.model_dump(), messages.model_dump()]
    for resource in (await client.list_resources()).resources:
        contents = await client.read_resource(resource.uri)
        yield resource.name, [resource.model_dump(), contents.model_dump()]
    for template in (await client.list_resource_templates()).resource_templates:
        yield template.name, template.model_dump()


def words(value: Any) -> Iterator[str]:
    """Every text in a value, as a model reads it: JSON would hide where a line begins."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from words(part)


async def main(command: str, *arguments: str) -> None:
    """Scan the server that a command starts; fail if something is found."""
    server = StdioServer(command=command, args=list(arguments))
    analyzers = [AnalyzerEnum.YARA, AnalyzerEnum.SCHEMA]
    findings = {}
    for tool in await Scanner(Config()).scan_stdio_server_tools(server, analyzers):
        if tool.status != "completed":
            sys.exit(f"{tool.tool_name}: the scan ended as {tool.status}")
        findings[tool.tool_name] = tool.findings
    async with Client(StdioServerParameters(command=command, args=list(arguments))) as client:
        async for name, value in said(client):
            findings[name] = await YaraAnalyzer().analyze("\n".join(words(value)))
    for name, found in findings.items():
        summaries = sorted({finding.summary for finding in found})
        sys.stdout.write(f"{name}: {'; '.join(summaries) or 'nothing found'}\n")
    if any(findings.values()):
        sys.exit("the scanner found something")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
