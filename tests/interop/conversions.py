"""Convert the definitions of the tools as two consumers do before they show them to a model.

    python tests/interop/conversions.py COMMAND…

starts the server, lists its tools, and converts each input schema with google-genai, as for Gemini's API, and
with OpenAI's strict conversion. Nothing may be refused, and no argument, type or choice may get lost.
"""

import sys
from copy import deepcopy
from typing import Any

import anyio
from agents.strict_schema import ensure_strict_json_schema
from google.genai._mcp_utils import mcp_to_gemini_tool
from mcp import Client, StdioServerParameters


def main() -> None:
    for tool in anyio.run(_listed, sys.argv[1:]):
        schema = tool.input_schema
        (function,) = mcp_to_gemini_tool(tool).function_declarations
        gemini = function.parameters.model_dump(mode="json", exclude_none=True)
        _check(f"{tool.name} for Gemini", schema, gemini)
        _check(f"{tool.name}, strict", schema, ensure_strict_json_schema(deepcopy(schema)))
        sys.stdout.write(f"{tool.name}: {len(schema['properties'])} arguments survive both conversions\n")


async def _listed(command: list[str]) -> list[Any]:
    async with Client(StdioServerParameters(command=command[0], args=command[1:])) as client:
        return (await client.list_tools()).tools


def _check(where: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    kind = before["type"]
    if str(after["type"]).lower() != kind:
        raise SystemExit(f"{where}: {kind} became {after['type']}")
    if before.get("enum") != after.get("enum"):
        raise SystemExit(f"{where}: the choices {before.get('enum')} became {after.get('enum')}")
    if kind == "array":
        _check(f"{where}[]", before["items"], after["items"])
    if kind == "object":
        if not before["properties"] or before["properties"].keys() != after["properties"].keys():
            raise SystemExit(f"{where}: {sorted(before['properties'])} became {sorted(after['properties'])}")
        for name, part in before["properties"].items():
            _check(f"{where}.{name}", part, after["properties"][name])


if __name__ == "__main__":
    main()
