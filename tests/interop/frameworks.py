"""Other people's clients talk to this server: `python tests/interop/frameworks.py CLIENTS COMMAND ARGUMENT…`.

Each starts the server by its command, lists the tools, makes what it makes of their schemas, calls every tool,
gets the structured result, and sees an error as an error. They live in an environment of their own, which
`.ci/clients` makes: none of them is a dependency of ours.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

TOOLS = {"upsert_lead", "upsert_leads", "search_leads", "get_lead"}
JANE = "182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e"
DANA = {"name": "Dana Whitfield", "phone": "555-0142", "tags": ["Website"]}

Call = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]
"""Calls a tool and returns its structured result."""
Refused = Callable[[str, dict[str, Any]], Awaitable[str]]
"""Calls a tool that must fail, and returns what the model is told."""


async def converse(client: str, tools: set[str], call: Call, refused: Refused) -> None:
    """Hold the same conversation with every client."""
    assert tools == TOOLS, tools
    created = await call("upsert_lead", DANA)
    assert created["outcome"] == "created", created
    many = await call(
        "upsert_leads", {"rows": [{"phone": "5550142", "stage": "Won"}, {"name": "Sam", "email": "sam"}]}
    )
    assert many["counts"] == {"updated": 1, "invalid": 1}, many
    found = await call("search_leads", {"search": "doe", "limit": 5})
    assert [lead["id"] for lead in found["leads"]] == [JANE], found
    read = await call("get_lead", {"id": JANE})
    assert read["lead"]["name"] == "Jane Doe", read
    told = await refused("get_lead", {"id": "182bd5e5-6e1a-4fe4-a799-000000000000"})
    assert "Rotor has no lead with this id" in told, told
    sys.stdout.write(f"{client}: all well\n")


async def said_by(error: type[Exception], calling: Awaitable[Any]) -> str:
    """What a client raises for a call that must fail."""
    try:
        await calling
    except error as exc:
        return str(exc)
    raise AssertionError("no error")


async def fastmcp(command: str, arguments: list[str]) -> None:
    """FastMCP's own client."""
    from fastmcp import Client
    from fastmcp.client.transports import StdioTransport
    from fastmcp.exceptions import ToolError

    async with Client(StdioTransport(command, arguments)) as client:

        async def call(name: str, given: dict[str, Any]) -> dict[str, Any]:
            return dict((await client.call_tool(name, given)).structured_content or {})

        async def refused(name: str, given: dict[str, Any]) -> str:
            return await said_by(ToolError, client.call_tool(name, given))

        await converse("FastMCP", {tool.name for tool in await client.list_tools()}, call, refused)


async def pydantic_ai(command: str, arguments: list[str]) -> None:
    """Pydantic AI's toolset, as its agents use it."""
    from fastmcp.client.transports import StdioTransport
    from pydantic_ai.exceptions import ModelRetry
    from pydantic_ai.mcp import MCPToolset

    toolset: Any = MCPToolset(StdioTransport(command, arguments))
    async with toolset:

        async def call(name: str, given: dict[str, Any]) -> dict[str, Any]:
            return dict(await toolset.direct_call_tool(name, given))

        async def refused(name: str, given: dict[str, Any]) -> str:
            return await said_by(ModelRetry, toolset.direct_call_tool(name, given))

        await converse("Pydantic AI", {tool.name for tool in await toolset.list_tools()}, call, refused)


async def langchain(command: str, arguments: list[str]) -> None:
    """LangChain's adapter."""
    from langchain_core.tools import ToolException
    from langchain_mcp_adapters.client import MultiServerMCPClient
    from langchain_mcp_adapters.tools import load_mcp_tools

    client = MultiServerMCPClient({"rotor": {"transport": "stdio", "command": command, "args": arguments}})
    async with client.session("rotor") as session:
        tools = {tool.name: tool for tool in await load_mcp_tools(session)}

        async def invoke(name: str, given: dict[str, Any]) -> Any:
            return await tools[name].ainvoke({"type": "tool_call", "id": "1", "name": name, "args": given})

        async def call(name: str, given: dict[str, Any]) -> dict[str, Any]:
            return dict((await invoke(name, given)).artifact["structured_content"])

        async def refused(name: str, given: dict[str, Any]) -> str:
            try:
                message = await invoke(name, given)
            except ToolException as exc:
                return str(exc)
            assert message.status == "error", message
            return str(message.content)

        await converse("LangChain", set(tools), call, refused)


async def openai_agents(command: str, arguments: list[str]) -> None:
    """OpenAI's Agents SDK, with its strict schemas as well."""
    from agents import Agent, RunContextWrapper
    from agents.mcp import MCPServerStdio, MCPUtil

    parameters = {"command": command, "args": arguments}
    async with MCPServerStdio(parameters, use_structured_content=True) as server:
        context, agent = RunContextWrapper(None), Agent(name="assistant")
        for strict in (False, True):
            functions = await MCPUtil.get_function_tools(server, strict, context, agent)
        listed = {tool.name for tool in functions}

        async def call(name: str, given: dict[str, Any]) -> dict[str, Any]:
            result = await server.call_tool(name, given)
            return dict(result.structuredContent or {})

        async def refused(name: str, given: dict[str, Any]) -> str:
            result = await server.call_tool(name, given)
            assert result.isError, result
            return str(result.content[0].text)

        await converse("OpenAI Agents", listed, call, refused)


CLIENTS = {client.__name__: client for client in (fastmcp, pydantic_ai, langchain, openai_agents)}


async def main() -> None:
    """Let each have its turn, with a sandbox of its own."""
    names, command, *arguments = sys.argv[1:]
    for name in names.split(","):
        await asyncio.wait_for(CLIENTS[name](command, arguments), 120)


if __name__ == "__main__":
    asyncio.run(main())
