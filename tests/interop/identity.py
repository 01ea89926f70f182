"""A client gets its token from a real identity provider: `python tests/interop/identity.py ISSUER SERVER`.

The whole flow by the SDK's own client: the server refuses, says where its issuer is, the issuer describes itself
and gives a token for this server, and the token opens what its scopes say. `issuer.mjs` is the issuer.
"""

import sys
from typing import Any

import anyio
import httpx2
from mcp import Client
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.types import TextContent


class Memory:
    """Keeps tokens for as long as a client lives."""

    def __init__(self) -> None:
        self.tokens: Any = None
        self.client: Any = None

    async def get_tokens(self) -> Any:
        return self.tokens

    async def set_tokens(self, tokens: Any) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> Any:
        return self.client

    async def set_client_info(self, client_info: Any) -> None:
        self.client = client_info


async def talk(http: httpx2.AsyncClient, server: str) -> tuple[list[str], str]:
    """List the tools and write."""
    async with Client(streamable_http_client(server, http_client=http)) as client:
        tools = [tool.name for tool in (await client.list_tools()).tools]
        result = await client.call_tool("upsert_lead", {"name": "Dana Whitfield", "phone": "612-555-0142"})
    return tools, "".join(part.text for part in result.content if isinstance(part, TextContent))


async def token(client: str, scope: str, resource: str, issuer: str) -> dict[str, str]:
    """Get a token without the server's help, and return the header that shows it."""
    form = {
        "grant_type": "client_credentials",
        "client_id": client,
        "client_secret": f"{client}-secret-{client}-secret",
        "scope": scope,
        "resource": resource,
    }
    async with httpx2.AsyncClient() as http:
        answer = await http.post(f"{issuer}/token", data=form)
    return {"authorization": f"Bearer {answer.raise_for_status().json()['access_token']}"}


async def main(issuer: str, server: str) -> None:
    """Be several clients, one after the other."""
    auth = ClientCredentialsOAuthProvider(
        server, Memory(), "agent", "agent-secret-agent-secret", "client_secret_post", issuer=issuer
    )
    async with httpx2.AsyncClient(auth=auth, timeout=20) as http:
        tools, told = await talk(http, server)
    assert tools == ["upsert_lead", "upsert_leads", "search_leads", "get_lead"], tools
    assert told.startswith("Created Dana Whitfield."), told
    async with httpx2.AsyncClient(headers=await token("reader", "leads:read", server, issuer)) as http:
        tools, told = await talk(http, server)
    assert tools == ["search_leads", "get_lead"], tools
    assert told.startswith("Nothing was sent: your access token lacks the scope leads:write"), told
    other = await token("agent", "leads:read leads:write", "https://other.example.com/mcp", issuer)
    async with httpx2.AsyncClient(headers=other) as http:
        answer = await http.post(server, json={})
    assert answer.status_code == 401, answer.status_code
    sys.stdout.write("the issuer's clients: all well\n")


if __name__ == "__main__":
    issuer_url, server_url = sys.argv[1:]
    anyio.run(main, issuer_url, server_url)
