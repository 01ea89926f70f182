"""The tools of this server, in the order in which `tools/list` shows them."""

from typing import Any

from rotor_mcp.tools.get_lead import GET_LEAD
from rotor_mcp.tools.search_leads import SEARCH_LEADS
from rotor_mcp.tools.tool import Tool
from rotor_mcp.tools.upsert_lead import UPSERT_LEAD
from rotor_mcp.tools.upsert_leads import UPSERT_LEADS

TOOLS: dict[str, Tool[Any, Any]] = {
    tool.name: tool for tool in (UPSERT_LEAD, UPSERT_LEADS, SEARCH_LEADS, GET_LEAD)
}
