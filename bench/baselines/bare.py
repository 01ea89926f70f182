"""A server written with the SDK alone: the API's arguments go in, the API's JSON comes out.

`python bare.py` serves on standard input and output, `python bare.py PORT` over HTTP.
"""

import logging
import os
import sys
from typing import Annotated, Any, Literal

import httpx2
from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

server = MCPServer("Rotor", instructions="Leads of a field-service company in the CRM Rotor.")
http = httpx2.AsyncClient(
    base_url=os.environ["ROTOR_BASE_URL"] + "/",
    headers={"x-api-key": os.environ["ROTOR_API_KEY"], "rotor-api-version": "1.1.0"},
    timeout=25,
)


async def asked(method: str, path: str, **content: Any) -> dict[str, Any]:
    """The API's JSON, or an error with its words."""
    try:
        response = await http.request(method, path, **content)
    except httpx2.HTTPError as exc:
        raise ToolError(f"No answer from Rotor: {exc!r}") from exc
    if response.is_error:
        raise ToolError(response.text)
    answer: dict[str, Any] = response.json()
    return answer


@server.tool()
async def upsert_lead(
    id: Annotated[str | None, Field(description="UUID of the lead to update")] = None,  # noqa: A002
    name: Annotated[str | None, Field(description="Full name")] = None,
    phone: Annotated[str | None, Field(description="Phone number")] = None,
    email: Annotated[str | None, Field(description="E-mail address")] = None,
    address_street1: Annotated[str | None, Field(description="Street and number")] = None,
    address_street2: Annotated[str | None, Field(description="Flat or unit")] = None,
    address_city: Annotated[str | None, Field(description="City")] = None,
    address_state: Annotated[str | None, Field(description="State or province")] = None,
    address_zip: Annotated[str | None, Field(description="Postal code")] = None,
    address_country: Annotated[str | None, Field(description="Country")] = None,
    source: Annotated[str | None, Field(description="Where the lead came from")] = None,
    stage: Annotated[str | None, Field(description="Stage of the pipeline")] = None,
    service_type: Annotated[str | None, Field(description="Service asked for, up to 100 characters")] = None,
    priority: Annotated[Literal["low", "medium", "high"] | None, Field(description="Priority")] = None,
    projected_value: Annotated[float | None, Field(description="Expected value")] = None,
    follow_up_date: Annotated[str | None, Field(description="Follow-up, RFC 3339")] = None,
    notes: Annotated[str | None, Field(description="Notes, up to 2,000 characters")] = None,
    tags: Annotated[list[str] | None, Field(description="Tags to add")] = None,
) -> dict[str, Any]:
    """Create a lead, or update the one with this id, phone or e-mail."""
    body = {name: value for name, value in locals().items() if value is not None}
    return await asked("POST", "leads", json=body)


@server.tool()
async def search_leads(
    search: Annotated[str | None, Field(description="Text in name, e-mail or phone")] = None,
    stage: Annotated[str | None, Field(description="Only this stage")] = None,
    tags: Annotated[str | None, Field(description="Any of these tags, separated by commas")] = None,
    archived: Annotated[bool, Field(description="Include archived leads")] = False,
    limit: Annotated[int, Field(ge=1, le=1000, description="Leads per page")] = 20,
    page: Annotated[int, Field(ge=1, description="Page, from 1")] = 1,
) -> dict[str, Any]:
    """List leads, newest first."""
    query = {name: value for name, value in locals().items() if value is not None}
    query["archived"] = "true" if archived else "false"
    return await asked("GET", "leads", params=query)


@server.tool()
async def get_lead(id: Annotated[str, Field(description="UUID of the lead")]) -> dict[str, Any]:  # noqa: A002
    """Read one lead."""
    return await asked("GET", f"leads/{id}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        logging.basicConfig(level=logging.WARNING)  # a line for each request would be measured, too
        server.run("streamable-http", port=int(sys.argv[1]), stateless_http=True)
    else:
        server.run()
