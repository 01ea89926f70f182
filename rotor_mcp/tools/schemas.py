"""Derives the tool definitions from the tools and their models.

They are stored in `definitions.json`, which the server reads without loading models. A test compares the
two, and `pytest -n 0 --inline-snapshot=fix` writes the file again.

Keywords that cost tokens and carry no information are omitted: titles, `null` beside a type (unknown fields
are omitted), references to definitions that are used once.
"""

from collections.abc import Set
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from rotor_mcp.leads.requests import UpsertRequest
from rotor_mcp.tools.tool import Tool
from rotor_mcp.tools.upsert_leads import UpsertLeadsArguments

ALWAYS_LOAD = "anthropic/alwaysLoad"
"""The key in a tool's `_meta` that exempts it from the tool search of Claude Code, which otherwise shows a
model the names of tools only (Claude Code's documentation of MCP, "Scale with MCP tool search"). No model
sees `_meta`."""


class _SlimJsonSchema(GenerateJsonSchema):
    """pydantic's generator, without titles, `null` alternatives, empty defaults, and docstrings of models."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's signature
        return False

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        slim = super().default_schema(schema)
        if not slim.get("default"):
            slim.pop("default", None)
        return slim

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        return _untitled(super().model_schema(schema))

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> JsonSchemaValue:
        return _untitled(super().dataclass_schema(schema))


def _untitled(schema: JsonSchemaValue) -> JsonSchemaValue:
    return {word: value for word, value in schema.items() if word not in ("title", "description")}


def definition(tool: Tool[Any, Any]) -> dict[str, Any]:
    """Return the definition of a tool for `tools/list`."""
    return {
        "name": tool.name,
        "title": tool.title,
        "description": tool.description,
        "inputSchema": _input_schema(tool.arguments),
        "outputSchema": _output_schema(tool.result),
        "annotations": {
            "readOnlyHint": tool.read_only,
            "destructiveHint": not tool.read_only,  # with an id, a write may replace what is there
            "idempotentHint": True,
            "openWorldHint": True,
        },
        **({"_meta": {ALWAYS_LOAD: True}} if tool.always_load else {}),
    }


PORTABLE = frozenset(
    {"type", "description", "enum", "items", "properties", "minimum", "maximum", "required", "default"}
)
"""JSON schema keywords that all consumers of input schemas accept: the APIs of Gemini and OpenAI, llama.cpp,
and schema converters. A keyword that a consumer rejects removes all tools from its request. Formats and
lengths are validated in each call, whatever the schema says."""


def _input_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return the schema of a tool's arguments."""
    schema = _only(PORTABLE, model.model_json_schema(schema_generator=_SlimJsonSchema))
    for argument in schema["properties"].values():
        if argument.get("minimum") == 0 and "maximum" not in argument:
            del argument["minimum"]  # nobody gives a negative amount
    if model is UpsertLeadsArguments:
        # The descriptions of the fields are in the schema of upsert_lead.
        row = _only(PORTABLE - {"description", "enum"}, _input_schema(UpsertRequest))
        del row["properties"]["dry_run"]  # an argument for all rows
        schema["properties"]["rows"]["items"] = row
    return schema


def _only(words: Set[str], schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema with only these keywords, recursively."""
    slim = {word: value for word, value in schema.items() if word in words}
    if "properties" in slim:
        slim["properties"] = {name: _only(words, part) for name, part in slim["properties"].items()}
    if "items" in slim:
        slim["items"] = _only(words, slim["items"])
    return slim


def _output_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return the schema of a tool's result, with names and types only.

    Limits and descriptions are in the input schema, and values stored in Rotor may exceed the limits. The
    items of a list are clear from its name.
    """
    schema = model.model_json_schema(schema_generator=_SlimJsonSchema)
    definitions = schema.pop("$defs", {})
    return _names_and_types(schema, definitions)


_STRUCTURE = ("type", "properties", "required")


def _names_and_types(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    if reference := schema.get("$ref"):
        return _names_and_types(definitions[reference.removeprefix("#/$defs/")], definitions)
    slim = {word: schema[word] for word in _STRUCTURE if word in schema}
    if "properties" in slim:
        slim["properties"] = {
            name: _names_and_types(part, definitions) for name, part in slim["properties"].items()
        }
    return slim
