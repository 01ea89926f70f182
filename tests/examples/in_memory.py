import anyio
from mcp import Client

from rotor_mcp import Settings, build_server
from rotor_mcp.sandbox import FULL_KEY, Sandbox


async def main() -> None:
    sandbox = Sandbox()
    settings = Settings.load({"api_key": FULL_KEY, "timezone": "America/Chicago"})
    server = build_server(settings, transport=sandbox.transport)
    async with Client(server) as client:
        print([tool.name for tool in (await client.list_tools()).tools])
        jane = await client.call_tool("search_leads", {"search": "jane doe", "fields": ["name", "phone"]})
        print((jane.structured_content or {})["leads"])
    sandbox.close()


anyio.run(main)
